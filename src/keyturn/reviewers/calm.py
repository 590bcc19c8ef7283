"""Attention is kept for what needs it: what is not urgent is told together, and not at night."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from zoneinfo import available_timezones

import msgspec

from keyturn.errors import OperatorError
from keyturn.model.notice import ASKS, Notice, NoticeKind
from keyturn.model.people import DAYS, Window
from keyturn.reviewers.interface import Channel
from keyturn.stores.interface import Store

WAITING: Final = "notice_waiting"
LINES_MAX: Final = 20
"""Of a digest; more are counted. The inbox has them all."""


_NIGHT: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d) ([A-Za-z0-9_+/-]+)")


def night(text: str) -> Window | None:
    """``22:00-07:00 Europe/Berlin`` as a window of every day; None for nothing. Raises `OperatorError` for what is neither."""
    if not text:
        return None
    found = _NIGHT.fullmatch(text.strip())
    if found is None or found[5] not in available_timezones():
        raise OperatorError(
            "channels-quiet",
            f"channels.quiet {text[:60]!r} is no span of hours with a time zone",
            help='write quiet = "22:00-07:00 Europe/Berlin"',
        )
    return Window(DAYS, f"{found[1]}:{found[2]}", f"{found[3]}:{found[4]}", found[5])


class Calm:
    """A channel before which notices wait. `settled` says of a case that nobody has to decide it any more; `quiet` that it is night."""

    def __init__(
        self,
        inner: Channel,
        store: Store,
        *,
        digest_s: float,
        quiet: Callable[[int], bool],
        settled: Callable[[str], bool],
        inbox: str,
    ) -> None:
        self.name = inner.name
        self._inner, self._store, self._digest_ms = inner, store, int(digest_s * 1000)
        self._quiet, self._settled, self._inbox = quiet, settled, inbox

    async def tell(self, notice: Notice, *, at_ms: int = 0) -> None:
        """Urgent ones at once; others are kept, durably, until their digest is due."""
        if notice.urgent or not self._digest_ms:
            await self._inner.tell(notice)
            return
        kept = _Kept(at_ms=at_ms, notice=notice)
        await self._store.put_row(WAITING, f"{self.name} {notice.id}", msgspec.json.encode(kept))

    async def due(self, at_ms: int) -> int:
        """Tell what has waited long enough, as one; returns how many notices were in it. What was settled meanwhile is left out."""
        mine = [row for row in self._store.rows(WAITING) if row.key.startswith(f"{self.name} ")]
        waiting = [msgspec.json.decode(row.value, type=_Kept) for row in mine]
        first_ms = min((one.at_ms for one in waiting), default=at_ms)
        if not waiting or self._quiet(at_ms) or at_ms - first_ms < self._digest_ms:
            return 0
        open_ones = [
            one.notice
            for one in waiting
            if one.notice.kind not in ASKS or not self._settled(one.notice.case_id)
        ]
        if open_ones:
            await self._inner.tell(_digest(open_ones, self._inbox))
        for row in mine:
            await self._store.delete_row(WAITING, row.key)
        return len(open_ones)


class _Kept(msgspec.Struct, frozen=True):
    at_ms: int
    notice: Notice


def _digest(notices: list[Notice], inbox: str) -> Notice:
    if len(notices) == 1:
        return notices[0]
    asked = sum(notice.kind in ASKS for notice in notices)
    title = (
        f"{len(notices)} things from Keyturn, {asked} to decide"
        if asked
        else f"{len(notices)} things from Keyturn"
    )
    lines = [f"- {notice.title}" for notice in notices[:LINES_MAX]]
    if len(notices) > LINES_MAX:
        lines.append(f"- and {len(notices) - LINES_MAX} more")
    kind = NoticeKind.HELD if asked else NoticeKind.DONE
    return Notice(id=notices[-1].id, kind=kind, title=title, lines=tuple(lines), url=inbox)
