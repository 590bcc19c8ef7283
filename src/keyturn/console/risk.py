"""How bad it would be if a change went wrong, in four steps: what orders an inbox. Nothing is decided by it; policy does that."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from keyturn.console.answers import nothing_there
from keyturn.model.assessment import Assessment, Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect

PRODUCTION: Final = frozenset({"production", "unknown"})
"""What nobody can name counts as production."""

_AUTHORITY: Final = frozenset(
    {Kind.DELEGATED_AUTHORITY, Kind.EXPOSURE, Kind.OPAQUE, Kind.SECRET, Kind.BACKUP_STRIP}
)


class Risk(IntEnum):
    """The dots in front of a case."""

    LOW = 1  # put back in place, or not in production
    MEDIUM = 2  # changes something in production
    HIGH = 3  # destroys, hands on authority or takes off a guard in production; or does not come back whole elsewhere
    SEVERE = 4  # in production, and does not come back, or nobody can say that it does

    @property
    def word(self) -> str:
        return self.name.lower()


def risk(assessment: Assessment) -> Risk:
    """From what it takes away, whether that comes back, and where. What is not known counts as the worse."""
    if assessment.effect in READ_EFFECTS or nothing_there(assessment):
        return Risk.LOW
    production = assessment.environment in PRODUCTION
    for_good = assessment.reversibility is Reversibility.R4
    bad = (
        assessment.destructive
        or assessment.effect is Effect.PERMISSION
        or bool(assessment.kinds & _AUTHORITY)
    )
    if production and for_good and (bad or assessment.unknowns):
        return Risk.SEVERE
    if production and bad:
        return Risk.HIGH
    if for_good and assessment.destructive:
        return Risk.HIGH
    return Risk.MEDIUM if production or bad else Risk.LOW
