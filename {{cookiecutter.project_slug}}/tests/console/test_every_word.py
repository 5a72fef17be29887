"""No page has a word of its own: seen in a language that puts each message in brackets, only data stands outside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from django_twilio_call.console.urls import urlpatterns
from django_twilio_call.constants import AgentStatus
from django_twilio_call.management.commands.words import BETWEEN, CONTEXT, compiled_catalogue
from django_twilio_call.models import (
    Agent,
    AgentStateSpan,
    AuditEntry,
    CallbackRequest,
    CallOutcome,
    IVRFlow,
    LegalHold,
    Outbox,
    Queue,
    QueueInterval,
    Reservation,
    RunningProcess,
    Voicemail,
    interval_of,
)
from tests.conftest import make_agent
from tests.fakes import Twilio, call_sid
from tests.services.test_intervals import count_all, visit
from tests.services.test_routing import waiting
from tests.switch import CALLER, Switch
from tests.webhooks.test_recordings import SID, tell

from .test_queries import messages, processes
from .test_timeline import ask_outside, supervise
from .test_words import said

pytestmark = pytest.mark.django_db

TOLD = ("aria-label", "title", "alt", "placeholder")
"""Attributes that people see or hear, beside those in `data-` that have words."""
SKIPPED = ("script", "style", "pre", "code")
WORDS = re.compile(r"[^\W\d_]{2,}")
DATA = (
    "[Aa]da", r"Grace\d", r"[Aa]gent\d+", "Support", "Front door", r"Queue \d+", "boss", "Case 7", r"n\d",
    "(?:CA|RE|CF)[0-9a-f]{32}", r"https?://\S+", "web", r"web-\d", r"f\d", r"service\d", "PORT",
    "Genesys", "Amazon Connect", "Asterisk", "TwiML", "REST", "LocMemCache", "RedisCache",
)  # fmt: skip
"""What is no word of ours: what people wrote, processes and their settings, names of products."""
CODES = {
    "call": (
        "voice", "gather", "agent", "connect", "conference", "conversation", "outside-status", "queue", "status",
        "in-progress", "completed", "no-answer", r"participant-\w+", "conference-end", r"(?:hold|recording)[.]\w+",
    ),
    "audit": (r"(?:hold|supervise)[.]\w+", "reason", "reservation", "accepted", "call"),
}  # fmt: skip
"""Page -> codes of Twilio, of our addresses, and of the audit log, which it shows as they are."""
FLOW = {
    "start": "n1",
    "nodes": {
        "n1": {"type": "say", "text": "7", "next": "n2"},
        "n2": {"type": "hours", "calendar": "7", "open": "n3", "closed": "n4"},
        "n3": {"type": "menu", "text": "7", "keys": {"1": "n5", "2": "n7"}, "default": "n6"},
        "n4": {"type": "voicemail", "queue": "7"},
        "n5": {"type": "queue", "queue": "7"},
        "n6": {"type": "repeat", "menu": "n3"},
        "n7": {"type": "callback", "queue": "7"},
        "n8": {"type": "hangup"},
    },
}


class Page(HTMLParser):
    """The texts of a page that people see or hear, fields that Twilio sent left out."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("input", "meta", "link", "br", "img"):
            self.open.append(tag)
        self.texts += [value for name, value in attrs if value and (name in TOLD or _has_words(name))]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        sent = "details" in self.open and "dl" in self.open
        if not sent and not set(SKIPPED) & set(self.open):
            self.texts.append(data)


def _has_words(attribute: str) -> bool:
    return attribute in ("data-say", "data-label", "data-title", "data-granted") or attribute.startswith("data-text")


def own_words(html: str, page_name: str = "") -> list[str]:
    """Words of a page outside of all brackets that are neither data nor codes."""
    page = Page()
    page.feed(html)
    known = rf"(?<![\w-])(?:{'|'.join((*DATA, *CODES.get(page_name, ())))})(?![\w-])"
    return WORDS.findall(re.sub(known, " ", _outside("\n".join(page.texts))))


def _outside(text: str) -> str:
    """A message may stand in another, and have elements in it: brackets go from the innermost on."""
    while text != (less := re.sub(r"‹[^‹›]*›", " ", text)):
        text = less
    return text


