"""What the backup role may copy, by the services' own snapshots and by export, and which snapshots are the plane's own."""

from __future__ import annotations

from typing import Any


def own_snapshots(partition: str, account: str) -> list[str]:
    """The snapshots that Keyturn takes itself, by how it names them (`recipes.snapshots`)."""
    at = f"arn:{partition}:{{}}:*:{account}"
    return [
        f"{at.format('rds')}:snapshot:keyturn-*",
        f"{at.format('rds')}:cluster-snapshot:keyturn-*",
        f"{at.format('elasticache')}:snapshot:keyturn-*",
        f"{at.format('redshift')}:snapshot:*/keyturn-*",
    ]


def snapshots() -> list[dict[str, Any]]:
    """Copies that the services make themselves; none of these actions changes or deletes what is copied."""
    takes = [
        *("ec2:CreateSnapshot", "ec2:CreateSnapshots", "ec2:CopySnapshot", "ec2:CreateImage"),
        *(
            "rds:CreateDBSnapshot",
            "rds:CreateDBClusterSnapshot",
            "rds:CopyDBSnapshot",
            "rds:CopyDBClusterSnapshot",
        ),
        *("elasticache:CreateSnapshot", "elasticache:CopySnapshot", "redshift:CreateClusterSnapshot"),
    ]
    tags = ["rds:AddTagsToResource", "elasticache:AddTagsToResource", "redshift:CreateTags"]
    asks = [
        *("ec2:DescribeSnapshots", "ec2:DescribeImages", "rds:DescribeDB*", "elasticache:DescribeSnapshots"),
        "redshift:DescribeClusterSnapshots",
    ]
    return [
        {"Sid": "TakeSnapshots", "Effect": "Allow", "Action": [*takes, *asks], "Resource": "*"},
        {
            "Sid": "NameTheSnapshotsItTakes",
            "Effect": "Allow",
            "Action": tags,
            "Resource": [
                f"arn:*:{service}:*:*:*snapshot:*keyturn-*" for service in ("rds", "elasticache", "redshift")
            ],
        },
        {
            "Sid": "TagTheDiskSnapshotsItTakes",
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"ec2:CreateAction": ["CreateSnapshot", "CopySnapshot", "CreateImage"]}
            },
        },
    ]


def exports() -> list[dict[str, Any]]:
    """Data that is sealed in the plane's vault before it goes."""
    through = [f"{name}.*.amazonaws.com*" for name in ("s3", "secretsmanager", "sqs", "logs")]
    reads = [
        "s3:GetObject",
        "secretsmanager:GetSecretValue",
        "logs:FilterLogEvents",
        "sqs:ReceiveMessage",
        "lambda:GetFunction",
    ]
    return [
        {"Sid": "ReadWhatIsExported", "Effect": "Allow", "Action": reads, "Resource": "*"},
        {
            "Sid": "DecryptItThroughTheServiceAlone",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": {"StringLike": {"kms:ViaService": through}},
        },
    ]
