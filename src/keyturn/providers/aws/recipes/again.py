"""Kinds of their own whose capture is all there is of them: what makes one again is a list of calls.

The list is what reviewers are shown, what a restore makes, and what the runbook says; a call whose answer gives an id says which
place in the later calls that id takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes.base import Recipe, State, Step
from keyturn.providers.aws.recipes.common import differences, do
from keyturn.providers.aws.recipes.filling import at
from keyturn.providers.aws.recipes.runbook import Run, new, waited

RECOVER_S = 30
"""Seconds for the calls of one such resource, a few dozen at most."""


class Given(msgspec.Struct, frozen=True):
    """A call, and the ids that it gives: what stands for one in the calls after it (the old id, or a name) -> its path in the answer."""

    step: Step
    gives: Mapping[str, str] = {}


class Again(Recipe):
    """Subclasses say the calls; a new id of the resource itself is that of the first."""

    backs_up: ClassVar[bool] = True
    restores: ClassVar[bool] = True
    recover_s: ClassVar[int] = RECOVER_S

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        """The calls that make it as it was, first to last."""
        raise NotImplementedError

    def afterwards(self, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
        """What else has to be said, or waited for, once the calls are made."""
        return []
        yield ()  # makes this a generator

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(
            resource=ref, backup=self.backs_up, inverse=False, recover_s=self.recover_s, loss=self.loss
        )

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """The capture itself, read a second time and found equal; none where data lies in it that the capture does not hold."""
        if not self.backs_up:
            return (yield from super().backup(ref, state, case_id=case_id, at_ms=at_ms))
        made_by = f"{len(self.again(ref, state))} calls make it again"
        restores_to = f"{self.title} {ref.id}, made again"
        return (yield from self.read_twice(ref, state, at_ms=at_ms, made_by=made_by, restores_to=restores_to))

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        """With the old ids, where the new ones are not known before."""
        return tuple(one.step for one in self.again(ref, state))

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        new: dict[str, str] = {}
        for one in self.again(ref, state):
            told = yield from do(ref, one.step.operation, renamed(one.step.parameters, new))
            new |= {old: str(at(told, path)) for old, path in one.gives.items()}
        made = msgspec.structs.replace(ref, id=new.get(ref.id, ref.id))
        honest = (
            []
            if made == ref
            else [f"id: it was {ref.id} and is {made.id}: what names the old one has to be told"]
        )
        honest += yield from self.afterwards(made, state)
        after = yield from self.capture(made)
        honest += differences(state, after.state, self.fields, title=f"{self.title} {made.id}")
        honest += [f"could not be compared: {unknown}" for unknown in after.unknowns]
        return tuple(honest)

    waits: ClassVar[tuple[str, ...]] = ()  # lines of its runbook once it is made

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        known: dict[str, str] = {}
        made: list[Run] = []
        for one in self.again(ref, state):
            step = msgspec.structs.replace(one.step, parameters=renamed(one.step.parameters, known))
            numbers = range(len(known) + 1, len(known) + len(one.gives) + 1)
            known |= {old: new(number) for old, number in zip(one.gives, numbers, strict=True)}
            made.append(Run(step, gives=dict(zip(numbers, one.gives.values(), strict=True))))
        last = msgspec.structs.replace(made[-1], then=waited(self.waits, ref.id))
        return (*made[:-1], last)


def renamed(value: Any, new: dict[str, str]) -> Any:
    """The parameters with every old id in the place of which there is a new one: alone, or behind a slash."""
    if isinstance(value, dict):
        return {name: renamed(inner, new) for name, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, new) for inner in value]
    if not isinstance(value, str):
        return value
    before, slash, last = value.rpartition("/")
    return new.get(value) or (f"{before}{slash}{new[last]}" if slash and last in new else value)
