"""DynamoDB items that a write would touch: read first, so that what it overwrites is counted and can be put back."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.canonical import digest, short
from keyturn.model.change import Change, Operation, ResourceRef
from keyturn.model.execution import Refused, Role, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import State, Step, call
from keyturn.providers.aws.recipes.common import must
from keyturn.providers.aws.recipes.holding import moved, was_refused

KEYS_MAX: Final = 100
"""Keys of one BatchGetItem (AWS API reference); writes name 25 (BatchWriteItem) or 100 (TransactWriteItems) at most."""

KIND: Final = "dynamodb:item"

WRITES: Final = frozenset(
    {
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:TransactWriteItems",
    }
)


class Write(msgspec.Struct, frozen=True):
    """One item that is written. `verb`: put, update or delete; `given` is the item of a put, or the key of the others."""

    table: str
    verb: str
    given: dict[str, Any]
    absent: str = ""  # the attribute that must not stand (attribute_not_exists): of a key, the service itself refuses to overwrite


class Items(msgspec.Struct, frozen=True):
    """What stands where the writes go. `states` maps ``dynamodb:item/<table>/<digest>`` to table, key and item (None: absent)."""

    puts: int = 0
    updates: int = 0
    deletes: int = 0
    overwritten: int = 0  # puts and updates of items that stand
    deleted: int = 0  # deletes of items that stand
    unknown: int = 0  # writes of which it could not be found out what they meet
    states: dict[str, State] = {}
    unknowns: tuple[str, ...] = ()

    @property
    def writes(self) -> int:
        """How many single writes the operation makes; 0 for every operation that writes no items."""
        return self.puts + self.updates + self.deletes

    @property
    def captured(self) -> bool:
        """Every item that is touched was read, so that it can be put back."""
        return self.unknown == 0


def writes_of(operation: Operation, parameters: dict[str, Any]) -> tuple[Write, ...]:
    """The single writes of an operation; empty for every other operation."""
    match operation.action:
        case "PutItem":
            return (_write("put", parameters),)
        case "UpdateItem":
            return (_write("update", parameters),)
        case "DeleteItem":
            return (_write("delete", parameters),)
        case "BatchWriteItem":
            return tuple(
                Write(table, *pair)
                for table, requests in (parameters.get("RequestItems") or {}).items()
                for request in requests
                for pair in _batch(request)
            )
        case "TransactWriteItems":
            return tuple(
                _write(verb.lower(), part)
                for item in parameters.get("TransactItems") or []
                for verb, part in item.items()
                if verb in {"Put", "Update", "Delete"}
            )
    return ()


def _write(verb: str, part: dict[str, Any]) -> Write:
    return Write(
        table=_table_name(str(part.get("TableName", ""))),
        verb=verb,
        given=part.get("Item" if verb == "put" else "Key") or {},
        absent=_absent(part),
    )


_ABSENT: Final = re.compile(
    r"^\s*attribute_not_exists\s*\(\s*([#\w.-]+)\s*\)(?!.*\bor\b)", re.IGNORECASE | re.DOTALL
)


def _absent(part: dict[str, Any]) -> str:
    """The attribute that the condition wants absent; empty where it wants something else, or may be content without it."""
    found = _ABSENT.match(str(part.get("ConditionExpression", "")))
    name = found[1] if found else ""
    return str((part.get("ExpressionAttributeNames") or {}).get(name, "")) if name.startswith("#") else name


def _batch(request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = []
    if "PutRequest" in request:
        found.append(("put", request["PutRequest"].get("Item") or {}))
    if "DeleteRequest" in request:
        found.append(("delete", request["DeleteRequest"].get("Key") or {}))
    return found


def _table_name(text: str) -> str:
    return text.rpartition("table/")[2].partition("/")[0] if text.startswith("arn:") else text


def capture(
    operation: Operation, parameters: dict[str, Any], tables: dict[str, State | None]
) -> Inquiry[Items]:
    """Read what the writes would meet. `tables` are the captures of the tables, by name: they know the key's names."""
    writes = writes_of(operation, parameters)
    if not writes:
        return Items()
    unknowns: list[str] = []
    keys: dict[str, tuple[Write, dict[str, Any]]] = {}
    for write in writes:
        key = _key(write, tables.get(write.table))
        if key is not None and len(keys) < KEYS_MAX:
            keys[_name(write.table, key)] = (write, key)
    found, unread = yield from _read(operation.resources, keys, unknowns)
    return _met(writes, keys, found, unread, unknowns)


def standing(
    refs: tuple[ResourceRef, ...], several: Sequence[tuple[Write, ...]], tables: dict[str, State | None]
) -> Inquiry[list[Items]]:
    """What the writes of several operations would meet, for each of them; all are read together, `KEYS_MAX` at a time."""
    named = [
        {
            _name(write.table, key): (write, key)
            for write in writes
            if (key := _key(write, tables.get(write.table)))
        }
        for writes in several
    ]
    keys = list({name: one for keys in named for name, one in keys.items()}.items())
    found: dict[str, dict[str, Any]] = {}
    unread: set[str] = set()
    unknowns: list[str] = []
    for place in range(0, len(keys), KEYS_MAX):
        some, not_these = yield from _read(refs, dict(keys[place : place + KEYS_MAX]), unknowns)
        found |= some
        unread |= not_these
    return [_met(writes, mine, found, unread, unknowns) for writes, mine in zip(several, named, strict=True)]


