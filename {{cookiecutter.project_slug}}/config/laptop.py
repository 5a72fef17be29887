"""The whole call center on one machine, with no server and no account: `python -m config.laptop run|demo`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

import django
from django.core.management import call_command

from django_twilio_call.conf import get_config
from django_twilio_call.conf.envfiles import load_stage
from django_twilio_call.conf.secrets import main as make_secrets

from .processes import ROOT, ProcessError, Processes

LOOPBACK = "127.0.0.1"
VAR = ROOT / "var"
DEMO = VAR / "demo"
WORKER = "celery --quiet --app config.celery worker --beat --pool threads --concurrency 4 --loglevel WARNING"


def run(options: argparse.Namespace) -> int:
    """Web, worker and, where Twilio is not real, the simulator: until Ctrl-C."""
    simulated = prepare(options.port)
    if simulated:
        call_command("demo")
    with Processes() as processes:
        start(processes, VAR)
        if simulated:
            processes.start("simulator", *simulator("serve"))
        processes.wait_for(f"{here()}/healthz/ready")
        say(f"The call center is open at {here()}/, its agents' desk at {here()}/desk/. Ctrl-C closes it.")
        if simulated:
            base = get_config().twilio_api_base_url
            say(f"A phone to call in with is at {base}/_simulator/phone, every webhook at {base}/_simulator/timeline.")
        processes.wait()
    return 0


def demo(options: argparse.Namespace) -> int:
    """The same with simulated callers and agents; the exit code is 0 if no call was lost and no agent double-booked."""
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir(parents=True)
    # Its own database and messages: calls that an interrupted demo left open are nobody's.
    os.environ.setdefault("DATABASE_URL", "sqlite:///var/demo/db.sqlite3")
    os.environ.setdefault("CELERY_BROKER_FOLDER", "var/demo/broker")
    if not prepare(options.port):
        raise SystemExit("the demo is for the simulator, and this deploy's Twilio is elsewhere: see TWILIO_BACKEND")
    logins, figures = DEMO / "logins.json", DEMO / "figures.txt"
    call_command("demo", "--agents", str(options.agents), "--json", str(logins))
    with Processes(logs=DEMO) as processes:
        start(processes, DEMO)
        processes.wait_for(f"{here()}/healthz/ready")
        say(f"{options.calls} callers, {options.rate:g} a second, {options.agents} agents. Watch at {here()}/")
        rush = {"calls": options.calls, "rate": options.rate, "seed": options.seed, "agents": logins}
        argv = [part for name, value in rush.items() for part in (f"--{name}", str(value))]
        argv += ["--api-url", f"{here()}/api/", *(["--stay"] if options.stay else [])]
        load = processes.start("simulator", *simulator("load"), *argv, stdout=figures)
        held = follow(processes.lines("simulator", figures), options.calls, options.stay)
        if held is None:
            raise ProcessError(f"the simulator gave no figures{processes.tail('simulator')}")
        return 0 if held and (options.stay or load.wait() == 0) else 1


def prepare(port: int | None) -> bool:
    """Before the first process: secrets, environment, addresses, tables; answers whether Twilio is simulated here."""
    make_secrets(["--stage", "development"], ROOT)
    load_stage("development", ROOT)
    found = addresses(os.environ, port)
    os.environ.update(found)
    VAR.mkdir(exist_ok=True)
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("words")
    return "TWILIO_API_BASE_URL" in found


def start(processes: Processes, folder: Path) -> None:
    """Web and worker, for this machine alone; the worker's timetable lies in the folder."""
    bind = f"{LOOPBACK}:{os.environ['PORT']}"
    processes.start("web", "gunicorn", "--config", "config/gunicorn.conf.py", "--bind", bind, "config.wsgi")
    processes.start("worker", *WORKER.split(), "--schedule", str(folder / "beat"))


