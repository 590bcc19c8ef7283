"""Delegated authority, read: which operations a definition calls when it runs, and the worst of them."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.languages.machines import UNREAD, calls
from keyturn.providers.aws.rules import Context, Fired, rule

PLACES: Final = {
    "stepfunctions:CreateStateMachine": "definition",
    "stepfunctions:UpdateStateMachine": "definition",
    "ssm:CreateDocument": "Content",
    "ssm:UpdateDocument": "Content",
    "scheduler:CreateSchedule": "Target",
    "scheduler:UpdateSchedule": "Target",
}
"""Operation -> where its definition is."""


@rule(
    "RUN001",
    tuple(PLACES),
    Kind.DELEGATED_AUTHORITY,
    Effect.DELETE,
    Reversibility.R3,
    "https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html",
    looks_at=frozenset(),
)
def will_run(context: Context) -> Fired:
    """A definition that names calls which delete, replace or give permissions does so later, without being asked again."""
    given = context.parameters.get(PLACES[context.operation.name])
    if not given:
        return None
    worst = [
        name
        for name in calls(given)
        if not name.startswith(UNREAD)
        and catalogue.lookup(*name.split(":", 1)).effect
        in {Effect.DELETE, Effect.REPLACE, Effect.PERMISSION, Effect.SECRET}
    ]
    if not worst:
        return None
    return f"When it runs, {context.ref} would call {', '.join(worst[:3])}.", {"calls": worst[:10]}
