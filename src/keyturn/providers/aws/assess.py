"""What a change would do: the answers of recipes and rules, put together. Effect is a function of operation, parameters and
live state; it starts at the catalogue's floor and rises. Only a true dry run and its like lower it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.core.ports import Assessing, Inquiry, Seal
from keyturn.model.assessment import Assessment, Difference, Finding, Kind, Recoverable, Reversibility
from keyturn.model.change import READ_EFFECTS, Change, Effect, Operation, Request, ResourceRef
from keyturn.providers.aws import (
    authority,
    before_after,
    catalogue,
    items,
    kinds,
    narrow,
    places,
    plans,
    recipes,
    recovering,
)
from keyturn.providers.aws.capturing import Taken, take, together, with_items
from keyturn.providers.aws.live import Reading
from keyturn.providers.aws.recovering import DESTROYS
from keyturn.providers.aws.rules import Context, Doubt, inside, rules_for, statements
from keyturn.providers.aws.rules.parts import members_of
from keyturn.providers.aws.rules.shapes import APPENDS
from keyturn.providers.aws.rules.tightening import only_tightens

_PLAIN_READS: Final = frozenset(
    {"ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory"}
)
"""Without WithDecryption these hand out secure strings as ciphertext (API_GetParameter): a plain read."""

_DRY_RUNS: Final = {
    "ec2": "DryRun",
    "imagebuilder": "dryRun",
    "kms": "DryRun",
    "network-firewall": "DryRun",
    "pinpoint-sms-voice-v2": "DryRun",
    "es:CancelDomainConfigChange": "DryRun",
    "es:UpdateElasticsearchDomainConfig": "DryRun",
    "es:UpgradeElasticsearchDomain": "PerformCheckOnly",
    "kinesis:PutRecord": "DryRun",
    "kinesis:PutRecords": "DryRun",
    "lambda:UpdateFunctionCode": "DryRun",
    "logs:DeleteAccountPolicy": "dryRun",
    "logs:PutAccountPolicy": "dryRun",
    "opensearch:CancelDomainConfigChange": "DryRun",
    "opensearch:UpdateDomainConfig": "DryRun",
    "opensearch:UpgradeDomain": "PerformCheckOnly",
    "ssm:DeleteInventory": "DryRun",
}
"""Services, and single operations, whose pages say that with this member set to true nothing is done: the request is only checked."""

_SINGLE: Final = items.WRITES | {
    "dynamodb:BatchExecuteStatement",
    "dynamodb:ExecuteStatement",
    "dynamodb:ExecuteTransaction",
    "sqs:DeleteMessage",
    "sqs:DeleteMessageBatch",
    "s3:DeleteObject",
    "s3:DeleteObjects",
    "s3:AbortMultipartUpload",
}
"""Operations on single items, messages and objects: what stands beside these is not at risk."""


class Judged(msgspec.Struct, frozen=True):
    """One operation, judged."""

    operation: Operation
    effect: Effect
    reversibility: Reversibility
    findings: tuple[Finding, ...]
    recoverable: tuple[Recoverable, ...]
    doubts: tuple[str, ...] = ()  # what a rule could not say, since a fact was not read


def lowered(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether the request is certainly a read although its name is not: the short list of docs/concepts/rules.md, 6."""
    flag = _DRY_RUNS.get(name) or _DRY_RUNS.get(name.partition(":")[0])
    if flag is not None and parameters.get(flag) is True:
        return flag in members_of(
            name
        )  # a service may pass over a member that its operation does not have, and do it
    if name == "lambda:Invoke" and parameters.get("InvocationType") == "DryRun":
        return True
    if name in statements.OPERATIONS:
        return statements.only_reads(name, parameters)
    return name in _PLAIN_READS and not parameters.get("WithDecryption")


def _plain_parameters(context: Context) -> bool:
    """Whether all parameters that are asked for were read to be plain text: WithDecryption then decrypts nothing (API_GetParameter)."""
    if context.operation.name not in {"ssm:GetParameter", "ssm:GetParameters"}:
        return False
    states = [context.states.get(str(ref)) for ref in context.operation.resources]
    return bool(states) and all(
        state is not None and state.get("type") in {"String", "StringList"} for state in states
    )


