"""Prints how long a newcomer waits, here and with the peers, from the same run: `make bench`."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent
BAKED = "my-call-center"
ROUNDS = 7
LIMIT = 1.3  # times cookiecutter's own time for an empty template
COOKIECUTTER = [sys.executable, "-m", "cookiecutter", "--default-config", "--no-input", "--output-dir"]


def seconds(step: Callable[[], None]) -> float:
    """How long a step takes."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def quietly(*argv: str | Path, cwd: Path) -> None:
    """Run a program; what it said is shown only if it fails."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n{done.stdout[-4000:]}")


def generation(folder: Path) -> tuple[float, float]:
    """Seconds for an empty template and for this one: medians of rounds that take turns."""
    empty = folder / "empty"
    (empty / "{{cookiecutter.project_slug}}").mkdir(parents=True)
    (empty / "cookiecutter.json").write_text(json.dumps({"project_slug": BAKED}))

    def bake(template: Path) -> float:
        out = Path(tempfile.mkdtemp(dir=folder))
        return seconds(lambda: quietly(*COOKIECUTTER, out, template, cwd=folder))

    rounds = [(bake(empty), bake(TEMPLATE)) for _ in range(ROUNDS)]
    return statistics.median(first for first, _ in rounds), statistics.median(second for _, second in rounds)


def first_page(folder: Path) -> None:
    """What Django's own newcomer does, with Django installed: a project, its tables, a page."""
    quietly(sys.executable, "-m", "django", "startproject", "peer", cwd=folder)
    project = folder / "peer"
    quietly(sys.executable, "manage.py", "migrate", cwd=project)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    argv = [sys.executable, "manage.py", "runserver", "--noreload", str(port)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(argv, cwd=project, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        page(f"http://127.0.0.1:{port}/", server)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def page(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait for a page."""
    while server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own loopback
            return
        time.sleep(0.02)
    raise SystemExit(f"nothing answers at {url}")


def first_call(project: Path) -> None:
    """What our newcomer does: a call comes in, is answered, talked through and counted."""
    quietly("make", "demo", "CALLS=1", cwd=project)


def main() -> int:
    """Measure and print; the exit code is 1 when generation is over its limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty, ours = generation(folder)
        print(f"cookiecutter, an empty template        {empty:6.2f} s   median of {ROUNDS}")
        print(
            f"cookiecutter, this template            {ours:6.2f} s   {ours / empty:.2f} times (limit {LIMIT})",
            flush=True,
        )
        project = folder / BAKED
        quietly(*COOKIECUTTER, folder, TEMPLATE, cwd=folder)
        from_nothing = ours + seconds(lambda: first_call(project))
        shutil.rmtree(project / "var")
        installed = ours + seconds(lambda: first_call(project))
        peer = seconds(lambda: first_page(folder))
        print(f"django-admin: project, tables, a page  {peer:6.2f} s   Django is installed")
        times = f"{installed / peer:.1f} times"
        print(f"ours: project, tables, a call          {installed:6.2f} s   {times}; all is installed")
        print(f"ours, from Python and make alone       {from_nothing:6.2f} s   with virtual environment and packages")
    return 0 if ours / empty <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
