"""What a decision costs, and that a thousand policies cost hardly more than ten. Run: ``python -m bench.decision``

One decision is the whole of it: a request as a dict, validated into the values policy is asked with, the engine's answer
against the schema, and the reasons and obligations with it. Both sets are asked the same requests in turn within one run.
The extra policies are what teams write: guards per operation, per service, per agent, each with a condition of its own.
"""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final, TypedDict

import msgspec

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment
from keyturn.model.change import Change, Effect
from keyturn.model.decision import Verdict
from keyturn.policy import CedarEngine, Source, load_sources
from keyturn.policy.example import Example
from keyturn.policy.source import read_pack
from keyturn.providers.aws import catalogue

FEW: Final = 10
MANY: Final = 1_000
ROUNDS: Final = 40
RATIO_MAX: Final = 2.0
SERVICES: Final = (
    "dynamodb", "lambda", "s3", "iam", "ec2", "rds", "sqs", "sns", "ssm", "cloudwatch", "ecs", "eks", "kms", "logs",
    "events", "kinesis", "secretsmanager", "cloudformation", "elasticache", "route53", "redshift", "glue", "athena",
)  # fmt: skip


class Row(TypedDict):
    """One line of `bench/latest.json`. `baseline` has the unit of `value`."""

    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    goal: str
    met: bool


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as it comes in: the three values of the port."""

    change: Change
    assessment: Assessment
    facts: Facts


def requests() -> list[dict[str, Any]]:
    """A working day: reads, an update in place, a create, a delete and a replace, of several services and agents."""
    asked = [
        Example(effect=Effect.READ, operation="dynamodb:GetItem"),
        Example(effect=Effect.LIST, operation="s3:ListBuckets", agent="codex"),
        Example(effect=Effect.CREATE, operation="sqs:CreateQueue"),
        Example(effect=Effect.UPDATE, operation="lambda:UpdateFunctionConfiguration", inverse=True),
        Example(effect=Effect.UPDATE, operation="ec2:ModifyInstanceAttribute", environment="staging"),
        Example(effect=Effect.PERMISSION, operation="iam:PutRolePolicy", agent="q"),
        Example(effect=Effect.DELETE, operation="dynamodb:DeleteTable", data_bearing=True),
        Example(effect=Effect.REPLACE, operation="lambda:DeleteFunction", then=("lambda:CreateFunction",)),
    ]
    return [
        dict(zip(("change", "assessment", "facts"), map(msgspec.to_builtins, one.build()), strict=True))
        for one in asked
    ]


def written() -> Iterator[str]:
    """As many different policies as are asked for, in the shapes teams write them."""
    operations = [
        (service, name)
        for service, name in sorted(catalogue.every())
        if service in SERVICES and catalogue.lookup(service, name).effect.severity > Effect.SECRET.severity
    ]
    for number in range(10 * MANY):
        service, name = operations[number * 7919 % len(operations)]
        account = f"{100000000000 + number}"
        match number % 10:
            case 0:
                scope = f'principal == Agent::"agent-{number}", action in Action::"aws:{service}", resource'
                when = "context.session_minutes > 480"
            case 1:
                scope = f'principal, action in Action::"aws:{service}", resource'
                when = f'resource.account == "{account}" && context.findings.contains("outage")'
            case 2:
                scope = f'principal is Agent, action == Action::"aws:{service}:{name}", resource'
                when = f'context.operator == "person-{number}" && context.blast_radius > {number % 50}'
            case _:
                scope = f'principal, action == Action::"aws:{service}:{name}", resource'
                when = f'context.production && resource.id like "team-{number}-*"'
        yield (
            f'@id("team.{number}") @outcome("hold") @quorum("{1 + number % 2}") @message("rule {number} of a team") '
            f"forbid ({scope}) when {{ {when} }};"
        )


def engine_of(size: int) -> tuple[CedarEngine, float]:
    """An engine of `size` policies and how long it took to load and check, in seconds."""
    extra, kept = written(), list(read_pack("seatbelt"))
    if size < MANY:
        # Ten that let the same requests through or hold them: what a small team starts with.
        kept = []
        texts = [*SMALL, *(next(extra) for _ in range(size - len(SMALL)))]
    else:
        fixed = load_sources(kept)
        texts = [next(extra) for _ in range(size - len(fixed.policies))]
    began = time.perf_counter()
    engine = load_sources([*kept, Source("team.cedar", "\n".join(texts))])
    return engine, time.perf_counter() - began


SMALL: Final = (
    '@id("reads") permit (principal, action, resource) when { ["read", "list", "compute", "job"].containsAll(context.effects) };',
    '@id("creates") permit (principal, action, resource) when { context.effect == "create" && ["note"].containsAll(context.findings) };',
    '@id("updates") permit (principal, action, resource) when { context.effect == "update" && (context.inverse || !context.production) };',
    '@id("else") @outcome("hold") permit (principal, action, resource);',
    '@id("deletes") @outcome("hold") @quorum("2") forbid (principal, action, resource) when { context.effects.containsAny(["delete", "replace"]) };',
)


def decide(engine: CedarEngine, wish: dict[str, Any]) -> Verdict:
    """One decision from dict to explained answer."""
    asked = msgspec.convert(wish, Wish)
    decision = engine.answer(asked.change, asked.assessment, asked.facts)
    assert decision.reasons
    assert not decision.errors
    return decision.verdict


def _round_us(engine: CedarEngine, wishes: list[dict[str, Any]]) -> float:
    began = time.process_time()
    for wish in wishes:
        decide(engine, wish)
    return (time.process_time() - began) / len(wishes) * 1e6


def measure() -> list[Row]:
    """Median of rounds in which both engines answer the same requests, one after the other, in CPU time."""
    wishes = requests()
    (few, few_s), (many, many_s) = engine_of(FEW), engine_of(MANY)
    assert (len(few.policies), len(many.policies)) == (FEW, MANY)
    first_ms = _round_us(many, wishes) / 1000  # slices are built when first asked for
    _round_us(few, wishes)
    rounds = [(_round_us(few, wishes), _round_us(many, wishes)) for _ in range(ROUNDS)]
    small, large = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(big / little for little, big in rounds)
    resident_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Row(
            name=f"decision at {MANY:,} policies, beside {FEW}",
            value=round(large, 1),
            unit="us",
            baseline=round(small, 1),
            ratio=round(ratio, 2),
            goal=f"<= {RATIO_MAX}x",
            met=ratio <= RATIO_MAX,
        ),
        _told(f"first decision on an action at {MANY:,} policies", first_ms, "ms"),
        _told(f"load and check {MANY:,} policies", many_s, "s", few_s),
        _told("peak memory of this run", resident_mb, "MB"),
    ]


def _told(name: str, value: float, unit: str, baseline: float | None = None) -> Row:
    """A figure to be read, without a goal."""
    ratio = None if not baseline else round(value / baseline, 2)
    known = None if baseline is None else round(baseline, 3)
    return Row(name=name, value=round(value, 3), unit=unit, baseline=known, ratio=ratio, goal="", met=True)


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line))
