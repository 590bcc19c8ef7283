"""Where a new change belongs: a case of its own, a repeat, the second half of a replace, or nothing that may go on.

`Plane.route` walks the cases it knows; what each of them says to the change stands here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from keyturn.core.case import Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.model.assessment import Kind
from keyturn.model.canonical import digest
from keyturn.model.change import Change, Effect, Operation, ResourceRef

UNDECIDED: Final = frozenset({Phase.RECEIVED, Phase.ASSESSED, Phase.SUPERSEDED})

EXECUTED: Final = frozenset({Phase.CONFIRMED, Phase.FAILED, Phase.RESTORED, Phase.RESTORE_FAILED})
"""A case that was approved and ended here has had its one execution: who asks again is told what became of it."""


class New(msgspec.Struct, frozen=True):
    """A case of its own."""


class Attach(msgspec.Struct, frozen=True):
    """The same operation of the same session while its case is open: wait for that one."""

    case_id: str


class Await(msgspec.Struct, frozen=True):
    """The same operation, or the delete it would be the second half of, is not decided yet: ask again when it is."""

    case_id: str


class Join(msgspec.Struct, frozen=True):
    """The create meets the held delete of its own session: `change` is the case's new revision."""

    case_id: str
    change: Change


class Replay(msgspec.Struct, frozen=True):
    """It was held, approved and executed meanwhile: say what became of this operation, with the response that is on record."""

    case_id: str
    operation: int


class Refuse(msgspec.Struct, frozen=True):
    """It may not go on. `case_id` names the case that says so, when there is one."""

    code: str
    reason: str
    case_id: str = ""


Route = New | Attach | Await | Join | Replay | Refuse


class Known(msgspec.Struct):
    """What the plane remembers of one case: enough to route, nothing else."""

    case_id: str
    session: str
    phase: Phase
    was_held: bool
    operations: tuple[tuple[str, str, Effect, tuple[ResourceRef, ...]], ...]  # (key, name, floor, resources)
    change: Change | None  # until it ends: only what is open can be joined
    ended_at_ms: int | None
    kinds: tuple[Kind, ...] = ()  # of what was found of it
    makes: tuple[ResourceRef, ...] = ()  # what it made that stood nowhere before


def operation_key(change: Change, operation: Operation) -> str:
    """Names one operation of one principal by its meaning: equal keys are repeats."""
    return digest([msgspec.to_builtins(change.principal), operation.meaning(), change.undoes])


def identity(operation: Operation) -> ResourceRef:
    """The resource the operation is about: a provider names it first."""
    return operation.resources[0]


def repeat(known: Known, key: str, *, at_ms: int, replay_s: int) -> Route | None:
    """The same operation again: attach while open (once-held cases only: allowed calls never join), or replay.

    Whether it will be held is not known until it is decided; two holds of one request could both be approved.
    """
    index = next((index for index, operation in enumerate(known.operations) if operation[0] == key), None)
    if index is None:
        return None
    if known.phase in UNDECIDED:
        return Await(known.case_id)
    if not known.was_held:
        return None
    if known.phase not in TERMINAL:
        return Attach(known.case_id)
    recent = known.ended_at_ms is not None and at_ms - known.ended_at_ms <= replay_s * 1000
    if recent and known.phase in EXECUTED:
        return Replay(known.case_id, index)
    return None


def second_half(known: Known, change: Change) -> Join | Await | None:
    """A create that meets a held delete of its own session is the second half of a replace."""
    operation = change.operations[0]
    if known.phase is not Phase.HELD and known.phase not in UNDECIDED:
        return None
    if known.change is None or known.change.principal != change.principal:
        return None  # what another identity asks for is made with that one's credentials
    wanted = identity(operation)
    if not any(
        floor is Effect.DELETE and resources[0] == wanted for _, _, floor, resources in known.operations
    ):
        return None
    if known.phase in UNDECIDED:
        return Await(known.case_id)
    kept = tuple(
        earlier
        for earlier in known.change.operations
        if not (earlier.name == operation.name and identity(earlier) == wanted)
    )
    return Join(known.case_id, msgspec.structs.replace(known.change, operations=(*kept, operation)))


def variant_of_denied(known: Known, operation: Operation, *, at_ms: int, cooldown_s: int) -> Refuse | None:
    """The same operation on the same resources, in other words, soon after a no."""
    if known.phase not in {Phase.REJECTED, Phase.DENIED} or known.ended_at_ms is None:
        return None
    if at_ms - known.ended_at_ms > cooldown_s * 1000:
        return None
    same = any(
        name == operation.name and set(resources) == set(operation.resources)
        for _, name, _, resources in known.operations
    )
    if not same:
        return None
    minutes = max(1, (known.ended_at_ms + cooldown_s * 1000 - at_ms) // 60_000)
    return Refuse(
        "denied-before",
        f"this was denied as {known.case_id}; it is not asked again for {minutes} min",
        known.case_id,
    )
