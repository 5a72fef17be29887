"""A call center in a hundred lines: one queue, two agents, and faults that tests can switch on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import urllib3

from .stage import SID, TOKEN, App, Asked, Said, as_json

ROOM = '<Dial><Conference endConferenceOnExit="true">{}</Conference></Dial>'
QUEUE = '<Enqueue action="/left" waitUrl="/wait">support</Enqueue>'


@dataclass
class Center:
    """Its paths on an app; `simulator` is where the REST API is. Its faults: `forgets`, `double_books`, `ends_as`."""

    app: App
    simulator: str
    forgets: bool = False
    double_books: bool = False
    ends_as: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    offered: dict[str, int] = field(default_factory=dict)

    def opens(self) -> None:
        """Answer from now on."""
        says = self.app.says
        says("/voice", self.receive)
        says("/chose", self.enqueue)
        says("/wait", '<Pause length="1"/>')
        says("/left", self.leave)
        says("/agent", self.join)
        says("/connect", self.connect)
        says("/status", self.status)
        says("/api/state/", as_json({}))
        says("/api/offers/", lambda _: as_json(self.offers()))
        says("/api/calls/", lambda _: as_json(list(self.rows.values())))
        says("/api/drained/", as_json({"waiting": 0}))

    def receive(self, asked: Asked) -> Said:
        """Somebody calls."""
        sid = asked.params["CallSid"]
        if not self.forgets:
            self.rows[sid] = {"call_sid": sid, "status": "in-progress", "entries": []}
        return Said('<Gather action="/chose" numDigits="1" timeout="0" actionOnEmptyResult="true"/>')

    def enqueue(self, asked: Asked) -> Said:
        """They wait, and are offered to an agent."""
        sid = asked.params["CallSid"]
        self.rows.get(sid, {"entries": []})["entries"].append({"state": "waiting"})
        self.offered[sid] = len(self.offered) + 1
        self.app.says(f"/api/offers/{self.offered[sid]}/accept/", as_json({}))
        return Said(QUEUE)

    def offers(self) -> list[dict[str, Any]]:
        """Every offer, each to another agent."""
        who = (lambda _: 1) if self.double_books else (lambda number: number)
        return [{"reservation": number, "agent": f"agent_{who(number)}"} for number in self.offered.values()]

    def join(self, asked: Asked) -> Said:
        """The agent's phone: fetch the caller."""
        number = asked.params["reservation"]
        sid = next(sid for sid, offer in self.offered.items() if str(offer) == number)
        auth = urllib3.make_headers(basic_auth=f"{SID}:{TOKEN}")
        url = f"{self.simulator}/2010-04-01/Accounts/{SID}/Calls/{sid}.json"
        with urllib3.PoolManager(retries=False) as pool:
            fields = {"Url": f"{self.app.url}/connect"}
            pool.request("POST", url, fields=fields, encode_multipart=False, headers=auth)
        return Said(ROOM.format(sid))

    def connect(self, asked: Asked) -> Said:
        """The caller meets the agent."""
        self._outcome(asked.params["CallSid"], "answered")
        return Said(ROOM.format(asked.params["CallSid"]))

    def leave(self, asked: Asked) -> Said:
        """The caller has left the queue."""
        if asked.params["QueueResult"] == "hangup":
            self._outcome(asked.params["CallSid"], "abandoned")
        return Said()

    def status(self, asked: Asked) -> Said:
        """A leg has ended."""
        if row := self.rows.get(asked.params["CallSid"]):
            row["status"] = asked.params["CallStatus"]
        return Said()

    def _outcome(self, sid: str, outcome: str) -> None:
        for entry in self.rows.get(sid, {"entries": []})["entries"]:
            if entry["state"] == "waiting":
                entry["state"] = self.ends_as.get(outcome, outcome)
