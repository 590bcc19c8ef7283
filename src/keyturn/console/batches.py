"""Several like cases on one page: each shown in full, and one review of them all, bound to the root over what each binds to."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console import show
from keyturn.console.identity import User
from keyturn.console.site import NOTE_CHARS_MAX, Site, wants_json
from keyturn.core.batch import BATCH_MAX
from keyturn.core.case import Case
from keyturn.errors import ReviewError


class Batches:
    """``/batch?case=C-4&case=C-5``, ``/batch?like=C-4``; only what takes nothing away gets that far."""

    def __init__(self, site: Site) -> None:
        self._site, self._desk = site, site.desk

    def routes(self) -> list[Route]:
        return [
            *self._site.page("/batch", self._batch, twin="/batch.json"),
            self._site.deed("/batch/pick", self._pick),
            self._site.deed("/batch/approve", self._approve, roles=("reviewer",), timed=True),
        ]

    async def _pick(self, request: Request, user: User, form: dict[str, str]) -> str:
        """What was selected in the inbox, as an address that can be sent to a colleague."""
        picked = [key.removeprefix("pick-") for key in form if key.startswith("pick-")]
        return "/batch?" + urlencode([("case", one) for one in picked[: BATCH_MAX + 1]])

    async def _batch(self, request: Request, user: User) -> Response:
        like = request.query_params.get("like", "")[:64]
        named = [one[:64] for one in request.query_params.getlist("case")[: BATCH_MAX + 1]]
        if bool(named) == bool(like):
            raise ReviewError("no-batch", "Select the cases in the inbox.")
        cases, root = self._desk.batch(named, like=like)
        found = [self._member(case, user) for case in cases]
        may_not = next((f"{one['id']}: {one['may_not']}" for one in found if one["may_not"]), "")
        hidden = next((f"{one['id']}: {one['whole']}" for one in found if one["whole"]), "")
        told: dict[str, Any] = {"root": root, "cases": found, "may_not": may_not, "whole": hidden}
        if wants_json(request):
            return JSONResponse(told)
        return self._site.show(
            "batch.html",
            request,
            user,
            title=f"{len(found)} cases at one go",
            address=urlencode([("case", one["id"]) for one in found]),
            **told,
        )

    def _member(self, case: Case, user: User) -> dict[str, Any]:
        found = show.at(show.detail(case, ()), self._site.identity.clock())
        return found | {"may_not": self._site.listing.may(case, user)}

    async def _approve(self, request: Request, user: User, form: dict[str, str]) -> str:
        named = [one for one in form.get("cases", "").split(",") if one][: BATCH_MAX + 1]
        await self._desk.review_batch(
            named,
            by=user.name,
            approve=True,
            root=form.get("root", ""),
            note=form.get("note", "").strip()[:NOTE_CHARS_MAX],
            via="console",
        )
        return "/"
