"""The reference of the blast radius: what is read, what it names, and what is not read."""

from __future__ import annotations

from keyturn.providers.aws.catalogue import references
from keyturn.providers.aws.radius.listing import Names
from keyturn.providers.aws.radius.tables import LISTINGS, unsupported
from tools.docs.source import cell, generated, table


def page() -> str:
    """Every kind that is looked through for who relies on what goes, and the types that are not, by what they could name."""
    rows = [
        (
            f"`{one.kind}`",
            f"`{one.type}`",
            ", ".join(f"`{name}`" for name in (one.operation, *(detail.operation for detail in one.details))),
            cell("; ".join(dict.fromkeys(_names(names) for names in one.names))),
        )
        for one in sorted(LISTINGS.values(), key=lambda one: one.kind)
    ]
    others = [
        (f"`{kind}`", str(len(found)), cell(", ".join(found)))
        for kind in sorted(LISTINGS)
        if (found := unsupported(kind))
    ]
    parts = [
        (
            "What is read to find out who relies on what a change takes away: see [the blast radius](../concepts/radius.md). Beside "
            f"what stands here, references are taken from the types' own schemas ({references.source()}), from ARNs and EC2 ids in any "
            "value, and from DNS names and bare names in environments, definitions and records.\n"
        ),
        table(("kind", "type", "read by", "what it names"), rows),
        "## Types that could name one, and are not read\n",
        "By their schemas. They stand as *unsupported* in a case.\n",
        table(("kind", "types", ""), others),
    ]
    return generated("Blast radius", "src/keyturn/providers/aws/radius", "\n".join(parts))


def _names(names: Names) -> str:
    """One reference in words."""
    what = f" a {names.kind}" if names.kind else ""
    return f"{names.relation}{what}" + (f" ({names.back})" if names.back else "")
