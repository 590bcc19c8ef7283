"""What the core expects of the outside: knowledge (`Provider`) and policy (`PolicyEngine`). Both are pure.

A provider asks for facts by *yielding* calls (ADR 0006): an `Inquiry` is a generator that yields a tuple of `Call`s, is sent
the tuple of their `Answer`s, and returns its result. Whoever drives it owns I/O, caches, budgets and time-outs; in tests
that is a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from keyturn.model.assessment import Assessment
from keyturn.model.change import Change, Lane, Operation, Request, ResourceRef
from keyturn.model.decision import Decision
from keyturn.model.execution import Answer, Backup, Call, Outcome, Succeeded, Upkeep, Vaulted
from keyturn.model.quorum import Quorum
from keyturn.model.radius import Radius

T = TypeVar("T")

Inquiry = Generator[tuple[Call, ...], tuple[Answer, ...], T]

Seal = Callable[[bytes], str]
"""Keyed digest of a secret value: equal values give equal text, which says nothing about them."""


class Captures(msgspec.Struct, frozen=True):
    """What stands now. `states` maps ``str(ResourceRef)`` to the recipe's capture (None: certainly absent); may hold secrets."""

    states: dict[str, dict[str, Any] | None]
    unknowns: tuple[str, ...] = ()
    digest: str = ""  # the state digest over the declared configuration fields


class Assessing(msgspec.Struct, frozen=True):
    """An assessment with what it rests on. `assessment` is log-safe; `captures` and `reply_commands` may hold secrets."""

    assessment: Assessment
    captures: Captures
    reply_commands: tuple[
        str, ...
    ] = ()  # the exact narrow patch with the agent's own values, for its eyes only
    narrow_calls: tuple[Call, ...] = ()  # the same as calls, to be sent when a person asks for it
    numbered: frozenset[str] = frozenset()  # operations on what is known by an id that the service gives


class Scope(msgspec.Struct, frozen=True):
    """The credential one change needs: IAM actions (dependent ones included) and resource ARNs, as a session policy."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    policy: str
    narrowed: bool
    why: str = ""


class UndoPlan(msgspec.Struct, frozen=True):
    """How a case could be taken back: operations as shown to reviewers, and what will not be as it was. `requests` are the same with
    what stands sealed in them: for reads of the plane's own, never shown and never written down.
    """

    operations: tuple[Operation, ...]
    loss: tuple[str, ...]
    possible: bool
    why: str = ""
    requests: tuple[Request, ...] = ()
    stays: tuple[str, ...] = ()  # what it does not give back, and why: which operation, of what

    def __repr__(self) -> str:
        return f"<UndoPlan [{len(self.operations)} operations]{'' if self.possible else f' not possible: {self.why}'}>"


class Drill(msgspec.Struct, frozen=True):
    """One resource under drill: what was captured and saved of it, and the scratch that it is restored to.

    After a crash the log knows of it what it is called, of what, and as what: `state` is empty then.
    """

    resource: ResourceRef
    scratch: ResourceRef
    state: dict[str, Any]
    backup: Backup | None
    watermark: dict[str, Any]  # how far the data had come that would come back
    id: str = ""  # what bears it was made for this drill


class SealedBlob(msgspec.Struct, frozen=True):
    """What lies in the plane's vault under one reference, opened: SHA-256 in hex, and bytes."""

    sha256: str
    length: int


class Vaults(Protocol):
    """How copies of backups get to the vault account, and back. Every inquiry raises `UnavailableError` that says what to do."""

    def shareable(self, change: Change, captures: Captures) -> Inquiry[None]:
        """Before anything is made: see that what has to be copied there can be."""
        ...

    def copied_out(self, backup: Backup, *, case_id: str) -> Inquiry[Backup]:
        """A backup that the service made, with its copy there; or with why there is none. Others as they are."""
        ...

    def write(self, case_id: str, sealed: Mapping[str, SealedBlob]) -> Inquiry[Vaulted]:
        """Put what is sealed under these references there, and see that it reads back."""
        ...

    def fetch(self, case_id: str) -> Inquiry[int]:
        """Have again in the plane's own vault what it has lost of a case; how many objects lie there of it."""
        ...

    def forget(self, case_id: str, *, captures: bool) -> Inquiry[int]:
        """Remove what was written there of a case; `captures` too, or they stay."""
        ...

    def troubles(self) -> Inquiry[tuple[str, ...]]:
        """What is wrong with the vault account, a sentence each, with what to do."""
        ...


