"""All listings, by the kind of resource they tell of."""

from __future__ import annotations

from typing import Final

from keyturn.providers.aws.catalogue import references
from keyturn.providers.aws.radius import compute, network, stores
from keyturn.providers.aws.radius.listing import Listing

LISTINGS: Final[dict[str, Listing]] = {
    one.kind: one for one in (*compute.LISTINGS, *stores.LISTINGS, *network.LISTINGS)
}

KINDS: Final[dict[str, str]] = {one.type: one.kind for one in LISTINGS.values() if one.type}
"""CloudFormation's name of a type -> the kind as resources are named here."""

TYPES: Final[dict[str, str]] = {kind: name for name, kind in KINDS.items()}

GLOBAL: Final = frozenset({"iam", "route53", "cloudfront", "s3"})
"""Services whose listings tell of all regions: once an account is enough."""


def typed(listing: Listing) -> dict[str, str]:
    """Property path -> kind that it names, by the type's own schema."""
    told = references.of_type(listing.type)
    return {path.replace("/", "."): KINDS[target] for path, target in told.items() if target in KINDS}


def referring(kind: str) -> tuple[Listing, ...]:
    """The listings whose resources may name one of this kind: by a property made for it, or in texts where anything may be named."""
    return tuple(
        one
        for one in LISTINGS.values()
        if one.kind == kind
        or kind in one.points_at
        or kind in typed(one).values()
        or one.anything
        or any(not names.kind for names in one.names)
    )


def unsupported(kind: str) -> tuple[str, ...]:
    """The types that may name one of this kind by their schema, and that no listing reads."""
    return tuple(one for one in references.referring(TYPES.get(kind, "")) if one not in KINDS)
