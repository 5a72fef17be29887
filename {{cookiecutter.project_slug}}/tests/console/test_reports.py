"""The reports: figures with their formulas, what was asked for, downloads that do no harm, and what they cost."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.console.charts import stacked
from django_twilio_call.console.downloads import safe
from django_twilio_call.console.reports import DOWNLOADS
from django_twilio_call.models import AgentStateSpan, Call, Queue, QueueEntry, QueueInterval, Reservation
from tests.conftest import NOW, make_agent
from tests.services.test_intervals import count_all, visit

pytestmark = pytest.mark.django_db


@pytest.fixture
def day(queue: Queue) -> date:
    """A day long over: three answered, two of them in time; one who gave up at once, and one later."""
    begin = NOW
    for state, waited in (("answered", 10), ("answered", 30), ("answered", 31), ("abandoned", 3), ("abandoned", 40)):
        visit(queue, begin, waited, state)
    count_all()
    return begin.date()


def shown(client: Client, **asked: object) -> str:
    answer = client.get("/reports/", {name: str(value) for name, value in asked.items()})
    assert answer.status_code == 200, answer.context["period"].errors
    return re.sub(r"\s+", " ", answer.content.decode())


def rows(client: Client, table: str, **asked: object) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(downloaded(client, table, **asked).getvalue().decode("utf-8-sig"))))


def downloaded(client: Client, table: str, **asked: object) -> Any:
    answer = client.get(f"/reports/{table}.csv", {name: str(value) for name, value in asked.items()})
    assert answer.streaming
    return answer


def test_figures_stand_beside_their_formulas(admin_client: Client, day: date) -> None:
    page = shown(admin_client, first=day, last=day)

    level = re.search(r'<h2>Service level</h2><p class="figure">([^<]*)</p><p class="note formula">([^<]*)</p>', page)
    assert level is not None
    assert level.groups() == ("50%", "answered in time ÷ (answered + abandoned − abandoned within 5 s)")
    assert "5 calls from 00:00 to 23:45, most at 09:30: 5" in page


def test_switches_change_figure_and_formula(admin_client: Client, day: date) -> None:
    page = shown(admin_client, first=day, last=day, abandoned="ignored")

    assert '<p class="figure">66.7%</p><p class="note formula">answered in time ÷ answered</p>' in page


def test_what_agents_are_needed_for_stands_apart_from_how_the_service_level_counts(
    admin_client: Client, day: date, queue: Queue
) -> None:
    Queue.objects.update(service_level_threshold=25)
    page = shown(admin_client, first=day, last=day)

    form, staffing = re.search(r"<form class=.panel asks.*?(?=<fieldset>)", page), re.search(r"<fieldset>.*?</f", page)
    assert form is not None
    assert staffing is not None
    assert re.findall(r'<(?:input|select)[^>]* name="(\w+)"', form[0]) == [
        "first", "last", "queue", "abandoned", "short", "overflowed",
    ]  # fmt: skip
    assert re.findall(r'<input[^>]* name="(\w+)"', staffing[0]) == ["target", "threshold", "shrinkage"]
    assert '<th scope="col">Threshold</th><th scope="col">Service level</th>' in page
    assert "<td>0:25</td><td>50%</td>" in page
    assert rows(admin_client, "queues", first=day, last=day)[0]["threshold_s"] == "25"


def test_the_bare_address_is_a_report_of_today(admin_client: Client, queue: Queue) -> None:
    assert "No calls" in shown(admin_client)


def test_days_are_drawn_where_there_are_several(admin_client: Client, day: date) -> None:
    page = shown(admin_client, first=day - timedelta(days=6), last=day)

    assert "5 calls from 24 Feb to 02 Mar, most at 02 Mar: 5" in page
    assert "Agents needed" not in page


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"first": "yesterday"}, "Enter a valid date"),
        ({"first": "2026-03-02", "last": "2026-03-01"}, "must be a period of 1 to 366 days"),
        ({"first": "0001-01-01", "last": "0001-01-01"}, "must be in the years"),
        ({"first": "9999-12-31", "last": "9999-12-31"}, "must be in the years"),
        ({"queue": "nobody"}, "Select a valid choice"),
        ({"abandoned": "never"}, "Select a valid choice"),
        ({"target": "100"}, "less than or equal to 99"),
        ({"shrinkage": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_said_where_it_was_asked(admin_client: Client, asked: dict[str, str], said: str) -> None:
    page, download = admin_client.get("/reports/", asked), admin_client.get("/reports/queues.csv", asked)

    assert (page.status_code, download.status_code) == (400, 400)
    assert said in page.content.decode()
    assert said in download.content.decode()


def test_switched_off_there_are_neither_reports_nor_downloads(admin_client: Client, settings: Settings) -> None:
    settings.DJANGO_TWILIO_ENABLE_ANALYTICS = False

    for path in ("", *(f"{name}.csv" for name in DOWNLOADS)):
        answer = admin_client.get(f"/reports/{path}")
        assert answer.status_code == 400, path
        assert "this is switched off: DJANGO_TWILIO_ENABLE_ANALYTICS" in answer.content.decode()


def test_downloads_have_the_same_figures_as_numbers(admin_client: Client, day: date) -> None:
    (queue,) = rows(admin_client, "queues", first=day, last=day)
    (interval,) = rows(admin_client, "intervals", first=day, last=day)

    assert (queue["queue"], queue["offered"], queue["service_level_percent"]) == ("Support", "5", "50.0")
    assert queue["handle_time_s"] == ""
    assert (interval["begins_at"], interval["answer_wait_ms"]) == ("2026-03-02T09:30:00+00:00", "71000")
    assert admin_client.get("/reports/everything.csv").status_code == 404


def test_a_german_reads_german_figures_and_downloads_what_everybody_does(
    admin_client: Client, day: date, german: None
) -> None:
    english = downloaded(admin_client, "queues", first=day, last=day).getvalue()
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"

    page = shown(admin_client, first=day - timedelta(days=6), last=day)

    assert "rechtzeitig angenommen ÷ (angenommen + abgebrochen − binnen 5 s abgebrochen)" in page
    assert "5 Anrufe von 24. Feb bis 2. Mär, Höchstwert bei 2. Mär: 5" in page
    assert "24. Februar 2026 bis 2. März 2026" in page
    assert downloaded(admin_client, "queues", first=day, last=day).getvalue() == english
    told = admin_client.get("/api/analytics/").json()
    assert told["service_level_formula"].startswith("answered in time ÷")


def test_a_download_begins_so_that_a_spreadsheet_reads_it_right(admin_client: Client, day: date, queue: Queue) -> None:
    Queue.objects.update(name='=HYPERLINK("http://x.example","Grüße")')
    make_agent("@sum", queue)

    (line,) = rows(admin_client, "queues", first=day, last=day)
    answer = downloaded(admin_client, "queues", first=day, last=day)

    assert line["queue"] == '\'=HYPERLINK("http://x.example","Grüße")'
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="queues-2026-03-02-2026-03-02.csv"'
    assert next(iter(answer)).startswith("\ufeff".encode())


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1"])
def test_a_text_is_never_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"
    assert (safe(-1), safe(1.5), safe("a=b")) == (-1, 1.5, "a=b")


def test_reports_read_no_rows_of_calls_and_cost_the_same_however_many_there_are(
    admin_client: Client, queue: Queue
) -> None:
    def asked() -> list[str]:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            shown(admin_client)
        return [query["sql"] for query in queries]

    few = asked()
    begin = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number in range(10):
        other = Queue.objects.create(key=f"q{number}", name=f"Queue {number}")
        make_agent(f"agent{number}", other)
        QueueInterval.objects.create(queue=other, begins_at=begin, offered=100_000, handled=9, talk_ms=10**6)

    many = asked()

    assert len(few) == len(many) == 9
    assert not [sql for sql in many for model in (Call, QueueEntry, Reservation) if f'"{model._meta.db_table}"' in sql]
    spans = [sql for sql in many if f'"{AgentStateSpan._meta.db_table}"' in sql]
    assert all('"ended_at" IS NULL' in sql for sql in spans)


def test_a_chart_of_nothing_and_of_much() -> None:
    assert stacked([]).says == "No calls"
    chart = stacked([("a", (1, 1)), ("b", (0, 0)), ("c", (4, 0))], [("A", "a"), ("B", "b")])

    assert [series.path for series in chart.series] == ["M1 1000V750h8V1000zM21 1000V0h8V1000z", "M1 750V500h8V750z"]
    assert (chart.top, chart.width, chart.marks) == (4, 30, ("a", "b", "c"))
