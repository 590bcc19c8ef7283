"""Freezes: times in which an environment, or an account, is not to be changed. Policy sees that one is on, and says what that means."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import msgspec

from keyturn.errors import OperatorError, ReviewError
from keyturn.model import record as r
from keyturn.model.change import Change

DAY_MS: Final = 86_400_000

AT_ONCE_MAX: Final = 100
"""More than anybody can tell apart; each is asked for every change."""

AHEAD_DAYS_MAX: Final = 400
"""A freeze is set for the next year's end at the earliest a year before; what lasts longer is policy."""

REASON_CHARS_MAX: Final = 200


class Freeze(msgspec.Struct, frozen=True):
    """`environment` or `account` empty: any. `id` is empty in logs of earlier versions, where nothing could lift one."""

    by: str
    until_ms: int
    environment: str
    reason: str = ""
    id: str = ""
    account: str = ""
    from_ms: int = 0


class Freezes(msgspec.Struct, frozen=True):
    """Those that are on or will be, in the order they were set; `next_number` is the next one's."""

    on: tuple[Freeze, ...] = ()
    next_number: int = 1

    def named(self, freeze: str) -> Freeze | None:
        return next((one for one in self.on if freeze and one.id == freeze), None)

    def standing(self, at_ms: int) -> tuple[Freeze, ...]:
        """Without those whose time is over."""
        return tuple(one for one in self.on if one.until_ms > at_ms)


def after(freezes: Freezes, event: r.FreezeSet | r.FreezeLifted) -> Freezes:
    """Fold one event; what has ended by then is forgotten."""
    standing = freezes.standing(event.at_ms)
    if isinstance(event, r.FreezeLifted):
        return Freezes(tuple(one for one in standing if one.id != event.freeze), freezes.next_number)
    return Freezes((*standing, made(event)), freezes.next_number + 1)


def made(event: r.FreezeSet) -> Freeze:
    """The freeze that the event sets."""
    return Freeze(
        by=event.by,
        until_ms=event.until_ms,
        environment=event.environment,
        reason=event.reason,
        id=event.freeze,
        account=event.account,
        from_ms=event.from_ms,
    )


def said(environment: str, account: str) -> str:
    """What a freeze covers, in words."""
    where = f"account {account}" if account else ""
    return " of ".join(word for word in (environment, where) if word) or "everything"


def covers(freeze: Freeze, environment: str, accounts: Collection[str], at_ms: int) -> bool:
    """Whether it is on for them. What is not known, environment or account, may be what is frozen, and counts as it."""
    return (
        freeze.from_ms <= at_ms < freeze.until_ms
        and (not freeze.environment or environment in {freeze.environment, "unknown"})
        and (not freeze.account or not accounts or freeze.account in accounts or "" in accounts)
    )


def accounts_of(change: Change) -> frozenset[str]:
    """The accounts that the change is made in, or names a resource of; an empty one is not known."""
    named = {ref.account for one in change.operations for ref in one.resources if ref.account}
    return frozenset(named | {one.account for one in change.operations})


def set_by(
    freezes: Freezes,
    *,
    by: str,
    environment: str,
    account: str,
    from_ms: int,
    until_ms: int,
    reason: str,
    at_ms: int,
) -> r.FreezeSet:
    """The event of a new one. Raises `OperatorError` where it says nothing, or nonsense."""
    if not reason.strip():
        raise OperatorError("no-reason", "say why: whoever is held by a freeze reads it")
    if len(reason) > REASON_CHARS_MAX:
        raise OperatorError("reason", f"a freeze's reason has at most {REASON_CHARS_MAX} characters")
    if account and not re.fullmatch(r"\d{12}", account):
        raise OperatorError("account", f"{account[:40]!r} is no account: 12 digits, or none for every one")
    if until_ms <= max(at_ms, from_ms):
        raise OperatorError("until", "a freeze ends after it has begun, and not in the past")
    if until_ms > at_ms + AHEAD_DAYS_MAX * DAY_MS:
        raise OperatorError("until", f"a freeze ends within {AHEAD_DAYS_MAX} days", help="for good: a policy")
    if len(freezes.standing(at_ms)) >= AT_ONCE_MAX:
        raise OperatorError(
            "too-many", f"{AT_ONCE_MAX} freezes are set", help="lift some: keyturn freeze list"
        )
    return r.FreezeSet(
        at_ms=at_ms,
        by=by,
        until_ms=until_ms,
        environment=environment,
        reason=reason.strip(),
        freeze=f"F-{freezes.next_number}",
        account=account,
        from_ms=from_ms if from_ms > at_ms else 0,
    )


def lifted_by(
    freezes: Freezes, freeze: str, *, by: str, mine: bool, runs: str, reason: str, at_ms: int
) -> r.FreezeLifted:
    """The event of its end. `mine`: she set it. `runs`: an agent of hers that is at work now, whose changes would need fewer people
    after that; empty: none. Raises `ReviewError` with the reason when she may not.
    """
    found = freezes.named(freeze)
    if found is None or found.until_ms <= at_ms:
        raise ReviewError("no-freeze", f"there is no freeze {freeze[:40]}", help="keyturn freeze list")
    if runs and not mine:
        raise ReviewError(
            "own-agent",
            f"{by} runs {runs} now, and cannot lift a freeze of {found.by}'s that holds it",
            help="somebody lifts it who runs no agent; or end the session first",
        )
    return r.FreezeLifted(at_ms=at_ms, by=by, freeze=found.id, reason=reason[:REASON_CHARS_MAX])
