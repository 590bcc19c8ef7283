"""How many questions a second ``keyturn explain --jsonl`` answers in one process. Run: ``python -m bench.explain``

Every operation that has one is asked by its command, with the parameters it requires; then a day's work, over and over. The first is
the worst there is: nothing in it was asked before.
"""

from __future__ import annotations

import io
import json
import time
from typing import Any, Final

import msgspec

from bench.log import Row, row
from keyturn.cli.explaining import answers, spare_what_stays
from keyturn.explaining import Explainer
from keyturn.policy import load
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.wire_shapes import cli_command
from keyturn.providers.aws.wire_table import load as table

PER_SECOND_MIN: Final = 2_000
SERVICES: Final = (
    "dynamodb",
    "ec2",
    "ecs",
    "eks",
    "iam",
    "kms",
    "lambda",
    "rds",
    "route53",
    "s3",
    "sns",
    "sqs",
    "ssm",
)

DAY: Final[tuple[dict[str, Any], ...]] = (
    {"command": "aws s3 ls s3://papers"},
    {"command": "aws ecs update-service --cluster c --service web --desired-count 3"},
    {"command": "aws rds modify-db-instance --db-instance-identifier orders --no-deletion-protection"},
    {"command": "aws ec2 describe-instances --filters Name=tag:a,Values=b,c | jq '.[]'"},
    {"service": "dynamodb", "operation": "UpdateTable", "parameters": {"TableName": "orders", "BillingMode": "PAY_PER_REQUEST"}},
    {"eventSource": "lambda.amazonaws.com", "eventName": "UpdateFunctionConfiguration20150331v2", "requestParameters": {"functionName": "f", "timeout": 30}},
)  # fmt: skip


def every() -> list[bytes]:
    """A command of each operation of some services, with what it requires."""
    lines: list[bytes] = []
    for service in SERVICES:
        known = table().service(service)
        for name in known.operations:
            shape = known.input(name)
            required = {
                member: f"name-{len(lines)}"
                for member in (shape.required if shape else ())
                if shape and known.shape(shape.members[member].shape).kind == "string"
            }
            lines.append(json.dumps({"command": cli_command(service, name, required)}).encode())
    return lines


def measure() -> list[Row]:
    """In processor time: what else the machine does is not counted. The collector is spared as the command spares it."""
    explainer = Explainer(load(["seatbelt"], known=catalogue.floors()))
    spare_what_stays()
    first = every()
    day = [json.dumps(question).encode() for question in DAY] * (len(first) // len(DAY))
    return [
        _row("explain --jsonl, every operation once", explainer, first),
        _row("explain --jsonl, a day's work", explainer, day),
    ]


def _row(name: str, explainer: Explainer, lines: list[bytes]) -> Row:
    out, encoder = io.BytesIO(), msgspec.json.Encoder(enc_hook=str)
    began = time.process_time()
    for answer in answers(explainer, lines, lambda _path: None):
        out.write(encoder.encode(answer))
    rate = len(lines) / (time.process_time() - began)
    return row(
        name, round(rate), "lines/s", goal=f">= {PER_SECOND_MIN:,} lines/s", met=rate >= PER_SECOND_MIN
    )


if __name__ == "__main__":
    for line in measure():
        print(json.dumps(line))
