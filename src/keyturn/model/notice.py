"""What people are told of, in a few lines that the plane wrote itself. What an agent asked stands apart, as data."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class NoticeKind(StrEnum):
    """Why somebody is told."""

    HELD = "held"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    APPROVED = "approved"
    REJECTED = "rejected"
    OVER = "over"  # expired, withdrawn, invalidated, halted: nothing is to be decided any more
    DONE = "done"
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # a person has to look
    BROKEN_GLASS = "broken_glass"
    HALT = "halt"
    FREEZE = "freeze"  # set, or lifted before its time
    PEOPLE = "people"  # who may decide is changed, or is to be


ASKS = frozenset({NoticeKind.HELD, NoticeKind.REMINDER, NoticeKind.ESCALATED})
"""These ask for a decision; whatever comes later of the same case settles them."""


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that people hear. `id` is that of the log's entry: told again it is the same. `url` is where it is decided.

    `urgent` waits for no digest and no morning. `binding` is what a decision made in the channel names; empty where it has to be made
    on the page. `asked` is then all that is asked, as it is: whoever decides reads it.
    """

    id: str
    kind: NoticeKind
    title: str
    lines: tuple[str, ...] = ()
    case_id: str = ""
    url: str = ""
    urgent: bool = False
    binding: str = ""
    asked: str = ""

    @property
    def text(self) -> str:
        """As plain text."""
        return "\n".join((*self.lines, *((self.url,) if self.url else ())))
