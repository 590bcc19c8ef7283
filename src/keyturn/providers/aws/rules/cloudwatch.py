"""CloudWatch alarms: what no longer rings, and what an alarm sets off."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, rule

R1, R3 = Reversibility.R1, Reversibility.R3
CLOUDWATCH: Final = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/"


@rule(
    "CW001", ["cloudwatch:DeleteAlarms"], Kind.BLIND, Effect.DELETE, R3, CLOUDWATCH + "API_DeleteAlarms.html"
)
def delete_alarms(context: Context) -> Fired:
    """Without its alarm nobody is called."""
    names = context.parameters.get("AlarmNames") or [context.ref.id]
    return f"{len(names)} alarms would be deleted: {', '.join(names[:3])}.", {"count": len(names)}


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
    ["cloudwatch:PutMetricAlarm"],
    Kind.BLIND,
    Effect.UPDATE,
    R1,
    CLOUDWATCH + "API_PutMetricAlarm.html",
)
def alarm_weakened(context: Context) -> Fired:
    """PutMetricAlarm replaces the whole alarm: actions that are not given are gone."""
    if context.state is None:
        return None
    if context.parameters.get("ActionsEnabled") is False:
        return f"The actions of {context.ref.id} would be switched off.", {}
    gone = set(context.state.get("alarm_actions") or []) - set(context.parameters.get("AlarmActions") or [])
    return (f"{context.ref.id} would no longer call {len(gone)} of its actions.", {}) if gone else None
