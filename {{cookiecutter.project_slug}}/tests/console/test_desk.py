"""The agent's desk: what it shows, what it answers to htmx, and who may sit at it."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from django_twilio_call.console import fragments
from django_twilio_call.constants import AgentStatus
from django_twilio_call.models import (
    Agent,
    AgentReason,
    AgentStateSpan,
    Call,
    CallOutcome,
    Disposition,
    Queue,
    QueueEntry,
    Reservation,
)
from django_twilio_call.services import AgentService, RoutingService
from tests.conftest import make_agent
from tests.fakes import Twilio, call_sid
from tests.switch import Switch
from tests.webhooks.test_recordings import tell
from tests.webhooks.test_walk import conference_end, connected, enqueue

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
ACTS = ("/desk/state/", "/desk/accept/1/", "/desk/decline/1/", "/desk/hangup/", "/desk/outcome/")


def text(client: Client, path: str = "/desk/live/") -> str:
    return client.get(path, headers=HTMX).content.decode()


def act(client: Client, path: str, **form: str) -> str:
    """What the page shows after a button is pressed."""
    answer = client.post(f"/desk/{path}", form, headers=HTMX, follow=True)
    assert answer.redirect_chain == [("/desk/live/", 302)]
    return answer.content.decode()


def test_strangers_are_sent_to_the_login_and_come_back() -> None:
    answer = Client().get("/desk/")

    assert answer.headers["Location"] == "/accounts/login/?next=/desk/"


@pytest.mark.parametrize("path", ACTS)
def test_strangers_can_do_nothing(path: str) -> None:
    assert Client().post(path).headers["Location"] == "/accounts/login/?next=/desk/"


def test_a_desk_whose_session_ended_reloads_as_a_whole() -> None:
    assert Client().get("/desk/live/", headers=HTMX).headers["HX-Refresh"] == "true"


def is_renewed(client: Client, path: str, **form: str) -> bool:
    """Whether a session that began long ago lasts longer after this."""
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=5))
    client.post(path, form, headers=HTMX) if form else client.get(path, headers=HTMX)
    return Session.objects.get().expire_date > timezone.now() + timedelta(hours=1)


def test_a_session_lasts_while_somebody_works(at_desk: Client, agent: Agent) -> None:
    assert is_renewed(at_desk, "/desk/state/", state=AgentStatus.LUNCH)
    assert is_renewed(at_desk, "/desk/note/", note="wants a red one")
    assert is_renewed(at_desk, "/desk/recording/pause/", resume="1")
    assert not is_renewed(at_desk, "/desk/live/")


def test_a_long_call_keeps_the_session_with_a_write_now_and_then(twilio: Twilio, at_desk: Client, agent: Agent) -> None:
    connected(twilio)

    assert is_renewed(at_desk, "/desk/live/")
    assert not is_renewed(at_desk, "/desk/live/")

    session = at_desk.session
    session[fragments.AT_WORK] -= 4000
    session.save()
    assert is_renewed(at_desk, "/desk/live/")


def test_a_user_who_is_no_agent_is_told_so(admin_client: Client) -> None:
    answer = admin_client.get("/desk/")

    assert answer.status_code == 403
    assert "is not an agent" in answer.content.decode()
    assert admin_client.post("/desk/hangup/").status_code == 403


def test_an_act_without_a_csrf_token_is_refused(agent: Agent) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(agent.user)

    assert client.post("/desk/state/", {"state": "lunch"}).status_code == 403


@pytest.mark.parametrize("path", ACTS)
def test_acts_are_not_links(at_desk: Client, path: str) -> None:
    assert at_desk.get(path).status_code == 405


def test_an_available_agent_waits_for_a_call(at_desk: Client) -> None:
    assert "Ready for the next call" in text(at_desk, "/desk/")


def test_a_choice_is_shown_and_kept(at_desk: Client, agent: Agent) -> None:
    shown = act(at_desk, "state/", state=AgentStatus.LUNCH)

    assert 'value="lunch" aria-pressed="true" disabled' in shown
    assert AgentStateSpan.objects.current().get(agent=agent).state == AgentStatus.LUNCH


def test_an_offer_shows_caller_queue_and_time_left(at_desk: Client, offered: Reservation) -> None:
    shown = text(at_desk)

    assert 'data-phase="offer"' in shown
    assert "+1 415 555 0100" in shown
    assert "Support" in shown
    assert f'data-until="{offered.expires_at.timestamp():.0f}"' in shown


def test_an_accepted_offer_becomes_the_call(at_desk: Client, offered: Reservation) -> None:
    shown = act(at_desk, f"accept/{offered.pk}/")

    assert f'data-phase="call" data-reservation="{offered.pk}"' in shown
    assert 'data-connected="no"' in shown


def test_a_caller_who_got_through_is_shown_as_connected(at_desk: Client, offered: Reservation) -> None:
    AgentService().accept(reservation_id=offered.pk, agent_id=offered.agent_id, now=timezone.now())
    QueueEntry.objects.update(answered_at=timezone.now())

    assert 'data-connected="yes"' in text(at_desk)


def test_nobody_can_be_asked_first_where_that_is_switched_off(
    at_desk: Client, twilio: Twilio, agent: Agent, settings: Settings
) -> None:
    switch = Switch(twilio)
    switch.ring()
    switch.work()
    switch.take(Reservation.objects.get())
    switch.work()
    assert "Ask first" in text(at_desk)

    settings.DJANGO_TWILIO_ENABLE_CONFERENCE = False

    shown = text(at_desk)
    assert "Ask first" not in shown
    assert "Send over" in shown


def test_a_declined_offer_leaves_the_agent_on_a_break(at_desk: Client, offered: Reservation) -> None:
    assert "No calls come to you now" in act(at_desk, f"decline/{offered.pk}/")


def test_hanging_up_before_the_phone_joined_gives_the_caller_back(at_desk: Client, offered: Reservation) -> None:
    act(at_desk, f"accept/{offered.pk}/")

    shown = act(at_desk, "hangup/")

    assert "Hanging up" in shown
    assert QueueEntry.objects.get().state == "waiting"


def test_wrap_up_counts_down_and_can_be_ended(at_desk: Client, agent: Agent) -> None:
    now = timezone.now()
    AgentStateSpan.objects.move(
        agent_id=agent.pk, to=AgentStatus.WRAP_UP, now=now, expires_at=now + timedelta(seconds=20)
    )

    assert "Available again in" in text(at_desk)
    assert "Ready for the next call" in act(at_desk, "state/", state=AgentStatus.AVAILABLE)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("accept/999/", "This caller is no longer offered to you."),
        ("decline/999/", "This caller is no longer offered to you."),
        ("hangup/", "There is no call to hang up."),
    ],
)
def test_a_refusal_is_told(at_desk: Client, path: str, told: str) -> None:
    assert told in act(at_desk, path)


def test_a_state_cannot_be_changed_while_an_offer_decides_it(at_desk: Client, offered: Reservation) -> None:
    shown = act(at_desk, "state/", state=AgentStatus.LUNCH)

    assert "Your state was not changed." in shown
    assert "is reserved and cannot become lunch" in shown
    assert "You can change it once the call is over." in shown


def test_an_unknown_state_is_refused(at_desk: Client) -> None:
    assert "Your state was not changed." in act(at_desk, "state/", state="asleep")


def test_somebody_elses_offer_cannot_be_taken(offered: Reservation) -> None:
    other = Client()
    other.force_login(make_agent("grace").user)

    assert "no longer offered to you" in act(other, f"accept/{offered.pk}/")
    assert 'data-phase="offer"' not in text(other)


def test_without_javascript_an_act_leads_back_to_the_page(at_desk: Client) -> None:
    answer = at_desk.post("/desk/hangup/", follow=True)

    assert answer.redirect_chain == [("/desk/", 302)]
    assert "There is no call to hang up." in answer.content.decode()


def test_a_desk_that_is_up_to_date_is_left_alone(at_desk: Client, offered: Reservation) -> None:
    version = at_desk.get("/desk/").context["version"]

    unchanged = at_desk.get("/desk/live/", {"v": version}, headers=HTMX)
    AgentService().accept(reservation_id=offered.pk, agent_id=offered.agent_id, now=timezone.now())
    changed = at_desk.get("/desk/live/", {"v": version}, headers=HTMX)

    assert (unchanged.status_code, changed.status_code) == (204, 200)


def test_the_fragment_is_no_page(at_desk: Client) -> None:
    assert "<html" in text(at_desk, "/desk/")
    assert "<html" not in text(at_desk)


def test_names_and_numbers_are_escaped(at_desk: Client, agent: Agent, offered: Reservation) -> None:
    Agent.objects.update(name="<b>Ada</b>")
    offered.entry.queue.name, offered.entry.call.from_number = "<script>", "<img>"
    offered.entry.queue.save()
    offered.entry.call.save()

    shown = text(at_desk, "/desk/")

    assert "&lt;b&gt;Ada" in shown
    assert not any(tag in shown for tag in ("<b>", "<script>", "<img>"))


def test_the_desk_knows_the_simulators_phone(at_desk: Client, settings: Settings) -> None:
    settings.TWILIO_BACKEND, settings.TWILIO_API_BASE_URL = "simulator", "http://sim.test:9100"

    shown = text(at_desk, "/desk/")

    assert 'data-simulator="http://sim.test:9100"' in shown
    assert 'data-sdk=""' in shown
    assert "No phone is connected" not in shown


@pytest.mark.parametrize("fetched", [True, False], ids=["with assets", "without"])
def test_the_desk_knows_twilios_phone(at_desk: Client, settings: Settings, tmp_path: Path, fetched: bool) -> None:
    settings.TWILIO_BACKEND = "twilio"
    settings.STATICFILES_DIRS = [tmp_path]
    if fetched:
        (tmp_path / "vendor/twilio-voice").mkdir(parents=True)
        (tmp_path / "vendor/twilio-voice/twilio.min.js").write_text("")

    shown = text(at_desk, "/desk/")

    assert 'data-simulator=""' in shown
    assert ('src="/static/vendor/twilio-voice/twilio.min.js"' in shown) is fetched
    assert ("No phone is connected to this page" in shown) is not fetched


def test_a_phone_is_told_what_it_has_no_token_for(at_desk: Client, settings: Settings) -> None:
    settings.TWILIO_API_KEY = settings.TWILIO_API_SECRET = settings.TWILIO_TWIML_APP_SID = ""

    answer = at_desk.post("/desk/token/")

    assert answer.status_code == 503
    assert "TWILIO_API_KEY, TWILIO_API_SECRET, TWILIO_TWIML_APP_SID" in answer.json()["message"]


def test_a_phones_token_is_the_agents_own_and_lasts_an_hour(at_desk: Client, agent: Agent, settings: Settings) -> None:
    settings.TWILIO_API_KEY, settings.TWILIO_API_SECRET = "SK" + "1" * 32, "x" * 32
    settings.TWILIO_TWIML_APP_SID = "AP" + "2" * 32

    answer = at_desk.post("/desk/token/").json()

    _, payload, _ = answer["token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["grants"]["identity"] == agent.identity
    assert claims["grants"]["voice"]["outgoing"]["application_sid"] == "AP" + "2" * 32
    assert 3500 < claims["exp"] - time.time() <= 3600


def test_a_tab_that_froze_is_away_at_once_and_told_so(at_desk: Client, agent: Agent) -> None:
    assert at_desk.post("/desk/presence/", {"event": "hidden"}).status_code == 204
    assert AgentStateSpan.objects.current().get(agent=agent).state == AgentStatus.AVAILABLE

    at_desk.post("/desk/presence/", {"event": "freeze"})

    assert AgentStateSpan.objects.current().get(agent=agent).state == AgentStatus.OFFLINE
    assert Agent.objects.get().frozen_at is not None
    at_desk.post("/desk/presence/", {"event": "resume"})
    assert Agent.objects.get().frozen_at is None
    assert "This page was not heard of for a while" in text(at_desk)


def test_a_tab_says_nothing_else_of_itself(at_desk: Client) -> None:
    assert at_desk.post("/desk/presence/", {"event": "<b>"}).status_code == 400


def test_an_offer_shows_earlier_calls_of_the_same_number(
    twilio: Twilio, at_desk: Client, agent: Agent, queue: Queue
) -> None:
    Disposition.objects.create(queue=queue, code="sold", label="Sold")
    conference_end(twilio, connected(twilio))
    act(at_desk, "outcome/", code="sold", note="wants a <red> one")
    act(at_desk, "state/", state=AgentStatus.AVAILABLE)

    enqueue(twilio, call_sid(9))
    RoutingService().route(now=timezone.now())

    shown = text(at_desk)
    assert "Earlier calls" in shown
    assert "wants a &lt;red&gt; one" in shown
    assert "sold" in shown


def test_an_offer_of_a_withheld_number_shows_no_calls_of_others_who_withhold_theirs(
    twilio: Twilio, at_desk: Client, agent: Agent
) -> None:
    conference_end(twilio, connected(twilio))
    act(at_desk, "state/", state=AgentStatus.AVAILABLE)
    enqueue(twilio, call_sid(9))
    Call.objects.update(from_number="+266696687")
    RoutingService().route(now=timezone.now())

    assert "Earlier calls" not in text(at_desk)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("hold/", "The caller was not put on hold."),
        ("mute/", "Your microphone was left as it is."),
        ("transfer/", "The caller stays with you."),
        ("complete/", "The transfer was not completed."),
        ("take-back/", "The caller was not taken back."),
    ],
)
def test_what_needs_a_conversation_is_refused_without_one(at_desk: Client, path: str, told: str) -> None:
    assert told in act(at_desk, path, to="queue:support", how="send")


@pytest.mark.parametrize("second_factor", ["optional", "required"])
def test_a_poll_costs_two_queries_for_the_user_and_four_for_the_desk(
    at_desk: Client,
    offered: Reservation,
    django_assert_num_queries: DjangoAssertNumQueries,
    settings: Settings,
    second_factor: str,
) -> None:
    settings.DJANGO_TWILIO_SECOND_FACTOR = second_factor
    text(at_desk)  # the first sign of life of a desk is written down, and whether its agent owes a second factor

    # session, user, agent; agent, state, offer, earlier calls; and the reasons, which the cache keeps elsewhere
    with django_assert_num_queries(8):
        text(at_desk)


def test_a_recording_costs_a_poll_nothing_and_a_desk_that_is_drawn_one_query(
    at_desk: Client, twilio: Twilio, agent: Agent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    reservation = connected(twilio)
    text(at_desk)  # the session of an agent in a call is made to last
    version = at_desk.get("/desk/").context["version"]
    with CaptureQueriesContext(connection) as polled:
        assert at_desk.get("/desk/live/", {"v": version}, headers=HTMX).status_code == 204
    cost = len(polled)

    with django_assert_num_queries(cost + 1):
        assert "Pause recording" not in text(at_desk)
    tell(twilio, reservation)
    with django_assert_num_queries(cost + 1):
        assert "Pause recording" in text(at_desk)
    with django_assert_num_queries(cost):
        at_desk.get("/desk/live/", {"v": version}, headers=HTMX)


def test_reasons_of_the_catalogue_can_be_pressed(at_desk: Client, agent: Agent) -> None:
    AgentReason.objects.create(state=AgentStatus.ON_BREAK, name="Coffee")

    assert 'value="on_break:Coffee"' in text(at_desk)
    act(at_desk, "state/", state="on_break:Coffee")
    assert AgentStateSpan.objects.current().get(agent=agent).reason == "Coffee"


def test_a_break_counts_down_and_then_how_much_it_is_over(at_desk: Client, agent: Agent) -> None:
    AgentStateSpan.objects.update(state=AgentStatus.LUNCH, started_at=timezone.now() - timedelta(minutes=29))
    assert "Planned for another" in text(at_desk)

    AgentStateSpan.objects.update(started_at=timezone.now() - timedelta(minutes=33))
    assert "Longer than planned, by" in text(at_desk)
    assert ">3:0" in text(at_desk)


def test_an_agent_whose_state_the_server_changed_is_told_why(at_desk: Client) -> None:
    AgentStateSpan.objects.update(state=AgentStatus.OFFLINE, reason="no answer")

    assert "The last call rang here until it was given to others." in text(at_desk)


def test_an_open_desk_lives_and_a_silent_one_does_not(at_desk: Client, agent: Agent) -> None:
    text(at_desk)
    agent.refresh_from_db()
    assert agent.heard_at is not None

    RoutingService().sweep(now=agent.heard_at + timedelta(seconds=91))

    assert AgentStateSpan.objects.current().get(agent=agent).reason == "away"
    assert "This page was not heard of for a while" in text(at_desk)


def test_wrapping_up_an_agent_says_how_the_call_ended(twilio: Twilio, at_desk: Client, queue: Queue) -> None:
    Disposition.objects.create(queue=queue, code="sold", label="Sold <it>")
    conference_end(twilio, connected(twilio))
    assert "Sold &lt;it&gt;" in text(at_desk)

    shown = act(at_desk, "outcome/", code="sold", note="two & three")

    assert 'value="sold" aria-pressed="true"' in shown
    assert "two &amp; three</textarea>" in shown


@pytest.mark.parametrize("pressed", [AgentStatus.AVAILABLE, AgentStatus.ON_BREAK])
def test_leaving_wrap_up_takes_the_note_along(twilio: Twilio, at_desk: Client, queue: Queue, pressed: str) -> None:
    conference_end(twilio, connected(twilio))
    assert text(at_desk).count('hx-include="#note"') == 2

    act(at_desk, "state/", state=pressed, note="wants a red one")

    assert CallOutcome.objects.get().note == "wants a red one"
    assert AgentStateSpan.objects.current().get().state == pressed


def test_a_note_is_kept_while_it_is_typed_and_swaps_nothing(twilio: Twilio, at_desk: Client, queue: Queue) -> None:
    conference_end(twilio, connected(twilio))
    version = at_desk.get("/desk/").context["version"]

    assert at_desk.post("/desk/note/", {"note": "wants a"}, headers=HTMX).status_code == 204

    assert at_desk.get("/desk/live/", {"v": version}, headers=HTMX).status_code == 204
    assert "wants a</textarea>" in text(at_desk)


def test_a_note_that_comes_too_late_is_shown_once_more(at_desk: Client, agent: Agent) -> None:
    at_desk.post("/desk/note/", {"note": "wants a <red> one"}, headers=HTMX)

    assert "was not written down. (wants a &lt;red&gt; one)" in text(at_desk)
    assert "(wants" not in act(at_desk, "state/", state=AgentStatus.LUNCH, note="")
