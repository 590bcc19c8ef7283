"""The API's routes for people's part: who looks at a case, batches, break-glass; teams, delegations, other names, agents' owners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from keyturn.console import show
from keyturn.console.bodies import NOTE_CHARS_MAX, read_body
from keyturn.console.identity import Caller
from keyturn.console.proposals import Proposing, Wish
from keyturn.console.signing import may_by_token
from keyturn.core.batch import BATCH_MAX
from keyturn.core.people import People
from keyturn.errors import OperatorError, ReviewError
from keyturn.model.people import Delegation, Member, Wanted
from keyturn.pipeline import spoken
from keyturn.runtime.interface import Desk

Handler = Callable[[Request, Caller], Awaitable[Response]]

_NAMES_MAX: Final = BATCH_MAX + 1
"""One too many is told as such; what comes after it is not read."""


class WordBody(msgspec.Struct, frozen=True):
    word: str = ""


class BatchBody(msgspec.Struct, frozen=True):
    """A yes or a no to exactly the root that was shown."""

    cases: tuple[str, ...]
    approve: bool
    root: str
    note: str = ""
    via: str = "api"


class GlassBody(msgspec.Struct, frozen=True):
    reason: str
    binding: str


class SignOffBody(msgspec.Struct, frozen=True):
    right: bool
    note: str = ""


class TeamBody(msgspec.Struct, frozen=True):
    """The whole team as it is from now on."""

    members: tuple[Member, ...]


class DelegationBody(msgspec.Struct, frozen=True):
    """`person` empty: whoever asks. `from_ms` 0: now."""

    to: str
    until_ms: int = 0
    person: str = ""
    from_ms: int = 0
    reason: str = ""


class AliasBody(msgspec.Struct, frozen=True):
    """`name` is another name of `person`; without a person it is nobody's any more."""

    name: str
    person: str = ""
    kind: str = "identity"


class OwnersBody(msgspec.Struct, frozen=True):
    owners: tuple[str, ...]


