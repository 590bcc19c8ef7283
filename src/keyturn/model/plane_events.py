"""Events of the plane itself: sessions, halts and freezes, the read lane, who may come in, drills, what came up with what.

The rules at the top of `record` hold here too: they are for ever.
"""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.model.change import ResourceRef


class _Event(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event"):
    at_ms: int


class SessionOpened(_Event, frozen=True, tag="session_opened"):
    """An operator opened a session for an agent. The secret is in the vault, never here."""

    session: str
    agent: str
    operator: str
    owner: str
    access_key_id: str
    expires_at_ms: int
    suggest_only: bool = False
    lenders: tuple[
        str, ...
    ] = ()  # people whose credential or token the session can reach, beside the operator's


class SessionEnded(_Event, frozen=True, tag="session_ended"):
    session: str
    reason: str = ""


class HaltRaised(_Event, frozen=True, tag="halt_raised"):
    """Nothing leaves the plane until resumed. `agent` empty stops everything."""

    by: str
    reason: str = ""
    agent: str = ""


class HaltLifted(_Event, frozen=True, tag="halt_lifted"):
    by: str
    agent: str = ""


class FreezeSet(_Event, frozen=True, tag="freeze_set"):
    """From `from_ms` until `until_ms` what is in this environment (empty: in any) of this account (empty: of any) is not to be changed."""

    by: str
    until_ms: int
    environment: str
    reason: str = ""
    freeze: str = ""  # its name, by which it is lifted: F-n
    account: str = ""
    from_ms: int = 0


class FreezeLifted(_Event, frozen=True, tag="freeze_lifted"):
    """A person ended a freeze before its time."""

    by: str
    freeze: str
    reason: str = ""


class ReadsForwarded(_Event, frozen=True, tag="reads_forwarded"):
    """A batch of the read lane: (at_ms, session, operation, resource, status) each."""

    reads: tuple[tuple[int, str, str, str, int], ...]


class PartsSent(_Event, frozen=True, tag="parts_sent"):
    """A batch of parts that went under the decision of their upload: (at_ms, session, case, operation, which part, status) each."""

    parts: tuple[tuple[int, str, str, str, str, int], ...]


class RequestRefused(_Event, frozen=True, tag="request_refused"):
    """A request that never became a case: not identified, forged, refused by the plane."""

    session: str
    code: str
    reason: str
    operation: str = ""
    case_id: str = ""


class UserChanged(_Event, frozen=True, tag="user_changed"):
    """A person was added, removed, or given roles; tokens and passwords are never here."""

    by: str
    user: str
    roles: tuple[str, ...]
    what: str


class PasskeyChanged(_Event, frozen=True, tag="passkey_changed"):
    """A passkey was added to a person or taken from her (`what`: added | renamed | removed | cloned). Its public key stands here, so
    that who checks an exported log sees whose signature is whose; there is nothing secret in it.
    """

    by: str
    user: str
    credential: str
    what: str
    name: str = ""
    public_key: str = ""  # SubjectPublicKeyInfo, base64url
    rp_id: str = ""


class TokenChanged(_Event, frozen=True, tag="token_changed"):
    """A person's token for programs was made or taken back (`what`: added | revoked). Neither it nor its hash is here."""

    by: str
    user: str
    token: str
    what: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    expires_at_ms: int = 0


class IdentityMapped(_Event, frozen=True, tag="identity_mapped"):
    """Somebody came in by the company's provider: who she is there, who she is here, what her groups gave her. Written when that changes."""

    issuer: str
    subject: str
    user: str
    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class AuthorityMade(_Event, frozen=True, tag="authority_made"):
    """A certificate authority for the proxy was made, at the first start or in place of another. `fingerprint`: SHA-256."""

    by: str
    fingerprint: str


class DrillBegun(_Event, frozen=True, tag="drill_begun"):
    """A resource is saved, and restored under a scratch name, to try the way back; written before anything of it is made. What a crash
    leaves behind bears the drill's id.
    """

    resource: ResourceRef
    scratch: ResourceRef
    by: str
    drill: str = ""


class Drilled(_Event, frozen=True, tag="drilled"):
    """What a drill found. `result`: equal | different | failed (cannot: never on the log). `restore_ms` was measured; `watermark` is how far data would come back."""

    resource: ResourceRef
    by: str
    result: str
    detail: str = ""
    differences: tuple[str, ...] = ()
    restore_ms: int | None = None
    watermark: dict[str, Any] = {}
    on: str = ""  # account | stand-in
    removed: tuple[
        ResourceRef, ...
    ] = ()  # scratches that are gone since: its own, and those that earlier drills left behind


class DrillSwept(_Event, frozen=True, tag="drill_swept"):
    """What drills left behind whose process ended is removed: their scratches, and what else they had made by then."""

    removed: tuple[ResourceRef, ...]


class BackupExported(_Event, frozen=True, tag="backup_exported"):
    """A person took a case's backups out of the vault, where they are sealed no more; written before the first byte left."""

    by: str
    case: str
    references: tuple[str, ...]


class PolicyLoaded(_Event, frozen=True, tag="policy_loaded"):
    policy_digest: str
    packs: tuple[str, ...]
    enforcing: bool


class Started(_Event, frozen=True, tag="started"):
    """The plane came up: versions, catalogue hash, enforcing or advisory."""

    version: str
    catalogue: str
    mode: str
