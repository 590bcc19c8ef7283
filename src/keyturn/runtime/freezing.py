"""Freezes as people set and lift them: on the log, and heard by every node before the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from keyturn.core import freezing
from keyturn.core.freezing import Freeze
from keyturn.model import record as r
from keyturn.runtime.book import Book


class Freezing:
    """Sets and lifts freezes; the desk asks. Each is judged on those that stand at its entry of the log."""

    def __init__(self, book: Book, clock: Callable[[], int], heard: Callable[[], Awaitable[None]]) -> None:
        self._book, self._clock, self._heard = book, clock, heard

    def standing(self) -> tuple[Freeze, ...]:
        """Those that are on, and those that will be."""
        return self._book.plane.freezes.standing(self._clock())

    async def set(
        self, *, by: str, environment: str, account: str, from_ms: int, until_ms: int, reason: str
    ) -> Freeze:
        """Raises `OperatorError` where it says nothing, or nonsense."""
        made: list[r.FreezeSet] = []

        def begins() -> tuple[r.FreezeSet]:
            made[:] = [
                freezing.set_by(
                    self._book.plane.freezes,
                    by=by,
                    environment=environment,
                    account=account,
                    from_ms=from_ms,
                    until_ms=until_ms,
                    reason=reason,
                    at_ms=self._clock(),
                )
            ]
            return (made[0],)

        await self._book.note_from(begins)
        await self._heard()
        return freezing.made(made[0])

    async def lift(self, freeze: str, *, by: str, reason: str) -> None:
        """Raises `ReviewError` where it is not there, or is not hers to lift."""

        def ends() -> tuple[r.FreezeLifted]:
            found = self._book.plane.freezes.named(freeze)
            people = self._book.plane.people
            return (
                freezing.lifted_by(
                    self._book.plane.freezes,
                    freeze,
                    by=by,
                    mine=found is not None and people.is_one_of(by, (found.by,)),
                    runs=self._runs(by),
                    reason=reason,
                    at_ms=self._clock(),
                ),
            )

        await self._book.note_from(ends)

    def _runs(self, by: str) -> str:
        """An agent that is at work for her, under whatever name; empty where none is."""
        plane, people, now = self._book.plane, self._book.plane.people, self._clock()
        return next(
            (
                session.agent
                for session in plane.sessions.values()
                if plane.open_session(session.session, now) is not None
                and people.is_one_of(by, (*session.people, *people.owners.get(session.agent, ())))
            ),
            "",
        )
