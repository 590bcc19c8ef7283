"""REST routes: from method, path and query to the operations that could be meant, per signing name."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from keyturn.providers.aws.protocols.values import decoded, refuse
from keyturn.providers.aws.wire_table import Entry, Op, Service

SEGMENTS_MAX: Final = 256
"""Segments of a path: object keys may have many, 1,024 bytes of slashes is AWS's own limit for a key."""


ELSEWHERE: Final = {"s3": frozenset({"ListDirectoryBuckets"})}
"""Operations that are sent to another endpoint under another signing name (s3express): here they would only be ambiguous."""


class Route(msgspec.Struct, frozen=True):
    """One operation's place: what of the query must stand literally, what must be present."""

    entry: Entry
    op: Op
    literal_query: tuple[tuple[str, str], ...]
    required_query: frozenset[str]
    known_query: frozenset[str]
    required_headers: frozenset[str]
    open_query: bool  # a map takes any further key


class Found(msgspec.Struct, frozen=True):
    route: Route
    labels: dict[str, str]
    literals: int  # literal segments matched: the more, the more specific


class Routes:
    """A trie over path segments. ``{Label}`` matches one segment that is not empty, ``{Label+}`` the rest."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, entry: Entry, service: Service) -> None:
        for op in service.operations.values():
            if op.name in ELSEWHERE.get(entry.service, ()):
                continue
            path, _, query = op.uri.partition("?")
            node = self._root
            segments = _segments(path)
            for place, segment in enumerate(segments):
                if segment.endswith("+}"):
                    node = node.greedy.setdefault((segment[1:-2], tuple(segments[place + 1 :])), _Node())
                    break
                node = node.child(segment)
            node.routes.append(_route(entry, service, op, query))

    def find(self, method: str, path: str) -> list[Found]:
        """Every route that method and path could mean, labels decoded."""
        segments = _segments(path)
        if len(segments) > SEGMENTS_MAX:
            refuse("too-long", f"the path has more than {SEGMENTS_MAX} segments")
        found: list[Found] = []
        self._walk(self._root, segments, 0, {}, 0, method, found)
        return found

    def _walk(
        self,
        node: _Node,
        segments: list[str],
        place: int,
        labels: dict[str, str],
        literals: int,
        method: str,
        found: list[Found],
    ) -> None:
        if place == len(segments):
            found.extend(Found(route, labels, literals) for route in node.routes if route.op.method == method)
            return
        segment = segments[place]
        literal = node.literal(segment)
        if literal is not None:
            self._walk(literal, segments, place + 1, labels, literals + 1, method, found)
        for name, child in node.labels.items():
            text = decoded(segment)
            if text and text not in {
                ".",
                "..",
            }:  # a path that is normalised on its way would name something else
                self._walk(child, segments, place + 1, {**labels, name: text}, literals, method, found)
        for (name, tail), child in node.greedy.items():
            end = len(segments) - len(tail)
            text = decoded("/".join(segments[place:end]))
            if text and tuple(segments[end:]) == tail:
                made = {**labels, name: text}
                found.extend(
                    Found(route, made, literals + len(tail))
                    for route in child.routes
                    if route.op.method == method
                )


_BEYOND_LETTERS: Final = re.compile(r"[^A-Za-z0-9._~-]")


class _Node:
    __slots__ = ("greedy", "labels", "literals", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.labels: dict[str, _Node] = {}
        self.greedy: dict[tuple[str, tuple[str, ...]], _Node] = {}  # (label, literal segments after it)
        self.routes: list[Route] = []

    def literal(self, segment: str) -> _Node | None:
        """The child of this literal. Only where it holds more than letters (``$LATEST``) may a client have encoded it."""
        found = self.literals.get(segment)
        if found is None and "%" in segment:
            text = decoded(segment)
            found = self.literals.get(text) if _BEYOND_LETTERS.search(text) else None
        return found

    def child(self, segment: str) -> _Node:
        if segment.startswith("{") and segment.endswith("}"):
            return self.labels.setdefault(segment[1:-1], _Node())
        return self.literals.setdefault(segment, _Node())


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")


def _route(entry: Entry, service: Service, op: Op, query: str) -> Route:
    shape = service.input(op.name)
    members = shape.members if shape else {}
    required = set(shape.required) if shape else set()
    in_query = {key: member for key, member in members.items() if member.location == "querystring"}
    maps = {key for key, member in in_query.items() if service.shape(member.shape).kind == "map"}
    return Route(
        entry=entry,
        op=op,
        literal_query=tuple(parse_qsl(query, keep_blank_values=True)),
        required_query=frozenset(members[key].name or key for key in required & in_query.keys() - maps),
        known_query=frozenset(member.name or key for key, member in in_query.items()),
        required_headers=frozenset(
            (members[key].name or key).lower() for key in required if members[key].location == "header"
        ),
        open_query=bool(maps),
    )
