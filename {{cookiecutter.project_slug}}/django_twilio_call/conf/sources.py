"""Where the texts of variables come from: the environment, files of secrets, a folder with a file for each key.

Each variable has one source. Two are refused, for then one of them would lie.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from .catalogue import variables
from .platform import DATABASE_PARTS
from .problems import LONGEST, Problem, nearest, shown, unfit
from .variables import CONFIG_DIR, PREFIX, STAGE, Var

ENVIRONMENT: Final = "environment"
OUTSIDE: Final = frozenset({CONFIG_DIR, STAGE, *DATABASE_PARTS})
"""Names that are read, and stand in no field of `Config`."""
TRIES: Final = 5
_KEY: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_INJECTED: Final = r"_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$"
"""Compiled where it is needed, which is seldom."""
_ADDRESSES: Final = ("tcp://", "udp://", "sctp://")


@dataclass(slots=True, eq=False, repr=False)  # it holds secrets: nothing prints it
class Texts:
    """What was found: texts by name, where each came from unless from the environment, and what went wrong."""

    values: dict[str, str]
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    """Names of variables that were there and could not be read: reported, so not missing too."""

    def origin(self, name: str) -> str:
        """Where the text of a variable came from."""
        return self.origins.get(name, ENVIRONMENT)

    def refuse(self, name: str, rule: str, source: str, value: str | None = None) -> None:
        """Note a problem."""
        self.problems.append(Problem(name, rule, source, value))


def collect(environ: Mapping[str, str], where: Mapping[str, str] | None = None) -> Texts:
    """All texts of a process with this environment; `where` says of names which file they came from."""
    texts = Texts(dict(environ), dict(where or {}))
    known = variables()
    if folder := texts.values.get(CONFIG_DIR):
        _add_folder(texts, folder)
    for name in [name for name in texts.values if name not in known]:
        if name.endswith("_FILE") and (declared := _secret(name.removesuffix("_FILE"))):
            _add_file(texts, declared.name, name)
        elif name.startswith(PREFIX) and name not in OUTSIDE and not _injected(texts, name):
            _refuse_unknown(texts, name)
    if texts.values.get("DATABASE_HOST"):
        _add_database_url(texts)
    return texts


def entries(folder: Path) -> Iterator[tuple[str, Path]]:
    """(key, file) of a folder; a mounted ConfigMap's are those behind its `..data`."""
    data = folder / "..data"
    folder = data.resolve(strict=True) if data.is_symlink() else folder
    for file in sorted(folder.iterdir()):
        # A file that vanishes meanwhile is no folder, so reading it fails: it is not taken for one that never was.
        if _KEY.fullmatch(file.name) and not file.is_dir():
            yield file.name, file


def mark(folder: Path) -> object:
    """What a swap of `..data`, and any change of a file where there is none, makes another. Raises OSError."""
    if (data := folder / "..data").is_symlink():
        return os.readlink(data)
    states = ((key, file.stat()) for key, file in entries(folder))
    return tuple((key, state.st_mtime_ns, state.st_size, state.st_ino) for key, state in states)


def read_text(path: str | Path) -> str:
    """What a file says, without the one line break at its end. Raises OSError or ValueError, whose words are secret."""
    with Path(path).open("rb") as file:
        content = file.read(4 * LONGEST + 2)
    return content.decode("utf-8").removesuffix("\n").removesuffix("\r")


def _add_folder(texts: Texts, folder: str) -> None:
    try:
        found = _read_folder(Path(folder))
    except (OSError, ValueError) as error:
        texts.refuse(CONFIG_DIR, f"cannot be read: {type(error).__name__}", texts.origin(CONFIG_DIR), repr(folder))
        return
    known = variables()
    for key, text in found.items():
        origin = str(Path(folder, key))
        if key in texts.values:
            texts.refuse(key, "stands in two places; let it stand in one", f"{texts.origin(key)}, and {origin}")
        elif key in known or key in OUTSIDE or key.startswith(PREFIX) or _secret(key.removesuffix("_FILE")):
            texts.values[key], texts.origins[key] = text, origin
        else:
            _refuse_unknown(texts, key, origin)


