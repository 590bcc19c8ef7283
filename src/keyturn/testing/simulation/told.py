"""A history as its checker reads it: each case's lines of the durable log, with the moment each became durable."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from keyturn.errors import BugError
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.change import Change
from keyturn.model.decision import Decision, Verdict
from keyturn.model.execution import Outcome, OutcomeStatus
from keyturn.model.review import Review, ReviewRequest
from keyturn.testing.simulation.history import History


class Line(msgspec.Struct):
    """One entry of the log with the moment it became durable."""

    moment: int
    event: r.Event
    seq: int


class Told(msgspec.Struct):
    """One case as its lines tell it."""

    case_id: str
    lines: list[Line] = []

    def events(self, *kinds: type) -> Iterator[tuple[int, int, r.Event]]:
        """(place, moment, event) of these kinds."""
        for place, line in enumerate(self.lines):
            if isinstance(line.event, kinds):
                yield place, line.moment, line.event

    def change(self, upto: int | None = None) -> Change:
        found = None
        for line in self.lines[:upto]:
            if isinstance(line.event, r.Received | r.Joined | rv.Narrowed):
                found = line.event.change
        if found is None:
            raise BugError("no-change", f"{self.case_id} begins without its change")
        return found

    def tokens(self) -> set[str]:
        """Of every request that ever was part of the case: of two second halves the later one counts."""
        return {
            operation.parameters.get("token", "")
            for line in self.lines
            if isinstance(line.event, r.Received | r.Joined)
            for operation in line.event.change.operations
        }

    def outcome_of(self, token: str, written: int) -> Outcome | None:
        """What these first entries of the log say of the operation that this request is."""
        found = None
        for place, _, event in self.events(r.Answered, r.Reconciled):
            if isinstance(event, r.Answered | r.Reconciled) and self.lines[place].seq <= written:
                operation = self.change(place).operations[event.operation]
                found = event.outcome if operation.parameters.get("token") == token else found
        return found

    def says_done(self, outcome: Outcome | None) -> bool:
        """By its outcome, or by a person who looked."""
        settled = any(
            isinstance(event, r.Settled) and event.succeeded for _, _, event in self.events(r.Settled)
        )
        return settled or (outcome is not None and outcome.status is OutcomeStatus.SUCCEEDED)

    def decided(self, upto: int | None = None) -> tuple[int, Decision, ReviewRequest | None] | None:
        found = None
        for place, line in enumerate(self.lines[:upto]):
            if isinstance(line.event, r.Decided):
                found = (place, line.event.decision, line.event.request)
        return found

    def reviews(self, decided: int, claimed: int) -> list[Review]:
        """Those that stand under one decision until its claim: carried over to it, and given for it."""
        found: list[Review] = []
        for line in self.lines[decided:claimed]:
            if isinstance(line.event, r.Decided):
                found += line.event.carried
            elif isinstance(line.event, r.Reviewed):
                found.append(line.event.review)
        return found

    def assessed_digest(self, upto: int) -> str:
        found = ""
        for line in self.lines[:upto]:
            if isinstance(line.event, r.Assessed):
                found = line.event.assessment.state_digest
        return found

    @property
    def was_held(self) -> bool:
        return any(
            event.decision.verdict is Verdict.HOLD
            for _, _, event in self.events(r.Decided)
            if isinstance(event, r.Decided)
        )


class Evidence(msgspec.Struct):
    history: History
    cases: dict[str, Told]
    order: list[tuple[str, r.Event]]  # as the log has them; the plane's own under an empty case

    @classmethod
    def of(cls, history: History) -> Evidence:
        """What a history left behind, taken apart."""
        cases: dict[str, Told] = {}
        order = []
        for entry, moment in zip(history.entries, history.moments, strict=True):
            order.append((entry.case_id, event := entry.event()))
            if entry.case_id:
                lines = cases.setdefault(entry.case_id, Told(entry.case_id)).lines
                lines.append(Line(moment, event, entry.seq))
        return cls(history, cases, order)
