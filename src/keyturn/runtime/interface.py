"""What a surface may ask of the plane (`Gate`), and what the console may (`Desk`). The runtime is both.

A surface never decides and never forwards a change itself: it hands in a change with its request and body and gets a `Reply`.
Only reads, once `read` has allowed them, are forwarded by the surface, under the read-only role.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from keyturn.core.attention import Attention
from keyturn.core.case import Case
from keyturn.core.controls import Claimed
from keyturn.core.evidence import ALL, Filter, Sample
from keyturn.core.freezing import Freeze
from keyturn.core.people import People
from keyturn.core.reconciling import Call
from keyturn.executors.interface import Hearer, Minted, Response
from keyturn.model.change import Change, Operation, Principal, Request
from keyturn.model.decision import Decision
from keyturn.model.execution import Backup, Upkeep
from keyturn.model.people import Wanted
from keyturn.model.record import Drilled, Entry, PlaneEvent
from keyturn.model.rehearsal import Plan
from keyturn.model.review import Receipt
from keyturn.model.reviewing import Proposed


class SessionKey(msgspec.Struct, frozen=True):
    """An open session as the gateway needs it. The secret signs requests and is worth nothing elsewhere."""

    session: str
    agent: str
    operator: str
    access_key_id: str
    secret: str
    expires_at_ms: int
    suggest_only: bool = False
    token: str = ""  # of virtual credentials, which name it in every request
    through: str = ""  # whom they act as; empty: the session's own key
    account: str = ""  # and where
    virtual: str = ""  # the operation that handed them out

    def __repr__(self) -> str:
        return f"<SessionKey {self.session} agent={self.agent} operator={self.operator}>"


class ReplyKind(StrEnum):
    SENT = "sent"  # the call was made (or its recorded response is replayed): `response` is what the provider said
    HELD = "held"
    SUGGESTED = "suggested"
    DENIED = "denied"
    REFUSED = "refused"  # never became a case, or ended without its call leaving
    DONE = "done"  # it took effect; the provider's own answer was lost, or passed and was too long to keep: there is no `response`
    UNCERTAIN = "uncertain"  # the call left and no answer came back: nobody may say it failed


class Reply(msgspec.Struct, frozen=True):
    """What the client is told. `text` is the whole message, by the one template; `code` is ours, the surface picks its protocol's."""

    kind: ReplyKind
    text: str
    case_id: str = ""
    code: str = ""
    response: Response | None = None


class Upload(msgspec.Struct, frozen=True):
    """An upload in parts that was begun here: its case, and the state people let it begin on (empty: nobody had to)."""

    case_id: str
    reviewed_on: str = ""


class Gate(Protocol):
    """The plane as a surface sees it."""

    def session(self, access_key_id: str) -> SessionKey | None:
        """The open, unexpired session of this key, the session's own or a virtual one's; None when there is none."""
        ...

    def minted(self, access_key_id: str) -> Minted | None:
        """What stands behind a virtual access key; None when there is none, or it has ended."""
        ...

    def read(self, principal: Principal, operation: Operation) -> Decision:
        """Policy's answer for the read lane (no live facts; cached per principal and action). Never raises."""
        ...

    def note_read(self, principal: Principal, operation: Operation, status: int) -> None:
        """Log a read that was forwarded; durable with the next batch."""
        ...

    async def submit(
        self,
        change: Change,
        requests: tuple[Request, ...],
        body: AsyncIterator[bytes] | None = None,
        hearer: Hearer | None = None,
    ) -> Reply:
        """Take a change through its life as far as it goes while the client waits. Cancelling it detaches the client, no more.

        An answer that streams is given to `hearer` while it comes; the reply follows when it is on record.
        """
        ...

    def upload(self, principal: Principal, operation: Operation, begins: str, mark: bytes) -> Upload | None:
        """The upload that `operation` belongs to: begun in this session by `begins`, on the same resource, answered with `mark`."""
        ...

    async def send_part(
        self, change: Change, request: Request, body: AsyncIterator[bytes] | None = None
    ) -> Reply:
        """Send a part of an upload (`within`) under the decision that let it begin; durable with the next batch."""
        ...

    async def refuse(self, session: str, code: str, reason: str, operation: str = "") -> None:
        """Put on record that a request was refused before it became a case."""
        ...

    def seal(self, secret: bytes) -> str:
        """Keyed digest of a secret value, the same for equal values of this installation."""
        ...


