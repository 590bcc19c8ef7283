"""Steps of what runs later, with what they are called with: Step Functions (JSONPath and JSONata), SSM documents, targets of Scheduler. Total.

A value that only the run knows (``$.path``, ``{% ... %}``, ``{{ parameter }}``) stands as ``{"Fn::Input": ...}``: unknown, and never nothing
(https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html,
https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.providers.aws.languages.documents import NoDocumentError, read
from keyturn.providers.aws.languages.machines import UNREAD, VISITS_MAX, operation_of

_INTEGRATION: Final = re.compile(
    r"arn:[a-z0-9-]+:states:::(?:aws-sdk:)?([a-z0-9-]+):([A-Za-z0-9]+)(?:\.\w+)?(?::\d+)?\Z"
)
_OPAQUE: Final = frozenset({"lambda:Invoke", "http:invoke", "apigateway:invoke"})
"""What these do stands elsewhere: they are judged by the authority that they run with."""

_INPUT: Final = re.compile(r"\{\{\s*([\w.:]+)\s*\}\}")
DEPTH_MAX: Final = 40


class Step(msgspec.Struct, frozen=True):
    """One thing that is done: a call by its name, or a script that a shell runs. `parameters` None: they cannot be known."""

    label: str
    name: str = ""
    parameters: dict[str, Any] | None = None
    script: str | None = None
    unread: str = ""


def unknown(text: Any) -> dict[str, Any]:
    """Stands for a value that only the run knows."""
    return {"Fn::Input": str(text)[:200]}


def of_machine(definition: Any) -> list[Step]:
    """The SDK calls of a state machine."""
    found = _document(definition)
    if found is None:
        return [Step("its definition", unread="it cannot be read")]
    return list(_states(found))


def _document(given: Any) -> Any:
    try:
        found = read(given) if isinstance(given, str) else given
    except NoDocumentError:
        return None
    return found if isinstance(found, (dict, list)) else None


def _states(root: Any) -> Iterator[Step]:
    waiting: list[tuple[str, Any]] = [("", root)]
    visits = 0
    while waiting:
        visits += 1
        if visits > VISITS_MAX:
            yield Step("the rest of it", unread="it is too long to be read")
            return
        name, one = waiting.pop()
        if isinstance(one, Mapping):
            resource = one.get("Resource")
            sdk = _INTEGRATION.match(resource) if isinstance(resource, str) else None
            if (
                sdk is not None
                and f"{sdk[1]}:{sdk[2]}" not in _OPAQUE
                and f"{sdk[1]}:{sdk[2]}" != "lambda:invoke"
            ):
                yield _sdk(f"state {name}", sdk[1], sdk[2], one.get("Arguments", one.get("Parameters")))
            waiting += [(str(key), inner) for key, inner in one.items()]
        elif isinstance(one, list):
            waiting += [(name, inner) for inner in one]


def _sdk(label: str, service: str, action: str, given: Any) -> Step:
    called = operation_of(service, action)
    if called.startswith(UNREAD):
        return Step(label, unread=f"{service}:{action} is no call that is known")
    if given is None or isinstance(given, str):
        return Step(label, called, {} if given is None else None)
    return Step(label, called, asl(given) if isinstance(given, Mapping) else None)


def asl(given: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Parameters or Arguments of a state, what only the run knows as such."""
    made: dict[str, Any] = {}
    for name, value in given.items():
        plain = str(name).removesuffix(".$")
        made[plain] = unknown(value) if str(name).endswith(".$") else _asl(value, depth + 1)
    return made


