"""A stolen database alone says nothing, and one that was changed is found out."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyturn.errors import StoreError
from keyturn.stores.memory import MemoryStore
from keyturn.stores.sqlite import SqliteStore
from keyturn.stores.vault import KEY_BYTES, Signer, Vault, load_or_create_key, signature_holds

KEY, OTHER = b"k" * KEY_BYTES, b"o" * KEY_BYTES
SECRET = b"the password of the ledger is correct-horse-battery-staple"


async def test_what_is_put_is_what_one_gets() -> None:
    """Equal things of one kind have one reference; of two kinds, two."""
    vault = Vault(MemoryStore(), KEY)
    ref = await vault.put(SECRET, "request")
    assert vault.get(ref) == SECRET
    assert await vault.put(SECRET, "request") == ref
    assert await vault.put(SECRET, "response") != ref


async def test_a_stolen_database_says_nothing(tmp_path: Path) -> None:
    """Neither the files nor the references hold the secret, nor a hash of it that could be guessed without the key."""
    store = SqliteStore(tmp_path / "keyturn.db")
    ref = await Vault(store, KEY).put(SECRET, "request")
    await store.close()
    stolen = _everything_in(tmp_path)
    assert stolen
    for word in (SECRET, b"correct-horse", b"ledger"):
        assert word not in stolen
    assert await Vault(MemoryStore(), OTHER).put(SECRET, "request") != ref


def _everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_another_key_opens_nothing() -> None:
    """And the error that says so does not quote what was sealed."""
    store = MemoryStore()
    ref = await Vault(store, KEY).put(SECRET, "request")
    with pytest.raises(StoreError) as refused:
        Vault(store, OTHER).get(ref)
    assert refused.value.code == "tampered"
    assert b"horse" not in str(refused.value).encode()


@pytest.mark.parametrize("how", ["a bit", "cut", "empty", "another's"])
async def test_what_was_changed_by_hand_is_found_out(how: str) -> None:
    """A blob is bound to its reference: one that was put in another's place is not taken for it."""
    store, changed = MemoryStore(), MemoryStore()
    vault = Vault(store, KEY)
    ref, other = await vault.put(SECRET, "request"), await vault.put(b"harmless", "request")
    sealed, beside = store.get_blob(ref), store.get_blob(other)
    assert sealed is not None
    assert beside is not None
    bent = {
        "a bit": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "cut": sealed[:20],
        "empty": b"",
        "another's": beside,
    }
    await changed.put_blob(ref, bent[how])
    with pytest.raises(StoreError) as refused:
        Vault(changed, KEY).get(ref)
    assert refused.value.code == "tampered"


async def test_what_is_not_there_is_said_to_be_missing() -> None:
    """Missing and tampered are different errors: different people mend them."""
    with pytest.raises(StoreError) as refused:
        Vault(MemoryStore(), KEY).get("vault:request:none")
    assert refused.value.code == "missing"


def test_a_seal_is_equal_for_equals_and_cannot_be_guessed_back() -> None:
    """Two installations seal one secret differently, so that no table of common passwords opens it."""
    mine, yours = Vault(MemoryStore(), KEY), Vault(MemoryStore(), OTHER)
    assert mine.seal(SECRET) == mine.seal(SECRET)
    assert len({mine.seal(SECRET), mine.seal(b"else"), yours.seal(SECRET)}) == 3


def test_the_key_is_a_file_of_its_owners(tmp_path: Path) -> None:
    """Made once, readable by nobody else; a key that others can read stops the start and says what to do."""
    path = tmp_path / "keys" / "installation.key"
    made = load_or_create_key(path)
    assert load_or_create_key(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(StoreError) as refused:
        load_or_create_key(path)
    assert (refused.value.code, refused.value.help) == ("key-mode", f"chmod 600 {path}")


@pytest.mark.parametrize(("data", "code"), [(None, "no-key"), (b"short", "key-size"), (b"", "key-size")])
def test_a_key_that_is_none_is_not_replaced(tmp_path: Path, data: bytes | None, code: str) -> None:
    """A lost or cut key is not made anew in silence: what it sealed would be lost with it."""
    path = tmp_path / "installation.key"
    if data is not None:
        path.write_bytes(data)
        path.chmod(0o600)
    with pytest.raises(StoreError) as refused:
        load_or_create_key(path, create=False)
    assert refused.value.code == code


def test_a_signature_is_of_one_key_over_one_message() -> None:
    """And what is no key or no signature is just not one."""
    signer = Signer(KEY)
    signature = signer.sign(b"root")
    assert signature_holds(signer.public, signature, b"root")
    assert not signature_holds(signer.public, signature, b"another root")
    assert not signature_holds(Signer(OTHER).public, signature, b"root")
    assert not signature_holds(b"no key", b"none", b"root")


def test_neither_vault_nor_signer_shows_its_key() -> None:
    """What is printed in a traceback is no secret."""
    shown = repr(Vault(MemoryStore(), KEY)) + repr(Signer(KEY))
    assert "kkk" not in shown
    assert KEY.hex() not in shown
