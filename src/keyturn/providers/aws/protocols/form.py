"""The query and ec2 protocols: a form whose keys are paths (``Tags.member.1.Key``).

botocore's serializers (`QuerySerializer`, `EC2Serializer`) are the reference for how names come about.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

from keyturn.providers.aws.protocols.values import DEPTH_MAX, refuse, scalar
from keyturn.providers.aws.wire_table import Member, Service, Shape

Node = dict[str, Any]
_LEAF = ""


FORM: Final = "application/x-www-form-urlencoded"

SEARCH: Final = "/2013-01-01/search"
"""What CloudSearch takes as a form too, its query for a body, since it may be long: every SDK of AWS's sends it so
(https://docs.aws.amazon.com/cloudsearch/latest/developerguide/search-api.html).
"""


def is_query(method: str, target: str, content_type: str) -> bool:
    """Whether the body is what stands in the URL otherwise."""
    return method == "POST" and target == SEARCH and content_type.startswith(FORM)


def named_twice(service: str, action: str, query: str) -> bool:
    """Whether the URL may name the form's action again: Import/Export's request URIs do, in botocore's model."""
    return service == "importexport" and query == f"Operation={action}"


def pairs(text: str, where: str) -> dict[str, str]:
    """The form's pairs; a key that stands twice has no single meaning and is refused."""
    if ";" in text:
        refuse("ambiguous", "a bare ; in a form has two readings")  # older readers part pairs there
    try:
        found = parse_qsl(
            text, keep_blank_values=True, strict_parsing=bool(text), errors="strict", max_num_fields=100_000
        )
    except ValueError:
        refuse("bad-form", f"{where} is no form")
    made = dict(found)
    if len(made) != len(found):
        keys = [key for key, _ in found]
        twice = next(key for key in keys if keys.count(key) > 1)
        refuse("duplicate-key", f"{where} has {twice!r} twice")
    return made


def parse(service: Service, shape: Shape | None, form: dict[str, str], *, ec2: bool) -> dict[str, Any]:
    """Parameters from the form without ``Action`` and ``Version``. What is left over is unmodelled."""
    root: Node = {}
    for key, value in form.items():
        if key in {"Action", "Version"}:
            continue
        node = root
        parts = key.split(".")
        if len(parts) > DEPTH_MAX:
            refuse("too-deep", f"{key[:60]!r} is nested deeper than {DEPTH_MAX}")
        if "" in parts:
            refuse("bad-form", f"{key[:60]!r} is no path of names")
        for part in parts:
            node = node.setdefault(part, {})
        node[_LEAF] = value
    if not root:
        return {}
    if shape is None:
        refuse("unmodelled", f"the operation takes no parameters, but {next(iter(root))!r} is given")
    made: dict[str, Any] = _Walker(service, ec2=ec2).structure(shape, root, "the request")
    return made


class _Walker:
    def __init__(self, service: Service, *, ec2: bool) -> None:
        self._service, self._ec2 = service, ec2

    def structure(self, shape: Shape, node: Node, where: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        known: set[str] = set()
        for name, member in shape.members.items():
            wire = self._name(name, member)
            inner = self._service.shape(member.shape)
            if (
                inner.kind == "list"
                and self._flat(inner, member)
                and not (self._ec2 or member.query_name)
                and inner.element
                and inner.element.name
            ):
                wire = inner.element.name  # botocore puts a flattened list under its element's name
            if wire in node:
                known.add(wire)
                made[name] = self.value(inner, member, node[wire], f"{where}.{name}")
        left = set(node) - known
        if left == {_LEAF} and not made and node[_LEAF] == "":
            return made  # how some clients write an empty structure
        if left:
            refuse(
                "unmodelled", f"{where} has no member {min(left)!r}" if min(left) else f"{where} is no text"
            )
        return made

    def value(self, shape: Shape, member: Member, node: Node, where: str) -> Any:
        if shape.kind == "structure":
            return self.structure(shape, node, where)
        if shape.kind == "list":
            return self._list(shape, member, node, where)
        if shape.kind == "map":
            return self._map(shape, member, node, where)
        if set(node) != {_LEAF}:
            refuse("unmodelled", f"{where} is a {shape.kind}, but has parts")
        return scalar(shape.kind, node[_LEAF], where, shape.timestamp_format or "iso8601")

    def _list(self, shape: Shape, member: Member, node: Node, where: str) -> list[Any]:
        if shape.element is None:
            refuse("unmodelled", f"{where} is a list of nothing")
        if node == {_LEAF: ""}:
            return []
        if not self._flat(shape, member):
            inside = shape.element.name or "member"
            if set(node) != {inside}:
                refuse("unmodelled", f"{where} is a list and must stand under {inside!r}")
            node = node[inside]
        element = self._service.shape(shape.element.shape)
        return [
            self.value(element, shape.element, node[place], f"{where}[{number}]")
            for number, place in enumerate(_numbered(node, where))
        ]

    def _map(self, shape: Shape, member: Member, node: Node, where: str) -> dict[str, Any]:
        if shape.key is None or shape.value is None:
            refuse("unmodelled", f"{where} is a map of nothing")
        if not (shape.flattened or member.flattened):
            if set(node) != {"entry"}:
                refuse("unmodelled", f"{where} is a map and must stand under 'entry'")
            node = node["entry"]
        key_name = shape.key.query_name or shape.key.name or "key"
        value_name = shape.value.query_name or shape.value.name or "value"
        inner = self._service.shape(shape.value.shape)
        made: dict[str, Any] = {}
        for place in _numbered(node, where):
            entry = node[place]
            if set(entry) != {key_name, value_name} or set(entry[key_name]) != {_LEAF}:
                refuse("unmodelled", f"{where}.{place} is no pair of {key_name} and {value_name}")
            key = entry[key_name][_LEAF]
            if key in made:
                refuse("duplicate-key", f"{where} has {key!r} twice")
            made[key] = self.value(inner, shape.value, entry[value_name], f"{where}.{key}")
        return made

    def _name(self, name: str, member: Member) -> str:
        if member.query_name:
            return member.query_name
        if self._ec2:
            wire = member.name or name
            return wire[:1].upper() + wire[1:]
        return member.name or name

    def _flat(self, shape: Shape, member: Member) -> bool:
        return self._ec2 or shape.flattened or member.flattened


def _numbered(node: Node, where: str) -> list[str]:
    """Places of a list in order: 1, 2, 3 … without a gap."""
    places = sorted(node, key=lambda place: (len(place), place))
    if places != [str(number) for number in range(1, len(places) + 1)]:
        refuse("bad-value", f"{where} is not numbered 1, 2, 3 …")
    return places
