"""Who names whom: every text of what was read, by every name that a resource goes by."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import msgspec

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.radius import tables
from keyturn.providers.aws.radius.listing import Flow, Listing, Names, every
from keyturn.providers.aws.radius.survey import Item, key_of
from keyturn.providers.aws.resources import EC2_KINDS, Home, container_of, from_arn, is_arn, name_or_arn

TEXT_CHARS_MAX: Final = 20_000
"""Of one text; a policy is 10 kB at most, a definition of a state machine is read as its parts."""

_ARN: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9*-]*:[0-9*]*:[^\s\"',;{}()\[\]]+")
_EC2: Final = re.compile(r"(?<![A-Za-z0-9-])([a-z]{1,10})-[0-9a-f]{8,17}(?![A-Za-z0-9])")
_HOST: Final = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)

_PREFIXES: Final = {
    **{prefix: f"ec2:{kind}" for prefix, kind in EC2_KINDS.items()},
    "subnet": "ec2:subnet",
    "fs": "elasticfilesystem:file-system",
}
"""What an id says it is."""

_NAMED: Final = frozenset(
    {
        "dynamodb:table",
        "s3:bucket",
        "sqs:queue",
        "sns:topic",
        "kinesis:stream",
        "firehose:deliverystream",
        "secretsmanager:secret",
        "ssm:parameter",
        "lambda:function",
        "states:stateMachine",
        "rds:db",
        "rds:cluster",
        "logs:log-group",
    }
)
"""Kinds that programs are told by their bare name, in an environment or a definition."""

_NAME_CHARS_MIN: Final = 3
"""A shorter text says too little to be somebody's name."""


class Mention(msgspec.Struct, frozen=True):
    """`holder` names `named` at a path of what was told of it. `back`: what is said of the named one."""

    holder: ResourceRef
    named: ResourceRef
    relation: str
    seen: str
    back: str = ""
    flow: Flow = Flow.NONE
    along: bool = False
    ends: bool = False


