"""Captures of everything a change touches, read side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from keyturn.core.inquiring import Done, go_on
from keyturn.core.ports import Captures, Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.canonical import canonical, digest
from keyturn.model.change import Change, Operation, Request, ResourceRef
from keyturn.model.execution import Answer, Call
from keyturn.providers.aws import items, live, recipes
from keyturn.providers.aws.items import Items
from keyturn.providers.aws.live import Reading
from keyturn.providers.aws.recipes.base import Captured, Recipe

T = TypeVar("T")

OBJECTS: Final = frozenset({"s3:object", "s3:objects"})
"""Kinds that lie in a bucket, whose versioning and tags decide for them."""

INSIDE: Final = items.WRITES | {
    "sqs:SendMessage",
    "sqs:SendMessageBatch",
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage",
    "sqs:DeleteMessageBatch",
}
"""Operations on what lies in a table or a queue, made by the thousand: a glance at the table or queue has to do."""


class Taken(msgspec.Struct, frozen=True):
    """What was read: captures, and the edges met on the way."""

    captures: Captures
    dependents: tuple[Dependent, ...]
    doubts: tuple[
        str, ...
    ] = ()  # what else could not be read: it worsens the assessment, and is no part of the state
    readings: tuple[Reading, ...] = ()  # for each operation, what its rows look at
    tags: dict[str, dict[str, str]] = {}  # of what no recipe captures, by resource


def together(inquiries: Sequence[Inquiry[T]]) -> Inquiry[list[T]]:
    """Several inquiries as one: each round yields what all of them ask for, so that they wait for the world together. What
    several read alike (the versioning of a bucket, for each of its objects) is asked once; a step is never another's.
    """
    results: dict[int, T] = {}
    waiting: dict[int, list[tuple[object, Call]]] = {}

    def one_on(place: int, answers: tuple[Answer, ...] | None) -> None:
        calls = go_on(inquiries[place], answers)
        if isinstance(calls, Done):
            results[place] = calls.result
            waiting.pop(place, None)
            return
        waiting[place] = [
            ((place, number) if call.mutates else canonical(call), call) for number, call in enumerate(calls)
        ]

    for place in range(len(inquiries)):
        one_on(place, None)
    while waiting:
        asked = {key: call for calls in waiting.values() for key, call in calls}
        answers: tuple[Answer, ...] = yield tuple(asked.values())
        told = dict(zip(asked, answers, strict=True))
        for place, calls in list(waiting.items()):
            one_on(place, tuple(told[key] for key, _ in calls))
    return [results[place] for place in range(len(inquiries))]


def guarded(recipe: Recipe, ref: ResourceRef, *, beside: bool = False) -> Inquiry[Captured]:
    """The capture; whatever goes wrong in it is an unknown of this resource, not the end of the others'. Of what only lies
    `beside` the change, no more is read than decides about it.
    """
    try:
        return (yield from recipe.glance(ref) if beside else recipe.capture(ref))
    except Exception as error:  # noqa: BLE001  # the account may answer in any shape; unread is not absent
        return Captured(None, (f"the capture failed: {type(error).__name__}",))


def judged_by(change: Change) -> tuple[ResourceRef, ...]:
    """What has to be read to judge the change: its resources, and the buckets that objects lie in."""
    refs: dict[ResourceRef, None] = dict.fromkeys(change.resources)
    for ref in change.resources:
        if ref.kind in OBJECTS:
            refs[msgspec.structs.replace(ref, kind="s3:bucket", id=ref.id.partition("/")[0])] = None
    return tuple(refs)


def take(change: Change, *, gone: bool = False) -> Inquiry[Taken]:
    """Read every resource that has a recipe, and what the rows of each operation look at; of what is left it is said that
    nothing is known. `gone`: most of it is thought not to stand any more, so that a listing is looked at first.
    """
    known = [(ref, recipe) for ref in judged_by(change) if (recipe := recipes.for_kind(ref.kind)) is not None]
    absent = (yield from _absent(known)) if gone else frozenset()
    whole = {ref for one in change.operations if one.name not in INSIDE for ref in one.resources}
    reading: Inquiry[Any] = live.read(change.operations)
    captures: list[Inquiry[Any]] = [
        _nothing() if ref in absent else guarded(recipe, ref, beside=ref not in whole)
        for ref, recipe in known
    ]
    found: list[Any] = yield from together([*captures, reading])
    readings: list[Reading] = found.pop()
    states: dict[str, dict[str, Any] | None] = {}
    unknowns: list[str] = []
    prints: dict[str, str] = {}
    dependents: list[Dependent] = []
    for (ref, recipe), captured in zip(known, found, strict=True):
        unknowns += [f"{ref}: {unknown}" for unknown in captured.unknowns]
        dependents += captured.dependents
        if captured.state is None and captured.unknowns:
            prints[str(ref)] = "unknown"
            continue  # could not be read: not absent
        states[str(ref)] = captured.state
        prints[str(ref)] = recipe.fingerprint(captured.state)
    for operation, one in zip(change.operations, readings, strict=True):
        unknowns += _put_reading(operation, one, states, prints)
    state_digest = digest({"prints": prints, "unknowns": sorted(unknowns)})
    taken = Captures(states=states, unknowns=tuple(dict.fromkeys(unknowns)), digest=state_digest)
    return Taken(taken, tuple(dependents), readings=tuple(readings))


def _absent(known: Sequence[tuple[ResourceRef, Recipe]]) -> Inquiry[frozenset[ResourceRef]]:
    by_recipe: dict[Recipe, list[ResourceRef]] = {}
    for ref, recipe in known:
        by_recipe.setdefault(recipe, []).append(ref)
    found = yield from together([_passed_over(recipe, tuple(refs)) for recipe, refs in by_recipe.items()])
    return frozenset(ref for refs in found for ref in refs)


def _passed_over(recipe: Recipe, refs: tuple[ResourceRef, ...]) -> Inquiry[frozenset[ResourceRef]]:
    try:
        return (yield from recipe.absent(refs))
    except Exception:  # noqa: BLE001  # an answer of any shape: then each is asked for
        return frozenset()


def _nothing() -> Inquiry[Captured]:
    return Captured(None)
    yield ()  # makes this a generator


def _put_reading(
    operation: Operation, reading: Reading, states: dict[str, dict[str, Any] | None], prints: dict[str, str]
) -> list[str]:
    """Puts what was read of one operation among the states, for what no recipe captures; returns what is not known of it."""
    unknowns = list(reading.unknowns)
    if reading.asked:
        prints[live.key(operation)] = reading.digest
    if isinstance(reading.live.get(""), dict):
        states[live.key(operation)] = reading.live[""]
    for ref in operation.resources:
        if str(ref) in prints:
            continue
        prints[str(ref)] = "not read"
        if reading.whole:
            states[str(ref)] = reading.live.get("")
        elif not reading.asked and operation.name not in live.APPENDS:
            unknowns.append(f"{ref}: there are no live facts for this kind of resource")
    return unknowns


def recapture(change: Change, requests: tuple[Request, ...]) -> Inquiry[Captures]:
    """What an approval of the change is bound to, read again."""
    taken = yield from take(change)
    if change.undoes is not None:
        taken, _ = yield from with_items(change, requests, taken)
    return taken.captures


def with_items(
    change: Change, requests: tuple[Request, ...], taken: Taken
) -> Inquiry[tuple[Taken, list[Items]]]:
    """Read the items that DynamoDB writes would touch; they stand among the captures, so that they can be put back. Of an undo they
    are part of the state that it is approved on: what is put back is put over what was shown.
    """
    tables = {
        ref.id: taken.captures.states.get(str(ref))
        for ref in change.resources
        if ref.kind == "dynamodb:table"
    }
    asked = list(zip(change.operations, requests, strict=bool(requests)))
    if not asked:
        return taken, [Items() for _ in change.operations]
    if change.undoes is not None:
        writes = [items.writes_of(operation, request.parameters) for operation, request in asked]
        touched = yield from items.standing(change.resources, writes, tables)
        return _bound(taken, touched), touched
    touched = yield from together(
        [items.guarded(operation, request.parameters, tables) for operation, request in asked]
    )
    states = {name: state for met in touched for name, state in met.states.items()}
    captures = msgspec.structs.replace(taken.captures, states={**taken.captures.states, **states})
    doubts = tuple(unknown for met in touched for unknown in met.unknowns)
    return msgspec.structs.replace(taken, captures=captures, doubts=doubts), touched


def _bound(taken: Taken, touched: list[Items]) -> Taken:
    """With the items in what the approval is bound to."""
    if not any(met.writes for met in touched):
        return taken
    states = {name: state for met in touched for name, state in met.states.items()}
    unread = tuple(dict.fromkeys(unknown for met in touched for unknown in met.unknowns))
    stands = {name: digest(state["item"]) for name, state in states.items()}
    captures = msgspec.structs.replace(
        taken.captures,
        states={**taken.captures.states, **states},
        unknowns=tuple(dict.fromkeys((*taken.captures.unknowns, *unread))),
        digest=digest({"state": taken.captures.digest, "items": stands, "unread": unread}),
    )
    return msgspec.structs.replace(taken, captures=captures)
