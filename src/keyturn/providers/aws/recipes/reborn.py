"""Kinds whose id the service gives: what comes back has a new one, and whatever names the old one has to be told.

Where the service keeps what was deleted (a recycle bin), that is tried first: it gives back the old id with everything in it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Succeeded
from keyturn.providers.aws.recipes.base import State, Step, call
from keyturn.providers.aws.recipes.common import POLLS_MAX, do, must, once
from keyturn.providers.aws.recipes.declared import Declared, Tags
from keyturn.providers.aws.recipes.filling import ID, at

NAMED_MAX = 5
"""Who names the old id is said by name up to this many, of more by number: the list is read by people."""

EC2_TAGS = Tags("ec2:CreateTags", "ec2:DeleteTags", {"Resources": [ID]}, keys="Tags")
"""How everything in EC2 is tagged; to take a tag off, it takes a list of keys as entries."""


class Bin(msgspec.Struct, frozen=True):
    """A recycle bin: the listing that says whether it is in there, and the call that takes it out."""

    listing: str
    ids: str
    found: str
    restore: str
    one: str


class Reborn(Declared):
    """A kind from tables that is made again under a new id."""

    bin: ClassVar[Bin | None] = None

    # --- giving back -------------------------------------------------------------------------------------------------

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        if (yield from self._from_bin(ref)):
            return tuple((yield from self._compared(ref, state)))
        made = yield from self._again(ref, state, backup)
        aim = renamed(state, ref.id, made.id) | {"arn": ""}
        yield from self._finish(made, aim)
        honest = [self.told(ref, made, state)] if made.id != ref.id else []
        return (*honest, *(yield from self._compared(made, aim)))

    def told(self, ref: ResourceRef, made: ResourceRef, state: State) -> str:
        """What is said of the new id, and of who names the old one."""
        relying = sorted({f"{one.resource.kind} {one.resource.id}" for one in self.edges(ref, state)})
        more = f" and {len(relying) - NAMED_MAX} more" if len(relying) > NAMED_MAX else ""
        named = f" ({', '.join(relying[:NAMED_MAX])}{more})" if relying else ""
        return f"id: it was {ref.id} and is {made.id}: what names the old one has to be told{named}"

    def born_as(self, ref: ResourceRef, answer: dict[str, Any]) -> ResourceRef:
        """What was made, from the answer of the call that made it."""
        return msgspec.structs.replace(ref, id=str(at(answer, self.born)))

    def _again(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[ResourceRef]:
        first = self._made(ref, state)
        return self.born_as(ref, (yield from do(ref, first.operation, first.parameters)))

    def _finish(self, made: ResourceRef, aim: State) -> Inquiry[None]:
        """What is still to be done to it once it is there."""
        for step in self._afterwards(made, aim):
            yield from do(made, step.operation, step.parameters)

    def _as_new(self, ref: ResourceRef, state: State, made: str) -> State:
        return {**renamed(state, ref.id, made), "arn": ""}

    def _from_bin(self, ref: ResourceRef) -> Inquiry[bool]:
        if self.bin is None:
            return False
        (answer,) = yield (call(ref, self.bin.listing, {self.bin.ids: [ref.id]}),)
        if not isinstance(answer, Succeeded) or not at(answer.value, self.bin.found):
            return False  # not in it, or nobody says so: then there is the backup
        yield from do(ref, self.bin.restore, {self.bin.one: ref.id})
        return True

    # --- tags --------------------------------------------------------------------------------------------------------

    def _tags_back(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if self.tagged is not EC2_TAGS:
            return super()._tags_back(operation, parameters, ref, state)
        keys = [str(one.get("Key")) for one in parameters.get("Tags") or []]
        had = {key: state["tags"][key] for key in keys if key in state["tags"]}
        new = [{"Key": key} for key in keys if key not in state["tags"]]
        off = (Step(EC2_TAGS.untag, {"Resources": [ref.id], "Tags": new}),) if new else ()
        return (*self._tag(ref, state, had), *off)


class Copied(Reborn):
    """A kind that bears data: what it comes back from is a copy that the service makes."""

    data_bearing: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.restores = cls.backs_up = True

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        made = self._made_from(ref, state, backup.reference if backup else "the backup's id")
        return (made, *self._afterwards(ref, state))

    def _again(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[ResourceRef]:
        if backup is None:
            raise UnavailableError("no-backup", f"there is no backup of {self.title} {ref.id}")
        first = self._made_from(ref, state, backup.reference)
        return self.born_as(ref, (yield from do(ref, first.operation, first.parameters)))

    def _made_from(self, ref: ResourceRef, state: State, copy: str) -> Step:
        """The call that makes it again from the copy."""
        raise NotImplementedError

    def _saved(self, ref: ResourceRef, state: State, copy: str, how: str, at_ms: int) -> Backup:
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark={"at_ms": at_ms},
            reference=copy,
            manifest="",
            taken_at_ms=at_ms,
            verified_at_ms=at_ms,
            verified_by=how,
            restores_to=f"{self.title} {ref.id}, made again under a new id",
            loss=self.loss,
        )


def marked(kind: str, case_id: str, ref: ResourceRef) -> list[dict[str, Any]]:
    """The tags a copy is made with, so that it is known for whose it is and of what, with Keyturn gone too."""
    tags = {"keyturn:case": case_id, "keyturn:of": ref.id}
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def await_state(
    ref: ResourceRef,
    operation: str,
    parameters: dict[str, Any],
    *,
    path: str,
    ready: frozenset[str],
    failed: frozenset[str] = frozenset(),
) -> Inquiry[dict[str, Any]]:
    """The answer in which `path` is ready. Raises `UnavailableError` when it has failed, or is not ready in time."""
    said: Any = None
    for _ in range(POLLS_MAX):
        (answer,) = yield (call(ref, operation, parameters),)
        value = must(answer, operation)
        said = at(value, path)
        if said in ready:
            return value
        if said in failed:
            break
    raise UnavailableError(
        "not-ready", f"{operation} of {ref.id}: {said!r}, not {' or '.join(sorted(ready))}"
    )


def renamed(value: Any, old: str, new: str) -> Any:
    """The value with every mention of the old id as the new one: a security group that lets itself in."""
    if isinstance(value, str):
        return new if value == old else value
    if isinstance(value, dict):
        return {name: renamed(inner, old, new) for name, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, old, new) for inner in value]
    return value


def copy_of(
    ref: ResourceRef, operation: str, parameters: dict[str, Any], case_id: str, read: tuple[str, str]
) -> Inquiry[dict[str, Any]]:
    """Make a copy, by the role that makes backups; its answer, or the entry that bears the marks of this case in what `read` lists
    (operation, list).
    """
    reading, listed = read

    def marks() -> Inquiry[dict[str, Any] | None]:
        wanted = {"tag:keyturn:case": case_id, "tag:keyturn:of": ref.id}
        filters = [{"Name": name, "Values": [value]} for name, value in wanted.items()]
        (answer,) = yield (call(ref, reading, {"Filters": filters}),)
        found: list[dict[str, Any]] = at(must(answer, reading), listed) or []
        return found[0] if found else None

    return (yield from once(ref, operation, parameters, marks))


SNAPSHOTS: Final = ("ec2:DescribeSnapshots", "Snapshots")
IMAGES: Final = ("ec2:DescribeImages", "Images")
