"""Changes among people as the console makes them: at once, or proposed until another administrator approves.

The log decides, the tables follow: decision and effect stand in it together, and what a crash kept out of the tables is put there at the
next start (`settle`). A login that is made for somebody comes in two halves, one for who proposed it and one for who approved: neither of
them alone can log in as her.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from keyturn.console.identity import INVITE_S, Identity, new_half
from keyturn.console.passkeys import Passkeys
from keyturn.model.people import Wanted
from keyturn.model.reviewing import Proposed
from keyturn.runtime.interface import Desk, Put

_TABLE: Final = "proposal"  # id -> the hash of the half that its proposer has


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of what an administrator wanted. `token` is a login for her, or the first half of one where `proposal` waits."""

    user: str = ""
    token: str = ""
    proposal: str = ""
    unreviewed: str = ""


class Proposing:
    """Everything that gives somebody more goes through here."""

    def __init__(self, desk: Desk, identity: Identity, passkeys: Passkeys) -> None:
        self._desk, self._identity, self._passkeys = desk, identity, passkeys

    async def want(self, wanted: Wanted, *, by: str) -> Wish:
        """Do it, or propose it. Raises `KeyturnError`."""
        if wanted.kind == "user":
            wanted = msgspec.structs.replace(wanted, roles=tuple(sorted(set(wanted.roles))))
            self._identity.check(wanted.name, wanted.roles)
        return await self._put(wanted, await self._desk.propose(wanted, by=by))

    async def _put(self, wanted: Wanted, put: Put) -> Wish:
        wish = Wish(user=wanted.name, proposal="" if put.done else put.id, unreviewed=put.unreviewed)
        login = _opens_a_login(wanted, self._identity)
        if put.done:
            await self._follow(wanted)
            if login or (put.unreviewed and wanted.kind == "user"):
                token = await self._identity.issue(wanted.name, "invite", INVITE_S)
                return msgspec.structs.replace(wish, token=token)
        elif login:
            half = new_half()
            hashed = hashlib.sha256(half.encode()).hexdigest()
            await self._identity.store.put_row(_TABLE, put.id, hashed.encode())
            return msgspec.structs.replace(wish, token=half)
        return wish

    def waiting(self) -> tuple[Proposed, ...]:
        return self._desk.proposals()

    async def decide(self, id_: str, *, by: str, approve: bool, note: str = "") -> dict[str, Any]:
        """Say yes or no; returns the proposal with the second half of her login, where it makes one. Raises `ReviewError`."""
        decided = await self._desk.decide_proposal(id_, by=by, approve=approve, note=note)
        if approve and any(one.id == id_ for one in self.waiting()):
            return shown(decided) | {"approved": False, "waits": True, "token": ""}
        token = await self._effect(decided) if approve else ""
        await self._identity.store.delete_row(_TABLE, id_)
        return shown(decided) | {"approved": approve, "waits": False, "token": token}

    async def _effect(self, decided: Proposed) -> str:
        await self._follow(decided.wanted)
        first = self._identity.store.get_row(_TABLE, decided.id)
        if first is None:
            return ""
        return await self._identity.issue_half(decided.wanted.name, first.value.decode())

    async def _follow(self, wanted: Wanted) -> None:
        if wanted.kind == "user":
            await self._identity.put(wanted.name, wanted.roles)

    async def settle(self) -> None:
        """At a start: what the log says of users is so in the tables as well."""
        for name, roles in self._desk.people.proposals.roles.items():
            user = self._identity.user(name)
            if roles and (user is None or user.roles != roles):
                await self._identity.put(name, roles)
            elif not roles:
                if user is not None:
                    await self._identity.drop(name)
                for key, _ in self._passkeys.of(name):
                    await self._passkeys.drop(key)


def _opens_a_login(wanted: Wanted, identity: Identity) -> bool:
    return wanted.kind == "invite" or (wanted.kind == "user" and identity.user(wanted.name) is None)


def shown(one: Proposed) -> dict[str, Any]:
    """A proposal for people and programs."""
    return {
        "id": one.id,
        "by": one.by,
        "kind": one.wanted.kind,
        "name": one.wanted.name,
        "before": one.before,
        "after": one.after,
        "proposed_at_ms": one.at_ms,
        "until_ms": one.until_ms,
        "packs": list(one.wanted.packs),
        "relaxes": list(one.wanted.relaxes),
    }