@pytest.fixture
def bracketed(settings: Settings, tmp_path: Path) -> None:
    """A language `xx` in which each message stands in brackets."""

    def forms(message: str) -> Iterator[str]:
        for form in message.rpartition(CONTEXT)[2].split(BETWEEN):
            yield f"‹{form}›"

    folder = tmp_path / "xx/LC_MESSAGES"
    folder.mkdir(parents=True)
    header = {"": "Content-Type: text/plain; charset=UTF-8\n"}
    catalogue = compiled_catalogue(header | {message: BETWEEN.join(forms(message)) for message in said()})
    (folder / "django.mo").write_bytes(catalogue)
    settings.LOCALE_PATHS, settings.LANGUAGES = [tmp_path], [("en", "English"), ("xx", "In brackets")]


@pytest.fixture
def reader(bracketed: None, agent: Agent) -> Client:
    """The browser of an agent who may see everything, in that language."""
    agent.user.is_superuser = agent.user.is_staff = True
    agent.user.save()
    client = Client(headers={"Accept-Language": "xx"})
    client.force_login(agent.user)
    return client


@pytest.fixture
def world(twilio: Twilio, agent: Agent, queue: Queue, settings: Settings) -> Switch:
    """A call center in the middle of its day."""
    settings.DJANGO_TWILIO_TRANSFER_PREFIXES, settings.DJANGO_TWILIO_CALLS_PER_SECOND = "+1", 100
    return fill(twilio, agent, queue)


def fill(twilio: Twilio, agent: Agent, queue: Queue) -> Switch:
    """An agent with a caller, colleagues in every state, and what the day has left behind."""
    now = timezone.now()
    for number, state in enumerate(AgentStatus.CHOSEN_STATUSES):
        make_agent(f"grace{number}", queue, state=state, since=now - timedelta(hours=9))
    AgentStateSpan.objects.filter(state=AgentStatus.AVAILABLE, agent__name="Grace0").update(started_at=now)
    switch = Switch(twilio)
    switch.ring()
    switch.work()
    talk = Reservation.objects.get()
    switch.take(talk)
    switch.work()
    talk.refresh_from_db()
    tell(twilio, talk)
    leave_behind(switch, agent, queue)
    return switch


def leave_behind(switch: Switch, agent: Agent, queue: Queue) -> None:
    """What a call may leave in the record, and rows of every other kind."""
    now, talk = timezone.now(), Reservation.objects.get(entry__call__sid=CALLER)
    supervise(switch, talk)
    ask_outside(switch, talk)
    ask_outside(switch, talk, answers=False)
    tell(switch.twilio, talk, "completed")
    tell(switch.twilio, talk, sid="RE" + "3" * 32)
    LegalHold.objects.create(call=talk.entry.call, reason="Case 7", placed_by=agent.user, placed_at=now)
    AuditEntry.objects.create(at=now, action="hold.place", target=f"call {CALLER}", detail={"reason": "Case 7"})
    Outbox.objects.update(attempts=3)
    Outbox.objects.filter(pk=Outbox.objects.latest("pk").pk).update(state="failed", done_at=now)
    CallOutcome.objects.create(reservation=talk, code="7", note="7", created_at=now)
    for state in ("done", "failed", "withdrawn"):
        CallbackRequest.objects.create(
            queue=queue, call=talk.entry.call, number="+14155550100", state=state, attempts=1, ended_at=now,
            enqueued_at=now, requested_at=now, not_before=now,
        )  # fmt: skip
    night = interval_of(timezone.localtime().replace(hour=0, minute=20))
    QueueInterval.objects.create(queue=queue, begins_at=night, offered=9, answered=9, handled=9, talk_ms=10**6)
    for waited, state, to in ((5, "answered", ""), (90, "abandoned", ""), (9, "overflowed", "voicemail")):
        visit(queue, now - timedelta(minutes=20), waited, state, to)
    count_all()
    waiting(queue, 2, now - timedelta(minutes=9))
    messages(40, 2)
    Voicemail.objects.create(
        queue=queue, call=talk.entry.call, recording_sid="RE" + "2" * 32, url="", duration=3, recorded_at=now,
        erased_at=now,
    )  # fmt: skip
    processes(1, 2)
    RunningProcess.objects.filter(pid=1).update(refused=True, pending=["PORT"], fingerprint="f9")
    flow = IVRFlow.objects.create(key="front", name="Front door", draft=FLOW)
    before = {"start": "n9", "nodes": {"n9": {"type": "hangup"}, "n8": {"type": "repeat", "menu": "n9"}}}
    flow.release = flow.versions.create(number=1, definition=before, sha256="x", created_at=now)
    flow.save()
    IVRFlow.objects.create(key="empty", name="Front door", number="+15550100000")


