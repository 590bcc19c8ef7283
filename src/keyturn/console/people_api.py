"""The part of the API that is about people: users, their passkeys, their tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyturn.console.bodies import read_body
from keyturn.console.identity import Caller, Identity, Token
from keyturn.console.passkeys import Passkey, Passkeys
from keyturn.console.proposals import Proposing, shown
from keyturn.console.tokens import Tokens
from keyturn.errors import OperatorError, ReviewError
from keyturn.model.people import Wanted

Handler = Callable[[Request, Caller], Awaitable[Response]]


class UserBody(msgspec.Struct, frozen=True):
    name: str
    roles: tuple[str, ...]


class TokenBody(msgspec.Struct, frozen=True):
    name: str
    scopes: tuple[str, ...]
    days: int = 30
    environments: tuple[str, ...] = ()


class ProposalNote(msgspec.Struct, frozen=True):
    note: str = ""


class PeopleApi:
    """Handlers, with the routes they stand at; `Api` guards them by the table of `console.roles`."""

    def __init__(self, identity: Identity, passkeys: Passkeys, tokens: Tokens, proposing: Proposing) -> None:
        self._identity, self._passkeys, self._tokens = identity, passkeys, tokens
        self._proposing = proposing

    @property
    def origin(self) -> str:
        """Where passkeys work; empty where they do not."""
        return self._passkeys.origin

    def handlers(self) -> tuple[tuple[str, str, Handler], ...]:
        return (
            ("GET", "/api/v1/users", self._users),
            ("POST", "/api/v1/users", self._add_user),
            ("POST", "/api/v1/users/{name}/invite", self._invite_user),
            ("POST", "/api/v1/users/{name}/remove", self._remove_user),
            ("GET", "/api/v1/users/{name}/passkeys", self._list_passkeys),
            ("POST", "/api/v1/users/{name}/passkeys/{id}/remove", self._remove_passkey),
            ("GET", "/api/v1/proposals", self._proposals),
            ("POST", "/api/v1/proposals", self._propose),
            ("POST", "/api/v1/proposals/{id}/approve", self._approve),
            ("POST", "/api/v1/proposals/{id}/deny", self._deny),
            ("GET", "/api/v1/tokens", self._list_tokens),
            ("POST", "/api/v1/tokens", self._add_token),
            ("POST", "/api/v1/tokens/{id}/revoke", self._revoke_token),
        )

    async def _users(self, request: Request, user: Caller) -> Response:
        return JSONResponse(
            {
                "users": [
                    {
                        "name": one.name,
                        "roles": list(one.roles),
                        "passkeys": len(self._passkeys.of(one.name)),
                    }
                    for one in self._identity.users()
                ]
            }
        )

    async def _add_user(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, UserBody)
        return await self._want(user, Wanted("user", body.name, roles=body.roles))

    async def _want(self, user: Caller, wanted: Wanted) -> Response:
        wish = await self._proposing.want(wanted, by=user.name)
        return JSONResponse(
            {"user": wish.user, "token": wish.token, "proposal": wish.proposal, "unreviewed": wish.unreviewed}
        )

    async def _invite_user(self, request: Request, user: Caller) -> Response:
        return await self._want(user, Wanted("invite", request.path_params["name"]))

    async def _proposals(self, request: Request, user: Caller) -> Response:
        return JSONResponse({"proposals": [shown(one) for one in self._proposing.waiting()]})

    async def _propose(self, request: Request, user: Caller) -> Response:
        return await self._want(user, await read_body(request, Wanted))

    async def _approve(self, request: Request, user: Caller) -> Response:
        return await self._decide(request, user, approve=True)

    async def _deny(self, request: Request, user: Caller) -> Response:
        return await self._decide(request, user, approve=False)

    async def _decide(self, request: Request, user: Caller, *, approve: bool) -> Response:
        body, id_ = await read_body(request, ProposalNote), request.path_params["id"]
        said = await self._proposing.decide(id_, by=user.name, approve=approve, note=body.note)
        return JSONResponse(said)

    async def _remove_user(self, request: Request, user: Caller) -> Response:
        name = request.path_params["name"]
        await self._identity.remove(name, by=user.name)
        for key, _ in self._passkeys.of(name):
            await self._passkeys.remove(name, key, by=user.name)
        return JSONResponse({"user": name})

    async def _list_passkeys(self, request: Request, user: Caller) -> Response:
        name = request.path_params["name"]
        _own(user, name, "administrator", "auditor")
        found = [shown_passkey(key, kept) for key, kept in self._passkeys.of(name)]
        return JSONResponse({"passkeys": found})

    async def _remove_passkey(self, request: Request, user: Caller) -> Response:
        name, key = request.path_params["name"], request.path_params["id"]
        _own(user, name, "administrator")
        await self._passkeys.remove(name, key, by=user.name)
        return JSONResponse({"user": name, "id": key})

    async def _list_tokens(self, request: Request, user: Caller) -> Response:
        everybody = request.query_params.get("all", "") == "1"
        if everybody:
            _own(user, "", "administrator", "auditor")
        found = [shown_token(one) for one in self._tokens.of("" if everybody else user.name)]
        return JSONResponse({"tokens": found})

    async def _add_token(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, TokenBody)
        made, text = await self._tokens.add(user, body.name, body.scopes, body.days, body.environments)
        return JSONResponse(shown_token(made) | {"token": text})

    async def _revoke_token(self, request: Request, user: Caller) -> Response:
        return JSONResponse(shown_token(await self._tokens.revoke(user, request.path_params["id"])))


def shown_passkey(key: str, kept: Passkey) -> dict[str, Any]:
    """A passkey for people: nothing of it is secret, and its keys say nothing to them."""
    return {
        "id": key,
        "name": kept.name,
        "made_at_ms": kept.made_at_ms,
        "used_at_ms": kept.used_at_ms,
        "cloned": kept.cloned,
    }


def shown_token(token: Token) -> dict[str, Any]:
    """A token for people, without itself."""
    return {
        "id": token.id,
        "user": token.user,
        "name": token.name,
        "scopes": list(token.scopes),
        "environments": list(token.environments),
        "made_at_ms": token.made_at_ms,
        "expires_at_ms": token.expires_at_ms,
        "used_at_ms": token.used_at_ms,
    }


def _own(user: Caller, name: str, *roles: str) -> None:
    """Her own, or another's by one of these roles."""
    if user.name != name and not set(roles) & set(user.roles):
        raise ReviewError("not-yours", f"{user.name} needs the role {' or '.join(roles)} for another's")
    if not name.isascii():
        raise OperatorError("user-name", "that is no user's name")
