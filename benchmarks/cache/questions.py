"""What a call center's pages and webhooks ask in a day, each put in two ways that give the same answer.

`ours` is the project's own cached method, as its doors call it: one answer for all queues, from which a caller takes a
queue's share. `plain` is what a plain implementation computes for exactly this question with the project's queries, to
be kept under the question's own key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, FilteredRelation, Max, Min, Q
from django_twilio_call.constants import AgentStatus, QueueEntryState
from django_twilio_call.models import AgentStateSpan, Queue, QueueEntry, Relaxation, Skill
from django_twilio_call.services import AnalyticsService, IVRService, RoutingService, counts
from django_twilio_call.services.analytics import QueueFigures
from django_twilio_call.services.counts import CallCounts
from django_twilio_call.services.rules import Rules, Step

DAY: Final = date(2026, 3, 2)
MIDNIGHT: Final = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass
class Moment:
    """The virtual clock: seconds since midnight, and how many edits were committed so far."""

    seconds: float = 0.0
    edits: int = 0

    def time(self) -> float:
        """As `time.time`."""
        return MIDNIGHT.timestamp() + self.seconds

    def now(self) -> datetime:
        """As a moment of that day."""
        return MIDNIGHT + timedelta(seconds=self.seconds)


moment: Final = Moment()


@dataclass(frozen=True)
class Question:
    """`services` are those whose changes make its answer wrong; the first gives a plain answer's time-out."""

    name: str
    services: tuple[str, ...]
    ours: Callable[..., Any]
    plain: Callable[..., Any]

    def key(self, *args: Any) -> str:
        """Of a plain implementation's answer."""
        return f"day:{self.name}:{args}"

    def kind(self, *args: Any) -> str:
        """What computing it plainly is called."""
        return self.name if self is not REPORT else _report(*args)


def _menu() -> Any:
    return IVRService.options.function(IVRService())


def _report(back: int, days: int, _: str) -> str:
    return "report of today" if back == 0 else f"report of {days} day{'s' * (days > 1)}"


def _report_ours(back: int, days: int, queue_key: str) -> Any:
    first = DAY - timedelta(days=back)
    last = first + timedelta(days=days - 1)
    return AnalyticsService().get_call_analytics(first=first, last=last, queue_key=queue_key, now=moment.now())


def _report_plain(back: int, days: int, queue_key: str) -> Any:
    """The whole period in one query; of one queue, its visits alone."""
    begin = MIDNIGHT - timedelta(days=back)
    return _counted(begin, begin + timedelta(days=days), queue_key)


def _counted(begin: datetime, end: datetime, queue_key: str) -> CallCounts:
    visits = QueueEntry.objects.filter(enqueued_at__gte=begin, enqueued_at__lt=end)
    if queue_key:
        visits = visits.filter(queue__key=queue_key)
    short = AnalyticsService().config.short_abandon_threshold
    return CallCounts(*counts.fields(visits.aggregate(**counts.columns(short))))


def _metrics_plain(queue_key: str) -> QueueFigures:
    """One queue on the wall: who waits, who could answer, and the day so far."""
    now, queue = moment.now(), Queue.objects.get(key=queue_key)
    line = QueueEntry.objects.filter(queue=queue, state__in=QueueEntryState.OPEN_STATES)
    waiting = line.aggregate(count=Count("pk"), first=Min("enqueued_at"))
    ready = AgentStateSpan.objects.current().filter(state=AgentStatus.AVAILABLE, agent__memberships__queue=queue)
    longest = (now - waiting["first"]).total_seconds() if waiting["first"] else None
    today = _counted(MIDNIGHT, now, queue_key)
    return QueueFigures(queue.key, queue.name, waiting["count"], longest, ready.count(), today)


def _rules_plain(queue_id: int) -> Rules:
    """One queue's rules."""
    queue = Queue.objects.annotate(most_tiers=Max("memberships__tier")).get(pk=queue_id)
    mine = FilteredRelation("queues", condition=Q(queues__queue=queue_id))
    skills = list(Skill.objects.annotate(mine=mine).values_list("key", "mine__level").order_by("key"))
    steps = Relaxation.objects.filter(queue=queue_id).select_related("skill")
    return Rules(
        queue_id=queue.pk,
        strategy=queue.strategy,
        tier_wait=queue.tier_wait,
        tiers=queue.most_tiers or 1,
        sticky_days=queue.sticky_days,
        sticky_wait=queue.sticky_wait,
        skills=tuple((key, level) for key, level in skills if level is not None),
        steps=tuple(
            Step(step.after_s, step.action, step.skill.key if step.skill else "", step.amount) for step in steps
        ),
        known=tuple(key for key, _ in skills),
    )


MENU: Final = Question("menu", ("ivr",), lambda: IVRService().options(), _menu)
REPORT: Final = Question("report", ("analytics", "reporting"), _report_ours, _report_plain)
METRICS: Final = Question(
    "queue metrics",
    ("queue",),
    lambda key: AnalyticsService().queue_figures(now=moment.now()).queues[key],
    _metrics_plain,
)
ROSTER: Final = Question(
    "roster",
    ("agent",),
    lambda: AnalyticsService().roster(now=moment.now()).agents,
    lambda: AnalyticsService._roster.function(AnalyticsService(), now=moment.now()).agents,
)
RULES: Final = Question(
    "routing rules",
    ("routing",),
    lambda queue_id: next(each for each in RoutingService().rules() if each.queue_id == queue_id),
    _rules_plain,
)
