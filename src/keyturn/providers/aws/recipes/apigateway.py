"""REST APIs: resources, methods and integrations, and the stages that serve them.

An API made again has another id, and so another address; so have its resources, whose ids stand in every call about them. In a
capture they are named by their paths, and what refers to a validator or an authorizer says its name
(https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteRestApi.html, API_GetResources.html, API_PutIntegration.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.again import Again, Given, renamed
from keyturn.providers.aws.recipes.base import Captured, State, Step
from keyturn.providers.aws.recipes.common import pages, read_call, value_of
from keyturn.providers.aws.recipes.filling import at, document, empty

_API: Final = (
    "name", "description", "version", "binaryMediaTypes", "minimumCompressionSize", "apiKeySource", "endpointConfiguration", "policy",
    "disableExecuteApiEndpoint", "tags",
)  # fmt: skip
_STAGE: Final = (
    "stageName", "description", "cacheClusterEnabled", "cacheClusterSize", "variables", "documentationVersion", "canarySettings",
    "tracingEnabled", "tags",
)  # fmt: skip
_STAGE_TOO: Final = ("methodSettings", "accessLogSettings", "clientCertificateId", "webAclArn")
"""What a stage has that CreateStage does not take: where it stood, the honest list says that it does not."""

_METHOD: Final = (
    "authorizationType", "authorizerId", "apiKeyRequired", "operationName", "requestParameters", "requestModels",
    "requestValidatorId", "authorizationScopes",
)  # fmt: skip
_INTEGRATION: Final = (
    "type", "uri", "connectionType", "connectionId", "credentials", "requestParameters", "requestTemplates", "passthroughBehavior",
    "cacheKeyParameters", "contentHandling", "timeoutInMillis", "tlsConfig",
)  # fmt: skip
_LISTS: Final = {
    "authorizers": ("apigateway:GetAuthorizers", "apigateway:CreateAuthorizer", "name"),
    "validators": ("apigateway:GetRequestValidators", "apigateway:CreateRequestValidator", "name"),
    "models": ("apigateway:GetModels", "apigateway:CreateModel", "name"),
    "answers": ("apigateway:GetGatewayResponses", "apigateway:PutGatewayResponse", "responseType"),
}
_BORN_WITH: Final = frozenset({"Empty", "Error"})
"""Models that every new API has."""

_SIDES: Final = frozenset(
    {
        "apigateway:PutMethod",
        "apigateway:DeleteMethod",
        "apigateway:PutIntegration",
        "apigateway:DeleteIntegration",
    }
)
_PATCHED: Final = {"apigateway:UpdateRestApi": "api", "apigateway:UpdateStage": "stages"}


class RestApi(Again):
    """All that hangs together in one API, by path and name."""

    kind: ClassVar[str] = "apigateway:restapis"
    title: ClassVar[str] = "REST API"
    fields: ClassVar[tuple[str, ...]] = ("api", "resources", "stages", "deployments", *_LISTS, "tags")
    creates: ClassVar[frozenset[str]] = frozenset({"apigateway:CreateRestApi"})
    deletes: ClassVar[frozenset[str]] = frozenset({"apigateway:DeleteRestApi"})
    updates: ClassVar[frozenset[str]] = (
        _SIDES
        | frozenset(_PATCHED)
        | {"apigateway:CreateStage", "apigateway:DeleteStage", "apigateway:CreateDeployment"}
    )
    recover_s: ClassVar[int] = 120
    in_place: ClassVar[tuple[str, ...]] = (
        "apigateway:UpdateRestApi",
        "apigateway:PutRestApi",
        "apigateway:UpdateStage",
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its id, and so its address and that of every stage: callers, custom domains and usage plans have to be told",
        "its deployments: each stage serves what stood in the API at last, which need not be what was deployed",
        "documentation, canaries, method settings, access logs and certificates of stages",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        which = {"restApiId": ref.id.partition("/")[0]}
        (answer,) = yield (read_call(ref, "apigateway:GetRestApi", **which),)
        found = value_of(answer, "GetRestApi", unknowns, "NotFoundException")
        if found is None:
            return Captured(None, tuple(unknowns))
        (answer,) = yield (read_call(ref, "apigateway:GetStages", **which),)
        stages = (value_of(answer, "GetStages", unknowns) or {}).get("item") or []
        told: dict[str, list[Any]] = {}
        for field, operation in (
            ("resources", "apigateway:GetResources"),
            *((one, reads) for one, (reads, _, _) in _LISTS.items()),
        ):
            given = {**which, "embed": ["methods"]} if field == "resources" else which
            listed = yield from pages(ref, operation, given, token_in="position", token_out="position")
            pieces = [value_of(page, operation.partition(":")[2], unknowns) or {} for page in listed]
            told[field] = [one for piece in pieces for one in piece.get("items") or []]
        names = {
            str(one["id"]): f"@{field}/{one['name']}"
            for field in ("authorizers", "validators")
            for one in told[field]
        }
        ids = {name: old for old, name in names.items()}
        ids |= {f"@path{one['path']}": str(one["id"]) for one in told["resources"]}
        api = {name: found[name] for name in _API if name != "tags" and not empty(found.get(name))}
        if "policy" in api:
            api["policy"] = document(api["policy"])
        state: State = {
            "api": api,
            "tags": dict(sorted((found.get("tags") or {}).items())),
            "resources": {
                str(one["path"]): _methods(str(one["id"]), one.get("resourceMethods") or {}, names)
                for one in sorted(told["resources"], key=lambda one: str(one["path"]))
            },
            "stages": {str(one["stageName"]): _said(one, (*_STAGE, *_STAGE_TOO)) for one in stages},
            "deployments": {str(one["stageName"]): one.get("deploymentId") for one in stages},
            "ids": ids,
        }
        for field, (_, _, key) in _LISTS.items():
            state[field] = {
                str(one[key]): {
                    name: value for name, value in sorted(one.items()) if name != "id" and not empty(value)
                }
                for one in sorted(told[field], key=lambda one: str(one[key]))
                if one.get(key) not in _BORN_WITH and not one.get("defaultResponse")
            }
        return Captured(state, tuple(unknowns))

    def at_risk(self, state: State) -> str:
        methods = sum(len(one) for one in state["resources"].values())
        return f"{counted(methods, 'method')}, served by {counted(len(state['stages']), 'stage')}"

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        api = ref.id.partition("/")[0]
        which = {"restApiId": api}
        tags = {"tags": state["tags"]} if state["tags"] else {}
        calls = [
            Given(
                Step("apigateway:CreateRestApi", {**state["api"], **tags}),
                {api: "id", "@path/": "rootResourceId"},
            )
        ]
        for field, (_, makes, _) in _LISTS.items():
            for name, one in state[field].items():
                given = {key: value for key, value in one.items() if key != "defaultResponse"}
                gives = {f"@{field}/{name}": "id"} if field in {"authorizers", "validators"} else {}
                calls.append(Given(Step(makes, {**which, **given}), gives))
        for path in state["resources"]:
            if path != "/":
                parent, _, part = path.rpartition("/")
                given = {**which, "parentId": f"@path{parent or '/'}", "pathPart": part}
                calls.append(Given(Step("apigateway:CreateResource", given), {f"@path{path}": "id"}))
        for path, methods in state["resources"].items():
            for verb, method in methods.items():
                calls += [Given(step) for step in _method(api, path, verb, method)]
        for name, stage in state["stages"].items():
            place = f"@deployment/{name}"
            said = {
                "description": f"given back for stage {name}"
            }  # by which a cut knows it from another stage's
            calls.append(Given(Step("apigateway:CreateDeployment", {**which, **said}), {place: "id"}))
            calls.append(Given(_stage(api, stage, place)))
        return tuple(calls)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        api, stage = ref.id.partition("/")[0], str(parameters.get("stageName"))
        stood = state["stages"].get(stage)
        match operation:
            case "apigateway:CreateStage" if stood is None:
                return (Step("apigateway:DeleteStage", {"restApiId": api, "stageName": stage}),)
            case "apigateway:DeleteStage" if stood is not None:
                if any(not empty(stood.get(name)) for name in _STAGE_TOO):
                    return ()
                return (_stage(api, stood, state["deployments"][stage]),)
            case "apigateway:CreateDeployment" if stood is not None:
                patch = [{"op": "replace", "path": "/deploymentId", "value": state["deployments"][stage]}]
                which = {"restApiId": api, "stageName": stage}
                return (
                    Step(
                        "apigateway:UpdateStage",
                        {**which, "patchOperations": patch},
                        why="the deployment before",
                    ),
                )
        if operation in _PATCHED:
            before = state["api"] if operation == "apigateway:UpdateRestApi" else stood or {}
            which = (
                {"restApiId": api}
                if operation == "apigateway:UpdateRestApi"
                else {"restApiId": api, "stageName": stage}
            )
            before = {**before, "deploymentId": state["deployments"].get(stage)}
            patch = list(_patched(parameters.get("patchOperations") or [], before))
            return (Step(operation, {**which, "patchOperations": patch}),) if all(patch) and patch else ()
        return self._side_back(operation, parameters, api, state) if operation in _SIDES else ()

    def _side_back(
        self, operation: str, parameters: dict[str, Any], api: str, state: State
    ) -> tuple[Step, ...]:
        """A method or its integration, as they stood at this resource."""
        paths = {
            old: name.removeprefix("@path") for name, old in state["ids"].items() if name.startswith("@path")
        }
        path, verb = paths.get(str(parameters.get("resourceId"))), str(parameters.get("httpMethod"))
        if path is None:
            return ()
        method = state["resources"][path].get(verb)
        which = {"restApiId": api, "resourceId": parameters["resourceId"], "httpMethod": verb}
        if operation == "apigateway:PutMethod":
            return () if method is not None else (Step("apigateway:DeleteMethod", which),)
        if method is None:
            return ()
        steps = _method(api, path, verb, method)
        if operation != "apigateway:DeleteMethod":
            steps = [step for step in steps if "Integration" in step.operation]
            if not steps:
                return (Step("apigateway:DeleteIntegration", which),)
        return tuple(Step(step.operation, renamed(step.parameters, state["ids"])) for step in steps)


def _said(told: Mapping[str, Any], names: tuple[str, ...]) -> State:
    return {name: told[name] for name in names if not empty(told.get(name))}


def _methods(own: str, told: Mapping[str, Any], names: Mapping[str, str]) -> State:
    """By verb; what refers to an authorizer or validator says its name."""
    made = {}
    for verb, method in sorted(told.items()):
        one = {**_said(method, _METHOD), "responses": _responses(method.get("methodResponses"))}
        for reference in ("authorizerId", "requestValidatorId"):
            if reference in one:
                one[reference] = names.get(one[reference], one[reference])
        integration = method.get("methodIntegration")
        if integration:
            answers = _responses(integration.get("integrationResponses"))
            one["integration"] = {**_said(integration, _INTEGRATION), "responses": answers}
            if integration.get("httpMethod"):
                one["integration"]["integrationHttpMethod"] = integration["httpMethod"]
            if integration.get("cacheNamespace") not in {None, "", own}:
                one["integration"]["cacheNamespace"] = integration["cacheNamespace"]
        made[verb] = one
    return made


def _responses(told: Mapping[str, Any] | None) -> State:
    return {
        status: {name: value for name, value in sorted(one.items()) if not empty(value)}
        for status, one in sorted((told or {}).items())
    }


def _method(api: str, path: str, verb: str, method: Mapping[str, Any]) -> list[Step]:
    """The calls that make a method and what stands behind it."""
    which = {"restApiId": api, "resourceId": f"@path{path}", "httpMethod": verb}
    plain = {name: value for name, value in method.items() if name not in {"responses", "integration"}}
    steps = [Step("apigateway:PutMethod", {**which, **plain})]
    steps += [Step("apigateway:PutMethodResponse", {**which, **one}) for one in method["responses"].values()]
    integration = method.get("integration")
    if integration:
        given = {name: value for name, value in integration.items() if name != "responses"}
        steps.append(Step("apigateway:PutIntegration", {**which, **given}))
        steps += [
            Step("apigateway:PutIntegrationResponse", {**which, **one})
            for one in integration["responses"].values()
        ]
    return steps


def _stage(api: str, stage: Mapping[str, Any], deployment: str) -> Step:
    given = {name: value for name, value in stage.items() if name in _STAGE}
    return Step("apigateway:CreateStage", {"restApiId": api, "deploymentId": deployment, **given})


def _patched(patches: list[dict[str, Any]], before: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Each operation of a patch turned back, last first; an empty one where what stood is no plain value."""
    for patch in reversed(patches):
        path = str(patch.get("path", ""))
        stood = at(before, path.strip("/").replace("/", "."))
        if (
            isinstance(stood, dict | list)
            or "~" in path
            or patch.get("op") not in {"replace", "add", "remove"}
        ):
            yield {}
        elif stood is None:
            yield (
                {"op": "remove", "path": path}
                if "/" in path.strip("/")
                else {"op": "replace", "path": path, "value": ""}
            )
        else:
            yield {
                "op": "replace",
                "path": path,
                "value": str(stood).lower() if isinstance(stood, bool) else str(stood),
            }
