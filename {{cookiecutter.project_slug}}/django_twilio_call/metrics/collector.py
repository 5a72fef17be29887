"""The families: what they are called, what they mean, and where their figures come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ..conf import get_config, get_reading, reload
from ..conf.fingerprint import digests, fingerprint
from ..constants import OutboxState, QueueEntryState
from ..dependencies import dependencies
from ..models import Call, Outbox, QueueEntry, RunningProcess
from ..services import AnalyticsService
from ..tasks import RECONCILE, SWEEP
from ..transport import COUNTED
from . import levels, pod

PREFIX: Final = "call_center_"
Samples = Mapping[Any, float]
"""Values by the tuple of their labels."""


class Figures(Collector):
    """Collected when asked. What stands in rows is the same in every pod; what is counted is this pod's."""

    def __init__(self) -> None:
        self._since = levels.Since()

    def collect(self) -> Iterable[Metric]:
        """All families. With the database away the others are the more wanted."""
        counted = pod.together()
        yield from _configuration(counted["reloads"])
        yield from _webhooks(counted)
        yield from _cache(counted)
        twilio = {(name,): n for name, n in counted["twilio"].items()}
        yield _counter("twilio_requests", "REST requests of this pod, by what came of them.", twilio, "result")
        figures = dict(self._since.figures(counted))
        found = dependencies()
        yield _gauge("dependency_up", "1: it answers.", {(name,): up for name, up in found.items()}, "dependency")
        if found["database"]:
            try:
                yield from [*_processes(), *_told(), *_calls(), *_outbox()]
                figures["queue_time"] = _first_in_line()
            except (DatabaseError, InterfaceError):
                pass  # what was counted is told all the same
        yield _alerts(figures)


def _configuration(reloads: Counter[str]) -> Iterator[Metric]:
    config, last = get_reading().config, reload.state.last
    labels = (config.stage, fingerprint(digests(config)))
    yield _gauge("config_info", "The configuration this process runs with.", {labels: 1}, "stage", "fingerprint")
    yield _counter("config_reloads", "Reloads, by their result.", {(name,): n for name, n in reloads.items()}, "result")
    good = last is None or last.result != reload.REFUSED
    yield _gauge("config_last_reload_successful", "0: the last one was refused.", {(): good})
    pending = len(last.pending) if last else 0
    yield _gauge("config_pending_restart", "Changed variables that a restart brings.", {(): pending})


def _processes() -> Iterator[Metric]:
    running = list(RunningProcess.objects.alive(timezone.now()).values_list("role", "fingerprint"))
    by = Counter(running)
    yield _gauge(
        "config_processes", "Running processes, by configuration.", dict(sorted(by.items())), "role", "fingerprint"
    )
    most = max(Counter(mark for _, mark in running).values(), default=0)
    yield _gauge("config_disagreeing_processes", "Processes that run with another one.", {(): len(running) - most})


def _webhooks(counted: dict[str, Counter[str]]) -> Iterator[Metric]:
    outcomes = {tuple(key.split("|")): count for key, count in counted["webhooks"].items()}
    yield _counter("webhooks", "Webhooks, by what came of them.", outcomes, "kind", "outcome")
    latency = HistogramMetricFamily(f"{PREFIX}webhook_seconds", "How long webhooks took.", labels=["kind"])
    for kind, total in sorted(counted["seconds"].items()):
        below, buckets = 0.0, []
        for index, limit in enumerate((*pod.BUCKETS, float("inf"))):
            below += counted["latency"][f"{kind}|{index}"]
            buckets.append((str(limit) if limit < float("inf") else "+Inf", below))
        latency.add_metric([kind], buckets, total)
    yield latency
    yield _counter("unsent_messages", "Wake-ups the broker did not take.", {(): counted["unsent"][""]})


def _cache(counted: dict[str, Counter[str]]) -> Iterator[Metric]:
    for name in ("hits", "misses", "stale", "computations", "uncached", "errors", "invalidations"):
        of = {(key.split("|")[0],): n for key, n in counted["cache"].items() if key.endswith(f"|{name}")}
        yield _counter(f"cache_{name}", f"The cache's {name}, by service.", of, "service")
    for name, key in (("computing", "computed_s"), ("saved", "saved_s")):
        spent = {(key_.split("|")[0],): n for key_, n in counted["cache"].items() if key_.endswith(f"|{key}")}
        yield _counter(f"cache_{name}_seconds", "Time of computing, spent or saved, by service.", spent, "service")
    for name in ("errors", "skipped", "outages"):
        yield _counter(f"cache_server_{name}", f"The cache server's {name}.", {(): counted["link"][name]})