def _met(
    writes: tuple[Write, ...],
    keys: dict[str, tuple[Write, dict[str, Any]]],
    found: dict[str, dict[str, Any]],
    unread: set[str],
    unknowns: list[str],
) -> Items:
    states: dict[str, State] = {
        name: {"table": write.table, "key": key, "item": found.get(name)}
        for name, (write, key) in keys.items()
        if name not in unread
    }
    put_over = [
        write.absent in key for name, (write, key) in keys.items() if name in found and write.verb != "delete"
    ]
    return Items(
        puts=sum(write.verb == "put" for write in writes),
        updates=sum(write.verb == "update" for write in writes),
        deletes=sum(write.verb == "delete" for write in writes),
        overwritten=put_over.count(False),
        deleted=sum(write.verb == "delete" for name, (write, _) in keys.items() if name in found),
        unknown=len(writes) - len(states),
        states=states,
        unknowns=tuple(dict.fromkeys(unknowns)),
    )


def guarded(
    operation: Operation, parameters: dict[str, Any], tables: dict[str, State | None]
) -> Inquiry[Items]:
    """The same, and whatever goes wrong leaves every write unknown."""
    try:
        return (yield from capture(operation, parameters, tables))
    except Exception as error:  # noqa: BLE001  # a request or an answer of any shape; what is not read is not harmless
        return Items(
            puts=1,
            updates=1,
            deletes=1,
            unknown=3,
            unknowns=(f"items could not be read: {type(error).__name__}",),
        )


def _key(write: Write, table: State | None) -> dict[str, Any] | None:
    """The key of the item; None where the table's key schema is not known."""
    if write.verb != "put":
        return write.given or None
    names = [part["AttributeName"] for part in (table or {}).get("keys") or []]
    if not names or any(name not in write.given for name in names):
        return None
    return {name: write.given[name] for name in names}


def _name(table: str, key: dict[str, Any]) -> str:
    """Equal keys give equal names, however a number is written: the service takes 1.0 and 01 for 1."""
    return f"{KIND}/{table}/{short(digest({name: _plain(value) for name, value in sorted(key.items())}))}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("N"), str):
        try:
            return {"N": str(Decimal(value["N"]).normalize())}
        except InvalidOperation:
            return value
    return value


def _read(
    refs: tuple[ResourceRef, ...], keys: dict[str, tuple[Write, dict[str, Any]]], unknowns: list[str]
) -> Inquiry[tuple[dict[str, dict[str, Any]], set[str]]]:
    """(items that stand, names of keys that could not be read). Consistent reads: a stale one would miss what is lost."""
    at = {ref.id: ref for ref in refs}
    found: dict[str, dict[str, Any]] = {}
    unread: set[str] = set()
    by_table: dict[str, dict[str, dict[str, Any]]] = {}
    for name, (write, key) in keys.items():
        by_table.setdefault(write.table, {})[name] = key
    tables = [table for table in by_table if table in at]
    unread |= {name for table, named in by_table.items() if table not in at for name in named}
    if not tables:
        return found, unread
    answers = yield tuple(
        call(
            at[table],
            "dynamodb:BatchGetItem",
            {
                "RequestItems": {
                    table: {"Keys": [_wire(key) for key in by_table[table].values()], "ConsistentRead": True}
                }
            },
        )
        for table in tables
    )
    for table, answer in zip(tables, answers, strict=True):
        named = by_table[table]
        match answer:
            case Succeeded() if not answer.value.get("UnprocessedKeys"):
                parts = sorted(next(iter(named.values())))
                for item in (answer.value.get("Responses") or {}).get(table, []):
                    found[_name(table, {part: item.get(part) for part in parts})] = item
                continue
            case Succeeded():
                unknowns.append(f"items of {table}: the service left keys unread")
            case Refused():
                unknowns.append(f"items of {table}: {answer.code}")
            case Unavailable():
                unknowns.append(f"items of {table}: {answer.why}")
        unread |= set(named)
    return found, unread


def _wire(attributes: dict[str, Any]) -> dict[str, Any]:
    """Binary values come out of the vault as base64 text; the SDK takes bytes."""
    return {name: _bytes(value) for name, value in attributes.items()}


