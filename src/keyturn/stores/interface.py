"""What a store promises. `StoreSuite` in `keyturn.testing.suites` is this page as tests; every adapter passes it.

Promises:

1. `append` returns only when its entries are durable (fsync), in one hash chain, in the order given; all of a call or none.
   Concurrent calls are committed in groups.
2. `append_soon` orders entries in the same chain and makes them durable with the next group at the latest after
   `soon_s`; what `append` wrote before is never lost by it.
3. After a kill at any moment the log is a prefix of what was written; it never has a gap or half an entry.
4. A corrupt file, a full disk, a second writer: `StoreError` that says which and what to do; nothing recorded is lost.

A `SharedStore` has any number of writers, called nodes, and promises besides (ADR 0008):

5. Writes are made in turns, one node at a time. In its turn a node is first shown what others wrote, then asked what it wants
   to write, and what it says is the next in the log: it is decided on everything that others wrote before it. (What tasks of
   one node say in the same turn goes into one commit; they keep each other apart by locks of their own, as in one process.)
6. What anybody wrote is shown to every node, once, in order of `seq`.
7. A node acts under a lease. It ends when it is not renewed, or when it is given up; a node whose lease has ended can be
   declared gone, once and for good, and knows by its own clock that it may not act any more before anybody can do that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Protocol, TypeGuard

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

    def last_checkpoint(self) -> Checkpoint | None:
        """The one over the most entries; cheap, however many there are."""
        ...

    async def put_blob(self, ref: str, sealed: bytes, *, anew: bool = False) -> None:
        """Durable before it returns; the same ref twice is a no-op, or with `anew` what was put last stands."""
        ...

    def get_blob(self, ref: str) -> bytes | None: ...

    def blobs(self, prefix: str) -> tuple[str, ...]:
        """The refs that begin so, in order."""
        ...

    async def delete_blob(self, ref: str, *, begins: bytes = b"") -> None:
        """For what nothing needs any more: a credential whose time is over, an export that was retired. No blob there is no error.

        With `begins` only a blob that begins so, looked at and deleted in one: one that was put anew meanwhile stays.
        """
        ...

    def get_row(self, table: str, key: str) -> Row | None: ...

    def rows(self, table: str) -> tuple[Row, ...]: ...

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        """`expect` is the version that must stand (0: must be absent; None: whatever stands). `StoreError` code `conflict` otherwise."""
        ...

    async def delete_row(self, table: str, key: str) -> None: ...

    async def close(self) -> None: ...


class Node(msgspec.Struct, frozen=True):
    """One process over a shared store, as the others see it."""

    name: str
    since: int  # the order in which they came
    left_ms: int  # until its lease ends; below zero it has ended and may be declared gone at any moment
    heard: int  # it has folded the log up to here
    about: dict[str, str] = {}  # what it is, for people: pid, version, where it listens


class SharedStore(Store, Protocol):
    """A store that any number of nodes write."""

    def follow(self, after: int, fold: Callable[[Sequence[Entry]], None]) -> None:
        """From now on `fold` is called in this loop with every entry after the given one, own ones included, in order, once."""
        ...

    async def turn(self, decide: Callable[[], Sequence[Draft]], *, soon: bool = False) -> tuple[Entry, ...]:
        """Call `decide` when everything before is folded and nobody else can write, and append what it says.

        When this returns, the entries are folded and durable (`soon`: durable at the latest with the next that is not). What
        `decide` raises is raised, and nothing is written. It may be called again when a turn came to nothing.
        """
        ...

    def catch_up(self) -> None:
        """Fold what others have written until now, before this returns. Blocks for as long as one question to the store takes."""
        ...

    # --- leases ------------------------------------------------------------------------------------------------------

    async def beat(self, heard: int, about: dict[str, str] | None = None) -> bool:
        """Take or renew this node's lease. False when it was declared gone: what it had begun is somebody else's."""
        ...

    def lease_left_s(self) -> float:
        """By this machine's own clock; at zero or below this node may not act on the world."""
        ...

    async def nodes(self) -> tuple[Node, ...]:
        """Those that were not declared gone and did not leave, the oldest first."""
        ...

    async def bury(self) -> tuple[str, ...]:
        """Declare gone whose lease has ended; each is told to one caller only."""
        ...

    async def leave(self) -> None:
        """Give the lease up: what this node had begun may be taken up at once."""
        ...

    def rename(self) -> None:
        """After it was declared gone: come back as somebody else."""
        ...


def is_shared(store: Store) -> TypeGuard[SharedStore]:
    """Whether several nodes may write it. By its type, once: `isinstance` of a protocol costs a seventh of a millisecond."""
    return _shared(type(store))


@cache
def _shared(kind: type) -> bool:
    wanted = (name for name in vars(SharedStore) if not name.startswith("_"))
    return all(hasattr(kind, name) for name in wanted)