class ReviewingApi:
    """Handlers, with the routes they stand at; `Api` guards them by the table of `console.roles`."""

    def __init__(self, desk: Desk, proposing: Proposing, clock: Callable[[], int]) -> None:
        self._desk, self._proposing, self._clock = desk, proposing, clock

    def handlers(self) -> tuple[tuple[str, str, Handler], ...]:
        case = "/api/v1/cases/{id}"
        return (
            ("POST", f"{case}/claim", self._claim),
            ("POST", f"{case}/release", self._release),
            ("POST", f"{case}/break-glass", self._break_glass),
            ("POST", f"{case}/sign-off", self._sign_off),
            ("GET", "/api/v1/afterwards", self._afterwards),
            ("GET", "/api/v1/batch", self._batch),
            ("POST", "/api/v1/batch/review", self._review_batch),
            ("GET", "/api/v1/people", self._people),
            ("POST", "/api/v1/teams/{name}", self._set_team),
            ("POST", "/api/v1/teams/{name}/remove", self._remove_team),
            ("POST", "/api/v1/delegations", self._delegate),
            ("POST", "/api/v1/delegations/end", self._end_delegation),
            ("POST", "/api/v1/aliases", self._alias),
            ("POST", "/api/v1/agents/{name}/owners", self._owners),
        )

    # --- cases -------------------------------------------------------------------------------------------------------

    async def _claim(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, WordBody)
        case = await self._desk.claim(request.path_params["id"], by=user.name, word=body.word)
        return JSONResponse(show.summary(case))

    async def _release(self, request: Request, user: Caller) -> Response:
        return JSONResponse(show.summary(await self._desk.release(request.path_params["id"], by=user.name)))

    async def _break_glass(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, GlassBody)
        case = await self._desk.break_glass(
            request.path_params["id"],
            by=user.name,
            reason=body.reason[:NOTE_CHARS_MAX],
            binding=body.binding,
        )
        return JSONResponse(show.summary(case))

    async def _sign_off(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, SignOffBody)
        case = await self._desk.sign_off(
            request.path_params["id"], by=user.name, right=body.right, note=body.note[:NOTE_CHARS_MAX]
        )
        return JSONResponse(show.summary(case))

    async def _afterwards(self, request: Request, user: Caller) -> Response:
        return JSONResponse({"cases": [show.summary(case) for case in self._desk.afterwards()]})

    # --- several at one go -------------------------------------------------------------------------------------------

    async def _batch(self, request: Request, user: Caller) -> Response:
        like = request.query_params.get("like", "")
        named = request.query_params.getlist("case")[:_NAMES_MAX]
        if bool(named) == bool(like):
            raise OperatorError("batch", "name the cases, or one that the others are like")
        found, root = self._desk.batch(named, like=like)
        return JSONResponse({"root": root, "cases": [show.summary(case) for case in found]})

    async def _review_batch(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, BatchBody)
        named = body.cases[:_NAMES_MAX]
        for case_id in named:
            may_by_token(self._desk.case(case_id), case_id, user, signs=False)
        found = await self._desk.review_batch(
            named,
            by=user.name,
            approve=body.approve,
            root=body.root,
            note=body.note[:NOTE_CHARS_MAX],
            via=body.via[:20],
        )
        return JSONResponse({"root": body.root, "cases": [show.summary(case) for case in found]})

    # --- people ------------------------------------------------------------------------------------------------------

    async def _people(self, request: Request, user: Caller) -> Response:
        return JSONResponse(people(self._desk.people, self._clock()))

    async def _set_team(self, request: Request, user: Caller) -> Response:
        name, body = request.path_params["name"], await read_body(request, TeamBody)
        if not body.members:
            raise OperatorError("team-size", f"{name} has no members", help=f"keyturn team remove {name}")
        return await self._want(user, Wanted("team", name, members=body.members))

    async def _remove_team(self, request: Request, user: Caller) -> Response:
        return await self._want(user, Wanted("team", request.path_params["name"]))

    async def _want(self, user: Caller, wanted: Wanted) -> Response:
        """Done, or proposed; with people as they are now."""
        return self._told(await self._proposing.want(wanted, by=user.name))

    async def _delegate(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, DelegationBody)
        known, reason = self._desk.people, body.reason[:NOTE_CHARS_MAX]
        from_ms = body.from_ms or self._clock()
        person = known.person(self._whose(body.person, user))
        if person == known.person(user.name):
            await self._desk.delegate(
                body.to, by=user.name, from_ms=from_ms, until_ms=body.until_ms, reason=reason
            )
            return self._told(Wish())
        lent = Delegation(person, known.person(body.to), from_ms, body.until_ms, spoken(reason))
        return await self._want(user, Wanted("delegation", person, delegation=lent))

    async def _end_delegation(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, DelegationBody)
        await self._desk.end_delegation(self._whose(body.person, user), body.to, by=user.name)
        return JSONResponse(people(self._desk.people, self._clock()))

    def _whose(self, person: str, user: Caller) -> str:
        """Her own place, or somebody else's by an administrator."""
        if not person or self._desk.people.is_one_of(user.name, (person,)):
            return user.name
        if "administrator" not in user.roles:
            raise ReviewError("not-yours", f"{user.name} lends her own place, and nobody else's")
        return person

    async def _alias(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, AliasBody)
        people = (body.person,) if body.person else ()
        return await self._want(user, Wanted("alias", body.name, people=people, sort=body.kind[:20]))

    async def _owners(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, OwnersBody)
        return await self._want(user, Wanted("owners", request.path_params["name"], people=body.owners))

    def _told(self, wish: Wish) -> Response:
        became = {"proposal": wish.proposal, "unreviewed": wish.unreviewed}
        return JSONResponse(people(self._desk.people, self._clock()) | became)


def people(known: People, at_ms: int) -> dict[str, Any]:
    """Teams, delegations that run or will, other names, agents' owners, teams by the provider's groups."""
    return {
        "teams": {team: msgspec.to_builtins(members) for team, members in sorted(known.teams.items())},
        "delegations": [msgspec.to_builtins(one) for one in known.delegations if one.until_ms > at_ms],
        "aliases": dict(sorted(known.aliases.items())),
        "owners": {agent: list(owners) for agent, owners in sorted(known.owners.items()) if owners},
        "mapped": {person: list(teams) for person, teams in sorted(known.mapped.items()) if teams},
    }
