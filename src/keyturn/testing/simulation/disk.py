"""The simulated disk: a store that keeps what was durable and tears what was not, and a vault without ciphers."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from keyturn.core.chain import make_entry
from keyturn.model.record import Draft, Entry
from keyturn.stores.interface import Row
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import NONCE_BYTES, Signer, Vault
from keyturn.testing.simulation.crashes import Process


class Platter(msgspec.Struct):
    """What outlives a process: entries with the moment each became durable, blobs, rows."""

    entries: list[Entry] = []
    moments: list[int] = []  # of the account's journal, for each entry
    blobs: dict[str, bytes] = {}
    rows: dict[tuple[str, str], Row] = {}
    snapshot: tuple[int, dict[str, bytes], bytes] | None = None
    cases: dict[str, bytes] = {}  # of all snapshots, as they stood last


class SimulatedStore(MemoryStore):
    """See `keyturn.stores.interface.Store`; one process's view of a `Platter`. Group commits in order, like the real one."""

    def __init__(
        self, platter: Platter, process: Process, chance: Random, moment: list[int], slow_s: float
    ) -> None:
        super().__init__()
        self._platter, self._process, self._chance, self._moment = platter, process, chance, moment
        self._slow_s = slow_s
        self._entries = list(platter.entries)
        self._blobs = platter.blobs
        self._rows = platter.rows
        self._snapshot, self._cases = platter.snapshot, platter.cases

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        made = self._order(drafts)
        upto = len(self._entries)
        self._tear()
        await asyncio.sleep(self._chance.random() * self._slow_s)
        self._process.check()
        self._commit(upto)
        self._process.at_a_write()
        return made

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        self._process.check()
        self._order(drafts)

    def _order(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        self._process.check()
        made = []
        for draft in drafts:
            seq, prev = self.head
            entry = make_entry(draft, seq=seq + 1, writer=self.writer, prev=prev)
            self._entries.append(entry)
            made.append(entry)
        return tuple(made)

    def _commit(self, upto: int) -> None:
        durable = self._platter.entries
        fresh = self._entries[len(durable) : upto]
        durable.extend(fresh)
        self._platter.moments.extend([self._moment[0]] * len(fresh))

    def _tear(self) -> None:
        """A crash during the write leaves any prefix of what was ordered."""
        waiting = len(self._entries) - len(self._platter.entries)
        try:
            self._process.at_a_write()
        except BaseException:
            self._commit(len(self._platter.entries) + self._chance.randint(0, waiting))
            raise

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        self._process.at_a_write()
        await super().save_snapshot(seq, cases, plane)
        self._platter.snapshot = self._snapshot
        self._process.at_a_write()

    async def put_blob(self, ref: str, sealed: bytes, *, anew: bool = False) -> None:
        self._process.check()
        await super().put_blob(ref, sealed, anew=anew)

    async def delete_blob(self, ref: str, *, begins: bytes = b"") -> None:
        self._process.check()
        await super().delete_blob(ref, begins=begins)

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        self._process.check()
        return super().entries(after=after, limit=limit, case_id=case_id)

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        self._process.check()
        return await super().put_row(table, key, value, expect=expect)


_sealings = itertools.count()


def _mark() -> bytes:
    """Another for every sealing, as a nonce is."""
    return next(_sealings).to_bytes(NONCE_BYTES, "big")


class PlainVault(Vault):
    """Does what `Vault` does, without ciphers: they are tested with the stores, and cost a simulation half its speed."""

    def __init__(self, store: SimulatedStore) -> None:
        self._store = store

    async def put(self, data: bytes, kind: str, *, anew: bool = False) -> str:
        ref = f"vault:{kind}:{hashlib.sha256(data).hexdigest()[:40]}"
        await self._store.put_blob(ref, _mark() + data, anew=anew)
        return ref

    def opens(self, ref: str, sealed: bytes) -> bytes:
        return sealed[NONCE_BYTES:]

    def seal(self, secret: bytes) -> str:
        return "hmac:" + hashlib.sha256(secret).hexdigest()[:24]


class PlainSigner(Signer):
    """Signs nothing worth checking: checkpoints have tests of their own."""

    def __init__(self) -> None:
        self.public = b"\x00" * 32

    def sign(self, message: bytes) -> bytes:
        return hashlib.sha512(message).digest()
