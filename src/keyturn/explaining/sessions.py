"""Questions of one session, one after another: each is explained beside those before it."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from keyturn.core.sequences import REMEMBERED_MAX, Earlier, steps_of
from keyturn.explaining.explained import Explained
from keyturn.model.change import READ_EFFECTS, Change
from keyturn.model.decision import Verdict

SESSIONS_MAX: Final = 1_000
"""Sessions remembered at once, the longest unheard of forgotten first; each keeps some hundred bytes a change."""


class Sessions:
    """What was asked before, by session; bounded."""

    def __init__(self) -> None:
        self._earlier: OrderedDict[str, deque[Earlier]] = OrderedDict()
        self._number = 0

    def earlier(self, session: str) -> tuple[Earlier, ...]:
        """What went before in this session; nothing where none is named."""
        return tuple(self._earlier.get(session, ())) if session else ()

    def note(self, session: str, found: Explained, change: Change | None) -> None:
        """Remember a change. What was denied, or is told not to have happened, is no step; a read is none either."""
        self._number += 1
        if not session or change is None or found.decision.verdict is Verdict.DENY or found.asked.note:
            return
        if all(operation.floor in READ_EFFECTS for operation in change.operations):
            return
        steps = self._earlier.setdefault(session, deque(maxlen=REMEMBERED_MAX))
        self._earlier.move_to_end(session)
        steps.append(Earlier(f"#{self._number}", steps_of(change), found.assessment.kinds))
        while len(self._earlier) > SESSIONS_MAX:
            self._earlier.popitem(last=False)
