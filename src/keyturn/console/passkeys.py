"""Passkeys: registered by a person who has just shown who she is, used to sign in and to sign approvals (WebAuthn Level 3).

User verification is required everywhere: possession alone is what an agent on the same machine might have.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from keyturn.console.nonces import GOOD_FOR_S, Nonces
from keyturn.core import receipts
from keyturn.errors import OperatorError, ReviewError, StoreError
from keyturn.model.record import PasskeyChanged
from keyturn.model.review import Receipt, ReviewRequest, Statement
from keyturn.stores.interface import Row, Store

PASSKEYS_MAX: Final = 10
"""Of one person: a phone, two computers, two security keys, and as many that were lost."""

NAME_CHARS_MAX: Final = 40

_TABLE: Final = "passkey"
_ADD, _ENTER, _SIGN = "passkey-add", "passkey-enter", "passkey-sign"

Record = Callable[[PasskeyChanged], Awaitable[None]]


class Passkey(msgspec.Struct, frozen=True):
    """What is stored of one; its row's key is the credential's id."""

    user: str
    name: str
    public_key: str  # SubjectPublicKeyInfo, base64url
    cose: str  # the same as the authenticator wrote it
    sign_count: int
    made_at_ms: int
    used_at_ms: int = 0
    cloned: bool = False


class Place(msgspec.Struct, frozen=True):
    """The console as browsers know it: passkeys are bound to `rp_id`, signatures are good from pages of `origin`."""

    rp_id: str
    origin: str

    @staticmethod
    def of(url: str) -> Place | None:
        """Of a console's address; None where browsers give it no passkeys: at a number, or without TLS (but for localhost)."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
        try:
            if not ipaddress.ip_address(host).is_loopback:
                return None
            host = "localhost"  # the same machine by the name that browsers take
        except ValueError:
            pass
        local = host == "localhost" or host.endswith(".localhost")
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
            return None
        return Place(rp_id=host, origin=f"{parts.scheme}://{host}{port}")


