"""Seatbelt: its own cases, each policy's need, and the whole table against rules written down a second time, in Python."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.model.decision import Decision, Verdict
from keyturn.policy import CedarEngine, load
from keyturn.policy.example import Example
from keyturn.policy.testing import run_pack_tests

ENGINE = load(["seatbelt"])


def test_its_cases_hold() -> None:
    """The cases beside the pack pass, and every policy determines at least one of them."""
    report = run_pack_tests("seatbelt", engine=ENGINE)
    assert report.failed == (), report.text()
    assert report.untested == ()
    assert len(report.results) > 60


@pytest.mark.parametrize("name", sorted(ENGINE.policies))
def test_no_policy_can_be_taken_out_unnoticed(name: str) -> None:
    """Without this policy a case beside the pack fails: the cases pin every policy down."""
    rest = CedarEngine([policy for policy in ENGINE.policies.values() if policy.id != name])
    assert not run_pack_tests("seatbelt", engine=rest).passed


@pytest.mark.parametrize("name", sorted(ENGINE.policies))
def test_every_policy_speaks_to_a_tired_person(name: str) -> None:
    """A message is one sentence that fits two lines of a terminal, in plain words."""
    message = ENGINE.policies[name].message
    assert 15 <= len(message) <= 130
    assert message[0].islower()
    assert "context" not in message
    assert "forbid" not in message


HARMLESS = {Effect.CREATE, Effect.UPDATE, Effect.TAG}
DESTROYING = {Effect.DELETE, Effect.REPLACE}
TWO_IN_PRODUCTION = {
    Kind.DATA_LOSS,
    Kind.REPLACE,
    Kind.PROTECTION_STRIP,
    Kind.BACKUP_STRIP,
    Kind.DELEGATED_AUTHORITY,
    Kind.EXPOSURE,
    Kind.OPAQUE,
    Kind.BLIND,
}


def least(example: Example) -> tuple[Verdict, int, bool]:
    """The least strict answer the rules of the pack leave: verdict, reviewers, backup. Written from the rules, not the pack."""
    kinds, effect = set(example.findings) - {Kind.NOTE}, example.effect
    undo = example.human and example.undo
    if example.suggest_only and effect not in READ_EFFECTS:
        return Verdict.SUGGEST, 0, False
    if undo and (effect not in READ_EFFECTS or kinds):
        harmless = effect in HARMLESS and not kinds & {Kind.DATA_LOSS, Kind.OVERWRITE, Kind.REPLACE}
        return (Verdict.ALLOW, 0, False) if harmless and not example.frozen else (Verdict.HOLD, 1, False)
    if effect in READ_EFFECTS and not kinds:
        return Verdict.ALLOW, 0, False
    return _production(example, kinds) if example.environment != "development" else _elsewhere(example, kinds)


def _production(example: Example, kinds: set[Kind]) -> tuple[Verdict, int, bool]:
    backup = example.effect in DESTROYING or bool(kinds & {Kind.DATA_LOSS, Kind.REPLACE})
    two = backup or example.effect in {Effect.PERMISSION, Effect.EXECUTE} or bool(kinds & TWO_IN_PRODUCTION)
    if two or (example.frozen and example.effect not in READ_EFFECTS):
        return Verdict.HOLD, 2, backup
    if kinds or example.effect is Effect.SECRET:
        return Verdict.HOLD, 1, False
    if example.effect is Effect.CREATE:
        return Verdict.ALLOW, 0, False
    back = example.reversibility in {None, Reversibility.R1, Reversibility.R2} and (
        example.inverse or example.backup
    )
    return (Verdict.ALLOW, 0, False) if back and not example.unknowns else (Verdict.HOLD, 1, False)


def _elsewhere(example: Example, kinds: set[Kind]) -> tuple[Verdict, int, bool]:
    irreversible = example.reversibility in {Reversibility.R3, Reversibility.R4}
    removes = example.effect in {Effect.DELETE, Effect.REPLACE, Effect.PERMISSION, Effect.EXECUTE}
    if example.frozen and example.effect not in READ_EFFECTS:
        return Verdict.HOLD, 2, False
    if example.effect is Effect.SECRET or kinds & {Kind.SECRET, Kind.EXPOSURE, Kind.DATA_LOSS}:
        return Verdict.HOLD, 1, False
    if removes and (irreversible or example.data_bearing):
        return Verdict.HOLD, 1, False
    anew = example.effect in HARMLESS and kinds <= {Kind.OUTAGE} and example.reversibility is Reversibility.R3
    if irreversible and not anew and (example.effect is not Effect.CREATE or kinds):
        return Verdict.HOLD, 1, False
    if example.effect in HARMLESS and kinds & {Kind.PROTECTION_STRIP, Kind.BACKUP_STRIP, Kind.REPLACE}:
        return Verdict.HOLD, 1, False
    return Verdict.ALLOW, 0, False


ENVIRONMENTS = ("production", "unknown", "development")
SESSIONS: tuple[dict[str, Any], ...] = (
    {},
    {"frozen": True},
    {"suggest_only": True},
    {"human": True},
    {"human": True, "undo": True},
    {"human": True, "undo": True, "frozen": True},
    {"undo": True},
)


def table(environment: str) -> list[Example]:
    """Every effect, reversibility and kind of finding; ways back, unknowns and data; in all kinds of session."""
    rows = product(Effect, (None, Reversibility.R2, Reversibility.R3), (None, *Kind), (0, 1, 3), SESSIONS)
    return [
        Example(
            effect=effect,
            environment=environment,
            reversibility=None if effect in READ_EFFECTS else level,
            findings=(kind,) if kind else (),
            inverse=bool(bits & 1),
            unknowns=bits >> 1,
            data_bearing=bool(bits >> 1),
            **session,
        )
        for effect, level, kind, bits, session in rows
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_whole_table_is_no_laxer_than_the_rules(environment: str) -> None:
    """Some 10,000 situations for each environment: never a laxer verdict, fewer reviewers or a missing backup."""
    lax = []
    for example in table(environment):
        decision, wanted = ENGINE.answer(*example.build()), least(example)
        if _laxer(decision, wanted):
            lax.append((example, wanted, decision))
    assert not lax, f"{len(lax)} laxer, such as {lax[0]}"


def _laxer(decision: Decision, wanted: tuple[Verdict, int, bool]) -> bool:
    verdict, quorum, backup = wanted
    if decision.verdict.strictness != verdict.strictness:
        return decision.verdict.strictness < verdict.strictness
    return decision.obligations.quorum < quorum or (backup and not decision.obligations.backup)


def test_and_where_the_rules_allow_it_allows() -> None:
    """Carefulness that nobody asked for is a fault too: what the rules let through goes through, outside doubt."""
    strict = [
        example
        for environment in ENVIRONMENTS
        for example in table(environment)
        if not example.unknowns
        and example.effect not in READ_EFFECTS
        and set(example.findings) <= {Kind.NOTE}
        and least(example)[0] is Verdict.ALLOW
        and ENGINE.answer(*example.build()).verdict is not Verdict.ALLOW
    ]
    assert not strict, f"{len(strict)} held, such as {strict[0]}"
