"""`python -m twilio_simulator serve|load`: Twilio on this machine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from .account import Account, RefusedError
from .actors import Habits
from .engine import Exchange
from .http import serve
from .load import Load, run
from .rest import Rest
from .webhooks import Webhooks


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m twilio_simulator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--host", default="127.0.0.1", help="address to listen on (loopback)")
    shared.add_argument("--port", type=int, default=9100)
    shared.add_argument("--account-sid", default=os.environ.get("TWILIO_ACCOUNT_SID", "AC" + "0" * 32))
    shared.add_argument("--auth-token", default=os.environ.get("TWILIO_AUTH_TOKEN", ""), help="better: TWILIO_AUTH_TOKEN")
    shared.add_argument("--number", default="+15550100000", help="the number callers dial")
    for name in ("voice", "status", "client-voice", "fallback"):
        shared.add_argument(f"--{name}-url", default="", help=f"the {name} webhook")
    shared.add_argument("--public-url", default="", help="sign for this scheme and host")
    shared.add_argument("--connect-to", default="", metavar="HOST:PORT", help="but connect here, by http")
    shared.add_argument("--proxy-header", action="append", default=[], metavar="'NAME: VALUE'")
    shared.add_argument("--seed", type=int, default=1, help="decides every random choice")
    commands.add_parser("serve", parents=[shared], help="be Twilio until ended")
    load = commands.add_parser("load", parents=[shared], help="be Twilio, with callers and agents, and count")
    load.add_argument("--rate", type=float, default=2, help="callers a second")
    load.add_argument("--calls", type=int, default=20)
    load.add_argument("--agents", type=Path, required=True, help="logins, as manage.py demo writes them")
    load.add_argument("--api-url", default="http://127.0.0.1:8000/api/")
    load.add_argument("--talk", type=float, default=Habits().talk, help="mean seconds of a talk")
    load.add_argument("--patience", type=float, default=Habits().patience, help="mean seconds a caller waits")
    load.add_argument("--timeout", type=float, default=600, help="seconds for all of it")
    load.add_argument("--journal", type=Path, help="write a line of JSON for each leg")
    load.add_argument("--stay", action="store_true", help="go on until ended, with a caller now and then")
    return parser


def account_of(options: argparse.Namespace) -> Account:
    """The account to play. Raises `RefusedError` for one that may be real, or in production."""
    if os.environ.get("DJANGO_SETTINGS_MODULE", "").endswith("production"):
        raise RefusedError("DJANGO_SETTINGS_MODULE names production: callers there are real")
    headers = dict(header.split(": ", 1) for header in options.proxy_header if ": " in header)
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
        proxy_headers=headers,
        seed=options.seed,
    )


async def simulate(options: argparse.Namespace, account: Account) -> int:
    """Serve, and load if asked, until done or told to end."""
    webhooks = Webhooks(account)
    exchange = Exchange(account, webhooks)
    server = await serve(Rest(exchange).handle, options.host, options.port)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    waiting = asyncio.create_task(ended.wait())
    work = waiting
    if options.command == "load":
        habits = Habits(talk=options.talk, patience=options.patience)
        work = asyncio.create_task(run(exchange, _load(options, habits)))  # type: ignore[assignment]
    await asyncio.wait({waiting, work}, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    webhooks.close()
    if work is waiting or not work.done():
        return 0
    return int(work.result())


def _load(options: argparse.Namespace, habits: Habits) -> Load:
    return Load(
        calls=options.calls,
        rate=options.rate,
        seed=options.seed,
        api_url=options.api_url,
        logins=options.agents,
        habits=habits,
        timeout=options.timeout,
        journal=options.journal,
        stay=options.stay,
    )


def main() -> int:
    """Run the command."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    options = arguments().parse_args()
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
