"""What happens, as it happens: server-sent events for open pages (WHATWG HTML, 9.2).

One subscription to the plane serves every open page. What a page has to draw is made once for all who see the same: a line of
the inbox is rendered once, and three hundred open inboxes are sent the same bytes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from keyturn.console.activity import told
from keyturn.console.identity import User
from keyturn.console.inbox import tab_of
from keyturn.console.listing import CASES_MAX, Filter, Tab
from keyturn.console.numbers import whole
from keyturn.console.site import Site
from keyturn.console.turns import DUTY_S
from keyturn.core.case import Case, Phase
from keyturn.runtime.interface import Notice

BEAT_S: Final = 15.0
"""Silence longer than this is taken for a dead connection by many proxies; also how long an ended login may still listen."""

ROWS_S: Final = 0.01
"""Events this close together are drawn once; what runs through ten phases at once is one line of an inbox."""

TOGETHER_S: Final = 0.15
"""A page that is asked for anew, as a whole, waits a little longer for what comes with it."""

LISTENERS_MAX: Final = 1_000
"""Each open page is one connection; a reload loop should not take all that the process has."""

BEHIND_MAX: Final = 200
"""Messages that wait for one page. One that lags further behind is let go; it comes back and is told to draw itself anew."""

MISSED_MAX: Final = 500
"""Entries that a page may have missed and still be told of one by one."""

PLANE_EVENTS: Final = frozenset({"halt_raised", "halt_lifted", "freeze_set", "freeze_lifted"})
SESSION_EVENTS: Final = frozenset({"session_opened", "session_ended"})
PEOPLE_EVENTS: Final = frozenset(
    {"user_changed", "identity_mapped", "team_changed", "alias_changed", "delegated", "delegation_ended"}
)
QUIET: Final = frozenset({"attached", "detached"})


class Viewer:
    """One open page. Each message to one is a call of the kernel and a turn of its task: what comes together is sent together."""

    def __init__(self, request: Request, user: User) -> None:
        given = request.query_params
        self.user, self.request = user, request
        self.case = given.get("case", "")[:64]
        self.view = given.get("view", "")[:20]
        self.json = given.get("as", "") == "json"  # a program reads it: values, not pieces of a page
        self.tab, self.wanted = tab_of(given.get("tab", "")), Filter(given.get("q", ""))
        self.waiting: list[bytes] = []
        self.counted: _Counts = (-1, -1)  # as its head has them
        self.lost = self.asked_anew = False
        self._woken: asyncio.Future[None] | None = None
        self._heart: asyncio.TimerHandle | None = None

    def beat(self) -> None:
        """Now and then, whatever happens: the line is held open, and the login looked at again."""
        self._heart = asyncio.get_running_loop().call_later(BEAT_S, self.beat)
        self.asked_anew = True
        self.tell(b": still here\n\n")

    def leave(self) -> None:
        if self._heart is not None:
            self._heart.cancel()

    def tell(self, message: bytes) -> None:
        if len(self.waiting) >= BEHIND_MAX:
            self.lost = True
        else:
            self.waiting.append(message)
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def told(self) -> bytes:
        """All that has come; waits until something has. Asked by the one task that sends it."""
        if not self.waiting:
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
            self._woken = None
        messages, self.waiting = self.waiting, []
        return b"".join(messages)


_Counts = tuple[int, int]
"""How many cases wait for a person, and how many for others."""


class _Turn:
    """What is open for one person, kept as it moves."""

    def __init__(self, kind: int) -> None:
        self.kind = kind  # of whom, as `turns.Place` has it: another when her duty begins
        self.needs: set[str] = set()
        self.waiting: set[str] = set()

    def put(self, case_id: str, tab: Tab) -> Tab:
        """Where it stood before."""
        before = Tab.DECIDED
        for there, cases in ((Tab.NEEDS, self.needs), (Tab.WAITING, self.waiting)):
            if case_id in cases:
                before = there
                cases.remove(case_id)
        if tab is not Tab.DECIDED:
            (self.needs if tab is Tab.NEEDS else self.waiting).add(case_id)
        return before

    @property
    def counts(self) -> _Counts:
        return len(self.needs), len(self.waiting)


class Live:
    """The streams behind open pages. Each ends with its login."""

    def __init__(self, site: Site, user_of: Callable[[Request], User | None]) -> None:
        self._site, self._desk, self._listing, self._user_of = site, site.desk, site.listing, user_of
        self._viewers: set[Viewer] = set()
        self._turns: dict[User, _Turn] = {}
        self._listening: asyncio.Task[None] | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._cases: dict[str, Notice] = {}  # that moved since pages were last told
        self._slowly: dict[str, Notice] = {}
        self._told = 0  # of the log, on pages that show it
        self._saying: dict[_Counts, bytes] = {}  # most people have the same before them
        self._due = self._due_slowly = False

    async def listen(self, request: Request) -> Response:
        """``GET /events``: ``moved`` when the page (of a ``case``) is to be asked for anew, ``row`` for a line of the inbox,
        ``line`` for one of the log, ``counts`` for the head of every page. With ``as=json`` lines are values, for programs.
        """
        user = self._user_of(request)
        if user is None:
            return Response(status_code=401)
        if len(self._viewers) >= LISTENERS_MAX:
            return Response("too many open pages", status_code=503, headers={"retry-after": "30"})
        return StreamingResponse(self._stream(Viewer(request, user)), media_type="text/event-stream")

    async def _stream(self, viewer: Viewer) -> AsyncIterator[bytes]:
        self._join(viewer)
        try:
            yield b"retry: 2000\n\n"
            self._catch_up(viewer)
            viewer.beat()
            while not viewer.lost:
                message = await viewer.told()
                if viewer.asked_anew and self._user_of(viewer.request) is None:
                    yield b"event: ended\ndata: the login has ended\n\n"
                    return
                viewer.asked_anew = False
                yield message
        finally:
            self._leave(viewer)

    # --- who listens -------------------------------------------------------------------------------------------------

    def _join(self, viewer: Viewer) -> None:
        self._viewers.add(viewer)
        if viewer.user not in self._turns:
            self._turns[viewer.user] = self._turn(viewer.user)
        viewer.counted = self._turns[viewer.user].counts  # its page said them a moment ago
        if self._listening is None or self._listening.done():
            self._told = self._head()
            self._listening = asyncio.create_task(self._listen())
            self._look()

    def _turn(self, user: User) -> _Turn:
        """Of somebody who is judged as she is, where one is here already: then only what names one of the two is asked for."""
        turns, place = self._listing.turns, self._listing.turns.place(user)
        turn, names = _Turn(place.kind), None
        for other, known in self._turns.items():
            if known.kind == place.kind and other.roles == user.roles:
                turn.needs, turn.waiting = set(known.needs), set(known.waiting)
                names = place.names | turns.place(other).names
                break
        for case in self._desk.cases(open_only=True, limit=CASES_MAX):
            if names is None or turns.names(case, names):
                turn.put(case.id, self._listing.tab(case, user))
        return turn

    def _leave(self, viewer: Viewer) -> None:
        viewer.leave()
        self._viewers.discard(viewer)
        if not any(other.user == viewer.user for other in self._viewers):
            self._turns.pop(viewer.user, None)
        if not self._viewers and self._listening is not None:
            self._listening.cancel()
            self._listening = None
            if self._looking is not None:
                self._looking.cancel()

    def _catch_up(self, viewer: Viewer) -> None:
        """What happened between the moment the page was made and now."""
        asked = viewer.request
        seen, shown = asked.headers.get("last-event-id", ""), asked.query_params.get("after", "")
        after = whole(seen) or whole(shown)
        if not after or after >= self._head():
            return
        entries = self._desk.log(after=after, limit=MISSED_MAX)
        if len(entries) >= MISSED_MAX or viewer.view not in {"inbox", "activity"}:
            tags = [(entry.case_id, str(type(entry.event()).__struct_config__.tag)) for entry in entries]
            notices = [Notice(entries[0].seq, case_id, tag) for case_id, tag in tags]
            if len(entries) >= MISSED_MAX or any(_matters(notice, viewer.case) for notice in notices):
                viewer.tell(_event("moved", {"case": viewer.case, "event": "missed"}, self._head()))
            return
        if viewer.view == "activity":
            for entry in entries:
                self._draw_line(told(entry, self._desk.case), {}, (viewer,))
            return
        for case_id in dict.fromkeys(entry.case_id for entry in entries if entry.case_id):
            case = self._desk.case(case_id)
            if case is not None:
                tab = self._listing.tab(case, viewer.user)
                self._draw_row(case, self._head(), {}, ((viewer, tab),))
        viewer.counted = -1, -1
        self._count(viewer)

    # --- what moves --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            async for notice in self._desk.subscribe():
                if notice.event in PEOPLE_EVENTS:
                    self._people_changed()
                if notice.event not in QUIET:
                    self._cases[notice.case_id] = self._slowly[notice.case_id] = notice
                if not self._due:
                    self._due = True
                    loop.call_later(ROWS_S, self._flush)
                if not self._due_slowly:
                    self._due_slowly = True
                    loop.call_later(TOGETHER_S, self._flush_slowly)
            for viewer in self._viewers:  # the subscription lagged behind and was dropped
                viewer.tell(_event("moved", {"case": viewer.case, "event": "missed"}, self._head()))

    def _people_changed(self) -> None:
        """Logins may have ended and turns have changed: everybody is asked who she is, and whose list is another draws it anew."""
        for viewer in self._viewers:
            viewer.asked_anew = True
        self._turn_anew(list(self._turns))

    def _look(self) -> None:
        """Now and then, whatever happens: windows open and close, and delegations begin and end, by the clock alone."""
        if self._looking is not None:
            self._looking.cancel()
        self._looking = asyncio.get_running_loop().call_later(DUTY_S, self._look)
        place = self._listing.turns.place
        self._turn_anew([user for user, turn in self._turns.items() if place(user).kind != turn.kind])

    def _turn_anew(self, users: list[User]) -> None:
        others = set()
        for user in users:
            before, turn = self._turns[user], self._turn(user)
            self._turns[user] = turn
            if turn.needs != before.needs:
                others.add(user)
        for viewer in self._viewers:
            self._count(viewer)
            if viewer.user in others and viewer.view in {"", "inbox"}:
                viewer.tell(_event("moved", {"case": viewer.case, "event": "turn"}, self._head()))

    def _flush(self) -> None:
        """Lines of inboxes and of the log. The counts at the head of a page come along where a line does, else a little later."""
        self._due = False
        cases, self._cases = self._cases, {}
        head = self._head()
        inboxes: dict[User, list[Viewer]] = {}
        for viewer in self._viewers:
            if viewer.view == "inbox":
                inboxes.setdefault(viewer.user, []).append(viewer)
        drawn: dict[Any, bytes] = {}
        told_to: set[Viewer] = set()
        for case_id in cases:
            case = self._desk.case(case_id) if case_id else None
            if case is not None:
                concerned = self._put(case, inboxes)
                self._draw_row(case, head, drawn, concerned)
                told_to.update(viewer for viewer, _ in concerned)
        for viewer in told_to:
            self._count(viewer)
        readers = [viewer for viewer in self._viewers if viewer.view == "activity"]
        if readers:
            for entry in self._desk.log(after=self._told, limit=MISSED_MAX):
                # Of what comes after it nobody knows yet whose it is; it is told when that is known.
                if entry.seq <= head:
                    self._draw_line(told(entry, self._desk.case), drawn, readers)
        self._told = head

    def _put(self, case: Case, inboxes: dict[User, list[Viewer]]) -> list[tuple[Viewer, Tab]]:
        """Where the case stands now, for everybody; and the open inboxes that show it or showed it, each with where it stands for its reader.

        What is decided is not counted and may be on any page of a list, so that such a list is always told.
        """
        concerned = []
        for user, turn in self._turns.items():
            tab = self._listing.tab(case, user)
            before = turn.put(case.id, tab)
            concerned += [(one, tab) for one in inboxes.get(user, ()) if one.tab in (tab, before)]
        return concerned

    def _count(self, viewer: Viewer) -> None:
        """The counts at the head of its page, if they are others than it has."""
        counts = self._turns[viewer.user].counts
        if counts != viewer.counted:
            viewer.counted = counts
            if counts not in self._saying:
                self._saying = {counts: _event("counts", {"needs": counts[0], "waiting": counts[1]})}
            viewer.tell(self._saying[counts])

    def _flush_slowly(self) -> None:
        """Pages that are asked for anew as a whole."""
        self._due_slowly = False
        notices, self._slowly = self._slowly, {}
        for viewer in self._viewers:
            said = None
            for notice in notices.values():
                if self._concerns(viewer, notice):
                    said = notice
            if said is not None:
                viewer.tell(_event("moved", {"case": said.case_id, "event": said.event}, said.seq))
            self._count(viewer)

    def _concerns(self, viewer: Viewer, notice: Notice) -> bool:
        if notice.event in PLANE_EVENTS:
            return True
        if viewer.view == "agents":
            return bool(notice.case_id) or notice.event in SESSION_EVENTS
        if viewer.view:
            return False  # told line by line, or shows nothing that moves
        return _matters(notice, viewer.case)

    # --- drawing -----------------------------------------------------------------------------------------------------

    def _draw_row(
        self, case: Case, head: int, drawn: dict[Any, bytes], viewers: Iterable[tuple[Viewer, Tab]]
    ) -> None:
        """`viewers`, each with where the case stands for its reader."""
        if case.phase is Phase.NEW:
            return
        row = self._listing.row(case)
        for viewer, tab in viewers:
            belongs = tab is viewer.tab and viewer.wanted(row)
            key = (case.id, tab if belongs else "")
            message = drawn.get(key)
            if message is None:
                html = self._site.row_html(row, tab) if belongs else ""
                told_ = {"id": case.id, "html": html, "rank": row["rank"], "like": row["like"]}
                message = drawn[key] = _event("row", told_, head)
            viewer.tell(message)

    def _draw_line(
        self, line: dict[str, Any], drawn: dict[Any, bytes], viewers: tuple[Viewer, ...] | list[Viewer]
    ) -> None:
        if line["event"] in QUIET:
            return
        for viewer in viewers:
            if not viewer.wanted(line):
                continue
            key = (line["seq"], viewer.json)
            message = drawn.get(key)
            if message is None:
                told_ = _bare(line) if viewer.json else {"html": self._site.line_html(line)}
                message = drawn[key] = _event("line", told_, line["seq"])
            viewer.tell(message)

    def _head(self) -> int:
        return int(self._desk.head())


def _bare(line: dict[str, Any]) -> dict[str, Any]:
    """Without what is there to be searched in."""
    return {key: value for key, value in line.items() if key != "text"}


def _matters(notice: Notice, case: str) -> bool:
    """Whether a page changes by it: reads and sessions come by the hundred and no page shows them."""
    if not notice.case_id:
        return notice.event in PLANE_EVENTS
    return notice.event not in QUIET and case in {"", notice.case_id}


def _event(name: str, data: dict[str, Any], seq: int = 0) -> bytes:
    mark = f"id: {seq}\n" if seq else ""
    return f"{mark}event: {name}\ndata: {json.dumps(data)}\n\n".encode()
