"""Rehearsals as the plane starts with them: what a twin takes is loaded by the first who begins one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from keyturn.executors.aws import AwsExecutor
from keyturn.runtime import Runtime
from keyturn.runtime.interface import RehearsalEnded, RehearsalOpened

if TYPE_CHECKING:
    from keyturn.rehearsing.rehearsals import Rehearsals


class Place(msgspec.Struct, frozen=True):
    """Where rehearsals are: of which account, and on which address the gateways in front of twins listen."""

    account: str
    partition: str
    region: str
    host: str
    alone: bool = True  # one process answers all that is asked of this plane


class AtFirst:
    """See `runtime.interface.Rehearser`."""

    def __init__(self, runtime: Runtime, executor: AwsExecutor, place: Place) -> None:
        self._given = runtime, executor, place
        self._made: Rehearsals | None = None

    def _loaded(self) -> Rehearsals:
        if self._made is None:
            from keyturn.rehearsing.rehearsals import Rehearsals  # noqa: PLC0415  # a third of a second of every start

            self._made = Rehearsals(*self._given)
        return self._made

    async def open(self, *, by: str, agent: str, ttl_s: int, scope: tuple[str, ...] = ()) -> RehearsalOpened:
        return await self._loaded().open(by=by, agent=agent, ttl_s=ttl_s, scope=scope)

    async def end(self, rehearsal: str, *, by: str, hold: bool, intent: str = "") -> RehearsalEnded:
        return await self._loaded().end(rehearsal, by=by, hold=hold, intent=intent)

    async def close(self) -> None:
        """End what is under way; nothing where nobody began one."""
        if self._made is not None:
            await self._made.close()
