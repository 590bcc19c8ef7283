"""Every error a caller may catch, ordered by who can mend it.

An error names what was wrong (`message`), how programs recognise it (`code`, stable) and what to do next (`help`).
Nothing in an error's text may be a secret: it reaches logs, agents and pages as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class KeyturnError(Exception):
    """Base of every error Keyturn raises on purpose."""

    who: ClassVar[str] = "us"

    def __init__(self, code: str, message: str, *, help: str = "") -> None:  # noqa: A002  # the field is called help everywhere
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]" + (f"\n  help: {self.help}" if self.help else "")


class AgentError(KeyturnError):
    """The agent's request is at fault: malformed, forged, not modelled."""

    who = "agent"


class PolicyError(KeyturnError):
    """A policy author must mend a policy, its annotation or its tests."""

    who = "policy author"


class ReviewError(KeyturnError):
    """A reviewer asked for something that a review may not do."""

    who = "reviewer"


class OperatorError(KeyturnError):
    """The one who runs Keyturn must mend configuration, files or the account."""

    who = "operator"


class StoreError(OperatorError):
    """The log or the vault cannot be read or written; nothing is forwarded until it can."""


class UnavailableError(KeyturnError):
    """Something outside did not answer in time; what depends on it is unknown, never absent."""

    who = "operator"


class BugError(KeyturnError):
    """An invariant of ours did not hold; the case stops where it is."""

    who = "us"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """The known word that somebody may have meant, if there is one; `cutoff` as `difflib.get_close_matches` has it."""
    from difflib import get_close_matches  # noqa: PLC0415  # for who is wrong alone

    return get_close_matches(word, list(known), n=1, cutoff=cutoff)
