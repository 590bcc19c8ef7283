"""What a store promises. `StoreSuite` in `keyturn.testing.suites` is this page as tests; every adapter passes it.

Promises:

1. `append` returns only when its entries are durable (fsync), in one hash chain, in the order given; all of a call or none.
   Concurrent calls are committed in groups.
2. `append_soon` orders entries in the same chain and makes them durable with the next group at the latest after
   `soon_s`; what `append` wrote before is never lost by it.
3. After a kill at any moment the log is a prefix of what was written; it never has a gap or half an entry.
4. A corrupt file, a full disk, a second writer: `StoreError` that says which and what to do; nothing recorded is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from keyturn.model.record import Checkpoint, Draft, Entry


class Row(msgspec.Struct, frozen=True):
    """A record of a small table (people, tokens, session secrets): opaque bytes under a key, with a version for compare-and-set."""

    table: str
    key: str
    value: bytes
    version: int


class Store(Protocol):
    """The log and the small tables. Async methods may wait for the disk; none blocks the loop for long."""

    writer: str

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]: ...

    async def append_soon(self, drafts: Sequence[Draft]) -> None: ...

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        """Entries in order of `seq` (first is 1), after the given one."""
        ...

    @property
    def head(self) -> tuple[int, str]:
        """(seq, hash) of the last entry; (0, 64 zeros) when empty."""
        ...

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        """Folded state as of `seq`: so that start-up need not fold the whole log."""
        ...

    def load_snapshot(self) -> tuple[int, dict[str, bytes], bytes] | None: ...

    def load_case(self, case_id: str) -> bytes | None:
        """One case of the last snapshot."""
        ...

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None: ...

    def checkpoints(self) -> tuple[Checkpoint, ...]: ...

    async def put_blob(self, ref: str, sealed: bytes) -> None:
        """Durable before it returns; the same ref twice is a no-op."""
        ...

    def get_blob(self, ref: str) -> bytes | None: ...

    def get_row(self, table: str, key: str) -> Row | None: ...

    def rows(self, table: str) -> tuple[Row, ...]: ...

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        """`expect` is the version that must stand (0: must be absent; None: whatever stands). `StoreError` code `conflict` otherwise."""
        ...

    async def delete_row(self, table: str, key: str) -> None: ...

    async def close(self) -> None: ...
