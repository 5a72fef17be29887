"""A row of calls with scripted callers and agents, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .actors import Agents, Desk, Habits, Script, call_in
from .engine import Exchange
from .laws import check, lost

logger = logging.getLogger(__name__)

TRICKLE: Final = 20.0
"""Seconds between callers when the run is over and the simulator stays."""


@dataclass(frozen=True, slots=True)
class Load:
    """`calls` callers, `rate` a second; `timeout` seconds at most for all of it to come to its end."""

    calls: int
    rate: float
    seed: int
    api_url: str
    logins: Path
    habits: Habits
    timeout: float
    journal: Path | None = None
    stay: bool = False


async def run(exchange: Exchange, load: Load) -> int:
    """Run the load and print its figures as one line of JSON; answers the exit status."""
    desk = Desk(load.api_url)
    agents = Agents(exchange, desk, json.loads(load.logins.read_text()), load.seed, load.habits)
    await agents.go_on_duty()
    working = asyncio.create_task(agents.work())
    try:
        figures = await _measured(exchange, load, desk, agents)
        print(json.dumps(figures), flush=True)
        if load.stay:
            await _trickle(exchange, load)
    finally:
        working.cancel()
        desk.close()
    asked_for = exchange.faults.rules  # then webhooks fail as they are meant to
    broken = figures["lost"] or figures["double_booked"] or (figures["webhook_errors"] and not asked_for)
    return 1 if broken or figures["received"] != load.calls else 0


async def _measured(exchange: Exchange, load: Load, desk: Desk, agents: Agents) -> dict[str, Any]:
    began = time.monotonic()
    try:
        async with asyncio.timeout(load.timeout):
            await _all_calls(exchange, load)
            await _drained(exchange, desk, agents)
    except TimeoutError:
        live = [call.sid for call in exchange.calls.values() if call.live]
        under_way = await desk.get("drained/", agents.staff)
        logger.error("not all ended in %s s: legs %s, in the app %s", load.timeout, live, under_way)
    rows = await desk.get("calls/", agents.staff)
    if load.journal:
        load.journal.write_text("".join(json.dumps(call.journal) + "\n" for call in exchange.calls.values()))
    seconds = round(time.monotonic() - began, 1)
    return {
        **_figures(exchange, rows),
        "seconds": seconds,
        "rate_achieved": round(_rate(exchange), 2),
        "agents": len(agents.headers),
        "seed": load.seed,
    }


def _rate(exchange: Exchange) -> float:
    """Callers a second, from the first to the last; 0 where one is all."""
    rang = [call.started for call in exchange.calls.values() if call.direction == "inbound" and not call.identity]
    return (len(rang) - 1) / (max(rang) - min(rang)) if len(set(rang)) > 1 else 0.0


async def _all_calls(exchange: Exchange, load: Load) -> None:
    clock = exchange.clock
    began, callers = clock.time(), []
    for index in range(load.calls):
        await clock.sleep(max(began + index / load.rate - clock.time(), 0))
        callers.append(asyncio.create_task(call_in(exchange, Script.draw(load.seed, index, load.habits))))
    await asyncio.gather(*callers)


async def _drained(exchange: Exchange, desk: Desk, agents: Agents) -> None:
    """Wait until nobody talks or waits any more, here and in the app."""
    await exchange.drained()
    while True:
        with contextlib.suppress(OSError):
            if not any((await desk.get("drained/", agents.staff)).values()):
                return
        await asyncio.sleep(0.5)
        await exchange.drained()


async def _trickle(exchange: Exchange, load: Load) -> None:
    """A caller now and then, until somebody ends it."""
    index = load.calls
    while True:
        await call_in(exchange, Script.draw(load.seed, index, load.habits))
        await asyncio.sleep(TRICKLE)
        index += 1


def _figures(exchange: Exchange, rows: list[dict[str, Any]]) -> dict[str, Any]:
    journal = [call.journal for call in exchange.calls.values()]
    for sid, why in lost(journal, rows).items():
        logger.error("%s: %s", sid, why)
    webhooks = exchange.webhooks.figures
    return {
        **check(journal, rows),
        "webhooks": webhooks.sent,
        "webhook_errors": webhooks.errors,
        "p50_ms": webhooks.percentile(0.5),
        "p95_ms": webhooks.percentile(0.95),
        "p99_ms": webhooks.percentile(0.99),
        "faults": dict(sorted(exchange.faults.counts.items())),
    }
