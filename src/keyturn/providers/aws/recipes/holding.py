"""Sending a call of the plane with its precondition: read, see that it is what was approved, send, and tell a refusal apart.

After a crash what was asked for is asked again from what stands by then (`Call.again`): a write with a precondition, repeated,
changes nothing that it has not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Refused, Role
from keyturn.providers.aws.recipes.base import Captured, Recipe, State, Step, call
from keyturn.providers.aws.recipes.common import differences, do, must
from keyturn.providers.aws.recipes.preconditions import REFUSALS


def moved(what: str, when: str, done: str = "nothing was done to it") -> UnavailableError:
    """The error that ends it: nobody's write is overwritten, and what is asked next is asked of what stands now."""
    return UnavailableError(
        "moved",
        f"{what} moved {when}; {done}",
        help="look at what stands now, and ask again if it is still wanted",
    )


def was_refused(answer: Answer) -> bool:
    """Whether the service refused because the precondition did not hold."""
    return isinstance(answer, Refused) and answer.code in REFUSALS


def carried(recipe: Recipe, step: Step, state: State | None) -> dict[str, Any]:
    """What holds `step` to this state at the service; empty where its operation has no precondition."""
    held = recipe.holds.get(step.operation)
    return held.of_state(step.parameters, state) if held is not None else {}


def with_carried(recipe: Recipe, steps: tuple[Step, ...], state: State) -> tuple[Step, ...]:
    """The steps, of which the first that can be held to `state` is: those after it find what it has made."""
    for place, step in enumerate(steps):
        given = carried(recipe, step, state)
        if given:
            made = msgspec.structs.replace(step, parameters={**step.parameters, **given})
            return (*steps[:place], made, *steps[place + 1 :])
    return steps


def back(
    recipe: Recipe, ref: ResourceRef, step: Step, before: State, approved: Mapping[str, State | None]
) -> Inquiry[None]:
    """Make `step` of an inverse that leads back to `before`. `approved`: what stood when it was approved, as far as that is known.

    Raises `UnavailableError` ``moved`` where something else stands: found by the last read, or by the service after it.
    """
    if step.operation not in recipe.holds:
        yield from do(ref, step.operation, step.parameters)
        return
    now = yield from _read(recipe, ref)
    if _is_back(recipe, ref, step, before, now):
        return  # an attempt before a crash has done it
    if str(ref) in approved and recipe.fingerprint(approved[str(ref)]) != recipe.fingerprint(now):
        raise moved(str(ref), "after it was read for the proof")
    given = carried(recipe, step, now)
    if not given:
        yield from do(ref, step.operation, step.parameters)
        return
    asked = call(ref, step.operation, {**step.parameters, **given}, Role.CHANGE)
    (answer,) = yield (msgspec.structs.replace(asked, again=True),)
    if was_refused(answer):
        if _is_back(recipe, ref, step, before, (yield from _read(recipe, ref))):
            return  # the client sent it twice: its own first attempt, whose answer was lost, moved it
        raise moved(str(ref), f"between the last read and {step.operation}")
    must(answer, f"{step.operation} of {ref.id}")


def _read(recipe: Recipe, ref: ResourceRef) -> Inquiry[State | None]:
    now: Captured = yield from recipe.capture(ref)
    if now.unknowns:
        raise UnavailableError(
            "cannot-read", f"{ref} cannot be read: {'; '.join(now.unknowns)}; nothing was done to it"
        )
    return now.state


def _is_back(recipe: Recipe, ref: ResourceRef, step: Step, before: State, now: State | None) -> bool:
    if now is None:
        return False
    fields = tuple(field for field in recipe.fields if field not in recipe.renews)
    if not differences(before, now, fields, title=str(ref)):
        return True
    return step.operation not in recipe.creates and bool(
        recipe.settled(step.operation, step.parameters, ref, now)
    )
