"""botocore's data files in a tenth of the memory: without their documentation, and the tables in them read entry by entry.

A client asks for a dozen of the thousand shapes of its service and for one service's endpoints of four hundred; what nobody asks for
stays the few bytes that it is in JSON.
"""

from __future__ import annotations

import copy
import gzip
from collections.abc import Callable, ItemsView, Iterator, ValuesView
from pathlib import Path
from typing import Any, Final

import botocore.session
import msgspec
from botocore.loaders import JSONFileLoader

_ENDINGS: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    (".json", bytes),
    (".json.gz", gzip.decompress),
)

TABLES: Final = frozenset({"shapes", "operations", "services"})
"""Keys under which botocore has many entries and asks for few of them (service-2.json, endpoints.json)."""

FEW: Final = 8
"""Tables of fewer entries are read at once."""

_Raw = dict[str, msgspec.Raw]


class Table(dict[str, Any]):
    """A dictionary whose values are read when they are asked for, and stay as they were handed out: botocore changes some of them."""

    def __init__(self, entries: dict[str, bytes]) -> None:
        super().__init__(entries)

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, bytes):  # nothing in JSON is
            value = msgspec.json.decode(value)
            super().__setitem__(key, value)
        return value

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()  # said here, so that dict(table) and {**table} ask for each value too

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401  # dict.get would hand out the bytes

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return ValuesView(self)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        return ItemsView(self)

    def pop(self, key: str, *default: Any) -> Any:
        self.get(key)
        return super().pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else super().setdefault(key, default)

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return copy.deepcopy(dict(self), memo)

    def __eq__(self, other: object) -> bool:
        return dict(self) == other

    __hash__ = None


class LeanLoader(JSONFileLoader):  # type: ignore[misc]  # botocore has no types
    """Reads what `JSONFileLoader` reads. A dictionary keeps its order in any case; documentation is for help texts alone."""

    def load_file(self, file_path: str) -> Any:
        """The data at this path, which has no ending yet; None where there is no such file."""
        for ending, unpacked in _ENDINGS:
            path = Path(file_path + ending)
            if path.is_file():
                return _read(unpacked(path.read_bytes()))
        return None


def _read(data: bytes) -> Any:
    """A file: its tables, at its top or in the partitions of endpoints.json, entry by entry, so that it never stands there whole."""
    try:
        top = msgspec.json.decode(data, type=_Raw)
    except msgspec.ValidationError:
        return without_documentation(msgspec.json.decode(data))
    if "partitions" in top and "version" in top:
        partitions = msgspec.json.decode(top["partitions"], type=list[_Raw])
        return {key: msgspec.json.decode(raw) for key, raw in top.items() if key != "partitions"} | {
            "partitions": [_tables(partition) for partition in partitions]
        }
    return _tables(top)


def _tables(of: _Raw) -> dict[str, Any]:
    tables = {key: Table(entries) for key, raw in of.items() if len(entries := _entries(key, raw)) >= FEW}
    rest = without_documentation(
        {key: msgspec.json.decode(raw) for key, raw in of.items() if key not in tables}
    )
    return {key: tables[key] if key in tables else rest[key] for key in of}


def _entries(key: str, raw: msgspec.Raw) -> dict[str, bytes]:
    """Of a table, as text without documentation; none where it is no table."""
    if key not in TABLES or bytes(memoryview(raw)[:1]) != b"{":
        return {}
    return {name: _lean(entry) for name, entry in msgspec.json.decode(raw, type=_Raw).items()}


def _lean(raw: msgspec.Raw) -> bytes:
    return msgspec.json.encode(without_documentation(msgspec.json.decode(raw)))


def without_documentation(value: Any) -> Any:
    """`value` itself, changed: texts under the key ``documentation`` are emptied; a member of that name is a dictionary, and stays.

    The key stays, since botocore asks for it by name (a client's own context parameters, `ServiceModel.client_context_parameters`).
    """
    if isinstance(value, dict):
        if isinstance(value.get("documentation"), str):
            value["documentation"] = ""
        for inner in value.values():
            without_documentation(inner)
    elif isinstance(value, list):
        for inner in value:
            without_documentation(inner)
    return value


def session(profile: str = "") -> botocore.session.Session:
    """A session of botocore's that reads its data so."""
    made = botocore.session.Session(profile=profile or None)
    made.get_component("data_loader").file_loader = LeanLoader()
    return made
