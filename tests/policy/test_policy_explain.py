"""Explanations: who said no, and which facts would make it a yes, asked of the engine."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.decision import Verdict
from keyturn.policy import CedarEngine, load
from keyturn.policy.example import Example
from keyturn.policy.explain import WAYS_MAX, Explanation, explain
from keyturn.policy.source import Source, parse

ENGINE = load(["seatbelt"])

WAYS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "an update with no way back": ({"effect": Effect.UPDATE}, ("if it could be put back in place",)),
    "or a backup": ({"effect": Effect.UPDATE}, ("if a backup could be taken",)),
    "or elsewhere": ({"effect": Effect.UPDATE}, ("if it were not production",)),
    "an unknown": ({"effect": Effect.UPDATE, "inverse": True, "unknowns": 1}, ("if every fact could be had",)),
    "a freeze": ({"effect": Effect.CREATE, "frozen": True}, ("if no freeze were on",)),
    "a session": ({"effect": Effect.CREATE, "suggest_only": True}, ("if the session might execute",)),
    "a finding": (
        {"effect": Effect.UPDATE, "inverse": True, "findings": (Kind.PROTECTION_STRIP,)},
        ("if protection strip were not found",),
    ),
    "the narrow patch": (
        {"effect": Effect.REPLACE, "findings": (Kind.REPLACE, Kind.DATA_LOSS), "inverse": True, "reversibility": Reversibility.R3},
        ("if it were an update in place",),
    ),
    "two facts": (
        {"effect": Effect.REPLACE, "findings": (Kind.REPLACE, Kind.DATA_LOSS), "frozen": True, "inverse": True},
        ("if no freeze were on", "if it were an update in place"),
    ),
    "a deleted table elsewhere": (
        {"effect": Effect.DELETE, "environment": "development", "data_bearing": True},
        ("if no data hung on it",),
    ),
    "irreversible elsewhere": (
        {"effect": Effect.DELETE, "environment": "development", "reversibility": Reversibility.R3},
        ("if it were reversible",),
    ),
}  # fmt: skip


def _explained(given: dict[str, Any]) -> Explanation:
    return explain(ENGINE, *Example(**given).build())


@pytest.mark.parametrize("name", WAYS)
def test_what_would_make_it_a_yes(name: str) -> None:
    """The ways that are named do lead to a yes, and are few enough to be read."""
    given, way = WAYS[name]
    explanation = _explained(given)
    assert way in [found.conditions for found in explanation.ways]
    assert all(found.decision.verdict is Verdict.ALLOW for found in explanation.ways)
    assert len(explanation.ways) <= WAYS_MAX


def test_a_yes_needs_no_way() -> None:
    """What is allowed names the policy that allowed it, and where it stands."""
    explanation = _explained({"effect": Effect.READ})
    assert (explanation.decision.verdict, explanation.ways) == (Verdict.ALLOW, ())
    assert explanation.text().startswith("ALLOW\n  seatbelt.reads (seatbelt/permits.cedar:")


def test_a_way_of_two_never_holds_what_one_does_alone() -> None:
    """Adding "and no data" is noise where the freeze alone decides."""
    ways = [way.conditions for way in _explained({"effect": Effect.CREATE, "frozen": True}).ways]
    assert ways == [("if no freeze were on",)]


def test_where_nothing_helps_it_says_so() -> None:
    """A secret stays held whatever else were different: no invented advice."""
    explanation = _explained({"effect": Effect.SECRET, "frozen": True})
    assert explanation.ways == ()
    assert "No one or two facts would make it allowed." in explanation.text()


def test_the_text_says_verdict_reasons_duties_and_ways() -> None:
    """In this order: what, why, what has to be done first, what would go through instead."""
    text = _explained(
        {"effect": Effect.REPLACE, "findings": (Kind.REPLACE, Kind.DATA_LOSS), "inverse": True}
    ).text()
    assert text.splitlines()[0] == "HOLD"
    assert "it destroys or replaces something in production" in text
    assert "before it leaves: 2 reviewers; a verified backup; the state captured" in text
    assert "It would be allowed\n  if it were an update in place" in text


def test_the_update_asked_about_is_no_longer_a_delete_by_floor() -> None:
    """A policy on the group `delete` looks at the floor; the update in place that is asked about has its own."""
    texts = [
        '@id("all") permit (principal, action, resource);',
        '@id("del") forbid (principal, action in Action::"delete", resource);',
    ]
    engine = CedarEngine(parse([Source("t", "\n".join(texts))]))
    explanation = explain(engine, *Example(effect=Effect.DELETE).build())
    assert [way.conditions for way in explanation.ways] == [("if it were an update in place",)]


def test_errors_are_in_the_text() -> None:
    """A policy that errs is found by who reads the explanation."""
    text = '@id("e") forbid (principal, action, resource) when { context.nothing };'
    explanation = explain(CedarEngine(parse([Source("t", text)])), *Example(effect=Effect.READ).build())
    assert "error: " in explanation.text()
