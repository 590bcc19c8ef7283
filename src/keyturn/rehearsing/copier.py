"""Copies what a command names into the twin, when it is first named: read live, made there, read there again and compared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.core.rehearsing import Ids
from keyturn.errors import KeyturnError
from keyturn.model.change import ResourceRef
from keyturn.model.rehearsal import Copied, States
from keyturn.providers.aws import copying
from keyturn.providers.aws.recipes.base import Captured
from keyturn.providers.aws.resources import container_of
from keyturn.rehearsing.twin import Twin

T = TypeVar("T")

COPIES_MAX: Final = 300
"""Resources of one twin; each is some five reads of the account, and a plan that touches more is read by nobody."""

DEPTH_MAX: Final = 4
"""What stands on what stands on what: an instance in a subnet in a VPC, beside a group."""

LISTED_MAX: Final = 40
"""Of a listing so many are copied before it is answered: the command may mean any of them."""


class Live(Protocol):
    """The live account, read only."""

    async def __call__(self, inquiry: Inquiry[T], /) -> T: ...


class Copier:
    """`base` is what stood live when it was copied, by name; `copied` says what became of each copy, in order."""

    def __init__(self, live: Live, twin: Twin, ids: Ids) -> None:
        self._live, self._twin, self._ids = live, twin, ids
        self._known: set[ResourceRef] = set()
        self._copying = asyncio.Lock()
        self.base: States = {}
        self.refs: dict[str, ResourceRef] = {}
        self.copied: list[Copied] = []
        self.too_many = False

    async def ensure(self, refs: tuple[ResourceRef, ...]) -> None:
        """All of these are in the twin afterwards, as far as they can be."""
        if all(ref in self._known for ref in refs):
            return
        async with self._copying:
            for ref in refs:
                await self._one(ref, 0)

    async def look(self, ref: ResourceRef) -> dict[str, Any] | None:
        """What stands of it in the twin."""
        return (await self._read(self._twin.drive, ref)).state

    def stood(self, states: States, refs: tuple[ResourceRef, ...]) -> None:
        """Also this stands live; what is known already was read first."""
        for name, state in states.items():
            self.base.setdefault(name, state)
            self._tell(state)
        self.refs |= {str(ref): ref for ref in refs}

    async def _one(self, ref: ResourceRef, depth: int) -> None:
        if ref in self._known or depth > DEPTH_MAX:
            return
        if len(self._known) >= COPIES_MAX:
            self.too_many = True
            return
        self._known.add(ref)
        holder = container_of(ref)
        if holder is not None:
            await self._one(holder, depth)
        if not copying.known(ref):
            return
        found = await self._read(self._live, ref)
        if found.state is None and found.unknowns:
            self.copied.append(Copied(ref, made=False, why="; ".join(found.unknowns)))
            return
        self.base.setdefault(str(ref), found.state)
        self.refs[str(ref)] = ref
        if found.state is None:
            return  # the command is about to make it
        self._ids.stands(ref.id)
        self._tell(found.state)
        for other in copying.needed(ref, found.state):
            await self._one(other, depth + 1)
        self.copied.append(await self._make(ref, found.state))

    def _tell(self, state: Any) -> None:
        self._ids.stands(msgspec.json.encode(state, enc_hook=str).decode())

    async def _make(self, ref: ResourceRef, state: dict[str, Any]) -> Copied:
        why = ""
        standing = await self._read(self._twin.drive, ref)
        if standing.state is None:
            await self._twin.give_ids(ref.id, *copying.born_with(ref, state))
            try:
                await self._twin.drive(copying.make(ref, state))
            except KeyturnError as error:
                why = ": ".join(error.message.split(": ")[:2])  # with the code, without what a service quotes
            except Exception as error:  # noqa: BLE001  # a stand-in may answer in any shape
                why = f"it could not be made: {type(error).__name__}"
            standing = await self._read(self._twin.drive, ref)
        without = copying.WITHOUT.get(ref.kind, "")
        if standing.state is None:
            return Copied(ref, made=False, why=why or "the stand-in does not keep it under its id")
        unlike = copying.unlike(ref, state, standing.state)
        return Copied(ref, made=True, without=without, unlike=unlike, why=why)

    async def _read(
        self, where: Callable[[Inquiry[Captured]], Awaitable[Captured]], ref: ResourceRef
    ) -> Captured:
        try:
            return await where(copying.capture(ref))
        except Exception as error:  # noqa: BLE001  # unread is not absent
            return Captured(None, (f"it could not be read: {type(error).__name__}",))
