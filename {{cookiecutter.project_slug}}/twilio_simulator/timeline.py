"""What happened, call by call: every webhook with its answer and every REST command, to look at and to send again."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from typing import Any, Final

from .engine import Exchange
from .http import Reply, Request
from .webhooks import Sent

MOST_CALLS: Final = 200
MOST_OF_A_CALL: Final = 300
LONGEST: Final = 8192
"""Bytes that are kept of an answer."""
ABOUT: Final = ("From", "To", "Direction", "CallStatus")
ACCOUNT: Final = "account"
"""Where everything goes that belongs to no call."""
_CALL: Final = re.compile(r"CA[0-9a-f]{32}")
SECRET: Final = re.compile("token|secret|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A command or a question of the app to the REST API, and what it came to."""

    at: float
    seconds: float
    method: str
    path: str
    params: Mapping[str, str]
    status: int
    answer: str


@dataclass(slots=True)
class Story:
    """One call, and what happened in it, numbered."""

    sid: str
    began: float = field(default_factory=time.time)
    about: dict[str, str] = field(default_factory=dict)
    entries: deque[tuple[int, Sent | Asked]] = field(default_factory=lambda: deque(maxlen=MOST_OF_A_CALL))


class Timeline:
    """Bounded: of many calls the last, of a long call the end."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._stories: dict[str, Story] = {}
        self._numbers = count(1)
        exchange.webhooks.observe = self.sent

    def sent(self, sent: Sent) -> None:
        """A webhook was answered, or was not."""
        params = sent.params
        story = self._story(params.get("CallSid") or params.get("CallSidEndingConference") or ACCOUNT)
        if not sent.note:  # a repetition says what was so once
            story.about.update({name: params[name] for name in ABOUT if name in params})
        if len(sent.answer.body) > LONGEST:
            sent = replace(sent, answer=replace(sent.answer, body=sent.answer.body[:LONGEST]))
        story.entries.append((next(self._numbers), sent))

    def asked(self, request: Request, reply: Reply, seconds: float) -> None:
        """The app asked the REST API. A command for a call stands in its story; nothing secret is kept."""
        body = reply.body if isinstance(reply.body, dict) else {}
        named = _CALL.search(request.path)
        made = body.get("sid" if request.path.endswith("/Calls.json") else "call_sid")
        sid = named.group() if named else str(made or "")
        params = {name: "…" if SECRET.search(name) else value for name, value in request.pairs}
        answer = ", ".join(f"{name}: {body[name]}" for name in ("status", "code", "message") if name in body)
        story = self._story(sid if _CALL.fullmatch(sid) else ACCOUNT)
        at = time.time() - seconds
        entry = Asked(at, seconds, request.method, request.path, params, reply.status, answer)
        story.entries.append((next(self._numbers), entry))

    def calls(self) -> list[dict[str, Any]]:
        """All that are kept, the newest first; what belongs to none comes last."""
        stories = sorted(self._stories.values(), key=lambda each: (each.sid != ACCOUNT, each.began), reverse=True)
        return [
            {"sid": each.sid, "began": each.began, "entries": len(each.entries), **each.about, "failed": _failed(each)}
            for each in stories
        ]

    def story(self, sid: str, since: int) -> list[dict[str, Any]] | None:
        """What came after entry `since`, in the order in which it began; None for a call that is not kept."""
        story = self._stories.get(sid)
        if story is None:
            return None
        news = [(id_, each) for id_, each in story.entries if id_ > since]
        return [self._shown(id_, each) for id_, each in sorted(news, key=lambda item: item[1].at)]

    def replay(self, number: int, how: str) -> bool:
        """Send a webhook once more, signed anew: as a `duplicate`, with its token, or `again`, with another one.

        Its answer is shown and not run. False for one that is not kept, or is none.
        """
        kept = (entry for story in self._stories.values() for id_, entry in story.entries if id_ == number)
        entry = next(kept, None)
        if not isinstance(entry, Sent) or how not in ("duplicate", "again"):
            return False
        self.exchange.spawn(self._replay(entry, how, f"{how} of {number}"))
        return True

    async def _replay(self, sent: Sent, how: str, note: str) -> None:
        token = sent.token if how == "duplicate" else ""
        webhooks = self.exchange.webhooks
        await webhooks.send(sent.url, sent.params, method=sent.method, heard=False, token=token, note=note)

    def _shown(self, id_: int, entry: Sent | Asked) -> dict[str, Any]:
        if isinstance(entry, Asked):
            return {"id": id_, "kind": "rest", **asdict(entry), "url": entry.path, "ms": round(entry.seconds * 1000)}
        bare, answer = entry.url.partition("#")[0], entry.answer
        return {
            "id": id_,
            "kind": "webhook",
            "at": entry.at,
            "ms": round(entry.seconds * 1000),
            "method": entry.method,
            "url": entry.url,
            "params": dict(entry.params),
            "signature": self.exchange.webhooks.signature(bare, entry.params, entry.method),
            "token": entry.token,
            "attempt": entry.attempt,
            "fallback": "ErrorUrl" in entry.params,
            "heard": entry.heard,
            "note": entry.note,
            "status": answer.status,
            "failure": answer.failure,
            "content_type": answer.content_type,
            "answer": answer.body.decode(errors="replace"),
        }

    def _story(self, sid: str) -> Story:
        """The story of a call; with a new one the oldest call is forgotten."""
        story = self._stories.get(sid)
        if story is None:
            story = self._stories[sid] = Story(sid)
            if len(self._stories) > MOST_CALLS:
                del self._stories[next(each for each in self._stories if each != ACCOUNT)]
        return story


def _failed(story: Story) -> int:
    return sum(isinstance(entry, Sent) and bool(entry.answer.failure) for _, entry in story.entries)
