"""How a Lambda function is called: its aliases, and the statements of its policy that let services and accounts invoke it.

Both are properties of the function. A statement is added from a few parameters and read as IAM writes it, so it is put back only
where it says nothing that AddPermission could not have said
(https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html, API_UpdateAlias.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.common import pages, value_of
from keyturn.providers.aws.resources import Home, from_arn, is_arn

ALIASES: Final = frozenset({"lambda:CreateAlias", "lambda:UpdateAlias", "lambda:DeleteAlias"})
STATEMENTS: Final = frozenset({"lambda:AddPermission", "lambda:RemovePermission"})
OPERATIONS: Final = ALIASES | STATEMENTS

_CONDITIONS: Final = {
    ("ArnLike", "AWS:SourceArn"): "SourceArn",
    ("StringEquals", "AWS:SourceAccount"): "SourceAccount",
    ("StringEquals", "aws:PrincipalOrgID"): "PrincipalOrgID",
    ("StringEquals", "lambda:EventSourceToken"): "EventSourceToken",
    ("StringEquals", "lambda:FunctionUrlAuthType"): "FunctionUrlAuthType",
    ("Bool", "lambda:InvokedViaFunctionUrl"): "InvokedViaFunctionUrl",
}
"""What AddPermission makes of its parameters, and so what can be said to it again
(https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html for the last two).
"""


def aliases(ref: ResourceRef, unknowns: list[str]) -> Inquiry[tuple[State, dict[str, str]]]:
    """Name -> version, description, weights; name -> revision."""
    answers = yield from pages(
        ref, "lambda:ListAliases", {"FunctionName": ref.id}, token_in="Marker", token_out="NextMarker"
    )
    found = [
        one
        for told in answers
        for one in (value_of(told, "ListAliases", unknowns) or {}).get("Aliases") or []
    ]
    found.sort(key=lambda one: str(one["Name"]))
    revisions = {str(one["Name"]): str(one.get("RevisionId") or "") for one in found}
    return {str(one["Name"]): _alias(one) for one in found}, revisions


def _alias(told: Mapping[str, Any]) -> State:
    weights = (told.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return {
        "FunctionVersion": told.get("FunctionVersion"),
        "Description": told.get("Description") or "",
        "RoutingConfig": {"AdditionalVersionWeights": dict(sorted(weights.items()))},
    }


def statements(told: dict[str, Any] | None) -> State:
    """Sid -> statement, of the policy of the function itself; those of its versions and aliases are policies of their own."""
    if told is None:
        return {}
    document = json.loads(told.get("Policy") or "{}")
    return {
        str(one.get("Sid")): one
        for one in sorted(document.get("Statement") or [], key=lambda one: str(one.get("Sid")))
    }


def invokers(ref: ResourceRef, found: State) -> Iterator[Dependent]:
    """What the policy lets in, where it names it: the bucket, rule or API that calls the function."""
    home = Home(ref.partition, ref.account, ref.region)
    for statement in found.values():
        source = ((statement.get("Condition") or {}).get("ArnLike") or {}).get("AWS:SourceArn")
        if is_arn(source):
            yield Dependent(resource=from_arn(str(source), home), relation="invokes", on=ref)


def written(operation: str, parameters: dict[str, Any], state: State) -> State | None:
    """The aliases once the operation is done; statements are shown as they were asked for."""
    if operation not in ALIASES:
        return None
    name = str(parameters.get("Name"))
    others = {one: told for one, told in (state.get("aliases") or {}).items() if one != name}
    if operation == "lambda:DeleteAlias":
        return {"aliases": others}
    stood = (state.get("aliases") or {}).get(name) or {}
    return {"aliases": dict(sorted({**others, name: _alias({**stood, **parameters})}.items()))}


def inverse(operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State) -> tuple[Step, ...]:
    """The alias or statement as it was; nothing where it belongs to a version, or says more than a call can say."""
    if operation in ALIASES:
        return _alias_back(str(parameters.get("Name")), operation, ref, state)
    sid = str(parameters.get("StatementId"))
    if (
        parameters.get("Qualifier")
        or ":" in str(parameters.get("FunctionName", "")).rpartition("function:")[2]
    ):
        return ()
    stood = (state.get("statements") or {}).get(sid)
    if stood is None:
        return (Step("lambda:RemovePermission", {"FunctionName": ref.id, "StatementId": sid}),)
    again = asked_again(stood)
    if again is None or operation == "lambda:AddPermission":
        return ()  # the service refuses a second statement of that name
    return (Step("lambda:AddPermission", {"FunctionName": ref.id, "StatementId": sid, **again}),)


def _alias_back(name: str, operation: str, ref: ResourceRef, state: State) -> tuple[Step, ...]:
    which = {"FunctionName": ref.id, "Name": name}
    stood = (state.get("aliases") or {}).get(name)
    if stood is None:
        return (Step("lambda:DeleteAlias", which),)
    again = "lambda:CreateAlias" if operation == "lambda:DeleteAlias" else "lambda:UpdateAlias"
    if again == "lambda:CreateAlias" and not stood["RoutingConfig"]["AdditionalVersionWeights"]:
        stood = {field: value for field, value in stood.items() if field != "RoutingConfig"}
    return (Step(again, {**which, **stood}),)


def asked_again(statement: Mapping[str, Any]) -> dict[str, Any] | None:
    """The parameters of AddPermission that make this statement; None where none do."""
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        principal = principal.get("Service") or principal.get("AWS")
    if (
        not isinstance(principal, str)
        or statement.get("Effect") != "Allow"
        or not isinstance(statement.get("Action"), str)
    ):
        return None
    made = {"Action": statement["Action"], "Principal": principal}
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, value in keys.items():
            name = _CONDITIONS.get((operator, key))
            if name is None or not isinstance(value, str):
                return None
            made[name] = value.lower() == "true" if operator == "Bool" else value
    return made


def unsayable(found: State) -> tuple[str, ...]:
    """The statements that no AddPermission makes, as a loss that is said beforehand."""
    sids = sorted(sid for sid, statement in found.items() if asked_again(statement) is None)
    return (f"of its policy, what AddPermission cannot say: {', '.join(sids)}",) if sids else ()
