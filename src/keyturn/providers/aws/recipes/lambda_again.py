"""A Lambda function made again: its code from an export, its published versions where an alias names them, and how it is called.

"A deleted function cannot be recovered", and the number of a version is never given twice, not even after the function was made again
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html), so that aliases come back on versions of other numbers.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from keyturn.core.keeping import ITEM_BYTES_MAX, is_kept, put_in, raw
from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Refused, Role
from keyturn.providers.aws.recipes.base import State, Step, call
from keyturn.providers.aws.recipes.common import human_bytes, must, pages, pause, read_call, value_of
from keyturn.providers.aws.recipes.export import Kept, exported, keep, kept, packed, unpacked
from keyturn.providers.aws.recipes.lambda_callers import asked_again
from keyturn.providers.aws.recipes.runbook import Run, new
from keyturn.providers.aws.told import CODE

ABSENT: Final = ("ResourceNotFoundException",)

READS_MAX: Final = 120
"""Reads until an update is done; the runtime spaces them up to five seconds: ten minutes."""

RESTORE_S: Final = 120
"""Seconds for a dozen calls, each of which has to be done before the next."""

_TRIES: Final = 6
"""A role that has just been made cannot be assumed for some seconds."""


class Made(msgspec.Struct, frozen=True):
    """One call: `code` is the digest of what is put into it, `version` the old number that its answer gives a new one for."""

    step: Step
    code: str = ""
    version: str = ""


# --- captured --------------------------------------------------------------------------------------------------------


def beside(ref: ResourceRef, unknowns: list[str]) -> Inquiry[State]:
    """What a function has beside its configuration: how it is invoked without waiting, and its URL."""
    invoked, at = yield (
        read_call(ref, "lambda:GetFunctionEventInvokeConfig", FunctionName=ref.id),
        read_call(ref, "lambda:GetFunctionUrlConfig", FunctionName=ref.id),
    )
    how = value_of(invoked, "GetFunctionEventInvokeConfig", unknowns, *ABSENT) or {}
    url = value_of(at, "GetFunctionUrlConfig", unknowns, *ABSENT)
    kept = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    told = {name: how[name] for name in kept if how.get(name) is not None}
    if how and not told:
        told = {"DestinationConfig": {}}  # one that says nothing stands all the same
    return {
        "invoked": told,
        "url": None
        if url is None
        else {
            "AuthType": url.get("AuthType"),
            "InvokeMode": str(url.get("InvokeMode") or "BUFFERED").upper(),
            **({"Cors": url["Cors"]} if url.get("Cors") else {}),
        },
        "address": (url or {}).get("FunctionUrl") or "",
    }


def versions(ref: ResourceRef, named: set[str], unknowns: list[str]) -> Inquiry[dict[str, Any]]:
    """The published versions that aliases name, as the service describes them, by number."""
    if not named:
        return {}
    answers = yield from pages(
        ref,
        "lambda:ListVersionsByFunction",
        {"FunctionName": ref.id},
        token_in="Marker",
        token_out="NextMarker",
    )
    found: dict[str, Any] = {}
    for answer in answers:
        told = value_of(answer, "ListVersionsByFunction", unknowns) or {}
        found |= {
            str(one["Version"]): one for one in told.get("Versions") or [] if str(one.get("Version")) in named
        }
    unknowns += [f"version {one} could not be read" for one in sorted(named - set(found))]
    return {number: found[number] for number in sorted(found, key=_number)}


def named_by(aliases: Mapping[str, Any]) -> set[str]:
    """The numbers of the versions that aliases lead to."""
    found = {
        str(number)
        for alias in aliases.values()
        for number in (alias["FunctionVersion"], *alias["RoutingConfig"]["AdditionalVersionWeights"])
    }
    return found - {"$LATEST"}


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


# --- exported --------------------------------------------------------------------------------------------------------


def not_exported(state: State) -> str:
    """Why its code has no export; empty where it can have one."""
    if state.get("package") == "Image":
        return "" if state.get("image") else "which image it runs is not known"
    sizes = [int(state.get("code_bytes") or 0)]
    sizes += [int(one.get("CodeSize") or 0) for one in (state.get("versions") or {}).values()]
    largest = max(sizes)
    if largest > ITEM_BYTES_MAX:
        return f"its code has {human_bytes(largest)}, and {human_bytes(ITEM_BYTES_MAX)} is the most that is exported"
    return ""


def export(ref: ResourceRef, state: State) -> Inquiry[tuple[Kept, int]]:
    """Every code that is needed to make it again, each seen to have the digest that Lambda says; with their number."""
    wanted = {str(state["code_sha256"]): "$LATEST"}
    for number, one in (state.get("versions") or {}).items():
        wanted.setdefault(str(one.get("CodeSha256")), number)
    index = []
    for digest, qualifier in wanted.items():
        got = yield from exported(ref, CODE, {"FunctionName": ref.id, "Qualifier": qualifier})
        code = raw(got["Body"])
        if base64.b64encode(hashlib.sha256(code).digest()).decode() != digest:
            raise UnavailableError("backup", f"the code of {ref.id} at {qualifier} is not what {digest} says")
        index.append([digest, (yield from keep(ref, code)).reference])
    return (yield from packed(ref, index)), len(index)


# --- a second one, for a drill ---------------------------------------------------------------------------------------

DRILL_ROLE: Final = "keyturn-drill-function"
"""The role of a function that a drill makes: the account has it for nothing else, and it may nothing."""


def quiet(ref: ResourceRef, state: State) -> State:
    """The function as a drill makes a second one: nobody is let in, nothing runs, and no value of its environment is in it.

    Its versions are numbered anew, as publishing numbers them.
    """
    role = f"arn:{ref.partition}:iam::{ref.account}:role/{DRILL_ROLE}"
    old = state.get("versions") or {}
    numbers = {number: str(place) for place, number in enumerate(old, 1)}
    aliases = {name: renumbered(alias, numbers) for name, alias in (state.get("aliases") or {}).items()}
    return {
        **state,
        "role": role,
        "environment": _unsaid(state.get("environment") or {}, "the function"),
        "versions": {numbers[one]: _quiet_version(told, role, one) for one, told in old.items()},
        "aliases": aliases,
        **dict.fromkeys(("vpc", "dead_letter", "key", "url")),
        "snap_start": "None",
        "tracing": "PassThrough",
        "statements": {},
        "invoked": {},
        "address": "",
        "concurrency": 0,
    }


def _quiet_version(told: Mapping[str, Any], role: str, number: str) -> dict[str, Any]:
    variables = (told.get("Environment") or {}).get("Variables") or {}
    said = {"Variables": _unsaid(variables, f"version {number}")}
    dropped = {"VpcConfig", "DeadLetterConfig", "KMSKeyArn", "SnapStart", "TracingConfig"}
    kept = {name: value for name, value in told.items() if name not in dropped}
    return {**kept, "Role": role, "Environment": said}


def _unsaid(variables: Mapping[str, str], of: str) -> dict[str, str]:
    """Their names alone. Versions that differ in nothing else still do: of what is the same no second one is published."""
    return dict.fromkeys(variables, f"(of {of}, not given to a drill)")


# --- made again ------------------------------------------------------------------------------------------------------


def again(
    ref: ResourceRef, state: State, parameters: Mapping[str, Any], of_version: Mapping[str, dict[str, Any]]
) -> list[Made]:
    """The calls, first to last. `parameters`: the configuration as it is set; `of_version`: that of each version."""
    name = {"FunctionName": ref.id}
    birth = {"PackageType": state["package"], "Architectures": state["architectures"]}
    tags = {"Tags": state["tags"]} if state.get("tags") else {}
    made: list[Made] = []
    for number, settings in [*of_version.items(), ("$LATEST", dict(parameters))]:
        told = (state.get("versions") or {}).get(number) or {}
        digest = str(told.get("CodeSha256") or state["code_sha256"])
        image = state.get("image") if state["package"] == "Image" else None
        where = {"ImageUri": image} if image else {}
        digest = "" if image else digest
        if not made:
            given = {**name, **birth, **tags, **_without_nothing(settings), "Code": where}
            made.append(Made(Step("lambda:CreateFunction", given), digest))
        else:
            made.append(Made(Step("lambda:UpdateFunctionCode", {**name, **where}), digest))
            made.append(Made(Step("lambda:UpdateFunctionConfiguration", {**name, **settings})))
        if number != "$LATEST":
            made.append(Made(Step("lambda:PublishVersion", dict(name)), version=number))
    return [*made, *(Made(step) for step in _called(ref, state))]


def _called(ref: ResourceRef, state: State) -> list[Step]:
    """How it is called: concurrency, retries, URL, aliases, and whom its policy lets in."""
    name = {"FunctionName": ref.id}
    steps = []
    if state.get("concurrency") is not None:
        given = {**name, "ReservedConcurrentExecutions": state["concurrency"]}
        steps.append(Step("lambda:PutFunctionConcurrency", given))
    if state.get("invoked"):
        steps.append(Step("lambda:PutFunctionEventInvokeConfig", {**name, **state["invoked"]}))
    if state.get("url"):
        steps.append(Step("lambda:CreateFunctionUrlConfig", {**name, **state["url"]}))
    for alias, stood in (state.get("aliases") or {}).items():
        weights = stood["RoutingConfig"]["AdditionalVersionWeights"]
        told = {key: value for key, value in stood.items() if key != "RoutingConfig" or weights}
        steps.append(Step("lambda:CreateAlias", {**name, "Name": alias, **told}))
    for sid, statement in (state.get("statements") or {}).items():
        asked = asked_again(statement)
        if asked is not None:
            steps.append(Step("lambda:AddPermission", {**name, "StatementId": sid, **asked}))
    return steps


def perform(ref: ResourceRef, made: list[Made], index: str) -> Inquiry[dict[str, str]]:
    """Make the calls; returns new numbers of versions by their old ones. `index`: what the export's reference leads to."""
    codes: dict[str, str] = dict((yield from unpacked(ref, index))) if index else {}
    numbers: dict[str, str] = {}
    for one in made:
        given = renumbered(one.step.parameters, numbers)
        if one.code:
            code = {"ZipFile": put_in(codes[one.code])}
            given = {**given, "Code": code} if one.step.action == "CreateFunction" else {**given, **code}
        told = yield from _done(ref, Step(one.step.operation, given))
        if one.step.action in {"CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration"}:
            yield from _ready(ref)
        if one.version:
            numbers[one.version] = str(told.get("Version"))
    return numbers


