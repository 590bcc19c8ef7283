"""Systems Manager parameters."""

from __future__ import annotations

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
