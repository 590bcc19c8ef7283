"""Systems Manager parameters."""

from __future__ import annotations

import json
import re
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule

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


_DESTROYS: Final = re.compile(
    r"(?i)\brm\s+(-\w*[rf]|--(recursive|force))|\bmkfs|\bwipefs\b|\bshred\b|\bdd\s[^|;&]*\bof=/|\btruncate\s+(-s|--size)[= ]*0|>\s*/dev/[sx]?v?d[a-z]"
    r"|\bdrop\s+(table|database|schema|user|index)\b|\btruncate\s+table\b|\bdelete\s+from\b|\bdropdb\b|\bflushall\b"
    r"|\b(kubectl|helm)\s+(delete|uninstall)\b|\bterraform\s+destroy\b|\bdocker\s+(rm|rmi|volume\s+rm|system\s+prune)\b"
    r"|\baws\s+[\w-]+\s+(delete|terminate|rm\b|rb\b)|\b(lv|vg|pv)remove\b|\bzpool\s+destroy\b|\buserdel\b|\bfind\s[^|;&]*-delete\b"
    r"|\bremove-item\b|\bformat-volume\b|\bclear-disk\b"
)
_STOPS: Final = re.compile(
    r"(?i)\b(shutdown|poweroff|halt|reboot)\b|\binit\s+[06]\b|\bsystemctl\s+(stop|disable|mask|kill)\b|\bservice\s+\S+\s+stop\b|\b(kill|pkill|killall)\s"
    r"|\biptables\s+(-F|--flush|-P\s+\w+\s+DROP)|\b(stop|restart)-(service|computer)\b|\bpm2\s+(stop|delete)\b|\bdocker\s+(stop|kill)\b"
)
"""What a line of a shell says of itself. A script may do as much without any of these: that is why every script is opaque (SSM004)."""


@rule(
    "SSM032",
    ["ssm:SendCommand", "ssm:CreateAssociation", "ssm:UpdateAssociation", "ecs:ExecuteCommand"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    R4,
    SSM + "API_SendCommand.html",
    looks_at=frozenset({"Parameters", "command"}),
)
def shell_destroys(context: Context) -> Fired:
    """A script that is given in the request is run as it stands, as root where the agent runs as root."""
    given = context.parameters.get("Parameters")
    lines = [*given.values()] if isinstance(given, dict) else []
    text = json.dumps([lines, context.parameters.get("command")], ensure_ascii=False)
    if _DESTROYS.search(text):
        return "A line of the script deletes or wipes what lies where it runs.", {}
    if _STOPS.search(text):
        return Said(
            "A line of the script stops what is at work where it runs.",
            kind=Kind.OUTAGE,
            effect=Effect.EXECUTE,
            reversibility=R3,
        )
    return None
