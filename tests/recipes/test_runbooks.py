"""Runbooks do what they say with Keyturn gone: of a kind one is made, backed up and deleted, then the commands of its runbook are run
as they are printed, by bash and the real `aws` command, and what stands is as it was.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
import pytest
from moto import mock_aws
from moto.rds.models import rds_backends
from moto.server import ThreadedMotoServer

from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.providers.aws import recipes
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.runbook import NOT_ALONE
from keyturn.providers.aws.resources import GLOBAL_REGION
from tests.provider.provider_world import ACCOUNT, REGION, drive
from tests.recipes.drawing import Draw
from tests.recipes.recipe_world import PROVIDER, Asked, assessed, backed_up, perform, verified
from tests.recipes.subject_table import HINTS, SUBJECTS, Gapless, filled, renamed
from tests.recipes.subjects import Subject

FAST: Final = frozenset({"dynamodb:table", "events:rule", "ssm:parameter"})
"""A command starts for half a second: these few are run every time, the others by `make test-all`."""

AWS: Final = Path(sys.executable).parent / "aws"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The same account as the test's, for commands."""
    if not AWS.exists():
        pytest.skip("LEFT OUT: runbooks are not run: the aws command is not installed")
    if shutil.which("bash") is None:
        pytest.skip("LEFT OUT: runbooks are not run: there is no bash")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Ran(msgspec.Struct, frozen=True):
    """What stood, what stands once the runbook was run, and what it said."""

    before: State
    after: State
    text: str


