"""Who people are: users with roles, tokens that are stored as hashes and end by themselves.

Three kinds of tokens: an *invite* is good for one login, a *login* for a working day, a *token* (`console.tokens`) for a program of hers, in
its scopes. What a person is asked for again is how she logged in: a passkey is made only in a login that began with an
invite, a passkey or the company's provider, a moment ago, in a browser. A login that lies in a file does not suffice.

A token is 256 random bits, so a plain SHA-256 of it cannot be guessed back; it is shown once and never stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from keyturn.errors import OperatorError, ReviewError, StoreError
from keyturn.stores.interface import Store

ROLES: Final = ("administrator", "reviewer", "operator", "auditor", "break-glass")
INVITE_S: Final = 24 * 3600
LOGIN_S: Final = 12 * 3600
"""A login ends with the working day."""

ENROL_S: Final = 15 * 60
"""From showing who she is to having made a passkey: she has the page open, and fetches her key."""

SCOPES: Final = ("read", "review", "operate", "administer")
"""What a token may be made for; a login may do all of it. The routes of each are in `console.roles`."""

SHOWN_WHO_SHE_IS: Final = frozenset({"invite", "passkey", "oidc"})

FAILURES_MAX: Final = 10
FAILURE_WINDOW_S: Final = 60
"""Wrong tokens from everywhere together: 256 bits are not guessed, a typing error loop should not fill a log."""

_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,62}")

Note = Callable[..., Awaitable[None]]


class User(msgspec.Struct, frozen=True):
    name: str
    roles: tuple[str, ...]


class Caller(User, frozen=True):
    """A user as she comes: by a login or a token of hers, and for what that is good."""

    through: str = "login"  # "login" | "token"
    how: str = (
        ""  # the login began with: invite | passkey | oidc; else with another login, or on a command line
    )
    since_ms: int = 0
    scopes: tuple[str, ...] = SCOPES
    environments: tuple[str, ...] = ()  # a token reviews in these only; empty: in all
    token: str = ""  # its id


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored of a token; its row's key is the hash."""

    user: str
    kind: str  # "invite" (and "enrol", in a browser) is good for one login, "login" for API and console, "api" for a program
    expires_at_ms: int
    made_at_ms: int
    how: str = ""
    id: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    used_at_ms: int = 0