def runs(ref: ResourceRef, steps: list[Made]) -> tuple[Run, ...]:
    """As commands: archives and environments are files, and the number of a version is what its publishing said."""
    numbers: dict[str, str] = {}
    found = []
    for one in steps:
        given = renumbered(dict(one.step.parameters), numbers)
        files = {}
        if one.code:
            given.pop("Code", None)
            files["--zip-file"] = f"fileb://{_archive(one.code)}"
        if _variables(one):
            given.pop("Environment")
            files["--environment"] = (
                f"file://environment-{_environments(steps).index(_variables(one)) + 1}.json"
            )
        number = len(numbers) + 1
        if one.version:
            numbers[one.version] = new(number)
        waiter = _WAITED.get(one.step.action)
        then = (f"aws lambda wait {waiter} --function-name {ref.id}",) if waiter else ()
        gives = {number: "Version"} if one.version else {}
        found.append(Run(Step(one.step.operation, given), gives=gives, files=files, then=then))
    return tuple(found)


def reads_beside(steps: list[Made], backup: Backup) -> str:
    """Which files the commands read, and where their content lies; empty where they read none."""
    archives = dict.fromkeys(one.code for one in steps if one.code)
    told = [
        f"`{_archive(code)}`, the archive whose SHA-256 in base64 is {code} (their index: {backup.reference})"
        for code in archives
    ]
    told += [
        f'`environment-{number}.json`, {{"Variables": {{…}}}} with the values of {", ".join(sorted(one))} from the sealed capture'
        for number, one in enumerate(_environments(steps), 1)
    ]
    sealed = "it reads files whose content is sealed in the plane's vault, which no command of AWS opens: "
    return f"{sealed}{'; '.join(told)}." if told else ""


