"""`python -m twilio_simulator serve|load`: Twilio on this machine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .account import Account, RefusedError
from .actors import Habits
from .clock import clock_of
from .engine import Exchange
from .faults import Faults, FaultyWebhooks, Rule, read
from .http import serving
from .load import Load, run
from .rest import Rest


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m twilio_simulator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", parents=[_shared()], help="be Twilio until ended")
    load = commands.add_parser("load", parents=[_shared()], help="be Twilio, with callers and agents, and count")
    load.add_argument("--rate", type=_positive, default=2, help="callers a second")
    load.add_argument("--calls", type=int, default=20)
    load.add_argument("--for", type=_positive, dest="seconds", help="seconds to call in for, instead of --calls")
    load.add_argument("--seed", type=int, default=1, help="decides every random choice of callers and agents")
    load.add_argument("--agents", type=Path, required=True, help="logins, as manage.py demo writes them")
    load.add_argument("--api-url", default="http://127.0.0.1:8000/api/")
    load.add_argument("--talk", type=_positive, default=Habits().talk, help="mean seconds of a talk")
    load.add_argument("--patience", type=_positive, default=Habits().patience, help="mean seconds a caller waits")
    load.add_argument("--says", default="", metavar="WORDS", help="what callers say in a menu, one of support,sales")
    load.add_argument("--declines", type=_share, default=0.0, help="share of offers that agents turn down")
    load.add_argument("--ignores", type=_share, default=0.0, help="share of offers that agents let ring")
    load.add_argument("--timeout", type=_positive, default=600, help="seconds for all of it")
    load.add_argument("--journal", type=Path, help="write a line of JSON for each leg")
    load.add_argument("--stay", action="store_true", help="go on until ended, with a caller now and then")
    return parser


def _shared() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    shared.add_argument("--port", type=int, default=9100)
    shared.add_argument("--account-sid", default=os.environ.get("TWILIO_ACCOUNT_SID", "AC" + "0" * 32))
    token = os.environ.get("TWILIO_AUTH_TOKEN", "")
    shared.add_argument("--auth-token", default=token, help="better: TWILIO_AUTH_TOKEN")
    shared.add_argument("--number", default="+15550100000", help="the number callers dial")
    shared.add_argument(
        "--speed",
        type=float,
        default=1,
        help="how many times as fast calls live; 0: only by POST /_simulator/clock/advance",
    )
    for name in ("voice", "status", "client-voice", "fallback"):
        shared.add_argument(f"--{name}-url", default="", help=f"the {name} webhook")
    shared.add_argument("--public-url", default="", help="sign for this scheme and host")
    shared.add_argument("--connect-to", default="", metavar="HOST:PORT", help="but connect here, by http")
    shared.add_argument(
        "--faults", type=_faults, default=(), metavar="status:duplicate=0.05,…", help="see twilio_simulator/faults.py"
    )
    shared.add_argument("--fault-seed", type=int, default=1, help="decides which webhooks and requests they meet")
    shared.add_argument("--proxy-header", type=_header, action="append", default=[], metavar="'NAME: VALUE'")
    return shared


def _positive(text: str) -> float:
    if not (number := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} must be more than 0")
    return number


def _share(text: str) -> float:
    if not 0 <= (number := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} must be from 0 to 1")
    return number


def _faults(text: str) -> tuple[Rule, ...]:
    try:
        return read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (name and colon):
        raise argparse.ArgumentTypeError(f"{text!r} must be like 'X-Forwarded-Proto: https'")
    return name.strip(), value.strip()


def account_of(options: argparse.Namespace) -> Account:
    """The account to play. Raises `RefusedError` for one that may be real, or in production."""
    if os.environ.get("DJANGO_SETTINGS_MODULE", "").endswith("production"):
        raise RefusedError("DJANGO_SETTINGS_MODULE names production: callers there are real")
    return Account(
        sid=options.account_sid,
        token=options.auth_token,
        number=options.number,
        voice_url=options.voice_url,
        status_url=options.status_url,
        client_voice_url=options.client_voice_url,
        fallback_url=options.fallback_url,
        public_url=options.public_url,
        connect_to=options.connect_to,
        proxy_headers=dict(options.proxy_header),
    )


async def simulate(options: argparse.Namespace, account: Account) -> int:
    """Serve, and load if asked, until done or told to end; answers the exit status."""
    clock = clock_of(options.speed)
    faults = Faults(options.faults, seed=options.fault_seed, clock=clock.time)
    exchange = Exchange(account, FaultyWebhooks(account, faults), clock=clock, faults=faults)
    handle = faults.handling(Rest(exchange).handle, hang_up=exchange.hang_up)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        async with serving(handle, options.host, options.port):
            if options.command == "serve":
                await ended.wait()
                return 0
            return await _until(ended, asyncio.ensure_future(run(exchange, _load(options))), stay=options.stay)
    finally:
        await exchange.close()


async def _until(ended: asyncio.Event, work: asyncio.Future[int], *, stay: bool) -> int:
    """The status that the work comes to; broken off, it failed, unless it was to go on until then."""
    waiting = asyncio.ensure_future(ended.wait())
    both: set[asyncio.Future[Any]] = {waiting, work}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if work.done():
        return work.result()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    return 0 if stay else 1


def _load(options: argparse.Namespace) -> Load:
    return Load(
        calls=round(options.rate * options.seconds) if options.seconds else options.calls,
        rate=options.rate,
        seed=options.seed,
        api_url=options.api_url,
        logins=options.agents,
        habits=Habits(
            talk=options.talk,
            patience=options.patience,
            declines=options.declines,
            ignores=options.ignores,
            says=tuple(filter(None, options.says.split(","))),
        ),
        timeout=options.timeout,
        journal=options.journal,
        stay=options.stay,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    options = arguments().parse_args(argv)
    try:
        return asyncio.run(simulate(options, account_of(options)))
    except RefusedError as refused:
        sys.stderr.write(f"{refused}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"the simulator cannot go on: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
