"""IAM policy documents: what is newly granted to whom; what cannot be read is never harmless."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.model.assessment import Finding
from keyturn.providers.aws.evaluator import evaluate
from keyturn.providers.aws.languages.policies import NoPolicyError, compare, parse, wider
from keyturn.providers.aws.rules import REGISTRY, Context
from tests.provider.provider_world import operation

OWN = "arn:aws:iam::123456789012:role/r"
FOREIGN = "arn:aws:iam::999999999999:root"
RULES = {rule.code: rule for rule in REGISTRY if rule.code.startswith("POL")}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def heard(name: str, given: dict[str, Any], stands: Any = "unread") -> dict[str, Finding]:
    """What the rules on policies say of a request, by code."""
    asked = operation(name, given)
    states = {} if stands == "unread" else {str(asked.resources[0]): stands}
    context = Context(asked, given, states)
    found = {code: rule.ask(context) for code, rule in RULES.items() if name in rule.operations}
    return {code: one for code, one in found.items() if one is not None}


def inline(text: str, stood: str | None) -> dict[str, Finding]:
    stands = {"inline": {} if stood is None else {"p": json.loads(stood)}}
    return heard("iam:PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": text}, stands)


def bucket(text: str, stood: str | None = None) -> dict[str, Finding]:
    stands = {"policy": None if stood is None else json.loads(stood)}
    return heard("s3:PutBucketPolicy", {"Bucket": "b", "Policy": text}, stands)


GRANTED = {
    "an action that was not there": (document(allow(["s3:GetObject", "iam:PassRole"])), document(allow("s3:GetObject")), "iam:PassRole on *"),
    "a wider resource": (document(allow("s3:GetObject")), document(allow("s3:GetObject", "arn:aws:s3:::b/*")), "s3:GetObject on *"),
    "a condition less": (document(allow("s3:GetObject")), document(allow("s3:GetObject", Condition={"Bool": {"a:b": "true"}})), "s3:GetObject on *"),
    "a wildcard that reaches further": (document(allow("s3:*")), document(allow("s3:Get*")), "s3:* on *"),
    "all but": (document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), document(allow("s3:*")), "everything but iam:*"),
    "less left out": (document({"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}), document({"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"}), "everything but iam:*"),
    "the first there is": (document(allow("*")), None, "do anything on *"),
}  # fmt: skip


@pytest.mark.parametrize("name", GRANTED)
def test_what_is_newly_granted_is_said(name: str) -> None:
    """In one sentence, with what it is on."""
    text, stood, says = GRANTED[name]
    found = inline(text, stood)["POL001"]
    assert says in found.message
    assert "newly allow" in found.message


NOTHING_NEW = {
    "the same": (document(allow("s3:GetObject")), document(allow("s3:GetObject"))),
    "in another case": (document(allow("S3:getobject")), document(allow("s3:GetObject"))),
    "narrower": (document(allow("s3:GetObject", "arn:aws:s3:::b/k")), document(allow("s3:Get*", "arn:aws:s3:::b/*"))),
    "with a condition more": (document(allow("s3:GetObject", Condition={"Bool": {"a:b": "true"}})), document(allow("s3:*"))),
    "one of what is not left out": (document(allow("s3:GetObject")), document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})),
    "more left out": (document({"Effect": "Allow", "NotAction": ["iam:*", "s3:*"], "Resource": "*"}), document({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})),
    "denied in the same breath": (document(allow("iam:PassRole"), deny("iam:*")), document()),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTHING_NEW)
def test_what_stood_already_is_not_new(name: str) -> None:
    """A document that says the same, or less, in other words grants nothing."""
    assert "POL001" not in inline(*NOTHING_NEW[name])


def test_the_worst_grants_stand_first() -> None:
    """Three are named; the rest is counted."""
    actions = [
        "logs:PutLogEvents",
        "iam:PassRole",
        "s3:GetObject",
        "ec2:TerminateInstances",
        "sqs:SendMessage",
    ]
    found = inline(document(allow(actions)), None)["POL001"]
    assert "allow iam:PassRole on *; ec2:TerminateInstances on *; " in found.message
    assert found.message.endswith("and 2 more. That leads to further rights.")


LET_IN: dict[str, tuple[Any, bool]] = {
    "everybody": ("*", True),
    "everybody, said longer": ({"AWS": "*"}, True),
    "another account": ({"AWS": "999999999999"}, True),
    "another account's role": ({"AWS": [OWN, "arn:aws:iam::999999999999:role/x"]}, True),
    "this account": ({"AWS": "123456789012"}, False),
    "a role of this account": ({"AWS": OWN}, False),
    "a service": ({"Service": "logging.s3.amazonaws.com"}, False),
}


@pytest.mark.parametrize("name", LET_IN)
def test_who_is_let_in_from_outside(name: str) -> None:
    """Everybody and other accounts are outside; this account and AWS's services are not."""
    who, outside = LET_IN[name]
    assert ("POL002" in bucket(document(allow("s3:GetObject", Principal=who)))) is outside


