"""What the API answers, as types: its description is made of these, and a test compares every answer with them.

An answer may hold more than its type says, since it only ever grows; it never holds less.
"""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.console.answers import Answer
from keyturn.console.plan_shapes import PlanShown, PlanStep
from keyturn.core.controls import Claimed
from keyturn.core.freezing import Freeze
from keyturn.core.reconciling import Call
from keyturn.model.assessment import Assessment, Cost
from keyturn.model.change import Change
from keyturn.model.decision import Decision
from keyturn.model.execution import Backup, Grant, Outcome, ProofStep
from keyturn.model.people import Delegation, Member
from keyturn.model.radius import Radius
from keyturn.model.record import Drilled
from keyturn.model.review import Review, Statement
from keyturn.runtime.interface import UndoPart


class Problem(msgspec.Struct, frozen=True):
    """Why it was refused: `code` is stable, `message` and `help` are for people."""

    code: str
    message: str
    help: str


class Refusal(msgspec.Struct, frozen=True):
    error: Problem


class Login(msgspec.Struct, frozen=True):
    """`passkey` opens one login in a browser, in which a passkey may be made; empty but after an invite."""

    token: str
    passkey: str


class Passkey(msgspec.Struct, frozen=True):
    """One of a person's; `cloned`: its counter went back, and it is worth nothing."""

    id: str
    name: str
    made_at_ms: int
    used_at_ms: int
    cloned: bool


class Passkeys(msgspec.Struct, frozen=True):
    passkeys: tuple[Passkey, ...]


class PasskeyId(msgspec.Struct, frozen=True):
    user: str
    id: str


class ProgramToken(msgspec.Struct, frozen=True):
    """A token for programs, without itself; `used_at_ms` 0: never."""

    id: str
    user: str
    name: str
    scopes: tuple[str, ...]
    environments: tuple[str, ...]
    made_at_ms: int
    expires_at_ms: int
    used_at_ms: int


class Tokens(msgspec.Struct, frozen=True):
    tokens: tuple[ProgramToken, ...]


class MadeToken(ProgramToken, frozen=True):
    token: str


class ToSign(msgspec.Struct, frozen=True):
    """`options` are PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3, 5.1); the challenge is the statement's SHA-256."""

    options: dict[str, Any]
    nonce: str
    statement: Statement


class UserName(msgspec.Struct, frozen=True):
    user: str


class Who(msgspec.Struct, frozen=True):
    """`through`: login or token; `page` is where her passkeys and tokens are."""

    user: str
    roles: tuple[str, ...]
    through: str
    page: str


class Person(msgspec.Struct, frozen=True):
    name: str
    roles: tuple[str, ...]
    passkeys: int


class People(msgspec.Struct, frozen=True):
    users: tuple[Person, ...]


class Invitation(msgspec.Struct, frozen=True):
    """`token` is good for one login, and shown once; where `proposal` waits for another administrator it is half of one, of which the
    approver gets the other. `unreviewed`: why nobody else had to approve what gives somebody more.
    """

    user: str
    token: str
    proposal: str
    unreviewed: str


class Proposal(msgspec.Struct, frozen=True):
    """A change among people that waits, or of policy. `kind`: user | invite | team | alias | owners | delegation | policy. `relaxes`: what
    the policies `after` let through that those `before` do not.
    """

    id: str
    by: str
    kind: str
    name: str
    before: str
    after: str
    proposed_at_ms: int
    until_ms: int
    packs: tuple[str, ...]
    relaxes: tuple[str, ...]


class Proposals(msgspec.Struct, frozen=True):
    proposals: tuple[Proposal, ...]


class DecidedProposal(Proposal, frozen=True, kw_only=True):
    """`token` is the second half of the login that it makes; both halves, joined with a dot, are good for one login. `waits`: it is hers
    now, and another administrator has to approve.
    """

    approved: bool
    waits: bool
    token: str


