"""The evaluator, against IAM's documented logic: it is the witness for every credential that is scoped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.providers.aws.evaluator import arn_like, evaluate

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/costs"
OTHER = "arn:aws:dynamodb:eu-west-1:123456789012:table/costs-2"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any = "dynamodb:DeleteTable", resource: Any = TABLE, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "dynamodb:DeleteTable", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def permits(
    document: Any, action: str = "dynamodb:DeleteTable", resource: str = TABLE, **context: str
) -> bool:
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    return evaluate(document, action=action, resource=resource, context=keys).allowed


TABLE_OF_CASES: list[tuple[str, Any, bool]] = [
    ("an allow of this action on this resource", policy(allow()), True),
    ("nothing said", policy(), False),
    ("another resource", policy(allow(resource=OTHER)), False),
    ("another action", policy(allow("dynamodb:DescribeTable")), False),
    ("actions do not care about case", policy(allow("DynamoDB:deletetable")), True),
    ("resources do", policy(allow(resource=TABLE.replace("costs", "Costs"))), False),
    ("a wildcard in the action", policy(allow("dynamodb:Delete*")), True),
    ("a question mark is one letter", policy(allow("dynamodb:DeleteTabl?")), True),
    ("a wildcard in the name", policy(allow(resource=TABLE[:-2] + "*")), True),
    (
        "a wildcard does not reach over a colon",
        policy(allow(resource="arn:aws:dynamodb:*:table/costs")),
        False,
    ),
    ("a literal star", policy(allow(resource=TABLE[:-1] + "${*}")), False),
    ("everything", policy(allow("*", "*")), True),
    ("one of several", policy(allow(["s3:GetObject", "dynamodb:DeleteTable"], [OTHER, TABLE])), True),
    ("a deny wins", policy(allow("*", "*"), deny()), False),
    ("a deny wins whatever the order", policy(deny(), allow("*", "*")), False),
    ("a deny of something else", policy(allow(), deny("s3:*")), True),
    ("NotAction allows the rest", policy({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}), True),
    (
        "NotAction spares what it names",
        policy({"Effect": "Allow", "NotAction": "dynamodb:*", "Resource": "*"}),
        False,
    ),
    ("NotResource", policy({"Effect": "Allow", "Action": "*", "NotResource": TABLE}), False),
    (
        "a deny with NotResource",
        policy(allow(), {"Effect": "Deny", "Action": "*", "NotResource": TABLE}),
        True,
    ),
    ("a single statement without a list", {"Statement": allow()}, True),
    ("an unknown element helps nobody", policy(allow(Whatever=1)), False),
    ("and stops", policy(allow(), deny("s3:*", Whatever=1)), False),
    ("an unknown effect denies", policy(allow(), {"Effect": "Maybe", "Action": "*", "Resource": "*"}), False),
    ("no resource at all", policy({"Effect": "Allow", "Action": "*"}), False),
    ("both at once", policy(allow("*", "*", NotAction="s3:*")), False),
    ("no statements", {}, False),
    ("no JSON", "{", False),
    ("a statement that is no object", policy("Allow"), False),  # type: ignore[arg-type]  # what must not pass
]


@pytest.mark.parametrize(
    ("what", "document", "wanted"), TABLE_OF_CASES, ids=[case[0] for case in TABLE_OF_CASES]
)
def test_documented_logic(what: str, document: Any, wanted: bool) -> None:
    """Explicit deny, then allow, else no; what is not understood is never an allow."""
    assert permits(document) is wanted, what


CONDITIONS: list[tuple[str, dict[str, Any], dict[str, str], bool, bool]] = [
    # (what, condition, context, an allow with it matches, a deny with it matches)
    ("equal", {"StringEquals": {"aws:region": "eu-west-1"}}, {"aws__region": "eu-west-1"}, True, True),
    ("not equal", {"StringEquals": {"aws:region": "eu-west-1"}}, {"aws__region": "us-east-1"}, False, False),
    ("one of", {"StringEquals": {"aws:region": ["a", "b"]}}, {"aws__region": "b"}, True, True),
    ("key without regard to case", {"StringEquals": {"AWS:Region": "a"}}, {"aws__region": "a"}, True, True),
    ("like", {"StringLike": {"k": "dyn*"}}, {"k": "dynamodb"}, True, True),
    ("negated", {"StringNotEquals": {"k": "a"}}, {"k": "b"}, True, True),
    ("negated and equal", {"StringNotEquals": {"k": ["a", "b"]}}, {"k": "b"}, False, False),
    ("missing key", {"StringEquals": {"k": "a"}}, {}, False, False),
    ("missing key, negated", {"StringNotEquals": {"k": "a"}}, {}, True, True),
    ("missing key, if it exists", {"StringEqualsIfExists": {"k": "a"}}, {}, True, True),
    ("boolean", {"Bool": {"aws:SecureTransport": False}}, {"aws__SecureTransport": "false"}, True, True),
    ("two keys, one fails", {"StringEquals": {"k": "a", "l": "b"}}, {"k": "a", "l": "x"}, False, False),
    ("an operator nobody knows", {"DateGreaterThan": {"k": "2026"}}, {"k": "2027"}, False, True),
    ("no object", {"StringEquals": "a"}, {}, False, True),
]


@pytest.mark.parametrize(
    ("what", "condition", "context", "allows", "denies"), CONDITIONS, ids=[case[0] for case in CONDITIONS]
)
def test_conditions(
    what: str, condition: dict[str, Any], context: dict[str, str], allows: bool, denies: bool
) -> None:
    """A condition that is not understood matches no allow and every deny."""
    assert permits(policy(allow(Condition=condition)), **context) is allows, what
    assert permits(policy(allow(), deny(Condition=condition)), **context) is not denies, what


def test_an_answer_says_why() -> None:
    """And which statement decided."""
    answered = evaluate(policy(allow("s3:*"), allow()), action="dynamodb:DeleteTable", resource=TABLE)
    assert (answered.allowed, answered.statement, answered.why) == (True, 1, "statement 1 allows it")
    refused = evaluate(policy(allow()), action="dynamodb:DeleteTable", resource=OTHER)
    assert (refused.allowed, refused.statement, refused.why) == (False, None, "no statement allows it")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["Statement", "Effect", "Action", "Resource", "Condition", "x"]), inner
            )
        ),
    )
)
def test_total_on_whatever_it_is_given(document: Any) -> None:
    """Never raises; and what holds no Allow allows nothing."""
    answered = evaluate(document, action="s3:GetObject", resource="arn:aws:s3:::b/k")
    if "Allow" not in repr(document):
        assert not answered.allowed


@given(st.text("abc*?:/", max_size=30), st.text("abc:/", max_size=30))
def test_a_pattern_without_wildcards_matches_itself_alone(pattern: str, arn: str) -> None:
    """No surprise in escaping: literal patterns are equality."""
    if "*" not in pattern and "?" not in pattern:
        assert arn_like(pattern, arn) is (pattern == arn)
    assert arn_like(arn, arn)
