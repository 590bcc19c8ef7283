"""A plane over the stand-in whose power is cut at a chosen call: what ships, of the runtime, the provider and the recipes.

A thing of any kind is deleted through it, by an agent that asks again when it hears nothing, and given back by a person who does the
same. The power is cut once in all that, at one of the calls that change something: before it leaves, after it took effect and before
anybody heard so, or once its answer is on the disk. The process that follows has nothing but the disk.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, Final, TypeVar

import msgspec
from moto import mock_aws

from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import TERMINAL
from keyturn.core.ports import Assessing, Facts, Inquiry, Seal
from keyturn.errors import KeyturnError
from keyturn.executors.interface import Credentials, Hearer, Minted, NotSentError, Response, Sending, nothing
from keyturn.model import record as r
from keyturn.model.assessment import Assessment
from keyturn.model.canonical import canonical, digest
from keyturn.model.change import Change, Principal, Request, ResourceRef
from keyturn.model.decision import Decision, Obligations, Reason, Verdict
from keyturn.model.execution import Answer, Call, Grant, Refused, Role, Succeeded, Unavailable
from keyturn.model.quorum import Quorum
from keyturn.model.radius import Radius
from keyturn.model.record import Draft, Entry
from keyturn.providers.aws import recipes
from keyturn.providers.aws.provider import AwsProvider
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.common import without_nothing
from keyturn.providers.aws.resources import GLOBAL_REGION
from keyturn.runtime import Runtime
from keyturn.runtime.interface import ReplyKind
from keyturn.runtime.settings import Settings
from keyturn.testing.simulation.clock import VirtualLoop, virtual_time
from keyturn.testing.simulation.crashes import Died, Process
from keyturn.testing.simulation.disk import PlainSigner, PlainVault, Platter, SimulatedStore
from tests.provider.provider_world import ACCOUNT, REGION, change, drive, requests, seal
from tests.recipes.drawing import Draw
from tests.recipes.recipe_world import Asked
from tests.recipes.subject_table import HINTS, Gapless, filled, renamed
from tests.recipes.subjects import Made, Subject

T = TypeVar("T")

TRIES_MAX: Final = 3
"""An agent that hears nothing asks again, and so does a person; the power is cut once only."""

AGAIN_S: Final = 5.0
"""Virtual seconds until an agent asks again: a repeat at once is told of the case before."""

SETTLED_S: Final = 3_600.0
"""Virtual seconds within which a process that was started again has done what it found owed."""

SETTINGS: Final = Settings(public_url="https://keyturn.test", hold_wait_s=0.1, replay_s=0, cooldown_s=0)

AGAIN: Final = " (repeatable)"
"""Behind the calls of which their recipe says that repeating them changes nothing: a create that answers with what stands."""

_MOVED: Final = re.compile(r"id: it was (\S+) and is (\S+): ")


Reached = tuple[str, str, str]  # of which case, which operation, digest of its parameters


class Way(StrEnum):
    """When the power is cut at a call."""

    BEFORE = "before the call left"
    LOST = "after it took effect, and nobody heard so"
    NOTED = "once its answer was on the disk"


class Cut(msgspec.Struct, frozen=True):
    """Where the power is cut: at the n-th call that changes something, counted from one; 0 is never. `undo`: of the undo's."""

    at: int = 0
    way: Way = Way.BEFORE
    undo: bool = False


class Told(msgspec.Struct):
    """What happened to one of a kind: which calls reached the account, and what is otherwise in the end."""

    calls: list[Reached]  # that change something, in their order
    begins_undo: int  # how many of them there were when the undo was asked for
    lives: int
    different: dict[str, tuple[Any, Any]]  # field -> before, after; under the new ids
    story: list[str]  # case: phase, why
    looked: int = 0  # cases of which a person had to say what became of them


