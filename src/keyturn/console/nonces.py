"""Challenges that nobody has to remember until they are answered: made under the consoles' common key, good once, for minutes.

A nonce says what it is for, for whom and until when, under a MAC; only an answered one is written down, so that it is not
answered twice. Whoever asks for many of them fills no table.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Final

from keyturn.errors import ReviewError, StoreError
from keyturn.stores.interface import Store

GOOD_FOR_S: Final = 300
"""A person reads the browser's question and finds her key; five minutes is also what WebAuthn Level 3, 15.1 recommends at least."""

NONCE_CHARS_MAX: Final = 200

_TABLE: Final = "spent"


class Nonces:
    """For one installation: `key` is the same for all its consoles."""

    def __init__(self, store: Store, key: bytes, clock: Callable[[], int]) -> None:
        self._store, self._key, self._clock = store, key, clock

    def make(self, kind: str, user: str = "") -> str:
        """A nonce for this, and for this person."""
        return self._sealed(kind, user, f"{self._clock() + GOOD_FOR_S * 1000}.{secrets.token_urlsafe(18)}")

    def _sealed(self, kind: str, user: str, text: str) -> str:
        message = f"{kind}\x00{user}\x00{text}".encode()
        return f"{text}.{hmac.new(self._key, message, 'sha256').hexdigest()}"

    def expires_at_ms(self, kind: str, user: str, nonce: str) -> int:
        """Until when it is good. Raises `ReviewError`: forged (not ours, or for something or somebody else), late, replayed."""
        text = nonce.rpartition(".")[0]
        ours = nonce.isascii() and len(nonce) <= NONCE_CHARS_MAX
        if not ours or not hmac.compare_digest(self._sealed(kind, user, text), nonce):
            raise ReviewError("forged", "this was not asked by this console, or of somebody else")
        expires = int(text.partition(".")[0])
        if self._clock() >= expires:
            raise ReviewError("late", "that took longer than it may", help="try again")
        if self._store.get_row(_TABLE, nonce) is not None:
            raise _replayed()
        return expires

    async def spend(self, nonce: str, expires_at_ms: int) -> None:
        """Take its single use. Raises `ReviewError` replayed for all but one, at the same moment too."""
        for row in self._store.rows(_TABLE):
            if int(row.value) <= self._clock():
                await self._store.delete_row(_TABLE, row.key)
        try:
            await self._store.put_row(_TABLE, nonce, str(expires_at_ms).encode(), expect=0)
        except StoreError as error:
            if error.code != "conflict":
                raise
            raise _replayed() from None


def _replayed() -> ReviewError:
    return ReviewError("replayed", "this was answered already", help="try again")
