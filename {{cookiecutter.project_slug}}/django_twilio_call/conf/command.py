"""`manage.py config …` for what needs no settings: files are looked at, and nothing of the deploy is started."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ..exceptions import ConfigurationError
from . import moving, secrets
from .catalogue import variables
from .envfiles import APP, SECRETS, TUNABLES, EnvFiles, loaded, read_files, stage_files
from .fingerprint import digests, fingerprint
from .problems import nearest
from .reader import reading, survey
from .reference import docs, export
from .sources import OUTSIDE
from .tables import Deploy, diff
from .variables import STAGE, STAGES

Say = Callable[[str], object]


def main(argv: Sequence[str], root: Path) -> int:
    """Run one of `COMMANDS`; the exit code. What it finds goes to stdout, what is wrong to stderr."""
    try:
        return COMMANDS[argv[0]](argv[1:], root)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def check(argv: Sequence[str], root: Path) -> int:
    """Say everything that is wrong with these files, or else with this process's environment. Starts nothing."""
    parser = _parser("check", check)
    parser.add_argument("--env-file", action="append", type=Path, metavar="FILE", help="may be given again")
    parser.add_argument("--stage", help="a folder of deploy/: all its files")
    options = parser.parse_args(argv)
    if options.stage or options.env_file:
        paths = [*(_files_of(options.stage, root) if options.stage else ()), *(options.env_file or ())]
        problems, notes = examine(read_files(paths, root), environ={})
    else:
        found = reading(os.environ, os.environ.get(STAGE, "").rpartition(".")[2], where=loaded(os.environ))
        problems, notes = [], [f"{found.config.stage}: {fingerprint(digests(found.config))}"]
    _print(notes, sys.stdout.write)
    if problems:
        raise ConfigurationError(problems)
    sys.stdout.write("no problem\n")
    return 0


def examine(files: EnvFiles, *, environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """(problems, notes) of a deploy's files. Without its secrets.env, what is missing is a note: it comes otherwise."""
    problems, notes = [*files.problems, *_misplaced(files)], list[str]()
    whole = any(_file(where) == SECRETS for where in files.where.values())
    stage = stage_of(files)
    if stage not in STAGES:
        rule = f"must name a settings module of {', '.join(STAGES)}"
        return [*problems, f"{STAGE}: {rule} (from {files.where.get(STAGE, 'nowhere')})"], notes
    seen = files.where.keys() - files.values.keys()
    for problem in survey({**environ, **files.values}, stage, where=files.where)[0].problems:
        if problem.source.startswith("nowhere") and problem.key in seen:
            continue  # it is there, in a line that was refused
        absent = problem.source.startswith("nowhere") and not whole
        (notes if absent else problems).append(f"to come: {problem.key}" if absent else str(problem))
    for name in sorted(files.values.keys() - variables().keys() - OUTSIDE):
        if name.startswith("DJANGO_TWILIO_") or name.removesuffix("_FILE") in variables():
            continue  # reported, or a secret's file
        near = nearest(name, variables())
        line = f"{name} is not a variable of ours (from {files.where[name]})"
        (problems if near else notes).append(f"{line}; did you mean {near}?" if near else line)
    return problems, notes


def deploy_of(name: str, root: Path) -> Deploy:
    """What a folder of deploy/, or a file, comes to. Raises `ConfigurationError` for a line nobody can read alike."""
    paths = [Path(name)] if Path(name).is_file() else _files_of(name, root)
    files = read_files(paths, root)
    if files.problems:
        raise ConfigurationError(files.problems)
    stage = stage_of(files) or (name if name in STAGES else "")
    found, values = survey(files.values, stage, where=files.where)
    wrong = [problem for problem in found.problems if not problem.source.startswith("nowhere")]
    if wrong:
        raise ConfigurationError(wrong)
    origins = {key: found.origin(key) for key in found.values}
    return Deploy(Path(name).name if Path(name).is_file() else name, stage, files, values, origins)


def stage_of(files: EnvFiles) -> str:
    """The stage that files name."""
    return files.values.get(STAGE, "").rpartition(".")[2]


def _diff(argv: Sequence[str], root: Path) -> int:
    """Say which variables two deploys have otherwise."""
    parser = _parser("diff", _diff)
    parser.add_argument("one", help="a folder of deploy/, or an env file")
    parser.add_argument("other")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 where they differ")
    options = parser.parse_args(argv)
    lines = diff(deploy_of(options.one, root), deploy_of(options.other, root))
    _print(lines, sys.stdout.write)
    return int(bool(lines) and options.exit_code)


def _docs(argv: Sequence[str], root: Path) -> int:
    """Print the reference of all variables, in Markdown."""
    _parser("docs", _docs).parse_args(argv)
    sys.stdout.write(docs())
    return 0


def _export(argv: Sequence[str], root: Path) -> int:
    """Print a complete app.env of a deploy with comments, and the names of its secrets."""
    parser = _parser("export", _export)
    parser.add_argument("--stage", required=True, help="a folder of deploy/, or the name of a stage")
    name = parser.parse_args(argv).stage
    _print(export(deploy_of(name, root)), sys.stdout.write)
    return 0


def _import(argv: Sequence[str], root: Path) -> int:
    """Say of each key of a django-twilio-call 0.1.9 env file: read, renamed, ignored or dangerous, and why."""
    parser = _parser("import", _import)
    parser.add_argument("file", type=Path)
    verdicts = moving.judge(parser.parse_args(argv).file)
    _print((str(verdict) for verdict in verdicts), sys.stdout.write)
    return int(any(verdict.word == moving.DANGEROUS for verdict in verdicts))


def _files_of(name: str, root: Path) -> list[Path]:
    if "/" in name or not (root / "deploy" / name).is_dir():
        if name in STAGES:
            return []
        raise ConfigurationError([f"{name!r} is neither a folder of deploy/ nor a file"])
    return stage_files(name, root)


def _misplaced(files: EnvFiles) -> Iterable[str]:
    """Secrets in a file that is committed, and what cannot change without a restart in the file of what can."""
    for name, declared in variables().items():
        where = files.where.get(name, "")
        if declared.secret and files.values.get(name) and _file(where) in (APP, TUNABLES):
            yield f"{name} is secret and stands in {where}: {SECRETS} is its place"
        elif not declared.reloadable and _file(where) == TUNABLES:
            yield f"{name} is not reloadable and stands in {where}: {APP} is its place"


def _file(where: str) -> str:
    return Path(where.rpartition(":")[0]).name


def _parser(name: str, function: Callable[..., int]) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"manage.py config {name}", description=function.__doc__)


def _print(lines: Iterable[str], say: Say) -> None:
    for line in lines:
        say(f"{line}\n")


COMMANDS: Final[dict[str, Callable[[Sequence[str], Path], int]]] = {
    "check": check,
    "diff": _diff,
    "docs": _docs,
    "export": _export,
    "import": _import,
    "secrets": secrets.main,
}