def _asl(value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX or (isinstance(value, str) and value.lstrip().startswith("{%")):
        return unknown(value)
    if isinstance(value, Mapping):
        return asl(value, depth)
    return [_asl(one, depth + 1) for one in value] if isinstance(value, list) else value


def of_schedule(target: Any) -> list[Step]:
    """The universal target of a schedule: its Input are the parameters."""
    arn = str(target.get("Arn", "")) if isinstance(target, Mapping) else ""
    found = re.match(r"arn:[a-z0-9-]+:scheduler:::aws-sdk:([a-z0-9-]+):([A-Za-z0-9]+)\Z", arn)
    if found is None:
        return []
    called = operation_of(found[1], found[2])
    if called.startswith(UNREAD):
        return [Step("its target", unread=f"{found[1]}:{found[2]} is no call that is known")]
    given = _document(target.get("Input") or "{}")
    return [Step("its target", called, dict(given) if isinstance(given, Mapping) else None)]


def of_document(content: Any, given: Mapping[str, Any] | None = None) -> list[Step]:
    """The calls and scripts of an SSM document, with the parameters that it is run with."""
    found = _document(content)
    if not isinstance(found, Mapping):
        return [Step("the document", unread="it cannot be read")]
    declared = found.get("parameters")
    values: dict[str, Any] = {
        str(name): one["default"]
        for name, one in (declared.items() if isinstance(declared, Mapping) else ())
        if isinstance(one, Mapping) and "default" in one
    }
    values |= {str(name): value for name, value in (given or {}).items()}
    listed = found.get("mainSteps")
    if not isinstance(listed, list):
        return [Step("the document", unread="it has no steps that are known")]
    return [step for one in listed if isinstance(one, Mapping) for step in _action(one, values)]


_CHANGES_STATE: Final = {"terminated": "ec2:TerminateInstances", "stopped": "ec2:StopInstances", "running": "ec2:StartInstances"}  # fmt: skip
_ACTIONS: Final = {
    "aws:copyImage": "ec2:CopyImage",
    "aws:createImage": "ec2:CreateImage",
    "aws:createStack": "cloudformation:CreateStack",
    "aws:createTags": "ec2:CreateTags",
    "aws:deleteImage": "ec2:DeregisterImage",
    "aws:deleteStack": "cloudformation:DeleteStack",
    "aws:executeAutomation": "ssm:StartAutomationExecution",
    "aws:runCommand": "ssm:SendCommand",
    "aws:runInstances": "ec2:RunInstances",
}
_QUIET: Final = frozenset(
    {
        "aws:approve",
        "aws:assertAwsResourceProperty",
        "aws:branch",
        "aws:loop",
        "aws:pause",
        "aws:sleep",
        "aws:updateVariable",
        "aws:waitForAwsResourceProperty",
    }
)
"""Actions that read, wait or choose."""


def _action(one: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Step]:
    action, label = str(one.get("action", "")), f"step {one.get('name', '')}".strip()
    raw = one.get("inputs")
    inputs: dict[str, Any] = _filled(raw, values, 0) if isinstance(raw, Mapping) else {}
    if action == "aws:executeAwsApi":
        called = operation_of(str(inputs.pop("Service", "")), str(inputs.pop("Api", "")))
        yield (
            Step(label, unread=f"{called.removeprefix(UNREAD).strip()} is no call that is known")
            if called.startswith(UNREAD)
            else Step(label, called, inputs)
        )
    elif action in {"aws:runShellScript", "aws:runPowerShellScript"}:
        yield Step(label, script=script_of(inputs.get("runCommand")))
    elif action == "aws:changeInstanceState":
        called = _CHANGES_STATE.get(str(inputs.get("DesiredState", "")).lower(), "")
        if inputs.get("CheckStateOnly") is not True:
            yield Step(label, called, {"InstanceIds": inputs.get("InstanceIds")}, unread="" if called else "to which state is not known")  # fmt: skip
    elif action in _ACTIONS:
        yield Step(label, _ACTIONS[action], inputs)
    elif action not in _QUIET:
        yield Step(label, unread=f"what {action or 'a step without an action'} does stands elsewhere")


def script_of(lines: Any) -> str | None:
    """The script that a list of lines is; None where it is not known."""
    if isinstance(lines, str):
        return lines
    if isinstance(lines, list) and all(isinstance(one, str) for one in lines):
        return "\n".join(lines)
    return None


def _filled(value: Any, values: Mapping[str, Any], depth: int) -> Any:
    """The value with parameters put in; what is not known stands as unknown."""
    if depth > DEPTH_MAX:
        return unknown(value)
    if isinstance(value, Mapping):
        return {str(name): _filled(one, values, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        made = [_filled(one, values, depth + 1) for one in value]
        return made[0] if len(made) == 1 and isinstance(made[0], list) else made
    if not isinstance(value, str) or "{{" not in value:
        return value
    whole = _INPUT.fullmatch(value.strip())
    if whole is not None:
        found = values.get(whole[1])
        return unknown(value) if found in (None, "") else found
    texts = {name: values.get(name) for name in _INPUT.findall(value)}
    plain = {name: one[0] if isinstance(one, list) and len(one) == 1 else one for name, one in texts.items()}
    if all(isinstance(one, (str, int, bool)) for one in plain.values()):
        return _INPUT.sub(lambda found: str(plain[found[1]]), value)
    return unknown(value)
