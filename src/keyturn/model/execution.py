"""From an approved case to its outcome: grants, backups, proof, calls and their answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from keyturn.model.change import ResourceRef


class Role(StrEnum):
    """The roles the plane assumes in an account; agents hold none of them."""

    READ = "read"
    CHANGE = "change"
    BACKUP = "backup"


PARTITION: Final = "aws"
"""Where a call goes if nothing else is said."""


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One provider call the plane makes itself, by name: for captures, backups, restores, reconciliation."""

    operation: str  # "dynamodb:DescribeTable"
    parameters: dict[str, Any]
    account: str
    region: str
    role: Role = Role.READ
    partition: str = PARTITION
    again: bool = False  # repeating it after a crash changes nothing: a read, or a write with a precondition
    recent: bool = False  # a read that an equal one of the last minute may answer: nothing is proved on it

    def __post_init__(self) -> None:
        """One object for one partition. A default is left out where it is the very object, and read from a log it is another: the same
        call would be written in two ways, and after a crash be taken for a new one.
        """
        if self.partition == PARTITION:
            msgspec.structs.force_setattr(self, "partition", PARTITION)

    @property
    def mutates(self) -> bool:
        """A mutating step is written down before and after it is performed."""
        return self.role is not Role.READ

    @property
    def is_export(self) -> bool:
        """What the backup role reads of the data itself: on record that it was read, never what the answer was."""
        return self.role is Role.BACKUP and self.again


class Succeeded(msgspec.Struct, frozen=True, tag="succeeded"):
    """The call was answered; `value` is what the SDK returns, without ResponseMetadata."""

    value: dict[str, Any]
    again: bool = (
        False  # answered before a restart, and told again: what was read since may be of later steps
    )


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The provider answered with an error of its own (`code` as the SDK names it)."""

    code: str
    message: str
    status: int = 400


class Unavailable(msgspec.Struct, frozen=True, tag="unavailable"):
    """No answer: throttled, timed out, not permitted to read. Never the same as absent; can only worsen an assessment."""

    why: str


Answer = Succeeded | Refused | Unavailable


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scoped, expiring credential for one change. `narrowed` false: the policy did not fit and `why` says how it was widened."""

    change_digest: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    policy: str  # the IAM session policy as sent, 2,048 characters at most
    expires_at_ms: int
    lease: str
    narrowed: bool = True
    why: str = ""


class Backup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Undo material the plane took. `verified_by` says how it was proved, empty when it was not."""

    resource: ResourceRef
    state_digest: str
    watermark: dict[str, Any]  # how far data had come: items, bytes, digest, time
    reference: str  # the provider's id of the backup (an ARN), or the vault reference of an export
    manifest: str  # vault reference: capture, checksums, and plain commands that restore it with Keyturn gone
    taken_at_ms: int
    verified_at_ms: int | None = None
    verified_by: str = ""
    restores_to: str = ""  # in words: "a new table of the same name; new stream ARN"
    loss: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # what else of the account belongs to it: the snapshots an image is made of
    keep_days: int | None = (
        None  # days it is kept at least, as was said when it was taken; 0: no end; None: nothing was said
    )


class Upkeep(msgspec.Struct, frozen=True):
    """What keeping a backup costs, as an estimate; None is not known, which is not nought."""

    size_bytes: int | None
    usd_month: float | None
    says: str  # what the figure rests on


class ProofStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One numbered thing that must hold before a call leaves."""

    number: int
    name: str
    holds: bool
    detail: str


class OutcomeStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    IN_PROGRESS = "in_progress"  # accepted; the service works on it


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of the call. `response` is the vault reference of the recorded response."""

    status: OutcomeStatus
    detail: str = ""
    http_status: int | None = None
    error_code: str = ""
    response: str = ""
    state_after: str = ""
    request_id: str = ""  # the service's own name for the request: the account's trail has it too