def _read_folder(folder: Path) -> dict[str, str]:
    """All texts of one version: the kubelet may swap, and remove the old one, while this reads."""
    for attempt in range(TRIES):
        try:
            before = mark(folder)
            found = {key: read_text(file) for key, file in entries(folder)}
            if mark(folder) == before:
                return found
        except FileNotFoundError:
            if attempt == TRIES - 1 or not folder.is_dir():
                raise
    raise OSError("it changes all the time")


def _add_file(texts: Texts, name: str, pointer: str) -> None:
    """The secret whose file the variable `pointer` names."""
    path = texts.values[pointer]
    if name in texts.values:
        texts.refuse(name, f"stands in two places: itself, and {pointer}; let it stand in one", texts.origin(name))
        return
    try:
        texts.values[name], texts.origins[name] = read_text(path), f"file {path}, which {pointer} names"
    except (OSError, ValueError) as error:
        texts.unreadable.add(name)
        # What is no path from / on may be the secret itself.
        hidden = not path.startswith("/")
        rule = "must be a path, from / on" if hidden else f"cannot be read: {type(error).__name__}"
        texts.refuse(pointer, rule, texts.origin(pointer), shown(path, secret=hidden))


def _add_database_url(texts: Texts) -> None:
    """DATABASE_URL from its parts; the password is encoded here, by nobody else."""
    if "DATABASE_URL" in texts.values:
        texts.refuse("DATABASE_URL", "stands in two places: itself, and DATABASE_HOST", texts.origin("DATABASE_URL"))
        return
    parts = {}
    for name, declared in DATABASE_PARTS.items():
        text = texts.values.get(name, "")
        if not text or _injected(texts, name):
            text = declared.default
        if text and (rule := unfit(text) or _broken(declared, text)):
            texts.refuse(name, rule, texts.origin(name), shown(text, secret=declared.secret))
        parts[name.removeprefix("DATABASE_").lower()] = quote(
            text, safe="", errors="replace"
        )  # unfit texts were refused above
    if not parts["name"]:
        texts.refuse("DATABASE_NAME", "missing; DATABASE_HOST is there", "nowhere")
    texts.unreadable.add("DATABASE_URL")
    if not any(problem.key in DATABASE_PARTS for problem in texts.problems):
        login = f"{parts['user']}:{parts['password']}@" if parts["user"] else ""
        texts.values["DATABASE_URL"] = f"postgres://{login}{parts['host']}:{parts['port']}/{parts['name']}"
        texts.origins["DATABASE_URL"] = "DATABASE_HOST and its companions"


def _broken(declared: Var, text: str) -> str | None:
    try:
        declared.type.read(text)
    except ValueError:
        return f"must be {declared.type.rule}"
    return None


def _secret(name: str) -> Var | None:
    """The secret variable of that name: any of them may be a file."""
    declared = variables().get(name) or DATABASE_PARTS.get(name)
    return declared if declared is not None and declared.secret else None


def _injected(texts: Texts, name: str) -> bool:
    """Whether Kubernetes made it, for a Service of the namespace: `<SERVICE>_PORT=tcp://…` and its companions."""
    if ("_PORT" not in name and "_SERVICE_" not in name) or re.search(_INJECTED, name) is None:
        return False
    return not name.endswith("_PORT") or "_TCP_" in name or texts.values.get(name, "").startswith(_ADDRESSES)


def _refuse_unknown(texts: Texts, name: str, origin: str | None = None) -> None:
    near = nearest(name, [*variables(), *OUTSIDE])
    rule = "is not a variable" + (f"; did you mean {near}?" if near else "")
    texts.refuse(name, rule, origin or texts.origin(name))
