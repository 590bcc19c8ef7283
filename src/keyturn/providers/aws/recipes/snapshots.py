"""Kinds under a name of their own whose data the service copies: databases, caches, warehouses.

The copy is the plane's own snapshot, taken before the change and waited for; what comes back from it has the old name, everything that
the restore takes, and after it what only an update sets. Until each call is done the service takes no other, so that every step
is waited for.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Refused
from keyturn.providers.aws.recipes.base import State, Step, call
from keyturn.providers.aws.recipes.common import do, must, once
from keyturn.providers.aws.recipes.declared import Declared
from keyturn.providers.aws.recipes.filling import at, fill
from keyturn.providers.aws.recipes.tables import Make

PREFIX: Final = "keyturn-"
"""What the plane's own snapshots are called by: the roles that `keyturn guard aws` prints let no change delete one."""

POLLS_MAX: Final = 1_440
"""Reads until a snapshot or a restore is done; the runtime spaces them up to five seconds: two hours."""

NAME_CHARS_MAX: Final = 255


class Copying(msgspec.Struct, frozen=True):
    """How the snapshots of a kind are taken and read."""

    take: str  # operation
    of: str  # its parameter that names the resource
    name: str  # and the one that names the snapshot
    read: str  # operation
    listed: str  # path of the list it answers with
    status: str = "Status"  # path in an entry of it
    ready: frozenset[str] = frozenset({"available"})
    failed: frozenset[str] = frozenset({"failed"})
    same: tuple[str, str] = ("", "")  # path in the snapshot and field of the capture that have to agree
    read_name: str = ""  # the parameter of `read` that names it; empty: as in `take`
    tags: str = "Tags"
    chars_max: int = NAME_CHARS_MAX


