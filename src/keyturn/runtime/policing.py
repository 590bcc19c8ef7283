"""Which policies decide here: always those that the log says are in force, whatever stands on this machine's disk.

The log follows what was loaded or approved on any node, and every answer follows the log (`engine`). What is loaded here is compared with what
is in force first (`core.policing`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from keyturn import pipeline
from keyturn.core import policing
from keyturn.core.people import People
from keyturn.core.policing import Compared
from keyturn.core.ports import Facts, PolicyEngine
from keyturn.errors import PolicyError, ReviewError
from keyturn.model import record as r
from keyturn.model.assessment import Assessment
from keyturn.model.change import Change
from keyturn.model.decision import Decision
from keyturn.model.quorum import Quorum
from keyturn.runtime.book import Book

log = logging.getLogger("keyturn")

SHOWN_MAX: Final = 3
"""Ways in which policies that wait are milder, where the whole plane is told about; the proposal has them all."""


class PolicyTexts(Protocol):
    """Every policy that was loaded, by its digest."""

    async def keep(self, policy: PolicyEngine) -> None:
        """Under the digest that decisions name, before it decides anything."""
        ...

    def open(self, digest: str) -> PolicyEngine:
        """Raises `PolicyError` where it is not kept, or cannot be read any more."""
        ...

    async def compare(self, before: PolicyEngine, after: PolicyEngine) -> tuple[str, ...]:
        """What `after` lets through that `before` does not, in lines; none where it is proved that there is nothing."""
        ...


class NoPolicy:
    """In the place of policies that are in force and cannot be read: everything is denied, and why is said."""

    def __init__(self, digest: str, why: str) -> None:
        self.digest, self._why = digest, why

    def answer(self, change: Change, assessment: Assessment, facts: Facts) -> Decision:
        return pipeline.internal_doubt(self._why, self.digest)

    def trees(self) -> tuple[Quorum, ...]:
        return ()


class Policing:
    """Without `texts` whatever is loaded is in force, as for a runtime that stands alone in a test."""

    def __init__(
        self, book: Book, policy: PolicyEngine, texts: PolicyTexts | None, clock: Callable[[], int]
    ) -> None:
        self._book, self._texts, self._clock = book, texts, clock
        self._configured = self._engine = policy
        self._followed = ""  # the digest on the log that the engine is of

    @property
    def _people(self) -> People:
        return self._book.plane.people

    def engine(self) -> PolicyEngine:
        """The policies in force, as of the last entry folded here."""
        held = self._people.proposals.policy
        if self._texts is None or held is None or held.policy_digest == self._followed:
            return self._engine
        self._followed = held.policy_digest
        if self._configured.digest == held.policy_digest:
            self._engine = self._configured
        elif self._engine.digest != held.policy_digest:
            try:
                self._engine = self._texts.open(held.policy_digest)
            except PolicyError as error:
                log.exception("the policy in force cannot be read, everything is denied: %s", error.message)
                self._engine = NoPolicy(held.policy_digest, error.message)
        return self._engine

    def readable(self, digest: str) -> None:
        """Raises `ReviewError` where these policies could not be put in force."""
        try:
            if self._texts is not None:
                self._texts.open(digest)
        except PolicyError as error:
            raise ReviewError("unreadable", error.message, help=error.help) from error

    async def load(self, policy: PolicyEngine, loaded: r.PolicyLoaded) -> None:
        """Put them in force, or propose them. Raises `PolicyError` where what is in force could not be read, to be compared with or to stay."""
        if self._texts is None:
            await self._book.note(loaded)
            self._engine = policy
            return
        await self._texts.keep(policy)
        compared: Compared | None = None
        while True:
            before = policing.to_compare(self._people, policy.digest, self._clock())
            if before and (compared is None or compared.before != before):
                held = self._texts.open(before)
                await self._texts.keep(held)  # another version of Keyturn may see other facts in it
                compared = Compared(before, policy.digest, await self._texts.compare(held, policy))
            if await self._loaded(loaded, compared):
                break
        self._configured = policy
        self.engine()

    async def _loaded(self, loaded: r.PolicyLoaded, compared: Compared | None) -> bool:
        """False where something else was put in force meanwhile."""
        found: list[tuple[r.PlaneEvent, ...] | None] = []

        def chosen() -> tuple[r.PlaneEvent, ...]:
            now = msgspec.structs.replace(loaded, at_ms=self._clock())  # a proof takes seconds
            found.append(policing.load(self._people, now, compared))
            return found[-1] or ()

        await self._book.note_from(chosen)
        return found[-1] is not None

    def status(self) -> dict[str, Any]:
        """What is in force, what this process was given to load, and what waits."""
        in_force = self.engine().digest
        now = self._clock()
        waits = [
            {
                "id": one.id,
                "by": one.by,
                "packs": list(one.wanted.packs),
                "digest": one.wanted.name,
                "relaxes": list(one.wanted.relaxes[:SHOWN_MAX]),
                "ways": len(one.wanted.relaxes),
                "until_ms": one.until_ms,
            }
            for one in self._people.proposals.waiting.values()
            if one.wanted.kind == "policy" and one.until_ms > now
        ]
        return {
            "policy_digest": in_force,
            "policy_configured": self._configured.digest,
            "policy_waits": waits,
        }
