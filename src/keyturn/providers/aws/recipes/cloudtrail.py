"""CloudTrail trails: what is recorded of the account, and where to.

What happens while a trail is stopped or gone is not recorded afterwards; what was delivered stays in its bucket
(https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html, API_DeleteTrail.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID

_SAID = {
    "S3BucketName": "S3BucketName",
    "S3KeyPrefix": "S3KeyPrefix",
    "SnsTopicName": "SnsTopicARN",
    "IncludeGlobalServiceEvents": "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail": "IsMultiRegionTrail",
    "EnableLogFileValidation": "LogFileValidationEnabled",
    "CloudWatchLogsLogGroupArn": "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn": "CloudWatchLogsRoleArn",
    "KmsKeyId": "KmsKeyId",
    "IsOrganizationTrail": "IsOrganizationTrail",
}
_CLEARED = ("S3KeyPrefix", "SnsTopicARN", "CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn", "KmsKeyId")
_PARAMETER = {field: name for name, field in _SAID.items()}
_SELECTORS = {"EventSelectors": "events", "AdvancedEventSelectors": "advanced"}


class Trail(Declared):
    """Where to, which events, and whether it records."""

    kind: ClassVar[str] = "cloudtrail:trail"
    title: ClassVar[str] = "CloudTrail trail"
    fields: ClassVar[tuple[str, ...]] = (*_SAID.values(), *_SELECTORS.values(), "insights", "logging", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"cloudtrail:DeleteTrail"})
    sets: ClassVar[frozenset[str]] = frozenset({"insights"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "cloudtrail:GetTrail",
            {"Name": ID},
            {**{field: f"Trail.{field}" for field in _SAID.values()}, "arn": "Trail.TrailARN"},
            absent=("TrailNotFoundException",),
        ),
        Read("cloudtrail:GetTrailStatus", {"Name": ID}, {"logging": "IsLogging"}),
        Read(
            "cloudtrail:GetEventSelectors",
            {"TrailName": ID},
            {field: name for name, field in _SELECTORS.items()},
        ),
        Read(
            "cloudtrail:GetInsightSelectors",
            {"TrailName": ID},
            {"insights": "InsightSelectors"},
            absent=("InsightNotEnabledException",),
        ),
        Read("cloudtrail:ListTags", {"ResourceIdList": [ARN]}, {"tags": "ResourceTagList.0.TagsList"}),
    )
    make: ClassVar[Make] = Make("cloudtrail:CreateTrail", {"Name": ID}, _SAID)
    makes_tags: ClassVar[str] = "TagsList"
    then: ClassVar[tuple[Make, ...]] = (
        Make("cloudtrail:PutEventSelectors", {"TrailName": ID}, {"EventSelectors": "events"}, when="events"),
        Make(
            "cloudtrail:PutEventSelectors",
            {"TrailName": ID},
            {"AdvancedEventSelectors": "advanced"},
            when="advanced",
        ),
        Make(
            "cloudtrail:PutInsightSelectors",
            {"TrailName": ID},
            {"InsightSelectors": "insights"},
            when="insights",
        ),
        Make("cloudtrail:StartLogging", {"Name": ID}, when="logging"),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("cloudtrail:StartLogging", {"Name": ID}, to={"logging": True}),
        Change("cloudtrail:StopLogging", {"Name": ID}, to={"logging": False}),
        Change(
            "cloudtrail:UpdateTrail",
            {"Name": ID},
            _SAID,
            clear={
                field: Make("cloudtrail:UpdateTrail", {"Name": ID, _PARAMETER[field]: ""})
                for field in _CLEARED
            },
        ),
        Change("cloudtrail:PutEventSelectors", {"TrailName": ID}, _SELECTORS, whole=True),
        Change(
            "cloudtrail:PutInsightSelectors",
            {"TrailName": ID},
            {"InsightSelectors": "insights"},
            clear={
                "insights": Make("cloudtrail:PutInsightSelectors", {"TrailName": ID, "InsightSelectors": []})
            },
        ),
    )
    tagged: ClassVar[Tags] = Tags(
        "cloudtrail:AddTags", "cloudtrail:RemoveTags", {"ResourceId": ARN}, "TagsList", "TagsList"
    )
    loss: ClassVar[tuple[str, ...]] = (
        "what happens while it does not record: it is never recorded afterwards",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        told = {
            field: state.get(field) or None for field in _CLEARED
        }  # what was cleared is told as an empty text
        insights = state.get("insights") or []  # that there are none is told as an error
        return {**state, **told, "insights": insights, "logging": bool(state.get("logging"))}

    def at_risk(self, state: State) -> str:
        return "the record of what happens from then on" if state.get("logging") else ""

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation == "cloudtrail:PutEventSelectors":
            return {field: parameters.get(name) or [] for name, field in _SELECTORS.items()}
        return super().wanted(operation, parameters)
