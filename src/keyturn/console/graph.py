"""The blast radius as a picture: layers from what goes to who relies on it, drawn here, without a script.

What goes is red and bears a sign, so that it is seen without colours too. A wide picture has a column for each step away; a narrow one, for
a telephone, is a list with the references beside it. Past `SHOWN_MAX` resources those of a kind are drawn as one.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

import msgspec

from keyturn.console.text import seen
from keyturn.model.change import ResourceRef
from keyturn.model.radius import Fate, Link, Node, Radius

SHOWN_MAX: Final = 120
"""More boxes are not read by anybody; the same are counted instead."""

CROWDED: Final = 60
"""Where some are counted, so many boxes are left at most, as far as there are crowds."""

GROUP_MIN: Final = 3
"""So many of one kind, on one level, become one box."""

WIDE, HIGH, GAP, COLUMN, PAD = 232, 50, 12, 300, 16
LIST_WIDE: Final = 358
"""A telephone is 390 wide, and the page has margins."""

LANES_MAX: Final = 6
CHARS: Final = {"wide": 26, "narrow": 38}
"""Letters of 13 pixels that fit into a box."""

STYLE: Final = (
    "svg{color-scheme:light dark;--ink:#1b1d20;--dim:#5c6269;--line:#8d887f;--box:#fff;--bad:#a8200d;--bad-bg:#fbeeeb;--mine:#1d4f91}"
    "@media(prefers-color-scheme:dark){svg{--ink:#e9e7e3;--dim:#a2a8ae;--line:#6d747b;--box:#1a1d20;--bad:#ff9482;"
    "--bad-bg:#2c1a17;--mine:#92bdf7}}"
    "text{font:13px system-ui,-apple-system,'Segoe UI','Liberation Sans',sans-serif;fill:var(--ink)}"
    "text.dim{fill:var(--dim);font-size:12px}text.sign{font:700 15px ui-monospace,'DejaVu Sans Mono',monospace}"
    "rect{fill:var(--box);stroke:var(--line)}.goes rect{fill:var(--bad-bg);stroke:var(--bad);stroke-width:2}"
    ".along rect{fill:var(--bad-bg);stroke:var(--bad);stroke-dasharray:5 3}.goes text.sign,.along text.sign{fill:var(--bad)}"
    "path{fill:none;stroke:var(--line);stroke-width:1.3}rect.mine{fill:none;stroke:var(--mine);stroke-width:1.5;stroke-dasharray:2 4}"
    "text.mine{fill:var(--mine);font-size:12px}path.head{fill:var(--line);stroke:none}"
)
"""The picture's own; a page that shows it needs none."""

STYLE_HASH: Final = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""For the content security policy of the picture when it is opened by itself."""

_SIGNS: Final = {Fate.GOES: "\u2212", Fate.ALONG: "\u2212", Fate.RELIES: "\u25b8"}
_CLASSES: Final = {Fate.GOES: "goes", Fate.ALONG: "along", Fate.RELIES: "relies"}


class Box(msgspec.Struct, frozen=True):
    """One box: a resource, or several of a kind."""

    key: str
    head: str
    line: str
    fate: Fate
    depth: int
    reached: bool
    title: str


class Drawn(msgspec.Struct, frozen=True):
    """What is drawn of a radius: boxes, and who points at whom; `collapsed` is how many resources stand in boxes for several."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]
    collapsed: int


def svg(radius: Radius, *, narrow: bool = False) -> str:
    """The picture. `narrow` is for a telephone."""
    drawn = boxes(radius)
    return _list(radius, drawn) if narrow else _layers(radius, drawn)


# --- what is drawn ---------------------------------------------------------------------------------------------------


def boxes(radius: Radius) -> Drawn:
    """The resources as boxes; those of a kind on one level as one, the largest crowd first, until few enough are left."""
    crowds: dict[tuple[int, Fate, str], list[Node]] = defaultdict(list)
    for node in radius.nodes:
        crowds[node.depth, node.fate, node.resource.kind].append(node)
    count = len(radius.nodes)
    together: set[tuple[int, Fate, str]] = set()
    for crowd, nodes in sorted(crowds.items(), key=lambda pair: (-len(pair[1]), str(pair[0]))):
        if len(radius.nodes) <= SHOWN_MAX or count <= CROWDED:
            break
        if len(nodes) >= GROUP_MIN:
            together.add(crowd)
            count -= len(nodes) - 1
    relations = _relations(radius.links)
    made: dict[str, Box] = {}
    key_of: dict[str, str] = {}
    for crowd, nodes in crowds.items():
        groups = [nodes] if crowd in together else [[node] for node in nodes]
        for group in groups:
            box = _box(group, relations)
            made[box.key] = box
            key_of |= {_key(node): box.key for node in group}
    arrows = dict.fromkeys(
        (key_of[one], key_of[other])
        for link in radius.links
        if (one := f"{link.resource}@{link.resource.region}") in key_of
        and (other := f"{link.on}@{link.on.region}") in key_of
        and key_of[one] != key_of[other]
    )
    collapsed = sum(len(crowds[crowd]) for crowd in together)
    return Drawn(tuple(made.values()), tuple(arrows), collapsed)


