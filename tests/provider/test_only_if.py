"""What a request itself says must still stand is said as that, in words, and nothing else is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from keyturn.providers.aws.only_if import BY_NAME, CHARS_MAX, SAID_MAX, is_condition, only_if
from tests.provider.provider_world import operation
from tools.docs.preconditions import census

VERSION = {
    "ConditionExpression": "#v = :v AND attribute_exists(id)",
    "ExpressionAttributeNames": {"#v": "version"},
    "ExpressionAttributeValues": {":v": {"N": "3"}},
}
ITEM = {"TableName": "orders", "Item": {"id": {"S": "1"}}}
CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "an object's ETag": ("s3:PutObject", {"Bucket": "b", "Key": "k", "IfMatch": '"abc"'}, ('only if its ETag is still "abc"',)),
    "where nothing stands": ("s3:PutObject", {"Bucket": "b", "Key": "k", "IfNoneMatch": "*"}, ("only if nothing stands there",)),
    "of what is copied": (
        "s3:CopyObject", {"Bucket": "b", "Key": "k", "CopySource": "b/x", "CopySourceIfMatch": "abc"},
        ("only if of what is copied, its ETag is still abc",),
    ),
    "a function's revision": (
        "lambda:UpdateFunctionConfiguration", {"FunctionName": "f", "RevisionId": "r-1", "MemorySize": 256},
        ("only if its revision is still r-1",),
    ),
    "a lock token": (
        "wafv2:DeleteIPSet", {"Name": "f", "Scope": "REGIONAL", "Id": "x", "LockToken": "t-1"},
        ("only if nobody changed it since it was read (t-1)",),
    ),
    "a condition with its attributes' own names": (
        "dynamodb:PutItem", {**ITEM, **VERSION}, ("only if version = :v AND attribute_exists(id)",),
    ),
    "in a transaction": (
        "dynamodb:TransactWriteItems", {"TransactItems": [{"Put": {**ITEM, **VERSION}}, {"Put": ITEM}]},
        ("only if version = :v AND attribute_exists(id)",),
    ),
    "a key's rotation": (
        "secretsmanager:PutResourcePolicy", {"SecretId": "s", "ResourcePolicy": "{}"}, (),
    ),
    "nothing asked": ("dynamodb:PutItem", ITEM, ()),
    "an empty one": ("s3:PutObject", {"Bucket": "b", "Key": "k", "IfMatch": ""}, ()),
    "a name that means something else": (
        "iotwireless:CreateFuotaTask", {"FirmwareUpdateImage": "x", "CurrentVersion": "1"}, (),
    ),
    "an attribute of that name is data": (
        "dynamodb:PutItem", {"TableName": "orders", "Item": {"IfMatch": {"S": "1"}}}, (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_must_still_stand_is_said(name: str) -> None:
    """As people read it; a request without a condition says nothing."""
    asked, parameters, said = CASES[name]
    assert only_if(operation(asked, parameters)) == said


def test_it_stays_readable() -> None:
    """A long expression is shortened, and of a hundred the first are said with how many more there are."""
    long = " AND ".join(f"attribute_exists(a{number})" for number in range(9))
    (said,) = only_if(operation("dynamodb:PutItem", {**ITEM, "ConditionExpression": long}))
    assert said.startswith("only if attribute_exists(a0) AND ")
    assert len(said) <= CHARS_MAX + len("only if ")
    sealed = operation("dynamodb:PutItem", {**ITEM, "ConditionExpression": long * 50})
    assert only_if(sealed) == ("only if a condition holds that is too long to be shown",)
    many = [{"Put": {**ITEM, "ConditionExpression": f"attribute_exists(a{number})"}} for number in range(100)]
    told = only_if(operation("dynamodb:TransactWriteItems", {"TransactItems": many}))
    assert (len(told), told[-1]) == (SAID_MAX + 1, "and 80 more conditions")


@pytest.mark.slow  # all of botocore's models are read for it
@pytest.mark.timeout(600)
def test_every_condition_that_its_name_tells_is_known() -> None:
    """Of all of AWS's operations; what only the documentation of a member tells stands among the parameters."""
    last = [(found.service, re.split(r"[.\\[\\]{}]+", found.path.rstrip("[]{}"))[-1]) for found in census()]
    named = {one for one in last if BY_NAME.fullmatch(one[1])} | {
        one for one in last if one == ("lambda", "RevisionId")
    }
    assert len(named) > 40
    assert {one for one in named if not is_condition(*one)} == set()