def _bytes(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for kind, inner in value.items():
        if kind == "B" and isinstance(inner, str):
            made[kind] = base64.b64decode(inner)
        elif kind == "BS":
            made[kind] = [base64.b64decode(item) if isinstance(item, str) else item for item in inner]
        elif kind == "L":
            made[kind] = [_bytes(item) for item in inner]
        elif kind == "M":
            made[kind] = _wire(inner)
        else:
            made[kind] = inner
    return made


def inverse(states: Mapping[str, Any]) -> tuple[Step, ...]:
    """Calls that put every captured item back as it was: what stood is put, what did not stand is deleted."""
    steps = []
    for name, state in states.items():
        if not name.startswith(KIND + "/"):
            continue
        if state["item"] is None:
            steps.append(
                Step("dynamodb:DeleteItem", {"TableName": state["table"], "Key": _wire(state["key"])})
            )
        else:
            steps.append(
                Step("dynamodb:PutItem", {"TableName": state["table"], "Item": _wire(state["item"])})
            )
    return tuple(steps)


CONDITION_ATTRIBUTES_MAX: Final = 150
"""An expression has 4 KB and 300 operators at most (Developer Guide, "Limits in expressions"); a term takes some 20 bytes of it."""


def as_it_stands(item: dict[str, Any] | None, key: Mapping[str, Any]) -> dict[str, Any]:
    """The condition that the item is as it was read: absent, or every attribute equal. An attribute that somebody adds meanwhile cannot
    be named, and so is not seen by it; of more attributes than fit, the first by name are compared.
    """
    names = sorted(key)
    if item is None:
        return {
            "ConditionExpression": "attribute_not_exists(#a0)",
            "ExpressionAttributeNames": {"#a0": names[0]},
        }
    names = sorted(item)[:CONDITION_ATTRIBUTES_MAX]
    wire = _wire(item)
    return {
        "ConditionExpression": " AND ".join(f"#a{number} = :v{number}" for number in range(len(names))),
        "ExpressionAttributeNames": {f"#a{number}": name for number, name in enumerate(names)},
        "ExpressionAttributeValues": {f":v{number}": wire[name] for number, name in enumerate(names)},
    }


def put_back(
    refs: tuple[ResourceRef, ...], states: Mapping[str, Any], approved: Mapping[str, Any] = {}
) -> Inquiry[None]:
    """Every captured item as it was, each write held by the service to what was read last. Raises `UnavailableError` ``moved`` before the
    first where one stands otherwise than it was `approved`, and at the one that the service refuses; those after it are not written.
    """
    mine = {name: state for name, state in states.items() if name.startswith(KIND + "/")}
    now = yield from _now(refs, mine)
    otherwise = [
        name
        for name, state in mine.items()
        if name in approved
        and digest(now[name]) not in {digest(approved[name]["item"]), digest(state["item"])}
    ]
    if otherwise:
        raise moved(", ".join(otherwise), "after it was read for the proof")
    at = {ref.id: ref for ref in refs}
    written = 0
    for name, state in mine.items():
        if digest(now[name]) == digest(state["item"]):
            continue  # by an attempt before a crash
        (step,) = inverse({name: state})
        held = as_it_stands(now[name], state["key"])
        asked = call(at[state["table"]], step.operation, {**step.parameters, **held}, Role.CHANGE)
        (answer,) = yield (msgspec.structs.replace(asked, again=True),)
        if was_refused(answer):
            again = yield from _now(refs, {name: state})
            if digest(again[name]) != digest(
                state["item"]
            ):  # else the client sent it twice, and the first answer was lost
                told = f"it was left, and {written} of {len(mine)} items were put back before it"
                raise moved(name, f"between the last read and {step.operation}", told)
        else:
            must(answer, f"{step.operation} of {name}")
        written += 1


def _now(refs: tuple[ResourceRef, ...], mine: Mapping[str, Any]) -> Inquiry[dict[str, dict[str, Any] | None]]:
    """The items that stand, by name. Raises `UnavailableError` where one cannot be read."""
    keys = {
        name: (Write(state["table"], "delete", state["key"]), state["key"]) for name, state in mine.items()
    }
    unknowns: list[str] = []
    found, unread = yield from _read(refs, keys, unknowns)
    if unread:
        raise UnavailableError(
            "cannot-read", f"{'; '.join(unknowns) or 'items could not be read'}; nothing was written"
        )
    return {name: found.get(name) for name in mine}


def writing(change: Change) -> Change:
    """The change without what writes no items."""
    return msgspec.structs.replace(
        change, operations=tuple(one for one in change.operations if one.name in WRITES)
    )


def complete(change: Change, states: Mapping[str, Any]) -> bool:
    """Whether every item that a change writes was captured, and is written once: an item that is written twice has one name."""
    if any(operation.name not in WRITES for operation in change.operations):
        return False
    wrote = sum(len(writes_of(operation, operation.parameters)) for operation in change.operations)
    return 0 < wrote == sum(name.startswith(KIND + "/") for name in states)


def differences(refs: tuple[ResourceRef, ...], states: Mapping[str, Any]) -> Inquiry[list[str]]:
    """What is not as it was captured, read again; keys stand in the list, values do not."""
    mine = {name: state for name, state in states.items() if name.startswith(KIND + "/")}
    keys = {
        name: (Write(state["table"], "delete", state["key"]), state["key"]) for name, state in mine.items()
    }
    unknowns: list[str] = []
    found, unread = yield from _read(refs, keys, unknowns)
    otherwise = [
        f"{name} is not as it was"
        for name, state in mine.items()
        if name not in unread and digest(found.get(name)) != digest(state["item"])
    ]
    return [*otherwise, *(f"could not be compared: {unknown}" for unknown in unknowns)]
