"""The reports: a period's figures with their formulas, by queue and agent, its volume and whom it needed; downloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from .. import erlang
from ..conf import get_config
from ..exceptions import CallCenterError
from ..models import May, Queue
from ..services import MetricsService, Report, ReportingService, figures
from ..services.figures import FORMULAS, VENDORS, QueueCounts, Rule
from ..services.metrics import StaffedInterval
from . import charts, columns, fragments
from .downloads import as_csv

STAFFING: Final = ("target", "threshold", "shrinkage")
_DAY: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class Period(forms.Form):
    """What is asked for. Every field has a default, so that the bare address is a report of today."""

    first = forms.DateField(label=_("From"), widget=_DAY)
    last = forms.DateField(label=pgettext_lazy("period", "To"), widget=_DAY)
    queue = forms.ChoiceField(label=_("Queue"), required=False)
    abandoned = forms.ChoiceField(
        label=_("Abandoned count as"),
        choices=[("missed", _("missed")), ("timely", _("served if in time")), ("ignored", _("left out"))],
    )
    short = forms.ChoiceField(label=_("At once count as"), choices=[("no", _("left out")), ("yes", _("abandoned too"))])
    overflowed = forms.ChoiceField(
        label=_("Overflowed count as"), choices=[("no", _("left out")), ("yes", _("missed"))]
    )
    target = forms.IntegerField(label=_("Target, %"), min_value=1, max_value=99)
    threshold = forms.IntegerField(label=_("within, s"), min_value=1, max_value=3600)
    shrinkage = forms.IntegerField(label=_("Time away, %"), min_value=0, max_value=90)

    def __init__(self, given: QueryDict, queues: list[Queue], today: date) -> None:
        rule = Rule.of(get_config())
        chosen = [queue for queue in queues if queue.key == given.get("queue")]
        threshold = (chosen or queues or [Queue()])[0].service_level_threshold
        self.defaults: dict[str, Any] = {
            "first": today.isoformat(),
            "last": today.isoformat(),
            "queue": "",
            "abandoned": rule.abandoned,
            "short": "yes" if rule.short else "no",
            "overflowed": "yes" if rule.overflowed else "no",
            "target": 80,
            "threshold": threshold,
            "shrinkage": 30,
        }
        super().__init__({**self.defaults, **{name: value for name, value in given.items() if value}})
        choice = self.fields["queue"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101  # for the type checker
        choice.choices = [("", gettext("All")), *((queue.key, queue.name) for queue in queues)]

    @property
    def counted(self) -> list[forms.BoundField]:
        """Fields of what is shown, and of how it counts."""
        return [field for field in self if field.name not in STAFFING]

    @property
    def staffing(self) -> list[forms.BoundField]:
        """Fields of what agents would be needed for; the service level of what was is by each queue's own threshold."""
        return [self[name] for name in STAFFING]

    @property
    def rule(self) -> Rule:
        """How the service level is to count."""
        return Rule(
            abandoned=self.cleaned_data["abandoned"],
            short=self.cleaned_data["short"] == "yes",
            overflowed=self.cleaned_data["overflowed"] == "yes",
            short_s=get_config().short_abandon_threshold,
        )

    def report(self) -> Report:
        """What was asked for."""
        asked = self.cleaned_data
        return ReportingService().report(
            first=asked["first"], last=asked["last"], queue_key=asked["queue"], now=timezone.now()
        )


@require_GET
@fragments.may(May.SEE_REPORTS)
def page(request: HttpRequest) -> HttpResponse:
    """The whole page; with 400 and what is wrong, where what was asked for cannot be."""
    period = _period(request)
    context: dict[str, Any] = {"period": period, "today": timezone.localdate()}
    if period.is_valid():
        try:
            context |= _shown(period, period.report())
        except CallCenterError as error:
            period.add_error(None, str(error))
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in period.data.items() if name in period.fields})
    return render(
        request, "console/reports.html", {**context, "query": query.urlencode()}, status=400 if period.errors else 200
    )


@require_GET
@fragments.may(May.SEE_REPORTS)
def download(request: HttpRequest, table: str) -> HttpResponse:
    """One of the tables as CSV, for the same period and rule as on the page."""
    if table not in DOWNLOADS:
        raise Http404
    period = _period(request)
    try:
        if not period.is_valid():
            raise ValueError("; ".join(f"{name}: {' '.join(map(str, said))}" for name, said in period.errors.items()))
        heading, rows = DOWNLOADS[table](period)
    except (CallCenterError, ValueError) as error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")
    asked = period.cleaned_data
    return as_csv(f"{table}-{asked['first']}-{asked['last']}", heading, rows)


def _period(request: HttpRequest) -> Period:
    return Period(request.GET, list(Queue.objects.order_by("name")), timezone.localdate())