class Obliging:
    """See `keyturn.core.ports.PolicyEngine`. One person lets what an agent asks, with a backup first where the kind has one; what a
    person takes back is taken back.
    """

    digest = "policy:obliging"

    def trees(self) -> tuple[Quorum, ...]:
        return ()

    def answer(self, change: Change, assessment: Assessment, facts: Facts) -> Decision:
        kinds = [recipes.for_kind(ref.kind) for operation in change.operations for ref in operation.resources]
        saved = not change.undoes and any(one is not None and (one.backs_up or one.exports) for one in kinds)
        return Decision(
            verdict=Verdict.ALLOW if change.undoes else Verdict.HOLD,
            reasons=(Reason(policy="obliging", message="one person lets it"),),
            obligations=Obligations() if change.undoes else Obligations(quorum=1, backup=saved, capture=True),
            policy_digest=self.digest,
        )


class Near(AwsProvider):
    """Looks at what it is asked about, not at who relies on it."""

    def radius(self, change: Change, assessing: Assessing, *, at_ms: int) -> Inquiry[Radius] | None:
        return None


class Disk(SimulatedStore):
    """The simulated disk. Its process ends with the write that `ends` says."""

    ends = False

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        made = await super().append(drafts)
        if self.ends:
            self._process.die()
        return made


