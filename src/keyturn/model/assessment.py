"""What a change would do: findings, captures, the narrower way, what is unknown."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from keyturn.model.canonical import digest
from keyturn.model.change import Effect, Operation, ResourceRef
from keyturn.model.radius import Radius


class Reversibility(StrEnum):
    """R0 read, R1 in-place inverse, R2 native undo window, R3 new identity with stated loss, R4 irrecoverable."""

    R0 = "R0"
    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"


WAYS_BACK: Final = {
    Reversibility.R0: "R0: it only reads",
    Reversibility.R1: "R1: put back in place",
    Reversibility.R2: "R2: the service itself takes it back, for a while",
    Reversibility.R3: "R3: made again as something new, with a stated loss",
    Reversibility.R4: "R4: it does not come back",
}
"""The classes as people read them, on every door."""


class Kind(StrEnum):
    """What class of trouble a finding speaks of; policy is written against these, not against rule codes."""

    DATA_LOSS = "data_loss"  # data goes for good, or with a stated loss
    PROTECTION_STRIP = "protection_strip"  # a guard against deletion is taken off
    BACKUP_STRIP = "backup_strip"  # undo material is destroyed or its making stopped
    REPLACE = "replace"  # delete and create of one identity
    OVERWRITE = "overwrite"  # data replaced in place
    DELEGATED_AUTHORITY = "delegated_authority"  # something else will act later, elsewhere, with authority
    EXPOSURE = "exposure"  # something is opened to the outside
    OUTAGE = "outage"  # something stops serving
    BLIND = "blind"  # monitoring or audit is switched off
    OPAQUE = "opaque"  # cannot be judged from the request
    SECRET = "secret"  # a secret is handed out
    NOTE = "note"  # worth saying, decides nothing


TAKES_AWAY: Final = frozenset(
    {
        Kind.DATA_LOSS,
        Kind.PROTECTION_STRIP,
        Kind.BACKUP_STRIP,
        Kind.REPLACE,
        Kind.OUTAGE,
        Kind.BLIND,
        Kind.EXPOSURE,
    }
)
"""Kinds of trouble in which something is gone: data, a resource, what guards it, or its service. (What is written over counts
where it does not come back.)"""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is true of the change and matters. `source` cites the page it rests on."""

    code: str
    kind: Kind
    message: str
    effect: Effect
    reversibility: Reversibility
    resources: tuple[ResourceRef, ...] = ()
    source: str = ""
    evidence: dict[str, Any] = {}


class Cost(msgspec.Struct, frozen=True, omit_defaults=True):
    """What it costs to change one property where it stands: by which call, with what interruption, on whose word."""

    path: str
    call: str  # empty: none changes it
    cost: str  # in words; "replacement" where only a new resource has it, "not known" where nobody says
    source: str = ""


class Alternative(msgspec.Struct, frozen=True, omit_defaults=True):
    """A narrower way to what the agent wants. `operations` are masked; `commands` are what an agent may run, exact or a shape."""

    operations: tuple[Operation, ...]
    commands: tuple[str, ...]
    why: str
    lost: str  # what is lost on this way, in words ("nothing")
    exact: bool  # the plane knows what the agent wants; otherwise commands are the in-place operations of this kind
    verdict: str = ""  # patch | maybe | replace
    because: tuple[str, ...] = ()  # of maybe: what is in doubt; of replace: the properties that need it
    costs: tuple[Cost, ...] = ()

    @property
    def digest(self) -> str:
        """What a person's *send this instead* binds to: the way as it was shown."""
        return digest(self)


class Difference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One property before and after, as shown to reviewers; secret values stand as their sealed form."""

    resource: ResourceRef
    path: str
    before: Any
    after: Any


class Dependent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that relies on a resource of the change: one edge of the blast radius."""

    resource: ResourceRef
    relation: str
    on: ResourceRef


