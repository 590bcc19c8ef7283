"""Every rule speaks where it must and is silent where it must not; none stands without a case, a sentence and a source."""

from __future__ import annotations

import re
from typing import Any

import pytest

from keyturn.model.assessment import Finding
from keyturn.providers.aws.rules import REGISTRY, Context, Rule
from keyturn.providers.aws.rules.table import ROWS
from tests.provider.more_rule_cases import MORE
from tests.provider.provider_world import operation
from tests.provider.rule_cases import CASES, UNREAD, Case

BY_CODE = {rule.code: rule for rule in REGISTRY}


def context_of(case: Case) -> Context:
    asked = operation(case.name, case.parameters)
    states = dict(case.beside)
    if case.standing is not UNREAD:
        states[str(asked.resources[0])] = case.standing
    return Context(asked, case.parameters, states, case.items, case.live, case.authority)


def cases(mark: int) -> list[Any]:
    """Three of each rule, by their names: those on which it speaks (0), and those on which it is silent (1)."""
    return [
        pytest.param(code, case, id=f"{code}-{number}")
        for code in sorted(CASES)
        for number, case in enumerate((CASES[code][mark], *MORE[code][mark]))
    ]


def ask(rule: Rule, case: Case) -> Finding | None:
    """The finding, as `assess` would have it: an exact rule is asked only of its own operations."""
    if rule.operations and case.name not in rule.operations:
        return None
    return rule.ask(context_of(case))


@pytest.mark.parametrize(("code", "fires"), cases(0))
def test_a_rule_speaks_where_it_must(code: str, fires: Case) -> None:
    """Its finding names the resource, is a whole sentence, and carries the rule's own page."""
    rule = BY_CODE[code]
    found = ask(rule, fires)
    assert found is not None, f"{code} is silent on {fires}"
    assert found.code == code
    assert found.resources
    assert found.message.endswith(".")
    assert found.source == rule.source


@pytest.mark.parametrize(("code", "quiet"), cases(1))
def test_a_rule_is_silent_where_it_must_be(code: str, quiet: Case) -> None:
    """A rule that always speaks says nothing."""
    rule = BY_CODE[code]
    assert ask(rule, quiet) is None, f"{code} speaks on {quiet}"


def test_every_rule_has_its_cases_its_sentence_and_its_source() -> None:
    """A rule without a case is a rule nobody has seen work; one without a source is an opinion."""
    rows = {row.code for row in ROWS}  # theirs stand in corpus/row_cases.txt
    assert sorted(CASES) == sorted(set(BY_CODE) - rows), "every rule has its cases, every case its rule"
    assert sorted(MORE) == sorted(CASES), "three of each kind"
    assert all(
        len({repr(case) for case in (CASES[code][mark], *MORE[code][mark])}) == 3
        for code in CASES
        for mark in (0, 1)
    )
    assert len(REGISTRY) == len(BY_CODE), "a code names one rule"
    for rule in REGISTRY:
        assert len(rule.says) > 20, rule.code
        assert rule.source.startswith(("https://docs.aws.amazon.com/", "Keyturn: ")), rule.code
        assert re.fullmatch(r"[A-Z0-9]{2,4}\d{3}", rule.code), rule.code


def test_a_rule_of_an_operation_that_does_not_exist_is_never_asked() -> None:
    """A typing error in a rule's operations would switch it off without a sound."""
    from keyturn.providers.aws import catalogue

    known = {f"{service}:{name}" for service, name in catalogue.every()}
    for rule in REGISTRY:
        assert rule.operations <= known, rule.code


def test_no_rule_breaks_on_a_request_that_says_little() -> None:
    """Rules see what agents send: every rule is asked of its operations with nothing in the request, read and unread."""
    for rule in REGISTRY:
        for name in rule.operations or {"ec2:TerminateInstances", "rds:ModifyDBInstance"}:
            readings: tuple[Any, ...] = (UNREAD, None, {})
            for standing in readings:
                ask(rule, Case(name, {}, standing))


def test_no_message_holds_a_secret() -> None:
    """Messages reach logs and agents: what is sealed in parameters is not quoted in a sentence."""
    secret = "hunter2-is-not-said"
    asked = [
        Case("iam:CreateLoginProfile", {"UserName": "u", "Password": secret}),
        Case("ssm:PutParameter", {"Name": "/p", "Value": secret, "Overwrite": True}, {"value": secret}),
        Case(
            "lambda:UpdateFunctionConfiguration",
            {"FunctionName": "f", "Environment": {"Variables": {"A": secret}}},
            {"environment": {"B": secret}},
        ),
        Case("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "MasterUserPassword": secret}),
        Case("dynamodb:PutItem", {"TableName": "t", "Item": {"id": {"S": secret}}}, {}),
        Case("ec2:RunInstances", {"UserData": secret, "MinCount": 1, "MaxCount": 1}),
        Case(
            "ecs:RegisterTaskDefinition",
            {"containerDefinitions": [{"environment": [{"name": "A", "value": secret}]}]},
        ),
    ]
    for case in asked:
        for rule in REGISTRY:
            found = ask(rule, case)
            assert found is None or secret not in repr(found), rule.code
