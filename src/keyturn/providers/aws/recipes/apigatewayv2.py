"""HTTP and WebSocket APIs: routes, integrations, stages.

An API made again has another id and address; a route or an integration made again only another id, which nobody outside the API names
(https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.again import Again, Given
from keyturn.providers.aws.recipes.base import Captured, State, Step
from keyturn.providers.aws.recipes.common import pages, read_call, value_of
from keyturn.providers.aws.recipes.filling import empty

_API: Final = (
    "Name", "ProtocolType", "Description", "Version", "CorsConfiguration", "DisableExecuteApiEndpoint", "DisableSchemaValidation",
    "RouteSelectionExpression", "ApiKeySelectionExpression", "IpAddressType",
)  # fmt: skip
_LISTS: Final = {
    "authorizers": ("Authorizers", "AuthorizerId"),
    "integrations": ("Integrations", "IntegrationId"),
    "routes": ("Routes", "RouteId"),
    "stages": ("Stages", "StageName"),
}
_TOLD: Final = frozenset(
    {
        "ApiGatewayManaged",
        "CreatedDate",
        "LastUpdatedDate",
        "LastDeploymentStatusMessage",
        "IntegrationResponseSelectionExpression",
    }
)
"""What the service works out."""

_UPDATES: Final = {"apigatewayv2:UpdateRoute": "routes", "apigatewayv2:UpdateIntegration": "integrations", "apigatewayv2:UpdateStage": "stages"}  # fmt: skip


class Api(Again):
    """All that hangs together in one API; what refers to an integration or an authorizer says what that is."""

    kind: ClassVar[str] = "apigateway:apis"
    title: ClassVar[str] = "HTTP API"
    fields: ClassVar[tuple[str, ...]] = ("api", "served", "stages", "tags")
    creates: ClassVar[frozenset[str]] = frozenset({"apigatewayv2:CreateApi"})
    deletes: ClassVar[frozenset[str]] = frozenset({"apigatewayv2:DeleteApi"})
    updates: ClassVar[frozenset[str]] = frozenset(_UPDATES) | {
        "apigatewayv2:UpdateApi",
        "apigatewayv2:DeleteRoute",
        "apigatewayv2:CreateStage",
        "apigatewayv2:DeleteStage",
    }
    recover_s: ClassVar[int] = 60
    in_place: ClassVar[tuple[str, ...]] = (
        "apigatewayv2:UpdateApi",
        "apigatewayv2:UpdateRoute",
        "apigatewayv2:UpdateIntegration",
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its id, and so its address: callers and custom domains have to be told",
        "its deployments: a stage that does not deploy by itself serves nothing until it is deployed",
        "models, and responses of routes and integrations (WebSocket), which are not captured",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        which = {"ApiId": ref.id.partition("/")[0]}
        (answer,) = yield (read_call(ref, "apigatewayv2:GetApi", **which),)
        found = value_of(answer, "GetApi", unknowns, "NotFoundException")
        if found is None:
            return Captured(None, tuple(unknowns))
        state: State = {
            "api": {name: found[name] for name in _API if not empty(found.get(name))},
            "tags": dict(sorted((found.get("Tags") or {}).items())),
        }
        for field, (noun, key) in _LISTS.items():
            listed = yield from pages(
                ref, f"apigatewayv2:Get{noun}", which, token_in="NextToken", token_out="NextToken"
            )
            items = [
                one
                for page in listed
                for one in (value_of(page, f"Get{noun}", unknowns) or {}).get("Items") or []
            ]
            state[field] = {
                str(one[key]): {
                    name: value
                    for name, value in sorted(one.items())
                    if name not in _TOLD and not empty(value) and not (name == key and field != "stages")
                }
                for one in sorted(items, key=lambda one: str(one[key]))
            }
        return Captured({**state, "served": _served(state)}, tuple(unknowns))

    def at_risk(self, state: State) -> str:
        return f"{counted(len(state['routes']), 'route')}, served by {counted(len(state['stages']), 'stage')}"

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        api = ref.id.partition("/")[0]
        tags = {"Tags": state["tags"]} if state["tags"] else {}
        calls = [Given(Step("apigatewayv2:CreateApi", {**state["api"], **tags}), {api: "ApiId"})]
        for field, (noun, key) in _LISTS.items():
            for old, one in state[field].items():
                given = {name: value for name, value in one.items() if name != "DeploymentId"}
                gives = {old: key} if field in {"authorizers", "integrations"} else {}
                calls.append(
                    Given(
                        Step(f"apigatewayv2:Create{noun.removesuffix('s')}", {"ApiId": api, **given}), gives
                    )
                )
        return tuple(calls)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        which = {"ApiId": ref.id.partition("/")[0]}
        name = str(parameters.get("StageName"))
        match operation:
            case "apigatewayv2:UpdateApi":
                return _back(operation, which, parameters, state["api"])
            case "apigatewayv2:DeleteRoute":
                stood = state["routes"].get(str(parameters.get("RouteId")))
                return (Step("apigatewayv2:CreateRoute", {**which, **stood}),) if stood else ()
            case "apigatewayv2:DeleteStage" if name in state["stages"]:
                return (Step("apigatewayv2:CreateStage", {**which, **state["stages"][name]}),)
            case "apigatewayv2:CreateStage" if name not in state["stages"]:
                return (Step("apigatewayv2:DeleteStage", {**which, "StageName": name}),)
        field = _UPDATES.get(operation, "")
        key = _LISTS[field][1] if field else ""
        old = str(parameters.get(key))
        stood = state[field].get(old) if field else None
        return _back(operation, {**which, key: old}, parameters, stood) if stood is not None else ()


def _back(
    operation: str, which: dict[str, Any], parameters: Mapping[str, Any], stood: Mapping[str, Any]
) -> tuple[Step, ...]:
    """The same update with what stood; a property that was not set cannot be unset this way."""
    given = [name for name in parameters if name not in which]
    if not given or any(name not in stood for name in given):
        return ()
    return (Step(operation, {**which, **{name: stood[name] for name in given}}),)


def _served(state: State) -> State:
    """Route -> what it says and what stands behind it, without ids: the same once everything is made again."""
    made = {}
    for route in state["routes"].values():
        behind = state["integrations"].get(str(route.get("Target", "")).rpartition("/")[2])
        who = state["authorizers"].get(str(route.get("AuthorizerId", "")))
        own = {name: value for name, value in route.items() if name not in {"Target", "AuthorizerId"}}
        made[str(route.get("RouteKey"))] = {**own, "integration": behind, "authorizer": who}
    return dict(sorted(made.items()))