def follow(lines: Iterable[str], calls: int, stay: bool) -> bool | None:
    """Pass on what the simulator says; answers whether all calls arrived and none was lost, None if it did not say."""
    held = None
    with contextlib.suppress(KeyboardInterrupt):
        for line in lines:
            print(line, end="", flush=True)
            if line.startswith("{"):
                told = json.loads(line)
                held = told["received"] == calls and not (told["lost"] or told["double_booked"])
                if stay:
                    say(f"Still open: {here()}/ and {here()}/desk/. Ctrl-C closes it.")
    return held


def simulator(command: str) -> list[str]:
    """The simulator's command line: whose account and number it plays, and where their webhooks are."""
    from django_twilio_call.services.addresses import app_url, number_settings  # models want Django to be set up

    config = get_config()
    port = urlsplit(config.twilio_api_base_url).port
    options = {"port": port, "account-sid": config.twilio_account_sid, "number": config.twilio_phone_number}
    number = number_settings()  # as `manage.py twilio setup` would have it
    options |= {
        "voice-url": number["voice_url"],
        "status-url": number["status_callback"],
        "client-voice-url": app_url(),
    }
    options |= {"fallback-url": number["voice_fallback_url"]}
    return [
        "twilio_simulator",
        command,
        *(part for name, value in options.items() for part in (f"--{name}", str(value))),
    ]


def addresses(environment: Mapping[str, str], port: int | None) -> dict[str, str]:
    """PORT, and where app and simulator are reached unless that is elsewhere: behind a tunnel, at Twilio itself."""
    web = free_port(port or 8000, exactly=port is not None)
    found = {"PORT": str(web)}
    if _is_here(environment.get("PUBLIC_BASE_URL")):
        found["PUBLIC_BASE_URL"] = f"http://{LOOPBACK}:{web}"
    if _is_here(environment.get("TWILIO_API_BASE_URL")) and environment.get("TWILIO_BACKEND") != "twilio":
        found["TWILIO_API_BASE_URL"] = f"http://{LOOPBACK}:{free_port(max(9100, web + 1))}"
    return found


def free_port(wanted: int, *, exactly: bool = False) -> int:
    """A port of loopback that nobody listens on: the wanted one or, unless `exactly`, one of the hundred after it.

    Until this process ends it is ours: another call center that starts beside this one takes the next.
    """
    for port in range(wanted, wanted + (1 if exactly else 100)):
        with socket.socket() as listener, contextlib.suppress(OSError):
            # As servers do: a connection that was closed a moment ago does not count.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, port))
            _hold(port)
            return port
    raise SystemExit(f"port {wanted} is taken. Another: PORT={wanted + 1}")


_held: Final = contextlib.ExitStack()


def _hold(port: int) -> None:
    """Mark a port as taken before anybody listens there. Raises `OSError` when another process has done so."""
    mark = Path(tempfile.gettempdir(), f"call-center-{os.getuid()}-{port}.lock")
    with contextlib.ExitStack() as opened:
        fcntl.flock(opened.enter_context(mark.open("w")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held.push(opened.pop_all())


def here() -> str:
    """Where this machine's browser finds the call center."""
    return f"http://{LOOPBACK}:{os.environ['PORT']}"


def say(text: str) -> None:
    """A line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def _is_here(url: str | None) -> bool:
    return url is None or urlsplit(url).hostname in {LOOPBACK, "localhost"}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """The command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    for command in (run, demo):
        own = commands.add_parser(command.__name__, help=command.__doc__)
        own.set_defaults(command=command)
        own.add_argument("--port", type=int, help="default: 8000, or the next that is free")
    own.add_argument("--calls", type=int, default=20)
    own.add_argument("--rate", type=float, default=2, help="calls a second (default 2)")
    own.add_argument("--agents", type=int, default=6)
    own.add_argument("--seed", type=int, default=1)
    own.add_argument("--stay", action="store_true", help="stay open when the last call has ended")
    options = parser.parse_args()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        return int(options.command(options))
    except ProcessError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 0 if options.command is run else 130


if __name__ == "__main__":
    sys.exit(main())
