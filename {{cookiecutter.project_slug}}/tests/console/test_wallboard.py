"""The wallboard: what it shows, to whom, and at what cost."""

from __future__ import annotations

import gzip
import re
from copy import copy
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import get_language
from pytest_django import Settings

from django_twilio_call.console import wallboard
from django_twilio_call.constants import AgentStatus
from django_twilio_call.models import Agent, Queue, QueueEntry, QueueInterval, Reservation, interval_of
from tests.conftest import make_agent
from tests.services.test_intervals import visit
from tests.services.test_routing import waiting

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def text(client: Client, path: str = "/live/") -> str:
    answer = client.get(path, headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


def test_strangers_are_sent_to_the_login() -> None:
    assert Client().get("/").headers["Location"] == "/accounts/login/?next=/"
    assert Client().get("/live/", headers=HTMX).headers["HX-Refresh"] == "true"


def test_any_user_sees_it(client: Client) -> None:
    client.force_login(get_user_model().objects.create(username="auditor"))

    assert "Service level today" in text(client, "/")


def test_switched_off_it_says_so_and_does_not_poll(admin_client: Client, settings: Settings) -> None:
    text(admin_client, "/")  # with a ticket from now on
    settings.DJANGO_TWILIO_ENABLE_REAL_TIME_METRICS = False

    shown = text(admin_client, "/")

    assert "What goes on now is not shown here" in shown
    assert "Service level today" not in shown
    assert "/live/?v=" not in shown.replace("/supervise/live/?v=", "")
    assert admin_client.get("/live/", headers=HTMX).headers["HX-Refresh"] == "true"


def test_supervisors_have_no_panel_where_that_is_switched_off(admin_client: Client, settings: Settings) -> None:
    assert 'id="supervise"' in text(admin_client, "/")

    settings.DJANGO_TWILIO_ENABLE_CONFERENCE = False

    assert 'id="supervise"' not in text(admin_client, "/")


def test_an_empty_call_center_says_what_to_do(admin_client: Client) -> None:
    shown = text(admin_client)

    assert "No queues yet." in shown
    assert "No agents yet." in shown


def test_agents_stand_under_their_state(admin_client: Client, agent: Agent, queue: Queue) -> None:
    make_agent("grace", queue, state=AgentStatus.WRAP_UP)

    shown = text(admin_client)

    assert shown.index("Available") < shown.index("Ada") < shown.index("Wrap-up") < shown.index("Grace")


def test_who_is_away_for_longer_than_planned_is_marked(admin_client: Client, queue: Queue) -> None:
    now = timezone.now()
    make_agent("grace", queue, state=AgentStatus.LUNCH, since=now - timedelta(minutes=29))
    assert "longer than planned" not in text(admin_client)

    cache.clear()
    wallboard.forget()
    make_agent("hedy", queue, state=AgentStatus.LUNCH, since=now - timedelta(minutes=31))
    assert text(admin_client).count("longer than planned") == 1


def test_a_waiting_caller_is_counted_with_the_formula_beside_the_level(
    admin_client: Client, offered: Reservation
) -> None:
    shown = text(admin_client)

    assert '<p class="figure">1</p>' in shown
    assert "caller in line" in shown
    assert "÷" in shown


@pytest.mark.parametrize(("waited", "told"), [(9, None), (30, ">over<"), (50, ">far over<")])
def test_a_wait_over_the_threshold_is_said_in_words(
    admin_client: Client, queue: Queue, waited: int, told: str | None
) -> None:
    Queue.objects.update(service_level_threshold=20)
    waiting(queue, 1, timezone.now() - timedelta(seconds=waited))

    shown = text(admin_client)

    assert [each for each in (">over<", ">far over<") if each in shown] == ([told] if told else [])


def test_the_fragment_is_no_page(admin_client: Client) -> None:
    assert "<html" in text(admin_client, "/")
    assert "<html" not in text(admin_client)


def test_a_board_that_is_up_to_date_is_left_alone(admin_client: Client) -> None:
    version = admin_client.get("/").context["version"]

    assert admin_client.get("/live/", {"v": version}, headers=HTMX).status_code == 204
    assert admin_client.get("/live/", {"v": "older"}, headers=HTMX).status_code == 200


def test_names_are_escaped(admin_client: Client, queue: Queue) -> None:
    make_agent("<b>ada</b>", queue)
    Queue.objects.update(name="<script>alert(1)</script> שירות")

    shown = text(admin_client)

    assert "&lt;script&gt;alert(1)&lt;/script&gt; שירות" in shown
    assert "<script>" not in shown
    assert "<b>" not in shown.lower()


def test_a_second_viewer_costs_no_figures(admin_client: Client, agent: Agent) -> None:
    text(admin_client, "/")
    other = Client()
    other.force_login(get_user_model().objects.create(username="other"))

    with CaptureQueriesContext(connection) as queries:
        text(other)

    assert len(queries) == 2  # session and user


def test_a_board_that_polls_costs_nothing_at_all_and_writes_no_log(
    admin_client: Client, agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    first = text(admin_client)
    version = re.search(r"[?]v=(\w+)", first)
    assert version is not None
    caplog.clear()

    with CaptureQueriesContext(connection) as queries:
        again = admin_client.get("/live/", {"v": version[1]}, headers=HTMX)
        whole = admin_client.get("/live/", headers={**HTMX, "Accept-Encoding": "gzip, br"})

    assert (len(queries), len(caplog.records)) == (0, 0)
    assert (again.status_code, again.content, again.headers["Cache-Control"]) == (204, b"", "no-store")
    assert gzip.decompress(whole.content).decode() == first
    assert int(whole.headers["Content-Length"]) == len(whole.content) < len(first) / 2


def test_a_ticket_is_good_for_one_session_and_a_minute(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    text(admin_client)
    ticket = admin_client.cookies[wallboard.TICKET]
    assert (ticket["path"], ticket["httponly"], ticket["samesite"]) == ("/live/", True, "Lax")
    thief, forger = Client(), Client()
    thief.cookies[wallboard.TICKET] = ticket.value
    thief.cookies["sessionid"] = "another"
    forger.cookies = copy(admin_client.cookies)
    forger.cookies[wallboard.TICKET] = ticket.value[:-1] + "!"

    assert "HX-Refresh" in thief.get("/live/", headers=HTMX).headers
    with CaptureQueriesContext(connection) as queries:
        text(forger)
        monkeypatch.setattr(wallboard, "TICKET_SECONDS", -1)
        text(admin_client)
    assert len(queries) == 4  # session and user, twice


def test_who_has_signed_out_sees_no_more(admin_client: Client) -> None:
    text(admin_client)
    admin_client.post("/accounts/logout/")

    assert "HX-Refresh" in admin_client.get("/live/", headers=HTMX).headers


def test_the_board_is_drawn_again_after_a_second(admin_client: Client, queue: Queue) -> None:
    text(admin_client)
    make_agent("grace", queue)
    assert "Grace" not in text(admin_client)

    wallboard.forget()
    cache.clear()
    assert "Grace" in text(admin_client)


def test_calls_of_today_are_drawn(admin_client: Client, queue: Queue) -> None:
    assert 'aria-label="No calls"' in text(admin_client)
    at = timezone.localtime().replace(hour=0, minute=20)
    QueueInterval.objects.create(queue=queue, begins_at=interval_of(at), offered=9, answered=7, abandoned=2)

    wallboard.forget()
    cache.clear()
    assert "9 calls from 00:00 to 23:45, most at 00:15: 9" in text(admin_client)


def test_the_number_of_queries_does_not_grow_with_the_call_center(admin_client: Client, queue: Queue) -> None:
    def cost() -> int:
        cache.clear()
        wallboard.forget()
        with CaptureQueriesContext(connection) as queries:
            text(admin_client)
        return len(queries)

    text(admin_client)  # gives a ticket
    small = cost()
    for number in range(10):
        make_agent(f"agent{number}", queue, Queue.objects.create(key=f"q{number}", name=f"Queue {number}"))

    assert cost() == small == 8


def test_of_rows_the_board_reads_those_that_go_on_alone(admin_client: Client, queue: Queue) -> None:
    for number in range(5):
        visit(queue, timezone.now(), 5, "answered" if number else "abandoned")
    assert text(admin_client).count('data-label="Offered">5<') == 1

    QueueEntry.objects.update(is_counted=True)  # and no interval has them
    cache.clear()
    wallboard.forget()

    assert text(admin_client).count('data-label="Offered">0<') == 1


GERMAN = {"Accept-Language": "de"}


def test_a_board_is_in_the_language_of_who_looks_and_in_no_other(
    admin_client: Client, agent: Agent, german: None
) -> None:
    def says(path: str, **headers: str) -> set[str]:
        told = admin_client.get(path, headers={**HTMX, **headers}).content.decode()
        return {
            word for word in ("Longest wait", "Längste Wartezeit", "answered in time", "rechtzeitig") if word in told
        }

    english, of_german = {"Longest wait", "answered in time"}, {"Längste Wartezeit", "rechtzeitig"}
    for _ in range(2):  # drawn, then at hand
        assert says("/", **GERMAN) == says("/live/", **GERMAN) == of_german
        assert says("/") == says("/live/") == says("/live/", **{"Accept-Language": "fr"}) == english
    wallboard.forget()  # as another process, which has what all of them keep
    assert says("/live/") == english
    assert says("/live/", **GERMAN) == of_german


def test_a_poll_in_another_language_costs_no_query_and_is_answered_with_that_board(
    admin_client: Client, agent: Agent, german: None
) -> None:
    shown = {language: text_in(admin_client, language) for language in ("en", "de")}
    versions = {language: re.findall(r"[?]v=(\w+)", html)[0] for language, html in shown.items()}
    assert versions["en"] != versions["de"]

    with CaptureQueriesContext(connection) as queries:
        same = admin_client.get("/live/", {"v": versions["de"]}, headers={**HTMX, **GERMAN})
        other = admin_client.get("/live/", {"v": versions["en"]}, headers={**HTMX, **GERMAN, "Accept-Encoding": "gzip"})

    assert len(queries) == 0
    assert (same.status_code, gzip.decompress(other.content).decode()) == (204, shown["de"])
    assert "Accept-Language" in other.headers["Vary"]


def text_in(client: Client, language: str) -> str:
    return client.get("/live/", headers={**HTMX, "Accept-Language": language}).content.decode()


def test_what_a_poll_leaves_behind_is_the_language_of_nobody_else(
    admin_client: Client, agent: Agent, german: None
) -> None:
    text(admin_client)
    before = get_language()

    text_in(admin_client, "de")

    assert get_language() == before