def _key(node: Node) -> str:
    return f"{node.resource}@{node.resource.region}"


def _relations(links: Iterable[Link]) -> dict[str, str]:
    """By resource, how it relies on what it was met from."""
    found: dict[str, str] = {}
    for link in links:
        found.setdefault(f"{link.resource}@{link.resource.region}", f"{link.relation} {_name(link.on)}")
    return found


def _name(ref: ResourceRef) -> str:
    """The part of an id by which people know it: a balancer's or a target group's name, not the number behind it."""
    parts = ref.id.split("/")
    if ref.kind.startswith("elasticloadbalancing:") and len(parts) > 1:
        return parts[1] if len(parts) > 2 else parts[0]
    return ref.id


def _box(nodes: list[Node], relations: dict[str, str]) -> Box:
    first = nodes[0]
    kind = first.resource.kind.partition(":")[2]
    said = [first.environment, first.owner]
    if len(nodes) > 1:
        words = (
            ", ".join(sorted({node.environment for node in nodes if node.environment}))
            or "environment not said"
        )
        key = f"{first.depth} {first.fate} {first.resource.kind}"
        title = "\n".join(str(node.resource) for node in nodes)
        return Box(
            key,
            f"{len(nodes)} {first.resource.kind}",
            words,
            first.fate,
            first.depth,
            all(n.reached for n in nodes),
            title,
        )
    told = relations.get(_key(first), "") or first.use or " ".join(word for word in said if word)
    title = "\n".join(
        part
        for part in (
            f"{first.resource}: {first.fate}",
            relations.get(_key(first), ""),
            " ".join(word for word in said if word),
            first.use,
        )
        if part
    )
    return Box(
        _key(first), f"{kind} {_name(first.resource)}", told, first.fate, first.depth, first.reached, title
    )


# --- how it is drawn -------------------------------------------------------------------------------------------------


def _layers(radius: Radius, drawn: Drawn) -> str:
    """A column for each step away, ordered so that references cross little."""
    columns: dict[int, list[Box]] = defaultdict(list)
    for box in drawn.boxes:
        columns[box.depth].append(box)
    depths = sorted(columns)
    columns[depths[0] if depths else 0].sort(
        key=lambda box: (not box.reached, box.fate is not Fate.GOES, box.head)
    )
    placed: dict[str, tuple[int, int]] = {}
    for number, depth in enumerate(depths):
        listed = columns[depth]
        if number:
            listed.sort(key=lambda box: (_middle(box.key, drawn.arrows, placed), box.head))
        for row, box in enumerate(listed):
            placed[box.key] = (PAD + number * COLUMN, PAD + 18 + row * (HIGH + GAP))
    height = max((y for _, y in placed.values()), default=0) + HIGH + PAD
    width = max((x for x, _ in placed.values()), default=0) + WIDE + PAD
    parts = [
        _curve(placed[one], placed[other]) for one, other in drawn.arrows if one in placed and other in placed
    ]
    parts += _mine([(placed[box.key], WIDE) for box in drawn.boxes if box.reached])
    parts += [_drawn(box, *placed[box.key], WIDE, CHARS["wide"]) for box in drawn.boxes]
    return _whole(radius, drawn, parts, width, height)


def _middle(key: str, arrows: tuple[tuple[str, str], ...], placed: dict[str, tuple[int, int]]) -> float:
    """Where the boxes stand that this one points at, in the middle."""
    heights = [placed[other][1] for one, other in arrows if one == key and other in placed]
    return sum(heights) / len(heights) if heights else 1e9


