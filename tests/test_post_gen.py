"""The hook that says what to type next."""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path

import pytest

from hooks import post_gen_project as hook

from .conftest import ROOT, run
from .test_pre_gen import GOOD

HOOKS = sorted((ROOT / "hooks").glob("*.py"))


def test_the_next_two_commands_can_be_copied() -> None:
    lines = hook.next_steps("/srv/call centers/acme", windows=False).split("\n")

    assert [line.strip() for line in lines[1:3]] == ["cd '/srv/call centers/acme'", lines[2].strip()]
    assert lines[2].split()[:2] == ["make", "run"]
    assert lines[3].split()[:2] == ["make", "test"]


def test_a_windows_folder_is_quoted_for_windows() -> None:
    assert 'cd "C:\\Call Centers\\acme"' in hook.next_steps("C:\\Call Centers\\acme", windows=True)


def test_a_folder_that_the_terminal_cannot_show_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "日本"
    folder.mkdir()
    script = ROOT / "hooks" / "post_gen_project.py"

    done = run(sys.executable, script, cwd=folder, env={**os.environ, "PYTHONIOENCODING": "cp1252"})

    assert "\\u65e5\\u672c" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("path", HOOKS, ids=lambda path: path.name)
def test_a_hook_needs_the_standard_library_alone(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])

    assert imported - sys.stdlib_module_names == set()


@pytest.mark.parametrize("path", HOOKS, ids=lambda path: path.name)
def test_a_hook_starts_no_program_and_opens_no_connection(path: Path, tmp_path: Path) -> None:
    answers = json.dumps(GOOD)
    script = tmp_path / path.name
    script.write_text(path.read_text().replace("{{ cookiecutter | tojson }}", answers))
    forbid = (
        "import runpy, sys\n"
        "def hook(event, args):\n"
        "    if event.startswith(('subprocess', 'os.exec', 'os.fork', 'os.posix_spawn', 'os.system', 'socket.')):\n"
        "        raise SystemExit(f'{event} {args}')\n"
        "sys.addaudithook(hook)\n"
        f"runpy.run_path({str(script)!r}, run_name='__main__')\n"
    )

    run(sys.executable, "-c", forbid, cwd=tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == [path.name]
