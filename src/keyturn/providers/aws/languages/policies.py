"""IAM policy documents: what one grants and denies, to whom, and what changes from one to the next.

Everything is kept as patterns and compared as such: what a pattern reaches is a subset of what a wider one does. Where it cannot be
sure, it says more: a grant that two statements made together before counts as new. Total: what is no policy is a `NoPolicyError`.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from keyturn.providers.aws.unread_value import is_mark

POLICY_CHARS_MAX: Final = 200_000
"""The largest policies AWS takes are of some 32 KB (KMS key policies), white space not counted."""
STATEMENTS_MAX: Final = 500
"""What fits into the largest policy: some hundred."""
GRANTS_MAX: Final = 3_000
"""Grants compared one by one; a document with more of them is compared no further, and never called harmless."""

EVERYBODY: Final = "*"
ITSELF: Final = "it"
"""The resource of a statement that names none: the one that the policy is on (a trust policy's role, a repository)."""

_ELEMENTS: Final = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)


class NoPolicyError(ValueError):
    """It cannot be read as a policy; in words why."""


class Names(NamedTuple):
    """What one element of a statement names: any of the patterns, or (negated) everything but them."""

    patterns: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        said = ", ".join(self.patterns[:3]) + (", ..." if len(self.patterns) > 3 else "")
        return f"everything but {said}" if self.negated else said


class Grant(NamedTuple):
    """Who may (or may not) do what with what, and under which conditions ("" for none). `who` is empty in an identity's policy."""

    who: Names
    action: Names
    resource: Names
    when: str = ""


class Statement(NamedTuple):
    """One statement, whole."""

    allows: bool
    grant: Grant

    def each(self) -> Iterator[Grant]:
        """Its grants one by one; what is negated stays whole."""
        who, action, resource, when = self.grant
        for one in _each(who):
            for act in _each(action):
                for on in _each(resource):
                    yield Grant(one, act, on, when)


def _each(names: Names) -> tuple[Names, ...]:
    return (names,) if names.negated or not names.patterns else tuple(Names((one,)) for one in names.patterns)


class Compared(NamedTuple):
    """What is otherwise: grants that are new and gone, denials that are new and gone; whether all of it was compared."""

    granted: tuple[Grant, ...] = ()
    dropped: tuple[Grant, ...] = ()
    denied: tuple[Grant, ...] = ()
    undenied: tuple[Grant, ...] = ()
    whole: bool = True


