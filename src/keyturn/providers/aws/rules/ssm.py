"""Systems Manager parameters."""

from __future__ import annotations

import json
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, rule

R3, R4 = Reversibility.R3, Reversibility.R4
SSM: Final = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/"


@rule(
    "SSM001",
    ["ssm:DeleteParameter", "ssm:DeleteParameters"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R3,
    SSM + "API_DeleteParameter.html",
)
def delete_parameter(context: Context) -> Fired:
    """A parameter is deleted with its history."""
    names = context.parameters.get("Names") or [context.ref.id]
    return f"{', '.join(names)} would be deleted with every earlier version.", {"count": len(names)}


@rule(
    "SSM002",
    ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory"],
    Kind.SECRET,
    Effect.SECRET,
    R4,
    SSM + "API_GetParameter.html",
)
def decrypt(context: Context) -> Fired:
    """WithDecryption hands out the plaintext of secure strings."""
    return (
        ("The plaintext of secure parameters would be handed out.", {})
        if context.parameters.get("WithDecryption")
        else None
    )


@rule(
    "SSM003",
    ["ssm:PutParameter"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R3,
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-policies.html",
)
def will_expire(context: Context) -> Fired:
    """An Expiration policy deletes the parameter at the given date and time."""
    try:
        policies = json.loads(context.parameters.get("Policies") or "[]")
    except ValueError:
        policies = [{"Type": "Expiration"}]  # what cannot be read is taken for the worst that it may be
    if any(isinstance(policy, dict) and policy.get("Type") == "Expiration" for policy in policies):
        return f"{context.ref.id} would be deleted by the service at a set time.", {}
    return None
