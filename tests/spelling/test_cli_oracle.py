"""The aws CLI itself is asked what it would send, command by command, and what it is built of."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyturn.providers.aws.cli import resolve
from keyturn.providers.aws.cli.shell import commands
from tests.spelling.test_cli_resolve import SPELLED

MORE = [
    "aws autoscaling update-auto-scaling-group --auto-scaling-group-name g --min-size 0 --desired-capacity 0",
    "aws cloudwatch put-metric-data --namespace n --metric-name m --value 3 --dimensions A=b,C=d --unit Count",
    "aws cognito-idp admin-update-user-attributes --user-pool-id p --username u --user-attributes Name=email,Value=a@b",
    "aws dynamodb create-table --table-name t --attribute-definitions AttributeName=a,AttributeType=S --key-schema AttributeName=a,KeyType=HASH --provisioned-throughput ReadCapacityUnits=1,WriteCapacityUnits=2",
    "aws ec2 create-volume --availability-zone a --size 8 --tag-specifications 'ResourceType=volume,Tags=[{Key=a,Value=b},{Key=c,Value=d}]'",
    "aws ec2 modify-subnet-attribute --subnet-id s --map-public-ip-on-launch",
    "aws ec2 revoke-security-group-egress --group-id sg-1 --ip-permissions 'IpProtocol=tcp,FromPort=80,ToPort=80,IpRanges=[{CidrIp=1.2.3.4/32}]'",
    "aws ecs update-service --cluster c --service s --desired-count 0 --network-configuration 'awsvpcConfiguration={subnets=[a,b],securityGroups=[c],assignPublicIp=DISABLED}'",
    "aws elb deregister-instances-from-load-balancer --load-balancer-name l --instances i-1 i-2",
    "aws iot create-thing --thing-name t --attribute-payload 'attributes={a=b}'",
    "aws rds modify-db-instance --db-instance-identifier d --no-apply-immediately --allocated-storage 20",
    "aws route53 get-traffic-policy --id i --traffic-policy-version 2",
    "aws s3api put-bucket-tagging --bucket b --tagging 'TagSet=[{Key=a,Value=b}]'",
    "aws ses send-email --from a@b --to c@d e@f --subject s --text t",
    "aws sns subscribe --topic-arn arn:x --protocol email --notification-endpoint a@b",
    "aws sqs set-queue-attributes --queue-url q --attributes VisibilityTimeout=30,DelaySeconds=1",
    "aws ssm send-command --document-name d --targets Key=tag:a,Values=b,c --parameters commands=ls,pwd",
    "aws workspaces terminate-workspaces --terminate-workspace-requests w-1 w-2",
]  # fmt: skip


def asked(line: str) -> bool:
    """Lines of plain operations: what the CLI makes of its own, it does with the account."""
    return line.startswith("aws ") and not any(
        word in line for word in ("s3 ", "emr ", "$(", "kubeconfig", "tail", "get-login", "deregister --", "wait", "file", "yaml")
    )  # fmt: skip


LINES = [line for line, _ in SPELLED if asked(line)] + MORE


@pytest.fixture(scope="module")
def says() -> Iterator[Any]:
    """Asks the CLI. After a command of its modify family it stumbles over its own state in EC2's next one: then it is made anew."""
    clidriver = pytest.importorskip("awscli.clidriver", reason="the aws CLI is not installed")
    sent: list[tuple[str, dict[str, Any]]] = []

    def keep(_self: Any, _service: str, operation: str, parameters: dict[str, Any], _globals: Any) -> int:
        sent.append((operation, parameters))
        return 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clidriver.CLIOperationCaller, "invoke", keep)
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        made = [clidriver.create_clidriver()]

        def answer(words: list[str]) -> tuple[str, dict[str, Any]]:
            sent.clear()
            with contextlib.redirect_stderr(io.StringIO()) as heard:
                made[0].main(words)
            assert sent, heard.getvalue()
            if words[:1] == ["ec2"]:
                made[0] = clidriver.create_clidriver()
            return sent[-1]

        yield answer


@pytest.mark.parametrize("line", LINES, ids=[line[4:50] for line in LINES])
def test_the_cli_means_the_same(says: Any, line: str) -> None:
    """Operation and parameters, value for value, as the CLI would give them to botocore."""
    words = [word.text for word in commands(line)[0].words]
    (one,) = resolve(line).meant
    assert (one.operation, one.parameters) == says(words[1:])
    assert one.unknown == ()


@pytest.mark.slow
def test_the_table_is_of_the_installed_cli(tmp_path: Path) -> None:
    """Built anew it is the same: `make catalogue` was run with the CLI that is locked. In a process of its own, as there: whichever comes
    first, botocore or the one that awscli brings, is the one that is asked.
    """
    home = Path(__file__).parents[2]
    build = f"import botocore, pathlib; from tools.catalogue import build_cli; build_cli.build(pathlib.Path({str(tmp_path / 'cli.bin')!r}))"
    subprocess.run([sys.executable, "-c", build], cwd=home, check=True)
    shipped = home / "src/keyturn/providers/aws/catalogue/cli.bin"
    assert (tmp_path / "cli.bin").read_bytes() == shipped.read_bytes()