class Passkeys:
    """People's passkeys in the store's small tables; every change is on record with its public key."""

    def __init__(
        self, store: Store, record: Record, clock: Callable[[], int], nonces: Nonces, place: Place | None
    ) -> None:
        self._store, self._record, self._clock, self._nonces = store, record, clock, nonces
        self._place = place

    @property
    def origin(self) -> str:
        """Where passkeys work; empty where they do not."""
        return self._place.origin if self._place else ""

    def of(self, user: str) -> tuple[tuple[str, Passkey], ...]:
        """Hers, by id, the oldest first."""
        found = ((row.key, _decoded(row)) for row in self._store.rows(_TABLE))
        return tuple(sorted((one for one in found if one[1].user == user), key=lambda one: one[1].made_at_ms))

    # --- registering -------------------------------------------------------------------------------------------------

    def asked_to_add(self, user: str) -> dict[str, Any]:
        """What the browser is asked to make a passkey with: ``{"options", "nonce"}``."""
        from keyturn.console import ceremonies  # noqa: PLC0415  # six megabytes, for who uses passkeys

        place = self._ours()
        nonce = self._nonces.make(_ADD, user)
        options = ceremonies.registration_options(
            rp_id=place.rp_id,
            user=user,
            user_id=hashlib.sha256(b"keyturn user\0" + user.encode()).digest(),
            challenge=_challenge(nonce),
            timeout_ms=GOOD_FOR_S * 1000,
            but=tuple(key for key, _ in self.of(user)),
        )
        return {"options": options, "nonce": nonce}

    async def add(self, user: str, name: str, nonce: str, credential: dict[str, Any]) -> str:
        """Keep the passkey that her browser made; returns its id. Raises `ReviewError`."""
        from keyturn.console import ceremonies  # noqa: PLC0415  # six megabytes, for who uses passkeys

        place, expires = self._ours(), self._nonces.expires_at_ms(_ADD, user, nonce)
        name = _name(name)
        if len(self.of(user)) >= PASSKEYS_MAX:
            raise ReviewError("too-many-passkeys", f"{user} has {PASSKEYS_MAX} passkeys", help="remove one")
        made = ceremonies.registered(
            credential, challenge=_challenge(nonce), rp_id=place.rp_id, origin=place.origin
        )
        await self._nonces.spend(nonce, expires)
        key = made.credential
        kept = Passkey(user, name, made.public_key, made.cose, made.sign_count, self._clock())
        try:
            await self._store.put_row(_TABLE, key, msgspec.json.encode(kept), expect=0)
        except StoreError as error:
            if error.code != "conflict":
                raise
            raise ReviewError("passkey", "this passkey is registered already") from None
        await self._said(user, key, kept, "added")
        return key

    async def rename(self, user: str, key: str, name: str) -> None:
        row, kept = self._hers(user, key)
        kept = msgspec.structs.replace(kept, name=_name(name))
        await self._store.put_row(_TABLE, key, msgspec.json.encode(kept), expect=row.version)
        await self._said(user, key, kept, "renamed")

    async def remove(self, user: str, key: str, *, by: str) -> None:
        """It opens and signs nothing from now on."""
        event = self.removal(user, key, by=by)
        await self.drop(key)
        await self._record(event)

    def removal(self, user: str, key: str, *, by: str) -> PasskeyChanged:
        """What goes on record when it is removed. Raises `ReviewError` where it is none of hers."""
        _, kept = self._hers(user, key)
        return self._changed(by, key, kept, "removed")

    async def drop(self, key: str) -> None:
        """Take it out of the table, if it is there; the caller puts it on record."""
        await self._store.delete_row(_TABLE, key)

    # --- signing in --------------------------------------------------------------------------------------------------

    def asked_to_enter(self) -> dict[str, Any]:
        """What the browser is asked at the login: any passkey of this console's, by nobody's name yet."""
        nonce = self._nonces.make(_ENTER)
        return {"options": self._options(_challenge(nonce), ()), "nonce": nonce}

    async def entered(self, nonce: str, credential: dict[str, Any]) -> str:
        """Whose passkey answered. Raises `ReviewError`."""
        expires = self._nonces.expires_at_ms(_ENTER, "", nonce)
        key, _ = self._known(credential)
        count = self._verified(credential, _challenge(nonce))
        await self._nonces.spend(nonce, expires)
        return (await self._counted(key, count)).user

    # --- signing approvals -------------------------------------------------------------------------------------------

    def asked_to_sign(self, user: str, request: ReviewRequest, note: str) -> dict[str, Any]:
        """What the browser is asked to sign: ``{"options", "nonce", "statement"}``; the challenge is the statement's SHA-256."""
        keys = tuple(key for key, kept in self.of(user) if not kept.cloned)
        self._ours()
        if not keys:
            raise ReviewError("no-passkey", f"{user} has no passkey yet", help="make one on your page, /me")
        nonce = self._nonces.make(_SIGN, user)
        said = self._statement(user, request, note, nonce)
        return {
            "options": self._options(receipts.challenge(said), keys),
            "nonce": nonce,
            "statement": msgspec.to_builtins(said),
        }

    async def receipt(
        self, user: str, request: ReviewRequest, note: str, nonce: str, credential: dict[str, Any]
    ) -> Receipt:
        """Her signature under this request as it stands. Raises `ReviewError` with the code of what is wrong."""
        said = self._statement(user, request, note, nonce)
        key, kept = self._known(credential)
        if kept.user != user:
            raise ReviewError("wrong-user", f"this passkey is not one of {user}'s")
        answer = credential.get("response") or {}
        receipt = Receipt(
            statement=said,
            credential=key,
            public_key=kept.public_key,
            authenticator_data=str(answer.get("authenticatorData", "")),
            client_data=str(answer.get("clientDataJSON", "")),
            signature=str(answer.get("signature", "")),
        )
        for wrong in receipts.check(receipt, said):
            raise ReviewError(wrong.code, wrong.message, help=wrong.help)
        count = self._verified(credential, receipts.challenge(said))  # a second opinion, and the counter
        await self._nonces.spend(nonce, said.expires_at_ms)
        await self._counted(key, count)
        return receipt

    def _statement(self, user: str, request: ReviewRequest, note: str, nonce: str) -> Statement:
        place, expires = self._ours(), self._nonces.expires_at_ms(_SIGN, user, nonce)
        return receipts.statement_of(
            request,
            reviewer=user,
            note=note,
            nonce=nonce,
            expires_at_ms=expires,
            rp_id=place.rp_id,
            origin=place.origin,
        )

    # --- both --------------------------------------------------------------------------------------------------------

    def _options(self, challenge: bytes, keys: tuple[str, ...]) -> dict[str, Any]:
        from keyturn.console import ceremonies  # noqa: PLC0415  # six megabytes, for who uses passkeys

        return ceremonies.authentication_options(
            rp_id=self._ours().rp_id, challenge=challenge, timeout_ms=GOOD_FOR_S * 1000, keys=keys
        )

    def _ours(self) -> Place:
        if self._place is None:
            raise OperatorError(
                "no-passkeys",
                "browsers give this console no passkeys: it has no name, or no TLS",
                help="set console.public_url to https:// and the name people open it by",
            )
        return self._place

    def _hers(self, user: str, key: str) -> tuple[Row, Passkey]:
        row = self._store.get_row(_TABLE, key)
        if row is None or _decoded(row).user != user:
            raise ReviewError("no-passkey", f"{user} has no such passkey")
        return row, _decoded(row)

    def _known(self, credential: dict[str, Any]) -> tuple[str, Passkey]:
        key = credential.get("id")
        row = self._store.get_row(_TABLE, key) if isinstance(key, str) else None
        if row is None:
            raise ReviewError(
                "unknown-passkey", "this passkey is nobody's here", help="use another, or ask for an invite"
            )
        kept = _decoded(row)
        if kept.cloned:
            raise _cloned(kept)
        return row.key, kept

    def _verified(self, credential: dict[str, Any], challenge: bytes) -> int:
        """The signature counter of an answer that holds (`ceremonies.authenticated`)."""
        from keyturn.console import ceremonies  # noqa: PLC0415  # six megabytes, for who uses passkeys

        _, kept = self._known(credential)
        place = self._ours()
        return ceremonies.authenticated(
            credential, challenge=challenge, rp_id=place.rp_id, origin=place.origin, cose=kept.cose
        )

    async def _counted(self, key: str, count: int) -> Passkey:
        """Take the counter over. One that did not grow was used on two devices: the passkey is worth nothing from now on
        (WebAuthn Level 3, 6.1.1); those that count nothing always say 0.
        """
        row = self._store.get_row(_TABLE, key)
        if row is None:
            raise ReviewError("unknown-passkey", "this passkey was removed a moment ago")
        kept = _decoded(row)
        cloned = (count > 0 or kept.sign_count > 0) and count <= kept.sign_count
        after = msgspec.structs.replace(
            kept, sign_count=max(count, kept.sign_count), used_at_ms=self._clock(), cloned=cloned
        )
        try:
            await self._store.put_row(_TABLE, key, msgspec.json.encode(after), expect=row.version)
        except StoreError as error:
            if error.code != "conflict":
                raise
            raise ReviewError("replayed", "this passkey was used elsewhere at the same moment") from None
        if cloned:
            await self._said(kept.user, key, kept, "cloned")
            raise _cloned(kept)
        return after

    async def _said(self, by: str, key: str, kept: Passkey, what: str) -> None:
        await self._record(self._changed(by, key, kept, what))

    def _changed(self, by: str, key: str, kept: Passkey, what: str) -> PasskeyChanged:
        return PasskeyChanged(
            at_ms=self._clock(),
            by=by,
            user=kept.user,
            credential=key,
            what=what,
            name=kept.name,
            public_key=kept.public_key,
            rp_id=self._place.rp_id if self._place else "",
        )


def _challenge(nonce: str) -> bytes:
    return hashlib.sha256(nonce.encode()).digest()


def _decoded(row: Row) -> Passkey:
    return msgspec.json.decode(row.value, type=Passkey)


def _name(name: str) -> str:
    """A name that people can read, all of it."""
    name = " ".join(name.split())
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise ReviewError("passkey-name", f"a passkey's name has 1 to {NAME_CHARS_MAX} plain characters")
    return name


def _cloned(kept: Passkey) -> ReviewError:
    return ReviewError(
        "cloned",
        f"the passkey {kept.name!r} was copied: its counter went back, and it opens nothing any more",
        help="remove it, and tell an administrator",
    )
