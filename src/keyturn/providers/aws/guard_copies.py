"""What the backup role may copy, by the services' own snapshots and by export, and which snapshots are the plane's own."""

from __future__ import annotations

from typing import Any, Final

from keyturn.providers.aws.recipes.lambda_again import DRILL_ROLE


def own_snapshots(partition: str, account: str) -> list[str]:
    """The snapshots that Keyturn takes itself, by how it names them (`recipes.snapshots`)."""
    at = f"arn:{partition}:{{}}:*:{account}"
    return [
        f"{at.format('rds')}:snapshot:keyturn-*",
        f"{at.format('rds')}:cluster-snapshot:keyturn-*",
        f"{at.format('elasticache')}:snapshot:keyturn-*",
        f"{at.format('redshift')}:snapshot:*/keyturn-*",
    ]


def own_parameters(partition: str, account: str) -> str:
    """The copies of secret parameters, by the path that Keyturn keeps them under."""
    return f"arn:{partition}:ssm:*:{account}:parameter/keyturn/backup/*"


OWN_DISKS: Final[dict[str, Any]] = {
    "Action": ["ec2:DeleteSnapshot", "ec2:DeregisterImage"],
    "Resource": "*",
    "Condition": {"Null": {"aws:ResourceTag/keyturn:case": "false"}},
}
"""To remove the snapshots of disks and the images that Keyturn takes itself, by the tag that only they bear."""


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


def parameters(copies: str) -> list[dict[str, Any]]:
    """Secure strings, copied under the plane's own path."""
    return [
        {
            "Sid": "ReadParameters",
            "Effect": "Allow",
            "Action": ["ssm:GetParameter", "ssm:DescribeParameters", "ssm:ListTagsForResource"],
            "Resource": "*",
        },
        {
            "Sid": "ReadTheirPlaintextThroughParameterStoreAlone",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"StringLike": {"kms:ViaService": "ssm.*.amazonaws.com*"}},
        },
        {"Sid": "KeepTheirCopies", "Effect": "Allow", "Action": "ssm:PutParameter", "Resource": copies},
    ]


def removals(partition: str, account: str, copies: str) -> list[dict[str, Any]]:
    """What retention and people's drops remove: the plane's own copies, by their name, or by the tag that only they bear.

    The ARN of a DynamoDB backup has no name in it and the backup no tags, so that no policy can tell one from another: there it is the
    plane that reads the name before the call (`recipes.retiring`).
    """
    return [
        {
            "Sid": "RemoveOwnSnapshots",
            "Effect": "Allow",
            "Action": [
                *("rds:DeleteDBSnapshot", "rds:DeleteDBClusterSnapshot"),
                *("elasticache:DeleteSnapshot", "redshift:DeleteClusterSnapshot"),
            ],
            "Resource": own_snapshots(partition, account),
        },
        {"Sid": "RemoveOwnDiskSnapshots", "Effect": "Allow", **OWN_DISKS},
        {
            "Sid": "RemoveTableBackups",
            "Effect": "Allow",
            "Action": "dynamodb:DeleteBackup",
            "Resource": f"arn:{partition}:dynamodb:*:{account}:table/*/backup/*",
        },
        {
            "Sid": "RemoveCopiesOfParameters",
            "Effect": "Allow",
            "Action": "ssm:DeleteParameter",
            "Resource": copies,
        },
    ]