def assess(
    change: Change,
    requests: tuple[Request, ...],
    *,
    seal: Seal,
    accounts: Mapping[str, str],
    ours: tuple[str, ...] = (),
) -> Inquiry[Assessing]:
    """Capture, judge every operation, put together. `ours`: names of the roles that the plane itself works with."""
    taken = yield from take(change)
    shown = change.undoes is not None or not requests  # what an undo writes stands sealed wherever it is said
    parameters = (
        [operation.parameters for operation in change.operations]
        if shown
        else [request.parameters for request in requests]
    )
    taken, touched = yield from with_items(change, requests, taken)
    taken = yield from places.with_tags(change, taken)
    powers = yield from together(
        [
            authority.of(operation, reading.live, taken.captures.states)
            for operation, reading in _read(change, taken)
        ]
    )
    contexts = [
        Context(operation, given, taken.captures.states, met, reading.live, power, ours=ours)
        for (operation, reading), given, met, power in zip(
            _read(change, taken), parameters, touched, powers, strict=True
        )
    ]
    yield from _powers(contexts)
    judged = [judge(context, taken_back=change.undoes is not None) for context in contexts]
    return _together(change, contexts, judged, taken, seal=seal, accounts=accounts)


def _powers(contexts: list[Context]) -> Inquiry[None]:
    """Reads what the roles may do that the parts of a call act with."""
    wanted = [(context, role) for context in contexts for role in inside.roles(context)]
    told = yield from together([authority.of_roles(context.operation, [role]) for context, role in wanted])
    for (context, role), power in zip(wanted, told, strict=True):
        context.memo.setdefault("powers", {})[role] = power


def _read(change: Change, taken: Taken) -> list[tuple[Operation, Reading]]:
    return list(zip(change.operations, taken.readings, strict=True))


def judge(context: Context, *, taken_back: bool = False) -> Judged:
    """One operation by the rules that speak of it; of an undo only what its steps are."""
    if lowered(context.operation.name, context.parameters) or _plain_parameters(context):
        return Judged(context.operation, Effect.READ, Reversibility.R0, (), ())
    known = inside.floor(context)  # of a stack call: the worst of its parts
    if known is not None:
        operation = msgspec.structs.replace(context.operation, floor=known)
        context = msgspec.structs.replace(context, operation=operation)
    operation = context.operation
    findings, doubts = ((), ()) if taken_back else _asked(context)
    findings = recovering.with_backups(context, findings)
    effects = [operation.floor, *(finding.effect for finding in findings if finding.kind is not Kind.NOTE)]
    effect = max(effects, key=lambda effect: effect.severity)
    recoverable = tuple(recovering.recoverable(context, ref, effect) for ref in operation.resources)
    return Judged(
        operation,
        effect,
        _reversibility(context, effect, findings, recoverable),
        findings,
        recoverable,
        doubts,
    )


