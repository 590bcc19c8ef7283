"""What the service itself checks before it acts on a call of the plane: what was read last must still stand.

A recipe says as data which of its calls carry such a precondition and from which field of its capture it is filled
(`Recipe.holds`). Between a read and the call somebody else may write; the service then refuses, and that is no error in doubt:
nothing was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

REFUSALS: Final = frozenset(
    {
        "PreconditionFailed",  # S3, CloudFront: status 412
        "PreconditionFailedException",  # Lambda
        "ConditionalCheckFailedException",  # DynamoDB
        "ConditionalRequestConflict",  # S3: another write was under way, status 409
        "412",
    }
)
"""Codes by which a service says that the precondition did not hold."""


class Precondition(msgspec.Struct, frozen=True):
    """The member of a request that the service compares, and where its value stands in a capture."""

    member: str  # IfMatch
    field: str  # of the capture: etag
    of: str = ""  # where `field` is a map: the parameter that names the entry
    unless: str = (
        ""  # a parameter with which the request means another thing than what was captured: VersionId
    )
    absent: Mapping[str, Any] = {}  # what is given where nothing stands: IfNoneMatch "*"

    def of_state(self, parameters: Mapping[str, Any], state: Mapping[str, Any] | None) -> dict[str, Any]:
        """What the request carries beside its parameters; nothing where the service told no value to hold it to."""
        if self.unless and parameters.get(self.unless):
            return {}
        if state is None:
            return dict(self.absent)
        found = state.get(self.field)
        if self.of:
            found = found.get(str(parameters.get(self.of))) if isinstance(found, Mapping) else None
        return {self.member: found} if found else {}
