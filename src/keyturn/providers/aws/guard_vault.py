"""What makes the vault account one: its role, its bucket and its key, each for the plane alone; and what the plane's own roles need for it.

Pure, as `guard` is. The role trusts the principal that Keyturn runs as and nobody else; the bucket lets that role alone at its objects,
and lets nothing be written over
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html); the key lets the plane's account decrypt what is
copied back (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from keyturn.errors import OperatorError

_USES: Final = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant"]
"""What EBS and RDS do under a key when a copy is made (https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html)."""


class Vault(msgspec.Struct, frozen=True):
    """The vault account and the plane that uses it. `plane` is the principal that Keyturn runs as, `account` the one it works in."""

    vault: str
    role: str
    bucket: str
    plane: str
    account: str
    kms_key: str = ""
    partition: str = "aws"
    prefix: str = "keyturn"

    @property
    def objects(self) -> str:
        return f"{self.bucket_arn}/*"

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def key(self) -> str:
        """The key, or any of the account where none is named yet."""
        return self.kms_key or f"arn:{self.partition}:kms:*:{self.vault}:key/*"

    def own(self, use: str) -> str:
        """One of the plane's roles in its own account."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.prefix}-{use}"


def check(made: Vault) -> None:
    """Raises `OperatorError` for what would make documents that do not do what they say."""
    for account in (made.vault, made.account):
        if not re.fullmatch(r"\d{12}", account):
            raise OperatorError("account", f"{account!r} is no AWS account id", help="twelve digits")
    if made.vault == made.account:
        raise OperatorError(
            "account", "the vault account is the plane's own", help="name an account that nobody works in"
        )
    if not re.fullmatch(rf"arn:{made.partition}:iam::\d{{12}}:[\w/+=,.@-]+", made.plane):
        raise OperatorError(
            "principal", f"{made.plane!r} is no ARN of a principal", help=f"like {made.own('host')}"
        )


def trust(made: Vault) -> dict[str, Any]:
    """Who may assume the vault's role: the plane, and nobody of either account beside it."""
    return _document(
        {
            "Sid": "OnlyThePlane",
            "Effect": "Allow",
            "Principal": {"AWS": made.plane},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }
    )


def role_policy(made: Vault) -> dict[str, Any]:
    """Writes, reads and forgets the plane's own objects and copies; it can neither change nor delete anything else there."""
    tagged = {"Null": {"aws:ResourceTag/keyturn:case": "false"}}
    return _document(
        *_sealed(made),
        {
            "Sid": "CopyWhatIsShared",
            "Effect": "Allow",
            "Action": [
                *("ec2:CopySnapshot", "ec2:CopyImage", "ec2:DescribeSnapshots", "ec2:DescribeImages"),
                *("rds:CopyDBSnapshot", "rds:CopyDBClusterSnapshot"),
                *("rds:DescribeDBSnapshots", "rds:DescribeDBClusterSnapshots"),
            ],
            "Resource": "*",
        },
        {
            "Sid": "TagWhatItCopies",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:CreateAction": ["CopySnapshot", "CopyImage"]}},
        },
        {
            "Sid": "ShareBackAndRemoveItsCopies",
            "Effect": "Allow",
            "Action": [
                *("ec2:ModifySnapshotAttribute", "ec2:ModifyImageAttribute"),
                *("ec2:DeleteSnapshot", "ec2:DeregisterImage"),
            ],
            "Resource": "*",
            "Condition": tagged,
        },
        {
            "Sid": "ShareBackAndRemoveItsDatabaseCopies",
            "Effect": "Allow",
            "Action": [
                *("rds:ModifyDBSnapshotAttribute", "rds:ModifyDBClusterSnapshotAttribute"),
                *("rds:DeleteDBSnapshot", "rds:DeleteDBClusterSnapshot", "rds:AddTagsToResource"),
            ],
            "Resource": [
                f"arn:{made.partition}:rds:*:{made.vault}:{kind}:keyturn-*"
                for kind in ("snapshot", "cluster-snapshot")
            ],
        },
    )


def _sealed(made: Vault) -> list[dict[str, Any]]:
    """What it does to the plane's own objects, and under which keys."""
    return [
        {
            "Sid": "SeeTheBucket",
            "Effect": "Allow",
            "Action": [
                *("s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning"),
                *("s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicyStatus"),
            ],
            "Resource": made.bucket_arn,
        },
        {
            "Sid": "WriteReadAndForgetObjects",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": made.objects,
        },
        {
            "Sid": "UseTheKey",
            "Effect": "Allow",
            "Action": [*_USES, "kms:DescribeKey"],
            "Resource": made.key,
        },
        {
            "Sid": "ReadWhatIsEncryptedInTheOtherAccount",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant", "kms:DescribeKey"],
            "Resource": f"arn:{made.partition}:kms:*:{made.account}:key/*",
        },
    ]


