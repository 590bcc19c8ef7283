"""A rehearsal: what a command did to copies of the resources it touched, as steps that can be made live."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.model.assessment import RehearsedStep, Reversibility
from keyturn.model.canonical import digest_bytes
from keyturn.model.change import Binding, Operation, Request, ResourceRef

States = dict[str, dict[str, Any] | None]
"""By ``str(ResourceRef)``; None is certainly absent, and what could not be read is not there."""


class Made(msgspec.Struct, frozen=True):
    """One step in full: it may hold secrets, and stands in the vault alone. `before` and `after` are what stood in the twin."""

    request: Request
    before: States
    after: States
    answer: dict[str, Any]  # of the twin: what its ids are known by
    shown: RehearsedStep
    named: tuple[ResourceRef, ...] = ()  # what the request itself names: what it makes has no id in there
    body: bytes | None = None  # what streamed to it


class Record(msgspec.Struct, frozen=True):
    """All that a replay is proved against: `base` is what stood live when it was copied."""

    base: States
    refs: dict[str, ResourceRef]
    steps: tuple[Made, ...]

    def sealed(self) -> tuple[bytes, str]:
        """What is kept of it, and the digest that a change names it by."""
        data = msgspec.json.encode(self, enc_hook=str, order="sorted")
        return data, digest_bytes(data)


class Copied(msgspec.Struct, frozen=True, omit_defaults=True):
    """One resource of the twin. `without`: data that was left out; `unlike`: where the copy is otherwise; `why`: why there is none."""

    resource: ResourceRef
    made: bool
    without: str = ""
    unlike: tuple[str, ...] = ()
    why: str = ""


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rehearsal comes to, log-safe. `obstacles`: why it cannot be replayed; where there is none it can be one case."""

    id: str
    agent: str
    operator: str
    steps: tuple[RehearsedStep, ...]
    operations: tuple[Operation, ...]
    bindings: tuple[Binding, ...] = ()
    copied: tuple[Copied, ...] = ()
    refused: tuple[str, ...] = ()  # what the twin refused, or the plane: no part of the plan
    unseen: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()

    @property
    def worst(self) -> Reversibility:
        return max((step.reversibility for step in self.steps), default=Reversibility.R0)
