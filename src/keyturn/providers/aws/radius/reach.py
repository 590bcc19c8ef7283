"""The reach of the credential that a change would get, beside what the change touches."""

from __future__ import annotations

import re
from functools import cache

import msgspec

from keyturn.core.ports import Inquiry, Scope
from keyturn.model.radius import Node, Radius, Reach
from keyturn.providers.aws.resources import arn_of


def with_reach(scope: Scope, walk: Inquiry[Radius]) -> Inquiry[Radius]:
    """The radius, with what the credential could touch marked."""
    radius = yield from walk
    reach = Reach(scope.actions, scope.resources, scope.narrowed, scope.why)
    nodes = tuple(
        msgspec.structs.replace(node, reached=True) if reaches(reach, node) else node for node in radius.nodes
    )
    return msgspec.structs.replace(radius, nodes=nodes, reach=reach)


def reaches(reach: Reach, node: Node) -> bool:
    """Whether one of its resource patterns covers the node, and one of its actions is of the node's service."""
    arn = arn_of(node.resource)
    service = arn.split(":")[2]
    acts = any(action.partition(":")[0] == service for action in reach.actions)
    return acts and any(_pattern(one).fullmatch(arn) for one in reach.resources)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """IAM's wildcards; ``${*}`` is a star as it stands (see `scope.literal`)."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", text)
    made = {"*": ".*", "?": "."}
    return re.compile(
        "".join(made.get(part) or re.escape(part[2] if part.startswith("${") else part) for part in parts),
        re.DOTALL,
    )
