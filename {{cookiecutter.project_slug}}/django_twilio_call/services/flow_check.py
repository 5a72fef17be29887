"""Is a flow one that every caller finds a way through? Pure functions over its JSON: all findings at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from ..exceptions import ValidationError
from ..phrases import check_texts

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong: at which node ("": the flow itself), under which key of it, against which rule."""

    node: str
    key: str
    rule: str

    def __str__(self) -> str:
        return f"{self.node or 'flow'}.{self.key}: {self.rule}" if self.key else f"{self.node or 'flow'}: {self.rule}"


REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "say": ("text", "next"),
    "menu": ("text", "keys", "default"),
    "hours": ("calendar", "open", "closed"),
    "queue": ("queue",),
    "voicemail": ("queue",),
    "callback": ("queue",),
    "hangup": (),
    "repeat": ("menu",),
}
"""Type of a node -> what it must have."""

OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "menu": ("attempts", "timeout"),
    "queue": ("skills",),
    "hangup": ("text",),
}
FLOW_KEYS: Final = {"start", "nodes", "language", "voice", "texts"}
MOST_SKILLS: Final = 3
TARGETS: Final = ("next", "open", "closed", "default", "menu")
"""Keys that name another node; a menu's `keys` do so too."""

WITHOUT_CALLER: Final = ("next", "open", "closed", "default", "menu")
"""Ways a caller goes who presses nothing: if these come round again, somebody listens for ever, and we pay."""


def check_flow(
    flow: object, *, queues: Collection[str], calendars: Collection[str], skills: Collection[str]
) -> list[Finding]:
    """Everything that is wrong with a flow, given the keys of the queues, calendars and skills there are."""
    if not isinstance(flow, dict) or not isinstance(flow.get("nodes"), dict) or not flow["nodes"]:
        return [Finding("", "nodes", "there must be at least one node, each under its name")]
    nodes: dict[str, Any] = flow["nodes"]
    found = [*_flow_itself(flow), *(finding for name, node in nodes.items() for finding in _node(name, node, nodes))]
    nodes = {name: node for name, node in nodes.items() if isinstance(node, dict)}
    found += _strangers(nodes, "queue", queues)
    found += _strangers(nodes, "calendar", calendars)
    found += _unknown_skills(nodes, skills)
    found += _unreachable(nodes, flow.get("start"))
    found += _endless(nodes)
    return sorted(set(found))


def _flow_itself(flow: Mapping[str, Any]) -> Iterator[Finding]:
    for key in sorted(flow.keys() - FLOW_KEYS):
        yield Finding("", key, f"is not known; a flow has {', '.join(sorted(FLOW_KEYS))}")
    if not _is_in(flow.get("start"), flow["nodes"]):
        yield Finding("", "start", f"{flow.get('start')!r} is no node")
    for key in ("language", "voice"):
        if not isinstance(flow.get(key, ""), str):
            yield Finding("", key, f"{flow[key]!r} must be a text")
    try:
        check_texts(flow.get("texts", {}))
    except ValidationError as error:
        yield Finding("", "texts", str(error))


def _node(name: str, node: object, nodes: Mapping[str, Any]) -> Iterator[Finding]:
    if not isinstance(node, dict) or not _is_in(node.get("type"), REQUIRED):
        kind = node.get("type") if isinstance(node, dict) else node
        yield Finding(name, "type", f"{kind!r} is no type of node; they are {', '.join(REQUIRED)}")
        return
    required, optional = REQUIRED[node["type"]], OPTIONAL.get(node["type"], ())
    for key in required:
        if key not in node:
            yield Finding(name, key, "is missing: here a caller gets no further")
    for key in sorted(node.keys() - {"type", *required, *optional}):
        yield Finding(name, key, f"is not known; a {node['type']} has {', '.join((*required, *optional))}")
    for key in node.keys() & _RULES.keys():
        if (rule := _RULES[key](node[key])) is not None:
            yield Finding(name, key, rule)
    for key, target in _ways(node):
        if not _is_in(target, nodes):
            yield Finding(name, key, f"{target!r} is no node")
    repeated = nodes.get(str(node.get("menu"))) if node["type"] == "repeat" else None
    if isinstance(repeated, dict) and repeated.get("type") != "menu":
        yield Finding(name, "menu", f"{node['menu']!r} is no menu")


def _strangers(nodes: Mapping[str, Node], key: str, known: Collection[str]) -> Iterator[Finding]:
    for name, node in nodes.items():
        if key in node and not _is_in(node[key], known):
            yield Finding(name, key, f"there is no {key} {node[key]!r}")


def _unknown_skills(nodes: Mapping[str, Node], known: Collection[str]) -> Iterator[Finding]:
    for name, node in nodes.items():
        wanted = node.get("skills")
        for skill in wanted if isinstance(wanted, dict) else ():
            if skill not in known:
                yield Finding(name, f"skills.{skill}", f"there is no skill {skill!r}")


def _unreachable(nodes: Mapping[str, Node], start: object) -> Iterator[Finding]:
    reached: set[object] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if isinstance(name, str) and name in nodes and name not in reached:
            reached.add(name)
            waiting += [target for _, target in _ways(nodes[name])]
    for name in nodes.keys() - reached:
        yield Finding(name, "", "no caller ever comes here")


def _endless(nodes: Mapping[str, Node]) -> Iterator[Finding]:
    ways = {
        name: {node[key] for key in WITHOUT_CALLER if isinstance(node.get(key), str)} for name, node in nodes.items()
    }
    try:
        TopologicalSorter(ways).prepare()
    except CycleError as error:
        *way, _ = reversed(error.args[1])
        first = way.index(min(way))
        round_ = [*way[first:], *way[:first]]
        yield Finding(round_[0], "", f"a caller who presses nothing never gets out: {' > '.join([*round_, round_[0]])}")


def _ways(node: Node) -> Iterator[tuple[str, Any]]:
    """(key, target) of every way out of a node."""
    yield from ((key, node[key]) for key in TARGETS if key in node)
    keys = node.get("keys")
    yield from ((f"keys.{digit}", target) for digit, target in keys.items()) if isinstance(keys, dict) else ()


def _is_in(value: object, names: Collection[str]) -> bool:
    """Whether it is one of the names; JSON has values that cannot even be looked up."""
    return isinstance(value, str) and value in names


def _is_text(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else f"{value!r} must be a text"


def _within(least: int, most: int) -> Callable[[object], str | None]:
    def rule(value: object) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and least <= value <= most else f"{value!r} must be {least} to {most}"  # type: ignore[operator]

    return rule


def _are_keys(value: object) -> str | None:
    if not isinstance(value, dict) or not value:
        return "a menu needs at least one key"
    wrong = [str(key) for key in value if not re.fullmatch(r"[0-9*#]", str(key))]
    return f"{', '.join(wrong)}: a phone has 0 to 9, * and #" if wrong else None


def _are_levels(value: object) -> str | None:
    if not isinstance(value, dict) or not 1 <= len(value) <= MOST_SKILLS:
        return f"needs one to {MOST_SKILLS} skills, each with its level"
    wrong = [f"{skill}: {rule}" for skill, level in value.items() if (rule := _within(1, 10)(level)) is not None]
    return ", ".join(wrong) or None


_RULES: Final[Mapping[str, Callable[[object], str | None]]] = {
    "text": _is_text,
    "keys": _are_keys,
    "skills": _are_levels,
    "attempts": _within(1, 10),
    "timeout": _within(1, 60),
}