def files(ref: ResourceRef, steps: list[Made], backup: Backup) -> Inquiry[dict[str, bytes]]:
    """Their content: archives from the vault, environments from the capture."""
    found = {
        f"environment-{number}.json": msgspec.json.encode({"Variables": one})
        for number, one in enumerate(_environments(steps), 1)
    }
    if is_kept(backup.reference):  # else an image, which is left where it lies
        for code, reference in (yield from unpacked(ref, backup.reference)):
            found[_archive(code)] = yield from kept(ref, reference)
    return found


_WAITED: Final = {
    "CreateFunction": "function-active-v2",
    "UpdateFunctionCode": "function-updated-v2",
    "UpdateFunctionConfiguration": "function-updated-v2",
}


def _archive(code: str) -> str:
    """The name of an archive's file, from its digest."""
    return f"{base64.b64decode(code).hex()[:8]}.zip"


def _variables(one: Made) -> dict[str, str]:
    return (one.step.parameters.get("Environment") or {}).get("Variables") or {}


def _environments(steps: list[Made]) -> list[dict[str, str]]:
    """Those that differ, in their order: their files are named by number, which tells nothing of their values."""
    found: list[dict[str, str]] = []
    for one in steps:
        if _variables(one) and _variables(one) not in found:
            found.append(_variables(one))
    return found


