"""The wire table: what is needed to read any AWS request, made from botocore's models (`make catalogue`).

The index is loaded at once (a few milliseconds), a service's operations and shapes when they are first met.
"""

from __future__ import annotations

import json
import mmap
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from typing import Any, Final

import msgspec

from keyturn.errors import BugError

MAGIC: Final = b"KTWIRE01"


class Member(msgspec.Struct, frozen=True):
    """Where a member of a structure stands on the wire."""

    shape: str
    location: str = ""  # header | headers | querystring | uri | statusCode; empty: in the body
    name: str = ""  # on the wire, when it is not the member's own
    query_name: str = ""
    timestamp_format: str = ""
    xml_attribute: bool = False
    streaming: bool = False
    json_value: bool = False
    token: bool = False
    flattened: bool = False


class Shape(msgspec.Struct, frozen=True):
    """A type: structure, list, map, or a scalar kind of botocore's."""

    kind: str
    members: dict[str, Member] = {}
    required: tuple[str, ...] = ()
    payload: str = ""
    element: Member | None = None
    key: Member | None = None
    value: Member | None = None
    sensitive: bool = False
    flattened: bool = False
    streaming: bool = False
    union: bool = False
    event_stream: bool = False
    timestamp_format: str = ""
    document: bool = False  # any JSON
    wire_names: dict[
        str, tuple[str, Member]
    ] = {}  # by the name in a body: the member's own name, and the member


class Op(msgspec.Struct, frozen=True):
    """One operation: method, URI with labels and literal query, input shape."""

    name: str
    method: str
    uri: str
    input: str = ""
    wrapper: str = ""
    deprecated: bool = False
    unsigned: bool = False
    gzip: bool = False  # clients may pack the body
    host_prefix: str = ""  # before the endpoint's name, with labels of the input


class _Shapes(dict[str, Shape]):
    """Shapes by name, each made when it is first asked for."""

    def __init__(self, raw: dict[str, msgspec.Raw]) -> None:
        super().__init__()
        self._raw = raw

    def __missing__(self, name: str) -> Shape:
        made = self[name] = _shape(msgspec.json.decode(self._raw[name]))
        return made


class _Block(msgspec.Struct):
    """A service as it lies in the table: operations, and shapes as text, of which few are ever asked for."""

    o: dict[str, dict[str, Any]]
    s: dict[str, msgspec.Raw]


class Service:
    """Operations and shapes of one service."""

    def __init__(self, block: _Block) -> None:
        self.operations: dict[str, Op] = {
            name: Op(
                name=name,
                method=entry["m"],
                uri=entry["u"],
                input=entry.get("i", ""),
                wrapper=entry.get("w", ""),
                deprecated="d" in entry,
                unsigned="n" in entry,
                gzip="z" in entry,
                host_prefix=entry.get("h", ""),
            )
            for name, entry in block.o.items()
        }
        self.shapes = _Shapes(block.s)

    def shape(self, name: str) -> Shape:
        """The shape of this name, made when it is first asked for."""
        return self.shapes[name]

    def input(self, operation: str) -> Shape | None:
        """The input of an operation; None where it takes nothing."""
        op = self.operations.get(operation)
        return self.shape(op.input) if op and op.input else None


class Entry(msgspec.Struct, frozen=True):
    """One service in the index. `key` finds its operations: ``sqs``, or ``sqs@1.34.0`` for what older clients say otherwise."""

    key: str
    service: str
    signing_name: str
    endpoint_prefix: str
    protocols: tuple[str, ...]
    version: str
    target_prefix: str
    query_compatible: bool


