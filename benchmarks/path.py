"""What a webhook costs, beside a bare Django view: the same signature checked, as many statements, a constant answered.

`make bench-path`, or `python benchmarks/path.py [--calls 400]`. A call is led through all its webhooks on a real
PostgreSQL, through the project's WSGI application without a socket; each of its requests is followed by one to the bare
view, which passes the same middleware and runs as many SELECT, INSERT and UPDATE by primary key in one transaction.
Exits with 1 when a webhook's throughput, summed over a call, is under 0.7 of the bare view's, or one of them takes more
than six data statements.
"""
# ruff: noqa: PLC0415  # Django can be imported once there is a database

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import secrets
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(PROJECT))

LIMIT: Final = 0.7
MOST: Final = 6
WARM_UP: Final = 0.1
"""Part of the calls that is not counted."""
VERBS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@contextlib.contextmanager
def project() -> Iterator[None]:
    """PostgreSQL and Valkey of their own, and the project on them with the bare view beside its webhooks."""
    from tests.servers import Home, postgres, valkey

    with Home.open() as home, postgres(home) as database, valkey(home) as redis:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings.testing",
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
            "DJANGO_ALLOWED_HOSTS": "localhost",
            "DJANGO_LOG_LEVEL": "ERROR",
            "TWILIO_AUTH_TOKEN": secrets.token_urlsafe(32),
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "CELERY_BROKER_URL": redis,
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        add_bare_view()
        yield
        from django.db import connection

        connection.close()


def add_bare_view() -> None:
    """`/bare/?select=2&insert=1&update=1`."""
    import config.urls
    from django.db import transaction
    from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
    from django.urls import clear_url_caches, path
    from django.utils import timezone
    from django.views.decorators.csrf import csrf_exempt
    from django_twilio_call.conf import get_config
    from django_twilio_call.models import WebhookEvent
    from twilio.request_validator import RequestValidator

    base, validator = get_config().public_base_url, RequestValidator(get_config().twilio_auth_token)
    # A table that no cached answer comes from: its changes must not cost ours anything.
    row = WebhookEvent.objects.create(key="bare", kind="bare", payload={}, received_at=timezone.now()).pk

    @csrf_exempt
    def bare(request: HttpRequest) -> HttpResponse:
        url = f"{base}{request.path}?{request.META['QUERY_STRING']}"
        if not validator.validate(url, request.POST, request.headers.get("X-Twilio-Signature", "")):
            return HttpResponseForbidden()
        with transaction.atomic():
            for _ in range(int(request.GET["select"])):
                WebhookEvent.objects.get(pk=row)
            for _ in range(int(request.GET["insert"])):
                WebhookEvent.objects.create(
                    key=secrets.token_hex(8), kind="bare", payload=request.POST.dict(), received_at=timezone.now()
                )
            for _ in range(int(request.GET["update"])):
                WebhookEvent.objects.filter(pk=row).update(kind="bare")
        return HttpResponse("<Response><Hangup/></Response>", content_type="text/xml")

    config.urls.urlpatterns.append(path("bare/", bare))
    clear_url_caches()


