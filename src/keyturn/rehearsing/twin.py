"""The twin: a stand-in account of this process's own, and the executor that speaks to it."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final, TypeVar

from keyturn.core.inquiring import Done, go_on
from keyturn.core.ports import Inquiry
from keyturn.errors import OperatorError
from keyturn.executors.aws import AwsExecutor
from keyturn.executors.aws_config import AwsConfig
from keyturn.executors.http import Answer as HttpAnswer
from keyturn.executors.interface import Credentials, NotSentError, nothing
from keyturn.model.change import Request
from keyturn.model.execution import Answer, Call, Role
from keyturn.testing.standin import StandIn

T = TypeVar("T")

ROUNDS_MAX: Final = 2_000
"""Yields of one inquiry against the twin, which answers at once: what asks for longer waits for something that does not come."""

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""The twin's answers are read whole, for the ids in them; what is larger than a body may be has no place in a rehearsal."""

_AT: Final = "/_standin/ids"
_NO_API: Final = b"<!doctype html"
"""How moto's server begins an answer to what it does not have."""

HELP: Final = "pip install 'keyturn[rehearse]' where keyturn up runs, and restart it"


class TwinExecutor(AwsExecutor):
    """The executor towards the twin. `before` copies what a request names; `heard` is told every answer to a read."""

    def __init__(
        self,
        config: AwsConfig,
        before: Callable[[Request], Awaitable[None]],
        heard: Callable[[Request, bytes], None],
    ) -> None:
        super().__init__(config)
        self._before, self._heard = before, heard

    def kept_credentials(self, role: Role) -> Credentials | None:
        """None, always: a read goes the way on which what it reads is copied first."""
        return None

    async def forward(
        self,
        request: Request,
        credentials: Credentials,
        body: AsyncIterator[bytes] | None = None,
        *,
        last_look: Callable[[], None] = nothing,
        silence_s_max: float | None = None,
    ) -> HttpAnswer:
        """Raises `NotSentError` for what the twin does not have: it did nothing, and no client asks for that again and again."""
        await self._before(request)
        answer = await super().forward(
            request, credentials, body, last_look=last_look, silence_s_max=silence_s_max
        )
        try:
            data = await answer.read(ANSWER_BYTES_MAX)
        except ValueError as error:
            raise NotSentError(
                "too-large", f"the twin's answer to {request.operation} is too large: {error}"
            ) from error
        if answer.status >= 500 or data[:64].lower().startswith(_NO_API):
            self.http.release(self.base(request), answer)
            raise NotSentError(
                "not-in-twin", f"the rehearsal's stand-in account does not have {request.operation}"
            )
        self._heard(request, data)
        again = HttpAnswer(answer.connection, asyncio.get_running_loop().create_future())
        again.head(answer.status, answer.headers)
        if data:
            again.body(data)
        again.fed(ended=True)
        return again


class Twin:
    """The stand-in account, from `start` to `stop`."""

    def __init__(
        self,
        *,
        account: str,
        partition: str,
        region: str,
        before: Callable[[Request], Awaitable[None]],
        heard: Callable[[Request, bytes], None],
    ) -> None:
        self._standin = StandIn(account=account)
        self._config: Mapping[str, str] = {"account": account, "partition": partition, "region": region}
        self._before, self._heard = before, heard
        self.executor: TwinExecutor

    @property
    def endpoint(self) -> str:
        return self._standin.endpoint

    async def start(self) -> None:
        """Raises `OperatorError` with how to install what is missing."""
        try:
            await asyncio.to_thread(self._standin.start)
        except RuntimeError as error:
            missing = "needs moto" in str(error)
            raise OperatorError(
                "no-twin",
                "a rehearsal needs a stand-in account, and moto is not installed" if missing else str(error),
                help=HELP if missing else "",
            ) from error
        self.executor = TwinExecutor(
            AwsConfig(
                **self._config,
                endpoint_url=self._standin.endpoint,
                access_key_id="twin",
                secret_access_key="twin",  # the stand-in takes any
            ),
            self._before,
            self._heard,
        )

    async def stop(self) -> None:
        if hasattr(self, "executor"):  # it may not have come so far
            await self.executor.close()
        await asyncio.to_thread(self._standin.stop)

    async def give_ids(self, *ids: str) -> None:
        """The next things that are made have these ids."""
        await asyncio.to_thread(self._give_ids, ids)

    def _give_ids(self, ids: tuple[str, ...]) -> None:
        connection = http.client.HTTPConnection(self.endpoint.removeprefix("http://"), timeout=10)
        try:
            connection.request("POST", _AT, json.dumps(ids), {"content-type": "application/json"})
            connection.getresponse().read()
        finally:
            connection.close()

    async def drive(self, inquiry: Inquiry[T]) -> T:
        """The inquiry's result; its changing steps are made in the twin, and on nobody's record."""
        answers: tuple[Answer, ...] | None = None
        before: tuple[Call, ...] = ()
        for _ in range(ROUNDS_MAX):
            calls = go_on(inquiry, answers)
            if isinstance(calls, Done):
                return calls.result
            if calls and calls == before:
                await asyncio.sleep(0.01)  # a poll: the twin is done with most things at once
            before = calls
            made = [await self.executor.ask(call, tags={}) for call in calls if call.mutates]
            read = await asyncio.gather(
                *(self.executor.ask(call, tags={}) for call in calls if not call.mutates)
            )
            told = {True: iter(made), False: iter(read)}
            answers = tuple(next(told[call.mutates]) for call in calls)
        inquiry.close()
        raise TimeoutError(f"the twin was asked more than {ROUNDS_MAX} times")
