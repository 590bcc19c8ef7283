"""Tokens for programs of a person's: named, for some of what she may do, for a time, listed, revoked.

What a token does, she does: her roles bound it, and who is excluded from a review is excluded by her name. It never signs
an approval: a signature says that somebody sat there.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from keyturn.console.identity import SCOPES, Caller, Identity, Token
from keyturn.errors import OperatorError, ReviewError, StoreError
from keyturn.model.record import TokenChanged

DAYS_MAX: Final = 366
"""A token that nobody has looked at for a year belongs to nobody."""

TOKENS_MAX: Final = 50
"""Of one person; more of them are a program that makes tokens."""

NAME_CHARS_MAX: Final = 40

USED_EVERY_S: Final = 60
"""How exactly its last use is known: one write a minute, not one a request."""

Record = Callable[[TokenChanged], Awaitable[None]]


class Tokens:
    """Beside the logins, in the same table; every change is on record, the token itself never."""

    def __init__(self, identity: Identity, record: Record) -> None:
        self._identity, self._store, self._record = identity, identity.store, record

    def of(self, user: str = "") -> tuple[Token, ...]:
        """Hers, or everybody's; those that ended are gone."""
        now = self._identity.clock()
        found = (msgspec.json.decode(row.value, type=Token) for row in self._store.rows("token"))
        mine = (one for one in found if one.kind == "api" and one.expires_at_ms > now)
        return tuple(sorted((one for one in mine if user in {"", one.user}), key=lambda one: one.made_at_ms))

    async def add(
        self,
        caller: Caller,
        name: str,
        scopes: tuple[str, ...],
        days: int,
        environments: tuple[str, ...] = (),
    ) -> tuple[Token, str]:
        """A token of the caller's, and its text, which is shown this once. Raises `ReviewError` or `OperatorError`."""
        if caller.through != "login":
            raise ReviewError("forbidden", "a token makes no tokens", help="log in: keyturn login")
        name = " ".join(name.split())
        if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
            raise OperatorError("token-name", f"a token's name has 1 to {NAME_CHARS_MAX} plain characters")
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise OperatorError(
                "token-scope",
                f"there is no scope {', '.join(unknown) or '(none given)'}",
                help=f"scopes: {', '.join(SCOPES)}",
            )
        if not 1 <= days <= DAYS_MAX:
            raise OperatorError("token-days", f"a token lasts 1 to {DAYS_MAX} days, not {days}")
        mine = self.of(caller.name)
        if len(mine) >= TOKENS_MAX:
            raise ReviewError("too-many-tokens", f"{caller.name} has {TOKENS_MAX} tokens", help="revoke some")
        if any(one.name == name for one in mine):
            raise OperatorError("token-name", f"{caller.name} has a token {name!r} already")
        id_ = secrets.token_hex(4)
        text = await self._identity.issue(
            caller.name,
            "api",
            days * 86_400,
            id=id_,
            name=name,
            scopes=tuple(scope for scope in SCOPES if scope in scopes),
            environments=tuple(sorted(set(environments))),
        )
        made = next(one for one in self.of(caller.name) if one.id == id_)
        await self._said(caller.name, made, "added")
        return made, text

    async def revoke(self, caller: Caller, id_: str) -> Token:
        """Hers, or anybody's for an administrator."""
        for row in self._store.rows("token"):
            found = msgspec.json.decode(row.value, type=Token)
            if found.kind == "api" and found.id == id_:
                if found.user != caller.name and "administrator" not in caller.roles:
                    break
                await self._store.delete_row("token", row.key)
                await self._said(caller.name, found, "revoked")
                return found
        raise ReviewError("no-token", f"there is no token {id_} of yours", help="keyturn token list")

    async def used(self, text: str) -> None:
        """Remember that it was used, to the minute."""
        found, now = self._identity.find(text), self._identity.clock()
        if found is None or found.kind != "api" or now - found.used_at_ms < USED_EVERY_S * 1000:
            return
        row = self._store.get_row("token", self._identity.key_of(text))
        if row is None:
            return
        after = msgspec.structs.replace(found, used_at_ms=now)
        try:
            await self._store.put_row("token", row.key, msgspec.json.encode(after), expect=row.version)
        except StoreError as error:
            if error.code != "conflict":  # revoked, or used, at the same moment
                raise

    async def _said(self, by: str, token: Token, what: str) -> None:
        await self._record(
            TokenChanged(
                at_ms=self._identity.clock(),
                by=by,
                user=token.user,
                token=token.id,
                what=what,
                name=token.name,
                scopes=token.scopes,
                environments=token.environments,
                expires_at_ms=token.expires_at_ms,
            )
        )
