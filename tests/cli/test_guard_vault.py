"""The vault account's documents are asked, not believed: each call that the plane makes there is let, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from click.testing import CliRunner

from keyturn.cli.main import main
from keyturn.errors import OperatorError
from keyturn.providers.aws.evaluator import evaluate
from keyturn.providers.aws.guard import Guarded, backup_policy, change_policy
from keyturn.providers.aws.guard_vault import (
    Vault,
    bucket_policy,
    check,
    key_policy,
    role_policy,
    template,
    trust,
)

ACCOUNT, FAR = "123456789012", "222222222222"
PLANE: Final = f"arn:aws:iam::{ACCOUNT}:role/keyturn-host"
VAULT: Final = Vault(
    vault=FAR,
    role=f"arn:aws:iam::{FAR}:role/keyturn-vault",
    bucket=f"keyturn-vault-{FAR}",
    plane=PLANE,
    account=ACCOUNT,
    kms_key=f"arn:aws:kms:eu-central-1:{FAR}:key/1",
)
OBJECT: Final = f"arn:aws:s3:::{VAULT.bucket}/keyturn-0a/C-7/kept-1"
BUCKET: Final = f"arn:aws:s3:::{VAULT.bucket}"
SNAPSHOT: Final = "arn:aws:ec2:eu-central-1::snapshot/snap-1"
OURS: Final = {"aws:ResourceTag/keyturn:case": "C-7"}
COPY: Final = f"arn:aws:rds:eu-central-1:{FAR}:snapshot:keyturn-c-7-orders"

MAY: Final[list[tuple[str, str, dict[str, str]]]] = [
    ("s3:PutObject", OBJECT, {}),
    ("s3:GetObject", OBJECT, {}),
    ("s3:DeleteObjectVersion", OBJECT, {}),
    ("s3:ListBucket", BUCKET, {}),
    ("s3:ListBucketVersions", BUCKET, {}),
    ("s3:GetBucketVersioning", BUCKET, {}),
    ("s3:GetBucketPublicAccessBlock", BUCKET, {}),
    ("s3:GetBucketPolicyStatus", BUCKET, {}),
    ("kms:DescribeKey", VAULT.kms_key, {}),
    ("kms:GenerateDataKeyWithoutPlaintext", VAULT.kms_key, {}),
    ("kms:Decrypt", f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/2", {}),
    ("ec2:CopySnapshot", "*", {}),
    ("ec2:CopyImage", "*", {}),
    ("ec2:DescribeSnapshots", "*", {}),
    ("ec2:CreateTags", SNAPSHOT, {"ec2:CreateAction": "CopySnapshot"}),
    ("ec2:ModifySnapshotAttribute", SNAPSHOT, OURS),
    ("ec2:DeleteSnapshot", SNAPSHOT, OURS),
    ("ec2:DeregisterImage", "arn:aws:ec2:eu-central-1::image/ami-1", OURS),
    ("rds:CopyDBSnapshot", "*", {}),
    ("rds:ModifyDBSnapshotAttribute", COPY, {}),
    ("rds:DeleteDBSnapshot", COPY, {}),
]
"""Every kind of call that the plane makes in the vault account."""

MAY_NOT: Final[list[tuple[str, str, dict[str, str]]]] = [
    ("s3:DeleteBucket", BUCKET, {}),
    ("s3:PutBucketPolicy", BUCKET, {}),
    ("s3:PutBucketVersioning", BUCKET, {}),
    ("s3:GetObject", "arn:aws:s3:::somebodys/x", {}),
    ("kms:ScheduleKeyDeletion", VAULT.kms_key, {}),
    ("kms:PutKeyPolicy", VAULT.kms_key, {}),
    ("ec2:DeleteSnapshot", SNAPSHOT, {}),
    ("ec2:ModifySnapshotAttribute", SNAPSHOT, {}),
    ("ec2:RunInstances", "*", {}),
    ("rds:DeleteDBSnapshot", f"arn:aws:rds:eu-central-1:{FAR}:snapshot:monthly", {}),
    ("rds:DeleteDBInstance", f"arn:aws:rds:eu-central-1:{FAR}:db:keyturn-x", {}),
    ("iam:PassRole", "*", {}),
    ("sts:AssumeRole", "*", {}),
]


def lets(document: dict[str, Any], asked: tuple[str, str, dict[str, str]]) -> bool:
    action, resource, context = asked
    return evaluate(document, action=action, resource=resource, context=dict(context)).allowed


def test_the_role_may_what_the_plane_does_there_and_nothing_else() -> None:
    """Each call of exports, copies, way back and removal; no call that would change the account, its bucket or its key."""
    policy = role_policy(VAULT)
    assert [asked for asked in MAY if not lets(policy, asked)] == []
    assert [asked for asked in MAY_NOT if lets(policy, asked)] == []
    (statement,) = trust(VAULT)["Statement"]
    assert statement["Principal"] == {"AWS": PLANE}


@pytest.mark.parametrize(
    ("action", "context", "allowed"),
    [
        ("s3:PutObject", {"aws:PrincipalArn": VAULT.role, "s3:if-none-match": "*"}, True),
        ("s3:PutObject", {"aws:PrincipalArn": VAULT.role}, False),
        ("s3:GetObject", {"aws:PrincipalArn": VAULT.role}, True),
        ("s3:GetObject", {"aws:PrincipalArn": f"arn:aws:iam::{FAR}:role/admin"}, False),
        ("s3:DeleteObject", {"aws:PrincipalArn": PLANE}, False),
        ("s3:GetObject", {"aws:PrincipalArn": VAULT.role, "aws:SecureTransport": "false"}, False),
    ],
)
def test_the_bucket_is_the_roles_alone_and_nothing_is_written_over(
    action: str, context: dict[str, str], allowed: bool
) -> None:
    """For somebody whose own policy allows everything."""
    every = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    document = bucket_policy(VAULT)
    document = {**document, "Statement": [every, *document["Statement"]]}
    given = {"aws:SecureTransport": "true", **context}
    assert lets(document, (action, OBJECT, given)) is allowed


def test_the_planes_own_roles_share_copies_and_a_change_reaches_nothing_there() -> None:
    """The backup role what bears the plane's tag or name; the change role neither role, bucket nor key."""
    guarded = Guarded(account=ACCOUNT, plane=PLANE, vault=VAULT)
    backup, change = backup_policy(guarded), change_policy(guarded)
    own = f"arn:aws:rds:eu-central-1:{ACCOUNT}:snapshot"
    assert lets(backup, ("ec2:ModifySnapshotAttribute", SNAPSHOT, OURS))
    assert not lets(backup, ("ec2:ModifySnapshotAttribute", SNAPSHOT, {}))
    assert lets(backup, ("rds:ModifyDBSnapshotAttribute", f"{own}:keyturn-c-7-orders", {}))
    assert not lets(backup, ("rds:ModifyDBSnapshotAttribute", f"{own}:monthly", {}))
    assert lets(backup, ("kms:Decrypt", VAULT.kms_key, {}))
    for asked in (
        ("sts:AssumeRole", VAULT.role),
        ("s3:DeleteObject", OBJECT),
        ("kms:Decrypt", VAULT.kms_key),
    ):
        assert not lets(change, (*asked, {})), asked
        assert lets(change_policy(msgspec.structs.replace(guarded, vault=None)), (*asked, {})), (
            "it would else"
        )
    decrypts = [one for one in key_policy(VAULT)["Statement"] if "kms:Decrypt" in one["Action"]]
    assert [one["Principal"]["AWS"] for one in decrypts] == [
        VAULT.role,
        f"arn:aws:iam::{ACCOUNT}:role/keyturn-backup",
    ]


