"""The pages: inbox and review, rendered here from the same data as the API, each with a ``.json`` twin."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyturn.console import show
from keyturn.console.forms import Forms, back_to
from keyturn.console.identity import Identity, User
from keyturn.console.templating import make_environment
from keyturn.console.text import seen
from keyturn.core.case import Case, Phase
from keyturn.errors import KeyturnError, ReviewError
from keyturn.runtime.interface import Desk

DECIDED_SHOWN: Final = 60
OPEN_SHOWN: Final = 200
"""A page of more rows than this is not read; the filter finds the rest, and the page says how many there are."""

SUMMARIES_MAX: Final = 20_000
"""Some tens of megabytes; more open cases than this are read by a program."""

DESTROYS: Final = ("delete", "replace")
"""What destroys stands first in the inbox; among equals, what expires first."""

NOTE_CHARS_MAX: Final = 2_000
"""A reason is read by people and by an agent; a longer one belongs into a ticket."""

Page = Callable[[Request, User], Awaitable[Response]]
Deed = Callable[[str, User, dict[str, str]], Awaitable[str]]


class Pages:
    """Every page needs a login; every deed a form that a page of this login made."""

    def __init__(self, desk: Desk, identity: Identity, forms: Forms) -> None:
        self._desk, self._identity, self._forms = desk, identity, forms
        self._templates = make_environment()
        self._summaries: dict[str, tuple[Case, dict[str, Any]]] = {}
        self._deeds: dict[str, tuple[tuple[str, ...], Deed]] = {
            "approve": (("reviewer",), self._approve),
            "deny": (("reviewer",), self._deny),
            "execute": (("reviewer",), self._execute),
            "settle": (("reviewer",), self._settle),
            "undo": (("reviewer", "operator"), self._undo),
            "withdraw": (("operator",), self._withdraw),
        }

    def routes(self) -> list[Route]:
        return [
            Route("/", self._guard(self._inbox)),
            Route("/index.json", self._guard(self._inbox)),
            Route("/c/{id}.json", self._guard(self._case)),
            Route("/c/{id}", self._guard(self._case)),
            Route("/c/{id}/fresh", self._guard(self._fresh)),
            Route("/c/{id}/{verb}", self._decide, methods=["POST"]),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/halt", self._halt, methods=["POST"]),
        ]

    def _guard(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            user = self._forms.user(request)
            if user is not None:
                return await page(request, user)
            if request.url.path.endswith(".json"):
                return JSONResponse({"error": {"code": "login", "message": "log in first"}}, 401)
            if request.url.path.endswith("/fresh"):
                return Response(status_code=401)  # a piece of a page, which asks for the login as a whole
            asked = request.url.path
            return RedirectResponse(f"/login?next={asked}" if asked != "/" else "/login", 303)

        return guarded

    # --- pages -------------------------------------------------------------------------------------------------------

    async def _inbox(self, request: Request, user: User) -> Response:
        wanted = request.query_params.get("q", "").strip()[:200]
        opened = [self._row(case, user) for case in self._desk.cases(open_only=True, limit=100_000)]
        recent = (case for case in self._desk.cases(limit=1_000) if not show.is_open(case))
        ended = [self._row(case, user) for case, _ in zip(recent, range(DECIDED_SHOWN), strict=False)]
        needs = [row for row in opened if _is_mine(row) and _matches(row, wanted)]
        needs.sort(key=lambda row: (row["effect"] not in DESTROYS, row["deadline_ms"] or 0))
        waiting = [row for row in opened if not _is_mine(row) and _matches(row, wanted)]
        decided = [row for row in ended if _matches(row, wanted)]
        if request.url.path.endswith(".json"):
            return JSONResponse({"needs_you": needs, "waiting": waiting, "decided": decided})
        lists = {"needs": needs[:OPEN_SHOWN], "waiting": waiting[:OPEN_SHOWN], "decided": decided}
        counts = {"needs": len(needs), "waiting": len(waiting)}
        return self._page(
            "inbox.html", request, user, title="Inbox", lists=lists, counts=counts, wanted=wanted
        )

    def _row(self, case: Case, user: User) -> dict[str, Any]:
        """One line; made once for a case as it stands, since every open inbox asks for all of them whenever one moves."""
        kept = self._summaries.get(case.id)
        if kept is None or kept[0] is not case:
            if len(self._summaries) >= SUMMARIES_MAX:
                self._summaries.clear()
            kept = self._summaries[case.id] = (case, show.summary(case))
        return kept[1] | {"may_not": self._may(case, user)}

    async def _case(self, request: Request, user: User) -> Response:
        case = self._desk.case(request.path_params["id"])
        if case is None:
            return self._nothing_here(request, user)
        found = show.detail(case, self._desk.story(case.id))
        found["may_not"] = self._may(case, user)
        found["may"] = self._may_do(case, user)
        found["whole"] = show.whole(found)
        if request.url.path.endswith(".json"):
            return JSONResponse(found | {"fresh": await self._freshness(case)})
        return self._page("case.html", request, user, case=found, title=f"{case.id} {found['effect']}")

    async def _fresh(self, request: Request, user: User) -> Response:
        case = self._desk.case(request.path_params["id"])
        fresh = await self._freshness(case) if case else None
        return self._page("fresh.html", request, user, title="State", fresh=fresh)

    async def _freshness(self, case: Case) -> dict[str, Any] | None:
        if case.phase not in {Phase.HELD, Phase.APPROVED}:
            return None
        found: dict[str, Any] = seen(await self._desk.freshness(case.id))
        found["partial"] = bool(case.assessment and case.assessment.unknowns)
        return found

    def _may(self, case: Case, user: User) -> str:
        return (
            self._desk.may_review(case, user.name)
            if "reviewer" in user.roles
            else f"{user.name} is no reviewer"
        )

    def _may_do(self, case: Case, user: User) -> list[str]:
        """The deeds whose buttons this person sees. The desk decides again when one is pressed."""
        excluded = case.request is not None and user.name in case.request.excluded
        own = case.change is not None and case.change.principal.operator == user.name
        may = {
            "approve": case.phase is Phase.HELD and not self._may(case, user),
            "deny": case.phase in {Phase.HELD, Phase.APPROVED} and not excluded,
            "execute": case.phase is Phase.APPROVED and not excluded,
            "settle": case.phase is Phase.INCONCLUSIVE and not own,
            "undo": case.phase in {Phase.CONFIRMED, Phase.FAILED, Phase.HALTED}
            and case.done is not None
            and not case.undone_by,
            "withdraw": case.phase in {Phase.HELD, Phase.APPROVED} and own,
        }
        return [
            deed for deed, possible in may.items() if possible and set(self._deeds[deed][0]) & set(user.roles)
        ]

    # --- deeds -------------------------------------------------------------------------------------------------------

    async def _decide(self, request: Request) -> Response:
        user, case_id = self._forms.user(request), request.path_params["id"]
        if user is None:
            return RedirectResponse("/login", 303)
        form, why = await self._forms.read(request)
        roles, deed = self._deeds.get(request.path_params["verb"], ((), None))
        if deed is None:
            return self._nothing_here(request, user)
        if why or not set(roles) & set(user.roles):
            return self._refused(
                request, user, why or f"{user.name} is no {' or '.join(roles)}.", back=f"/c/{case_id}"
            )
        try:
            return RedirectResponse(await deed(case_id, user, form), 303)
        except KeyturnError as error:
            return self._refused(request, user, error.message, advice=error.help, back=f"/c/{case_id}")

    async def _approve(self, case_id: str, user: User, form: dict[str, str]) -> str:
        case = self._desk.case(case_id)
        if case is not None and (hidden := show.whole(show.detail(case, ()))):
            raise ReviewError("not-whole", hidden, help="look at it in full first: keyturn show -o json")
        return await self._review(case_id, user, form, approve=True)

    async def _deny(self, case_id: str, user: User, form: dict[str, str]) -> str:
        return await self._review(case_id, user, form, approve=False)

    async def _review(self, case_id: str, user: User, form: dict[str, str], *, approve: bool) -> str:
        note = form.get("note", "").strip()[:NOTE_CHARS_MAX]
        binding = form.get("binding", "")
        await self._desk.review(
            case_id, by=user.name, approve=approve, binding=binding, note=note, via="console"
        )
        return f"/c/{case_id}"

    async def _execute(self, case_id: str, user: User, form: dict[str, str]) -> str:
        await self._desk.execute(case_id, by=user.name)
        return f"/c/{case_id}"

    async def _settle(self, case_id: str, user: User, form: dict[str, str]) -> str:
        succeeded = form.get("succeeded") == "yes"
        await self._desk.settle(
            case_id, by=user.name, succeeded=succeeded, note=form.get("note", "")[:NOTE_CHARS_MAX]
        )
        return f"/c/{case_id}"

    async def _undo(self, case_id: str, user: User, form: dict[str, str]) -> str:
        done = await self._desk.undo(case_id, by=user.name)
        return f"/c/{done.id}"

    async def _withdraw(self, case_id: str, user: User, form: dict[str, str]) -> str:
        reason = form.get("note", "").strip()[:NOTE_CHARS_MAX]
        await self._desk.withdraw(case_id, by=user.name, reason=reason)
        return f"/c/{case_id}"

    async def _halt(self, request: Request) -> Response:
        user = self._forms.user(request)
        if user is None:
            return RedirectResponse("/login", 303)
        form, why = await self._forms.read(request)
        if why:
            return self._refused(request, user, why)
        lift = bool(form.get("lift"))
        if lift and not {"reviewer", "administrator"} & set(user.roles):
            return self._refused(
                request, user, f"{user.name} is no reviewer or administrator and cannot lift a halt."
            )
        reason = form.get("reason", "").strip()[:NOTE_CHARS_MAX] or "from the console"
        try:
            await (self._desk.resume(by=user.name) if lift else self._desk.halt(by=user.name, reason=reason))
        except KeyturnError as error:
            return self._refused(request, user, error.message, advice=error.help)
        return RedirectResponse("/", 303)

    # --- in and out --------------------------------------------------------------------------------------------------

    async def _login(self, request: Request) -> Response:
        to = back_to(request.query_params.get("next", "/"))
        if request.method == "GET":
            return self._page("login.html", request, None, title="Log in")
        form, why = await self._forms.read(request, login=True)
        error = why
        if not why:
            try:
                token = await self._identity.login(form.get("token", "").strip())
            except KeyturnError as refused:
                error = refused.message
            else:
                answer = RedirectResponse(to, 303)
                self._forms.let_in(request, answer, token)
                return answer
        return self._page("login.html", request, None, status=401, title="Log in", error=error)

    async def _logout(self, request: Request) -> Response:
        answer = RedirectResponse("/login", 303)
        user = self._forms.user(request)
        if user is not None:
            _, why = await self._forms.read(request)
            if why:
                return self._refused(request, user, why)
            await self._forms.forget(request)
        self._forms.let_out(request, answer)
        return answer

    # --- what went wrong ---------------------------------------------------------------------------------------------

    async def not_found(self, request: Request, error: Exception) -> Response:
        return self._nothing_here(request, self._forms.user(request))

    async def broken(self, request: Request, error: Exception) -> Response:
        """Nothing of the error is shown: it might quote what nobody may read. The log has it."""
        said = "Something broke in Keyturn. Nothing was decided by it; the server's log says what it was."
        return self._message(request, None, "Broken", said, 500)

    def _nothing_here(self, request: Request, user: User | None) -> Response:
        return self._message(request, user, "Nothing here", "There is no page or case of this name.", 404)

    def _refused(
        self, request: Request, user: User, text: str, *, advice: str = "", back: str = "/"
    ) -> Response:  # as in errors.py
        return self._message(request, user, "Refused", text, 403, advice=advice, back=back)

    def _message(
        self, request: Request, user: User | None, title: str, text: str, status: int, **more: str
    ) -> Response:
        path = request.url.path
        if path.endswith(".json") or path.startswith("/api/"):
            return JSONResponse({"error": {"code": title.lower().replace(" ", "-"), "message": text}}, status)
        return self._page("message.html", request, user, status=status, title=title, text=text, **more)

    def _page(
        self, name: str, request: Request, user: User | None, *, status: int = 200, **given: Any
    ) -> Response:
        page = self._templates.get_template(name)
        html = page.render(
            user=user,
            csrf=self._forms.token(request) if user else "",
            plane=seen(self._desk.status()) if user else None,
            path=request.url.path,
            now_ms=time.time_ns() // 1_000_000,
            **given,
        )
        return HTMLResponse(html, status_code=status)


def _is_mine(row: dict[str, Any]) -> bool:
    return row["phase"] == "held" and not row["may_not"]


def _matches(row: dict[str, Any], wanted: str) -> bool:
    """Every word of the filter occurs somewhere in the row."""
    if not wanted:
        return True
    keys = ("id", "phase", "effect", "environment", "agent", "operator", "why")
    text = " ".join([*(str(row[key]) for key in keys), *row["resources"], *row["operations"]]).lower()
    return all(word in text for word in wanted.lower().split())