class Summary(msgspec.Struct, frozen=True):
    """One line of the inbox. Times are milliseconds since 1970."""

    id: str
    phase: str
    open: bool
    revision: int
    effect: str
    symbol: str
    operations: tuple[str, ...]
    resources: tuple[str, ...]
    agent: str
    operator: str
    environment: str
    why: str
    data_at_risk: str
    narrower: bool
    approvals: tuple[str, ...]
    quorum: int
    signed: bool
    needs: tuple[str, ...]
    met: str
    claimed_by: str
    claimed_until_ms: int | None
    escalated: bool
    voided: tuple[str, ...]
    glass: dict[str, Any] | None
    deadline_ms: int | None
    opened_at_ms: int
    changed_at_ms: int
    reason: str
    undoes: str | None
    undoes_also: tuple[str, ...]
    stays: tuple[str, ...]
    instead_of: str | None
    drops: str | None
    undone_by: str


class Listed(Summary, frozen=True):
    """With why you may not review it; empty: you may."""

    may_not: str


class Cases(msgspec.Struct, frozen=True):
    """`counts`: the open ones by list, whatever was filtered."""

    cases: tuple[Listed, ...]
    counts: dict[str, int]


class Some(msgspec.Struct, frozen=True):
    cases: tuple[Summary, ...]


class Batch(msgspec.Struct, frozen=True):
    """`root`: the Merkle root over the members' bindings (RFC 6962), in the order of their numbers."""

    root: str
    cases: tuple[Summary, ...]


class Teams(msgspec.Struct, frozen=True):
    """People as reviews know them. `mapped`: the teams that the provider's groups give somebody, as in ``payments:production``."""

    teams: dict[str, tuple[Member, ...]]
    delegations: tuple[Delegation, ...]
    aliases: dict[str, str]
    owners: dict[str, tuple[str, ...]]
    mapped: dict[str, tuple[str, ...]]


class WantedTeams(Teams, frozen=True):
    """People after what somebody wanted. `proposal`: it waits for another administrator; `unreviewed`: there was none who could look."""

    proposal: str
    unreviewed: str


class Told(msgspec.Struct, frozen=True):
    """One entry of the log in a few words; `name` is what people call the event."""

    seq: int
    at_ms: int
    event: str
    name: str
    said: str
    case: str


class Floor(msgspec.Struct, frozen=True):
    """What would be left, or how much would go, in words; `short` where it is little, or not known."""

    text: str
    short: bool


class RadiusSaid(msgspec.Struct, frozen=True):
    """What is said of a blast radius beside its value; `gaps` is what was not looked at."""

    said: str
    floors: tuple[Floor, ...]
    gaps: tuple[str, ...]
    coverage: str
    mapped: tuple[str, ...]
    by_environment: dict[str, int]
    by_owner: dict[str, int]
    whole: bool


class Graph(msgspec.Struct, frozen=True):
    """Who relies on what a case takes away; `why` says why there is none."""

    case: str
    radius: Radius | None
    said: RadiusSaid | None
    why: str


class Detail(Listed, frozen=True):
    """Everything a reviewer may see. A review names `binding`: it is for exactly this, or it counts for nothing.

    `stays`: of an undo, what it does not give back; `left`: what the undo of this one has left.
    `whole`: why it cannot be shown in full; empty where it can. What nobody can read, nobody should approve. `nothing_there`: it would
    delete what does not stand.
    """

    page: str
    left: tuple[str, ...]
    whole: str
    environment_said: tuple[str, ...]
    environment_silent: tuple[str, ...]
    answers: tuple[Answer, ...]
    hindrance: str
    nothing_there: bool
    binding: str
    excluded: tuple[str, ...]
    change: Change | None
    change_digest: str
    only_if: list[str]
    radius: RadiusSaid | None
    assessment: Assessment | None
    rehearsal: PlanShown | None
    decision: Decision | None
    reviews: tuple[Review, ...]
    backups: tuple[Backup, ...]
    retired: str
    keeps: tuple[str, ...]
    keep_days: int | None
    way_back: str
    proof: tuple[ProofStep, ...]
    grant: Grant | None
    outcomes: tuple[Outcome, ...]
    story: tuple[Told, ...]