def script(text: str) -> str:
    """The commands of a runbook, as they are printed."""
    (found,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return str(found)


def typed(text: str, endpoint: str, folder: Path) -> str:
    """Run the commands; returns the new id that they were told, or nothing.

    Version 1 of the command looks past AWS_ENDPOINT_URL for SQS, so that a function of the shell names the endpoint to it.
    """
    told = f'aws() {{ "{AWS}" --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }}\n{script(text)}\necho "made:${{NEW_1:-}}"\n'
    done = subprocess.run(
        ["bash", "-c", told],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAPERSON",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stderr}\n{text}"
    return done.stdout.rpartition("made:")[2].strip()


def captured(ref: ResourceRef, account: Gapless) -> State:
    recipe = recipes.for_kind(ref.kind)
    assert recipe is not None
    found = drive(recipe.capture(ref), account)
    assert found.state is not None, f"{ref} is not there"
    assert found.unknowns == ()
    return {field: found.state.get(field) for field in recipe.fields}


def lived(subject: Subject, endpoint: str, folder: Path) -> Ran:
    """Made, backed up as a delete has it backed up, deleted, and given back by the runbook alone."""
    filled()
    with mock_aws():
        account = Gapless()
        made = subject.make(account, Draw(f"{subject.kind} {subject.make.__name__} 0", HINTS))
        region = GLOBAL_REGION["aws"] if subject.kind.startswith(("route53:", "iam:")) else REGION
        ref = ResourceRef("aws", "aws", ACCOUNT, region, subject.kind, made.id)
        perform(account, *made.first)
        return deleted(account, ref, made.delete, endpoint, folder)


def deleted(account: Gapless, ref: ResourceRef, asked: Asked, endpoint: str, folder: Path) -> Ran:
    """What stands is backed up and deleted; then there is nothing but bash, `aws`, the runbook and the files it names."""
    before = captured(ref, account)
    change, _, states = assessed(account, asked)
    (backup,) = (one for one in backed_up(account, change, states) if one.resource == ref)
    perform(account, asked)
    assert verified(account, change, states, asked).status == "succeeded"
    text = PROVIDER.manifest(change, backup, states)
    for name, content in drive(PROVIDER.files(change, backup, states), account).items():
        (folder / name).write_bytes(content)
    if ref.kind == "rds:cluster":  # automated copies go with their cluster; the stand-in keeps them
        copies = rds_backends[ACCOUNT][REGION].cluster_snapshots
        for one in [name for name in copies if name.startswith("rds:")]:
            copies.pop(one)
    name = typed(text, endpoint, folder) or ref.id
    after = captured(msgspec.structs.replace(ref, id=name), account)
    return Ran(before, renamed(after, {name: ref.id}), text)


STATED: Final[Mapping[str, frozenset[str]]] = {
    "iam:role": frozenset({"unique_id"}),
    "iam:user": frozenset({"unique_id"}),
    "iam:group": frozenset({"unique_id"}),
    "iam:policy": frozenset({"unique_id", "default_version", "versions"}),
    "iam:instance-profile": frozenset({"unique_id"}),
    "apigateway:restapis": frozenset({"deployments"}),
    "elasticache:replicationgroup": frozenset(
        {"TransitEncryptionMode"}
    ),  # the stand-in takes it and forgets it
    "logs:log-group": frozenset({"metric_filters"}),  # the stand-in keeps those of a group that goes
    "ec2:instance": frozenset(
        {"groups"}
    ),  # the stand-in gives none to an instance on an interface that stayed
}
"""Fields that are otherwise, as the undo says too (`test_untuned`)."""

NO_BACKUP: Final = frozenset(
    {
        "sqs:queue",
        "kinesis:stream",
        "cloudformation:stack",
        "cognito-idp:userpool",
        "es:domain",
    }
)
"""Data lies in them that nobody copies: there is no backup before a delete, so there is nothing a runbook could be of."""

FILES: Final = frozenset({"lambda:function", "logs:log-group"})
"""What they hold lies in the plane's vault: their runbooks say that the command line alone is not enough."""

CASES = [
    pytest.param(subject, id=subject.kind, marks=() if subject.kind in FAST else pytest.mark.slow)
    for subject in SUBJECTS
    if subject.kind not in NO_BACKUP
]


@pytest.mark.parametrize("subject", CASES)
def test_the_runbook_gives_it_back(subject: Subject, endpoint: str, tmp_path: Path) -> None:
    """Equal in every declared field but those which are stated, and what it needs beside the command is said at its top."""
    ran = lived(subject, endpoint, tmp_path)
    different = {
        field: (was, ran.after[field]) for field, was in ran.before.items() if ran.after[field] != was
    }
    assert {
        name: value for name, value in different.items() if name not in STATED.get(subject.kind, ())
    } == {}
    assert (NOT_ALONE in ran.text.splitlines()[2]) == (subject.kind in FILES)


@pytest.mark.parametrize(
    "subject",
    [pytest.param(subject, id=subject.kind) for subject in SUBJECTS if subject.kind in NO_BACKUP],
)
def test_what_has_no_backup_has_no_runbook(subject: Subject) -> None:
    """It is said before the delete, and no runbook is written that would promise what nobody kept."""
    filled()
    with mock_aws():
        account = Gapless()
        made = subject.make(account, Draw(f"{subject.kind} {subject.make.__name__} 0", HINTS))
        perform(account, *made.first)
        change, _, states = assessed(account, made.delete)
        with pytest.raises(UnavailableError):
            backed_up(account, change, states)


QUEUE_URL: Final = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs"
BUCKET: Final = {"Bucket": "reports"}
IN_PLACES: Final[Mapping[str, tuple[str, Asked, Asked, Asked]]] = {
    "sqs:queue": (
        "jobs",
        ("sqs:CreateQueue", {"QueueName": "jobs", "Attributes": {"VisibilityTimeout": "77"}}),
        ("sqs:TagQueue", {"QueueUrl": QUEUE_URL, "Tags": {"a": "it's"}}),
        ("sqs:SetQueueAttributes", {"QueueUrl": QUEUE_URL, "Attributes": {"VisibilityTimeout": "1"}}),
    ),
    "s3:bucket": (
        "reports",
        ("s3:CreateBucket", {**BUCKET, "CreateBucketConfiguration": {"LocationConstraint": REGION}}),
        ("s3:PutBucketTagging", {**BUCKET, "Tagging": {"TagSet": [{"Key": "a", "Value": "it's"}]}}),
        ("s3:DeleteBucketTagging", BUCKET),
    ),
    "logs:log-group": (
        "/app/web",
        ("logs:CreateLogGroup", {"logGroupName": "/app/web"}),
        ("logs:PutRetentionPolicy", {"logGroupName": "/app/web", "retentionInDays": 90}),
        ("logs:PutRetentionPolicy", {"logGroupName": "/app/web", "retentionInDays": 365}),
    ),
    "kinesis:stream": (
        "clicks",
        ("kinesis:CreateStream", {"StreamName": "clicks", "ShardCount": 1}),
        ("kinesis:IncreaseStreamRetentionPeriod", {"StreamName": "clicks", "RetentionPeriodHours": 48}),
        ("kinesis:IncreaseStreamRetentionPeriod", {"StreamName": "clicks", "RetentionPeriodHours": 72}),
    ),
    "ecr:repository": (
        "team/web",
        ("ecr:CreateRepository", {"repositoryName": "team/web"}),
        ("ecr:PutImageTagMutability", {"repositoryName": "team/web", "imageTagMutability": "IMMUTABLE"}),
        ("ecr:PutImageTagMutability", {"repositoryName": "team/web", "imageTagMutability": "MUTABLE"}),
    ),
}
"""Of kinds whose data nobody copies: id, how it is made and set, and the change in place that the runbook takes back."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind == "s3:bucket" else pytest.mark.slow) for kind in IN_PLACES]
)
def test_the_runbook_of_a_change_in_place_takes_it_back(kind: str, endpoint: str, tmp_path: Path) -> None:
    """It does not make the resource again, which stands with all that is in it: it puts back what was changed."""
    name, make, configure, asked = IN_PLACES[kind]
    with mock_aws():
        account = Gapless()
        perform(account, make, configure)
        ran = deleted(
            account, ResourceRef("aws", "aws", ACCOUNT, REGION, kind, name), asked, endpoint, tmp_path
        )
        assert ran.after == ran.before
        assert " create-" not in ran.text


def test_an_object_comes_back(endpoint: str, tmp_path: Path) -> None:
    """Its content from the file that the runbook names, its headers, metadata and tags from the command."""
    with mock_aws():
        account = Gapless()
        s3 = account.client("s3")
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(
            Bucket="reports",
            Key="2026/it's one.csv",
            Body=b"a,b\n\x00\xff",
            ContentType="text/csv",
            CacheControl="max-age=60",
            Metadata={"by": "-anna", "for": "$HOME"},
            Tagging="environment=production&team=a%20b",
        )
        ref = ResourceRef("aws", "aws", ACCOUNT, REGION, "s3:object", "reports/2026/it's one.csv")
        asked: Asked = ("s3:DeleteObject", {"Bucket": "reports", "Key": "2026/it's one.csv"})
        ran = deleted(account, ref, asked, endpoint, tmp_path)
        assert ran.after == ran.before
        assert NOT_ALONE in ran.text
        body = s3.get_object(Bucket="reports", Key="2026/it's one.csv")["Body"].read()
        assert body == b"a,b\n\x00\xff"


def test_a_secret_comes_back(endpoint: str, tmp_path: Path) -> None:
    """Two versions with their stages, each value from the file that the runbook names."""
    with mock_aws():
        account = Gapless()
        secrets = account.client("secretsmanager")
        tags = [{"Key": "environment", "Value": "production"}]
        secrets.create_secret(Name="db", Description="It's the database's", SecretString="one", Tags=tags)
        secrets.put_secret_value(SecretId="db", SecretString="http://two 'and' $HOME")
        ref = ResourceRef("aws", "aws", ACCOUNT, REGION, "secretsmanager:secret", "db")
        asked: Asked = ("secretsmanager:DeleteSecret", {"SecretId": "db", "ForceDeleteWithoutRecovery": True})
        ran = deleted(account, ref, asked, endpoint, tmp_path)
        assert ran.after == ran.before
        assert NOT_ALONE in ran.text
        assert "$HOME" not in ran.text
        assert secrets.get_secret_value(SecretId="db")["SecretString"] == "http://two 'and' $HOME"
