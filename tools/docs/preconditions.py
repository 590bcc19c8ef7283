"""The census of preconditions that AWS itself checks: every mutating operation whose request can name what must still stand.

Read from botocore's models: by name where the name alone says it, else by name and by what the documentation of the member says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import botocore
import botocore.session
import msgspec

from keyturn.providers.aws import recipes
from keyturn.providers.aws.only_if import BY_NAME, NOT_ONE
from keyturn.providers.aws.recipes.preconditions import Precondition
from tools.docs.source import cell, generated, table


class Found(msgspec.Struct, frozen=True, order=True):
    """One member of one request. `path` is dotted where it lies deeper; `told`: its documentation, in one line."""

    service: str
    operation: str
    path: str
    required: bool
    told: str

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"


DEPTH_MAX: Final = 4
"""So deep lies the condition of one write among those of a transaction."""

CANDIDATE: Final = re.compile(
    r"\w*(revision|revisionid|etag|updatetoken|currentversion|applicationversion|applicationversionid|recordversion|versionnumber"
    r"|lastmodified\w*|lastupdated\w*|associationversion|codesha256|parentcommitid|recordversion)|version",
    re.IGNORECASE,
)
"""Names that mean it in some services, and elsewhere pick a thing or tell of one."""

SAYS: Final = re.compile(
    r"optimistic|concurren|only .{0,90}\bmatch|(doesn.t|does not|don.t|do not) match the (latest|current)|must match"
    r"|changed since|(correct|expected) (current )?(version|revision|entity tag)|prevent submitting|prevents? (over|conflict)"
    r"|is an optimistic|atomic|must specify the latest|current (profile )?revision|current version of the (grant|application)"
    r"|revision of the (resource-based )?policy (from which|you are|to)|revision ID of the policy\.",
    re.IGNORECASE,
)
"""What the documentation of such a member says where it is one."""

READS: Final = re.compile(
    r"^(BatchGet|Describe|Get|Head|List|Lookup|Query|Scan|Search|Select|Preview|Retrieve)(?![a-z])"
)
"""Verbs of operations that change nothing."""


@cache
def census() -> tuple[Found, ...]:
    """Every one, sorted."""
    session = botocore.session.get_session()
    found: list[Found] = []
    for service in session.get_available_services():
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            if READS.match(name) or operation.input_shape is None:
                continue
            found += (
                Found(service, name, path, required, told)
                for path, required, told in _members(service, operation.input_shape)
            )
    return tuple(sorted(found))


def _members(
    service: str, shape: Any, path: str = "", above: tuple[str, ...] = ()
) -> Iterator[tuple[str, bool, str]]:
    if shape.type_name == "list":
        shape, path = shape.member, f"{path}[]"
    elif shape.type_name == "map":
        shape, path = shape.value, f"{path}{{}}"
        if shape.type_name == "list":
            shape, path = shape.member, f"{path}[]"
    if shape.type_name != "structure" or len(above) >= DEPTH_MAX or shape.name in above:
        return
    for name, member in shape.members.items():
        here = f"{path}.{name}" if path else name
        told = " ".join(re.sub(r"<[^>]+>", " ", member.documentation).split())
        if is_one(service, name, told, top=not above):
            yield here, name in shape.required_members, told
        elif member.type_name in {"structure", "list", "map"}:
            yield from _members(service, member, here, (*above, shape.name))


def is_one(service: str, name: str, told: str, *, top: bool = True) -> bool:
    """Whether a member is a precondition; deeper than the top only where the name alone says it."""
    if (service, name) in NOT_ONE:
        return False
    if "makes the request method conditional on" in told or "the objects are deleted only if" in told:
        return True
    if BY_NAME.fullmatch(name):
        return True
    return bool(top and CANDIDATE.fullmatch(name) and SAYS.search(told))


def page() -> str:
    """The census, after what the plane's own calls carry of it."""
    found = census()
    by_service: dict[str, dict[str, list[str]]] = {}
    for one in found:
        by_service.setdefault(one.service, {}).setdefault(one.operation, []).append(one.path)
    mine = [
        (f"`{recipe.kind}`", f"`{operation}`", _carried(held))
        for recipe in recipes.all_recipes()
        for operation, held in sorted(recipe.holds.items())
    ]
    mine.append(
        (
            "items",
            "`dynamodb:PutItem`, `dynamodb:DeleteItem`",
            "`ConditionExpression` from every attribute read; absent: `attribute_not_exists`",
        )
    )
    left = [
        (f"`{recipe.kind}`", f"`{operation}`", cell(why))
        for recipe in recipes.all_recipes()
        for operation, why in sorted(recipe.unheld.items())
    ]
    rows = [
        (
            f"`{service}`",
            cell("; ".join(f"{name} ({', '.join(paths)})" for name, paths in sorted(operations.items()))),
        )
        for service, operations in sorted(by_service.items())
    ]
    operations = {one.name for one in found}
    required = {one.name for one in found if one.required and "." not in one.path}
    parts = [
        (
            "Where a request can say what must still stand, AWS itself refuses it once something else does. The plane's own calls carry this "
            "from what was read last ([the state is proved](../concepts/review.md), [ADR 0014](../adr/0014-preconditions-of-own-calls.md)); an "
            "agent's request is sent as it was reviewed, and nothing is put into it.\n"
        ),
        "## What the plane's own calls carry\n",
        table(("kind", "call", "filled"), mine),
        "## What could, and does not\n",
        table(("kind", "call", "because"), left),
        "## Every operation that can\n",
        (
            f"By botocore {botocore.__version__}: {len(operations)} operations that change something, in {len(by_service)} services, have {len(found)} such "
            f"members; {len(required)} operations insist on one. Told by name where a name means it everywhere (`IfMatch`), elsewhere by what the member's "
            "documentation says: a `RevisionId` may also just pick a revision. Tokens that can be used once and say nothing of a state (`ChangeToken` of "
            "WAF Classic, client tokens) do not count.\n"
        ),
        table(("service", "operations"), rows),
    ]
    return generated(
        "Preconditions", "botocore's models and src/keyturn/providers/aws/recipes", "\n".join(parts)
    )


def _carried(held: Precondition) -> str:
    absent = (
        "; absent: " + ", ".join(f"`{name}: {value}`" for name, value in held.absent.items())
        if held.absent
        else ""
    )
    return f"`{held.member}` from `{held.field}`{absent}"