def bucket_policy(made: Vault) -> dict[str, Any]:
    """Its objects are the role's alone, by an encrypted connection, and nothing is written over what lies there."""
    objects = ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*"]
    return _document(
        {
            "Sid": "NobodyButThePlanesRole",
            "Effect": "Deny",
            "Principal": "*",
            "Action": objects,
            "Resource": made.objects,
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": made.role}},
        },
        {
            "Sid": "NothingIsWrittenOver",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": made.objects,
            "Condition": {"Null": {"s3:if-none-match": "true"}},
        },
        {
            "Sid": "EncryptedOnTheWay",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [made.bucket_arn, made.objects],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def key_policy(made: Vault) -> dict[str, Any]:
    """The vault account administers it, the role uses it, and the plane's roles decrypt with it what is copied back."""
    root = f"arn:{made.partition}:iam::{made.vault}:root"
    return _document(
        {
            "Sid": "TheAccountAdministersIt",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "TheRoleUsesIt",
            "Effect": "Allow",
            "Principal": {"AWS": made.role},
            "Action": [*_USES, "kms:DescribeKey"],
            "Resource": "*",
        },
        {
            "Sid": "WhatIsCopiedBackIsDecrypted",
            "Effect": "Allow",
            "Principal": {"AWS": made.own("backup")},
            "Action": ["kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant", "kms:DescribeKey"],
            "Resource": "*",
        },
    )


def own_backups(made: Vault) -> list[dict[str, Any]]:
    """For the plane's backup role: to share its own copies with the vault account, and to copy them back."""
    tagged = {"Null": {"aws:ResourceTag/keyturn:case": "false"}}
    return [
        {
            "Sid": "ShareOwnDiskCopies",
            "Effect": "Allow",
            "Action": ["ec2:ModifySnapshotAttribute", "ec2:ModifyImageAttribute"],
            "Resource": "*",
            "Condition": tagged,
        },
        {"Sid": "CopyImagesBack", "Effect": "Allow", "Action": "ec2:CopyImage", "Resource": "*"},
        {
            "Sid": "TagWhatIsCopiedBack",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "*",
            "Condition": {"StringEquals": {"ec2:CreateAction": "CopyImage"}},
        },
        {
            "Sid": "ShareOwnDatabaseCopies",
            "Effect": "Allow",
            "Action": ["rds:ModifyDBSnapshotAttribute", "rds:ModifyDBClusterSnapshotAttribute"],
            "Resource": [
                f"arn:{made.partition}:rds:*:{made.account}:{kind}:keyturn-*"
                for kind in ("snapshot", "cluster-snapshot")
            ],
        },
        {
            "Sid": "DecryptWhatIsCopiedBack",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant", "kms:DescribeKey"],
            "Resource": made.key,
        },
        {
            "Sid": "EncryptItAgain",
            "Effect": "Allow",
            "Action": [*_USES, "kms:DescribeKey"],
            "Resource": f"arn:{made.partition}:kms:*:{made.account}:key/*",
            "Condition": {"StringLike": {"kms:ViaService": ["ec2.*.amazonaws.com*", "rds.*.amazonaws.com*"]}},
        },
    ]


def out_of_reach(made: Vault) -> list[dict[str, Any]]:
    """For the plane's change role: whatever a change is, it becomes no role there and touches neither bucket nor key."""
    return [
        {
            "Sid": "NotTheVaultAccount",
            "Effect": "Deny",
            "Action": ["sts:AssumeRole", "s3:*", "kms:*"],
            "Resource": [
                f"arn:{made.partition}:iam::{made.vault}:role/*",
                *(made.bucket_arn, made.objects),
                f"arn:{made.partition}:kms:*:{made.vault}:key/*",
            ],
        }
    ]


def template(made: Vault) -> dict[str, Any]:
    """A CloudFormation template for the vault account: the role, the bucket with its policy, and a key where none is named."""
    check(made)
    shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    resources: dict[str, Any] = {
        "KeyturnVault": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": made.role.rpartition("/")[2],
                "AssumeRolePolicyDocument": trust(made),
                "Policies": [{"PolicyName": "vault", "PolicyDocument": role_policy(made)}],
            },
        },
        "KeyturnVaultBucket": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "BucketName": made.bucket,
                "VersioningConfiguration": {"Status": "Enabled"},
                "PublicAccessBlockConfiguration": dict.fromkeys(shut, True),
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            },
        },
        "KeyturnVaultBucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "KeyturnVaultBucket"}, "PolicyDocument": bucket_policy(made)},
        },
    }
    outputs = {"Role": {"Value": {"Fn::GetAtt": ["KeyturnVault", "Arn"]}}}
    if not made.kms_key:
        resources["KeyturnVaultKey"] = {
            "Type": "AWS::KMS::Key",
            "DeletionPolicy": "Retain",
            "DependsOn": "KeyturnVault",
            "Properties": {"EnableKeyRotation": True, "KeyPolicy": key_policy(made)},
        }
        outputs["KmsKey"] = {"Value": {"Fn::GetAtt": ["KeyturnVaultKey", "Arn"]}}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Keyturn: the vault account's role, bucket and key",
        "Resources": resources,
        "Outputs": outputs,
    }


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