def _asked(context: Context) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What the rules say, and what they could not say. What an exact rule has found, a generic one does not find again."""
    findings: list[Finding] = []
    doubts: list[str] = []
    unread: dict[str, list[str]] = {}
    said: set[Kind] = set()
    exactly = False  # an exact rule has found more than a remark
    for rule in rules_for(context.operation.name):
        generic = not rule.operations and not rule.everywhere
        if generic and (rule.kind in said or (rule.last and exactly)):
            continue
        found = rule.answer(context)
        if found is None:
            continue
        if isinstance(found, Doubt) and found.unread:
            unread.setdefault(found.about, []).append(found.unread)
        elif isinstance(found, Doubt):
            doubts.append(f"{context.ref}: {found.about}, could not be read")
        else:
            findings.append(found)
            said.add(found.kind)
            exactly = exactly or (bool(rule.operations) and found.kind is not Kind.NOTE)
    doubts += [
        f"{context.ref}: {', '.join(codes)}: {about}, could not be read" for about, codes in unread.items()
    ]
    return tuple(findings), tuple(doubts)


def _reversibility(
    context: Context, effect: Effect, findings: tuple[Finding, ...], recoverable: tuple[Recoverable, ...]
) -> Reversibility:
    """The worst of what the findings say and what the recipes can do."""
    said = [finding.reversibility for finding in findings]
    if effect in READ_EFFECTS:
        return Reversibility.R0
    operation = context.operation
    absent = str(context.ref) in context.states and context.state is None
    if context.items.writes:
        return max([Reversibility.R1 if context.items.captured else Reversibility.R4, *said])
    inverse = bool(recoverable) and all(item.inverse for item in recoverable)
    if any(item.window_s is not None for item in recoverable):
        said.append(Reversibility.R2)  # not for ever, and only the service can do it
    if operation.floor in DESTROYS:
        found = max(said, default=Reversibility.R1 if absent or inverse else Reversibility.R4)
        known = absent or inverse or context.live or context.state is not None
        if any(one.kind is not Kind.NOTE for one in findings) and recovering.data_goes(context, recoverable):
            return Reversibility.R4
        return Reversibility.R3 if found is Reversibility.R1 and not known else found
    if operation.name in APPENDS or any(
        one.kind is Kind.NOTE
        and (one.code == "GEN010" or (one.code == "SQL002" and one.reversibility is Reversibility.R1))
        for one in findings
    ):
        return max([Reversibility.R1, *said])
    if operation.floor in {Effect.EXECUTE, Effect.SECRET}:
        return max([Reversibility.R4, *said])
    if operation.floor is Effect.CREATE or absent:
        return max([Reversibility.R1, *said])
    back = (
        inverse
        or _taken_back_by(operation)
        or (operation.floor is Effect.PERMISSION and only_tightens(context))
    )
    return max([Reversibility.R1 if back else Reversibility.R3, *said])


_CONTAINERS: Final = re.compile(
    r"Create(AccessGrantsInstance|CustomPermissions|Group|InstanceProfile|Permission|PermissionSet|Policy|Role|ServiceLinkedRole|User|UserGroup|Team)$"
)
"""Of what decides who may do what, these are made and grant nothing until they are attached, or somebody is let in."""

_PAIRS: Final = {
    "Add": "Remove",
    "Associate": "Disassociate",
    "Attach": "Detach",
    "Authorize": "Revoke",
    "Enable": "Disable",
    "Register": "Deregister",
    "Tag": "Untag",
}
"""Verbs, and those that take back exactly what the request has given."""


def _taken_back_by(operation: Operation) -> bool:
    """Whether the service has a call that takes off again what this one puts on: both are told by the request alone."""
    if _CONTAINERS.match(operation.action) or (
        operation.name == "ram:CreateResourceShare" and not operation.parameters.get("principals")
    ):
        return True
    for verb, other in _PAIRS.items():
        if operation.action.startswith(verb):
            name = other + operation.action.removeprefix(verb)
            return catalogue.lookup(operation.service, name).confidence != "unknown"
    return False


def _together(
    change: Change,
    contexts: list[Context],
    judged: list[Judged],
    taken: Taken,
    *,
    seal: Seal,
    accounts: Mapping[str, str],
) -> Assessing:
    states = taken.captures.states
    findings = [finding for one in judged for finding in one.findings]
    heard = places.hear(change, contexts, taken, accounts)
    effect = max((one.effect for one in judged), key=lambda effect: effect.severity)
    effects = {one.effect for one in judged}
    replaced = narrow.replaced(change)
    if replaced is not None:
        effect = Effect.REPLACE
        effects.add(Effect.REPLACE)
        findings.insert(0, narrow.replace_finding(replaced))
    ways = narrow.alternatives(change, contexts, seal=seal)
    if ways.note is not None:
        findings.append(ways.note)
    destroyed = [one for one in judged if one.effect in DESTROYS]
    lost = [one for one in destroyed if _loses(one)]
    parts = _once(judged)
    assessment = Assessment(
        effect=effect,
        effects=tuple(sorted(effects, key=lambda effect: effect.severity, reverse=True)),
        reversibility=max(one.reversibility for one in judged),
        environment=places.environment_of(heard),
        environment_heard=tuple(dict.fromkeys(one for voices in heard.values() for one in voices)),
        state_digest=taken.captures.digest,
        recover_s=_recover_s(parts),
        data_at_risk=_at_risk(lost, states),
        data_bearing=any(
            recipe.data_bearing
            for one in lost
            for ref in one.operation.resources
            if (recipe := recipes.for_kind(ref.kind)) is not None and states.get(str(ref)) is not None
        ),
        blast_radius=taken.dependents,
        recoverable=parts,
        findings=tuple(findings),
        differences=ways.differences
        if replaced is not None
        else _differences(contexts, destroyed, ways, seal),
        alternatives=ways.alternatives,
        unknowns=(
            *taken.captures.unknowns,
            *taken.doubts,
            *(doubt for one in judged for doubt in one.doubts),
        ),
        makes=_makes(change, states),
    )
    numbered = frozenset(
        one.name for one in change.operations if plans.numbered(*kinds.meant(one).split(":", 1))
    )
    return Assessing(assessment, taken.captures, ways.commands, ways.calls, numbered)


def _makes(change: Change, states: Mapping[str, Any]) -> tuple[ResourceRef, ...]:
    """What is made that was read to stand nowhere: a create of a name that stands already makes nothing, and services let it pass."""
    return tuple(
        ref
        for operation in change.operations
        if (recipe := recipes.for_kind((ref := operation.resources[0]).kind)) is not None
        and operation.name in recipe.creates
        and ref.id != "*"
        and states.get(str(ref), ...) is None
    )


def _recover_s(parts: tuple[Recoverable, ...]) -> int | None:
    known = [item.recover_s for item in parts]
    if not known or any(seconds is None for seconds in known):
        return None
    return sum(seconds or 0 for seconds in known)


def _once(judged: list[Judged]) -> tuple[Recoverable, ...]:
    """One entry a resource: of several the one that promises least. What a create of it promises says nothing of what is deleted."""
    gone = {item.resource for one in judged if one.operation.floor in DESTROYS for item in one.recoverable}
    best: dict[ResourceRef, Recoverable] = {}
    for one in judged:
        for item in one.recoverable:
            if item.resource in gone and one.operation.floor is Effect.CREATE:
                continue
            earlier = best.get(item.resource)
            if earlier is None or (item.backup, item.inverse) < (earlier.backup, earlier.inverse):
                best[item.resource] = item
    return tuple(best.values())


def _loses(one: Judged) -> bool:
    """Whether data goes: items do even where they were captured, a setting that a call puts back does not."""
    return one.operation.name in items.WRITES or not all(item.inverse for item in one.recoverable)


def _at_risk(destroyed: list[Judged], states: Mapping[str, Any]) -> str:
    """In words with counts; of writes to single items or messages their own number, not all that stands beside them."""
    said: dict[str, None] = {}
    for one in destroyed:
        if one.operation.name in _SINGLE:
            counted = {f"{number} {what}": None for what, number in _counted(one.findings) if number}
            said |= counted
            continue
        for ref in one.operation.resources:
            recipe, state = recipes.for_kind(ref.kind), states.get(str(ref))
            if recipe is not None and state is not None and (text := recipe.at_risk(state)):
                said[text] = None
    return "; ".join(said)


def _counted(findings: tuple[Finding, ...]) -> Iterator[tuple[str, int]]:
    for finding in findings:
        if finding.evidence.get("messages") is not None:
            yield "messages", int(finding.evidence["messages"])
        if "objects" in finding.evidence:
            yield "objects", int(finding.evidence["objects"])
        if "deletes" in finding.evidence:
            unread = finding.evidence.get("unknown", 0)
            yield "items", int(finding.evidence["deletes" if unread else "deleted"])


def _differences(
    contexts: list[Context], destroyed: list[Judged], ways: narrow.Ways, seal: Seal
) -> tuple[Difference, ...]:
    """What goes, then what a create wants otherwise, then what updates in place would set; each place of a resource once."""
    states = contexts[0].states
    updated = [
        difference
        for context in contexts
        if not lowered(context.operation.name, context.parameters)
        for difference in before_after.differences(context, seal=seal)
    ]
    every = [*_deleted(destroyed, states), *ways.differences, *updated]
    return tuple(
        {(difference.resource, difference.path): difference for difference in reversed(every)}.values()
    )[::-1]


def _deleted(destroyed: list[Judged], states: Mapping[str, Any]) -> tuple[Difference, ...]:
    """A delete is the largest difference: it stands first on the page."""
    return tuple(
        Difference(resource=ref, path="", before="stands", after=None)
        for one in destroyed
        for ref in one.operation.resources
        if states.get(str(ref)) is not None
        and (recipe := recipes.for_kind(ref.kind)) is not None
        and one.operation.name in recipe.deletes
    )