class Index:
    """All mentions, by what is named and by who names."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._of: dict[str, list[tuple[Item, str, Names | None]]] = defaultdict(list)
        self._by: dict[str, list[Mention]] = defaultdict(list)

    def add(self, items: Iterable[Item]) -> None:
        for item in items:
            listing = tables.LISTINGS[item.kind]
            for member in _members(item, self._home):
                self._of[key_of(member)].append((item, "resources", _MEMBER))
            for path, text in _texts(item.value):
                names = _label(listing, path)
                if names is None and path.startswith("parent."):
                    continue  # what the other one says of itself
                for key, ref in self._keys(listing, path, text, names):
                    self._of[key].append((item, path, names))
                    if names is not None and names.back and ref is not None:
                        self._by[key_of(item.ref)].append(_mention(item, ref, path, names))

    def naming(self, ref: ResourceRef, own: Item | None) -> Iterator[Mention]:
        """Who names this resource; `own` is what its own listing told of it, with the other names it goes by."""
        seen: set[tuple[str, str]] = set()
        for key in self._names(ref, own):
            for item, path, names in self._of.get(key, ()):
                holder = key_of(item.ref)
                if holder == key_of(ref) or (holder, _relation(path, names)) in seen:
                    continue
                seen.add((holder, _relation(path, names)))
                yield _mention(item, ref, path, names)

    def led_by(self, ref: ResourceRef) -> list[Mention]:
        """What relies on this resource because it leads to it: the function that a rule calls."""
        return self._by.get(key_of(ref), [])

    def _names(self, ref: ResourceRef, own: Item | None) -> Iterator[str]:
        yield key_of(ref)
        if ref.kind in _NAMED and len(ref.id) >= _NAME_CHARS_MIN:
            yield f"~{ref.id}"
        if own is not None:
            for path in tables.LISTINGS[own.kind].ids:
                yield from (
                    f"={_host(text)}" for text in every(own.value, path) if isinstance(text, str) and text
                )

    def _keys(
        self, listing: Listing, path: str, text: str, names: Names | None
    ) -> Iterator[tuple[str, ResourceRef | None]]:
        """Every key under which a text can be looked up."""
        found = False
        for ref in self._plainly_named(text):
            found = True
            yield key_of(ref), ref
        kind = (names.kind if names is not None else "") or _typed(listing.kind).get(path, "")
        if kind and not found and text != "*":
            ref = name_or_arn(kind, _bare(kind, text), self._home)
            yield key_of(ref), ref
        if any(path == one or path.startswith(f"{one}.") for one in listing.anything):
            yield f"~{text}", None
        if "." in text or "/" in text:
            yield f"={_host(text)}", None
            yield from ((f"={host.lower()}", None) for host in _HOST.findall(text) if host != text)

    def _plainly_named(self, text: str) -> Iterator[ResourceRef]:
        """ARNs and EC2 ids say themselves what they name. One with a star names none for certain."""
        for arn in _ARN.findall(text) if "arn:aws" in text else ():
            if not is_arn(arn):
                continue
            parts = arn.split(":", 5)
            parts[3], parts[4] = parts[3].replace("*", ""), parts[4].replace("*", "")
            ref = from_arn(":".join(parts), self._home)
            held = container_of(ref) if ref.kind == "s3:object" else ref
            if held is not None and "*" not in held.id:
                yield _known(held)
        for match in _EC2.finditer(text):
            kind = _PREFIXES.get(match[1])
            if kind is not None:
                yield self._home.ref(kind, match[0])


_MEMBER: Final = Names("resources", "has it as a member")


def _members(item: Item, home: Home) -> Iterator[ResourceRef]:
    """What a stack made, of the kinds that are known here by their type."""
    if item.kind != "cloudformation:stack":
        return
    for one in item.value.get("resources") or []:
        kind, name = tables.KINDS.get(str(one.get("ResourceType"))), one.get("PhysicalResourceId")
        if kind is not None and isinstance(name, str) and name:
            yield name_or_arn(kind, name, home)


def _mention(item: Item, named: ResourceRef, path: str, names: Names | None) -> Mention:
    operation = tables.LISTINGS[item.kind].operation
    relation, seen = _relation(path, names), f"{operation} {_short(path)}"
    if names is None:
        return Mention(item.ref, named, relation, seen)
    return Mention(
        item.ref, named, relation, seen, names.back, names.flow, along=names.along, ends=names.ends
    )


_VARIABLES: Final = frozenset({"Environment.Variables.*", "definition.containerDefinitions.*.environment.*"})
"""Places whose last part is the name by which a program knows it."""


def _relation(path: str, names: Names | None) -> str:
    if names is None:
        return f"names it in {_short(path)}"
    return (
        f"{names.relation} as {path.rpartition('.')[2][:64]}" if names.path in _VARIABLES else names.relation
    )


def _short(path: str) -> str:
    return path.replace(".*", "")[:120]


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every text; of what it was asked for no more than its id."""
    if isinstance(value, str):
        if value:
            yield path, value[:TEXT_CHARS_MAX]
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, f"{path}.*" if path else "*")
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in {"Tags", "tags", "TagList", "TagSet"}:
                continue  # labels are for people
            if name == "parent" and not path:
                yield from ((f"parent.{key}", text) for key, text in inner.items() if isinstance(text, str))
            else:
                yield from _texts(inner, f"{path}.{name}" if path else str(name))


@cache
def _labels(kind: str) -> dict[str, Names]:
    return {names.path: names for names in tables.LISTINGS[kind].names}


def _label(listing: Listing, path: str) -> Names | None:
    """What the table says of a place: of itself, or of the document it lies in."""
    labels = _labels(listing.kind)
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        way = ".".join(parts[:count])
        found = labels.get(way) or labels.get(f"{way.rpartition('.')[0]}.*")
        if found is None and count == len(parts):
            found = next((one for one in labels.values() if _fits(one.path, parts)), None)
        if found is not None and (count == len(parts) or not found.kind):
            return found
    return None


def _fits(pattern: str, parts: list[str]) -> bool:
    wanted = pattern.split(".")
    return len(wanted) == len(parts) and all(
        one in {"*", part} for one, part in zip(wanted, parts, strict=True)
    )


@cache
def _typed(kind: str) -> dict[str, str]:
    return tables.typed(tables.LISTINGS[kind])


def _bare(kind: str, text: str) -> str:
    """A name as `ResourceRef` has it: an image without its tag is its repository, a key's alias keeps what it is."""
    if kind == "ecr:repository":
        return text.partition("/")[2].partition("@")[0].partition(":")[0] or text
    return text.rpartition("/")[2] if kind == "route53:hostedzone" else text


def _host(text: str) -> str:
    """A DNS name as it is compared: small, without the final dot, without what an alias record puts before a balancer's."""
    return text.lower().rstrip(".").removeprefix("dualstack.")


def _known(ref: ResourceRef) -> ResourceRef:
    """As listings name it: a stream of a table, an index, an assumed role are the table and the role already."""
    if ref.kind == "states:execution":
        return msgspec.structs.replace(ref, kind="states:stateMachine", id=ref.id.partition(":")[0])
    return ref
