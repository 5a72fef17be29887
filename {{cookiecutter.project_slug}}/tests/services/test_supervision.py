"""Supervisors: they hear first and are heard only when they say so; one call at a time, every step written down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.console.fragments import AT_WORK
from django_twilio_call.constants import AgentStatus
from django_twilio_call.exceptions import BusinessLogicError, NotFound, ValidationError
from django_twilio_call.models import Agent, AuditEntry, Call, Reservation, Supervision
from django_twilio_call.services import AgentService, SettlingService, SupervisionService
from tests.conftest import make_agent
from tests.fakes import Twilio, call_sid
from tests.switch import CALLER, Switch

pytestmark = pytest.mark.django_db


@pytest.fixture
def switch(twilio: Twilio) -> Switch:
    return Switch(twilio)


@pytest.fixture
def talk(switch: Switch, agent: Agent) -> Reservation:
    switch.ring()
    switch.work()
    switch.take(Reservation.objects.get())
    switch.work()
    return Reservation.objects.get()


@pytest.fixture
def boss(db: None) -> Any:
    return get_user_model().objects.create_user("boss", password="x", is_superuser=True)


def come_in(switch: Switch, boss: Any, talk: Reservation) -> str:
    mine = SupervisionService().listen(user=boss, agent_id=talk.agent_id, now=timezone.now())
    sid = call_sid(500)
    switch.fetch(sid, "/twilio/agent/", From=f"client:supervisor_{boss.pk}", supervision=mine.pk)
    switch.work()
    return sid


def heard(switch: Switch, talk: Reservation, sid: str) -> tuple[str, str]:
    flags = switch.rooms[talk.conference].legs[sid]
    return flags["Muted"], flags["Coaching"]


def test_nobody_listens_where_that_is_switched_off(boss: Any, talk: Reservation, settings: Settings) -> None:
    settings.DJANGO_TWILIO_ENABLE_CONFERENCE = False

    with pytest.raises(BusinessLogicError, match="DJANGO_TWILIO_ENABLE_CONFERENCE"):
        SupervisionService().listen(user=boss, agent_id=talk.agent_id, now=timezone.now())


def test_a_supervisor_comes_in_muted_and_does_not_end_the_call(switch: Switch, boss: Any, talk: Reservation) -> None:
    sid = come_in(switch, boss, talk)

    assert heard(switch, talk, sid) == ("true", "true")
    switch.hang_up(sid)
    switch.work()
    assert len(switch.rooms[talk.conference].legs) == 2
    assert Supervision.objects.get().ended_at is not None


def test_each_step_is_an_act_of_its_own_and_written_down(switch: Switch, boss: Any, talk: Reservation) -> None:
    sid = come_in(switch, boss, talk)
    told = []
    for mode in ("whisper", "barge", "listen"):
        SupervisionService().change(user=boss, mode=mode, address="203.0.113.7", now=timezone.now())
        switch.work()
        told.append(heard(switch, talk, sid))
    SupervisionService().leave(user=boss, now=timezone.now())
    switch.work()

    assert told == [("false", "true"), ("false", "false"), ("true", "true")]
    acts = AuditEntry.objects.filter(action__startswith="supervise").order_by("pk")
    assert list(acts.values_list("action", "actor_name")) == [
        (f"supervise.{act}", "boss") for act in ("listen", "whisper", "barge", "listen", "leave")
    ]
    assert list(acts.values_list("address", flat=True)) == [None, *["203.0.113.7"] * 3, None]
    assert sid not in switch.where


def test_the_end_of_the_call_is_the_end_of_supervision(switch: Switch, boss: Any, talk: Reservation) -> None:
    come_in(switch, boss, talk)

    switch.hang_up(CALLER)
    switch.work()

    assert switch.where == {}
    assert SupervisionService().current(user=boss) is None


def test_a_phone_that_does_not_come_is_waited_for_no_longer(boss: Any, talk: Reservation) -> None:
    SupervisionService().listen(user=boss, agent_id=talk.agent_id, now=timezone.now())

    SettlingService().sweep(now=timezone.now() + timedelta(minutes=5))

    assert SupervisionService().current(user=boss) is None


def test_nobody_uses_anothers_permission(switch: Switch, boss: Any, talk: Reservation) -> None:
    mine = SupervisionService().listen(user=boss, agent_id=talk.agent_id, now=timezone.now())

    for identity in (f"supervisor_{boss.pk + 1}", "agent_1"):
        switch.fetch(call_sid(600), "/twilio/agent/", From=f"client:{identity}", supervision=mine.pk)

    assert call_sid(600) not in switch.where
    assert not Call.objects.filter(sid=call_sid(600), role="supervisor").exists()


def test_what_cannot_be_is_refused(boss: Any, talk: Reservation) -> None:
    service, now = SupervisionService(), timezone.now()
    with pytest.raises(BusinessLogicError, match="is on no call"):
        service.listen(user=boss, agent_id=0, now=now)
    with pytest.raises(NotFound, match="with no call"):
        service.leave(user=boss, now=now)
    with pytest.raises(ValidationError, match="mode 'shout' must be one of listen, whisper, barge"):
        service.change(user=boss, mode="shout", now=now)
    service.listen(user=boss, agent_id=talk.agent_id, now=now)
    with pytest.raises(BusinessLogicError, match="leave it first"):
        service.listen(user=boss, agent_id=talk.agent_id, now=now)
    with pytest.raises(BusinessLogicError, match="has not come into the call"):
        service.change(user=boss, mode="barge", now=now)
    assert AuditEntry.objects.filter(action="supervise.barge").count() == 0


def test_an_agent_who_could_be_called_does_not_listen_and_who_listens_is_not_called(talk: Reservation) -> None:
    lead = make_agent("lead")
    now = timezone.now()
    with pytest.raises(BusinessLogicError, match="take a break first"):
        SupervisionService().listen(user=lead.user, agent_id=talk.agent_id, now=now)

    AgentService().set_state(agent_id=lead.pk, state=AgentStatus.ON_BREAK, now=now)
    SupervisionService().listen(user=lead.user, agent_id=talk.agent_id, now=now)

    with pytest.raises(BusinessLogicError, match="leave the call you supervise"):
        AgentService().set_state(agent_id=lead.pk, state=AgentStatus.AVAILABLE, now=now)


def test_the_wallboard_has_the_panel_for_those_who_may(boss: Any, agent: Agent, talk: Reservation) -> None:
    client = Client()
    client.force_login(boss)

    assert "Listen to Ada" in client.get("/").content.decode()
    htmx = {"HX-Request": "true"}
    shown = client.post(f"/supervise/listen/{agent.pk}/", headers=htmx, follow=True).content.decode()
    assert "You listen to Ada. Nobody hears you." in shown
    assert f'data-join="supervision={Supervision.objects.get().pk}"' in shown
    assert AT_WORK in client.session  # which lasts from then on
    refused = client.post("/supervise/mode/", {"mode": "barge"}, headers=htmx, follow=True).content.decode()
    assert "That did not work: your phone has not come into the call yet" in refused
    assert "Nobody is on a call" not in client.post("/supervise/leave/", headers=htmx, follow=True).content.decode()

    acts = AuditEntry.objects.filter(action__startswith="supervise").values_list("action", "address")
    assert set(acts) == {("supervise.listen", "127.0.0.1"), ("supervise.leave", "127.0.0.1")}

    client.force_login(make_agent("hedy").user)
    assert "Supervise" not in client.get("/").content.decode()