class Fresh(msgspec.Struct, frozen=True):
    """Whether the state is still what was assessed; null: it could not be told, and `detail` says why."""

    unchanged: bool | None
    checked_at_ms: int
    detail: str


class Log(msgspec.Struct, frozen=True):
    head: int
    lines: tuple[Told, ...]


class Signed(msgspec.Struct, frozen=True):
    entries: int
    at_ms: int
    root: str


class WaitingPolicy(msgspec.Struct, frozen=True):
    """Policies that would let more through than those in force, and wait as a proposal: the worst of it, and in how many ways."""

    id: str
    by: str
    packs: tuple[str, ...]
    digest: str
    relaxes: tuple[str, ...]
    ways: int
    until_ms: int


class Status(msgspec.Struct, frozen=True):
    """How the plane stands. `policy_configured`: what this process was given to load; `policy_digest`: what is in force."""

    mode: str
    standin: bool
    halted_by: dict[str, str]
    freezes: tuple[Freeze, ...]
    open_cases: int
    held_cases: int
    phases: dict[str, int]
    sessions: int
    log_entries: int
    log_head: str
    checkpoint: Signed | None
    policy_digest: str
    policy_configured: str
    policy_waits: tuple[WaitingPolicy, ...]


class RehearsalEnded(msgspec.Struct, frozen=True):
    """The plan of a rehearsal. `obstacles`: why it cannot be replayed; `not_held`: why it is no case."""

    id: str
    agent: str
    operator: str
    steps: tuple[PlanStep, ...]
    worst: str
    copied: tuple[str, ...]
    refused: tuple[str, ...]
    unseen: tuple[str, ...]
    obstacles: tuple[str, ...]
    case: Summary | None
    not_held: str


class Undoing(msgspec.Struct, frozen=True):
    """With `plan` alone: what would be done, case by case, and nothing was asked for."""

    parts: tuple[UndoPart, ...]


class Way(msgspec.Struct, frozen=True):
    """One narrower way; `number` is its place, from 1, `digest` what sending it binds to, `sendable` whether it can be sent instead."""

    number: int
    digest: str
    verdict: str
    because: tuple[str, ...]
    why: str
    lost: str
    exact: bool
    sendable: bool
    commands: tuple[str, ...]
    costs: tuple[Cost, ...]


class Narrower(msgspec.Struct, frozen=True):
    """A case's narrower ways: patch, maybe, or replace needed."""

    case: str
    phase: str
    ways: tuple[Way, ...]


class Drills(msgspec.Struct, frozen=True):
    drills: tuple[Drilled, ...]


class Session(msgspec.Struct, frozen=True):
    session: str
    agent: str
    operator: str
    expires_at_ms: int


class Sessions(msgspec.Struct, frozen=True):
    sessions: tuple[Session, ...]


class Opened(msgspec.Struct, frozen=True):
    """What an agent is given: a key that is worth nothing but at this gateway."""

    session: str
    access_key_id: str
    secret_access_key: str
    expires_at_ms: int
    endpoint_url: str
    region: str
    mode: str
    proxy_url: str
    ca: str


class SessionName(msgspec.Struct, frozen=True):
    session: str


class Left(msgspec.Struct, frozen=True):
    """The calls that left, with the account and the plane's own roles in it."""

    calls: tuple[Call, ...]
    account: str
    roles: tuple[str, ...]


class Controls(msgspec.Struct, frozen=True):
    """Evidence for controls of others, as it stands; never a claim of compliance."""

    controls: tuple[Claimed, ...]


class Certificate(msgspec.Struct, frozen=True):
    pem: str
    fingerprint: str


Document = dict[str, Any]
