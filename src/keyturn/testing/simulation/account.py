"""The simulated account: a few things with a value, a journal of all that ever happened to them, and an executor before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from random import Random
from typing import Any, Final

import msgspec

from keyturn.executors.interface import Credentials, Hearer, Minted, NotSentError, Response, Sending, nothing
from keyturn.model.canonical import canonical
from keyturn.model.change import Change, Request
from keyturn.model.execution import Answer, Call, Grant, Refused, Succeeded, Unavailable
from keyturn.testing.simulation import knowledge
from keyturn.testing.simulation.crashes import CALL_CRASHES, STEP_CRASHES, Process

STOPS_S: Final = (1.5, 7.0)
"""A process that stands still at a call wakes within its lease, or long after others have noticed."""


class World(msgspec.Struct, frozen=True):
    """What kind of world a seed lives in; every figure is a probability but those in seconds."""

    conditional: bool  # writes carry the value they were reviewed on, and are refused on another
    slow_s: float  # the longest answer of the account
    disk_s: float  # the longest write to the disk
    drift: float  # somebody else changes a thing, per second
    lost: float  # an answer never comes, whether or not the call took effect
    silent: float  # a read is not answered
    crashes: bool
    halts: float  # per history
    tightens: float  # policy changes, per history
    leaves: float  # a client leaves while it is held
    reverts: float = 0.0  # somebody else's controller puts back what was changed, at once
    late: float = 0.0  # a reviewer answers when the time is just over
    snapshot_s: float = 0.0  # between snapshots of the folded state; 0: a life begins with the whole log


def world(chance: Random) -> World:
    """Each seed another one."""
    return World(
        conditional=chance.random() < 0.5,
        slow_s=chance.choice((0.02, 0.2, 2.0)),
        disk_s=chance.choice((0.01, 0.1, 0.5)),
        drift=chance.choice((0.0, 0.02, 0.15)),
        lost=chance.choice((0.0, 0.1, 0.3)),
        silent=chance.choice((0.0, 0.0, 0.05)),
        crashes=chance.random() < 0.6,
        halts=chance.choice((0.0, 0.3, 0.9)),
        tightens=chance.choice((0.0, 0.0, 0.6)),
        leaves=chance.choice((0.0, 0.2, 0.5)),
        reverts=chance.choice((0.0, 0.0, 0.9)),
        late=chance.choice((0.04, 0.04, 0.5)),
        snapshot_s=chance.choice((0.0, 0.0, 7.0)),
    )


class Happening(msgspec.Struct, frozen=True):
    """One line of the journal. `what`: read | left | took | step | drift | halted | lifted | told | yes."""

    what: str
    case: str = ""
    thing: str = ""
    value: int | None = None
    token: str = ""  # the request's own id, or a step's operation
    at_ms: int = 0
    detail: Any = None


class Account:
    """Things by name (None: absent) and the journal. `moment` is the journal's length, shared with the disk."""

    def __init__(self, names: tuple[str, ...], clock: Any) -> None:
        self.things: dict[str, int | None] = {name: 100 + place * 10 for place, name in enumerate(names)}
        self.backups: dict[str, tuple[str, int]] = {}  # id -> (thing, value)
        self.journal: list[Happening] = []
        self.moment = [0]
        self._clock = clock

    def drift_to(self, name: str, value: int | None) -> None:
        """Somebody else makes it this."""
        self.things[name] = value
        self.note("drift", thing=name, value=value)

    def note(self, what: str, **fields: Any) -> None:
        self.journal.append(Happening(what=what, at_ms=self._clock(), **fields))
        self.moment[0] = len(self.journal)