class Recoverable(msgspec.Struct, frozen=True, omit_defaults=True):
    """What Keyturn can do for one resource: whether a backup or an inverse exists, what would be lost, in what time."""

    resource: ResourceRef
    backup: bool  # a recipe can take and verify one
    inverse: bool  # an in-place inverse from the capture
    recover_s: int | None
    loss: tuple[str, ...] = ()  # what would not come back, said beforehand
    window_s: int | None = (
        None  # how long the service itself takes it back, from this request and what stands
    )
    drilled_at_ms: int | None = None  # when a drill last gave back one of its kind, equal; None: never
    vaulted: bool = False  # what it would be given back from lies in the vault account too
    not_vaulted: str = ""  # why not, where there is a vault account

    @property
    def possible(self) -> bool:
        """Whether anything gives it back: a backup, an inverse, or its service for a while."""
        return self.backup or self.inverse or self.window_s is not None


class Heard(msgspec.Struct, frozen=True, omit_defaults=True):
    """One voice about the environment of a resource: who spoke, what it said, and of what; `counts` is false where an agent
    would classify its own change.
    """

    by: str  # tags | container | account | configuration | name | request
    said: str
    of: str
    counts: bool = True

    def __str__(self) -> str:
        who = {
            "tags": f"tags of {self.of}",
            "container": f"tags of its container {self.of}",
            "account": f"the configuration, of account {self.of}",
            "configuration": f"the configuration, of {self.of}",
            "name": f"the name {self.of}",
            "request": "tags in the request itself",
        }
        return f"{who.get(self.by, self.by)}: {self.said}{'' if self.counts else ' (does not count)'}"


def place(environment: str) -> str:
    """As `Assessment.place`, for who has only the word."""
    return "an unknown environment (counts as production)" if environment == "unknown" else environment


class RehearsedStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a rehearsal as it went in the twin: what it was found to be there, and what was otherwise after it."""

    operation: str
    resources: tuple[ResourceRef, ...]
    effect: Effect
    reversibility: Reversibility
    findings: tuple[Finding, ...] = ()
    differences: tuple[Difference, ...] = ()
    unread: tuple[str, ...] = ()  # what of it could not be read in the twin


class Assessment(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that was determined about a change, and all that could not be (`unknowns`)."""

    effect: Effect
    effects: tuple[Effect, ...]
    reversibility: Reversibility
    environment: str  # production | staging | development | test | ... ; "unknown" counts as production
    state_digest: str  # over the declared configuration fields of every resource's capture
    recover_s: int | None = None
    data_at_risk: str = ""  # in words with counts: "10,000 items, 1.2 MB"
    data_bearing: bool = False
    blast_radius: tuple[Dependent, ...] = ()
    recoverable: tuple[Recoverable, ...] = ()
    findings: tuple[Finding, ...] = ()
    differences: tuple[Difference, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    unknowns: tuple[str, ...] = ()
    captures: str = ""  # vault reference of the sealed captures this rests on
    environment_heard: tuple[Heard, ...] = ()  # who spoke of the environment; none is why it is unknown
    radius: Radius | None = None  # who relies on what goes, walked; None where nothing goes
    makes: tuple[ResourceRef, ...] = ()  # what it makes, and what was read to stand nowhere before
    rehearsed: tuple[RehearsedStep, ...] = ()  # of a plan: each of its operations as it went in the twin

    @property
    def place(self) -> str:
        """The environment in words, after *in*: what is not known is said to count as production."""
        return place(self.environment)

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(finding.kind for finding in self.findings)

    @property
    def destructive(self) -> bool:
        """Whether it takes away data, resources, protection or availability."""
        if self.effect in {Effect.DELETE, Effect.REPLACE} or self.kinds & TAKES_AWAY:
            return True
        if any(finding.evidence.get("everything") is True for finding in self.findings):
            return True  # who is given all rights may take away everything, and every guard with it
        return Kind.OVERWRITE in self.kinds and self.reversibility >= Reversibility.R3

    @property
    def digest(self) -> str:
        """What a reviewer's approval binds to: the assessment as shown."""
        return digest(self)
