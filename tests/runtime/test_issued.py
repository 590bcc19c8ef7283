"""Credentials that AWS handed out: kept while they are of use, and then no longer, sealed or not."""

from __future__ import annotations

import msgspec

from keyturn.executors.interface import Credentials, Minted
from keyturn.runtime.issued import TABLE, Issued
from keyturn.stores.memory import MemoryStore
from keyturn.stores.vault import Vault


def handed_out(number: int, *, until_ms: int) -> Minted:
    return Minted(
        access_key_id=f"KTTEMP{number}",
        secret="virtual",
        token="token",
        real=Credentials(f"ASIA{number}", "real", "real-token", until_ms),
        origin="sts:AssumeRole",
        identity="arn:aws:sts::123456789012:assumed-role/deploy",
        account="123456789012",
        region="eu-central-1",
        expires_at_ms=until_ms,
    )


async def sealed(issued: Issued, store: MemoryStore) -> tuple[list[str], int]:
    """Virtual keys on the list, and how many of what stands behind them is in the vault."""
    rows = store.rows(TABLE)
    return [row.key for row in rows], len(store._blobs)


async def test_what_is_over_is_taken_out_of_the_vault() -> None:
    """By its time, when the next one is kept; with its session; at a start, where nobody looked meanwhile."""
    store = MemoryStore("here")
    vault = Vault(store, bytes(32))
    issued = Issued(vault, store)
    await issued.keep(handed_out(1, until_ms=1_000), "s-1", at_ms=0)
    await issued.keep(handed_out(2, until_ms=9_000), "s-1", at_ms=500)
    assert await sealed(issued, store) == (["KTTEMP1", "KTTEMP2"], 2)
    await issued.keep(handed_out(3, until_ms=9_000), "s-2", at_ms=1_000)
    assert await sealed(issued, store) == (["KTTEMP2", "KTTEMP3"], 2)
    await issued.forget("s-2")
    assert await sealed(issued, store) == (["KTTEMP2"], 1)
    again = Issued(vault, store)
    await again.tidy({"s-1"}, at_ms=8_999)
    standing = msgspec.structs.replace(handed_out(2, until_ms=9_000), session="s-1")
    assert again.find("KTTEMP2", 8_999) == standing
    await again.tidy({"s-1"}, at_ms=9_000)
    assert await sealed(again, store) == ([], 0)


async def test_a_process_that_ended_between_the_two_leaves_a_key_that_opens_nothing() -> None:
    """The vault was told first: what is left on the list finds nothing, and goes at the next start."""
    store = MemoryStore("here")
    issued = Issued(Vault(store, bytes(32)), store)
    await issued.keep(handed_out(1, until_ms=9_000), "s-1", at_ms=0)
    await store.delete_blob(store.rows(TABLE)[0].value.decode())
    again = Issued(Vault(store, bytes(32)), store)
    assert again.find("KTTEMP1", 1) is None
    await again.tidy({"s-1"}, at_ms=1)
    assert store.rows(TABLE) == ()
