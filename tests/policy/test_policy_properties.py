"""What must hold for any policies and any request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.decision import Obligations, Verdict
from keyturn.policy import CedarEngine, load
from keyturn.policy.example import Example
from keyturn.policy.source import Policy, Source, parse
from keyturn.policy.weigh import merge

SERVICES = ("dynamodb", "lambda", "iam")
AGENTS = ("kiro", "codex", "q")

SCOPES_PRINCIPAL = (
    "principal",
    "principal is Agent",
    "principal is Person",
    'principal == Agent::"kiro"',
    'principal in Agent::"codex"',
    'principal is Agent in Agent::"kiro"',
    'principal == Person::"maria"',
)
SCOPES_ACTION = (
    "action",
    'action in Action::"delete"',
    'action in Action::"changes"',
    'action in Action::"reads"',
    'action in [Action::"aws:iam", Action::"update"]',
    'action == Action::"aws:dynamodb:DeleteTable"',
    'action in [Action::"aws:dynamodb:DeleteTable", Action::"aws:lambda"]',
)
SCOPES_RESOURCE = ("resource", "resource is Resource")
CONDITIONS = (
    "true",
    "context.production",
    'context.effect == "delete"',
    'context.findings.contains("data_loss")',
    "context.unknowns > 0",
    "context.reversibility <= 2",
    'resource.id == "orders"',
    'resource.kind like "dynamodb:*"',
    'principal == Agent::"q"',
    'action in Action::"aws:dynamodb"',
    'action in [Action::"aws:iam", Action::"delete", Action::"aws:sqs:PurgeQueue"]',
    'action == Action::"aws:dynamodb:DeleteTable"',
    'action != Action::"aws:lambda:UpdateFunctionCode"',
    '[action].contains(Action::"aws:iam:PutRolePolicy")',
    "context.operations + 9223372036854775806 > 0",  # overflows from two operations on
    'context.ticket == "x"',  # an attribute that no request has
)
HEADS = (
    "permit",
    "permit",
    '@outcome("hold") permit',
    '@outcome("hold") @quorum("2") forbid',
    '@outcome("hold") @backup("required") forbid',
    '@outcome("suggest") forbid',
    "forbid",
)


def _text(number: int, parts: tuple[str, str, str, str, str]) -> str:
    head, principal, action, resource, condition = parts
    notes, _, effect = head.rpartition(" ")
    return f'@id("p{number}") {notes} {effect} ({principal}, {action}, {resource}) when {{ {condition} }};'


def _drawn(heads: tuple[str, ...]) -> st.SearchStrategy[tuple[str, str, str, str, str]]:
    return st.tuples(
        *map(st.sampled_from, (heads, SCOPES_PRINCIPAL, SCOPES_ACTION, SCOPES_RESOURCE, CONDITIONS))
    )


def _parsed(parts: list[tuple[str, str, str, str, str]], start: int = 0) -> tuple[Policy, ...]:
    texts = [_text(number, one) for number, one in enumerate(parts, start)]
    return parse([Source("drawn", "\n".join(texts))])


policy_sets = st.lists(_drawn(HEADS), min_size=1, max_size=8)
forbids = _drawn(HEADS[3:])

examples = st.builds(
    Example,
    effect=st.sampled_from(Effect),
    floor=st.none() | st.sampled_from(Effect),
    operation=st.sampled_from(["dynamodb:DeleteTable", "lambda:UpdateFunctionCode", "iam:PutRolePolicy", "sqs:PurgeQueue"]),
    then=st.sampled_from([(), ("dynamodb:DeleteTable",), ("iam:DeleteRole",)]),
    environment=st.sampled_from(["production", "unknown", "development", ""]),
    reversibility=st.none() | st.sampled_from(Reversibility),
    findings=st.lists(st.sampled_from(Kind), max_size=2).map(tuple),
    unknowns=st.integers(0, 2),
    data_bearing=st.booleans(),
    backup=st.booleans(),
    inverse=st.booleans(),
    agent=st.sampled_from(AGENTS),
    resource=st.sampled_from(["dynamodb:table/orders", "lambda:function/report"]),
    human=st.booleans(),
    undo=st.booleans(),
    frozen=st.booleans(),
    suggest_only=st.booleans(),
)  # fmt: skip


@given(policy_sets, forbids, examples)
@settings(max_examples=300, deadline=None)
def test_adding_a_forbid_never_makes_it_more_permissive(
    parts: list[Any], forbid: tuple[str, str, str, str, str], example: Example
) -> None:
    """Whatever a team adds to be careful, nothing gets easier by it: neither the verdict nor what must hold first."""
    policies = _parsed(parts)
    before = CedarEngine(policies).answer(*example.build())
    after = CedarEngine((*policies, *_parsed([forbid], start=len(parts)))).answer(*example.build())
    assert after.verdict.strictness >= before.verdict.strictness
    assert after.obligations.quorum >= before.obligations.quorum
    assert after.obligations.backup >= before.obligations.backup


@given(policy_sets, examples)
@settings(max_examples=300, deadline=None)
def test_a_slice_answers_as_the_whole_set_does(parts: list[Any], example: Example) -> None:
    """Slicing saves time and nothing else: verdict, reasons, obligations are those of the whole set."""
    policies = _parsed(parts)
    sliced = CedarEngine(policies).answer(*example.build())
    whole = CedarEngine(policies, slicing=False).answer(*example.build())
    assert sliced == whole


@given(policy_sets, st.lists(examples, min_size=2, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_kept_vote_is_the_one_that_is_asked_for(parts: list[Any], asked: list[Example]) -> None:
    """An engine keeps votes of requests that look alike to its policies; each request is answered as though it were the first."""
    policies = _parsed(parts)
    keeping = CedarEngine(policies)
    for example in [*asked, *asked]:
        assert keeping.answer(*example.build()) == CedarEngine(policies, slicing=False).answer(
            *example.build()
        )


@given(policy_sets, examples)
@settings(max_examples=300, deadline=None)
def test_an_error_is_never_allow_and_a_verdict_never_without_reason(
    parts: list[Any], example: Example
) -> None:
    """Errors are counted in every decision, and every decision says why."""
    decision = CedarEngine(_parsed(parts)).answer(*example.build())
    assert decision.reasons
    if decision.errors:
        assert decision.verdict is not Verdict.ALLOW


@given(policy_sets, examples)
@settings(max_examples=100, deadline=None)
def test_the_order_of_operations_decides_nothing(parts: list[Any], example: Example) -> None:
    """The same operations in another order get the same verdict and obligations."""
    change, assessment, facts = example.build()
    engine = CedarEngine(_parsed(parts))
    turned = type(change)(
        principal=change.principal,
        surface=change.surface,
        operations=change.operations[::-1],
        received_at_ms=0,
        undoes=change.undoes,
    )
    one, other = engine.answer(change, assessment, facts), engine.answer(turned, assessment, facts)
    assert (one.verdict, one.obligations) == (other.verdict, other.obligations)
    assert set(one.reasons) == set(other.reasons)


@given(st.text(max_size=40), st.text(max_size=10), examples)
@settings(max_examples=200, deadline=None)
def test_any_name_and_any_floor_get_an_answer(name: str, floor: str, example: Example) -> None:
    """`answer` is total, and what is not an operation with an effect is never ALLOW."""
    change, assessment, facts = example.build()
    operation = type(change.operations[0])(
        provider="aws",
        name=name,
        parameters={},
        resources=(),
        floor=floor,  # type: ignore[arg-type]
        partition="aws",
        account="",
        region="",
    )
    odd = type(change)(principal=change.principal, surface="", operations=(operation,), received_at_ms=0)
    engine = CedarEngine(parse([Source("t", '@id("all") permit (principal, action, resource);')]))
    decision = engine.answer(odd, assessment, facts)
    known = floor in set(Effect) and name.count(":") == 1
    assert known or decision.verdict is Verdict.DENY


obligations = st.builds(
    Obligations,
    quorum=st.integers(0, 5),
    backup=st.booleans(),
    capture=st.booleans(),
    restore_on_failure=st.booleans(),
    window_s=st.sampled_from([0, 60, 3600]),
)


@given(st.lists(obligations, max_size=5), st.randoms())
def test_merged_obligations_fulfil_each(all_of: list[Obligations], random: Any) -> None:
    """What satisfies the merged obligations satisfies every single one, in whatever order they came."""
    merged = merge(all_of)
    for one in all_of:
        assert merged.quorum >= one.quorum
        assert (merged.backup, merged.capture) >= (
            one.backup and merged.backup,
            one.capture and merged.capture,
        )
        assert not (one.backup and not merged.backup)
        assert not (one.capture and not merged.capture)
        assert not (one.restore_on_failure and not merged.restore_on_failure)
        assert not one.window_s or 0 < merged.window_s <= one.window_s
    shuffled = list(all_of)
    random.shuffle(shuffled)
    assert merge(shuffled) == merged


@pytest.fixture(scope="module")
def seatbelt() -> CedarEngine:
    return load(["seatbelt"])


@given(example=examples)
@settings(max_examples=400, deadline=None)
def test_seatbelt_answers_without_errors(seatbelt: CedarEngine, example: Example) -> None:
    """The shipped pack can be evaluated for any request, and says DENY to none: people can always be asked."""
    decision = seatbelt.answer(*example.build())
    assert decision.errors == ()
    assert decision.verdict is not Verdict.DENY