class Notice(msgspec.Struct, frozen=True):
    """Something happened: for live pages and `--watch`. `seq` is the log's sequence number."""

    seq: int
    case_id: str
    event: str


class RehearsalOpened(msgspec.Struct, frozen=True):
    """A rehearsal under way: what its command speaks to. The key opens nothing but this twin."""

    id: str
    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str
    expires_at_ms: int


class RehearsalEnded(msgspec.Struct, frozen=True):
    """What it comes to, and the case that it is held as. `not_held` says why it is none."""

    plan: Plan
    case: str = ""
    not_held: str = ""


class Rehearser(Protocol):
    """Twins of the account, for commands that rehearse. Every `by` is an authenticated user's name."""

    async def open(self, *, by: str, agent: str, ttl_s: int, scope: tuple[str, ...] = ()) -> RehearsalOpened:
        """A twin of its own, with what `scope` names copied into it. Raises `OperatorError` where there can be none."""
        ...

    async def end(self, rehearsal: str, *, by: str, hold: bool, intent: str = "") -> RehearsalEnded:
        """The plan of what was done in it, held as a case where that is wanted and can be. Raises `OperatorError`."""
        ...


class UndoPart(msgspec.Struct, frozen=True):
    """One case of an undo: the calls that take it back as reviewers see them, or why it cannot be."""

    case: str
    possible: bool
    why: str
    operations: tuple[Operation, ...]
    loss: tuple[str, ...]
    stays: tuple[str, ...] = ()  # what of the case does not come back, and why: the rest does


class Undoing(msgspec.Struct, frozen=True):
    """What an undo would do, in its order."""

    parts: tuple[UndoPart, ...]


class VaultLooked(msgspec.Struct, frozen=True):
    """The vault account as it was looked at last. `troubles`: what is wrong with it, a sentence each, with what to do."""

    account: str
    bucket: str
    looked_at_ms: int
    troubles: tuple[str, ...]


class OnShelf(msgspec.Struct, frozen=True):
    """A backup that stands: of which case, how old, until when it is kept at least, and why longer, where it is."""

    case: str
    backup: Backup
    upkeep: Upkeep
    age_ms: int
    keeps_until_ms: int | None  # None: until a person drops it
    needed: str  # why it is kept whatever its age; empty where nothing speaks for it


class Put(msgspec.Struct, frozen=True):
    """What became of a change that somebody wanted: it is done, or waits as the proposal `id`. `unreviewed`: why nobody else looked."""

    done: bool
    id: str = ""
    unreviewed: str = ""


