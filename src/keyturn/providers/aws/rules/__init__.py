"""Rules: what is true of an operation and matters. `findings` asks all that apply; `RULES` is the whole list for the docs."""

from __future__ import annotations

from functools import cache

from keyturn.model.assessment import Finding, Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import (  # noqa: F401  # importing a file puts its rules among the rules
    authority,
    cloudwatch,
    dynamodb,
    generic,
    iam,
    lambda_,
    s3,
    sqs,
    ssm,
)
from keyturn.providers.aws.rules.base import RULES, Look, Rule


@cache
def rules_for(name: str) -> tuple[Rule, ...]:
    """The rules that look at this operation: exact ones, and the generic detectors that no exact one replaces."""
    exact = [rule for rule in RULES if rule.operations != ("*",) and name in rule.operations]
    replaced = {code for rule in exact for code in rule.instead_of}
    generics = [rule for rule in RULES if rule.operations == ("*",) and rule.code not in replaced]
    return (*exact, *generics)


def findings(look: Look) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """(findings, unknowns). A rule that fails is an unknown and an OPAQUE finding: fail closed, and say so."""
    found: list[Finding] = []
    unknowns: list[str] = []
    for rule in rules_for(look.operation.name):
        try:
            found += rule.findings(look)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a rule must not pass for "nothing found"
            unknowns.append(f"rule {rule.code} failed on {look.operation.name}: {type(error).__name__}")
            found.append(
                Finding(
                    code="KEYTURN002",
                    kind=Kind.OPAQUE,
                    message=f"Rule {rule.code} could not judge this ({type(error).__name__}).",
                    effect=Effect.EXECUTE,
                    reversibility=Reversibility.R4,
                    resources=look.operation.resources[:1],
                )
            )
    return tuple(_without_echoes(found)), tuple(unknowns)


def _without_echoes(found: list[Finding]) -> list[Finding]:
    """A generic finding says nothing new where an exact one speaks of the same kind of trouble."""
    exact = {finding.kind for finding in found if not finding.code.startswith("GEN")}
    return [finding for finding in found if not finding.code.startswith("GEN") or finding.kind not in exact]


__all__ = ["RULES", "Look", "Rule", "findings", "rules_for"]