def parse(document: Any) -> tuple[Statement, ...]:
    """The statements of a document, given as text or as a value. Raises `NoPolicyError`."""
    if isinstance(document, str):
        return _parsed(document)
    return _statements(document)


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> tuple[Statement, ...]:
    if len(text) > POLICY_CHARS_MAX:
        raise NoPolicyError(f"it is longer than {POLICY_CHARS_MAX} characters")
    try:
        return _statements(json.loads(text, object_pairs_hook=_once))
    except NoPolicyError:
        raise
    except (ValueError, RecursionError):
        raise NoPolicyError("it is no JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; which of two members of one name would count is anybody's guess."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NoPolicyError("it names a member twice")
    return found


def _statements(document: Any) -> tuple[Statement, ...]:
    listed = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(listed, dict):
        listed = [listed]
    if not isinstance(listed, list):
        raise NoPolicyError("it has no statements")
    if len(listed) > STATEMENTS_MAX:
        raise NoPolicyError(f"it has more than {STATEMENTS_MAX} statements")
    return tuple(_statement(number, one) for number, one in enumerate(listed, 1))


def _statement(number: int, given: Any) -> Statement:
    if not isinstance(given, dict) or not set(given) <= _ELEMENTS:
        raise NoPolicyError(f"statement {number} has elements that are not of IAM's grammar")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise NoPolicyError(f"statement {number} neither allows nor denies")
    action = _element(number, given, "Action")
    if action is None:
        raise NoPolicyError(f"statement {number} names no actions")
    resource = _element(number, given, "Resource") or Names((ITSELF,))
    when = given.get("Condition") or {}
    if not isinstance(when, dict):
        raise NoPolicyError(f"the conditions of statement {number} cannot be read")
    who = _principals(number, given)
    said = json.dumps(when, sort_keys=True, default=str) if when else ""
    return Statement(given["Effect"] == "Allow", Grant(who, action, resource, said))


def _element(number: int, given: dict[str, Any], name: str) -> Names | None:
    plain, negated = given.get(name), given.get("Not" + name)
    if plain is None and negated is None:
        return None
    if plain is not None and negated is not None:
        raise NoPolicyError(f"statement {number} has {name} and Not{name}")
    patterns = _texts(plain if negated is None else negated)
    if not patterns:
        raise NoPolicyError(f"{name} of statement {number} is no list of texts")
    found = tuple(dict.fromkeys(patterns))
    return Names(("*",) if "*:*" in found else found, negated is not None)


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return listed if all(isinstance(one, str) and one for one in listed) else []


_ACCOUNT: Final = re.compile(r"\d{12}")


def _principals(number: int, given: dict[str, Any]) -> Names:
    """As ``AWS`` principals are written; others with their kind before them; none in an identity's policy."""
    plain, negated = given.get("Principal"), given.get("NotPrincipal")
    value = plain if negated is None else negated
    if value is None:
        return Names(())
    if value == EVERYBODY:
        return Names((EVERYBODY,), negated is not None)
    if not isinstance(value, dict) or not value or (plain is not None and negated is not None):
        raise NoPolicyError(f"the principals of statement {number} cannot be read")
    found: list[str] = []
    for kind, named in value.items():
        texts = _texts(named)
        if not texts:
            raise NoPolicyError(f"the principals of statement {number} cannot be read")
        found += [_principal(str(kind), one) for one in texts]
    return Names(tuple(dict.fromkeys(found)), negated is not None)


def _principal(kind: str, name: str) -> str:
    if kind != "AWS":
        return f"{kind} {name}"
    return f"arn:aws:iam::{name}:root" if _ACCOUNT.fullmatch(name) else name


def wider(big: str, small: str) -> bool:
    """Whether one pattern reaches all that the other does. ``?`` takes one letter, and no ``*`` of the other. Linear but for stars."""
    if big in {"*", small}:
        return True
    if "*" not in big and "?" not in big:
        return False
    at = place = 0
    star = resume = -1
    while place < len(small):
        letter = big[at] if at < len(big) else ""
        if letter == "*":
            star, resume, at = at, place, at + 1
        elif letter and (letter == small[place] or (letter == "?" and small[place] != "*")):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return not big[at:].strip("*")


def _may_meet(one: str, other: str) -> bool:
    """Whether something may be reached by both: false only where their plain beginnings or ends differ."""
    if wider(one, other) or wider(other, one):
        return True
    if not _WILD.search(one) or not _WILD.search(other):
        return False  # one of them is plain, and the other does not reach it
    heads, tails = (
        [_WILD.split(text)[0] for text in (one, other)],
        [_WILD.split(text)[-1] for text in (one, other)],
    )
    shared, ending = min(map(len, heads)), min(map(len, tails))
    return heads[0][:shared] == heads[1][:shared] and (not ending or tails[0][-ending:] == tails[1][-ending:])


_WILD: Final = re.compile(r"[*?]")


def covers(big: Names, small: Names) -> bool:
    """Whether `big` names everything that `small` (one pattern, or negated) does. An element that is not there names anything."""
    if not big.patterns or not small.patterns:
        return not big.patterns and not small.patterns
    if not big.negated and not small.negated:
        return all(any(wider(one, two) for one in big.patterns) for two in small.patterns)
    if not big.negated:
        return "*" in big.patterns
    if not small.negated:
        return not any(_may_meet(one, two) for one in big.patterns for two in small.patterns)
    return all(any(wider(two, one) for two in small.patterns) for one in big.patterns)


def _covered(grant: Grant, by: Grant) -> bool:
    return (
        by.when in {"", grant.when}
        and covers(_folded(by.action), _folded(grant.action))
        and covers(by.resource, grant.resource)
        and covers(by.who, grant.who)
    )


@lru_cache(maxsize=4_096)
def _folded(names: Names) -> Names:
    """Actions are the same in any case."""
    return Names(tuple(map(str.lower, names.patterns)), names.negated)


def compare(before: tuple[Statement, ...], after: tuple[Statement, ...]) -> Compared:
    """What `after` says that `before` did not, and the other way round."""
    (stood, barred), (allowed, denied) = _sides(before), _sides(after)
    granted, all_granted = _beyond(allowed, stood, but=denied)
    dropped, all_dropped = _beyond(stood, allowed)
    shut, all_shut = _beyond(denied, barred)
    opened, all_opened = _beyond(barred, denied)
    return Compared(
        granted, dropped, shut, opened, whole=all_granted and all_dropped and all_shut and all_opened
    )


def _sides(statements: tuple[Statement, ...]) -> tuple[list[Statement], list[Statement]]:
    return [one for one in statements if one.allows], [one for one in statements if not one.allows]


def _beyond(
    these: list[Statement], those: list[Statement], but: list[Statement] | None = None
) -> tuple[tuple[Grant, ...], bool]:
    """What `these` say that no one of `those` does, but for what is denied without conditions; whether all was looked at."""
    known = [one.grant for one in those]
    barred = [one.grant for one in but or [] if not one.grant.when]
    found: dict[Grant, None] = {}
    looked = 0
    for statement in these:
        if any(_covered(statement.grant, one) for one in known):
            continue
        for grant in statement.each():
            looked += 1
            if looked > GRANTS_MAX:
                return tuple(found), False
            if not any(_covered(grant, one) for one in known) and not any(
                _covered(grant, one) for one in barred
            ):
                found[grant] = None
    return tuple(found), True


def may_be_policy(value: Any) -> bool:
    """Whether a value is a policy document. Not so only where it can be read and says nothing that a policy says."""
    if is_mark(value):
        return True
    text = value.lstrip() if isinstance(value, str) else ""
    if text and not text.startswith(("{", "[")):
        return text.startswith(("permit", "forbid")) or ":policy/" in value
    try:
        value = json.loads(value) if text else value
    except ValueError:
        return True
    return isinstance(value, dict) and (not value or "Statement" in value or "$sealed" in value)
