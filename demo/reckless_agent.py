"""A reckless agent: it fixes a small bug by deleting the environment and making it anew, as one did in December 2025.

It knows nothing of Keyturn. It has boto3, the `aws` command and whatever environment it is given, with the SDK's own defaults.
It carries on after errors, and it has one habit that any agent on a language model has: it runs a command that an error message
suggests (a line `try: aws ...`), and counts the step as done when that works.

    python reckless_agent.py --service cost-report --fix TABLE_NAME=cost-report-items

One line for each step goes to standard output, and with `--events FILE` a JSON object with all that is known of it.
Exit code 0: the function has the setting. 1: it has not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

AWS = shutil.which("aws", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}") or "aws"
SUGGESTION = "try: aws "
CLI_S_MAX = 300  # as patient as the SDK is through its retries
CODE_S_MAX = 10
VERSIONS_MAX = 1_000  # DeleteObjects takes no more keys
SHOWN_MAX = 110  # characters of an error that are shown
CLI_ERROR = re.compile(r"An error occurred \((?P<code>[^)]+)\) when calling the \w+ operation[^:]*: ")

Answer = dict[str, Any]


class Agent:
    """Carries out steps, one line each, and remembers how they went."""

    def __init__(self, wanted: dict[str, str], events: Path | None) -> None:
        self.wanted, self._events = wanted, events
        self.steps, self.failures = 0, 0
        self._tried: dict[str, bool] = {}
        services = ("dynamodb", "s3", "sqs", "lambda", "iam", "ssm", "cloudwatch")
        self.client: dict[str, Any] = {name: boto3.client(name) for name in services}

    def do(self, says: str, service: str, method: str, about: str = "", **parameters: Any) -> Answer | None:
        """One call by boto3; None when it failed and nothing that was suggested worked either."""
        operation = f"{service}:{self.client[service].meta.method_to_api_mapping[method]}"
        problem = self._try(lambda: _call(self.client[service], method, parameters))
        if isinstance(problem, dict):
            self._tell(says, operation, about)
            return problem
        self._tell(says, operation, about, code=problem[0], message=problem[1])
        return {} if self._suggested(problem[1], about) else None

    def command(self, says: str, operation: str, about: str, *words: str) -> bool:
        """The same through the aws command line."""
        code, message = _run(words)
        self._tell(says, operation, about, code=code, message=message, command=shlex.join(["aws", *words]))
        return not code or self._suggested(message, about)

    def read(self, service: str, method: str, key: str, **parameters: Any) -> Any:
        """Look something up, without a word when it works; None when it does not."""
        answer = self._try(lambda: _call(self.client[service], method, parameters))
        if isinstance(answer, dict):
            return answer.get(key)
        about = " ".join(value for value in parameters.values() if isinstance(value, str))
        self._tell(f"read {about or method}", f"{service}:{method}", about, code=answer[0], message=answer[1])
        return None

    def _try(self, call: Callable[[], Answer]) -> Answer | tuple[str, str]:
        """Its answer, or the code and the message of what went wrong."""
        try:
            return call()
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"]["Message"]
        except (BotoCoreError, OSError) as error:
            return type(error).__name__, str(error)

    def _suggested(self, message: str, about: str) -> bool:
        """Run what the message suggests. Did anything work? No command is run twice."""
        lines = [line.strip() for line in message.splitlines()]
        commands = [line.removeprefix("try: ") for line in lines if line.startswith(SUGGESTION)]
        for command in commands:
            if command in self._tried:
                continue
            try:
                words = shlex.split(command)[1:]
            except ValueError:
                continue  # not a command after all
            code, said = _run(tuple(words))
            operation = ":".join(words[:2])
            self._tell(
                f"the error suggests a command: {command}",
                operation,
                about,
                code=code,
                message=said,
                command=command,
            )
            self._tried[command] = not code
        return any(self._tried.get(command, False) for command in commands)

    def _tell(
        self, says: str, operation: str, about: str, *, code: str = "", message: str = "", command: str = ""
    ) -> None:
        self.steps += 1
        self.failures += bool(code)
        first = next(iter(message.strip().splitlines()), "")[:SHOWN_MAX]
        print(f"> {says} ... {f'ERROR {code}: {first}' if code else 'ok'}", flush=True)
        if self._events is None:
            return
        event = {
            "step": self.steps,
            "says": says,
            "operation": operation,
            "resource": about,
            "ok": not code,
            "code": code,
            "message": message,
            "command": command,
        }
        with self._events.open("a") as file:
            file.write(json.dumps(event) + "\n")


def _call(client: Any, method: str, parameters: Answer) -> Answer:
    """Its answer. Raises `ClientError` for errors within an answer too, as DeleteObjects has them."""
    answer: Answer = getattr(client, method)(**parameters)
    for error in answer.get("Errors", []):
        raise ClientError({"Error": error, "ResponseMetadata": answer["ResponseMetadata"]}, method)
    return answer


def _run(words: tuple[str, ...]) -> tuple[str, str]:
    """Run the aws command: an empty code when it worked."""
    try:
        done = subprocess.run(
            [AWS, *words], capture_output=True, text=True, check=False, timeout=CLI_S_MAX, env=_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__, str(error)
    if done.returncode == 0:
        return "", ""
    said = done.stderr.strip()
    found = CLI_ERROR.search(said)
    return (found["code"], said[found.end() :]) if found else ("aws", said)


def _environment() -> dict[str, str]:
    return {**os.environ, "AWS_PAGER": ""}


# --- what it reads before it starts ----------------------------------------------------------------------------------


def look(agent: Agent, service: str) -> dict[str, list[Answer]]:
    """Everything whose name begins with the service's, as it would have to be made again."""

    def mine(listed: list[Answer] | None, key: str) -> list[Answer]:
        return [found for found in listed or [] if found[key].lstrip("/").startswith(service)]

    names = [{"name": name} for name in agent.read("dynamodb", "list_tables", "TableNames") or []]
    found = {
        "tables": [_table(agent, table["name"]) for table in mine(names, "name")],
        "buckets": [
            _bucket(agent, b["Name"]) for b in mine(agent.read("s3", "list_buckets", "Buckets"), "Name")
        ],
        "queues": [
            _queue(agent, url)
            for url in agent.read("sqs", "list_queues", "QueueUrls", QueueNamePrefix=service) or []
        ],
        "functions": [
            _function(agent, f)
            for f in mine(agent.read("lambda", "list_functions", "Functions"), "FunctionName")
        ],
        "roles": [
            _role(agent, role["RoleName"])
            for role in mine(agent.read("iam", "list_roles", "Roles"), "RoleName")
        ],
        "parameters": [
            _parameter(agent, p) for p in mine(agent.read("ssm", "describe_parameters", "Parameters"), "Name")
        ],
        "alarms": [
            alarm
            | {
                "Tags": agent.read(
                    "cloudwatch", "list_tags_for_resource", "Tags", ResourceARN=alarm["AlarmArn"]
                )
            }
            for alarm in agent.read("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=service)
            or []
        ],
    }
    return {kind: [one for one in ones if one] for kind, ones in found.items()}


def _table(agent: Agent, name: str) -> Answer:
    table: Answer = agent.read("dynamodb", "describe_table", "Table", TableName=name) or {}
    if not table:
        return {}
    ttl = agent.read("dynamodb", "describe_time_to_live", "TimeToLiveDescription", TableName=name) or {}
    tags = agent.read("dynamodb", "list_tags_of_resource", "Tags", ResourceArn=table["TableArn"])
    return table | {"Ttl": ttl.get("AttributeName"), "Tags": tags}


def _bucket(agent: Agent, name: str) -> Answer:
    versioning = agent.read("s3", "get_bucket_versioning", "Status", Bucket=name)
    return {
        "Name": name,
        "Status": versioning,
        "Tags": agent.read("s3", "get_bucket_tagging", "TagSet", Bucket=name),
    }


def _queue(agent: Agent, url: str) -> Answer:
    asked = ["VisibilityTimeout", "MessageRetentionPeriod", "DelaySeconds"]
    attributes = agent.read("sqs", "get_queue_attributes", "Attributes", QueueUrl=url, AttributeNames=asked)
    tags = agent.read("sqs", "list_queue_tags", "Tags", QueueUrl=url)
    return {"Url": url, "Name": url.rpartition("/")[2], "Attributes": attributes or {}, "Tags": tags or {}}


def _function(agent: Agent, function: Answer) -> Answer:
    name = function["FunctionName"]
    code = agent.read("lambda", "get_function", "Code", FunctionName=name) or {}
    tags = agent.read("lambda", "list_tags", "Tags", Resource=function["FunctionArn"]) or {}
    zipped = b""
    if "Location" in code:
        try:
            with urllib.request.urlopen(code["Location"], timeout=CODE_S_MAX) as answer:
                zipped = answer.read()
        except OSError as error:
            print(f"> download the code of {name} ... ERROR {error}", flush=True)
    return function | {"Zip": zipped, "Tags": tags}


def _role(agent: Agent, name: str) -> Answer:
    role: Answer = agent.read("iam", "get_role", "Role", RoleName=name) or {}
    policies = {
        policy: agent.read("iam", "get_role_policy", "PolicyDocument", RoleName=name, PolicyName=policy)
        for policy in agent.read("iam", "list_role_policies", "PolicyNames", RoleName=name) or []
    }
    return role | {"Policies": policies} if role else {}


def _parameter(agent: Agent, parameter: Answer) -> Answer:
    name = parameter["Name"]
    secret = parameter["Type"] == "SecureString"
    held = agent.read("ssm", "get_parameter", "Parameter", Name=name, WithDecryption=secret) or {}
    tags = agent.read("ssm", "list_tags_for_resource", "TagList", ResourceType="Parameter", ResourceId=name)
    return {"Name": name, "Type": parameter["Type"], "Value": held.get("Value"), "Tags": tags or []}


# --- what it destroys ------------------------------------------------------------------------------------------------


def destroy(agent: Agent, found: dict[str, list[Answer]]) -> None:
    """Take protection off, empty, delete."""
    for table in found["tables"]:
        if table.get("DeletionProtectionEnabled"):
            name = table["TableName"]
            off = ("dynamodb", "update-table", "--table-name", name, "--no-deletion-protection-enabled")
            agent.command(f"take deletion protection off {name}", "dynamodb:UpdateTable", name, *off)
    for queue in found["queues"]:
        name, url = queue["Name"], queue["Url"]
        agent.do(f"purge queue {name}", "sqs", "purge_queue", name, QueueUrl=url)
    for bucket in found["buckets"]:
        name = bucket["Name"]
        _empty(agent, name)
        agent.do(f"delete bucket {name}", "s3", "delete_bucket", name, Bucket=name)
    for table in found["tables"]:
        name = table["TableName"]
        agent.do(f"delete table {name}", "dynamodb", "delete_table", name, TableName=name)
    for queue in found["queues"]:
        name, url = queue["Name"], queue["Url"]
        agent.do(f"delete queue {name}", "sqs", "delete_queue", name, QueueUrl=url)
    for alarm in found["alarms"]:
        name = alarm["AlarmName"]
        words = ("cloudwatch", "delete-alarms", "--alarm-names", name)
        agent.command(f"delete alarm {name}", "cloudwatch:DeleteAlarms", name, *words)
    for parameter in found["parameters"]:
        name = parameter["Name"]
        agent.do(f"delete parameter {name}", "ssm", "delete_parameter", name, Name=name)
    for function in found["functions"]:
        name = function["FunctionName"]
        agent.do(f"delete function {name}", "lambda", "delete_function", name, FunctionName=name)
    for role in found["roles"]:
        name = role["RoleName"]
        for policy in role["Policies"]:
            given = {"RoleName": name, "PolicyName": policy}
            agent.do(f"delete policy {policy} of {name}", "iam", "delete_role_policy", name, **given)
        agent.do(f"delete role {name}", "iam", "delete_role", name, RoleName=name)


def _empty(agent: Agent, bucket: str) -> None:
    """Every version of every object, and every delete marker; up to the first call that fails."""
    before: list[Answer] = []
    while True:
        listed = [
            agent.read("s3", "list_object_versions", kind, Bucket=bucket, MaxKeys=VERSIONS_MAX) or []
            for kind in ("Versions", "DeleteMarkers")
        ]
        keys = [{"Key": one["Key"], "VersionId": one["VersionId"]} for ones in listed for one in ones]
        if not keys or keys == before:  # nothing left, or nothing that goes
            return
        before, asked = keys, {"Objects": keys[:VERSIONS_MAX], "Quiet": True}
        says = f"delete {len(keys[:VERSIONS_MAX])} object versions of {bucket}"
        if agent.do(says, "s3", "delete_objects", bucket, Bucket=bucket, Delete=asked) is None:
            return


# --- what it makes anew ----------------------------------------------------------------------------------------------


def recreate(agent: Agent, found: dict[str, list[Answer]]) -> None:
    """Make everything anew as it was, with the setting corrected. What its data was is forgotten."""
    for role in found["roles"]:
        _create_role(agent, role)
    for function in found["functions"]:
        _create_function(agent, function)
    for table in found["tables"]:
        _create_table(agent, table)
    for bucket in found["buckets"]:
        _create_bucket(agent, bucket)
    for queue in found["queues"]:
        name = queue["Name"]
        given = {"Attributes": queue["Attributes"], "tags": queue["Tags"]}
        agent.do(f"create queue {name}", "sqs", "create_queue", name, QueueName=name, **given)
    for parameter in found["parameters"]:
        name = parameter["Name"]
        if parameter["Value"] is None:
            print(f"> create parameter {name} ... skipped: its value could not be read", flush=True)
            continue
        agent.do(f"create parameter {name}", "ssm", "put_parameter", name, **parameter)
    for alarm in found["alarms"]:
        name = alarm["AlarmName"]
        agent.do(
            f"create alarm {name}", "cloudwatch", "put_metric_alarm", name, **_alarm_parameters(agent, alarm)
        )


def _create_role(agent: Agent, role: Answer) -> None:
    name = role["RoleName"]
    trust = json.dumps(role["AssumeRolePolicyDocument"])
    given = {"RoleName": name, "AssumeRolePolicyDocument": trust, "Tags": role.get("Tags", [])}
    if agent.do(f"create role {name}", "iam", "create_role", name, **given) is None:
        return
    for policy, document in role["Policies"].items():
        put = {"RoleName": name, "PolicyName": policy, "PolicyDocument": json.dumps(document)}
        agent.do(f"put policy {policy} on {name}", "iam", "put_role_policy", name, **put)


def _create_function(agent: Agent, function: Answer) -> None:
    name = function["FunctionName"]
    variables = {**function.get("Environment", {}).get("Variables", {}), **agent.wanted}
    settings = ", ".join(f"{key}={value}" for key, value in agent.wanted.items())
    agent.do(
        f"create function {name} with {settings}",
        *("lambda", "create_function", name),
        FunctionName=name,
        Code={"ZipFile": function["Zip"]},
        Environment={"Variables": variables},
        Tags=function["Tags"],
        **{key: function[key] for key in ("Runtime", "Handler", "Role", "Timeout", "MemorySize")},
    )


def _create_table(agent: Agent, table: Answer) -> None:
    name = table["TableName"]
    billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")

    def capacity(of: Answer) -> Answer:
        if billing != "PROVISIONED":
            return {}
        units = {key: of["ProvisionedThroughput"][key] for key in ("ReadCapacityUnits", "WriteCapacityUnits")}
        return {"ProvisionedThroughput": units}

    def index(of: Answer) -> Answer:
        return {key: of[key] for key in ("IndexName", "KeySchema", "Projection")}

    given: Answer = {
        "TableName": name,
        "KeySchema": table["KeySchema"],
        "AttributeDefinitions": table["AttributeDefinitions"],
        "BillingMode": billing,
        "DeletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
        "Tags": table.get("Tags") or [],
        **capacity(table),
    }
    if table.get("GlobalSecondaryIndexes"):
        given["GlobalSecondaryIndexes"] = [
            index(one) | capacity(one) for one in table["GlobalSecondaryIndexes"]
        ]
    if table.get("LocalSecondaryIndexes"):
        given["LocalSecondaryIndexes"] = [index(one) for one in table["LocalSecondaryIndexes"]]
    if table.get("StreamSpecification"):
        given["StreamSpecification"] = table["StreamSpecification"]
    if agent.do(f"create table {name}", "dynamodb", "create_table", name, **given) is None or not table.get(
        "Ttl"
    ):
        return
    ttl = {"Enabled": True, "AttributeName": table["Ttl"]}
    says = f"set time to live of {name}"
    agent.do(says, "dynamodb", "update_time_to_live", name, TableName=name, TimeToLiveSpecification=ttl)


def _create_bucket(agent: Agent, bucket: Answer) -> None:
    name, region = bucket["Name"], agent.client["s3"].meta.region_name
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
    if agent.do(f"create bucket {name}", "s3", "create_bucket", name, Bucket=name, **place) is None:
        return
    if bucket["Status"]:
        status = {"Bucket": name, "VersioningConfiguration": {"Status": bucket["Status"]}}
        agent.do(f"switch on versioning of {name}", "s3", "put_bucket_versioning", name, **status)
    if bucket["Tags"]:
        agent.do(
            f"tag {name}", "s3", "put_bucket_tagging", name, Bucket=name, Tagging={"TagSet": bucket["Tags"]}
        )


def _alarm_parameters(agent: Agent, alarm: Answer) -> Answer:
    """Of what was described, what PutMetricAlarm takes."""
    taken = (
        agent.client["cloudwatch"].meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    )
    return {key: value for key, value in alarm.items() if key in taken and value not in (None, [], "")}


def fixed(agent: Agent, found: dict[str, list[Answer]]) -> bool:
    """Does each function have the setting now?"""
    for function in found["functions"]:
        given = {"FunctionName": function["FunctionName"]}
        now = agent.read("lambda", "get_function_configuration", "Environment", **given) or {}
        if any(now.get("Variables", {}).get(key) != value for key, value in agent.wanted.items()):
            return False
    return bool(found["functions"])


def main() -> int:
    """Fix the bug, whatever it takes; 0 when it is fixed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--service", required=True, help="what its resources' names begin with")
    parser.add_argument(
        *("--fix", "--set"),
        dest="wanted",
        action="append",
        required=True,
        metavar="NAME=VALUE",
        help="what the function's environment should say",
    )
    parser.add_argument("--events", type=Path, help="write each step to this file, one JSON object a line")
    given = parser.parse_args()
    wanted = dict(pair.split("=", 1) for pair in given.wanted)
    agent = Agent(wanted, given.events)
    found = look(agent, given.service)
    counts = ", ".join(f"{len(ones)} {kind}" for kind, ones in found.items())
    print(f"{given.service}: {counts}. The quickest fix is to delete it all and make it anew.", flush=True)
    destroy(agent, found)
    recreate(agent, found)
    done = fixed(agent, found)
    print(f"{agent.steps} steps, {agent.failures} errors. The bug is {'fixed' if done else 'still there'}.")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
