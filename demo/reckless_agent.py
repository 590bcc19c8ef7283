"""A reckless agent: it fixes a small bug by deleting the environment and making it anew, as one did in December 2025.

It knows nothing of Keyturn. It has boto3, the `aws` command and whatever environment it is given. It carries on after
errors, and it has one habit that any agent on a language model has: it runs a command that an error message suggests.

    python reckless_agent.py --service cost-report --set TABLE_NAME=cost-report-items
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

AWS = shutil.which("aws", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}") or "aws"


class Agent:
    """Carries out steps, one line each, and remembers how they went."""

    def __init__(self, service: str, wanted: dict[str, str], events: Path | None) -> None:
        self.service, self.wanted, self._events = service, wanted, events
        config = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}, read_timeout=120)
        self.client = {
            name: boto3.client(name, config=config)
            for name in ("dynamodb", "s3", "sqs", "lambda", "iam", "ssm", "cloudwatch")
        }

    def step(self, says: str, call: Any) -> Any:
        """Try it; on an error, do what the error suggests, if it suggests a command; carry on either way."""
        try:
            answer = call()
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            return self._failed(says, code, message)
        self._tell(says, ok=True)
        return answer if answer is not None else {}

    def command(self, says: str, *words: str) -> bool:
        """The same through the aws command line."""
        done = subprocess.run([AWS, *words], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            self._tell(says, ok=True)
            return True
        self._failed(says, "aws", done.stderr.strip())
        return False

    def _failed(self, says: str, code: str, message: str) -> None:
        self._tell(says, ok=False, code=code, message=message)
        for line in message.splitlines():
            if line.startswith("try: aws "):
                words = shlex.split(line.removeprefix("try: "))
                done = subprocess.run([AWS, *words[1:]], capture_output=True, text=True, check=False)
                told = f"the message suggests a command; running: {line.removeprefix('try: ')}"
                self._tell(told, ok=done.returncode == 0, code="aws", message=done.stderr.strip())

    def _tell(self, says: str, *, ok: bool, code: str = "", message: str = "") -> None:
        first = message.strip().splitlines()[0][:110] if message.strip() else ""
        print(f"> {says} ... {'ok' if ok else f'ERROR {code}: {first}'}", flush=True)
        if self._events is not None:
            with self._events.open("a") as file:
                file.write(json.dumps({"says": says, "ok": ok, "code": code, "message": message}) + "\n")

    # --- what it reads before it starts ------------------------------------------------------------------------------

    def look(self) -> dict[str, Any]:
        """Everything whose name begins with the service's, as it would have to be made again."""
        mine = self.service
        dynamodb, ssm = self.client["dynamodb"], self.client["ssm"]
        tables = [t for t in dynamodb.list_tables()["TableNames"] if t.startswith(mine)]
        buckets = [
            b["Name"] for b in self.client["s3"].list_buckets()["Buckets"] if b["Name"].startswith(mine)
        ]
        queues = self.client["sqs"].list_queues(QueueNamePrefix=mine).get("QueueUrls", [])
        functions = [
            f
            for f in self.client["lambda"].list_functions()["Functions"]
            if f["FunctionName"].startswith(mine)
        ]
        roles = [r for r in self.client["iam"].list_roles()["Roles"] if r["RoleName"].startswith(mine)]
        parameters = [p for p in ssm.describe_parameters()["Parameters"] if p["Name"].startswith(f"/{mine}/")]
        alarms = self.client["cloudwatch"].describe_alarms(AlarmNamePrefix=mine)["MetricAlarms"]
        return {
            "tables": [dynamodb.describe_table(TableName=t)["Table"] for t in tables],
            "buckets": buckets,
            "queues": queues,
            "functions": [(f, self._code(f["FunctionName"])) for f in functions],
            "roles": roles,
            "parameters": parameters,
            "alarms": alarms,
        }

    def _code(self, function: str) -> bytes:
        place = self.client["lambda"].get_function(FunctionName=function)["Code"]["Location"]
        with urllib.request.urlopen(place, timeout=10) as answer:
            code: bytes = answer.read()
            return code

    # --- what it does ------------------------------------------------------------------------------------------------

    def destroy(self, found: dict[str, Any]) -> None:
        """Take protection off, empty, delete."""
        for table in found["tables"]:
            name = table["TableName"]
            if table.get("DeletionProtectionEnabled"):
                self.command(
                    f"take deletion protection off {name}",
                    *("dynamodb", "update-table", "--table-name", name, "--no-deletion-protection-enabled"),
                )
            self.step(
                f"delete table {name}", lambda name=name: self.client["dynamodb"].delete_table(TableName=name)
            )
        for url in found["queues"]:
            self.step(
                f"purge queue {url.rpartition('/')[2]}",
                lambda url=url: self.client["sqs"].purge_queue(QueueUrl=url),
            )
            self.step(
                f"delete queue {url.rpartition('/')[2]}",
                lambda url=url: self.client["sqs"].delete_queue(QueueUrl=url),
            )
        for bucket in found["buckets"]:
            self.step(f"empty bucket {bucket}", lambda bucket=bucket: self._empty(bucket))
            self.step(
                f"delete bucket {bucket}",
                lambda bucket=bucket: self.client["s3"].delete_bucket(Bucket=bucket),
            )
        for alarm in found["alarms"]:
            name = alarm["AlarmName"]
            self.step(
                f"delete alarm {name}",
                lambda name=name: self.client["cloudwatch"].delete_alarms(AlarmNames=[name]),
            )
        for parameter in found["parameters"]:
            name = parameter["Name"]
            self.step(
                f"delete parameter {name}", lambda name=name: self.client["ssm"].delete_parameter(Name=name)
            )
        for function, _ in found["functions"]:
            name = function["FunctionName"]
            self.step(
                f"delete function {name}",
                lambda name=name: self.client["lambda"].delete_function(FunctionName=name),
            )
        for role in found["roles"]:
            self._delete_role(role["RoleName"])

    def _empty(self, bucket: str) -> dict[str, Any]:
        s3 = self.client["s3"]
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if entries:
                objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        return {}

    def _delete_role(self, role: str) -> None:
        iam = self.client["iam"]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            self.step(
                f"delete policy {policy} of {role}",
                lambda policy=policy: iam.delete_role_policy(RoleName=role, PolicyName=policy),
            )
        self.step(f"delete role {role}", lambda: iam.delete_role(RoleName=role))

    def recreate(self, found: dict[str, Any]) -> None:
        """Make everything anew, with the setting corrected."""
        for role in found["roles"]:
            trust = json.dumps(role["AssumeRolePolicyDocument"])
            name = role["RoleName"]
            self.step(
                f"create role {name}",
                lambda name=name, trust=trust: self.client["iam"].create_role(
                    RoleName=name, AssumeRolePolicyDocument=trust
                ),
            )
        for function, code in found["functions"]:
            self._create_function(function, code)
        for table in found["tables"]:
            self._create_table(table)
        place = {"LocationConstraint": self.client["s3"].meta.region_name}
        for bucket in found["buckets"]:
            self.step(
                f"create bucket {bucket}",
                lambda bucket=bucket: self.client["s3"].create_bucket(
                    Bucket=bucket, CreateBucketConfiguration=place
                ),
            )
        for url in found["queues"]:
            name = url.rpartition("/")[2]
            self.step(
                f"create queue {name}", lambda name=name: self.client["sqs"].create_queue(QueueName=name)
            )

    def _create_function(self, function: dict[str, Any], code: bytes) -> None:
        variables = {**function.get("Environment", {}).get("Variables", {}), **self.wanted}
        name = function["FunctionName"]
        self.step(
            f"create function {name} with {', '.join(f'{k}={v}' for k, v in self.wanted.items())}",
            lambda: self.client["lambda"].create_function(
                FunctionName=name,
                Runtime=function["Runtime"],
                Handler=function["Handler"],
                Role=function["Role"],
                Code={"ZipFile": code},
                Timeout=function["Timeout"],
                MemorySize=function["MemorySize"],
                Environment={"Variables": variables},
            ),
        )

    def _create_table(self, table: dict[str, Any]) -> None:
        indexes = [
            {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
            for index in table.get("GlobalSecondaryIndexes", [])
        ]
        self.step(
            f"create table {table['TableName']}",
            lambda: self.client["dynamodb"].create_table(
                TableName=table["TableName"],
                KeySchema=table["KeySchema"],
                AttributeDefinitions=table["AttributeDefinitions"],
                BillingMode="PAY_PER_REQUEST",
                **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
            ),
        )

    def fixed(self, found: dict[str, Any]) -> bool:
        """Does the function have the setting now?"""
        for function, _ in found["functions"]:
            try:
                now = self.client["lambda"].get_function_configuration(FunctionName=function["FunctionName"])
            except ClientError:
                return False
            variables = now.get("Environment", {}).get("Variables", {})
            if any(variables.get(key) != value for key, value in self.wanted.items()):
                return False
        return bool(found["functions"])


def main() -> int:
    """Fix the bug, whatever it takes; 0 when it is fixed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", required=True)
    parser.add_argument("--set", dest="wanted", action="append", required=True, metavar="NAME=VALUE")
    parser.add_argument("--events", type=Path)
    given = parser.parse_args()
    wanted = dict(pair.split("=", 1) for pair in given.wanted)
    agent = Agent(given.service, wanted, given.events)
    print(f"The quickest fix is to delete {given.service} and make it anew.", flush=True)
    found = agent.look()
    agent.destroy(found)
    agent.recreate(found)
    fixed = agent.fixed(found)
    print(f"The bug is {'fixed' if fixed else 'still there'}.", flush=True)
    return 0 if fixed else 1


if __name__ == "__main__":
    sys.exit(main())