class Table:
    """The whole table; `load()` gives the one that ships."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        if data[: len(MAGIC)] != MAGIC:
            raise BugError(
                "wire-table", "the wire table is not one this version reads", help="run: make catalogue"
            )
        size = int.from_bytes(data[8:12], "big")
        head = json.loads(zlib.decompress(data[12 : 12 + size]))
        self._data, self._base = data, 12 + size
        self.botocore_version: str = head["botocore"]
        self._places: dict[str, tuple[int, int]] = {}
        self.entries: dict[str, Entry] = {}  # of the newest release, by service
        self.by_key: dict[str, Entry] = {}  # of all
        self.by_signing_name: dict[str, list[str]] = {}
        self.older: dict[str, list[list[Entry]]] = {}
        """By signing name: what each older release says otherwise, newest release first."""
        releases: dict[str, dict[str, list[Entry]]] = {}
        for key, (signing, prefix, protocols, version, target, offset, length, compatible) in head[
            "services"
        ].items():
            self._places[key] = (offset, length)
            service, _, release = key.partition("@")
            entry = Entry(key, service, signing, prefix, tuple(protocols), version, target, bool(compatible))
            self.by_key[key] = entry
            if release:
                releases.setdefault(signing, {}).setdefault(release, []).append(entry)
                continue
            self.entries[service] = entry
            self.by_signing_name.setdefault(signing, []).append(service)
        for signing, found in releases.items():
            self.older[signing] = [found[release] for release in head["older"] if release in found]
        self._services: dict[str, Service] = {}
        self._signing_as = {
            signing: tuple([self.entries[name] for name in names])
            for signing, names in self.by_signing_name.items()
        }

    def signing_as(self, signing_name: str) -> tuple[Entry, ...]:
        """The services whose requests are signed with this name."""
        return self._signing_as.get(signing_name, ())

    def service(self, name: str) -> Service:
        """Loaded when it is first met; `name` is a service's, or an older entry's key."""
        found = self._services.get(name)
        if found is None:
            offset, length = self._places[name]
            start = self._base + offset
            found = self._services[name] = Service(
                msgspec.json.decode(zlib.decompress(self._data[start : start + length]), type=_Block)
            )
        return found

    def all_operations(self) -> Iterator[tuple[str, Op]]:
        """Every (service, operation); loads every service."""
        for service in self.entries:
            for op in self.service(service).operations.values():
                yield service, op


@cache
def load() -> Table:
    """The table that ships with the package, left where it lies: the pages of it that are read are the file's own."""
    table = files(__package__).joinpath("catalogue/wire.bin")  # of what is loaded already
    with as_file(table) as path, path.open("rb") as file:
        return Table(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _member(raw: list[Any]) -> Member:
    extra = raw[1] if len(raw) > 1 else {}
    return Member(
        shape=raw[0],
        location=extra.get("l", ""),
        name=extra.get("n", ""),
        query_name=extra.get("q", ""),
        timestamp_format=extra.get("tf", ""),
        xml_attribute="xa" in extra,
        streaming="st" in extra,
        json_value="jv" in extra,
        token="it" in extra,
        flattened="fl" in extra,
    )


def _shape(raw: dict[str, Any]) -> Shape:
    members = {name: _member(member) for name, member in raw.get("m", {}).items()}
    return Shape(
        kind=raw["t"],
        members=members,
        wire_names={
            (member.name or name): (name, member) for name, member in members.items() if not member.location
        },
        required=tuple(raw.get("r", ())),
        payload=raw.get("p", ""),
        element=_member(raw["e"]) if "e" in raw else None,
        key=_member(raw["k"]) if "k" in raw else None,
        value=_member(raw["v"]) if "v" in raw else None,
        sensitive="se" in raw,
        flattened="fl" in raw,
        streaming="st" in raw,
        union="un" in raw,
        event_stream="es" in raw,
        timestamp_format=raw.get("tf", ""),
        document="do" in raw,
    )


def input_of(service: str, operation: str) -> tuple[Service, Shape] | None:
    """The service, and what this operation of its takes; None where there is no such service or operation, or it takes nothing."""
    table = load()
    known = table.service(service) if service in table.entries else None
    shape = known.input(operation) if known is not None else None
    return (known, shape) if known is not None and shape is not None else None
