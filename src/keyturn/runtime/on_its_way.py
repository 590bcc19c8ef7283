"""What is being written: it stands in the log before whatever is judged now, and is not folded yet.

Who judges (a review, a change that comes in, a claim) waits for what would change that, and for nothing else: judgements of many
cases go on side by side, and go into one group of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from keyturn.core.case import Case
from keyturn.model import record as r
from keyturn.model import reviewing as rv
from keyturn.model.decision import Verdict

ONLY_TOLD: Final = (
    r.ReadsForwarded,
    r.PartsSent,
    r.RequestRefused,
    rv.ProposalRefused,
)
"""Events of the plane that nothing is judged by, and that anybody can cause as often as she likes: nobody waits for them."""

EVERYBODY: Final = frozenset({""})
"""Concerned by what becomes of the plane: people, policy, halts, sessions. A no to a case concerns its session's next change."""


class OnItsWay:
    """What is being written, each with whom it concerns: sessions, or everybody."""

    def __init__(self) -> None:
        self._writing: dict[asyncio.Event, frozenset[str]] = {}

    def find(self, concerned: frozenset[str]) -> asyncio.Event | None:
        """Something that these have to know; it is set when that is folded, or has failed. None: judge now."""
        return next((there for there, whom in self._writing.items() if whom & concerned), None)

    def begins(
        self, there: asyncio.Event, drafts: Sequence[r.Draft], standing: Callable[[str], Case]
    ) -> None:
        """These are next in the log."""
        concerned = frozenset().union(*(_concerned(draft, standing) for draft in drafts))
        if concerned:
            self._writing[there] = concerned

    def ends(self, there: asyncio.Event) -> None:
        """Whoever waits goes on when this task waits next: fold before."""
        self._writing.pop(there, None)
        there.set()

    def comes_to_nothing(self, there: asyncio.Event) -> None:
        """It was not written, and is judged again."""
        self._writing.pop(there, None)


def _concerned(draft: r.Draft, standing: Callable[[str], Case]) -> frozenset[str]:
    if not draft.case_id:
        return frozenset() if isinstance(draft.event, ONLY_TOLD) else EVERYBODY
    if not _says_no(draft.event):
        return frozenset()
    change = standing(draft.case_id).change
    return EVERYBODY if change is None else frozenset({change.principal.session})


def _says_no(event: r.Event) -> bool:
    """What `core.routing.variant_of_denied` goes by."""
    if isinstance(event, r.Reviewed):
        return not event.review.approve
    return isinstance(event, r.Decided) and event.decision.verdict is Verdict.DENY
