"""The review page: one case in full, and the deeds that its buttons ask for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from keyturn.console import graph, radius, show
from keyturn.console.forms import credential_of, refused
from keyturn.console.identity import User
from keyturn.console.numbers import whole
from keyturn.console.passkeys import Passkeys
from keyturn.console.precedents import precedents, resembling
from keyturn.console.roles import access
from keyturn.console.signing import Signature, Signing
from keyturn.console.site import NOTE_CHARS_MAX, Site, wants_json
from keyturn.console.text import seen
from keyturn.core.case import Case, Phase
from keyturn.core.review import BREAK_GLASS_ROLE, irrecoverable, may_sign_off
from keyturn.errors import KeyturnError, ReviewError
from keyturn.model.radius import Radius

Deed = Callable[[str, User, dict[str, str]], Awaitable[str]]


class Cases:
    """``/c/C-17``, its twin, its state as it stands now, what the digest covers, and a form for each deed."""

    def __init__(self, site: Site, signing: Signing, passkeys: Passkeys) -> None:
        self._site, self._desk = site, site.desk
        self._signing, self._passkeys = signing, passkeys
        self._deeds: dict[str, tuple[tuple[str, ...], Deed]] = {
            "approve": (("reviewer",), self._approve),
            "deny": (("reviewer",), self._deny),
            "execute": (("reviewer",), self._execute),
            "settle": (("reviewer",), self._settle),
            "undo": (("reviewer", "operator"), self._undo),
            "narrow": (("reviewer", "operator"), self._send_narrower),
            "withdraw": (("operator",), self._withdraw),
            "claim": (("reviewer",), self._claim),
            "release": (("reviewer",), self._release),
            "break-glass": ((BREAK_GLASS_ROLE,), self._break_glass),
            "sign-off": (("reviewer",), self._sign_off),
        }

    def routes(self) -> list[Route]:
        site = self._site
        return [
            *site.page("/c/{id}/raw", self._raw, twin="/c/{id}/raw.json"),
            *site.page("/c/{id}", self._case, twin="/c/{id}.json"),
            *site.page("/c/{id}/fresh", self._fresh),
            Route("/c/{id}/sign", self._sign, methods=["POST"]),
            *site.page("/c/{id}/graph.svg", self._graph, twin="/c/{id}/graph.json"),
            Route("/c/{id}/break-glass", self._decide, methods=["POST"]),
            Route("/c/{id}/{verb}", self._decide, methods=["POST"]),
        ]

    async def _case(self, request: Request, user: User) -> Response:
        case = self._desk.case(request.path_params["id"])
        if case is None:
            return self._site.nothing_here(request, user)
        found = show.at(show.detail(case, self._desk.story(case.id)), self._site.identity.clock())
        found["may_not"] = self._site.listing.may(case, user)
        found["may"] = self._may_do(case, user)
        found["ways"] = show.narrower(case)["ways"]
        found["left"] = show.left(self._desk.case(case.undone_by) if case.undone_by else None)
        found["back"] = self._back(case) if "undo" in found["may"] else None
        found["upkeep"] = [msgspec.to_builtins(self._desk.upkeep(one)) for one in case.backups]
        mine, rows = self._site.listing.row(case), list(self._site.listing.rows())
        found["precedents"], found["resembles"] = precedents(mine, rows), resembling(mine, rows)
        place = self._passkeys.origin or str(self._desk.status().get("console_url", ""))
        found["page"] = f"{place}/c/{case.id}"
        found["passkey"] = {"origin": self._passkeys.origin, "hers": len(self._passkeys.of(user.name))}
        if wants_json(request):
            return JSONResponse(found | {"fresh": await self._freshness(case)})
        return self._site.show("case.html", request, user, case=found, title=f"{case.id} {found['effect']}")

    def _back(self, case: Case) -> dict[str, Any]:
        """How it would be taken back, said before anybody asks for it."""
        (part,) = self._desk.plan_undo(case.id).parts
        return {
            "possible": part.possible,
            "why": part.why,
            "calls": [operation.name for operation in part.operations],
            "loss": list(part.loss),
            "stays": list(part.stays),
        }

    async def _raw(self, request: Request, user: User) -> Response:
        """What the change digest is computed over, as it is hashed: one canonical text, secrets sealed."""
        case = self._desk.case(request.path_params["id"])
        if case is None or case.change is None:
            return self._site.nothing_here(request, user)
        raw = show.raw(case)
        if wants_json(request):
            return JSONResponse(raw)
        return self._site.show("raw.html", request, user, raw=raw, title=f"{case.id} as it is hashed")

    async def _graph(self, request: Request, user: User) -> Response:
        """The blast radius: as a picture, and as the JSON it is drawn from."""
        case = self._desk.case(request.path_params["id"])
        if case is None:
            return self._site.nothing_here(request, user)
        if wants_json(request):
            return JSONResponse(seen(radius.twin(case)))
        known = case.assessment.radius if case.assessment is not None else None
        picture = graph.svg(known or Radius(), narrow=request.query_params.get("narrow") == "1")
        return Response(picture, media_type="image/svg+xml")

    async def _fresh(self, request: Request, user: User) -> Response:
        case = self._desk.case(request.path_params["id"])
        fresh = await self._freshness(case) if case else None
        return self._site.show("fresh.html", request, user, title="State", fresh=fresh)

    async def _freshness(self, case: Case) -> dict[str, Any] | None:
        if case.phase not in {Phase.HELD, Phase.APPROVED}:
            return None
        found: dict[str, Any] = seen(await self._desk.freshness(case.id))
        found["partial"] = bool(case.assessment and case.assessment.unknowns)
        return found

    def _may_do(self, case: Case, user: User) -> list[str]:
        """The deeds whose buttons this person sees. The desk decides again when one is pressed."""
        excluded = case.request is not None and user.name in case.request.excluded
        own = case.change is not None and case.change.principal.operator == user.name
        looks = case.claimed_by == user.name and case.claimed_until_ms > self._site.identity.clock()
        may = {
            "approve": case.phase is Phase.HELD and not self._site.listing.may(case, user),
            "deny": case.phase in {Phase.HELD, Phase.APPROVED} and not excluded,
            "execute": case.phase is Phase.APPROVED and not excluded,
            "settle": case.phase is Phase.INCONCLUSIVE and not own,
            "undo": case.phase in {Phase.CONFIRMED, Phase.FAILED, Phase.HALTED}
            and case.done is not None
            and not case.undone_by,
            "narrow": (own or "reviewer" in user.roles)
            and any(way["sendable"] for way in show.narrower(case)["ways"]),
            "withdraw": case.phase in {Phase.HELD, Phase.APPROVED} and own,
            "claim": case.phase is Phase.HELD and not excluded and not looks,
            "release": case.phase is Phase.HELD and looks,
            "break-glass": case.phase is Phase.HELD and _may_break_glass(case),
            "sign-off": case.glass is not None and may_sign_off(case, user.name, self._desk.people) is None,
        }
        return [
            deed for deed, possible in may.items() if possible and set(self._deeds[deed][0]) & set(user.roles)
        ]

    # --- deeds -------------------------------------------------------------------------------------------------------

    async def _decide(self, request: Request) -> Response:
        site = self._site
        user, case_id = site.forms.user(request), request.path_params["id"]
        if user is None:
            return RedirectResponse("/login", 303)
        form, why = await site.forms.read(request)
        roles, deed = self._deeds.get(request.url.path.rpartition("/")[2], ((), None))
        if deed is None:
            return site.nothing_here(request, user)
        if not why and not set(roles) & set(user.roles):
            why = f"{user.name} needs the role {' or '.join(roles)} for this."
        if why := why or site.forms.too_soon(request, form):
            return site.refused(request, user, why, back=f"/c/{case_id}")
        try:
            return RedirectResponse(await deed(case_id, user, form), 303)
        except KeyturnError as error:
            return site.refused(request, user, error.message, advice=error.help, back=f"/c/{case_id}")

    async def _approve(self, case_id: str, user: User, form: dict[str, str]) -> str:
        return await self._review(case_id, user, form, approve=True)

    async def _sign(self, request: Request) -> Response:
        """What the passkey of whoever approves is asked to sign; a script of ours asks."""
        forms = self._site.forms
        user = forms.user(request)
        if user is None:
            return refused(ReviewError("login", "Log in first."), 401)
        form, why = await forms.read(request)
        try:
            if why:
                raise ReviewError("form", why)
            access("POST", "/c/{id}/sign").check(user)
            note = form.get("note", "").strip()[:NOTE_CHARS_MAX]
            binding = form.get("binding", "")
            asked = self._signing.ask(request.path_params["id"], by=user.name, binding=binding, note=note)
        except KeyturnError as error:
            return refused(error)
        return JSONResponse(asked)

    async def _deny(self, case_id: str, user: User, form: dict[str, str]) -> str:
        return await self._review(case_id, user, form, approve=False)

    async def _review(self, case_id: str, user: User, form: dict[str, str], *, approve: bool) -> str:
        note = form.get("note", "").strip()[:NOTE_CHARS_MAX]
        binding, signature = form.get("binding", ""), None
        if approve and form.get("credential"):
            signature = Signature(form.get("nonce", ""), credential_of(form))
        await self._signing.review(
            case_id,
            by=user.name,
            approve=approve,
            binding=binding,
            note=note,
            via="console",
            signature=signature,
            guidance=form.get("guide", "").strip()[:NOTE_CHARS_MAX],
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
        done = await self._desk.undo(case_id, by=user.name, partly=form.get("partly") == "yes")
        return f"/c/{done.id}"

    async def _send_narrower(self, case_id: str, user: User, form: dict[str, str]) -> str:
        own, number = "reviewer" not in user.roles, whole(form.get("way", "0"), most=999) or 0
        shown = form.get("way_digest", "") or "none"  # what a page sends is what it showed
        sent = await self._desk.send_narrower(case_id, by=user.name, number=number, own=own, shown=shown)
        return f"/c/{sent.id}"

    async def _withdraw(self, case_id: str, user: User, form: dict[str, str]) -> str:
        reason = form.get("note", "").strip()[:NOTE_CHARS_MAX]
        await self._desk.withdraw(case_id, by=user.name, reason=reason)
        return f"/c/{case_id}"

    async def _claim(self, case_id: str, user: User, form: dict[str, str]) -> str:
        await self._desk.claim(case_id, by=user.name, word=form.get("note", ""))
        return f"/c/{case_id}"

    async def _release(self, case_id: str, user: User, form: dict[str, str]) -> str:
        await self._desk.release(case_id, by=user.name)
        return f"/c/{case_id}"

    async def _break_glass(self, case_id: str, user: User, form: dict[str, str]) -> str:
        reason = form.get("note", "").strip()[:NOTE_CHARS_MAX]
        await self._desk.break_glass(case_id, by=user.name, reason=reason, binding=form.get("binding", ""))
        return f"/c/{case_id}"

    async def _sign_off(self, case_id: str, user: User, form: dict[str, str]) -> str:
        right, note = form.get("right") == "yes", form.get("note", "").strip()[:NOTE_CHARS_MAX]
        await self._desk.sign_off(case_id, by=user.name, right=right, note=note)
        return f"/c/{case_id}"


def _may_break_glass(case: Case) -> bool:
    """Whether a button says so; the desk looks at the rest when it is pressed."""
    allowed = case.request is not None and case.request.break_glass
    return allowed and case.assessment is not None and not irrecoverable(case.assessment)