_DRILLED: Final[dict[str, tuple[str, ...]]] = {
    "sqs:*:{}:": ("sqs:CreateQueue", "sqs:DeleteQueue", "sqs:TagQueue"),
    "sns:*:{}:": ("sns:CreateTopic", "sns:DeleteTopic", "sns:TagResource"),
    "logs:*:{}:log-group:": (
        *("logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:PutMetricFilter"),
        "logs:TagResource",
    ),
    "events:*:{}:rule/": (
        *("events:PutRule", "events:DeleteRule", "events:PutTargets", "events:RemoveTargets"),
        "events:TagResource",
    ),
    "states:*:{}:stateMachine:": (
        *("states:CreateStateMachine", "states:DeleteStateMachine", "states:TagResource"),
    ),
    "cloudwatch:*:{}:alarm:": (
        *("cloudwatch:PutMetricAlarm", "cloudwatch:PutCompositeAlarm", "cloudwatch:DeleteAlarms"),
        "cloudwatch:TagResource",
    ),
    "cloudwatch::{}:dashboard/": ("cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"),
    "kinesis:*:{}:stream/": (
        *("kinesis:CreateStream", "kinesis:DeleteStream", "kinesis:AddTagsToStream"),
        *("kinesis:IncreaseStreamRetentionPeriod", "kinesis:StartStreamEncryption"),
    ),
    "ecr:*:{}:repository/": (
        *(
            "ecr:CreateRepository",
            "ecr:DeleteRepository",
            "ecr:SetRepositoryPolicy",
            "ecr:PutLifecyclePolicy",
        ),
        "ecr:TagResource",
    ),
    "ecs:*:{}:cluster/": ("ecs:CreateCluster", "ecs:DeleteCluster", "ecs:TagResource"),
    "ssm:*:{}:parameter/": ("ssm:PutParameter", "ssm:DeleteParameter", "ssm:AddTagsToResource"),
    "budgets::{}:budget/": ("budgets:ModifyBudget",),
    "lambda:*:{}:function:": (
        *(
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:UpdateFunctionCode",
            "lambda:PublishVersion",
        ),
        *("lambda:UpdateFunctionConfiguration", "lambda:CreateAlias", "lambda:PutFunctionConcurrency"),
        "lambda:TagResource",
    ),
    "iam::{}:policy/": ("iam:CreatePolicy", "iam:DeletePolicy", "iam:TagPolicy"),
    "kms:*:{}:alias/": ("kms:CreateAlias", "kms:DeleteAlias"),
    "rds:*:{}:pg:": (
        *("rds:CreateDBParameterGroup", "rds:ModifyDBParameterGroup", "rds:DeleteDBParameterGroup"),
        "rds:AddTagsToResource",
    ),
    "rds:*:{}:cluster-pg:": (
        *("rds:CreateDBClusterParameterGroup", "rds:ModifyDBClusterParameterGroup"),
        *("rds:DeleteDBClusterParameterGroup", "rds:AddTagsToResource"),
    ),
    "rds:*:{}:subgrp:": ("rds:CreateDBSubnetGroup", "rds:DeleteDBSubnetGroup", "rds:AddTagsToResource"),
    "rds:*:{}:og:": (
        *("rds:CreateOptionGroup", "rds:ModifyOptionGroup", "rds:DeleteOptionGroup", "rds:AddTagsToResource"),
    ),
}
"""Where the names of scratch resources stand in ARNs, and what a drill does to one. None of it starts, sends or reads anything."""


def drills(partition: str, account: str) -> list[dict[str, Any]]:
    """Scratch resources of drills, by the name they all begin with, and roles handed to what none of them lets run."""
    made = [
        {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": f"arn:{partition}:{place.format(account)}keyturn-drill-*",
        }
        for place, actions in _DRILLED.items()
    ]
    return [
        *made,
        {
            "Sid": "NameKeysAnewForDrills",
            "Effect": "Allow",
            "Action": ["kms:CreateAlias", "kms:DeleteAlias"],
            "Resource": f"arn:{partition}:kms:*:{account}:key/*",
        },
        {
            "Sid": "HandOneRoleThatMayNothingToFunctions",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": f"arn:{partition}:iam::{account}:role/{DRILL_ROLE}",
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        },
        {
            "Sid": "TakeLayersForFunctionsOfDrills",
            "Effect": "Allow",
            "Action": "lambda:GetLayerVersion",
            "Resource": "*",
        },
        {
            "Sid": "HandRolesToWhatDoesNotRun",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"iam:PassedToService": ["states.amazonaws.com", "events.amazonaws.com"]}
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
