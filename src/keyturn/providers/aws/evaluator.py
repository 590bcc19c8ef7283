"""What an IAM policy permits: a small evaluator, so that the policies we emit can be asked instead of believed.

It follows the evaluation logic for one policy document: an explicit Deny wins, then an Allow, else an implicit deny
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html). What it
does not understand never helps: such a condition, element or document matches nothing that allows and everything that denies.
It is for tests and for `doctor`; the account itself decides what a credential may do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import msgspec

_ELEMENTS: Final = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal"}
)


class Answered(msgspec.Struct, frozen=True):
    """What one policy says of one request. `statement` is the number of the one that decided; None for the implicit deny."""

    allowed: bool
    why: str
    statement: int | None = None


def evaluate(
    policy: str | Mapping[str, Any],
    *,
    action: str,
    resource: str,
    context: Mapping[str, str] | None = None,
) -> Answered:
    """Whether the policy permits `action` (``service:Action``) on `resource` (an ARN). Never raises.

    `context` holds condition keys as they stand in the request; key names are compared without regard to case.
    """
    try:
        document = json.loads(policy) if isinstance(policy, str) else policy
        statements = document["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        return Answered(allowed=False, why=f"the policy cannot be read: {type(error).__name__}")
    listed = statements if isinstance(statements, list) else [statements]
    keys = {name.lower(): value for name, value in (context or {}).items()}
    allowed: int | None = None
    for number, statement in enumerate(listed):
        if not isinstance(statement, dict):
            return Answered(allowed=False, why=f"statement {number} is no object", statement=number)
        denies = statement.get("Effect") != "Allow"
        if not _matches(statement, action, resource, keys, denies=denies):
            continue
        if denies:
            return Answered(allowed=False, why=f"statement {number} denies it", statement=number)
        allowed = number if allowed is None else allowed
    if allowed is None:
        return Answered(allowed=False, why="no statement allows it")
    return Answered(allowed=True, why=f"statement {allowed} allows it", statement=allowed)


def _matches(
    statement: Mapping[str, Any], action: str, resource: str, keys: Mapping[str, str], *, denies: bool
) -> bool:
    if not set(statement) <= _ELEMENTS:
        return denies
    acts = _element(statement, "Action", lambda pattern: like(pattern.lower(), action.lower()), denies=denies)
    rests = _element(statement, "Resource", lambda pattern: arn_like(pattern, resource), denies=denies)
    return acts and rests and _conditions(statement.get("Condition", {}), keys, denies=denies)


def _element(
    statement: Mapping[str, Any], name: str, matches: Callable[[str], bool], *, denies: bool
) -> bool:
    """One of ``X`` and ``NotX`` has to be there; both at once, or neither, is no policy."""
    given, negated = statement.get(name), statement.get("Not" + name)
    if (given is None) == (negated is None):
        return denies
    patterns = _texts(given if negated is None else negated)
    if patterns is None:
        return denies
    return any(map(matches, patterns)) is (negated is None)


def _texts(value: Any) -> list[str] | None:
    listed = value if isinstance(value, list) else [value]
    return listed if listed and all(isinstance(item, str) for item in listed) else None


_WILD: Final = {"*": ".*", "?": "."}
_LITERAL: Final = {"${*}": r"\*", "${?}": r"\?", "${$}": r"\$"}


@cache
def _pattern(text: str) -> re.Pattern[str]:
    parts = re.findall(r"\$\{[*?$]\}|.", text, re.DOTALL)
    return re.compile(
        "".join(_LITERAL.get(part) or _WILD.get(part) or re.escape(part) for part in parts), re.DOTALL
    )


def like(pattern: str, text: str) -> bool:
    """``*`` is any text and ``?`` any one letter; ``${*}``, ``${?}`` and ``${$}`` are the letters themselves."""
    return _pattern(pattern).fullmatch(text) is not None


def arn_like(pattern: str, arn: str) -> bool:
    """Segment by segment: a wildcard does not reach over a colon but in the last part, which names the resource
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).
    """
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(given) and all(map(like, wanted, given))


_OPERATORS: Final[dict[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": like,
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}
_NEGATED: Final = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _conditions(block: Any, keys: Mapping[str, str], *, denies: bool) -> bool:
    """Every operator and every key of it has to hold; an operator that is not known holds only for a Deny."""
    if not isinstance(block, dict):
        return denies
    for operator, tests in block.items():
        if not isinstance(tests, dict):
            return denies
        for key, wanted in tests.items():
            listed = wanted if isinstance(wanted, list) else [wanted]
            values = [str(item).lower() if isinstance(item, bool) else str(item) for item in listed]
            if not _holds(str(operator), keys.get(str(key).lower()), values, denies=denies):
                return False
    return True


def _holds(operator: str, given: str | None, wanted: list[str], *, denies: bool) -> bool:
    if operator == "Null":  # whether the key is absent (reference_policies_elements_condition_operators.html)
        return str(given is None).lower() in [value.lower() for value in wanted]
    optional = operator.endswith("IfExists")
    name = operator.removesuffix("IfExists")
    test = _OPERATORS.get(_NEGATED.get(name, name))
    if test is None:
        return denies
    if (
        given is None
    ):  # a key that is not in the request: no match, but for the negated operators and IfExists
        return optional or name in _NEGATED
    found = any(test(value, given) for value in wanted)
    return not found if name in _NEGATED else found