def test_a_key_is_made_where_none_is_named() -> None:
    """And told in the outputs, since keyturn.toml wants it."""
    made = template(msgspec.structs.replace(VAULT, kms_key=""))
    assert "KeyturnVaultKey" in made["Resources"]
    assert sorted(made["Outputs"]) == ["KmsKey", "Role"]
    assert "KeyturnVaultKey" not in template(VAULT)["Resources"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"vault": ACCOUNT}, "is the plane's own"),
        ({"vault": "12"}, "is no AWS account id"),
        ({"plane": "keyturn"}, "is no ARN of a principal"),
    ],
)
def test_documents_that_would_not_do_what_they_say_are_not_made(wrong: dict[str, str], said: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(OperatorError, match=said):
        check(msgspec.structs.replace(VAULT, **wrong))


CONFIG: Final = f"""
[aws]
account = "{ACCOUNT}"
[vault]
account = "{FAR}"
role = "{VAULT.role}"
bucket = "{VAULT.bucket}"
kms_key = "{VAULT.kms_key}"
"""


def test_the_command_writes_what_the_guide_says(tmp_path: Path) -> None:
    """From [vault] alone; and the guide has the very same documents, with its own key."""
    path = tmp_path / "keyturn.toml"
    path.write_text(CONFIG)
    words = ["--config", str(path), "guard", "vault", "--plane", PLANE, "--out", str(tmp_path / "guard")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "keyturn backup vault" in done.output
    assert json.loads((tmp_path / "guard" / "keyturn-vault-role.json").read_text()) == role_policy(VAULT)
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "backups.md").read_text()
    named = msgspec.structs.replace(
        VAULT, kms_key=f"arn:aws:kms:eu-central-1:{FAR}:key/0a1b2c3d-0000-4000-8000-000000000001"
    )
    for document in (trust(named), role_policy(named), bucket_policy(named), key_policy(named)):
        assert json.dumps(document, indent=2) in guide
