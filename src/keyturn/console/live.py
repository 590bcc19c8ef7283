"""What happens, as it happens: server-sent events for open pages (WHATWG HTML, 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from keyturn.console.identity import User
from keyturn.runtime.interface import Desk, Notice

BEAT_S: Final = 15.0
"""Silence longer than this is taken for a dead connection by many proxies; also how long an ended login may still listen."""

TOGETHER_S: Final = 0.15
"""Notices this close together are one: a case that runs through ten phases makes a page ask once."""

LISTENERS_MAX: Final = 1_000
"""Each open page is one connection; a reload loop should not take all that the process has."""


PLANE_EVENTS: Final = frozenset({"halt_raised", "halt_lifted", "freeze_set"})
QUIET: Final = frozenset({"attached", "detached"})


class Live:
    """The stream behind open pages. It ends with the login."""

    def __init__(self, desk: Desk, user_of: Callable[[Request], User | None]) -> None:
        self._desk, self._user_of = desk, user_of
        self._listeners = 0

    async def listen(self, request: Request) -> Response:
        """``GET /events[?case=C-1]``: an event ``moved`` whenever something (of this case) was recorded."""
        if self._user_of(request) is None:
            return Response(status_code=401)
        if self._listeners >= LISTENERS_MAX:
            return Response("too many open pages", status_code=503, headers={"retry-after": "30"})
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        last = request.headers.get("last-event-id", "")
        after = _number(last) or _number(request.query_params.get("after", ""))
        case = request.query_params.get("case", "")
        notices = self._desk.subscribe(after=after)
        coming = asyncio.ensure_future(_next(notices))
        self._listeners += 1
        try:
            yield "retry: 2000\n\n"
            while True:
                done, _ = await asyncio.wait({coming}, timeout=BEAT_S)
                if self._user_of(request) is None:
                    yield "event: ended\ndata: the login has ended\n\n"
                    return
                if not done:
                    yield ": still here\n\n"
                    continue
                said: Notice | None = None
                await asyncio.sleep(TOGETHER_S)
                while coming.done():
                    notice = coming.result()
                    if notice is None:
                        return  # it lagged too far behind; the page asks again
                    if _matters(notice, case):
                        said = notice
                    coming = asyncio.ensure_future(_next(notices))
                    await asyncio.sleep(0)
                if said is not None:
                    yield f"id: {said.seq}\nevent: moved\ndata: {_data(said)}\n\n"
        finally:
            self._listeners -= 1
            coming.cancel()


async def _next(notices: AsyncIterator[Notice]) -> Notice | None:
    return await anext(notices, None)


def _matters(notice: Notice, case: str) -> bool:
    """Whether a page changes by it: reads and sessions come by the hundred and no page shows them."""
    if not notice.case_id:
        return notice.event in PLANE_EVENTS
    return notice.event not in QUIET and case in {"", notice.case_id}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _data(notice: Notice) -> str:
    return json.dumps({"case": notice.case_id, "event": notice.event})
