"""Credentials that AWS handed out to agents, kept in their stead: sealed in the vault, found by the virtual key, gone with the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from keyturn.executors.interface import Minted
from keyturn.stores.interface import Store
from keyturn.stores.vault import Vault

TABLE: Final = "minted"

OPENED_MAX: Final = 1_000
"""Opened ones that are kept in memory; each is a few kilobytes."""


class Issued:
    """What stands behind each virtual access key. The store is asked each time: another node may have taken one away."""

    def __init__(self, vault: Vault, store: Store) -> None:
        self._vault, self._store = vault, store
        self._opened: dict[str, Minted] = {}  # by vault reference

    def __repr__(self) -> str:
        return f"<Issued [{len(self._opened)} opened]>"

    async def keep(self, minted: Minted, session: str, parent: Minted | None = None, *, at_ms: int) -> None:
        """Durable before it returns: the agent may use it as soon as it has its answer. Those whose time is over are let go."""
        ours = msgspec.structs.replace(minted, session=session, parent=parent)
        ref = await self._vault.put(msgspec.json.encode(ours), "minted")
        await self._store.put_row(TABLE, ours.access_key_id, ref.encode())
        await self._drop(lambda standing: standing.expires_at_ms <= at_ms)

    def find(self, access_key_id: str, at_ms: int) -> Minted | None:
        """None where there is none, or its time is over."""
        row = self._store.get_row(TABLE, access_key_id)
        found = self._open(row.value.decode()) if row is not None else None
        return found if found is not None and found.expires_at_ms > at_ms else None

    def _open(self, ref: str) -> Minted | None:
        """None where it has been taken away, and the process ended before its row was, too."""
        found = self._opened.get(ref)
        if found is None and self._store.get_blob(ref) is not None:
            if len(self._opened) >= OPENED_MAX:
                self._opened.clear()
            found = self._opened[ref] = msgspec.json.decode(self._vault.get(ref), type=Minted)
        return found

    async def forget(self, *sessions: str) -> None:
        """All of these sessions': they ended, or were halted."""
        await self._drop(lambda standing: standing.session in sessions)

    async def tidy(self, open_sessions: set[str], *, at_ms: int) -> None:
        """At a start: forget what has ended while nobody looked."""
        await self._drop(
            lambda standing: standing.session not in open_sessions or standing.expires_at_ms <= at_ms
        )

    async def _drop(self, ended: Callable[[Minted], bool]) -> None:
        """What AWS gave is taken out of the vault, and then its virtual key off the list: nothing sealed stays that nobody finds."""
        for row in self._store.rows(TABLE):
            ref = row.value.decode()
            standing = self._open(ref)
            if standing is None or ended(standing):
                self._opened.pop(ref, None)
                await self._vault.drop(ref)
                await self._store.delete_row(TABLE, row.key)
