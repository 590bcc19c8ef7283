"""One idea, five features: how one kind of resource is captured as a value, and how it is given back.

From a recipe come fingerprint, backup and undo, the narrow patch, before/after, and what reviewers are told beforehand.
A recipe is data first: its `kind`, the configuration `fields` its fingerprint covers, the operations that create, delete
and change it. Its methods that need the world are generators (`Inquiry`): they yield calls and are sent answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Dependent, Recoverable
from keyturn.model.canonical import digest
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Call, Role
from keyturn.providers.aws.recipes.preconditions import Precondition
from keyturn.providers.aws.recipes.runbook import Run, written

State = dict[str, Any]


class Captured(msgspec.Struct, frozen=True):
    """`state` None: certainly absent (the service said so). What could not be read stands in `unknowns`, never as absent."""

    state: State | None
    unknowns: tuple[str, ...] = ()
    dependents: tuple[Dependent, ...] = ()  # edges met on the way: who relies on this resource


class Leaves(StrEnum):
    """What an operation leaves of a resource once it is done."""

    STANDING = "standing"
    GONE = "gone"
    EITHER = "either"  # it depends on what else there is: an older version of an object


class Step(msgspec.Struct, frozen=True):
    """One operation with its parameters, as a recipe proposes it: a narrow patch, an inverse, a step of a restore."""

    operation: str
    parameters: dict[str, Any]
    why: str = ""

    @property
    def service(self) -> str:
        return self.operation.partition(":")[0]

    @property
    def action(self) -> str:
        return self.operation.partition(":")[2]


class Scratch(msgspec.Struct, frozen=True):
    """A second resource of a kind, for a drill: under which name, in which state, how it is removed, and which fields compare."""

    ref: ResourceRef
    state: State
    removal: Step
    fields: tuple[str, ...]
    first: tuple[Step, ...] = ()  # what has to go from it before it can be removed


class Narrow(msgspec.Struct, frozen=True):
    """The difference between what stands and what is wanted, as in-place calls. `immutable` names what no update can change."""

    steps: tuple[Step, ...]
    changed: tuple[tuple[str, Any, Any], ...]  # (path, before, after)
    immutable: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()  # write-only or unreadable properties that could not be compared
    costs: tuple[str, ...] = ()  # what a property costs while it is changed: an interruption, a restart
    uncalled: tuple[
        str, ...
    ] = ()  # what is wanted otherwise, and no step changes: found by `advising.accounted`


class Recipe:
    """One kind of resource. Subclasses state data and override what they can do; the defaults promise nothing."""

    kind: ClassVar[str]
    title: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]  # top-level keys of a capture that are declared configuration
    secret_fields: ClassVar[tuple[str, ...]] = ()  # top-level keys whose values are shown sealed
    data_bearing: ClassVar[bool] = False
    creates: ClassVar[frozenset[str]] = frozenset()
    deletes: ClassVar[frozenset[str]] = frozenset()
    updates: ClassVar[frozenset[str]] = frozenset()
    in_place: ClassVar[
        tuple[str, ...]
    ] = ()  # operations to name to an agent while it is unknown what it wants
    gives_all_back: ClassVar[frozenset[str]] = (
        frozenset()
    )  # operations that may destroy, whose inverse brings back all that goes: a batch of records
    backs_up: ClassVar[bool] = False
    gib: ClassVar[str] = ""  # field that says how large a copy by the service is at most, in GiB
    restores: ClassVar[bool] = False
    drills: ClassVar[bool] = False  # a second one can be made under a scratch name: see `scratch`
    no_drill: ClassVar[str] = ""  # why none is made, where that is not its name
    drills_exported: ClassVar[bool] = False  # and it is made of an export, which the drill takes
    exports: ClassVar[bool] = (
        False  # its backups are exports into the plane's vault, where they are small enough
    )
    proved_on: ClassVar[str] = "stand-in only, never run on AWS"
    holds: ClassVar[
        Mapping[str, Precondition]
    ] = {}  # operations of its that the service holds to what was read
    unheld: ClassVar[Mapping[str, str]] = {}  # operations that could be held so, and why the plane's are not
    renews: ClassVar[tuple[str, ...]] = ()  # fields that every call on it gives anew: said once, not for each
    born_with: ClassVar[
        tuple[str, ...]
    ] = ()  # fields that the service gives to each that is made: a unique id, a moment
    abreast: ClassVar[int] = 1  # so many of one operation are saved, and given back, side by side
    settles: ClassVar[int] = (
        0  # pauses until reads show a change for certain: the service answers from copies
    )
    loss: ClassVar[tuple[str, ...]] = ()  # what would not come back after delete and restore, said beforehand

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        """Read the resource completely, in canonical order, values as the service declares them."""
        raise NotImplementedError

    def absent(self, refs: tuple[ResourceRef, ...]) -> Inquiry[frozenset[ResourceRef]]:
        """Which of these certainly do not stand, where one listing tells it of many; of the others nothing is said."""
        return frozenset()
        yield ()  # makes this a generator

    def glance(self, ref: ResourceRef) -> Inquiry[Captured]:
        """Read only what decides about the things that lie in it: an object's bucket. The whole capture where that is cheap."""
        return self.capture(ref)

    def fingerprint(self, state: State | None) -> str:
        """Digest of the declared configuration fields; of `None` where the resource is absent."""
        declared = None if state is None else {field: state.get(field) for field in self.fields}
        return digest({"kind": self.kind, "state": declared})

    def at_risk(self, state: State) -> str:
        """The data that would go with it, in words with counts; empty where it bears none."""
        return ""

    def size_bytes(self, state: State) -> int | None:
        """Bytes of a backup that the service itself makes of it, at most; None where its capture does not tell."""
        gib = state.get(self.gib) if self.gib else None
        return gib * GIB if isinstance(gib, int) and not isinstance(gib, bool) else None

    def weight(self, state: State) -> int:
        """Bytes of it that are in memory while it is saved or given back: what stands side by side is bounded by them."""
        return 0

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        """What could be given back after a delete, in what time, with what loss."""
        return Recoverable(resource=ref, backup=self.backs_up, inverse=False, recover_s=None, loss=self.loss)

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        """What a create call asks for, in the capture's terms; None where this operation does not create it."""
        return None

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        """In-place calls that lead from `state` to `desired`; None where the kind has no such map."""
        return None

    def says_which(self, operation: str) -> frozenset[str]:
        """Parameters of an update of its that say which resource it is of, not what it shall be."""
        return frozenset()

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        """The declared fields that an update sets, as they stand once it is done; None where they are matched by name."""
        return None

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        """As `wanted`, where what an update leaves depends on what stood: one policy among others."""
        return self.wanted(operation, parameters)

    def unread(self, field: str, state: State) -> str:
        """What stands in a secret field whose value is never read, for people; empty where the capture has the value, or nothing stands."""
        return ""

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        """Calls that put back what `operation` changes, from the state before; empty where there is no inverse."""
        return ()

    def window(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> int | None:
        """Seconds in which the service itself takes `operation` back, by this request on this state; None where it does not."""
        return None

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        """Whether an unanswered step took effect, from what stands now; None where that cannot be told.

        False also for an update whose values cannot be looked up and that may be made again: it sets, it does not add.
        """
        if operation in self.deletes:
            return self.gone(state) is not False
        if state is None or operation in self.creates - self.updates:
            return state is not None  # what puts one thing where another may stand is known by its values
        tags = (
            _tags_given(parameters) if _verb(operation) in {"Add", "Tag"} or operation in _TAGGING else None
        )
        if tags is not None and isinstance(standing := state.get("tags"), dict):
            return all(standing.get(key) == value for key, value in tags.items())
        wanted = self.written(operation, parameters, state)
        if wanted is not None:
            return digest({field: state.get(field) for field in wanted}) == digest(wanted)
        return (
            None if _verb(operation) in _ADDS | _MAKES else False
        )  # what it makes is another thing than this

    def keeps(self, state: State) -> str:
        """Why the capture is backup enough for an operation that has an inverse, in words for reviewers."""
        return "the change is in place; the capture holds every value it changes"

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        """Whether the resource stands once the operation is done."""
        return Leaves.GONE if operation in self.deletes else Leaves.STANDING

    def unrestorable(self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State) -> str:
        """Why giving the resource back from a backup would not take `operation` back; empty where it would."""
        return "" if operation in self.deletes else f"{operation} has no inverse"

    def no_backup(self, ref: ResourceRef, state: State) -> str:
        """Why `backup` could only fail, known from what was captured; empty where nothing is known against it."""
        return (
            ""
            if self.recoverable(ref, state).backup
            else f"there is no recipe to back up {self.title} {ref.id}"
        )

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """Take undo material and prove it restorable. Raises `UnavailableError` where the kind has no backup."""
        raise UnavailableError(
            "no-backup", f"there is no recipe to back up {self.title} {ref.id}", help="deny, or do it by hand"
        )
        yield ()  # makes this a generator

    def read_twice(
        self, ref: ResourceRef, state: State, *, at_ms: int, made_by: str, restores_to: str
    ) -> Inquiry[Backup]:
        """The backup of a kind whose capture is all there is of it: read a second time, whole, and found equal."""
        again = yield from self.capture(ref)
        if again.unknowns:
            raise UnavailableError("backup", f"{ref} cannot be read whole: {'; '.join(again.unknowns)}")
        if self.fingerprint(again.state) != self.fingerprint(state):
            raise UnavailableError("backup", f"{ref} changed while it was captured")
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark={"at_ms": at_ms},
            reference="capture",
            manifest="",
            taken_at_ms=at_ms,
            verified_at_ms=at_ms,
            verified_by=f"read a second time, equal; {made_by}",
            restores_to=restores_to,
            loss=self.loss,
        )

    def settings_twice(self, ref: ResourceRef, state: State, *, at_ms: int) -> Inquiry[Backup]:
        """The backup of a kind that bears data, while none lies in it: the settings are all there is of it. Seen to be empty again, after."""
        made = yield from self.read_twice(
            ref,
            state,
            at_ms=at_ms,
            made_by="nothing lies in it, so that its settings are all there is of it",
            restores_to=f"{self.title} {ref.id}, made again with its settings, empty as it is",
        )
        now = yield from self.capture(ref)
        if now.state is None or not self.is_empty(now.state):
            raise UnavailableError("backup", f"something was put into {ref} while its settings were read")
        return made

    def is_empty(self, state: State) -> bool:
        """Whether certainly nothing lies in it; False where that is not known."""
        return False

    def own_copy(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> Backup | None:
        """The copy that `operation` itself has the service make: a final snapshot. None where it makes none."""
        return None

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        """Give the resource back after a delete, then compare; returns what is not as it was."""
        raise UnavailableError("no-restore", f"there is no recipe to restore {self.title} {ref.id}")
        yield ()

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        """The calls `restore` makes, as shown to reviewers beforehand."""
        return ()

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch | None:
        """The resource under another name, doing nothing to anybody; None where the kind cannot be restored so."""
        return None

    def proofs(self, ref: ResourceRef, case_id: str) -> tuple[ResourceRef, ...]:
        """What a backup for this case, or drill, may be restored to while it is proved; it goes again."""
        return ()

    def saved_for(self, ref: ResourceRef, case_id: str) -> Inquiry[tuple[str, ...]]:
        """References of the backups that stand for this case, or drill, by the names that they are given: of one that did not get to say."""
        return ()
        yield ()  # makes this a generator

    def made_for(self, ref: ResourceRef, scratch: ResourceRef, case_id: str) -> Inquiry[bool | None]:
        """Whether a scratch that bears no tag comes from the backup for this case, or drill; None where its kind does not tell."""
        return None
        yield ()  # makes this a generator

    def gone(self, state: State | None) -> bool | None:
        """After a delete: True when it is gone, None while the service still works on it, False when it stands."""
        return state is None

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        """The commands of its runbook, first to last; the calls of its restore, where no answer has to be carried on."""
        return tuple(Run(step) for step in self.restore_plan(ref, state, backup))

    def by_hand(self, state: State, backup: Backup) -> str:
        """What its runbook needs beside the command line and credentials, in words; empty where nothing."""
        return ""

    def files(self, ref: ResourceRef, state: State, backup: Backup) -> Inquiry[dict[str, bytes]]:
        """What its runbook reads, by the names that stand in it; taken out of the vault when a person exports the backup."""
        return {}
        yield ()

    def manifest(self, ref: ResourceRef, state: State, backup: Backup) -> str:
        """Markdown with plain `aws` commands that restore it with Keyturn gone; empty where nothing restores it."""
        runs = self.runs(ref, state, backup)
        lost = "; ".join(backup.loss or self.loss)
        return (
            written(self.title, ref, backup, runs, alone=self.by_hand(state, backup), lost=lost)
            if runs
            else ""
        )


GIB = 1024**3

_MAKES = frozenset({"Create", "Restore", "Run", "Register", "Allocate", "Import"})
_TAGGING = frozenset({"ec2:CreateTags"})
_ADDS = frozenset({"Add", "Authorize", "Increase", "Decrease", "Invoke", "Publish", "Send", "Start", "Stop"})


def _tags_given(parameters: dict[str, Any]) -> dict[str, str] | None:
    """The tags a tagging call gives; None where it gives none."""
    given = parameters.get("Tags", parameters.get("tags"))
    if isinstance(given, list) and given and all(isinstance(tag, dict) and "Key" in tag for tag in given):
        return {str(tag["Key"]): str(tag.get("Value") or "") for tag in given}
    return {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else None


def _verb(operation: str) -> str:
    found = re.match(r"[A-Z][a-z]+", operation.partition(":")[2])
    return found.group() if found else ""


def call(ref: ResourceRef, operation: str, parameters: dict[str, Any], role: Role = Role.READ) -> Call:
    """A call in the resource's own partition, account and region."""
    return Call(
        operation=operation,
        parameters=parameters,
        account=ref.account,
        region=ref.region,
        role=role,
        partition=ref.partition,
    )
