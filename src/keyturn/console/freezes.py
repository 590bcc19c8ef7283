"""Freezes over the API and on the policy's page: those that stand, set and lifted."""

from __future__ import annotations

import datetime as dt

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console.bodies import read_body
from keyturn.console.identity import User
from keyturn.console.roles import needs
from keyturn.console.site import Site
from keyturn.core.freezing import REASON_CHARS_MAX, Freeze
from keyturn.errors import OperatorError
from keyturn.providers.aws import environment
from keyturn.runtime.interface import Desk


class FreezeBody(msgspec.Struct, frozen=True):
    """`environment` or `account` empty: any; `from_ms` 0: at once. The environment in any spelling that a tag may have it in."""

    until_ms: int
    reason: str
    environment: str = ""
    account: str = ""
    from_ms: int = 0


class LiftBody(msgspec.Struct, frozen=True):
    reason: str = ""


class FreezeShown(msgspec.Struct, frozen=True):
    freeze: Freeze


class FreezesShown(msgspec.Struct, frozen=True):
    freezes: tuple[Freeze, ...]


class FreezesApi:
    """The handlers; `console.api` has their routes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def standing(self, request: Request, user: User) -> Response:
        return JSONResponse({"freezes": msgspec.to_builtins(self._desk.freezes())})

    async def set(self, request: Request, user: User) -> Response:
        body = await read_body(request, FreezeBody)
        made = await self._desk.set_freeze(
            by=user.name,
            reason=body.reason,
            until_ms=body.until_ms,
            environment=normal(body.environment),
            account=body.account.strip(),
            from_ms=body.from_ms,
        )
        return JSONResponse({"freeze": msgspec.to_builtins(made)})

    async def lift(self, request: Request, user: User) -> Response:
        body = await read_body(request, LiftBody)
        freeze = request.path_params["id"]
        may_lift(self._desk, freeze, user)
        await self._desk.lift_freeze(freeze, by=user.name, reason=body.reason)
        return await self.standing(request, user)


class FreezePages:
    """The forms of `/policy`."""

    def __init__(self, site: Site) -> None:
        self._site, self._desk = site, site.desk

    def routes(self) -> list[Route]:
        return [
            self._site.deed("/freeze", self._set),
            self._site.deed("/freeze/{id}/lift", self._lift),
        ]

    async def _set(self, request: Request, user: User, form: dict[str, str]) -> str:
        await self._desk.set_freeze(
            by=user.name,
            reason=form.get("reason", "")[:REASON_CHARS_MAX],
            until_ms=moment_ms(form.get("until", "")),
            environment=normal(form.get("environment", "")),
            account=form.get("account", "").strip(),
        )
        return "/policy#freezes"

    async def _lift(self, request: Request, user: User, form: dict[str, str]) -> str:
        freeze = request.path_params["id"]
        may_lift(self._desk, freeze, user)
        await self._desk.lift_freeze(freeze, by=user.name, reason=form.get("reason", "")[:REASON_CHARS_MAX])
        return "/policy#freezes"


def normal(word: str) -> str:
    """The environment as assessments call it: what is spelled otherwise would cover nothing. Empty stays any."""
    return environment.normalise(word) if word.strip() else ""


def moment_ms(text: str) -> int:
    """A moment of a form's field, UTC. Raises `OperatorError`."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise OperatorError("until", f"{text[:40]!r} is no time") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1000)


def may_lift(desk: Desk, freeze: str, user: User) -> None:
    """Her own, or another's as administrator or reviewer. Raises `ReviewError` forbidden."""
    found = next((one for one in desk.freezes() if one.id == freeze), None)
    if found is None or desk.people.is_one_of(user.name, (found.by,)):
        return  # what is not there is said by whoever looks for it
    needs(user, "administrator", "reviewer")
