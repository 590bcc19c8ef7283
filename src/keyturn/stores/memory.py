"""A store that forgets when the process ends: for tests and simulations. It keeps every promise but durability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyturn.core.chain import GENESIS, make_entry, written
from keyturn.errors import StoreError
from keyturn.model.record import Checkpoint, Draft, Entry
from keyturn.stores.interface import Row


class MemoryStore:
    """See `keyturn.stores.interface.Store`."""

    def __init__(self, writer: str = "w1") -> None:
        self.writer = writer
        self._entries: list[Entry] = []
        self._snapshot: tuple[int, dict[str, bytes], bytes] | None = None
        self._cases: dict[str, bytes] = {}
        self._checkpoints: dict[int, Checkpoint] = {}
        self._blobs: dict[str, bytes] = {}
        self._rows: dict[tuple[str, str], Row] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore {self.writer} [{len(self._entries)} entries]>"

    async def append(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        made = []
        for draft in [written(draft) for draft in drafts]:  # all of them can be written, or none is
            seq, prev = self.head
            entry = make_entry(draft, seq=seq + 1, writer=self.writer, prev=prev)
            self._entries.append(entry)
            made.append(entry)
        return tuple(made)

    async def append_soon(self, drafts: Sequence[Draft]) -> None:
        await self.append(drafts)

    def entries(
        self, *, after: int = 0, limit: int | None = None, case_id: str | None = None
    ) -> Iterator[Entry]:
        found = (entry for entry in self._entries[after:] if case_id is None or entry.case_id == case_id)
        for count, entry in enumerate(found):
            if limit is not None and count >= limit:
                return
            yield entry

    @property
    def head(self) -> tuple[int, str]:
        return (self._entries[-1].seq, self._entries[-1].hash) if self._entries else (0, GENESIS)

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        self._snapshot = (seq, dict(cases), plane)
        self._cases.update(cases)

    def load_snapshot(self) -> tuple[int, dict[str, bytes], bytes] | None:
        return self._snapshot

    def load_case(self, case_id: str) -> bytes | None:
        return self._cases.get(case_id)

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._checkpoints[checkpoint.size] = checkpoint

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return tuple(self._checkpoints[size] for size in sorted(self._checkpoints))

    def last_checkpoint(self) -> Checkpoint | None:
        return self._checkpoints[max(self._checkpoints)] if self._checkpoints else None

    async def put_blob(self, ref: str, sealed: bytes, *, anew: bool = False) -> None:
        if anew:
            self._blobs[ref] = sealed
        self._blobs.setdefault(ref, sealed)

    async def delete_blob(self, ref: str, *, begins: bytes = b"") -> None:
        if self._blobs.get(ref, b"").startswith(begins):
            self._blobs.pop(ref, None)

    def get_blob(self, ref: str) -> bytes | None:
        return self._blobs.get(ref)

    def blobs(self, prefix: str) -> tuple[str, ...]:
        return tuple(sorted(ref for ref in self._blobs if ref.startswith(prefix)))

    def get_row(self, table: str, key: str) -> Row | None:
        return self._rows.get((table, key))

    def rows(self, table: str) -> tuple[Row, ...]:
        return tuple(row for (name, _), row in sorted(self._rows.items()) if name == table)

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        standing = self._rows.get((table, key))
        version = standing.version if standing else 0
        if expect is not None and expect != version:
            raise StoreError(
                "conflict", f"{table}/{key} has version {version}, not {expect}", help="read it again"
            )
        row = Row(table=table, key=key, value=value, version=version + 1)
        self._rows[table, key] = row
        return row

    async def delete_row(self, table: str, key: str) -> None:
        self._rows.pop((table, key), None)

    async def close(self) -> None:
        return None
