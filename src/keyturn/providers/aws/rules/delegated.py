"""How a finding on delegated authority counts what the role may do that will act."""

from __future__ import annotations

from typing import Any, Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Said

R1: Final = Reversibility.R1
R3: Final = Reversibility.R3


def with_authority(context: Context, message: str, found: dict[str, Any]) -> Said:
    """What a rule on delegated authority says: the worst that the role's policies allow, where they could be read."""
    power = context.authority
    if power is None or power.effect is None:
        why = f" {power.why[0].upper()}{power.why[1:]}." if power is not None else ""
        return Said(f"{message}{why}", found)
    evidence = {
        **found,
        "role": power.role,
        "worst": list(power.worst),
        "authority": power.effect,
        "bounded": power.bounded,
    }
    if power.effect.severity <= Effect.UPDATE.severity:
        return Said(
            f"{message} {power.role} may do no more than {power.effect}.",
            evidence,
            kind=Kind.NOTE,
            effect=Effect.UPDATE,
        )
    return Said(
        f"{message} {power.role} may {', '.join(power.worst)}.",
        evidence,
        effect=power.effect
        if power.bounded
        else max(power.effect, Effect.PERMISSION, key=lambda one: one.severity),
        reversibility=R1 if power.bounded else R3,
    )


def for_one_use(context: Context, where: str, found: dict[str, Any]) -> Said:
    """What is said of a role that a service puts to one use of its own. Nobody's permissions can be changed by it, whatever the role may do;
    where that could not be read people still look at it in production.
    """
    power = context.authority
    read = power is not None and power.effect is not None and power.effect.severity <= Effect.UPDATE.severity
    jobs = context.operation.floor is Effect.EXECUTE  # production looks at every execution
    return Said(
        f"The service would do one thing with a role, and only that ({where}).",
        {**found, "bounded": True},
        kind=Kind.NOTE if read or jobs else Kind.DELEGATED_AUTHORITY,
    )