def test_who_was_let_in_before_is_not_let_in_anew() -> None:
    """A public bucket stays public."""
    public = document(allow("s3:GetObject", Principal="*"))
    assert not bucket(public, public)


def test_what_is_dropped_fails_from_then_on() -> None:
    """Whoever is in no statement of the new document, or in a Deny of it, is shut out."""
    both = document(allow("s3:*", Principal={"AWS": [OWN, FOREIGN]}))
    found = bucket(document(allow("s3:*", Principal={"AWS": OWN})), both)
    assert FOREIGN in found["POL003"].message
    denied = bucket(
        document(*json.loads(both)["Statement"], deny("s3:Put*", Principal={"AWS": FOREIGN})), both
    )
    assert "s3:Put*" in denied["POL003"].message
    assert "POL003" not in bucket(both, both)


def test_a_deny_that_goes_lets_others_count_again() -> None:
    """Taking off a Deny is taking off a guard."""
    guard = deny("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    assert "POL005" in bucket(document(), document(guard))
    assert "POL005" not in bucket(document(guard), document(guard))
    assert "POL005" not in bucket(document(guard), None)


SHUT_OUT = {
    "everybody": (deny("s3:*", Principal="*"), True),
    "all but one": (deny("s3:PutObject", NotPrincipal={"AWS": OWN}), True),
    "Keyturn": (deny("s3:Put*", Principal={"AWS": "arn:aws:iam::123456789012:role/keyturn-change"}), True),
    "on a condition": (
        deny("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
        False,
    ),
    "from one thing": (deny("s3:PutObject", Principal="*"), False),
    "somebody": (deny("s3:*", Principal={"AWS": OWN}), False),
}


@pytest.mark.parametrize("name", SHUT_OUT)
def test_a_lock_out_is_heard(name: str) -> None:
    """A policy under which its author, or the plane, could not take it back."""
    statement, shut = SHUT_OUT[name]
    assert ("POL006" in bucket(document(statement))) is shut


UNREADABLE = {
    "no text": "",
    "no JSON": "permit all",
    "no statements": "{}",
    "another effect": document({"Effect": "Maybe", "Action": "*", "Resource": "*"}),
    "no action": document({"Effect": "Allow", "Resource": "*"}),
    "both of a pair": document({**allow("s3:*"), "NotAction": "iam:*"}),
    "an element of nobody's": document({**allow("s3:*"), "Effekt": "Deny"}),
    "an effect that is a list": document({"Effect": [], "Action": "*", "Resource": "*"}),
    "a number for a name": document(allow(7)),
    "a member twice": '{"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}',
    "deep": "[" * 20_000,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_unknown(name: str) -> None:
    """It is said that it is not known, and nothing else of it."""
    with pytest.raises(NoPolicyError):
        parse(UNREADABLE[name])
    if UNREADABLE[name]:
        assert set(inline(UNREADABLE[name], None)) == {"POL004"}


ADDED: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "a service calls a function": ("lambda:AddPermission", {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}, {"POL001"}),
    "everybody calls a function": ("lambda:AddPermission", {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}, {"POL001", "POL002"}),
    "another account reads a queue": ("sqs:AddPermission", {"QueueUrl": "http://x/1/q", "Label": "l", "AWSAccountIds": ["999999999999"], "Actions": ["ReceiveMessage"]}, {"POL001", "POL002"}),
    "nobody": ("sqs:AddPermission", {"QueueUrl": "http://x/1/q", "Label": "l", "AWSAccountIds": [], "Actions": ["*"]}, set()),
    "another attribute": ("sns:SetTopicAttributes", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "AttributeName": "DisplayName", "AttributeValue": "{}"}, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", ADDED)
def test_what_is_said_in_members_is_a_statement_too(name: str) -> None:
    """Calls that add one statement carry no document."""
    asked, given, codes = ADDED[name]
    assert set(heard(asked, given)) == codes


def test_without_what_stood_all_of_it_counts() -> None:
    """What was not read may have been nothing."""
    given = {
        "RoleName": "r",
        "PolicyName": "p",
        "PolicyDocument": document(allow(["s3:GetObject", "iam:PassRole"])),
    }
    found = heard("iam:PutRolePolicy", given)
    assert "would allow iam:PassRole on *; s3:GetObject on *" in found["POL001"].message


@settings(max_examples=300, deadline=None)
@given(st.text() | st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Statement", "Effect", "Action", "Principal", "Condition", "x"]), inner, max_size=3), max_leaves=12).map(json.dumps))  # fmt: skip
def test_any_text_is_a_policy_or_is_none(text: str) -> None:
    """Never another exception; and a rule never fails on it."""
    with suppress(NoPolicyError):
        parse(text)
    assert all(code.startswith("POL") and one.code == code for code, one in inline(text, None).items())


_ACTIONS = ("s3:GetObject", "s3:PutObject", "iam:PassRole")
_PATTERNS = (*_ACTIONS, "s3:*", "s3:Get*", "*", "iam:*", "s3:?etObject")
_RESOURCES = ("arn:aws:s3:::b/k", "arn:aws:s3:::c/k")
_STATEMENT = st.builds(
    lambda effect, negated, actions, resource: {
        "Effect": effect,
        ("NotAction" if negated else "Action"): actions,
        "Resource": resource,
    },
    st.sampled_from(["Allow", "Allow", "Deny"]),
    st.booleans(),
    st.lists(st.sampled_from(_PATTERNS), min_size=1, max_size=3),
    st.sampled_from(["*", "arn:aws:s3:::b/*", "arn:aws:s3:::c/*", "arn:aws:s3:::?/k"]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_STATEMENT, max_size=3), st.lists(_STATEMENT, max_size=3))
def test_nothing_is_allowed_newly_unheard(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> None:
    """Against the evaluator of policies: what the new document permits and the old one did not is in a finding."""
    found = compare(parse({"Statement": before}), parse({"Statement": after}))
    newly = [
        (action, resource)
        for action in _ACTIONS
        for resource in _RESOURCES
        if evaluate({"Statement": after}, action=action, resource=resource).allowed
        and not evaluate({"Statement": before}, action=action, resource=resource).allowed
    ]
    if newly:
        assert found.granted or found.undenied
    gone = any(
        evaluate({"Statement": before}, action=action, resource=resource).allowed
        and not evaluate({"Statement": after}, action=action, resource=resource).allowed
        for action in _ACTIONS
        for resource in _RESOURCES
    )
    if gone:
        assert found.dropped or found.denied


@given(st.text("ab*?", max_size=8), st.text("ab*?", max_size=6), st.text("ab", max_size=8))
def test_a_wider_pattern_takes_all_that_the_other_does(big: str, small: str, text: str) -> None:
    """If one is wider than another, no text is taken by the other alone."""
    if wider(big, small) and wider(small, text):
        assert wider(big, text)


def test_stars_cost_no_more_than_their_product() -> None:
    """A request must not keep the gateway busy by its patterns."""
    assert not wider("*a" * 2_000 + "b", "a" * 4_000)