@dataclass
class Meter:
    """Posts as Twilio does; each request is measured, and one to the bare view with as many statements after it."""

    seconds: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    statements: Counter[str] = field(default_factory=Counter)
    counting: bool = True

    def __post_init__(self) -> None:
        from django.core.wsgi import get_wsgi_application
        from django_twilio_call.conf import get_config
        from twilio.request_validator import RequestValidator

        config = get_config()
        self.application: Callable[..., Any] = get_wsgi_application()
        self.base, self.account = config.public_base_url, config.twilio_account_sid
        self.validator = RequestValidator(config.twilio_auth_token)
        self.verbs: dict[str, Counter[str]] = {}

    def post(self, kind: str, path: str, *, sid: str, **params: str | int) -> str:
        """One delivery; gives the answer. Raises `RuntimeError` when it is not 200."""
        form = {
            "CallSid": sid,
            "AccountSid": self.account,
            "From": "+14155550100",
            "To": "+15550100000",
            "ApiVersion": "2010-04-01",
            "Direction": "inbound",
            **{name: str(value) for name, value in params.items()},
        }
        if kind not in self.verbs:
            with counted() as verbs:
                answer, _ = self._request(path, form)
            self.verbs[kind] = verbs
            self.statements[kind] = sum(verbs.values())
            return answer
        answer, ours = self._request(path, form)
        verbs = self.verbs[kind]
        asked = {"select": verbs["SELECT"] + verbs["WITH"], "insert": verbs["INSERT"]}
        _, bare = self._request(f"/bare/?{urlencode({**asked, 'update': verbs['UPDATE'] + verbs['DELETE']})}", form)
        if self.counting:
            self.seconds[kind].append((ours, bare))
        return answer

    def _request(self, path: str, form: dict[str, str]) -> tuple[str, float]:
        path_only, _, query = path.partition("?")
        body = urlencode(form).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path_only,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_HOST": "localhost",
            "HTTP_X_TWILIO_SIGNATURE": self.validator.compute_signature(self.base + path, form),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
        }
        status: list[str] = []
        began = time.perf_counter()
        response = self.application(environ, lambda line, _: status.append(line))
        answer = b"".join(response).decode()
        response.close()
        seconds = time.perf_counter() - began
        if not status[0].startswith(("200", "204")):
            raise RuntimeError(f"{path} answered {status[0]}: {answer[:200]}")
        return answer, seconds


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Data statements by their verb."""
    from django.db import connection

    verbs: Counter[str] = Counter()

    def count(execute: Callable[..., Any], sql: Any, *args: Any) -> Any:
        verb = str(sql).lstrip("( \n").split(None, 1)[0].upper()
        if verb in VERBS:
            verbs[verb] += 1
        return execute(sql, *args)

    with connection.execute_wrapper(count):
        yield verbs


def lead(meter: Meter, number: int) -> None:
    """One call from its first ring to its end."""
    from django.utils import timezone
    from django_twilio_call.models import QueueEntry, Reservation
    from django_twilio_call.services import AgentService, RoutingService

    caller, agent_leg = f"CA{number:032x}", f"CA{number + (1 << 40):032x}"
    meter.post("voice", "/twilio/voice/", sid=caller, CallStatus="ringing")
    meter.post("gather", "/twilio/gather/?attempt=1", sid=caller, Digits="1")
    entry = QueueEntry.objects.get(call__sid=caller)
    meter.post("wait", f"/twilio/wait/?entry={entry.pk}", sid=caller, QueueTime=5, QueuePosition=1)
    now = timezone.now()
    RoutingService().route(now=now)
    reservation = Reservation.objects.select_related("agent").get(entry=entry)
    AgentService().accept(reservation_id=reservation.pk, agent_id=reservation.agent_id, now=timezone.now())
    meter.post(
        "agent",
        "/twilio/agent/",
        sid=agent_leg,
        From=f"client:{reservation.agent.identity}",
        reservation=reservation.pk,
    )
    meter.post("queue", f"/twilio/queue/?entry={entry.pk}", sid=caller, QueueResult="redirected")
    meter.post("connect", f"/twilio/connect/?reservation={reservation.pk}", sid=caller)
    events = ("participant-join", "participant-join", "participant-leave", "conference-end")
    for sequence, event in enumerate(events, start=1):
        meter.post(
            f"conference: {event}",
            f"/twilio/conference/?reservation={reservation.pk}",
            sid=caller if sequence % 2 else agent_leg,
            ConferenceSid=f"CF{number:032x}",
            FriendlyName=reservation.conference,
            SequenceNumber=sequence,
            StatusCallbackEvent=event,
        )
    for sid in (caller, agent_leg):
        meter.post("status", "/twilio/status/", sid=sid, CallStatus="in-progress", SequenceNumber=2)
        meter.post("completed", "/twilio/status/", sid=sid, CallStatus="completed", SequenceNumber=3, CallDuration=20)
    rest(reservation.agent_id)


def rest(agent_id: int) -> None:
    """The agent is there for the next call, without the time for wrap-up."""
    from django.utils import timezone
    from django_twilio_call.models import AgentStateSpan

    AgentStateSpan.objects.move(agent_id=agent_id, to="available", now=timezone.now())


def fill() -> None:
    """The queue that the menu leads to, and an agent in it who is available."""
    from django.contrib.auth import get_user_model
    from django.utils import timezone
    from django_twilio_call.models import Agent, AgentStateSpan, Queue, QueueMembership

    queue = Queue.objects.create(key="support", name="Support", digit="1", wrap_up_time=10)
    user = get_user_model().objects.create(username="agent")
    agent = Agent.objects.create(user=user, name="Agent")
    QueueMembership.objects.create(queue=queue, agent=agent)
    AgentStateSpan.objects.create(agent=agent, state="available", started_at=timezone.now())


def main() -> int:
    """So many calls; prints a line for each kind of webhook and one for a whole call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    options = parser.parse_args()
    with project():
        fill()
        meter = Meter()
        for number in range(1, options.calls + 1):
            meter.counting = number > options.calls * WARM_UP
            lead(meter, number)
    ours = bare = 0.0
    for kind, pairs in meter.seconds.items():
        one, other = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
        ours, bare = ours + one, bare + other
        line = {"webhook": kind, "ms": round(one * 1000, 2), "bare_ms": round(other * 1000, 2)}
        print(json.dumps({**line, "throughput": round(other / one, 2), "statements": meter.statements[kind]}))
    most = max(meter.statements.values())
    print(json.dumps({"throughput": round(bare / ours, 2), "limit": LIMIT, "most_statements": most}))
    return 0 if bare / ours >= LIMIT and most <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
