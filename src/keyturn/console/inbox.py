"""The inbox: what needs you, what waits for others, what was decided; a page at a time."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from keyturn.console.identity import User
from keyturn.console.listing import KEPT, Filter, Tab
from keyturn.console.site import NOTE_CHARS_MAX, Site, wants_json
from keyturn.errors import ReviewError

NAMES: Final = {Tab.NEEDS: "Needs you", Tab.WAITING: "Waiting for others", Tab.DECIDED: "Decided"}

AFTER_CHARS_MAX: Final = 60


class Inbox:
    """``/?tab=needs&q=effect:replace env:prod``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        return [
            *self._site.page("/", self._inbox, twin="/index.json"),
            self._site.deed("/deny", self._deny_several, roles=("reviewer",), timed=True),
        ]

    async def _deny_several(self, request: Request, user: User, form: dict[str, str]) -> str:
        """Deny what was selected, for one reason. A yes is given where each is shown in full: /batch."""
        note = form.get("note", "").strip()[:NOTE_CHARS_MAX]
        picked = {key.removeprefix("pick-"): form[key] for key in form if key.startswith("pick-")}
        if not picked:
            raise ReviewError("nothing-picked", "No case was selected.")
        for case_id, binding in picked.items():
            await self._site.desk.review(
                case_id, by=user.name, approve=False, binding=binding, note=note, via="console"
            )
        return "/"

    async def _inbox(self, request: Request, user: User) -> Response:
        tab = tab_of(request.query_params.get("tab", "" if "reviewer" in user.roles else Tab.WAITING))
        wanted = Filter(request.query_params.get("q", ""))
        after = request.query_params.get("after", "")[:AFTER_CHARS_MAX]
        listing = self._site.listing
        found, counts = listing.find(user, tab, wanted, after), listing.counts(user)
        if wants_json(request):
            return JSONResponse(
                {
                    "tab": tab,
                    "query": wanted.text,
                    "counts": counts,
                    "total": found.total,
                    "cases": [{key: row[key] for key in row if key not in KEPT} for row in found.rows],
                    "following": found.following,
                }
            )
        return self._site.show(
            "inbox.html",
            request,
            user,
            title="Inbox",
            tab=tab,
            tabs=NAMES,
            wanted=wanted.text,
            found=found,
            counts=counts,
            after=after,
        )


def tab_of(text: str) -> Tab:
    """The tab of this name; the first where there is none."""
    return Tab(text) if text in set(Tab) else Tab.NEEDS
