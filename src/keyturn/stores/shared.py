"""The small tables and the leases of a store that several nodes write; the log itself is written in `keyturn.stores.turns`."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from keyturn.errors import StoreError
from keyturn.model.record import Checkpoint
from keyturn.stores.interface import Node, Row
from keyturn.stores.turns import Backend, Job, Turns

LEASE_S: Final = 10.0
"""A node that is not heard of for this long has lost its lease; beats come three in this time."""


FORGOTTEN_MS: Final = 7 * 24 * 3600 * 1000
"""Nodes that are gone are kept for a week: whoever stood still for longer comes back as a new one, and works on nothing."""


class SharedTables(Turns):
    """See `keyturn.stores.interface.SharedStore`."""

    def __init__(self, backend: Backend, *, writer: str, lease_s: float = LEASE_S) -> None:
        super().__init__(backend, writer=writer)
        self._first_name, self._lives = writer, 1
        self._lease_s = lease_s
        self._lease_ends_s = 0.0

    # --- snapshots, checkpoints, blobs, rows -------------------------------------------------------------------------

    async def save_snapshot(self, seq: int, cases: dict[str, bytes], plane: bytes) -> None:
        """An older one than is there changes nothing: another node was faster."""

        def work(backend: Backend) -> None:
            if backend.execute("SELECT 1 FROM snapshot_plane WHERE seq > ?", (seq,)):
                return
            for case_id, body in cases.items():
                backend.execute(
                    "INSERT INTO snapshot_case VALUES (?, ?) ON CONFLICT (case_id) DO UPDATE SET body = excluded.body",
                    (case_id, body),
                )
            listed = msgspec.json.encode(list(cases)).decode()
            backend.execute(
                "INSERT INTO snapshot_plane VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET seq = excluded.seq, body = excluded.body, cases = excluded.cases",
                (seq, plane, listed),
            )

        await self.submit(Job(work=work))

    def load_snapshot(self) -> tuple[int, dict[str, bytes], bytes] | None:
        row = self.one("SELECT seq, body, cases FROM snapshot_plane")
        if row is None:
            return None
        listed = set(msgspec.json.decode(row[2]))
        rows = self.backend.read("SELECT case_id, body FROM snapshot_case")
        return row[0], {case_id: bytes(body) for case_id, body in rows if case_id in listed}, bytes(row[1])

    def load_case(self, case_id: str) -> bytes | None:
        row = self.one("SELECT body FROM snapshot_case WHERE case_id = ?", (case_id,))
        return bytes(row[0]) if row else None

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        await self.run_sql(
            "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT (size) DO UPDATE SET body = excluded.body",
            (checkpoint.size, msgspec.json.encode(checkpoint)),
        )

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        rows = self.backend.read("SELECT body FROM checkpoint ORDER BY size")
        return tuple(msgspec.json.decode(body, type=Checkpoint) for (body,) in rows)

    def last_checkpoint(self) -> Checkpoint | None:
        row = self.one("SELECT body FROM checkpoint ORDER BY size DESC LIMIT 1", ())
        return msgspec.json.decode(row[0], type=Checkpoint) if row else None

    async def put_blob(self, ref: str, sealed: bytes, *, anew: bool = False) -> None:
        once = "INSERT INTO blob VALUES (?, ?) ON CONFLICT DO NOTHING"
        always = "INSERT INTO blob VALUES (?, ?) ON CONFLICT (ref) DO UPDATE SET sealed = excluded.sealed"
        await self.run_sql(always if anew else once, (ref, sealed))

    async def delete_blob(self, ref: str, *, begins: bytes = b"") -> None:
        sql = "DELETE FROM blob WHERE ref = ? AND substr(sealed, 1, ?) = ?"
        await self.run_sql(sql, (ref, len(begins), begins))

    def get_blob(self, ref: str) -> bytes | None:
        row = self.one("SELECT sealed FROM blob WHERE ref = ?", (ref,))
        return bytes(row[0]) if row else None

    def blobs(self, prefix: str) -> tuple[str, ...]:
        sql = "SELECT ref FROM blob WHERE substr(ref, 1, ?) = ?"
        return tuple(sorted(ref for (ref,) in self.backend.read(sql, (len(prefix), prefix))))

    def get_row(self, table: str, key: str) -> Row | None:
        row = self.one("SELECT name, key, value, version FROM small WHERE name = ? AND key = ?", (table, key))
        return Row(row[0], row[1], bytes(row[2]), row[3]) if row else None

    def rows(self, table: str) -> tuple[Row, ...]:
        found = self.backend.read("SELECT name, key, value, version FROM small WHERE name = ?", (table,))
        made = (Row(name, key, bytes(value), version) for name, key, value, version in found)
        return tuple(sorted(made, key=lambda row: row.key))

    async def put_row(self, table: str, key: str, value: bytes, *, expect: int | None = None) -> Row:
        def work(backend: Backend) -> Row:
            found = backend.execute(
                f"SELECT version FROM small WHERE name = ? AND key = ?{backend.pick}",  # noqa: S608  # a word of our own
                (table, key),
            )
            version = found[0][0] if found else 0
            if expect is not None and expect != version:
                raise _conflict(table, key, version, expect)
            if found:
                done = backend.execute(
                    "UPDATE small SET value = ?, version = version + 1 WHERE name = ? AND key = ? RETURNING version",
                    (value, table, key),
                )
            else:
                done = backend.execute(
                    "INSERT INTO small VALUES (?, ?, ?, 1) ON CONFLICT DO NOTHING RETURNING version",
                    (table, key, value),
                )
            if not done:
                raise _conflict(table, key, 1, expect or 0)
            return Row(table=table, key=key, value=value, version=done[0][0])

        row: Row = await self.submit(Job(work=work))
        return row

    async def delete_row(self, table: str, key: str) -> None:
        await self.run_sql("DELETE FROM small WHERE name = ? AND key = ?", (table, key))

    # --- leases ------------------------------------------------------------------------------------------------------

    async def beat(self, heard: int, about: dict[str, str] | None = None) -> bool:
        begun_s = _own_clock()
        lease_ms = int(self._lease_s * 1000)
        said = None if about is None else msgspec.json.encode(about).decode()

        def work(backend: Backend) -> bool:
            now = backend.now_ms
            renewed = backend.execute(
                f"UPDATE node SET until_ms = {now} + ?, heard = ?, about = COALESCE(?, about) "  # noqa: S608  # a word of our own
                "WHERE name = ? AND dead = 0 RETURNING name",
                (lease_ms, heard, said, self.writer),
            )
            if renewed or backend.execute("SELECT 1 FROM node WHERE name = ?", (self.writer,)):
                return bool(renewed)
            backend.execute(
                "INSERT INTO node (name, since, until_ms, dead, heard, about) SELECT ?, COALESCE(MAX(since), 0) + 1, "  # noqa: S608  # a word of our own
                f"{now} + ?, 0, ?, ? FROM node",
                (self.writer, lease_ms, heard, said or "{}"),
            )
            return True

        held: bool = await self.submit(Job(work=work))
        if held:
            self._lease_ends_s = begun_s + self._lease_s
        return held

    def lease_left_s(self) -> float:
        return self._lease_ends_s - _own_clock()

    async def nodes(self) -> tuple[Node, ...]:
        rows = await self.run_sql(
            f"SELECT name, since, until_ms - {self.backend.now_ms}, heard, about FROM node WHERE dead = 0 ORDER BY since"  # noqa: S608  # a word of our own
        )
        return tuple(
            Node(name, since, int(left), heard, msgspec.json.decode(about))
            for name, since, left, heard, about in rows
        )

    async def bury(self) -> tuple[str, ...]:
        now, pick = self.backend.now_ms, self.backend.pick.replace("UPDATE", "UPDATE SKIP LOCKED")

        def work(backend: Backend) -> list[tuple[Any, ...]]:
            gone = backend.execute(
                f"UPDATE node SET dead = 1 WHERE name IN (SELECT name FROM node WHERE dead = 0 AND until_ms < {now}{pick}) RETURNING name"  # noqa: S608  # words of our own
            )
            if gone:  # those of long ago are of no use to anybody
                backend.execute(f"DELETE FROM node WHERE dead = 1 AND until_ms < {now} - {FORGOTTEN_MS}")  # noqa: S608  # words of our own
            return gone

        found: list[tuple[Any, ...]] = await self.submit(Job(work=work))
        return tuple(sorted(name for (name,) in found))

    async def leave(self) -> None:
        self._lease_ends_s = 0.0
        await self.run_sql("UPDATE node SET dead = 1 WHERE name = ?", (self.writer,))

    def rename(self) -> None:
        self._lives += 1
        self.writer = f"{self._first_name}.{self._lives}"


def _conflict(table: str, key: str, version: int, expect: int) -> StoreError:
    return StoreError("conflict", f"{table}/{key} has version {version}, not {expect}", help="read it again")


def _own_clock() -> float:
    """Seconds that go on while the machine sleeps: a lease ends then, too (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
