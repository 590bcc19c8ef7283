"""The policies of the stand-in's Lambda functions, with the conditions that AWS makes of AddPermission's parameters.

API_AddPermission has SourceAccount, PrincipalOrgID, EventSourceToken, FunctionUrlAuthType and InvokedViaFunctionUrl; each of them
narrows the statement by a condition (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html,
https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html). moto leaves the last two in the statement under their
own names, drops the token, and of SourceAccount and PrincipalOrgID keeps one.
"""

from __future__ import annotations

from typing import Any, Final

from moto.awslambda.policy import Policy

_CONDITIONS: Final = {
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}


def fill_permissions() -> None:
    """Once or more often: what is filled stays so."""
    if hasattr(Policy, "standin_decode"):
        return
    decode = Policy.standin_decode = Policy.decode_policy

    def decode_policy(self: Any, obj: dict[str, Any]) -> Any:
        if "Action" not in obj:  # a part of a request, not the request
            return obj
        given = {name: obj.pop(name) for name in _CONDITIONS if name in obj}
        made = decode(self, obj)
        (statement,) = made.statements
        for name, value in given.items():
            operator, key = _CONDITIONS[name]
            text = str(value).lower() if operator == "Bool" else value
            statement.setdefault("Condition", {}).setdefault(operator, {})[key] = text
        return made

    Policy.decode_policy = decode_policy
