"""A flow as a picture: its nodes in columns by how far they are from the start, and the ways between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 66, 90, 26, 16
LINE: Final = 26
"""Characters of a node's text that fit."""


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
        """Where ways come in and go out."""
        return self.y + HEIGHT // 2


@dataclass(frozen=True, slots=True)
class Way:
    """From a node to another: an SVG path, and what a caller does to take it, written at (x, y)."""

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
    columns = _columns(nodes, flow.get("start") if isinstance(flow, dict) else None)
    boxes: dict[str, Box] = {}
    for at, column in enumerate(columns):
        for row, name in enumerate(column):
            node = nodes[name]
            boxes[name] = Box(
                name=name,
                type=str(node.get("type", "?")),
                text=_text(node),
                x=MARGIN + at * (WIDTH + GAP_X),
                y=MARGIN + row * (HEIGHT + GAP_Y),
                news="" if before is None or node == known.get(name) else "changed" if name in known else "new",
            )
    ways = [
        _way(boxes[name], boxes[target], label, number)
        for name, node in nodes.items()
        for number, (label, target) in enumerate(_targets(node))
        if target in boxes
    ]
    tallest = max((len(column) for column in columns), default=0)
    return Picture(
        width=2 * MARGIN + len(columns) * (WIDTH + GAP_X) - GAP_X if columns else 2 * MARGIN,
        height=2 * MARGIN + tallest * (HEIGHT + GAP_Y),
        boxes=list(boxes.values()),
        ways=ways,
        gone=sorted(known.keys() - nodes.keys()) if before is not None else [],
    )


def _nodes(flow: Any) -> dict[str, Mapping[str, Any]]:
    nodes = flow.get("nodes") if isinstance(flow, dict) else None
    return {str(name): node for name, node in (nodes or {}).items() if isinstance(node, dict)}


def _targets(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(what a caller does, name of the node they come to)."""
    keys = node.get("keys")
    for key, target in (keys if isinstance(keys, dict) else {}).items():
        yield f"key {key}", str(target)
    for key in ("next", "open", "closed", "default", "menu"):
        if isinstance(node.get(key), str):
            yield {"next": "", "menu": "back", "default": "nothing pressed"}.get(key, key), node[key]


def _columns(nodes: Mapping[str, Mapping[str, Any]], start: Any) -> list[list[str]]:
    """Breadth first from the start; then what nothing leads to."""
    column = [start] if isinstance(start, str) and start in nodes else []
    seen, columns = set(column), list[list[str]]()
    while column:
        columns.append(column)
        following = [target for name in column for _, target in _targets(nodes[name]) if target in nodes]
        column = [name for name in dict.fromkeys(following) if name not in seen]
        seen |= set(column)
    lost = [name for name in nodes if name not in seen]
    return [*columns, lost] if lost else columns


def _text(node: Mapping[str, Any]) -> str:
    text = str(node.get("text") or node.get("queue") or node.get("calendar") or node.get("menu") or "")
    return text if len(text) <= LINE else f"{text[: LINE - 1]}…"


def _way(source: Box, target: Box, label: str, number: int) -> Way:
    words = f"{source.name} to {target.name}" + (f": {label}" if label else "")
    y = source.middle + 9 * (number % 5) - 18  # ways of one node leave side by side
    x = source.x + WIDTH
    if target.x > source.x:
        bend = (target.x - x) // 2
        path = f"M{x} {y}C{x + bend} {y} {target.x - bend} {target.middle} {target.x - 6} {target.middle}"
    else:  # back, below the boxes
        low = max(source.y, target.y) + HEIGHT + GAP_Y // 2
        end = target.x + WIDTH // 2
        path = f"M{x} {y}C{x + 50} {y} {x + 50} {low} {x} {low}L{end} {low}L{end} {target.y + HEIGHT + 6}"
    return Way(path=path, label=label, x=x + 8, y=y - 3, words=words)
