"""Configuration beside its peers, in one run: one access, one load, eight mistakes, one fingerprint.

`make bench-config` installs the peers into a virtual environment of their own and runs this there. Exits with 1 when a
limit is not held.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
PEERS = Path(__file__).with_name("peers.py")
ROUNDS = 9
LOADERS = ("hand", "ours", "django_environ", "environs", "dynaconf", "pydantic_settings")
LIMITS = {
    "get_config().x": 10,
    "self.config.x": 1.2,
    "get_cache_timeout(…)": 15,
    "load": 3,
    "load ms": 1,
    "import ms": 10,
}
ENVIRON = {
    "DJANGO_SETTINGS_MODULE": "config.settings.testing",
    "DJANGO_SECRET_KEY": "k" * 50,
    "TWILIO_AUTH_TOKEN": "t" * 32,
}


@dataclass(frozen=True, slots=True)
class Plain:
    """What nothing can beat: a value in a slot."""

    x: int


class Service:
    """Has a configuration as services have it, and a plain one."""

    def __init__(self, config: Any) -> None:
        self.config, self.plain = config, Plain(1)


def nanoseconds(statement: str, names: dict[str, Any], number: int = 2000, unrolled: int = 50) -> float:
    """One execution, of many in each turn of the loop: the least of many tries, for noise only adds."""
    many = "\n".join([statement] * unrolled)
    return min(timeit.repeat(many, globals=names, number=number, repeat=25)) / number / unrolled * 1e9


def accesses() -> dict[str, float]:
    """What one access costs inside a request, in nanoseconds."""
    sys.path.insert(0, str(PROJECT))
    os.environ.update(ENVIRON)
    import django
    from django.conf import settings

    django.setup()
    from django_twilio_call.conf import get_cache_timeout, get_config, pin, unpin

    token = pin()  # as the middleware does at the beginning of a request
    service = Service(get_config())
    names: dict[str, Any] = {
        "plain": service.plain, "service": service, "get_config": get_config, "settings": settings,
        "get_cache_timeout": get_cache_timeout,
    }  # fmt: skip
    measured = {
        "a slotted attribute": nanoseconds("plain.x", names),
        "get_config().x": nanoseconds("get_config().ring_timeout", names),
        "get_cache_timeout(…)": nanoseconds("get_cache_timeout('analytics')", names),
        "settings.X": nanoseconds("settings.TIME_ZONE", names),
        "self.plain.x": nanoseconds("service.plain.x", names),
        "self.config.x": nanoseconds("service.config.ring_timeout", names),
    }
    unpin(token)
    return measured


def fresh(*argv: str, environ: dict[str, str]) -> dict[str, Any]:
    """What a fresh process measured of itself."""
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{PROJECT}",
        "PYTHONPYCACHEPREFIX": tempfile.gettempdir(),
        **environ,
    }
    done = subprocess.run([sys.executable, str(PEERS), *argv], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{argv}: {done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _environment() -> dict[str, str]:
    told: dict[str, str] = fresh("environment", environ=ENVIRON)
    return told | ENVIRON


def loads() -> dict[str, tuple[float, float]]:
    """(import, load) of all settings by each loader, in CPU milliseconds: medians of fresh processes, taking turns."""
    environ = _environment()
    told = [{loader: fresh("load", loader, environ=environ) for loader in LOADERS} for _ in range(ROUNDS)]
    return {
        loader: (
            statistics.median(each[loader]["import"] for each in told),
            statistics.median(each[loader]["load"] for each in told),
        )
        for loader in LOADERS
    }


def mistakes() -> dict[str, int]:
    """How many of eight injected mistakes each loader names."""
    environ = _environment()
    bad = {
        "DJANGO_TWILIO_RING_TIMEOUT": "soon",
        "DJANGO_TWILIO_ENABLE_IVR": "ture",
        "DJANGO_TWILIO_DEFAULT_BATCH_SIZE": "1e3x",
        "DJANGO_TWILIO_RETRY_TIMEOUT_MULTIPLIER": "half",
        "PORT": "tcp://10.0.0.1:80",
        "DJANGO_TWILIO_RING_TIMOUT": "20",
        "DJANGO_TWILIO_COLOUR": "blue",
    }
    environ |= bad
    del environ["TWILIO_AUTH_TOKEN"]
    named = [*bad, "TWILIO_AUTH_TOKEN"]
    said = {loader: fresh("mistakes", loader, environ=environ)["said"].lower() for loader in LOADERS}
    # A name counts where it is a whole word, so that the misspelt one is not found in the real one's.
    words = {
        loader: set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())
        for loader, text in said.items()
    }
    return {loader: sum(name.lower() in words[loader] for name in named) for loader in LOADERS}


def microseconds(step: Callable[[], object]) -> float:
    """The least of many."""

    def once() -> float:
        began = time.perf_counter()
        step()
        return time.perf_counter() - began

    return min(once() for _ in range(200)) * 1e6


def upkeep() -> dict[str, float]:
    """What it costs to watch, to reload and to tell configurations apart, in microseconds."""
    from django_twilio_call.conf import get_config, pin, reload, unpin
    from django_twilio_call.conf.fingerprint import digests, fingerprint

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "..v1").mkdir()
        (Path(folder) / "..data").symlink_to("..v1")
        watch = reload.Watch(folder, every=0)
        looked = microseconds(watch.changed)
    return {
        "begin and end an operation": microseconds(lambda: unpin(pin())),
        "look for a change, once a second": looked,
        "reload everything": microseconds(reload.reload),
        "fingerprint": microseconds(lambda: fingerprint(digests(get_config()))),
    }


def main() -> int:
    """Measure and print; the exit code is 1 when a limit is not held."""
    over = []

    def row(name: str, value: str, ratio: float | None, limit: str = "") -> None:
        times = "" if ratio is None else f"{ratio:7.2f} times"
        held = limit == "" or (ratio is not None and ratio <= LIMITS[limit])
        over.extend([] if held else [name])
        print(
            f"{name:38} {value:>12} {times}"
            + (f"  (limit {LIMITS[limit]})" if limit else "")
            + ("" if held else "  OVER")
        )

    cost = accesses()
    print(f"one access, in a request (Python {sys.version.split()[0]})")
    for name in ("a slotted attribute", "get_config().x", "get_cache_timeout(…)", "settings.X"):
        row(name, f"{cost[name]:.1f} ns", cost[name] / cost["a slotted attribute"], name if name in LIMITS else "")
    row(
        "self.config.x, beside self.plain.x",
        f"{cost['self.config.x']:.1f} ns",
        cost["self.config.x"] / cost["self.plain.x"],
        "self.config.x",
    )
    count = len(_environment()) - len({"DJANGO_SETTINGS_MODULE", "KINDS"})
    print(f"\n{count} settings from the environment, CPU time; milliseconds are for 100")
    times = {loader: (imported, loaded * 100 / count) for loader, (imported, loaded) in loads().items()}
    for loader, (imported, loaded) in times.items():
        ratio = loaded / times["hand"][1]
        row(f"{loader}: load", f"{loaded:.2f} ms", ratio, "load" if loader == "ours" else "")
        row(f"{loader}: import on top of Django", f"{imported:.1f} ms", None)
    for name, value in (("load ms", times["ours"][1]), ("import ms", times["ours"][0])):
        over.extend([] if value < LIMITS[name] else [f"{name} {value:.2f}"])
    print("\neight mistakes, of which are named")
    found = mistakes()
    for loader, count in found.items():
        row(loader, f"{count} of 8", None)
    over.extend([] if found["ours"] == 8 else ["mistakes"])
    print("\nupkeep")
    for name, value in upkeep().items():
        row(name, f"{value:.1f} µs", None)
    print("\nall limits held" if not over else f"\nover: {', '.join(over)}")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
