"""Calls, queues and conferences as Twilio's REST API shows them."""

from __future__ import annotations

import time
from typing import Any, Final

from .calls import Call, Conference, Queue, rfc2822

Json = dict[str, Any]
VERSION: Final = "2010-04-01"


def call(of: Call, account: str) -> Json:
    """A Call resource."""
    return {
        "sid": of.sid,
        "account_sid": account,
        "api_version": VERSION,
        "from": of.from_,
        "from_formatted": of.from_,
        "to": of.to,
        "to_formatted": of.to,
        "status": of.status,
        "direction": of.direction,
        "date_created": rfc2822(of.started),
        "date_updated": rfc2822(of.ended or of.answered or of.started),
        "start_time": rfc2822(of.started),
        "end_time": rfc2822(of.ended) if of.ended else None,
        "duration": str(of.duration) if of.ended else None,
        "uri": uri(account, f"Calls/{of.sid}"),
        **_nothing("annotation answered_by caller_name forwarded_from group_sid parent_call_sid phone_number_sid"),
        **_nothing("price price_unit queue_time subresource_uris trunk_sid"),
    }


def queue(of: Queue, account: str) -> Json:
    """A Queue resource."""
    return {
        "sid": of.sid,
        "account_sid": account,
        "friendly_name": of.name,
        "current_size": len(of.waiting),
        "max_size": of.max_size,
        "average_wait_time": of.average_wait(),
        "date_created": rfc2822(of.created),
        "date_updated": rfc2822(of.created),
        "uri": uri(account, f"Queues/{of.sid}"),
    }


def member(of: Call, line: Queue, account: str) -> Json:
    """A Member resource: somebody in line."""
    since = line.waiting[of]
    return {
        "call_sid": of.sid,
        "queue_sid": line.sid,
        "position": line.position(of),
        "wait_time": int(time.time() - since),
        "date_enqueued": rfc2822(since),
        "uri": uri(account, f"Queues/{line.sid}/Members/{of.sid}"),
    }


def conference(of: Conference, account: str, *, status: str = "") -> Json:
    """A Conference resource."""
    return {
        "sid": of.sid,
        "account_sid": account,
        "api_version": VERSION,
        "friendly_name": of.name,
        "status": status or ("in-progress" if of.started else "init"),
        "region": "us1",
        "date_created": rfc2822(of.created),
        "date_updated": rfc2822(of.created),
        "uri": uri(account, f"Conferences/{of.sid}"),
        **_nothing("call_sid_ending_conference reason_conference_ended subresource_uris"),
    }


def participant(of: Call, where: Conference, account: str) -> Json:
    """A Participant resource: somebody in a conference."""
    part = where.members[of]
    return {
        "call_sid": of.sid,
        "conference_sid": where.sid,
        "account_sid": account,
        "status": "connected",
        "start_conference_on_enter": part.starts,
        "end_conference_on_exit": part.ends,
        **dict.fromkeys(("muted", "hold", "coaching"), False),
        **_nothing("label call_sid_to_coach queue_time date_created date_updated"),
        "uri": uri(account, f"Conferences/{where.sid}/Participants/{of.sid}"),
    }


def page(name: str, rows: list[Json], path: str) -> Json:
    """A list, all of it on one page."""
    paging = {"page": 0, "page_size": 1000, "start": 0, "end": max(len(rows) - 1, 0), "uri": path}
    return {name: rows, **paging, "first_page_uri": path, **_nothing("next_page_uri previous_page_uri")}


def uri(account: str, path: str) -> str:
    """Where a resource is, without the host."""
    return f"/{VERSION}/Accounts/{account}/{path}.json"


def _nothing(names: str) -> dict[str, None]:
    return dict.fromkeys(names.split())