class Identity:
    """Users and tokens in the store's small tables; every change is put on record through `note`."""

    def __init__(self, store: Store, note: Note, clock: Callable[[], int]) -> None:
        self.store, self.clock = store, clock
        self._store, self._note, self._clock = store, note, clock
        self._failures: list[int] = []

    # --- users -------------------------------------------------------------------------------------------------------

    def user(self, name: str) -> User | None:
        row = self._store.get_row("user", name)
        return msgspec.json.decode(row.value, type=User) if row else None

    def users(self) -> tuple[User, ...]:
        return tuple(msgspec.json.decode(row.value, type=User) for row in self._store.rows("user"))

    @staticmethod
    def check(name: str, roles: tuple[str, ...]) -> None:
        """Raises `OperatorError` for a name or roles that nobody can have."""
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

    async def add(self, name: str, roles: tuple[str, ...], *, by: str) -> str:
        """Make a user (or give one other roles) without asking anybody; returns a token for one login, shown once."""
        self.check(name, roles)
        await self._store.put_row("user", name, msgspec.json.encode(User(name, tuple(sorted(roles)))))
        await self._note(by=by, user=name, roles=tuple(sorted(roles)), what="added")
        return await self.issue(name, "invite", INVITE_S)

    async def put(self, name: str, roles: tuple[str, ...]) -> None:
        """Somebody whom the company's provider vouches for, with the roles her groups give her now; the caller puts it on record."""
        await self._store.put_row("user", name, msgspec.json.encode(User(name, tuple(sorted(roles)))))

    @staticmethod
    def is_name(name: str) -> bool:
        return _NAME.fullmatch(name) is not None

    async def invite(self, name: str, *, by: str) -> str:
        """A token for one login of somebody who is a user already: she lost her passkey, or never had one."""
        user = self.user(name)
        if user is None:
            raise OperatorError("no-user", f"there is no user {name}")
        await self._note(by=by, user=name, roles=user.roles, what="invited")
        return await self.issue(name, "invite", INVITE_S)

    async def remove(self, name: str, *, by: str) -> None:
        """Remove a user and every token of hers."""
        if self.user(name) is None:
            raise OperatorError("no-user", f"there is no user {name}")
        await self._note(by=by, user=name, roles=(), what="removed")
        await self.drop(name)

    async def drop(self, name: str) -> None:
        """Take her and her tokens out of the tables; the caller puts it on record."""
        for row in self._store.rows("token"):
            if msgspec.json.decode(row.value, type=Token).user == name:
                await self._store.delete_row("token", row.key)
        await self._store.delete_row("user", name)

    # --- tokens ------------------------------------------------------------------------------------------------------

    async def login(self, invite: str, *, page: bool = False) -> str:
        """Exchange a one-login token for one that lasts the day. Raises `ReviewError` when it is none. `page`: in a browser.

        A login's own token opens a second login (the browser beside the command line) that ends when the first does.
        """
        await self._sweep()
        found = self.find(invite)
        good = found is not None and (found.kind in {"invite", "login"} or (page and found.kind == "enrol"))
        if found is None or not good or not await self._used_up(invite, found):
            self._failed()
            raise ReviewError(
                "login", "this token is not valid", help="ask an administrator: keyturn user add NAME"
            )
        left_s = (found.expires_at_ms - self._clock()) // 1000
        again = found.kind == "login"
        how = "invite" if page and not again else ""
        return await self.issue(found.user, "login", left_s if again else LOGIN_S, how=how)

    async def enter(self, name: str, how: str) -> str:
        """A login for somebody who has shown who she is otherwise: `how` is passkey or oidc. Raises `ReviewError`."""
        if self.user(name) is None:
            raise ReviewError("login", f"{name} is nobody here any more")
        await self._sweep()
        return await self.issue(name, "login", LOGIN_S, how=how)

    async def enrolment(self, login: str) -> str:
        """A token that opens one login in a browser, in which a passkey may be made; for a login by an invite on a command line."""
        found = self.find(login)
        if found is None:
            raise ReviewError("login", "log in first")
        return await self.issue(found.user, "enrol", ENROL_S)

    def may_enrol(self, caller: Caller) -> str:
        """Why this login may not make a passkey; empty when it may."""
        fresh = self._clock() - caller.since_ms < ENROL_S * 1000
        if caller.through == "login" and caller.how in SHOWN_WHO_SHE_IS and fresh:
            return ""
        return (
            "a passkey is made within a quarter of an hour of showing who you are: sign in with a passkey you have, "
            "or with an invite (an administrator makes one: keyturn user invite NAME)"
        )

    async def _used_up(self, invite: str, found: Token) -> bool:
        """Whether this login is the one that the token is good for; of two at the same moment one is."""
        if found.kind == "login":
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

    def who(self, token: str) -> Caller | None:
        """Whose login or token this is; None when it is none, has ended, or its user is gone."""
        found = self.find(token)
        user = self.user(found.user) if found is not None and found.kind in {"login", "api"} else None
        if found is None or user is None:
            return None
        if found.kind == "login":
            return Caller(user.name, user.roles, how=found.how, since_ms=found.made_at_ms)
        return Caller(
            user.name,
            user.roles,
            through="token",
            since_ms=found.made_at_ms,
            scopes=found.scopes,
            environments=found.environments,
            token=found.id,
        )

    async def logout(self, token: str) -> None:
        await self._store.delete_row("token", _hash(token))

    @staticmethod
    def key_of(token: str) -> str:
        """The key of its row: its hash."""
        return _hash(token)

    def find(self, token: str) -> Token | None:
        key = _hash(token)
        row = self._store.get_row("token", key)
        if row is None or not hmac.compare_digest(row.key, key):
            return None
        found = msgspec.json.decode(row.value, type=Token)
        return found if found.expires_at_ms > self._clock() else None

    async def issue(self, user: str, kind: str, life_s: int, **more: Any) -> str:
        """A new token; it is shown once, and its hash is kept."""
        token = f"kt_{secrets.token_urlsafe(32)}"
        now = self._clock()
        made = Token(user, kind, now + life_s * 1000, now, **more)
        await self._store.put_row("token", _hash(token), msgspec.json.encode(made))
        return token

    async def issue_half(self, user: str, first: str) -> str:
        """The second half of an invite; `first` is the hash of the other. The login is by both, joined with a dot: whoever has one of them
        cannot log in as her.
        """
        half, now = new_half(), self._clock()
        made = Token(user, "invite", now + INVITE_S * 1000, now)
        await self._store.put_row("token", _joined(first, half), msgspec.json.encode(made))
        return half

    def _failed(self) -> None:
        now = self._clock()
        self._failures = [at for at in self._failures if now - at < FAILURE_WINDOW_S * 1000]
        if len(self._failures) >= FAILURES_MAX:
            raise ReviewError("too-many", "too many wrong tokens; wait a minute")
        self._failures.append(now)


def new_half() -> str:
    """Half of an invite; no less random than a whole one."""
    return f"kt_{secrets.token_urlsafe(32)}"


def _hash(token: str) -> str:
    first, dot, second = token.partition(".")  # no token has a dot of its own
    return _joined(_hash(first), second) if dot else hashlib.sha256(token.encode()).hexdigest()


def _joined(first: str, second: str) -> str:
    return hashlib.sha256(f"{first}.{second}".encode()).hexdigest()
