"""From an approved case to its outcome: grants, backups, proof, calls and their answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from keyturn.model.change import ResourceRef


class Role(StrEnum):
    """The roles the plane assumes in an account, and in the vault account; agents hold none of them."""

    READ = "read"
    CHANGE = "change"
    BACKUP = "backup"
    VAULT = "vault"  # the one role in the vault account: its steps
    VAULT_READ = "vault_read"  # the same role where it only reads


PARTITION: Final = "aws"
"""Where a call goes if nothing else is said."""


_READING: Final = frozenset({Role.READ, Role.VAULT_READ})


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
        return self.role not in _READING

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


class VaultAccount(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another account, in which copies of backups lie: reached by one role of its own, which nothing of this account but the plane assumes.

    `prefix` is what this installation's objects in the bucket begin with: a digest under its key, so that two planes may share a bucket.
    """

    account: str
    region: str
    role: str
    bucket: str
    kms_key: str = ""
    partition: str = PARTITION
    prefix: str = "keyturn"


class Vaulted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A copy of a backup in the vault account: read there, by that account's role, before the change was made."""

    account: str
    region: str
    kind: str  # of a copy by the service that of its removal: "ec2:snapshot"; of exports "s3:object"
    reference: str  # an id, a name, or for exports ``s3://BUCKET/PREFIX/``
    verified_by: str
    also: tuple[str, ...] = ()  # what else there belongs to it: the snapshots an image is made of
    bytes: int | None = None
    source_key: str = ""  # the key that the original is encrypted under: a copy that is brought back is again


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
    vaulted: tuple[Vaulted, ...] = ()  # its copies in the vault account
    not_vaulted: str = (
        ""  # why its data is not among them; empty where it is, and where there is no vault account
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
