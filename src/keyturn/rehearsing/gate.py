"""The twin's own gate: what the gateway in front of it hands in is made in the twin at once, and kept as a step."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from keyturn.core.ports import Assessing, Provider
from keyturn.core.rehearsing import Ids
from keyturn.executors.interface import Hearer, Minted, NotSentError, Response
from keyturn.model.assessment import RehearsedStep, Reversibility
from keyturn.model.change import Binding, Change, Effect, Operation, Principal, Request, ResourceRef
from keyturn.model.decision import Decision
from keyturn.model.rehearsal import Made, States
from keyturn.providers.aws import copying
from keyturn.providers.aws.resources import Home
from keyturn.rehearsing.copier import Copier, Live
from keyturn.rehearsing.shown import shown
from keyturn.rehearsing.twin import Twin
from keyturn.runtime.interface import Gate, Reply, ReplyKind, SessionKey, Upload

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""A body that streams is kept whole, to be sent again: larger ones belong to no rehearsal."""

STEPS_MAX: Final = 200
"""Steps of a plan; more than a person reads is no review."""

NOT_HERE: Final = frozenset({"sts", "sso", "sso-oidc", "signin"})
"""Services whose answers are credentials: those of a twin open nothing, and whoever acted through them would act as nobody."""


class RehearsalGate(Gate):
    """See `runtime.interface.Gate`. One command, one key, one twin."""

    def __init__(
        self, live: Gate, provider: Provider, read: Live, key: SessionKey, clock: Callable[[], int], ids: Ids
    ) -> None:
        self._live, self._provider, self._read = live, provider, read
        self._clock, self._ids = clock, ids
        self.key = msgspec.structs.replace(
            key,
            access_key_id="KTTWIN" + secrets.token_hex(7).upper(),
            secret=secrets.token_urlsafe(30),
        )
        self.twin: Twin
        self.copier: Copier
        self._one_at_a_time = asyncio.Lock()
        self.made: list[Made] = []
        self.operations: list[Operation] = []
        self.bindings: list[Binding] = []
        self.refused: dict[str, None] = {}
        self.missing: dict[str, None] = {}  # what the twin does not have
        self.obstacles: dict[str, None] = {}

    # --- sessions and reads ------------------------------------------------------------------------------------------

    def session(self, access_key_id: str) -> SessionKey | None:
        mine = access_key_id == self.key.access_key_id and self._clock() < self.key.expires_at_ms
        return self.key if mine else None

    def minted(self, access_key_id: str) -> Minted | None:
        return None

    def read(self, principal: Principal, operation: Operation) -> Decision:
        """As live: a rehearsal shows no agent what it may not read."""
        return self._live.read(principal, operation)

    def note_read(self, principal: Principal, operation: Operation, status: int) -> None:
        """The twin's reads are on nobody's record: nothing of the account's left it."""

    def seal(self, secret: bytes) -> str:
        return self._live.seal(secret)

    def upload(self, principal: Principal, operation: Operation, begins: str, mark: bytes) -> Upload | None:
        return None

    async def send_part(
        self, change: Change, request: Request, body: AsyncIterator[bytes] | None = None
    ) -> Reply:
        return self._no(change.operations[0], "an upload in parts is not rehearsed")

    async def refuse(self, session: str, code: str, reason: str, operation: str = "") -> None:
        self.refused[f"{operation or 'a request'} was refused: {reason}"] = None

    # --- what the twin hears -----------------------------------------------------------------------------------------

    def lacks(self, operation: str) -> None:
        """The twin does not have this."""
        self.missing[operation] = None

    # --- changes -----------------------------------------------------------------------------------------------------

    async def submit(
        self,
        change: Change,
        requests: tuple[Request, ...],
        body: AsyncIterator[bytes] | None = None,
        hearer: Hearer | None = None,
    ) -> Reply:
        """Made in the twin at once: nobody has to agree to what nobody is hurt by."""
        async with self._one_at_a_time:
            operation, request = change.operations[0], requests[0]
            if operation.service in NOT_HERE:
                return self._no(operation, "credentials are not handed out in a rehearsal")
            if len(self.made) >= STEPS_MAX:
                return self._no(operation, f"a plan has {STEPS_MAX} steps at most")
            try:
                data = await _whole(body)
            except ValueError as error:
                return self._no(operation, str(error))
            return await self._step(change, request, data)

    async def _step(self, change: Change, request: Request, data: bytes | None) -> Reply:
        operation = change.operations[0]
        home = Home(operation.partition, operation.account, operation.region)
        await self.copier.ensure((*operation.resources, *copying.mentioned(request.parameters, home)))
        stood = await self._read(self._provider.recapture(change, (request,)))
        self.copier.stood(stood.states, operation.resources)
        assessing = await self.twin.drive(self._provider.assess(change, (request,), at_ms=self._clock()))
        number = len(self.made)
        bindings, unbound = self._ids.asked(number, request.parameters)
        credentials = await self.twin.executor.read_credentials()
        try:
            sending = await self.twin.executor.send(request, credentials, _once(data))
        except NotSentError as error:
            self.lacks(operation.name)
            return self._no(operation, error.message, missing=True)
        response = sending.response
        if response is None:
            return self._no(operation, sending.uncertain or "the twin did not answer")
        if response.status >= 400:
            self.refused[f"{operation.name} of {_about(operation)} was refused by the twin"] = None
            self._ids.answered(response.body.decode("utf-8", "replace"))
            return Reply(kind=ReplyKind.SENT, text="", response=response)
        after = await self.twin.drive(self._provider.recapture(change, (request,)))
        answer = self._answer(request, response)
        born = await self._born(copying.mentioned(answer, home))
        made = Made(request, {}, after.states, answer, _NOTHING, operation.resources, data)
        self._keep(change, assessing, made, born)
        self._ids.step(number, answer)
        self.bindings += self._ids.own(number, [ref.id for ref in born])
        self.bindings += bindings
        for one in unbound:
            self.obstacles[
                f"step {number + 1}, {operation.name}, names {one}, which the twin made up and no step's answer gives"
            ] = None
        return Reply(kind=ReplyKind.SENT, text="", response=response)

    def _answer(self, request: Request, response: Response) -> dict[str, Any]:
        try:
            return self.twin.executor.answered(request, response)
        except NotSentError:
            self._ids.answered(response.body.decode("utf-8", "replace"))
            return {}

    async def _born(self, named: tuple[ResourceRef, ...]) -> dict[ResourceRef, dict[str, Any]]:
        """What an answer names and nothing stood of, live or in the twin: it was made by this step."""
        born = {}
        for ref in named:
            if str(ref) in self.copier.base or any(str(ref) in made.after for made in self.made):
                continue
            found = await self.copier.look(ref)
            if found is not None:
                born[ref] = found
        return born

    def _keep(
        self, change: Change, assessing: Assessing, made: Made, born: dict[ResourceRef, dict[str, Any]]
    ) -> None:
        operation = change.operations[0]
        before: States = {**assessing.captures.states, **{str(ref): None for ref in born}}
        after: States = {**made.after, **{str(ref): state for ref, state in born.items()}}
        self.copier.refs |= {str(ref): ref for ref in born}
        step = shown(operation, assessing.assessment, before, after, tuple(born), self._live.seal)
        self.made.append(msgspec.structs.replace(made, before=before, after=after, shown=step))
        self.operations.append(msgspec.structs.replace(operation, resources=step.resources))

    def _no(self, operation: Operation, why: str, *, missing: bool = False) -> Reply:
        """Not made: what the command does after it, it does without. So there is no plan of it that could be replayed."""
        self.obstacles[f"{operation.name} of {_about(operation)} was not rehearsed: {why}"] = None
        text = (
            f"Keyturn: this is a rehearsal, and {operation.name} is not in it: {why}. Nothing was executed."
        )
        return Reply(kind=ReplyKind.REFUSED, text=text, code="rehearsal")


_NOTHING: Final = RehearsedStep("", (), Effect.READ, Reversibility.R0)


def _about(operation: Operation) -> str:
    return ", ".join(str(ref) for ref in operation.resources[:3]) or "nothing that has a name"


async def _whole(body: AsyncIterator[bytes] | None) -> bytes | None:
    """The body as it streamed. Raises `ValueError` when it is too large."""
    if body is None:
        return None
    data = bytearray()
    async for piece in body:
        data += piece
        if len(data) > BODY_BYTES_MAX:
            raise ValueError(f"its body has more than {BODY_BYTES_MAX:,} bytes")
    return bytes(data)


def _once(data: bytes | None) -> AsyncIterator[bytes] | None:
    async def pieces() -> AsyncIterator[bytes]:
        if data:
            yield data

    return None if data is None else pieces()
