"""Whatever an event says, reading what was written gives it back: for events made at random from their own types."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.core.chain import GENESIS, broken_at, make_entry
from keyturn.model import record as r
from keyturn.model.canonical import canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # half a surrogate pair has no UTF-8
WHOLE = st.integers(-(2**63), 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


WITHIN: dict[type, st.SearchStrategy[Any]] = {}
"""Structs that are being made: one that holds itself is made of itself, later."""


def struct_of(kind: msgspec.inspect.StructType) -> st.SearchStrategy[Any]:
    if kind.cls not in WITHIN:
        WITHIN[kind.cls] = st.deferred(lambda: made)
        required = {field.name: any_of(field.type) for field in kind.fields if field.required}
        optional = {field.name: any_of(field.type) for field in kind.fields if not field.required}
        made = st.fixed_dictionaries(required, optional=optional).map(lambda given: kind.cls(**given))
    return WITHIN[kind.cls]


def any_of(kind: msgspec.inspect.Type) -> st.SearchStrategy[Any]:  # one arm for each kind of type
    """Values of a type as msgspec sees it; a type that is not known here fails the test, so that none is left out."""
    match kind:
        case msgspec.inspect.StrType():
            return TEXT
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.IntType():
            return WHOLE
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.AnyType():
            return JSON
        case msgspec.inspect.EnumType(cls=cls):
            return st.sampled_from(list(cls))
        case msgspec.inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(any_of(key), any_of(value), max_size=3)
        case msgspec.inspect.VarTupleType(item_type=item):
            return st.lists(any_of(item), max_size=2).map(tuple)
        case msgspec.inspect.TupleType(item_types=items):
            return st.tuples(*map(any_of, items))
        case msgspec.inspect.UnionType(types=kinds):
            return st.one_of(*map(any_of, kinds))
        case msgspec.inspect.StructType():
            return struct_of(kind)
        case _:
            raise TypeError(f"no values are made of {kind}")


EVENTS: st.SearchStrategy[r.Event] = st.one_of(
    *(any_of(msgspec.inspect.type_info(kind)) for kind in typing.get_args(r.Event))
)


@settings(max_examples=400, deadline=None)
@given(event=EVENTS)
def test_reading_gives_back_what_was_written(event: r.Event) -> None:
    """decode(encode(event)) == event, and writing it again gives the same bytes: one meaning, one text."""
    written = r.encode_event(event)
    assert r.decode_event(written) == event
    assert r.encode_event(r.decode_event(written)) == written


@settings(max_examples=100, deadline=None)
@given(event=EVENTS, case_id=TEXT, writer=TEXT)
def test_an_entry_holds_the_very_bytes_of_its_event(event: r.Event, case_id: str, writer: str) -> None:
    """The event stands in the entry's body byte for byte, so that digests over parts of it can be checked from the log."""
    entry = make_entry(r.Draft(case_id=case_id, event=event), seq=1, writer=writer, prev=GENESIS)
    assert msgspec.json.decode(entry.body)["event"] == msgspec.json.decode(canonical(event))
    assert b'"event":' + canonical(event) + b"," in entry.body
    assert entry.event() == event
    assert broken_at([entry]) == ""


@settings(max_examples=300, deadline=None)
@given(event=EVENTS, data=st.data())
def test_a_changed_byte_is_no_accident_waiting(event: r.Event, data: st.DataObject) -> None:
    """Reading is total: one byte changed is another event or an error of reading, and never anything else."""
    written = bytearray(r.encode_event(event))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = r.decode_event(bytes(written))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    assert type(found) in typing.get_args(r.Event)


@given(data=st.binary(max_size=200))
def test_decoding_is_total(data: bytes) -> None:
    """Any bytes are an event or a `ValidationError`; nothing else ever leaves the codec."""
    try:
        r.decode_event(data)
    except msgspec.ValidationError:
        return
