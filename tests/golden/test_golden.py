"""What is found and decided of every rule's two cases, as text: a change to a rule or a policy is read as a diff.

``make golden`` says what changed; ``make golden ACCEPT=1`` writes it down, and the diff is reviewed with the change.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from keyturn.core.ports import Captures, Facts
from keyturn.model.assessment import Assessment
from keyturn.model.decision import Decision
from keyturn.policy import CedarEngine, load
from keyturn.providers.aws import assess
from keyturn.providers.aws.capturing import Taken
from tests.provider.provider_world import ACCOUNT, change, seal
from tests.provider.rule_cases import CASES, Case
from tests.provider.test_rules import context_of

GOLDEN = Path(__file__).with_name("rules.txt")
DIFF_LINES_MAX = 80


@pytest.fixture(autouse=True)
def without_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases hold of a capture what rules look at, no more; before and after are of whole captures, and decide nothing."""
    monkeypatch.setattr(assess, "_differences", lambda *_given: ())


@cache
def engine() -> CedarEngine:
    return load(["seatbelt"])


def assessed(case: Case, environment: str) -> Assessment:
    """The case as it would be assessed in an account that is said to be for this."""
    made, context = change((case.name, case.parameters)), context_of(case)
    unread = tuple(f"{ref}: not read" for ref in made.resources if str(ref) not in context.states)
    taken = Taken(Captures(states=context.states, unknowns=unread), ())
    judged = assess.judge(context)
    return assess._together(
        made, [context], [judged], taken, seal=seal, accounts={ACCOUNT: environment}
    ).assessment


def told(case: Case) -> Iterator[str]:
    """What is found, and what seatbelt says of it in both kinds of environment."""
    production = assessed(case, "production")
    yield f"  {production.effect} {production.reversibility} {production.data_at_risk}".rstrip()
    for finding in production.findings:
        yield f"  {finding.code} {finding.kind}: {finding.message}"
    for environment in ("production", "development"):
        made = change((case.name, case.parameters))
        decision = engine().answer(made, assessed(case, environment), Facts())
        yield f"  {environment}: {_said(decision)}"


def _said(decision: Decision) -> str:
    obliged = decision.obligations
    parts = [
        f"hold for {obliged.quorum or 1}" if decision.verdict == "hold" else str(decision.verdict),
        "backup first" if obliged.backup else "",
        "captured first" if obliged.capture else "",
    ]
    policies = ", ".join(reason.policy for reason in decision.reasons)
    return f"{', '.join(part for part in parts if part)} [{policies}]"


def written() -> str:
    """The whole file."""
    lines = []
    for code in sorted(CASES):
        for what, case in zip(("speaks", "is silent"), CASES[code], strict=True):
            lines += [f"{code} {what}: {case.name}", *told(case), ""]
    return "\n".join(lines)


def test_what_is_found_and_decided_is_as_it_was() -> None:
    """Nobody changes a verdict without seeing it."""
    now = written()
    if os.environ.get("KEYTURN_ACCEPT"):
        GOLDEN.write_text(now, encoding="utf-8")
    was = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    changed = list(
        difflib.unified_diff(was.splitlines(), now.splitlines(), "as it was", "as it is", lineterm="", n=2)
    )
    shown = "\n".join(changed[:DIFF_LINES_MAX])
    assert not changed, f"make golden ACCEPT=1 accepts this:\n{shown}"


def test_no_case_is_allowed_to_lose_data_in_production() -> None:
    """Whatever was accepted: what cannot be given back is never let through at once."""
    for code, cases in CASES.items():
        for case in cases:
            found = assessed(case, "production")
            decision = engine().answer(change((case.name, case.parameters)), found, Facts())
            if found.effect in {"delete", "replace"}:
                assert decision.verdict != "allow", f"{code}: {case.name}"
