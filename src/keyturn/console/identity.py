"""Who people are: users with roles, tokens that are stored as hashes and end by themselves.

A token is 256 random bits, so a plain SHA-256 of it cannot be guessed back; it is shown once and never stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from keyturn.errors import OperatorError, ReviewError, StoreError
from keyturn.stores.interface import Store

ROLES: Final = ("administrator", "reviewer", "operator", "auditor")
INVITE_S: Final = 24 * 3600
LOGIN_S: Final = 12 * 3600
"""A login ends with the working day."""

FAILURES_MAX: Final = 10
FAILURE_WINDOW_S: Final = 60
"""Wrong tokens from everywhere together: 256 bits are not guessed, a typing error loop should not fill a log."""

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,62}")

Note = Callable[..., Awaitable[None]]


class User(msgspec.Struct, frozen=True):
    name: str
    roles: tuple[str, ...]


class Token(msgspec.Struct, frozen=True):
    """What is stored of a token; its row's key is the hash."""

    user: str
    kind: str  # "invite" is good for one login, "login" for the API and the console
    expires_at_ms: int
    made_at_ms: int


class Identity:
    """Users and tokens in the store's small tables; every change is put on record through `note`."""

    def __init__(self, store: Store, note: Note, clock: Callable[[], int]) -> None:
        self._store, self._note, self._clock = store, note, clock
        self._failures: list[int] = []

    # --- users -------------------------------------------------------------------------------------------------------

    def user(self, name: str) -> User | None:
        row = self._store.get_row("user", name)
        return msgspec.json.decode(row.value, type=User) if row else None

    def users(self) -> tuple[User, ...]:
        return tuple(msgspec.json.decode(row.value, type=User) for row in self._store.rows("user"))

    async def add(self, name: str, roles: tuple[str, ...], *, by: str) -> str:
        """Make a user (or give one other roles); returns a token for one login, shown once."""
        if not _NAME.fullmatch(name):
            raise OperatorError(
                "user-name", f"{name!r} is no user name", help="small letters, digits, dot, dash, underscore"
            )
        unknown = sorted(set(roles) - set(ROLES))
        if unknown or not roles:
            raise OperatorError(
                "user-role",
                f"there is no role {', '.join(unknown) or '(none given)'}",
                help=f"roles: {', '.join(ROLES)}",
            )
        await self._store.put_row("user", name, msgspec.json.encode(User(name, tuple(sorted(roles)))))
        await self._note(by=by, user=name, roles=tuple(sorted(roles)), what="added")
        return await self._issue(name, "invite", INVITE_S)

    async def remove(self, name: str, *, by: str) -> None:
        """Remove a user and every token of hers."""
        if self.user(name) is None:
            raise OperatorError("no-user", f"there is no user {name}")
        for row in self._store.rows("token"):
            if msgspec.json.decode(row.value, type=Token).user == name:
                await self._store.delete_row("token", row.key)
        await self._store.delete_row("user", name)
        await self._note(by=by, user=name, roles=(), what="removed")

    # --- tokens ------------------------------------------------------------------------------------------------------

    async def login(self, invite: str) -> str:
        """Exchange a one-login token for one that lasts the day. Raises `ReviewError` when it is none.

        A login's own token opens a second login (the browser beside the command line) that ends when the first does.
        """
        await self._sweep()
        found = self._find(invite)
        if found is None or not await self._used_up(invite, found):
            self._failed()
            raise ReviewError(
                "login", "this token is not valid", help="ask an administrator: keyturn user add NAME"
            )
        left_s = (found.expires_at_ms - self._clock()) // 1000
        return await self._issue(found.user, "login", LOGIN_S if found.kind == "invite" else left_s)

    async def _used_up(self, invite: str, found: Token) -> bool:
        """Whether this login is the one that the token is good for; of two at the same moment one is."""
        if found.kind != "invite":
            return True
        row = self._store.get_row("token", _hash(invite))
        if row is None or row.value != msgspec.json.encode(found):
            return False
        used = msgspec.structs.replace(found, kind="used", expires_at_ms=0)
        try:
            await self._store.put_row("token", _hash(invite), msgspec.json.encode(used), expect=row.version)
        except StoreError as error:
            if error.code != "conflict":
                raise
            return False
        await self._store.delete_row("token", _hash(invite))
        return True

    async def _sweep(self) -> None:
        """Tokens that have ended are of no use to anybody."""
        for row in tuple(self._store.rows("token")):
            if msgspec.json.decode(row.value, type=Token).expires_at_ms <= self._clock():
                await self._store.delete_row("token", row.key)

    def who(self, token: str) -> User | None:
        """The user of a login token; None when it is none, has ended, or its user is gone."""
        found = self._find(token)
        return self.user(found.user) if found is not None and found.kind == "login" else None

    async def logout(self, token: str) -> None:
        await self._store.delete_row("token", _hash(token))

    def _find(self, token: str) -> Token | None:
        key = _hash(token)
        row = self._store.get_row("token", key)
        if row is None or not hmac.compare_digest(row.key, key):
            return None
        found = msgspec.json.decode(row.value, type=Token)
        return found if found.expires_at_ms > self._clock() else None

    async def _issue(self, user: str, kind: str, life_s: int) -> str:
        token = f"kt_{secrets.token_urlsafe(32)}"
        now = self._clock()
        await self._store.put_row(
            "token", _hash(token), msgspec.json.encode(Token(user, kind, now + life_s * 1000, now))
        )
        return token

    def _failed(self) -> None:
        now = self._clock()
        self._failures = [at for at in self._failures if now - at < FAILURE_WINDOW_S * 1000]
        if len(self._failures) >= FAILURES_MAX:
            raise ReviewError("too-many", "too many wrong tokens; wait a minute")
        self._failures.append(now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
