"""Assessment and decision of a question: what the gateway does with a request, driven with the facts that came along."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from keyturn import pipeline
from keyturn.core.inquiring import Done, go_on
from keyturn.core.ports import Assessing, Facts, Inquiry, PolicyEngine
from keyturn.core.sequences import Earlier
from keyturn.explaining.asked import Asked
from keyturn.explaining.explained import Explained
from keyturn.explaining.sessions import Sessions
from keyturn.model.assessment import Assessment, Finding, Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Change, Effect, Operation, Principal, Request
from keyturn.model.execution import Answer, Call
from keyturn.model.radius import Radius
from keyturn.providers.aws.cli import Meant
from keyturn.providers.aws.operation import operation_from, request_from
from keyturn.providers.aws.provider import AwsProvider
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.unread_value import read_of

T = TypeVar("T")

ROUNDS_MAX: Final = 1_000
"""Yields of one inquiry: what comes along is no account, and an answer that asks for the next page for ever is cut here."""

_SOMEBODY: Final = Principal(agent="an agent", session="explain", operator="somebody")


def seal(value: bytes) -> str:
    """In place of an installation's keyed digest: nothing of it is kept."""
    return "sha256:" + hashlib.sha256(value).hexdigest()[:24]


class Explainer:
    """Answers questions; holds the policies and nothing of any question."""

    def __init__(self, policy: PolicyEngine, *, accounts: Mapping[str, str] | None = None) -> None:
        self._policy, self._accounts = policy, dict(accounts or {})

    def explain(
        self, asked: Asked, facts: Facts | None = None, *, sessions: Sessions | None = None
    ) -> Explained:
        """What it does and what is decided of it. Never raises for what is asked: what fails inside is an unknown.

        With `sessions` it is judged beside what was asked before in its session, and remembered for what comes after.
        """
        earlier = sessions.earlier(asked.session) if sessions is not None else ()
        found, change = self._explained(asked, facts or Facts(), earlier)
        if sessions is not None:
            sessions.note(asked.session, found, change)
        return found

    def _explained(
        self, asked: Asked, facts: Facts, earlier: tuple[Earlier, ...]
    ) -> tuple[Explained, Change | None]:
        operations = tuple(_operation(one, asked.home) for one in asked.meant)
        changing = [number for number, one in enumerate(operations) if one.floor not in READ_EFFECTS]
        if not operations or asked.why:
            return self._unread(asked, operations, facts), None
        kept = changing or range(len(operations))
        change = _change(tuple(operations[number] for number in kept))
        remarks = [
            finding for number in kept for finding in _findings(asked.meant[number], operations[number])
        ]
        unknowns = (
            *asked.unknowns,
            *(text for number in kept for text in asked.meant[number].unknown),
        )
        if changing:
            requests = tuple(_request(asked.meant[number], asked.home) for number in changing)
            assessing = pipeline.in_sequence(change, self._assessed(change, requests, asked), earlier)
        else:
            reading = max(change.operations, key=lambda one: one.floor.severity)
            assessing = pipeline.read_assessment(reading)
        assessment = _with(assessing.assessment, remarks, unknowns)
        decision = pipeline.decide(self._policy, change, assessment, facts)
        heaviest = max(change.operations, key=lambda one: one.floor.severity)
        found = Explained(asked, heaviest, operations, assessment, decision, assessing.reply_commands)
        return found, change

    def _assessed(self, change: Change, requests: tuple[Request, ...], asked: Asked) -> Assessing:
        said = {_account(asked, change): asked.environment} if asked.environment else {}
        accounts = {**self._accounts, **said}
        provider = AwsProvider(seal, accounts)
        try:
            facts = asked.facts()
            found = _driven(provider.assess(change, requests, at_ms=0), facts)
            inquiry = provider.radius(change, found, at_ms=0)
            if inquiry is None:
                return found
            looked = (
                _driven(inquiry, facts) if facts else Radius(cut=("nobody could look: nothing is running",))
            )
            return pipeline.with_radius(found, looked)
        except Exception as error:  # noqa: BLE001  # fail closed, as the plane does
            return pipeline.empty_assessment(change, f"the assessment failed: {type(error).__name__}")

    def _unread(self, asked: Asked, operations: tuple[Operation, ...], facts: Facts) -> Explained:
        """What could not be read as a request, or not all of it."""
        unknown = Operation(
            provider="aws",
            name="aws:Unknown",
            parameters={},
            resources=(asked.home.ref("aws:account", "*"),),
            floor=Effect.EXECUTE,
            partition=asked.home.partition,
            account=asked.home.account,
            region=asked.home.region,
        )
        change = _change((*operations, unknown))
        assessing = pipeline.empty_assessment(change, asked.why or "it asks for nothing")
        remarks = [
            finding
            for meant, operation in zip(asked.meant, operations, strict=True)
            for finding in _findings(meant, operation)
        ]
        assessment = _with(assessing.assessment, remarks, asked.unknowns)
        decision = pipeline.decide(self._policy, change, assessment, facts)
        heaviest = max(operations, key=lambda one: one.floor.severity, default=None)
        return Explained(asked, heaviest, operations, assessment, decision)


