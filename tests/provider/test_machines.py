"""Definitions that run later: which operations they call; what is opaque is not taken for nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyturn.providers.aws.languages.machines import calls

SDK = "arn:aws:states:::aws-sdk"
DEFINITIONS: dict[str, tuple[Any, list[str]]] = {
    "a task": ({"States": {"a": {"Type": "Task", "Resource": f"{SDK}:dynamodb:deleteTable"}}}, ["dynamodb:DeleteTable"]),
    "in a map": ({"States": {"a": {"Iterator": {"States": {"b": {"Resource": f"{SDK}:s3:deleteBucket"}}}}}}, ["s3:DeleteBucket"]),
    "another name": ({"Resource": f"{SDK}:sfn:deleteStateMachine"}, ["stepfunctions:DeleteStateMachine"]),
    "a database": ({"Resource": f"{SDK}:rds:deleteDbInstance"}, ["rds:DeleteDBInstance"]),
    "a schedule": ({"Arn": "arn:aws:scheduler:::aws-sdk:ec2:terminateInstances"}, ["ec2:TerminateInstances"]),
    "a document": ("mainSteps:\n- action: aws:executeAwsApi\n  inputs: {Service: ec2, Api: TerminateInstances}", ["ec2:TerminateInstances"]),
    "a shell": ({"mainSteps": [{"action": "aws:runShellScript"}]}, ["? aws:runShellScript"]),
    "a function": ({"Type": "Task", "Resource": "arn:aws:lambda:r:1:function:f"}, ["? arn:aws:lambda:r:1:function:f"]),
    "no such call": ({"Resource": f"{SDK}:s3:deleteNothing"}, ["? s3:deleteNothing"]),
    "nothing to read": ("}{", ["?"]),
    "nothing called": ({"States": {"a": {"Type": "Pass"}}}, []),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFINITIONS)
def test_what_a_definition_calls(name: str) -> None:
    """By the names that the services have for it."""
    definition, found = DEFINITIONS[name]
    assert calls(definition) == found
    if not isinstance(definition, str):
        assert calls(json.dumps(definition)) == found


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_any_text_is_read_or_is_unknown(text: str) -> None:
    """Never an exception."""
    assert all(isinstance(one, str) for one in calls(text))