class Desk(Protocol):
    """The plane as people use it, behind authentication: every `by` is an authenticated user's name."""

    def cases(self, *, open_only: bool = False, limit: int = 200) -> tuple[Case, ...]:
        """Newest first."""
        ...

    def case(self, case_id: str) -> Case | None: ...

    def story(self, case_id: str) -> tuple[Entry, ...]:
        """All log entries of one case, in order."""
        ...

    def log(self, *, after: int, limit: int) -> tuple[Entry, ...]:
        """Entries of the log, of cases and of the plane, after this sequence number."""
        ...

    def head(self) -> int:
        """The sequence number of the last entry of the log whose case has moved by it; the log may hold more."""
        ...

    def folded(self) -> int:
        """How many events are folded into cases, people and policy since the start. What is made of them may be kept while this
        stands as it does; the log's head is no such sign, since it moves before its entry is folded.
        """
        ...

    def manifest(self, reference: str) -> str:
        """A backup's runbook, opened from the vault."""
        ...

    async def freshness(self, case_id: str) -> dict[str, Any]:
        """Re-read the state now: ``{"unchanged": true|false|null, "checked_at_ms": int, "detail": str}``."""
        ...

    def may_review(self, case: Case, user: str) -> str:
        """Empty when this user may review the case now; otherwise why not, for her to read."""
        ...

    async def review(
        self,
        case_id: str,
        *,
        by: str,
        approve: bool,
        binding: str,
        note: str,
        via: str,
        receipt: Receipt | None = None,
        guidance: str = "",
    ) -> Case:
        """Raises `ReviewError` with the reason when it does not count (and puts the attempt on record). `guidance` reaches the agent."""
        ...

    async def refuse_review(self, case_id: str, *, by: str, approve: bool, code: str, message: str) -> None:
        """Put on record that somebody tried to review with what is no signature of hers; it counts for nothing."""
        ...

    def batch(self, cases: Sequence[str], *, like: str = "") -> tuple[tuple[Case, ...], str]:
        """The cases of a batch and the root that names it. Raises `ReviewError` (no-batch)."""
        ...

    async def review_batch(
        self,
        cases: Sequence[str],
        *,
        by: str,
        approve: bool,
        root: str,
        note: str,
        via: str,
    ) -> tuple[Case, ...]:
        """All of them decided at one go, or none. Raises `ReviewError`."""
        ...

    async def claim(self, case_id: str, *, by: str, word: str = "") -> Case:
        """A reviewer looks at it for a while; another's claim is taken over with a word why. No approval."""
        ...

    async def release(self, case_id: str, *, by: str) -> Case: ...

    async def take_out(self, case_id: str, *, by: str, drop: tuple[int, ...], own: bool = False) -> Case:
        """Take operations (by place, from 0) out of a held case; what remains is assessed and decided anew. `own`: only where her own
        agent asked. Raises `ReviewError` where it cannot be.
        """
        ...

    async def break_glass(self, case_id: str, *, by: str, reason: str, binding: str) -> Case:
        """Her own act, in her own name, around the review. Raises `ReviewError` with the reason when she may not."""
        ...

    async def sign_off(self, case_id: str, *, by: str, right: bool, note: str) -> Case:
        """Another person looked at a break-glass afterwards."""
        ...

    def afterwards(self) -> tuple[Case, ...]:
        """Every break-glass that nobody else has looked at yet."""
        ...

    @property
    def people(self) -> People:
        """Teams, delegations, aliases, agents' owners, as of now."""
        ...

    async def delegate(self, to: str, *, by: str, from_ms: int, until_ms: int, reason: str) -> None:
        """Lend her own place; another's is proposed. Raises `OperatorError`."""
        ...

    async def end_delegation(self, person: str, to: str, *, by: str) -> None: ...

    def proposals(self) -> tuple[Proposed, ...]:
        """Changes among people that wait for another administrator, oldest first."""
        ...

    async def propose(self, wanted: Wanted, *, by: str) -> Put:
        """Change something among people, or propose it where that needs another administrator. Raises `OperatorError`."""
        ...

    async def decide_proposal(self, id_: str, *, by: str, approve: bool, note: str = "") -> Proposed:
        """Decide what is proposed; with a yes it stands in the log with the decision. Raises `ReviewError`."""
        ...

    async def execute(self, case_id: str, *, by: str) -> Case:
        """Execute an approved case without the agent."""
        ...

    async def withdraw(self, case_id: str, *, by: str, reason: str) -> Case: ...

    async def settle(self, case_id: str, *, by: str, succeeded: bool, note: str) -> Case: ...

    async def undo(
        self,
        *cases: str,
        by: str,
        session: str = "",
        since_ms: int | None = None,
        agent: str = "",
        partly: bool = False,
    ) -> Case:
        """Take back these cases, those of a session, or those that left since a time (of an agent), as one case of its own;
        executes at once where policy allows it. Of a case that is named and of which some steps do not come back, the rest only where
        that is wanted (`partly`); else that is a `ReviewError` ``in-part``.
        """
        ...

    async def send_narrower(
        self, case_id: str, *, by: str, number: int = 0, own: bool = False, shown: str = ""
    ) -> Case:
        """Send a held case's exact narrower way (by its place, from 1; 0 is the exact one) as a case of its own, and withdraw the
        held one, in one. At most once. `own`: only where her own agent asked. `shown`: the digest of the way as she saw it. Raises
        `ReviewError` with the reason when it cannot be.
        """
        ...

    def plan_undo(
        self, *cases: str, session: str = "", since_ms: int | None = None, agent: str = ""
    ) -> Undoing:
        """What `undo` of the same would do, in its order, and what would not come back; nothing is asked for."""
        ...

    async def drop_backups(self, case_id: str, *, by: str, reason: str) -> Case:
        """Remove the backups of a case, as a case of its own that policy decides. Raises `ReviewError` where nothing stands, or
        something that is open needs it.
        """
        ...

    async def look_at_vault(self) -> VaultLooked | None:
        """How the vault account stands now; None where none is configured."""
        ...

    async def at_hand(self, *cases: str) -> None:
        """Fetch from the vault account what the plane's own vault has lost of these cases' backups; never raises for what cannot be."""
        ...

    async def export_backups(self, case_id: str, *, by: str) -> AsyncIterator[bytes]:
        """The backups of a case with all that their runbooks read, as a tar file, in pieces. Raises `ReviewError` where that is not allowed."""
        ...

    def shelf(self) -> tuple[OnShelf, ...]:
        """Every backup that stands, oldest first."""
        ...

    def upkeep(self, backup: Backup) -> Upkeep:
        """What it costs to keep it, estimated."""
        ...

    async def drill(
        self, *, by: str, kinds: tuple[str, ...] = (), resources: tuple[str, ...] = ()
    ) -> tuple[Drilled, ...]:
        """Restore resources that cases have spoken of under scratch names, compare, measure, remove. The originals are only read."""
        ...

    async def open_session(
        self,
        *,
        operator: str,
        agent: str,
        ttl_s: int,
        suggest_only: bool = False,
        lenders: tuple[str, ...] = (),
    ) -> SessionKey:
        """`lenders` are people whose credential or token the session can reach, beside the operator's: they do not review it."""
        ...

    async def end_session(self, session: str, *, by: str, reason: str) -> None: ...

    def sessions(self) -> tuple[SessionKey, ...]: ...

    async def halt(self, *, by: str, reason: str, agent: str = "") -> None: ...

    async def resume(self, *, by: str, agent: str = "") -> None: ...

    def freezes(self) -> tuple[Freeze, ...]:
        """Those that are on, and those that will be."""
        ...

    async def set_freeze(
        self,
        *,
        by: str,
        reason: str,
        until_ms: int,
        environment: str = "",
        account: str = "",
        from_ms: int = 0,
    ) -> Freeze:
        """From then (0: now) until then nothing of this environment (empty: any) of this account (empty: any) is to be changed. Every
        node has heard it when this returns. Raises `OperatorError` where it says nothing, or nonsense.
        """
        ...

    async def lift_freeze(self, freeze: str, *, by: str, reason: str = "") -> None:
        """End it before its time. Raises `ReviewError` where it is not there, or another's, while an agent of hers is at work."""
        ...

    def status(self) -> dict[str, Any]:
        """Mode (enforcing | advisory | observe), who halted, where it listens, nodes, open sessions, open cases by phase, the log's head
        and last checkpoint, the identities of policies and catalogue, version.
        """
        ...

    def subscribe(self, *, after: int = 0) -> AsyncIterator[Notice]: ...

    def export(self, wanted: Filter = ALL) -> AsyncIterator[bytes]:
        """The log, or these cases of it, as a bundle that `keyturn verify` checks offline; in pieces."""
        ...

    async def sample(self, wanted: Filter, *, count: int, seed: str = "") -> Sample:
        """Of the cases that are wanted and of which a call left, `count` that anybody draws again who has the seed."""
        ...

    async def calls(self, *, since_ms: int = 0, until_ms: int | None = None) -> tuple[Call, ...]:
        """The calls that left in that time, by the log: what the account's own trail is compared with."""
        ...

    async def attention(self, *, since_ms: int, until_ms: int, budget: int) -> Attention:
        """Where reviewers' attention went; `budget` is reviews a person has care for in a day."""
        ...

    async def controls(self, *, reviewers: int, auditors: int) -> tuple[Claimed, ...]:
        """Controls of others that this log is evidence for, with what each claim rests on, as it stands here; so many may review and audit."""
        ...

    async def record_authority(self, *, by: str, fingerprint: str) -> None: ...

    async def put_on_record(self, event: PlaneEvent) -> None:
        """An event about the people who use the plane: passkeys, tokens, proposals."""
        ...

    async def record_user(self, *, by: str, user: str, roles: tuple[str, ...], what: str) -> None: ...
