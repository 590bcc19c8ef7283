"""CloudWatch alarms: what no longer rings, and what an alarm sets off."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.words import counted
from keyturn.providers.aws.rules import Context, Fired, rule

R1, R3 = Reversibility.R1, Reversibility.R3
CLOUDWATCH: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"


@rule(
    "CW001", ["cloudwatch:DeleteAlarms"], Kind.BLIND, Effect.DELETE, R3, CLOUDWATCH + "API_DeleteAlarms.html"
)
def delete_alarms(context: Context) -> Fired:
    """Without its alarm nobody is called."""
    names = context.parameters.get("AlarmNames") or [context.ref.id]
    return f"{counted(len(names), 'alarm')} would be deleted: {', '.join(names[:3])}.", {"count": len(names)}


@rule(
    "CW002",
    ["cloudwatch:DisableAlarmActions"],
    Kind.BLIND,
    Effect.UPDATE,
    R1,
    CLOUDWATCH + "API_DisableAlarmActions.html",
)
def actions_off(context: Context) -> Fired:
    """An alarm without actions tells nobody."""
    return f"The actions of {context.ref.id} would be switched off.", {}


@rule(
    "CW003",
    ["cloudwatch:PutMetricAlarm", "cloudwatch:PutCompositeAlarm"],
    Kind.BLIND,
    Effect.UPDATE,
    R1,
    CLOUDWATCH + "API_PutMetricAlarm.html",
)
def alarm_weakened(context: Context) -> Fired:
    """PutMetricAlarm replaces the whole alarm: actions that are not given are gone."""
    if context.state is None and str(context.ref) in context.states:
        return None  # a new alarm
    if context.parameters.get("ActionsEnabled") is False:
        return f"The actions of {context.ref.id} would be switched off.", {}
    gone = set((context.state or {}).get("alarm_actions") or []) - set(
        context.parameters.get("AlarmActions") or []
    )
    return (f"{context.ref.id} would no longer call {len(gone)} of its actions.", {}) if gone else None


@rule(
    "CW004",
    ["cloudwatch:PutMetricAlarm", "cloudwatch:PutCompositeAlarm"],
    Kind.DELEGATED_AUTHORITY,
    Effect.EXECUTE,
    R1,
    CLOUDWATCH + "API_PutMetricAlarm.html",
)
def sets_off(context: Context) -> Fired:
    """An alarm's actions may stop, terminate or reboot an instance, scale, invoke a function or start an automation, with the service's permissions."""
    state, found = context.state or {}, set()
    for name, field in (
        ("AlarmActions", "alarm_actions"),
        ("OKActions", "ok_actions"),
        ("InsufficientDataActions", "insufficient_data_actions"),
    ):
        found |= {str(arn) for arn in context.parameters.get(name) or []} - set(state.get(field) or [])
    acting = sorted(arn for arn in found if ":sns:" not in arn)
    return (
        (
            f"{context.ref.id} would set off {', '.join(acting[:3])}, with the service's permissions.",
            {"actions": acting},
        )
        if acting
        else None
    )


@rule(
    "CW005",
    ["cloudwatch:SetAlarmState"],
    Kind.OPAQUE,
    Effect.EXECUTE,
    R3,
    CLOUDWATCH + "API_SetAlarmState.html",
)
def state_set(context: Context) -> Fired:
    """When the state that is set differs from the previous one, the action configured for that state is invoked."""
    return (
        (f"{context.ref.id} would do whatever it is set to do for {context.parameters['StateValue']}.", {})
        if context.parameters.get("StateValue")
        else None
    )