class Provider(Protocol):
    """What one provider's operations mean. Pure: facts come in as answers, time comes in as data."""

    name: str

    def lane(self, operation: Operation) -> Lane:
        """Chosen by the catalogue alone; the default is `Lane.CHANGE`."""
        ...

    def assess(self, change: Change, requests: tuple[Request, ...], *, at_ms: int) -> Inquiry[Assessing]:
        """What the change would do. Never raises for a missing fact: it becomes an unknown. Of an undo `requests` are those of its plan,
        or none.
        """
        ...

    def radius(self, change: Change, assessing: Assessing, *, at_ms: int) -> Inquiry[Radius] | None:
        """Who relies on what the change takes away; None where it takes nothing away. Reads only, and says what it did not read."""
        ...

    def recapture(self, change: Change, requests: tuple[Request, ...]) -> Inquiry[Captures]:
        """Read again what the approval was bound to; its digest is compared with the approval's state digest."""
        ...

    def backup(
        self, change: Change, captures: Captures, *, case_id: str, at_ms: int
    ) -> Inquiry[tuple[Backup, ...]]:
        """Take and prove backups of what the change would destroy. Raises `UnavailableError` when that cannot be done.
        `Backup.manifest` is filled by the runtime from `manifest` afterwards.
        """
        ...

    def no_backup(self, change: Change, captures: Captures) -> str:
        """Why `backup` could only fail, in words, known before anybody is asked; empty where nothing is known against it."""
        ...

    def manifest(self, change: Change, backup: Backup, captures: Captures) -> str:
        """Markdown: what was captured and the plain ``aws`` commands that take `change` back on it with Keyturn gone."""
        ...

    def scope(self, change: Change) -> Scope:
        """The narrowest credential that still lets exactly this change through."""
        ...

    def reconcile(self, change: Change, before: Captures) -> Inquiry[Outcome]:
        """Read the world to find out whether an unanswered call took effect. Uncertain stays uncertain."""
        ...

    def verify(self, change: Change, requests: tuple[Request, ...], before: Captures) -> Inquiry[Outcome]:
        """After the call: is the world as the operation says it would be?"""
        ...

    def plan_undo(
        self, change: Change, before: Captures, backups: tuple[Backup, ...], *, again: Change | None = None
    ) -> UndoPlan:
        """How to take `change` back, given what stood before and what was saved. Where `change` is itself an undo, `again` is
        what it took back, which is then done again.
        """
        ...

    def undo(
        self,
        change: Change,
        before: Captures,
        backups: tuple[Backup, ...],
        *,
        again: Change | None = None,
        moved: Mapping[str, str] = {},
        approved: Mapping[str, dict[str, Any] | None] = {},
    ) -> Inquiry[tuple[str, ...]]:
        """Perform the plan; returns the honest list of what is not as it was, what stays included (empty: all equal). Raises
        `UnavailableError`, which says what was given back before it.

        `moved`: ids that are new since an earlier part of the same undo, by the old ones; whatever names these names the new ones.
        `approved`: what stood when this undo was decided on, as `Captures.states`; where something else stands by now, or the
        service says so when it is sent, nothing is done to it, and the error's code is ``moved``.
        """
        ...

    def moved(self, told: tuple[str, ...]) -> dict[str, str]:
        """Old id -> new id, from what `undo` returned."""
        ...

    def upkeep(self, backup: Backup) -> Upkeep:
        """What it costs to keep `backup`, estimated from its size, and what the estimate rests on."""
        ...

    def files(self, change: Change, backup: Backup, captures: Captures) -> Inquiry[Mapping[str, bytes]]:
        """What the runbook of a backup reads, by the names that stand in it. Raises `UnavailableError` where the vault does not have it."""
        ...

    @property
    def vaults(self) -> Vaults | None:
        """None where there is no vault account."""
        ...

    def plan_retire(self, backups: tuple[Backup, ...]) -> tuple[Operation, ...]:
        """The calls that remove these backups, as reviewers see them; of what lies in the vault one that says so. Raises
        `UnavailableError` where nobody knows how.
        """
        ...

    def retire(self, backup: Backup) -> Inquiry[None]:
        """Remove what the account has of a backup, under the role that made it, and see it gone. Raises `UnavailableError`."""
        ...

    def drill(self, ref: ResourceRef, *, drill_id: str, at_ms: int) -> Inquiry[Drill]:
        """Capture one resource for a drill; nothing is changed yet. Raises `UnavailableError` where its kind cannot be restored under
        another name.
        """
        ...

    def drill_save(self, drill: Drill, *, at_ms: int) -> Inquiry[Drill]:
        """Take the backup that it is to be restored from. What is made bears the drill's id."""
        ...

    def drill_restore(self, drill: Drill) -> Inquiry[tuple[str, ...]]:
        """Restore it under the scratch name; returns what is not as it was. Changes nothing but the scratch."""
        ...

    def drill_clean(self, drill: Drill) -> Inquiry[None]:
        """Remove whatever was made for it, in the account: the scratch, and the backup with what it was proved on. Only what bears the
        drill's own mark; raises `UnavailableError` not-ours for what has its name and no mark.
        """
        ...

    def unlike(
        self,
        ref: ResourceRef,
        expected: dict[str, Any] | None,
        now: dict[str, Any] | None,
        *,
        made: bool = False,
    ) -> tuple[str, ...]:
        """In which declared fields `now` is not what is expected of it, in words; None is absent. `made`: by a step before, with whatever
        the service gives to what is new.
        """
        ...

    def took_effect(self, call: Call, since_ms: int) -> Inquiry[Succeeded | bool | None]:
        """Read the world: did this call of ours, which was not answered, take effect? None: that cannot be told.

        Succeeded: it did, and this is what its answer would have told: the id of what it made. False also where the call sets what it
        sets whatever stands, so that it may be made again. `since_ms`: when it was intended; what is older it has not made.
        """
        ...

    def render(self, operation: Operation, parameters: dict[str, Any]) -> str:
        """The operation as a command a person would type."""
        ...


class Facts(msgspec.Struct, frozen=True):
    """What policy may know beside change and assessment; one source per fact."""

    human: bool = False  # a person asks in her own name (an undo), no agent
    suggest_only: bool = False
    session_minutes: int = 0
    frozen: bool = False  # a freeze covers this environment now
    undo: bool = False
    observe: bool = False
    reviewed: bool = False  # people let the upload begin that this ends, and the state is still what they saw


class PolicyEngine(Protocol):
    """Policy as a function of values. Any error inside is never ALLOW, and the reason is said."""

    @property
    def digest(self) -> str:
        """Names the policies in force; stands in every decision."""
        ...

    def answer(self, change: Change, assessment: Assessment, facts: Facts) -> Decision:
        """Never raises."""
        ...

    def trees(self) -> tuple[Quorum, ...]:
        """Every quorum that some policy asks for, each once; a plain number as so many reviewers."""
        ...
