"""The desk's part for changes among people and of policy that wait for another administrator."""

from __future__ import annotations

from keyturn import pipeline
from keyturn.core import proposing
from keyturn.core.quorum import leaves
from keyturn.errors import ReviewError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.people import Wanted
from keyturn.model.review import NotAccepted
from keyturn.runtime.book import WAITING
from keyturn.runtime.interface import Put
from keyturn.runtime.reviewing import WORD_CHARS_MAX, ReviewingSide


class ProposingSide(ReviewingSide):
    """Decision and effect stand in the log together or not at all; each is made on people as they are at that entry."""

    def proposals(self) -> tuple[rv.Proposed, ...]:
        """Those that wait, oldest first."""
        now = self.work.clock()
        return tuple(one for one in self.people.proposals.waiting.values() if one.until_ms > now)

    def left_out(self) -> frozenset[str]:
        """Teams that some quorum leaves out: of the policies in force, or of a case that waits for people."""
        found = {team for tree in self.work.policy.trees() for leaf in leaves(tree) for team in leaf.outside}
        for case in self.work.book.cases.values():
            if case.phase in WAITING and case.request is not None:
                found |= {
                    team for tree in case.request.needs for leaf in leaves(tree) for team in leaf.outside
                }
        return frozenset(found)

    async def propose(self, wanted: Wanted, *, by: str) -> Put:
        made: list[r.PlaneEvent] = []

        def proposed() -> tuple[r.PlaneEvent, ...]:
            events = proposing.propose(self.people, wanted, by, self.work.clock(), self.left_out())
            made[:] = events
            return events

        await self.work.book.note_from(proposed)
        await self.void_what_fell()
        first, *rest = made
        if not isinstance(first, rv.Proposed):
            return Put(done=True)
        decided = [event.unreviewed for event in rest if isinstance(event, rv.ProposalDecided)]
        return Put(done=bool(decided), id=first.id, unreviewed=decided[0] if decided else "")

    async def decide_proposal(self, id_: str, *, by: str, approve: bool, note: str = "") -> rv.Proposed:
        found: list[rv.Proposed] = []
        refused: list[NotAccepted] = []
        note = pipeline.spoken(note)[:WORD_CHARS_MAX]
        waits = self.people.proposals.waiting.get(id_)
        if approve and waits is not None and waits.wanted.kind == "policy":
            self.work.policing.readable(waits.wanted.name)

        def decided() -> tuple[r.PlaneEvent, ...]:
            people, now = self.people, self.work.clock()
            judged = proposing.judge(people, id_, by, now, approve=approve)
            found.clear()
            refused.clear()
            if isinstance(judged, NotAccepted):
                refused.append(judged)
                if judged.code == "no-proposal":  # anybody can invent a number
                    return ()
                return (rv.ProposalRefused(now, by, id_, judged.code, judged.message),)
            found.append(judged)
            return proposing.decide(people, judged, by, now, approve=approve, note=note)

        await self.work.book.note_from(decided)
        for answer in refused:
            raise ReviewError(answer.code, answer.message, help=answer.help)
        await self.void_what_fell()
        return found[0]