def renumbered(parameters: dict[str, Any], numbers: Mapping[str, str]) -> dict[str, Any]:
    """An alias with the new numbers of its versions."""
    if not numbers or "FunctionVersion" not in parameters:
        return parameters
    version = str(parameters["FunctionVersion"])
    made = {**parameters, "FunctionVersion": numbers.get(version, version)}
    routing = parameters.get("RoutingConfig")
    if routing:
        weights = routing.get("AdditionalVersionWeights") or {}
        moved = {numbers.get(str(old), str(old)): weight for old, weight in weights.items()}
        made["RoutingConfig"] = {"AdditionalVersionWeights": moved}
    return made


def _done(ref: ResourceRef, step: Step) -> Inquiry[dict[str, Any]]:
    for left in range(_TRIES, -1, -1):
        (answer,) = yield (call(ref, step.operation, step.parameters, Role.CHANGE),)
        late = isinstance(answer, Refused) and "assume" in answer.message and step.action == "CreateFunction"
        if not late or not left:
            break
        yield from pause()
    return must(answer, f"{step.operation} of {ref.id}")


def _ready(ref: ResourceRef) -> Inquiry[None]:
    """While one update is under way the service takes no other (API_GetFunctionConfiguration, LastUpdateStatus)."""
    state = update = ""
    for _ in range(READS_MAX):
        (answer,) = yield (read_call(ref, "lambda:GetFunctionConfiguration", FunctionName=ref.id),)
        told = must(answer, f"GetFunctionConfiguration of {ref.id}")
        state, update = str(told.get("State") or "Active"), str(told.get("LastUpdateStatus") or "Successful")
        if state in {"Active", "Inactive"} and update == "Successful":
            return
        if "Failed" in {state, update}:
            break
    raise UnavailableError("not-ready", f"{ref} is {state}, its last update {update}")


def _without_nothing(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A create says nothing of what a function does not have, where an update has to say that it is none."""
    none: tuple[Any, ...] = (
        {},
        [],
        "",
        None,
        {"TargetArn": ""},
        {"SubnetIds": [], "SecurityGroupIds": []},
        {"Variables": {}},
    )
    return {name: value for name, value in settings.items() if value not in none}