class SimulatedExecutor:
    """See `keyturn.executors.interface.Executor`. Answers get lost, late, or never come; what took effect stays."""

    def __init__(self, account: Account, process: Process, about: World, chance: Random) -> None:
        self.account, self.process, self.about, self.chance = account, process, about, chance

    async def ask(self, call: Call, *, tags: dict[str, str]) -> Answer:
        self.process.check()
        await asyncio.sleep(self.chance.random() * self.about.slow_s)
        self.process.check()
        if not call.mutates:
            answer = self._read(call, tags["case"])
            await asyncio.sleep(self.chance.random() * self.about.slow_s)  # it may be old when it arrives
            return answer
        self.process.at_a_write()
        self._step(call, tags["case"])
        self.process.at_an_effect(STEP_CRASHES)
        if self.chance.random() < self.about.lost:
            return Unavailable("the answer was lost")
        return Succeeded({"id": call.parameters.get("id", "")})

    def _read(self, call: Call, case: str) -> Answer:
        name = call.parameters["name"]
        if self.chance.random() < self.about.silent:
            return Unavailable("the account did not answer")
        if call.operation == "sim:GetBackup":
            found = self.account.backups.get(call.parameters["id"])
            return Succeeded({"value": found[1]}) if found else Refused("NotFound", "no such backup", 404)
        value = self.account.things.get(name)
        self.account.note("read", case=case, thing=name, value=value)
        return Refused("NotFound", f"no {name}", 404) if value is None else Succeeded({"value": value})

    def _step(self, call: Call, case: str) -> None:
        name = call.parameters["name"]
        value: int | None
        match call.operation:
            case "sim:Backup":
                value = self.account.things.get(name)
                if value is not None:
                    self.account.backups[call.parameters["id"]] = (name, value)
            case "sim:DropBackup":
                value = None
                self.account.backups.pop(call.parameters["id"], None)
            case "sim:Restore":
                value = call.parameters["value"]
                self.account.things[name] = value
            case _:
                raise AssertionError(call.operation)
        self.account.note(
            "step", case=case, thing=name, value=value, token=call.operation, detail=call.parameters.get("id")
        )

    async def grant(
        self, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        self.process.check()
        await asyncio.sleep(self.chance.random() * self.about.slow_s)
        self.process.check()
        expires = self.account._clock() + 900_000  # noqa: SLF001  # one simulation
        grant = Grant(
            change_digest=change.digest,
            actions=(),
            resources=(),
            policy=policy,
            expires_at_ms=expires,
            lease=lease,
        )
        return grant, Credentials(tags["case"], policy, "", expires)

    async def grant_through(
        self, minted: Minted, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        raise NotSentError("no-credentials", "nothing in the simulation hands out credentials")

    async def read_credentials(self) -> Credentials:
        return Credentials("reader", "", "", 0)

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
        if self.process.stops_at_call and self.chance.random() < self.process.stops_at_call:
            self.process.stop(self.chance.choice(STOPS_S))
        if self.process.stopped:
            await self.process.awake()
        last_look()
        if self.chance.random() < self.about.lost / 4:
            raise NotSentError("refused", "no connection could be made")
        parameters = request.parameters
        case, name = credentials.access_key_id, parameters["name"]
        self.account.note("left", case=case, thing=name, token=parameters["token"])
        await asyncio.sleep(self.chance.random() * self.about.slow_s)
        if self.chance.random() < self.about.lost / 2:
            self.process.check()
            return Sending(response=None, uncertain="the connection broke")
        status = self._take(request, case, credentials.secret_access_key)
        self.process.at_an_effect(CALL_CRASHES)  # the power may be cut between the effect and its answer
        if self.chance.random() < self.about.lost:
            return Sending(response=None, uncertain="the answer was lost")
        return Sending(response=Response(status=status, headers=(), body=canonical(parameters)))

    def _take(self, request: Request, case: str, scope: str) -> int:
        """What is on its way takes effect, whether or not the process that sent it still lives."""
        parameters = request.parameters
        name, standing = parameters["name"], self.account.things.get(parameters["name"])
        if name not in scope.split(","):
            return 403
        if parameters.get("expect", standing) != standing:
            return 412
        if (request.operation == "Create") == (standing is not None):
            return 409
        after = None if request.operation in {"Delete", "Wipe"} else parameters["value"]
        self.account.things[name] = after
        self.account.note(
            "took", case=case, thing=name, value=standing, token=parameters["token"], detail=request.operation
        )
        if self.chance.random() < self.about.reverts:
            soon_s = self.chance.random() * self.about.slow_s
            asyncio.get_running_loop().call_later(soon_s, self.account.drift_to, name, standing)
        return 200

    def written(self, call: Call) -> Request:
        return knowledge.request(call.operation.partition(":")[2], call.parameters)

    def answered(self, request: Request, response: Response) -> dict[str, Any]:
        answer: dict[str, Any] = msgspec.json.decode(response.body)
        return answer

    def rewritten(self, request: Request, texts: Mapping[str, str]) -> Request:
        given = {
            name: texts.get(value, value) if isinstance(value, str) else value
            for name, value in request.parameters.items()
        }
        return msgspec.structs.replace(request, parameters=given)

    def endpoint(self, service: str, region: str) -> str:
        return "sim:"

    async def close(self) -> None:
        return None