class Snapshotted(Declared):
    """A kind from tables that comes back from a snapshot under its own name."""

    data_bearing: ClassVar[bool] = True
    copying: ClassVar[Copying]
    back: ClassVar[Make]  # what makes it again from a snapshot, as far as the call takes it
    back_from: ClassVar[str]  # the parameter of it that names the snapshot
    back_tags: ClassVar[str] = "Tags"
    status: ClassVar[str] = "status"  # field of the capture
    ready: ClassVar[frozenset[str]] = frozenset({"available"})
    going: ClassVar[frozenset[str]] = frozenset({"deleting"})
    failed: ClassVar[frozenset[str]] = frozenset({"failed", "incompatible-restore"})
    recover_s: ClassVar[int] = 1_800

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.restores = cls.backs_up = True

    def gone(self, state: State | None) -> bool | None:
        if state is None:
            return True
        return None if state.get(self.status) in self.going else False

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(
            resource=ref, backup=True, inverse=False, recover_s=self.recover_of(state), loss=self.loss
        )

    def recover_of(self, state: State | None) -> int:
        """Seconds to have it back: the service's own work, which nobody promises."""
        return self.recover_s

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        if operation == self.back.operation:  # under its own name: where it stands, this made it
            return state is not None
        return super().settled(operation, parameters, ref, state)

    # --- backup ------------------------------------------------------------------------------------------------------

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """A snapshot of the plane's own, waited for, and seen to be of this resource."""
        how = self.copying
        name = named(case_id, ref, at_ms, how.chars_max)
        tags = [{"Key": "keyturn:case", "Value": case_id}, {"Key": "keyturn:of", "Value": ref.id}]
        given = {how.of: ref.id, how.name: name, how.tags: tags}
        yield from once(ref, how.take, given, lambda: begun_snapshot(ref, how, name))
        taken = yield from taken_snapshot(ref, how, name)
        member, field = how.same
        if member and at(taken, member) != state.get(field):
            raise UnavailableError(
                "backup", f"{name} has {member} {at(taken, member)!r}, and {ref.id} has {state.get(field)!r}"
            )
        agreed = f", {member} {at(taken, member)} as it is captured" if member else ""
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark={"at_ms": at_ms},
            reference=name,
            manifest="",
            taken_at_ms=at_ms,
            verified_at_ms=at_ms,
            verified_by=f"the service says that {name} is done{agreed}; what is in it was not read again",
            restores_to=f"{self.title} {ref.id}, under the same name",
            loss=self.loss,
        )

    def own_copy(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> Backup | None:
        """The final snapshot that the delete itself asks for."""
        name = self.final(parameters) if operation in self.deletes else ""
        if not name:
            return None
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark={},
            reference=name,
            manifest="",
            taken_at_ms=0,
            verified_at_ms=0,
            verified_by="",
            restores_to=f"{self.title} {ref.id}, from its final snapshot",
            loss=self.loss,
        )

    def final(self, parameters: dict[str, Any]) -> str:
        """The name of the snapshot that a delete makes at last; empty where it makes none."""
        return ""

    # --- restore -----------------------------------------------------------------------------------------------------

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        copy = backup.reference if backup else "the backup's name"
        return (self.made_from(ref, state, copy), *self._afterwards(ref, state))

    def askable(self, state: State) -> State:
        """The state, as a call that makes one takes it: without what the service says of one and is not told."""
        return state

    def made_empty(self, ref: ResourceRef, state: State) -> tuple[Step, ...]:
        """The calls that make it as it is declared, with none of its data and no password: for a copy in a stand-in account."""
        return (self._made(ref, self.askable(state)), *self._afterwards(ref, state))

    def made_from(self, ref: ResourceRef, state: State, copy: str) -> Step:
        """The call that makes it again from the snapshot."""
        step = self._make(self.back, ref, self.askable(state))
        step.parameters[self.back_from] = copy
        if self.back_tags and state.get("tags"):
            step.parameters[self.back_tags] = self._tag_list(state["tags"])
        return step

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        if backup is None:
            raise UnavailableError("no-backup", f"there is no snapshot of {self.title} {ref.id}")
        for place, step in enumerate(self.restore_plan(ref, state, backup)):
            if place:
                yield from self.steady(ref)
            yield from do(ref, step.operation, step.parameters)
        yield from self.steady(ref)
        return tuple((yield from self._compared(ref, state)))

    def steady(self, ref: ResourceRef) -> Inquiry[None]:
        """Wait until the service works on it no more. Raises `UnavailableError` when that fails, or takes too long."""
        first = self.reads[0]
        said: Any = None
        for _ in range(POLLS_MAX):
            (answer,) = yield (call(ref, first.operation, fill(first.given, ref, {})),)
            found = self._found(first, ref, answer, [])
            said = at(found, first.take[self.status])
            if said in self.ready:
                return
            if said in self.failed:
                break
        raise UnavailableError(
            "not-ready", f"{ref} is {said!r}, not {' or '.join(sorted(map(str, self.ready)))}"
        )


def named(case_id: str, ref: ResourceRef, at_ms: int, chars_max: int = NAME_CHARS_MAX) -> str:
    """A name of letters, digits and single hyphens, that no other backup has: the time is in it, and is cut off last."""
    tail = f"-{at_ms:x}"
    made = re.sub(r"[^A-Za-z0-9]+", "-", f"{PREFIX}{case_id}-{ref.id}").lower()
    return made[: chars_max - len(tail)].strip("-") + tail


def begun_snapshot(ref: ResourceRef, how: Copying, name: str) -> Inquiry[dict[str, Any] | None]:
    """The snapshot of this name, done or not; None where the service certainly has none."""
    (answer,) = yield (call(ref, how.read, {how.read_name or how.name: name}),)
    if isinstance(answer, Refused) and "NotFound" in answer.code:
        return None
    listed = at(must(answer, how.read), how.listed) or []
    return listed[0] if listed else None


def taken_snapshot(ref: ResourceRef, how: Copying, name: str) -> Inquiry[dict[str, Any]]:
    """The snapshot once it is done. Raises `UnavailableError` where it failed, or is not done in time."""
    said: Any = None
    for _ in range(POLLS_MAX):
        (answer,) = yield (call(ref, how.read, {how.read_name or how.name: name}),)
        listed = at(must(answer, how.read), how.listed) or []
        found: dict[str, Any] = listed[0] if listed else {}
        said = at(found, how.status)
        if said in how.ready:
            return found
        if said in how.failed:
            break
    raise UnavailableError("backup", f"the snapshot {name} of {ref} is {said!r}")