def _told() -> Iterator[Metric]:
    """What workers do, and nobody scrapes them: so of all processes that run, as they told."""
    told = RunningProcess.objects.alive(timezone.now()).values_list("figures", flat=True)
    twilio, failures = Counter[str](), Counter[str]()
    for figures in told.iterator(get_config().get_batch_size("metrics")):
        twilio.update(figures.get("twilio", {}))
        failures.update(figures.get("failures", {}))
    values = {(name,): float(twilio[name]) for name in COUNTED}
    yield _gauge("twilio_requests_told", "REST requests of all running processes since they began.", values, "result")
    # Each from the beginning: Prometheus sees no change in what was not there before.
    values = {(name,): float(failures[name]) for name in (*SWEEP, *RECONCILE)}
    yield _gauge("step_failures_told", "Failed steps of all running workers since they began.", values, "step")


def _calls() -> Iterator[Metric]:
    now = timezone.now()
    live = Call.objects.live().order_by().values_list("role").annotate(count=Count("pk"))
    yield _gauge("calls_live", "Legs that have not ended, by role.", {(role,): n for role, n in live}, "role")
    if not get_config().enable_real_time_metrics:
        return
    board = AnalyticsService().wallboard(now=now)
    queues = {line.name: line for line in board.queues}
    for name, help_, values in (
        ("queue_waiting", "Callers in line.", {name: line.waiting for name, line in queues.items()}),
        (
            "queue_longest_wait_seconds",
            "The first in line.",
            {n: line.longest_wait_s or 0 for n, line in queues.items()},
        ),
        ("queue_offered_today", "Visits today.", {name: line.offered_today for name, line in queues.items()}),
        ("queue_answered_today", "Answered today.", {name: line.answered_today for name, line in queues.items()}),
        ("queue_abandoned_today", "Abandoned today.", {name: line.abandoned_today for name, line in queues.items()}),
        (
            "queue_service_level_percent",
            "Today's service level; none before the first call that counts.",
            {name: line.service_level for name, line in queues.items() if line.service_level is not None},
        ),
    ):
        yield _gauge(name, help_, {(queue,): value for queue, value in values.items()}, "queue")
    states = Counter(line.state for line in board.agents)
    yield _gauge("agents", "Agents, by state.", {(state,): n for state, n in states.items()}, "state")


def _first_in_line() -> float:
    """Seconds that whoever is first in any line has waited."""
    line = QueueEntry.objects.filter(state__in=QueueEntryState.OPEN_STATES)
    first = line.aggregate(first=Min("enqueued_at"))["first"]
    return (timezone.now() - first).total_seconds() if first else 0.0


def _alerts(figures: Mapping[str, float]) -> Metric:
    """What is over a limit, for other systems to tell people; without samples where alerts are switched off."""
    shown = {(what,): float(levels.level(what, figure)) for what, figure in figures.items()}
    return _gauge(
        "alert_level",
        "1: a warning, 2: critical, by the limits of ErrorThresholds.",
        shown if get_config().enable_alerts else {},
        "about",
    )


def _outbox() -> Iterator[Metric]:
    now = timezone.now()
    waiting = Outbox.objects.filter(state__in=OutboxState.OPEN_STATES)
    found = waiting.aggregate(count=Count("pk"), oldest=Min("created_at"))
    age = (now - found["oldest"]).total_seconds() if found["oldest"] else 0
    yield _gauge("outbox_waiting", "Commands to Twilio that are not done.", {(): found["count"]})
    yield _gauge("outbox_oldest_seconds", "How long the oldest of them waits.", {(): age})
    doubt = waiting.filter(state=OutboxState.SUBMISSION_UNKNOWN).count()
    yield _gauge("outbox_in_doubt", "Calls that may have been made: Twilio is asked.", {(): doubt})
    yield _gauge("outbox_retrying", "Those tried more than once.", {(): waiting.filter(attempts__gt=1).count()})


def _gauge(name: str, help_: str, samples: Samples, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(PREFIX + name, help_, labels=labels), samples)


def _counter(name: str, help_: str, samples: Samples, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(PREFIX + name, help_, labels=labels), samples)


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, samples: Samples
) -> GaugeMetricFamily | CounterMetricFamily:
    for labels, value in samples.items():
        family.add_metric(labels, value)
    return family