def pages() -> dict[str, str]:
    """Name -> address of every page and fragment."""
    day = timezone.localdate()
    return {
        "wallboard": "/",
        "wallboard-live": "/live/",
        "supervise-live": "/supervise/live/",
        "reports": "/reports/",
        "reports of days": f"/reports/?first={day - timedelta(days=6)}&last={day}",
        "operations": "/operations/",
        "operations-live": "/operations/live/",
        "desk": "/desk/",
        "desk-live": "/desk/live/",
        "desk-ways": "/desk/transfer/ways/",
        "recording": "/desk/recording/",
        "inbox": "/voicemail/",
        "history": "/calls/",
        "history of nobody": "/calls/?number=x",
        "call": f"/calls/{CALLER}/",
        "flows": "/flows/",
        "audit": "/audit/",
        "nothing": "/nowhere/",
        "second factor": "/accounts/second-factor/set-up/",
    }


def test_words_outside_of_messages_are_found() -> None:
    told = '<p title="Own">‹a ‹b› c› Ada <b>word</b> 7 s <pre>code</pre><br>‹x <b>y</b> z›</p>'
    sent = "<details><dl><dt>sent</dt></dl></details>"

    assert own_words(told + sent) == ["Own", "word"]


def test_every_page_is_looked_at(reader: Client) -> None:
    """But for what only answers a POST, and what is no page."""
    samples = {"call_sid": CALLER, "sid": SID, "table": "queues"}
    left = [each for each in urlpatterns if each.name not in {*pages(), "reports-download", "sound"}]

    for pattern in left:
        wanted = {name: samples.get(name, 1) for name in pattern.pattern.converters}
        assert reader.get(reverse(f"console:{pattern.name}", kwargs=wanted)).status_code == 405, pattern.name


@pytest.mark.usefixtures("world")
def test_no_page_has_a_word_of_its_own(reader: Client) -> None:
    shown = {name: reader.get(path).content.decode() for name, path in pages().items()}

    assert {name: own for name, html in shown.items() if (own := own_words(html, name))} == {}
    assert [name for name, html in shown.items() if "‹" not in html] == []


def test_no_page_of_an_empty_call_center_has_a_word_of_its_own(reader: Client) -> None:
    AgentStateSpan.objects.all().delete()
    Agent.objects.all().delete()
    Queue.objects.all().delete()

    shown = {name: reader.get(path).content.decode() for name, path in pages().items()}

    assert {name: own for name, html in shown.items() if (own := own_words(html, name))} == {}


def test_no_phase_of_the_desk_has_a_word_of_its_own(reader: Client, twilio: Twilio) -> None:
    switch, shown = Switch(twilio), list[str]()

    def look(path: str = "/desk/", **sent: str) -> None:
        answer = reader.post(path, sent, follow=True) if sent else reader.get(path)
        shown.append(answer.content.decode())

    look()
    switch.ring()
    switch.work()
    look()
    switch.take(Reservation.objects.get())
    look()
    switch.hang_up(CALLER)
    switch.work()
    look()
    look("/desk/state/", state="lunch")
    AgentStateSpan.objects.current().update(started_at=timezone.now() - timedelta(hours=2))
    look()
    look("/desk/hold/", on="1")
    look("/desk/state/", state="available")
    switch.ring(call_sid(2))
    switch.work()
    look(f"/desk/decline/{Reservation.objects.latest('pk').pk}/", sent="1")

    phases = [re.search(r'data-phase="(\w+)"', html) for html in shown]
    assert [phase[1] for phase in phases if phase] == [
        "ready", "offer", "call", "wrap_up", "away", "away", "away", "ready", "away",
    ]  # fmt: skip
    assert [own_words(html) for html in shown] == [[]] * len(shown)
