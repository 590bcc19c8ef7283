"""What an agent asks for: principals, resources, operations, the change that is reviewed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from keyturn.model.canonical import digest


class Effect(StrEnum):
    """What an operation does. Order of severity is `severity`, not the order of definition."""

    READ = "read"  # looks at one thing
    LIST = "list"  # looks at many
    COMPUTE = "compute"  # stateless inference or validation
    JOB = "job"  # an asynchronous job that reads
    SECRET = "secret"  # a read that hands out a credential or secret
    TAG = "tag"  # labels, and nothing else
    CREATE = "create"  # makes something new
    UPDATE = "update"  # changes in place
    PERMISSION = "permission"  # changes who may do what
    EXECUTE = "execute"  # opaque: whatever the payload says
    REPLACE = "replace"  # delete and create of one identity
    DELETE = "delete"  # something ceases to be

    @property
    def severity(self) -> int:
        """Higher is worse; used to take the worst of several effects."""
        return _SEVERITY[self]


_SEVERITY = {effect: rank for rank, effect in enumerate(Effect)}

READ_EFFECTS = frozenset({Effect.READ, Effect.LIST, Effect.COMPUTE, Effect.JOB})


class Lane(StrEnum):
    """`read`: forwarded with a read-only role and logged in batches. `change`: everything else, a case each."""

    READ = "read"
    CHANGE = "change"


class Principal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who asks: an agent in a session opened by an operator; `attested_by` says how we know."""

    agent: str
    session: str
    operator: str
    attested_by: str = "session-key"  # or "login" when a person asks in her own name
    through: str = ""  # the identity whose virtual credentials it uses (an ARN); empty: the session's own key


class ResourceRef(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """One resource. `kind` is ``service:type`` (``dynamodb:table``); `id` is its name or id within account and region."""

    provider: str
    partition: str
    account: str
    region: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """A provider's call, in its log-safe form.

    `name` is ``service:Operation``. `parameters` are normalised and masked: sensitive values, item data and blobs stand
    as ``{"$sealed": <keyed digest>}``; the full request is sealed in the vault under `request`.
    `floor` is the catalogue's effect for the name alone: assessment may raise it, never lower it but for a true dry run.
    `payload_sha256` is the hex digest of a streamed body, when the client has declared one.
    `within` is the case of the upload it is a part or the end of; `reviewed_on` the state people let that begin on (empty: nobody had to).
    """

    provider: str
    name: str
    parameters: dict[str, Any]
    resources: tuple[ResourceRef, ...]
    floor: Effect
    partition: str
    account: str
    region: str
    request: str = ""
    token: str | None = None
    payload_sha256: str | None = None
    within: str = ""
    reviewed_on: str = ""

    @property
    def service(self) -> str:
        return self.name.partition(":")[0]

    @property
    def action(self) -> str:
        return self.name.partition(":")[2]

    def meaning(self) -> dict[str, Any]:
        """What the change digest covers: not the vault reference, not the idempotency token."""
        return {
            "provider": self.provider,
            "partition": self.partition,
            "account": self.account,
            "region": self.region,
            "name": self.name,
            "parameters": self.parameters,
            "resources": sorted(msgspec.to_builtins(self.resources), key=repr),
            "payload_sha256": self.payload_sha256,
        }


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """An id that a twin made up: `value` in operation `step` stands for what operation `by` answers at `output`. Places from 0."""

    step: int
    value: str
    by: int
    output: str  # "SecurityGroup.GroupId"


class Rehearsed(msgspec.Struct, frozen=True, omit_defaults=True):
    """That a change is the plan of a rehearsal: its operations are steps, each sent when what it stands on is as it was rehearsed.

    `record` is the vault reference of what stood before and after each step, `digest` is over that.
    """

    id: str
    record: str
    digest: str
    bindings: tuple[Binding, ...] = ()
    unseen: tuple[str, ...] = ()  # what the rehearsal could not see, in words

    def meaning(self) -> dict[str, Any]:
        """What the change's digest covers of it: not where the record is kept."""
        return {"digest": self.digest, "bindings": msgspec.to_builtins(self.bindings), "unseen": self.unseen}


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """The unit of review: one or more operations of one principal. `undoes` names the case that it would undo, `instead_of` the one that
    is withdrawn for it.
    """

    principal: Principal
    surface: str
    operations: tuple[Operation, ...]
    received_at_ms: int
    intent: str = ""  # what the agent says it wants; shown as untrusted, never decided on
    undoes: str | None = None
    undoes_also: tuple[str, ...] = ()  # further cases that it takes back after that one, in this order
    instead_of: str | None = None  # the case whose narrower way it is, sent by a person
    rehearsed: Rehearsed | None = None  # the rehearsal whose plan it is
    drops: str | None = None  # the case whose backups it removes: a person's act, or the plane's retention
    trace: str = ""  # the caller's span, as W3C's traceparent; its word, and nothing is decided on it
    stays: tuple[str, ...] = ()  # of an undo: what of these cases it does not give back, and why

    @property
    def by_person(self) -> bool:
        """Whether a person asked for it at the desk, and no client waits: it goes on without her."""
        asked = (self.undoes, self.instead_of, self.rehearsed, self.drops)
        return any(one is not None for one in asked)

    @property
    def own_steps(self) -> bool:
        """Whether its calls are steps that the plane writes itself, one after the other: no request came in for it."""
        return self.undoes is not None or self.drops is not None

    @property
    def taken_back(self) -> tuple[str, ...]:
        """The cases that it would undo, in the order in which it does."""
        return (self.undoes, *self.undoes_also) if self.undoes else ()

    def meaning(self) -> dict[str, Any]:
        """What the digest covers."""
        return {
            "principal": msgspec.to_builtins(self.principal),
            "operations": [operation.meaning() for operation in self.operations],
            "undoes": self.undoes,
            **({"undoes_also": self.undoes_also} if self.undoes_also else {}),
            **({"stays": self.stays} if self.stays else {}),
            **({"instead_of": self.instead_of} if self.instead_of else {}),
            **({"rehearsed": self.rehearsed.meaning()} if self.rehearsed else {}),
            **({"drops": self.drops} if self.drops else {}),
        }

    @property
    def digest(self) -> str:
        """Over principal and meaning of the operations; not ids, times, intent, surface or tokens (docs/concepts/rules.md, 2)."""
        return digest(self.meaning())

    @property
    def resources(self) -> tuple[ResourceRef, ...]:
        """Every resource named by any operation, each once, sorted."""
        return tuple(sorted({ref for operation in self.operations for ref in operation.resources}))


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request as it came, never logged: what was judged is what is sent. Sealed in the vault.

    `target` is the path and query as on the wire, without a service prefix. `headers` carry no authorization.
    `body` is empty and `streamed` is true where the body flows past (object uploads).
    """

    operation: str
    parameters: dict[str, Any]
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    protocol: str
    service: str
    signing_name: str
    region: str
    streamed: bool = False
    streamed_bytes: int | None = None
    credential: str = ""  # the virtual access key it was signed with; empty: the session's own key
