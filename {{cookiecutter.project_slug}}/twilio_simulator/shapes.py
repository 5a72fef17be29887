"""Calls, queues and conferences as Twilio's REST API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from .account import Account
from .calls import Call, Queue, rfc2822
from .members import Conference
from .recordings import Recording
from .transcriptions import LiveTranscription, Transcription

Json = dict[str, Any]
VERSION: Final = "2010-04-01"


def call(of: Call, account: str) -> Json:
    """A Call resource."""
    here = f"Calls/{of.sid}"
    return {
        "sid": of.sid,
        "account_sid": account,
        "api_version": VERSION,
        "from": of.from_,
        "from_formatted": of.from_,
        "to": of.to,
        "to_formatted": of.to,
        "status": status(of),
        "answered_by": of.answered_by or None,
        "parent_call_sid": of.parent or None,
        "queue_time": "0",
        "price_unit": "USD",
        "subresource_uris": {
            name.lower(): uri(account, f"{here}/{name}") for name in ("Recordings", "Transcriptions", "Notifications")
        },
        "direction": of.direction,
        "date_created": rfc2822(of.started),
        "date_updated": rfc2822(of.ended or of.answered or of.started),
        "start_time": rfc2822(of.started),
        "end_time": rfc2822(of.ended) if of.ended else None,
        "duration": str(of.duration) if of.ended else None,
        "uri": uri(account, here),
        **_nothing("caller_name forwarded_from group_sid phone_number_sid price trunk_sid"),
    }


def status(of: Call) -> str:
    """A call's status; callbacks alone say `initiated`."""
    return "queued" if of.status == "initiated" else of.status


def queue(of: Queue, account: str, now: float) -> Json:
    """A Queue resource."""
    return {
        "sid": of.sid,
        "account_sid": account,
        "friendly_name": of.name,
        "current_size": len(of.waiting),
        "max_size": of.max_size,
        "average_wait_time": of.average_wait(now),
        "date_created": rfc2822(of.created),
        "date_updated": rfc2822(of.created),
        "uri": uri(account, f"Queues/{of.sid}"),
    }


def member(of: Call, line: Queue, account: str, now: float) -> Json:
    """A Member resource: somebody in line."""
    since = line.waiting[of]
    return {
        "call_sid": of.sid,
        "queue_sid": line.sid,
        "position": line.position(of),
        "wait_time": int(now - since),
        "date_enqueued": rfc2822(since),
        "uri": uri(account, f"Queues/{line.sid}/Members/{of.sid}"),
    }


def conference(of: Conference, account: str) -> Json:
    """A Conference resource."""
    here = f"Conferences/{of.sid}"
    return {
        "sid": of.sid,
        "account_sid": account,
        "api_version": VERSION,
        "friendly_name": of.name,
        "status": "completed" if of.reason else "in-progress" if of.started else "init",
        "reason_conference_ended": of.reason or None,
        "call_sid_ending_conference": of.ended_by or None,
        "region": "us1",
        "date_created": rfc2822(of.created),
        "date_updated": rfc2822(of.updated),
        "subresource_uris": {name.lower(): uri(account, f"{here}/{name}") for name in ("Participants", "Recordings")},
        "uri": uri(account, here),
    }


def participant(of: Call, where: Conference, account: str) -> Json:
    """A Participant resource: somebody in a conference, or called into it."""
    here = of in where.members
    part = where.members[of] if here else where.invited[of]
    waiting = of.status if of.status in ("queued", "ringing") else "connecting"
    return {
        "call_sid": of.sid,
        "conference_sid": where.sid,
        "account_sid": account,
        "status": "connected" if here else waiting,
        "label": part.label or None,
        "start_conference_on_enter": part.starts,
        "end_conference_on_exit": part.ends,
        "muted": part.muted,
        "hold": part.hold,
        "coaching": part.coaching,
        "call_sid_to_coach": part.coached or None,
        "queue_time": "0" if of.direction == "outbound-api" else None,
        "date_created": rfc2822(of.started),
        "date_updated": rfc2822(where.updated),
        "uri": uri(account, f"Conferences/{where.sid}/Participants/{of.sid}"),
    }


def recording(of: Recording, account: str, url: str, within: str = "") -> Json:
    """A Recording resource; `within` is the path of the call or conference it is shown as part of."""
    here = f"Recordings/{of.sid}"
    extra: Json = {"track": of.track} if within.startswith("Calls") else {}
    if not within:
        extra = {
            "media_url": url,
            "subresource_uris": {"transcriptions": uri(account, f"{here}/Transcriptions")},
        }
    return {
        "sid": of.sid,
        "account_sid": account,
        "api_version": VERSION,
        "call_sid": of.call_sid,
        "conference_sid": of.conference_sid or None,
        "status": of.status,
        "source": of.source,
        "channels": of.channels,
        **extra,
        "duration": None if of.live else str(of.duration),
        "start_time": rfc2822(of.started),
        "date_created": rfc2822(of.started),
        "date_updated": rfc2822(of.updated),
        "uri": uri(account, f"{within}{here}"),
        **_nothing("price price_unit error_code encryption_details"),
    }


def transcription(of: Transcription, account: str) -> Json:
    """A Transcription resource: what was said in a recording."""
    return {
        "sid": of.sid,
        "account_sid": account,
        "api_version": VERSION,
        "recording_sid": of.recording.sid,
        "status": "completed",
        "transcription_text": of.recording.said,
        "type": "fast",
        "duration": str(of.recording.duration),
        "price": None,
        "price_unit": "USD",
        "date_created": rfc2822(of.created),
        "date_updated": rfc2822(of.created),
        "uri": uri(account, f"Transcriptions/{of.sid}"),
    }


def live_transcription(of: LiveTranscription, account: str) -> Json:
    """A RealtimeTranscription resource: a call is listened to."""
    return {
        "sid": of.sid,
        "account_sid": account,
        "call_sid": of.call_sid,
        "name": of.name or None,
        "status": "in-progress" if of.live else "stopped",
        "date_updated": rfc2822(of.updated),
        "uri": uri(account, f"Calls/{of.call_sid}/Transcriptions/{of.sid}"),
    }


def caller_id(of: Account) -> Json:
    """An OutgoingCallerId resource. The account has the one: its own number, verified since long ago."""
    sid = "PN" + of.sid[2:]
    return {
        "sid": sid,
        "account_sid": of.sid,
        "phone_number": of.number,
        "friendly_name": of.number,
        "date_created": rfc2822(0),
        "date_updated": rfc2822(0),
        "uri": uri(of.sid, f"OutgoingCallerIds/{sid}"),
    }


def page(
    name: str, rows: list[Json], path: str, number: int = 0, size: int = 1000, asked: Sequence[tuple[str, str]] = ()
) -> Json:
    """One page of a list; `asked` are the parameters that its other pages keep."""
    first = number * size
    shown = rows[first : first + size]

    def at(page: int) -> str:
        return f"{path}?{urlencode([*asked, ('PageSize', size), ('Page', page)])}"

    return {
        name: shown,
        "page": number,
        "page_size": size,
        "start": first,
        "end": first + max(len(shown) - 1, 0),
        "uri": at(number),
        "first_page_uri": at(0),
        "next_page_uri": at(number + 1) if len(rows) > first + size else None,
        "previous_page_uri": at(number - 1) if number else None,
    }


def uri(account: str, path: str) -> str:
    """Where a resource is, without the host."""
    return f"/{VERSION}/Accounts/{account}/{path}.json"


def _nothing(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())
