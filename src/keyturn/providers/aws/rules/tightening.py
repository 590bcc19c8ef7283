"""Whether a request only closes, switches on or describes; and which members say what it is about."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from keyturn.providers.aws.rules import Context
from keyturn.providers.aws.rules.conditions import is_on, number
from keyturn.providers.aws.rules.shapes import members
from keyturn.providers.aws.wire_table import input_of


@lru_cache(maxsize=4_096)
def required(name: str) -> frozenset[str]:
    """Members that an operation must be given; of one that needs none, all that could say which resource is meant."""
    service, _, action = name.partition(":")
    taken = input_of(service, action)
    if taken is None:
        return frozenset()
    _, shape = taken
    return frozenset(shape.required) or frozenset(
        one for one in shape.members if one.lower().endswith(("id", "arn", "name"))
    )


def only_tightens(context: Context) -> bool:
    """Whether all that the request does is to switch on, to close, or to describe: the same call, the other way, takes it back."""
    found = False
    named = required(context.operation.name)
    renames = context.operation.action.startswith(("Update", "Modify"))
    for leaf in members(context):
        if isinstance(leaf.value, (dict, list)):
            continue
        if (
            is_on(leaf.value)
            or (isinstance(leaf.value, str) and _TIGHT.match(leaf.value))
            or _DESCRIBES.search(leaf.path)
            or (leaf.path in {"Name", "name"} and leaf.path not in named and renames)
            or (_LASTS.search(leaf.name) and _is_short(leaf.value))
            or (leaf.name.startswith("Minimum") and (number(leaf.value) or 0) >= LONG_ENOUGH)
        ):
            found = True
        elif not isinstance(leaf.value, str) or leaf.path not in named:
            return False
    return found


_LASTS: Final = re.compile(r"(?i)(session|credential)\w*duration(seconds)?$")
SHORT_S: Final = 3_600
"""What IAM gives a session where nobody asks for longer (API_AssumeRole)."""


def _is_short(value: Any) -> bool:
    """Whether a session would last no longer than an hour, said in seconds or as ISO 8601 does."""
    found = number(value)
    return value in {"PT1H", "PT60M", "PT30M", "PT15M"} if found is None else found <= SHORT_S


LONG_ENOUGH: Final = 12
"""Characters of a password (CIS AWS Foundations asks for 14, NIST SP 800-63B for 8)."""

_TIGHT: Final = re.compile(
    r"(?i)(private|bucketownerenforced|immutable|enforced?|required|block(ed)?|terminate|locked)$"
)
_DESCRIBES: Final = re.compile(r"(?i)(description|comment|displayname|label|reuseprevention)(\.value)?$")
