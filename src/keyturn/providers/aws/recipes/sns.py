"""SNS topics with their subscriptions.

A topic of the same name has the same ARN again; what subscribed to it has to subscribe anew, and e-mail and HTTP endpoints have to
confirm (https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html, API_Subscribe.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Item

_COUNTS = frozenset(
    {"TopicArn", "Owner", "SubscriptionsConfirmed", "SubscriptionsDeleted", "SubscriptionsPending", "EffectiveDeliveryPolicy",
     "BeginningArchiveTime"}
)  # fmt: skip
_AT_BIRTH = {
    name: name
    for name in (
        "DisplayName", "Policy", "DeliveryPolicy", "KmsMasterKeyId", "TracingConfig", "SignatureVersion", "ArchivePolicy",
        "FifoTopic", "ContentBasedDeduplication", "FifoThroughputScope",
    )
}  # fmt: skip
_CONFIRMED_BY_HAND = frozenset({"email", "email-json", "http", "https", "sms"})


class Topic(Declared):
    """A topic's attributes and tags, and who is subscribed."""

    kind: ClassVar[str] = "sns:topic"
    title: ClassVar[str] = "SNS topic"
    fields: ClassVar[tuple[str, ...]] = (*_AT_BIRTH, "subscriptions", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"sns:DeleteTopic"})
    documents: ClassVar[frozenset[str]] = frozenset({"Policy", "DeliveryPolicy", "ArchivePolicy"})
    sets: ClassVar[frozenset[str]] = frozenset({"subscriptions"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read("sns:GetTopicAttributes", {"TopicArn": ARN}, {"attributes": "Attributes"}, absent=("NotFound", "NotFoundException")),
        Read("sns:ListTagsForResource", {"ResourceArn": ARN}, {"tags": "Tags"}, absent=("ResourceNotFound",)),
        Read("sns:ListSubscriptionsByTopic", {"TopicArn": ARN}, {"subscriptions": "Subscriptions"}, all_of="Subscriptions"),
    )  # fmt: skip
    make: ClassVar[Make] = Make(
        "sns:CreateTopic", {"Name": ID}, {f"Attributes.{name}": name for name in _AT_BIRTH}
    )
    makes_tags: ClassVar[str] = "Tags"
    then: ClassVar[tuple[Make, ...]] = (
        Make(
            "sns:Subscribe",
            {"TopicArn": ARN, "Protocol": Item("Protocol"), "Endpoint": Item("Endpoint")},
            each="subscriptions",
        ),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "sns:SetTopicAttributes",
            {"TopicArn": ARN},
            {name: name for name in _AT_BIRTH if name != "FifoTopic"},
            named=("AttributeName", "AttributeValue"),
        ),
    )
    tagged: ClassVar[Tags] = Tags("sns:TagResource", "sns:UntagResource")
    rehearsed: ClassVar[Rehearsed] = Rehearsed(
        "sns:DeleteTopic", {"TopicArn": ARN}, quiet={"subscriptions": []}, ending=("FifoTopic", ".fifo")
    )
    loss: ClassVar[tuple[str, ...]] = (
        "messages published while the topic is gone",
        "subscriptions by e-mail, SMS and HTTP wait until their owners confirm again; every subscription has a new ARN",
        "filter and redrive policies of subscriptions, which are not captured",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        attributes: dict[str, Any] = state.pop("attributes", None) or {}
        settings = {name: value for name, value in attributes.items() if name not in _COUNTS}
        subscribed = [
            {"Protocol": one.get("Protocol"), "Endpoint": one.get("Endpoint")}
            for one in state.get("subscriptions") or []
        ]
        return {**state, **settings, "arn": attributes.get("TopicArn", ""), "subscriptions": subscribed}

    def at_risk(self, state: State) -> str:
        count = len(state.get("subscriptions") or [])
        by_hand = sum(one["Protocol"] in _CONFIRMED_BY_HAND for one in state.get("subscriptions") or [])
        return f"{count} subscriptions ({by_hand} confirmed by hand)" if count else ""
