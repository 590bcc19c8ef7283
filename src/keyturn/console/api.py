"""The HTTP API, ``/api/v1``: what the CLI and the pages speak to. JSON in, JSON out; errors have code, message and help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console import radius, show
from keyturn.console.backups_api import BackupsApi
from keyturn.console.bodies import NOTE_CHARS_MAX, is_json, read_body
from keyturn.console.evidence_api import EvidenceApi
from keyturn.console.freezes import FreezesApi
from keyturn.console.identity import Caller, Identity, User
from keyturn.console.listing import Filter, Listing, Tab
from keyturn.console.metrics import Metrics
from keyturn.console.narrow_api import NarrowApi
from keyturn.console.numbers import number
from keyturn.console.people_api import PeopleApi
from keyturn.console.rehearsal_api import RehearsalApi
from keyturn.console.reviewing_api import ReviewingApi
from keyturn.console.roles import Access, access
from keyturn.console.signing import Signature, Signing, may_by_token
from keyturn.console.text import seen
from keyturn.console.tokens import Tokens
from keyturn.errors import KeyturnError, OperatorError, ReviewError, StoreError, UnavailableError
from keyturn.runtime.interface import Desk, Rehearser

STATUS: Final = {
    "login": 401,
    "too-many": 429,
    "no-case": 404,
    "no-user": 404,
    "no-token": 404,
    "no-team": 404,
    "may-not": 403,
    "own-agent": 403,
    "forbidden": 403,
    "not-yours": 403,
    "token-cannot-sign": 403,
    "no-reviewer": 403,
    "irreversible": 403,
    "stale": 409,
    "claimed": 409,
    "no-batch": 409,
    "no-proposal": 404,
    "own-proposal": 403,
    "subject": 403,
    "no-administrator": 403,
    "decided": 409,
    "changed": 409,
}

CASES_MAX: Final = 1_000
"""More cases than this are not one answer but an export."""


class LoginBody(msgspec.Struct, frozen=True):
    token: str


class ReviewBody(msgspec.Struct, frozen=True):
    """A yes or a no to exactly the binding that was shown."""

    approve: bool
    binding: str
    note: str = ""
    guide: str = ""  # with a no: what the agent should do instead; it reads it as your words
    via: str = "api"
    signature: Signature | None = None


class SignBody(msgspec.Struct, frozen=True):
    binding: str
    note: str = ""


class ReasonBody(msgspec.Struct, frozen=True):
    reason: str = ""
    agent: str = ""


class UndoBody(msgspec.Struct, frozen=True):
    """Cases by name, those of a session, or those that left since a time (of an agent)."""

    cases: tuple[str, ...] = ()
    session: str = ""
    since_ms: int | None = None
    agent: str = ""
    plan: bool = False  # say what would be done, and ask for nothing
    partly: bool = False  # of a case of which some steps do not come back, the rest


class DrillBody(msgspec.Struct, frozen=True):
    kinds: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()


class SettleBody(msgspec.Struct, frozen=True):
    succeeded: bool
    note: str = ""


class SessionBody(msgspec.Struct, frozen=True):
    agent: str = "agent"
    ttl_s: int = 8 * 3600
    suggest_only: bool = False


Handler = Callable[[Request, Caller], Awaitable[Response]]
Guarded = tuple[str, str, Handler]


class Authority(Protocol):
    """The proxy's certificate authority."""

    @property
    def pem(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def rotate(self) -> None: ...


class Api:
    """The routes, over a desk and the people who may use it."""

    def __init__(
        self,
        desk: Desk,
        identity: Identity,
        authority: Authority | None = None,
        *,
        people: PeopleApi,
        reviewing: ReviewingApi,
        signing: Signing,
        tokens: Tokens,
        metrics: Metrics | None = None,
        open_metrics: bool = False,
        rehearser: Rehearser | None = None,
        listing: Listing | None = None,
    ) -> None:
        self._desk, self._identity, self._authority = desk, identity, authority
        self._listing = listing or Listing(desk)  # the pages' own, where there are pages
        self._metrics, self._open_metrics = metrics, open_metrics
        self._evidence = EvidenceApi(desk, identity)
        self._narrow, self._backups, self._freezes = NarrowApi(desk), BackupsApi(desk), FreezesApi(desk)
        self._rehearsals = RehearsalApi(desk, rehearser)
        self._people, self._signing, self._tokens = people, signing, tokens
        self._reviewing = reviewing

    def routes(self) -> list[Route]:
        """Every route; all but login need a token."""
        guarded: list[Guarded] = [
            ("GET", "/api/v1/whoami", self._whoami),
            ("GET", "/api/v1/status", self._status),
            ("GET", "/api/v1/openapi.json", self._openapi),
            ("GET", "/api/v1/cases", self._cases),
            ("GET", "/api/v1/cases/{id}", self._case),
            ("GET", "/api/v1/cases/{id}/fresh", self._fresh),
            ("GET", "/api/v1/cases/{id}/graph", self._graph),
            ("GET", "/api/v1/log", self._evidence.log),
            ("POST", "/api/v1/cases/{id}/review", self._review),
            ("POST", "/api/v1/cases/{id}/sign", self._sign),
            ("POST", "/api/v1/cases/{id}/execute", self._execute),
            ("POST", "/api/v1/cases/{id}/withdraw", self._withdraw),
            ("POST", "/api/v1/cases/{id}/settle", self._settle),
            ("POST", "/api/v1/cases/{id}/undo", self._undo),
            ("POST", "/api/v1/undo", self._undo_several),
            ("GET", "/api/v1/cases/{id}/narrow", self._narrow.ways),
            ("POST", "/api/v1/cases/{id}/narrow", self._narrow.send),
            ("POST", "/api/v1/drill", self._drill),
            *self._backups.routes(),
            ("GET", "/api/v1/sessions", self._sessions),
            ("POST", "/api/v1/sessions", self._open_session),
            ("POST", "/api/v1/sessions/{id}/end", self._end_session),
            ("POST", "/api/v1/rehearsals", self._rehearsals.open),
            ("POST", "/api/v1/rehearsals/{id}/end", self._rehearsals.end),
            ("POST", "/api/v1/halt", self._halt),
            ("POST", "/api/v1/resume", self._resume),
            ("GET", "/api/v1/freezes", self._freezes.standing),
            ("POST", "/api/v1/freezes", self._freezes.set),
            ("POST", "/api/v1/freezes/{id}/lift", self._freezes.lift),
            ("GET", "/api/v1/export", self._evidence.export),
            ("GET", "/api/v1/evidence/sample", self._evidence.sample),
            ("GET", "/api/v1/evidence/calls", self._evidence.calls),
            ("GET", "/api/v1/evidence/controls", self._evidence.controls),
            ("GET", "/api/v1/attention", self._evidence.attention),
            ("GET", "/api/v1/ca", self._ca),
            ("POST", "/api/v1/ca/rotate", self._rotate),
            ("POST", "/api/v1/logout", self._logout),
            *self._people.handlers(),
            *self._reviewing.handlers(),
        ]
        made = [
            Route(path, self._guard(access(method, path), handler), methods=[method])
            for method, path, handler in guarded
        ]
        metrics = (
            self._all_metrics
            if self._open_metrics
            else self._guard(access("GET", "/metrics"), self._some_metrics)
        )
        return [
            Route("/api/v1/login", self._login, methods=["POST"]),
            Route("/metrics", metrics, methods=["GET"]),
            *made,
        ]

    def _guard(self, given: Access, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            user = self.user_of(request)
            if user is None:
                return _error(ReviewError("login", "log in first", help="keyturn login"))
            if request.method == "POST" and not is_json(request):
                return _not_json()
            try:
                given.check(user)
                if user.through == "token":
                    await self._tokens.used(_bearer(request))
                return await handler(request, user)
            except KeyturnError as error:
                return _error(error)

        return guarded

    def user_of(self, request: Request) -> Caller | None:
        """The user of the bearer token. Cookies count for nothing here: a page of somebody else can make a browser send them."""
        token = _bearer(request)
        return self._identity.who(token) if token else None

    # --- people ------------------------------------------------------------------------------------------------------

    async def _login(self, request: Request) -> Response:
        if not is_json(request):
            return _not_json()
        try:
            body = await read_body(request, LoginBody)
            found = self._identity.find(body.token)
            login = await self._identity.login(body.token)
            fresh = found is not None and found.kind == "invite"
            enrolment = await self._identity.enrolment(login) if fresh else ""
            return JSONResponse({"token": login, "passkey": enrolment})
        except KeyturnError as error:
            return _error(error)

    async def _logout(self, request: Request, user: Caller) -> Response:
        if user.through == "token":
            raise ReviewError("forbidden", "a token does not log out", help="keyturn token revoke")
        await self._identity.logout(_bearer(request))
        return JSONResponse({"user": user.name})

    async def _whoami(self, request: Request, user: Caller) -> Response:
        said = {"user": user.name, "roles": list(user.roles), "through": user.through}
        return JSONResponse(said | {"page": f"{self._place()}/me"})

    # --- cases -------------------------------------------------------------------------------------------------------

    async def _cases(self, request: Request, user: Caller) -> Response:
        asked, her = request.query_params, User(user.name, user.roles)
        open_only, tab = asked.get("open", "") == "1", asked.get("tab", "")
        found = self._listing.some(
            her,
            Tab(tab) if tab in set(Tab) else None,
            Filter(asked.get("q", "")),
            open_only=open_only,
            limit=min(CASES_MAX, number(request, "limit", 200)),
        )
        now_ms = self._identity.clock()
        rows = [
            show.at(row, now_ms) | {"may_not": self._may(self._desk.case(row["id"]), user)} for row in found
        ]
        return JSONResponse({"cases": rows, "counts": self._listing.counts(her)})

    def _may(self, case: Any, user: Caller) -> str:
        if "reviewer" not in user.roles:
            return f"{user.name} is no reviewer"
        return self._desk.may_review(case, user.name)

    async def _case(self, request: Request, user: Caller) -> Response:
        case = self._desk.case(request.path_params["id"])
        if case is None:
            raise ReviewError(
                "no-case", f"there is no case {request.path_params['id']}", help="keyturn inbox lists them"
            )
        found = show.at(show.detail(case, self._desk.story(case.id)), self._identity.clock())
        beside = {
            "may_not": self._may(case, user),
            "page": f"{self._place()}/c/{case.id}",
            "left": show.left(self._desk.case(case.undone_by) if case.undone_by else None),
        }
        return JSONResponse(found | beside)

    def _place(self) -> str:
        """Where people open the console: where passkeys work, else as it is reached."""
        return self._people.origin or str(self._desk.status().get("console_url", ""))

    async def _fresh(self, request: Request, user: Caller) -> Response:
        return JSONResponse(await self._desk.freshness(request.path_params["id"]))

    async def _graph(self, request: Request, user: Caller) -> Response:
        """Who relies on what goes: the value, and what is said of it."""
        case = self._desk.case(request.path_params["id"])
        if case is None:
            raise ReviewError("no-case", f"there is no case {request.path_params['id']}")
        return JSONResponse(seen(radius.twin(case)))

    async def _review(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, ReviewBody)
        case_id = request.path_params["id"]
        may_by_token(self._desk.case(case_id), case_id, user, signs=body.signature is not None)
        case = await self._signing.review(
            case_id,
            by=user.name,
            approve=body.approve,
            binding=body.binding,
            note=body.note[:NOTE_CHARS_MAX],
            via=body.via[:20],
            signature=body.signature,
            guidance=body.guide[:NOTE_CHARS_MAX],
        )
        return JSONResponse(show.summary(case))

    async def _sign(self, request: Request, user: Caller) -> Response:
        """What the caller's passkey is asked to sign, to approve the case as it was shown to her."""
        body = await read_body(request, SignBody)
        case_id = request.path_params["id"]
        may_by_token(self._desk.case(case_id), case_id, user, signs=True)
        note = body.note[:NOTE_CHARS_MAX]
        return JSONResponse(self._signing.ask(case_id, by=user.name, binding=body.binding, note=note))

    async def _execute(self, request: Request, user: Caller) -> Response:
        return JSONResponse(show.summary(await self._desk.execute(request.path_params["id"], by=user.name)))

    async def _withdraw(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, ReasonBody)
        reason = body.reason[:NOTE_CHARS_MAX]
        case = await self._desk.withdraw(request.path_params["id"], by=user.name, reason=reason)
        return JSONResponse(show.summary(case))

    async def _settle(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, SettleBody)
        note = body.note[:NOTE_CHARS_MAX]
        case = await self._desk.settle(
            request.path_params["id"], by=user.name, succeeded=body.succeeded, note=note
        )
        return JSONResponse(show.summary(case))

    async def _undo(self, request: Request, user: Caller) -> Response:
        return JSONResponse(show.summary(await self._desk.undo(request.path_params["id"], by=user.name)))

    async def _undo_several(self, request: Request, user: Caller) -> Response:
        """Several cases, a session's, or all since a time; with `plan` only said, and nothing is asked for."""
        body = await read_body(request, UndoBody)
        cases, since_ms = body.cases, body.since_ms
        if body.plan:
            await self._desk.at_hand(*cases)
            plan = self._desk.plan_undo(*cases, session=body.session, since_ms=since_ms, agent=body.agent)
            return JSONResponse({"parts": msgspec.to_builtins(plan.parts)})
        case = await self._desk.undo(
            *cases,
            by=user.name,
            session=body.session,
            since_ms=since_ms,
            agent=body.agent,
            partly=body.partly,
        )
        return JSONResponse(show.summary(case))

    async def _drill(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, DrillBody)
        found = await self._desk.drill(by=user.name, kinds=body.kinds, resources=body.resources)
        return JSONResponse({"drills": msgspec.to_builtins(found)})

    # --- sessions and the plane --------------------------------------------------------------------------------------

    async def _sessions(self, request: Request, user: Caller) -> Response:
        found = [
            {
                "session": key.session,
                "agent": key.agent,
                "operator": key.operator,
                "expires_at_ms": key.expires_at_ms,
            }
            for key in self._desk.sessions()
        ]
        return JSONResponse({"sessions": found})

    async def _open_session(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, SessionBody)
        key = await self._desk.open_session(
            operator=user.name,
            agent=body.agent[:64] or "agent",
            ttl_s=body.ttl_s,
            suggest_only=body.suggest_only,
        )
        status = self._desk.status()
        return JSONResponse(
            {
                "session": key.session,
                "access_key_id": key.access_key_id,
                "secret_access_key": key.secret,
                "expires_at_ms": key.expires_at_ms,
                "endpoint_url": status.get("gateway_url", ""),
                "region": status.get("region", ""),
                "mode": status["mode"],
                "proxy_url": status.get("proxy_url", ""),
                "ca": self._authority.pem if self._authority else "",
            }
        )

    async def _end_session(self, request: Request, user: Caller) -> Response:
        session = request.path_params["id"]
        mine = any(key.session == session and key.operator == user.name for key in self._desk.sessions())
        if not mine and not {"administrator", "reviewer"} & set(user.roles):
            raise ReviewError("not-yours", f"{user.name} needs the role administrator or reviewer for this")
        body = await read_body(request, ReasonBody)
        await self._desk.end_session(session, by=user.name, reason=body.reason[:NOTE_CHARS_MAX])
        return JSONResponse({"session": session})

    async def _halt(self, request: Request, user: Caller) -> Response:
        body = await read_body(request, ReasonBody)
        await self._desk.halt(by=user.name, reason=body.reason[:NOTE_CHARS_MAX], agent=body.agent)
        return JSONResponse(self._desk.status())

    async def _resume(self, request: Request, user: Caller) -> Response:
        await self._desk.resume(by=user.name, agent=(await read_body(request, ReasonBody)).agent)
        return JSONResponse(self._desk.status())

    async def _status(self, request: Request, user: Caller) -> Response:
        return JSONResponse(self._desk.status())

    async def _openapi(self, request: Request, user: Caller) -> Response:
        from keyturn.console.openapi import document  # noqa: PLC0415  # it describes this very module

        return JSONResponse(document(self.routes()))

    async def _ca(self, request: Request, user: Caller) -> Response:
        ca = self._proxy()
        return JSONResponse({"pem": ca.pem, "fingerprint": ca.fingerprint})

    async def _rotate(self, request: Request, user: Caller) -> Response:
        ca = self._proxy()
        ca.rotate()
        await self._desk.record_authority(by=user.name, fingerprint=ca.fingerprint)
        return JSONResponse({"pem": ca.pem, "fingerprint": ca.fingerprint})

    def _proxy(self) -> Authority:
        if self._authority is None:
            raise OperatorError(
                "no-proxy",
                "this gateway is no proxy",
                help="set gateway.proxy = true in keyturn.toml, and restart it",
            )
        return self._authority

    async def _some_metrics(self, request: Request, user: Caller) -> Response:
        return await self._all_metrics(request)

    async def _all_metrics(self, request: Request) -> Response:
        if self._metrics is None:
            return Response(b"", media_type="text/plain")
        return Response(self._metrics.page(), media_type=self._metrics.kind)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _not_json() -> JSONResponse:
    return _error(OperatorError("content-type", "send application/json"), 415)


def _error(error: KeyturnError, status: int = 0) -> JSONResponse:
    body = {"error": {"code": error.code, "message": error.message, "help": error.help}}
    if isinstance(error, (StoreError, UnavailableError)):
        status = status or 503  # not the asker's fault, and worth asking again
    return JSONResponse(body, status_code=status or STATUS.get(error.code, 400))
