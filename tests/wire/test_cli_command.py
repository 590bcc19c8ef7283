"""The command we suggest is the operation we mean: the aws CLI's own parser says so."""

from __future__ import annotations

import base64
import json
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from keyturn.providers.aws.wire import CredentialScope, Identified, WireRequest, identify
from keyturn.providers.aws.wire_shapes import cli_command
from tests.wire import oracle

COMMANDS: list[tuple[str, str, dict[str, Any]]] = [
    ("lambda", "UpdateFunctionConfiguration", {"FunctionName": "f", "Environment": {"Variables": {"A": 'q"uo\'te', "B": "a b=c,d", "E": "ü\n2"}}, "Timeout": 30}),
    ("dynamodb", "UpdateTable", {"TableName": "orders", "DeletionProtectionEnabled": False, "BillingMode": "PAY_PER_REQUEST"}),
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": "1"}, "n": {"N": "7"}}}),
    ("dynamodb", "TagResource", {"ResourceArn": "arn:aws:dynamodb:x:1:table/t", "Tags": [{"Key": "a", "Value": "b c"}]}),
    ("sqs", "SetQueueAttributes", {"QueueUrl": "ENDPOINT/123456789012/q", "Attributes": {"VisibilityTimeout": "30"}}),
    ("ssm", "PutParameter", {"Name": "/a/b", "Value": "-starts with a dash", "Overwrite": True}),
    ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p", "PolicyDocument": json.dumps({"Version": "2012-10-17"})}),
    ("iam", "UpdateAssumeRolePolicy", {"RoleName": "r", "PolicyDocument": '{"Statement":[]}'}),
    ("s3", "PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}}),
    ("s3", "DeleteObject", {"Bucket": "b", "Key": "a b/ü", "VersionId": "v1"}),
    ("cloudwatch", "PutMetricAlarm", {"AlarmName": "a", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.5, "AlarmActions": ["arn:x"]}),
    ("ec2", "ModifyInstanceAttribute", {"InstanceId": "i-1", "DisableApiTermination": {"Value": True}}),
    ("rds", "ModifyDBInstance", {"DBInstanceIdentifier": "d", "DeletionProtection": True, "ApplyImmediately": False}),
    ("cloudformation", "UpdateTerminationProtection", {"StackName": "s", "EnableTerminationProtection": True}),
    ("stepfunctions", "UpdateStateMachine", {"stateMachineArn": "arn:x", "definition": '{"StartAt":"a"}'}),
]  # fmt: skip


class _Hears(HTTPServer):
    """Keeps the last request."""

    def __init__(self) -> None:
        self.heard: WireRequest | None = None
        self.service = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = tuple((name.lower(), value) for name, value in self.headers.items())
                outer.heard = WireRequest(self.command, self.path, headers, body)
                self.send_response(403)
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _any  # noqa: N815  # the names http.server looks for

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
                """Quiet."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def server() -> Iterator[_Hears]:
    made = _Hears()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def said(server: _Hears, command: str, monkeypatch: pytest.MonkeyPatch) -> Identified:
    """What the aws CLI sends for this command, read by our own parser."""
    clidriver = pytest.importorskip("awscli.clidriver", reason="the aws CLI is not installed")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    words = shlex.split(command)
    assert words[0] == "aws"
    server.heard = None
    clidriver.create_clidriver().main(words[1:])
    assert server.heard is not None, f"the CLI did not understand: {command}"
    heard = server.heard
    credential = dict(heard.headers)["authorization"].partition("Credential=")[2].split(",")[0].split("/")
    found = identify(heard, CredentialScope(*credential[:4]))
    assert isinstance(found, Identified), found
    return found


@pytest.mark.parametrize(
    ("service", "operation", "given"), COMMANDS, ids=[f"{r[0]}:{r[1]}" for r in COMMANDS]
)
def test_the_command_is_the_operation(
    server: _Hears,
    service: str,
    operation: str,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Quotes, line breaks, dashes, documents: typed into a shell as it stands, it means exactly this."""
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    given = {
        name: value.replace("ENDPOINT", endpoint) if name == "QueueUrl" else value
        for name, value in given.items()
    }
    command = cli_command(service, operation, given)
    if (
        service == "sqs"
    ):  # version 1 of the CLI sends SQS to AWS whatever AWS_ENDPOINT_URL says: docs/guides/agents.md
        command += f" --endpoint-url {endpoint}"
    found = said(server, command, monkeypatch)
    assert (found.service, found.operation) == (service, operation)
    got = {name: value for name, value in found.parameters.items() if name not in ADDED or name in given}
    assert oracle.plain(got) == oracle.plain(given)


ADDED = frozenset({"ChecksumAlgorithm", "ClientToken"})
"""What the CLI adds of its own."""


def test_a_blob_is_written_as_base64() -> None:
    """AWS CLI 2 reads blobs in JSON so by default; version 1 takes the text as it is, and says so in its help."""
    command = cli_command("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"B": b"\x00\xff"}}})
    assert base64.b64encode(b"\x00\xff").decode() in command
