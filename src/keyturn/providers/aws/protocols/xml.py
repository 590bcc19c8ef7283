"""Bodies of the rest-xml protocol. No entities, no DTDs: a body that has them is refused before it is parsed."""

from __future__ import annotations

import re
from typing import Any, Final
from xml.etree import ElementTree as ET

from keyturn.providers.aws.protocols.values import DEPTH_MAX, refuse, scalar
from keyturn.providers.aws.wire_table import Member, Service, Shape


def parse(service: Service, shape: Shape, body: bytes, root_name: str) -> dict[str, Any]:
    """The structure that `body` holds. An element the shape lacks is unmodelled."""
    root = _root(body)
    if root_name and _local(root.tag) != root_name:
        refuse("unmodelled", f"the body is {_local(root.tag)!r}, not {root_name!r}")
    return _structure(service, shape, root, "the body", 0)


_DECLARATION: Final = re.compile(
    r"""\A\ufeff?<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?(?: standalone=["'](?:yes|no)["'])? ?\?>"""
)


def _root(body: bytes) -> ET.Element:
    """The root element; only what two parsers cannot read differently: UTF-8, no declarations, comments, CDATA or instructions."""
    text = _DECLARATION.sub("", body.decode("utf-8"), count=1)
    if "<!" in text or "<?" in text:
        refuse("bad-xml", "the body holds a declaration, a comment or an instruction")
    try:
        root = ET.fromstring(text)  # noqa: S314  # no entity can have been declared, see above
    except ET.ParseError as error:
        refuse("bad-xml", f"the body is no XML: {error}")
    if len({element.tag.rpartition("}")[0] for element in root.iter()}) > 1:
        refuse("unmodelled", "the body mixes namespaces")
    return root


def _structure(service: Service, shape: Shape, element: ET.Element, where: str, depth: int) -> dict[str, Any]:
    if depth > DEPTH_MAX:
        refuse("too-deep", f"{where} is nested deeper than {DEPTH_MAX}")
    children: dict[str, list[ET.Element]] = {}
    for child in element:
        children.setdefault(_local(child.tag), []).append(child)
    attributes = {_local(name): value for name, value in element.attrib.items()}
    made: dict[str, Any] = {}
    for name, member in shape.members.items():
        if member.location:
            continue
        inner = service.shape(member.shape)
        wire = member.name or name
        if member.xml_attribute:
            local = wire.rpartition(":")[2]
            if local in attributes:
                made[name] = attributes.pop(local)
            continue
        flat = inner.kind in {"list", "map"} and (inner.flattened or member.flattened)
        if flat and inner.kind == "list" and inner.element and inner.element.name and not member.name:
            wire = inner.element.name
        found = children.pop(wire, None)
        if found is None:
            continue
        if flat and inner.element is not None:
            item_shape = service.shape(inner.element.shape)
            made[name] = [_value(service, item_shape, item, f"{where}.{name}", depth) for item in found]
        elif len(found) > 1:
            refuse("duplicate-key", f"{where} has {wire!r} twice")
        else:
            made[name] = _value(service, inner, found[0], f"{where}.{name}", depth, member)
    left = children.keys() | attributes.keys()
    if left:
        refuse("unmodelled", f"{where} has no member {min(left)!r}")
    _no_text(element, where)
    return made


def _no_text(element: ET.Element, where: str) -> None:
    """What has parts has nothing between them."""
    if "".join(filter(None, (element.text, *(child.tail for child in element)))).strip():
        refuse("unmodelled", f"{where} has text between its members")


def _plain(element: ET.Element, where: str) -> None:
    """A list or a map: no attributes, no text of its own."""
    if element.attrib:
        refuse("unmodelled", f"{where} has no member {_local(min(element.attrib))!r}")
    _no_text(element, where)


def _value(
    service: Service, shape: Shape, element: ET.Element, where: str, depth: int, member: Member | None = None
) -> Any:
    if shape.kind == "structure":
        return _structure(service, shape, element, where, depth + 1)
    if shape.kind == "list" and shape.element is not None:
        _plain(element, where)
        wanted = shape.element.name or "member"
        inner = service.shape(shape.element.shape)
        strange = [_local(child.tag) for child in element if _local(child.tag) != wanted]
        if strange:
            refuse("unmodelled", f"{where} has no member {strange[0]!r}")
        return [
            _value(service, inner, child, f"{where}[{place}]", depth + 1)
            for place, child in enumerate(element)
        ]
    if shape.kind == "map" and shape.key is not None and shape.value is not None:
        return _map(service, shape, element, where, depth)
    if len(element) or element.attrib:
        refuse("unmodelled", f"{where} is a {shape.kind}, but has parts")
    form = shape.timestamp_format or (member.timestamp_format if member else "") or "iso8601"
    return scalar(shape.kind, element.text or "", where, form)


def _map(service: Service, shape: Shape, element: ET.Element, where: str, depth: int) -> dict[str, Any]:
    key_member, value_member = shape.key, shape.value
    if key_member is None or value_member is None:
        refuse("unmodelled", f"{where} is a map of nothing")
    inner = service.shape(value_member.shape)
    made: dict[str, Any] = {}
    _plain(element, where)
    for entry in element:
        _plain(entry, where)
        parts = {_local(part.tag): part for part in entry}
        key, value = parts.get(key_member.name or "key"), parts.get(value_member.name or "value")
        if key is None or value is None or len(entry) != 2 or _local(entry.tag) != "entry":
            refuse("unmodelled", f"{where} has an entry that is no pair")
        name = key.text or ""
        if len(key) or key.attrib or name in made:
            refuse("unmodelled", f"{where} has the key {name[:60]!r} twice, or no plain one")
        made[name] = _value(service, inner, value, f"{where}.{name}", depth + 1)
    return made


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
