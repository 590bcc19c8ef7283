"""CloudWatch Logs groups.

Deleting a group "permanently deletes all the archived log events associated with the log group"
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html): settings come back, events do not.
"""

from __future__ import annotations

from typing import ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.common import human_bytes
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Item

_GONE = ("ResourceNotFoundException",)
_PAGED = ("nextToken", "nextToken")


class LogGroup(Declared):
    """Retention, key, class, protection, filters and tags of a group, and how much lies in it."""

    kind: ClassVar[str] = "logs:log-group"
    title: ClassVar[str] = "log group"
    fields: ClassVar[tuple[str, ...]] = (
        "retentionInDays", "kmsKeyId", "logGroupClass", "deletionProtectionEnabled", "subscription_filters", "metric_filters",
        "tags",
    )  # fmt: skip
    data_bearing: ClassVar[bool] = True
    deletes: ClassVar[frozenset[str]] = frozenset({"logs:DeleteLogGroup"})
    sets: ClassVar[frozenset[str]] = frozenset({"subscription_filters", "metric_filters"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "logs:DescribeLogGroups",
            {"logGroupNamePrefix": ID},
            {"storedBytes": "storedBytes", "arn": "logGroupArn"},
            one_of="logGroups",
            match="logGroupName",
            every=True,
        ),
        Read("logs:ListTagsForResource", {"resourceArn": ARN}, {"tags": "tags"}, absent=_GONE),
        Read(
            "logs:DescribeSubscriptionFilters",
            {"logGroupName": ID},
            {"subscription_filters": "subscriptionFilters"},
            all_of="subscriptionFilters",
            tokens=_PAGED,
        ),
        Read(
            "logs:DescribeMetricFilters",
            {"logGroupName": ID},
            {"metric_filters": "metricFilters"},
            all_of="metricFilters",
            tokens=_PAGED,
        ),
    )
    volatile: ClassVar[frozenset[str]] = frozenset({"creationTime", "metricFilterCount", "logGroupName"})
    make: ClassVar[Make] = Make(
        "logs:CreateLogGroup",
        {"logGroupName": ID},
        {"kmsKeyId": "kmsKeyId", "logGroupClass": "logGroupClass"},
    )
    makes_tags: ClassVar[str] = "tags"
    then: ClassVar[tuple[Make, ...]] = (
        Make(
            "logs:PutRetentionPolicy",
            {"logGroupName": ID},
            {"retentionInDays": "retentionInDays"},
            when="retentionInDays",
        ),
        Make(
            "logs:PutMetricFilter",
            {
                "logGroupName": ID,
                "filterName": Item("filterName"),
                "filterPattern": Item("filterPattern"),
                "metricTransformations": Item("metricTransformations"),
            },
            each="metric_filters",
        ),
        Make(
            "logs:PutSubscriptionFilter",
            {
                "logGroupName": ID,
                "filterName": Item("filterName"),
                "filterPattern": Item("filterPattern"),
                "destinationArn": Item("destinationArn"),
                "roleArn": Item("roleArn"),
                "distribution": Item("distribution"),
            },
            each="subscription_filters",
        ),
        Make(
            "logs:PutLogGroupDeletionProtection",
            {"logGroupIdentifier": ID},
            {"deletionProtectionEnabled": "deletionProtectionEnabled"},
            when="deletionProtectionEnabled",
        ),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "logs:PutRetentionPolicy",
            {"logGroupName": ID},
            {"retentionInDays": "retentionInDays"},
            clear={"retentionInDays": Make("logs:DeleteRetentionPolicy", {"logGroupName": ID})},
        ),
        Change(
            "logs:AssociateKmsKey",
            {"logGroupName": ID},
            {"kmsKeyId": "kmsKeyId"},
            clear={"kmsKeyId": Make("logs:DisassociateKmsKey", {"logGroupName": ID})},
        ),
        Change(
            "logs:PutLogGroupDeletionProtection",
            {"logGroupIdentifier": ID},
            {"deletionProtectionEnabled": "deletionProtectionEnabled"},
        ),
    )
    tagged: ClassVar[Tags] = Tags(
        "logs:TagResource", "logs:UntagResource", {"resourceArn": ARN}, "tags", "tagKeys", pair=None
    )
    rehearsed: ClassVar[Rehearsed] = Rehearsed(
        "logs:DeleteLogGroup",
        {"logGroupName": ID},
        quiet={"subscription_filters": [], "deletionProtectionEnabled": False},
    )
    loss: ClassVar[tuple[str, ...]] = ("every log event that lies in it", "events written while it is gone")

    def tidy(self, ref: ResourceRef, state: State) -> State:
        filters = {
            field: [
                {name: value for name, value in one.items() if name not in {"creationTime", "logGroupName"}}
                for one in state.get(field) or []
            ]
            for field in ("subscription_filters", "metric_filters")
        }
        protected = bool(state.get("deletionProtectionEnabled"))
        made_of = state.get("logGroupClass") or "STANDARD"
        return {**state, **filters, "deletionProtectionEnabled": protected, "logGroupClass": made_of}

    def at_risk(self, state: State) -> str:
        return f"{human_bytes(int(state.get('storedBytes') or 0))} of log events"