def _account(asked: Asked, change: Change) -> str:
    """The account that is spoken of: the one that is given, or else the only one that the resources name."""
    named = {ref.account for operation in change.operations for ref in operation.resources if ref.account}
    return asked.home.account or (named.pop() if len(named) == 1 else "")


def _driven(inquiry: Inquiry[T], answer: Callable[[Call], Answer]) -> T:
    """The inquiry's result, its calls answered by what came along."""
    answers: tuple[Answer, ...] | None = None
    for _ in range(ROUNDS_MAX):
        calls = go_on(inquiry, answers)
        if isinstance(calls, Done):
            return calls.result
        answers = tuple(answer(call) for call in calls)
    inquiry.close()
    raise TimeoutError(f"an inquiry asked more than {ROUNDS_MAX} times")


def _change(operations: tuple[Operation, ...]) -> Change:
    return Change(principal=_SOMEBODY, surface="explain", operations=operations, received_at_ms=0)


def _operation(meant: Meant, home: Home) -> Operation:
    placed = Home(home.partition, home.account, meant.region or home.region)
    read = read_of(meant.parameters)  # a mark names nothing
    made = operation_from(meant.service, meant.operation, read, home=placed, seal=seal)
    return made if meant.floor is None else msgspec.structs.replace(made, floor=meant.floor)


def _request(meant: Meant, home: Home) -> Request:
    """The request as it comes out of the vault: through JSON, so that blobs are base64 text."""
    parameters: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(meant.parameters, enc_hook=str))
    return request_from(
        meant.service,
        meant.operation,
        parameters,
        region=meant.region or home.region,
        protocol="json",
    )


def _findings(meant: Meant, operation: Operation) -> list[Finding]:
    """What the command is, beyond its operation."""
    return [
        Finding(
            code=remark.code,
            kind=remark.kind,
            message=remark.message,
            effect=max(remark.effect, operation.floor, key=lambda effect: effect.severity),
            reversibility=Reversibility.R1 if remark.kind is Kind.NOTE else Reversibility.R4,
            resources=operation.resources,
            source="Keyturn: what the aws CLI makes of the command",
        )
        for remark in meant.remarks
        if remark.effect not in READ_EFFECTS or operation.floor not in READ_EFFECTS
    ]


def _with(assessment: Assessment, findings: list[Finding], unknowns: tuple[str, ...]) -> Assessment:
    """The assessment with what is known of the command; it can only worsen."""
    if not findings and not unknowns:
        return assessment
    effects = {*assessment.effects, *(finding.effect for finding in findings)}
    return msgspec.structs.replace(
        assessment,
        effect=max((assessment.effect, *effects), key=lambda effect: effect.severity),
        effects=tuple(sorted(effects, key=lambda effect: effect.severity, reverse=True)),
        reversibility=max([assessment.reversibility, *(finding.reversibility for finding in findings)]),
        findings=(*assessment.findings, *findings),
        unknowns=tuple(dict.fromkeys((*assessment.unknowns, *unknowns))),
    )