def _curve(one: tuple[int, int], other: tuple[int, int]) -> str:
    """From who relies (`one`) to what it relies on, with its head there."""
    (x1, y1), (x2, y2) = (one[0], one[1] + HIGH // 2), (other[0] + WIDE, other[1] + HIGH // 2)
    if one[0] == other[0]:  # the same column: around the right side
        x1 = one[0] + WIDE
        bend = x1 + 26
        return f'<path d="M{x1} {y1}C{bend} {y1} {bend} {y2} {x2 + 7} {y2}"/>{_head(x2, y2)}'
    middle = (x1 + x2) // 2
    return f'<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {x2 + 7} {y2}"/>{_head(x2, y2)}'


def _head(x: int, y: int) -> str:
    return f'<path class="head" d="M{x + 1} {y}l8 -4v8z"/>'


def _list(radius: Radius, drawn: Drawn) -> str:
    """One below the other, nearest first; references run beside them, those that would be too many are told by the lines in the boxes."""
    listed = sorted(
        drawn.boxes, key=lambda box: (box.depth, not box.reached, box.fate is Fate.RELIES, box.head)
    )
    left = 30
    placed = {
        box.key: (left + min(box.depth, 4) * 10, PAD + 18 + row * (HIGH + 8))
        for row, box in enumerate(listed)
    }
    parts = []
    lanes: dict[str, int] = {}
    for one, other in drawn.arrows:
        lane = lanes.setdefault(other, len(lanes) % LANES_MAX)
        (x1, y1), (x2, y2) = placed[one], placed[other]
        x = 24 - lane * 4
        parts.append(
            f'<path d="M{x1} {y1 + HIGH // 2}H{x}V{y2 + HIGH // 2}H{x2 - 7}"/>'
            f'<path class="head" d="M{x2 - 1} {y2 + HIGH // 2}l-8 -4v8z"/>'
        )
    parts += _mine([(placed[box.key], LIST_WIDE - placed[box.key][0] - PAD) for box in listed if box.reached])
    for box in listed:
        x, y = placed[box.key]
        parts.append(_drawn(box, x, y, LIST_WIDE - x - PAD, CHARS["narrow"] - 2 * min(box.depth, 4)))
    height = max((y for _, y in placed.values()), default=0) + HIGH + PAD
    return _whole(radius, drawn, parts, LIST_WIDE, height)


def _mine(places: list[tuple[tuple[int, int], int]]) -> Iterator[str]:
    """A line around what the credential of this change could touch; what stands side by side is one."""
    for x in sorted({place[0] for place, _ in places}):
        rows = sorted(place[1] for place, _ in places if place[0] == x)
        wide = max(wide for place, wide in places if place[0] == x)
        for number, (top, bottom) in enumerate(_runs(rows)):
            yield f'<rect class="mine" x="{x - 6}" y="{top - 6}" width="{wide + 12}" height="{bottom - top + HIGH + 12}" rx="9"/>'
            if not number and top <= PAD + 18:
                yield f'<text class="mine" x="{x - 4}" y="{top - 11}">within reach of its credential</text>'


def _runs(rows: list[int]) -> Iterator[tuple[int, int]]:
    """Rows that follow each other, as first and last."""
    start = previous = None
    for row in rows:
        if start is None or previous is None:
            start = row
        elif row - previous > HIGH + GAP:
            yield start, previous
            start = row
        previous = row
    if start is not None and previous is not None:
        yield start, previous


def _drawn(box: Box, x: int, y: int, wide: int, chars: int) -> str:
    return (
        f'<g class="{_CLASSES[box.fate]}"><title>{_text(box.title)}</title>'
        f'<rect x="{x}" y="{y}" width="{wide}" height="{HIGH}" rx="5"/>'
        f'<text class="sign" x="{x + 9}" y="{y + 21}">{_SIGNS[box.fate]}</text>'
        f'<text x="{x + 26}" y="{y + 20}">{_text(_cut(box.head, chars))}</text>'
        f'<text class="dim" x="{x + 26}" y="{y + 38}">{_text(_cut(box.line, chars + 3))}</text></g>'
    )


def _whole(radius: Radius, drawn: Drawn, parts: list[str], width: int, height: int) -> str:
    goes = sum(1 for node in radius.nodes if node.fate is not Fate.RELIES)
    named = f"{goes} go, {len(radius.dependents)} rely on them"
    more = f"; {drawn.collapsed} are drawn by kind" if drawn.collapsed else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{named}{more}</title><style>{STYLE}</style>{''.join(parts)}</svg>"
    )


def _cut(text: str, chars: int) -> str:
    """What does not fit is cut in the middle: both ends of an id tell things apart."""
    if len(text) <= chars:
        return text
    head = chars * 2 // 3
    return f"{text[:head]}\u2026{text[-(chars - head - 1) :]}"


def _text(text: str) -> str:
    """As text and no more, whatever somebody named a thing."""
    return escape(str(seen(text)))