class Line:
    """See `keyturn.executors.interface.Executor`. Every call reaches the stand-in by name; at one of them the power is cut."""

    def __init__(self, night: Night, process: Process, disk: Disk) -> None:
        self.night, self.process, self.disk = night, process, disk
        self.cut = night.cut if night.lives == 1 else Cut()

    async def ask(self, call: Call, *, tags: dict[str, str]) -> Answer:
        self.process.check()
        await asyncio.sleep(0)
        self.process.check()
        exporting = call.is_export and call.operation.partition(":")[2].startswith("Get")
        return self._made(call, tags["case"]) if call.mutates and not exporting else self._reached(call)

    def _made(self, call: Call, case: str) -> Answer:
        here = self._here()
        if here and self.cut.way is Way.BEFORE:
            self.process.die()
        name = f"{call.operation}{AGAIN if call.again else ''}"
        self.night.calls.append((case, name, digest(call.parameters)))
        answer = self._reached(call)
        if here and self.cut.way is Way.LOST:
            self.process.die()
        if here:
            self.disk.ends = True
        return answer

    def _here(self) -> bool:
        if not self.cut.undo:
            return len(self.night.calls) + 1 == self.cut.at
        begun = self.night.begins_undo
        return begun is not None and len(self.night.calls) + 1 - begun == self.cut.at

    def _reached(self, call: Call) -> Answer:
        try:
            return self.night.account(call)
        except Exception as error:  # noqa: BLE001  # the stand-in fails in any way
            return Unavailable(f"{type(error).__name__}: {error}")

    async def send(
        self,
        request: Request,
        credentials: Credentials,
        body: AsyncIterator[bytes] | None = None,
        *,
        hearer: Hearer | None = None,
        last_look: Callable[[], None] = nothing,
    ) -> Sending:
        self.process.check()
        last_look()
        call = Call(
            operation=f"{request.service}:{request.operation}",
            parameters=request.parameters,
            account=ACCOUNT,
            region=REGION,
            role=Role.CHANGE,
        )
        match self._made(call, credentials.access_key_id):
            case Succeeded():
                return Sending(response=Response(status=200, headers=(), body=b"{}"))
            case Refused() as refused:
                return Sending(response=Response(status=refused.status, headers=(), body=canonical(refused)))
            case Unavailable() as silent:
                return Sending(response=None, uncertain=silent.why)

    async def grant(
        self, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        self.process.check()
        expires = 4_000_000_000_000
        grant = Grant(
            change.digest, actions=(), resources=(), policy=policy, expires_at_ms=expires, lease=lease
        )
        return grant, Credentials(tags["case"], "", "", expires)

    async def grant_through(
        self, minted: Minted, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        raise NotSentError("no-credentials", "nothing here hands out credentials")

    async def read_credentials(self) -> Credentials:
        return Credentials("reader", "", "", 0)

    def written(self, call: Call) -> Request:
        return requests((call.operation, call.parameters))[0]

    def answered(self, request: Request, response: Response) -> dict[str, Any]:
        raise NotSentError("no-rehearsal", "nothing here is replayed")

    def rewritten(self, request: Request, texts: Mapping[str, str]) -> Request:
        raise NotSentError("no-rehearsal", "nothing here is replayed")

    def endpoint(self, service: str, region: str) -> str:
        return "standin:"

    async def close(self) -> None:
        return None


class Night:
    """One of a kind: deleted and given back over as many lives of the process as it takes."""

    def __init__(
        self, loop: VirtualLoop, cut: Cut, provider: Callable[[Seal, dict[str, str]], AwsProvider]
    ) -> None:
        self.loop, self.cut = loop, cut
        self.provider = provider(seal, {})
        self.account, self.platter = Gapless(), Platter()
        self.calls: list[Reached] = []
        self.lives = self.looked = 0
        self.begins_undo: int | None = None

    async def boot(self) -> None:
        self.lives += 1
        self.process = Process(Random(self.lives), may_crash=False)  # it decides nothing here
        disk = Disk(self.platter, self.process, Random(1), [0], 0.0)  # the same
        self.plane = Runtime(
            store=disk,
            vault=PlainVault(disk),
            signer=PlainSigner(),
            providers={"aws": self.provider},
            policy=Obliging(),
            executor=Line(self, self.process, disk),
            settings=SETTINGS,
            clock=self.loop.now_ms,
        )
        await self.plane.start(
            r.Started(at_ms=self.loop.now_ms(), version="1", catalogue="aws", mode="enforcing")
        )

    async def within(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What the plane says; None when the power was cut meanwhile, and it runs again by now."""
        task = asyncio.ensure_future(work)
        first: list[asyncio.Future[Any]] = [task, self.process.over]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not self.process.dead:
            return task.result()
        me = asyncio.current_task()
        torn = [one for one in asyncio.all_tasks() if one is not me]
        for one in torn:
            one.cancel()
        await asyncio.gather(*torn, return_exceptions=True)
        await self.boot()
        await self.settled()
        return None

    async def settled(self) -> None:
        """Everything that was owed is done, or waits for a person."""
        end = self.loop.time() + SETTLED_S
        ends = TERMINAL | {Phase.HELD, Phase.INCONCLUSIVE}
        while any(case.phase not in ends for case in self.plane.book.cases.values()):
            assert self.loop.time() < end, self.story()
            await asyncio.sleep(1.0)

    def story(self) -> list[str]:
        return [f"{case.id}: {case.phase} {case.reason}" for case in self.plane.book.cases.values()]

    async def asked(self, one: Asked) -> str:
        """An agent asks, a person lets it, and both do so again where nothing came of it; the case that did it."""
        for _ in range(TRIES_MAX):
            made = change(one)
            mine = Principal(agent="reckless", session=self.session, operator="erin")
            made = msgspec.structs.replace(made, principal=mine, received_at_ms=self.loop.now_ms())
            reply = await self.plane.submit(made, requests(one))
            assert reply.kind is ReplyKind.HELD, reply
            await self.within(self._let(reply.case_id))
            case = self.plane.case(reply.case_id)
            if case is not None and case.phase is Phase.INCONCLUSIVE:
                case = await self._looked(case)
            if case is not None and case.phase is Phase.CONFIRMED:
                return case.id
            assert self.lives > 1, self.story()
            await asyncio.sleep(AGAIN_S)
        raise AssertionError((one, self.story()))

    async def _looked(self, case: Case) -> Case:
        """A person reads the account, and says what became of the call."""
        self.looked += 1
        took = self.cut.way is not Way.BEFORE
        return await self.plane.settle(case.id, by="dana", succeeded=took, note="looked")

    async def _let(self, case_id: str) -> None:
        case = self.plane.case(case_id)
        binding = case.request.digest if case and case.request else ""
        await self.plane.review(case_id, by="dana", approve=True, binding=binding, note="seen", via="test")
        await self.plane.execute(case_id, by="dana")
        await self.settled()

    async def undone(self, cases: list[str]) -> Case:
        """A person takes them back, and asks again where nothing came of it."""
        for _ in range(TRIES_MAX):
            found = await self.within(self._undo(cases))
            mine = [case for case in self.plane.book.cases.values() if case.change and case.change.undoes]
            done = next((case for case in mine if case.phase is Phase.CONFIRMED), None)
            if done is not None:
                return done
            assert found is None, (found.phase, found.reason, self.story())
        raise AssertionError(self.story())

    async def _undo(self, cases: list[str]) -> Case:
        try:
            return await self.plane.undo(*cases, by="anna")
        except KeyturnError as error:
            raise AssertionError((error.message, self.story())) from error

    async def live(self, subject: Subject, seed: int) -> Told:
        made: Made = subject.make(self.account, Draw(f"{subject.kind} {subject.make.__name__} {seed}", HINTS))
        before = self.captured(subject, made.id)
        await self.boot()
        key = await self.plane.open_session(operator="erin", agent="reckless", ttl_s=43_200)
        self.session = key.session
        done = [await self.asked(one) for one in (*made.first, made.delete)]
        self.lost()
        self.begins_undo = len(self.calls)
        undo = await self.undone(done)
        ids: dict[str, str] = dict(_MOVED.findall(undo.outcome.detail if undo.outcome else ""))
        after = self.captured(subject, renamed(made.id, ids))
        different = {
            field: (was, after.get(field))
            for field, was in renamed(before, ids).items()
            if without_nothing(was) != without_nothing(after.get(field))
        }
        await self.plane.close()
        return Told(self.calls, self.begins_undo, self.lives, different, self.story(), self.looked)

    def lost(self) -> None:
        """What goes wrong between the deed and its undo: here nothing."""

    def captured(self, subject: Subject, name: str) -> State:
        """What its recipe declares of it; empty where it does not stand."""
        recipe = recipes.for_kind(subject.kind)
        assert recipe is not None
        region = GLOBAL_REGION["aws"] if subject.kind.startswith(("route53:", "iam:")) else REGION
        ref = ResourceRef("aws", "aws", ACCOUNT, region, subject.kind, name)
        state = drive(recipe.capture(ref), self.account).state
        return {} if state is None else {field: state.get(field) for field in recipe.fields}


def told(subject: Subject, seed: int, cut: Cut, provider: type[AwsProvider] = Near) -> Told:
    """The whole of it, in virtual time."""
    filled()
    with virtual_time() as loop, mock_aws():
        return loop.run_until_complete(Night(loop, cut, provider).live(subject, seed))


_SETS: Final = re.compile(
    r":(Put|Update|Set|Modify|Change|Tag|Untag|AddTags|Enable|Disable|Attach|Associate|Suspend|RegisterTargets|PublishVersion)"
)
"""Calls that leave the same when they are made twice: they set, they do not add; of what has not changed since, no second version of a
function is published (API_PublishVersion).
"""


def repeated(told: Told, *, setting: bool = False) -> dict[str, int]:
    """Which calls reached the account twice for one case, but those of which that is said to be nothing; `setting`: those that set."""
    found = Counter(told.calls)
    twice = {name: count for (_, name, _), count in found.items() if count > 1 and not name.endswith(AGAIN)}
    return {name: count for name, count in twice.items() if bool(_SETS.search(name)) is setting}


__all__ = ["Cut", "Died", "Told", "Way", "repeated", "told"]
