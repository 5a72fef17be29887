"""A flow as a picture: its nodes in rows by how far they are from the start, and the ways between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 160, 66, 14, 56, 12
ROW: Final = 12
LINE: Final = 22
"""Characters of a node's text that fit."""
TYPES: Final = {
    "say": _("say"),
    "menu": _("menu"),
    "hours": _("hours"),
    "queue": _("queue"),
    "voicemail": _("voicemail"),
    "callback": _("callback"),
    "hangup": _("hangup"),
    "repeat": _("repeat"),
}
NEWS: Final = {"new": _("new"), "changed": _("changed")}
WAYS: Final = {"open": _("open"), "closed": _("closed"), "menu": _("back"), "default": _("nothing pressed")}
"""Key of a node that names another -> what takes a caller there; `next` is what anybody does."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node: `news` is "", "new" or "changed", against what was published before."""

    name: str
    type: str
    text: str
    x: int
    y: int
    news: str = ""

    @property
    def middle(self) -> int:
        """Where ways come in."""
        return self.x + WIDTH // 2

    @property
    def type_text(self) -> str:
        """The type in words; a mistyped one as it is."""
        return str(TYPES.get(self.type, self.type))

    @property
    def news_text(self) -> str:
        """The news in words."""
        return str(NEWS.get(self.news, ""))


@dataclass(frozen=True, slots=True)
class Way:
    """From a node to another: an SVG path, and at (x, y), by its end, what a caller does to take it."""

    path: str
    label: str
    x: int
    y: int
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Ready to be drawn. `gone`: names of nodes that the flow before had and this one has not."""

    width: int
    height: int
    boxes: list[Box]
    ways: list[Way]
    gone: list[str]


def draw(flow: Any, *, before: Any = None) -> Picture:
    """Any flow, a draft with mistakes too: what leads nowhere has no way, what nothing leads to stands last."""
    nodes = _nodes(flow)
    known = _nodes(before)
    rows = _rows(nodes, flow.get("start") if isinstance(flow, dict) else None)
    boxes: dict[str, Box] = {}
    for at, names in enumerate(rows):
        for place, name in enumerate(names):
            node = nodes[name]
            boxes[name] = Box(
                name=name,
                type=str(node.get("type", "?")),
                text=_text(node),
                x=MARGIN + place * (WIDTH + GAP_X),
                y=MARGIN + at * (HEIGHT + GAP_Y),
                news="" if before is None or node == known.get(name) else "changed" if name in known else "new",
            )
    ways: list[Way] = []
    arrived: Counter[str] = Counter()
    for name, node in nodes.items():
        for number, (label, target) in enumerate(_labelled(node)):
            if target in boxes:
                ways.append(_way(boxes[name], boxes[target], label, number, arrived[target]))
                arrived[target] += bool(label)
    widest = max(map(len, rows), default=0)
    return Picture(
        width=2 * MARGIN + widest * (WIDTH + GAP_X),
        height=2 * MARGIN + len(rows) * (HEIGHT + GAP_Y),
        boxes=list(boxes.values()),
        ways=ways,
        gone=sorted(known.keys() - nodes.keys()) if before is not None else [],
    )


def _nodes(flow: Any) -> dict[str, Mapping[str, Any]]:
    nodes = flow.get("nodes") if isinstance(flow, dict) else None
    return {str(name): node for name, node in (nodes or {}).items() if isinstance(node, dict)}


def _labelled(node: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(all that a caller can do to get there, name of the node they come to), each node once."""
    labels: dict[str, list[str]] = {}
    for label, target in _targets(node):
        labels.setdefault(target, []).append(label)
    return [(", ".join(filter(None, found)), target) for target, found in labels.items()]


def _targets(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(what a caller does, name of the node they come to)."""
    keys = node.get("keys")
    for key, target in (keys if isinstance(keys, dict) else {}).items():
        yield gettext("key %(key)s") % {"key": key}, str(target)
    for key in ("next", "open", "closed", "default", "menu"):
        if isinstance(node.get(key), str):
            yield str(WAYS.get(key, "")), node[key]


def _rows(nodes: Mapping[str, Mapping[str, Any]], start: Any) -> list[list[str]]:
    """Breadth first from the start; then what nothing leads to."""
    row = [start] if isinstance(start, str) and start in nodes else []
    seen, rows = set(row), list[list[str]]()
    while row:
        rows.append(row)
        following = [target for name in row for _, target in _targets(nodes[name]) if target in nodes]
        row = [name for name in dict.fromkeys(following) if name not in seen]
        seen |= set(row)
    lost = [name for name in nodes if name not in seen]
    return [*rows, lost] if lost else rows


def _text(node: Mapping[str, Any]) -> str:
    text = str(node.get("text") or node.get("queue") or node.get("calendar") or node.get("menu") or "")
    return text if len(text) <= LINE else f"{text[: LINE - 1]}…"


def _way(source: Box, target: Box, label: str, number: int, arrived: int) -> Way:
    """Way `number` of its source; as many with words as `arrived` have come to the target before."""
    words = gettext("%(source)s to %(target)s") % {"source": source.name, "target": target.name}
    words += f": {label}" if label else ""
    x = source.x + 20 + 30 * (number % 5)  # ways of one node leave side by side
    y = source.y + HEIGHT
    if target.y > source.y:
        bend = GAP_Y // 2
        path = f"M{x} {y}C{x} {y + bend} {target.middle} {target.y - bend} {target.middle} {target.y - 6}"
        return Way(path=path, label=label, x=target.middle + 8, y=target.y - 6 - ROW * arrived, words=words)
    side = max(source.x, target.x) + WIDTH + GAP_X // 2  # back, beside the boxes
    end = target.y + HEIGHT // 2
    path = f"M{x} {y}C{x} {y + 24} {side} {y + 24} {side} {y}L{side} {end}L{target.x + WIDTH + 6} {end}"
    return Way(path=path, label=label, x=x + 4, y=y + ROW, words=words)