def _shown(period: Period, report: Report) -> dict[str, Any]:
    asked, rule = period.cleaned_data, period.rule
    one_day = report.first == report.last
    context = {
        "report": report,
        "one_day": one_day,
        "tiles": list(_tiles(report, rule)),
        "vendors": [
            (name, columns.written(columns.PER_CENT, each.service_level(report.total)), each.formula_in(gettext))
            for name, each in VENDORS.items()
        ],
        "queues": columns.rows(columns.QUEUES, report.queues, rule),
        "agents": columns.rows(columns.AGENTS, report.agents, rule),
    }
    if not one_day:
        return {**context, "chart": _chart((date_format(day, gettext("d M")), counts) for day, counts in report.days)}
    staffed = MetricsService().staffing(
        day=report.first,
        queue_key=asked["queue"],
        target=asked["target"] / 100,
        threshold_s=asked["threshold"],
        shrinkage=asked["shrinkage"] / 100,
        now=timezone.now(),
    )
    clock = [(f"{timezone.localtime(each.begins_at):%H:%M}", each) for each in staffed]
    needed = [(at, [each.needed.agents if each.needed else 0]) for at, each in clock]
    return {
        **context,
        "chart": _chart((at, each.counts) for at, each in clock),
        "staffing": [_staffed(at, each, each.needed) for at, each in clock if each.needed and each.counts.offered],
        "needed": charts.stacked(needed, [(_("Agents needed"), "needed")], of=_quarters),
    }


def _staffed(at: str, each: StaffedInterval, needed: erlang.Staffing) -> tuple[str, list[tuple[str, str]]]:
    return at, [
        (gettext("Offered"), str(each.counts.offered)),
        (gettext("Agents"), str(needed.agents)),
        (gettext("On the payroll"), str(each.on_payroll)),
        (gettext("Expected level"), columns.written(columns.PER_CENT, 100 * needed.service_level)),
        (gettext("Expected wait"), f"{needed.average_wait_s:.1f} s"),
        (gettext("Occupancy"), columns.written(columns.PER_CENT, 100 * needed.occupancy)),
    ]


def _tiles(report: Report, rule: Rule) -> Iterator[tuple[str, str, str]]:
    """(heading, figure, formula) of what people ask for first."""
    total, team = report.total, report.agents_total
    yield (
        gettext("Service level"),
        columns.written(columns.PER_CENT, rule.service_level(total)),
        rule.formula_in(gettext),
    )
    wanted: tuple[tuple[str, str, Callable[[Any], float | None], Any], ...] = (
        (gettext("Speed of answer"), columns.SECONDS, figures.speed_of_answer, total),
        (gettext("Handle time"), columns.SECONDS, figures.handle_time, total),
        (gettext("Abandonment"), columns.PER_CENT, figures.abandonment_rate, total),
        (gettext("Occupancy"), columns.PER_CENT, figures.occupancy, team),
    )
    for label, kind, figure, counts in wanted:
        yield label, columns.written(kind, figure(counts)), gettext(FORMULAS[figure.__name__])


def _chart(bars: Iterable[tuple[str, QueueCounts]]) -> charts.Chart:
    return charts.stacked([(label, (counts.answered, counts.abandoned, counts.overflowed)) for label, counts in bars])


def _quarters(number: int) -> str:
    if not number:
        return gettext("No agents' quarters of an hour")
    said = ngettext("%(number)s agent's quarter of an hour", "%(number)s agents' quarters of an hour", number)
    return said % {"number": number}


Table = tuple[list[str], Iterable[list[Any]]]


def _queues(period: Period) -> Table:
    lines, rule = period.report().queues, period.rule
    rows = ([line.name, *columns.numbers(columns.QUEUES, line, rule), rule.formula] for line in lines)
    return ["queue", *(column.name for column in columns.QUEUES), "service_level_formula"], rows


def _agents(period: Period) -> Table:
    lines, rule = period.report().agents, period.rule
    rows = ([line.name, *columns.numbers(columns.AGENTS, line, rule)] for line in lines)
    return ["agent", *(column.name for column in columns.AGENTS)], rows


def _intervals(period: Period) -> Table:
    """Counts and sums as they are kept, for whoever wants to add them up otherwise."""
    asked = period.cleaned_data
    found = ReportingService().intervals(first=asked["first"], last=asked["last"], queue_key=asked["queue"])
    rows = (
        [timezone.localtime(begins_at).isoformat(), name, *asdict(counts).values()] for begins_at, name, counts in found
    )
    return ["begins_at", "queue", *QueueCounts.__dataclass_fields__], rows


DOWNLOADS: Final[Mapping[str, Callable[[Period], Table]]] = {
    "queues": _queues,
    "agents": _agents,
    "intervals": _intervals,
}
