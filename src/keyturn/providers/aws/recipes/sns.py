"""SNS topics with their subscriptions.

A topic of the same name has the same ARN again; what subscribed to it has to subscribe anew, and e-mail and HTTP endpoints have to
confirm (https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html, API_Subscribe.html).
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import Captured, State
from keyturn.providers.aws.recipes.common import read_call, value_of
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Item, document

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
_UNSET: Final = {
    "DisplayName": "", "DeliveryPolicy": "", "KmsMasterKeyId": "", "ArchivePolicy": "{}", "TracingConfig": "PassThrough",
    "SignatureVersion": "1", "ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic",
}  # fmt: skip
"""What an attribute is set to so that it is as if nobody had set it (API_SetTopicAttributes). A policy is always there."""

_SUBSCRIBED: Final = (
    "DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "ReplayPolicy", "SubscriptionRoleArn",
)  # fmt: skip
"""What a subscription is made with (API_Subscribe, Attributes)."""

_DEFAULTS: Final = {"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes"}
"""What is said of a subscription that nobody set it for."""

SETTINGS_MAX: Final = 1_000
"""Subscriptions whose settings are read, one call each; of a topic with more the rest is said not to be known."""

ABREAST: Final = 50
"""So many of these calls side by side: SNS lets an account read a hundred a second."""

_CONFIRMED_BY_HAND = frozenset({"email", "email-json", "http", "https", "sms"})


class Topic(Declared):
    """A topic's attributes and tags, and who is subscribed, to what of it."""

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
            {"TopicArn": ARN, **{name: Item(name) for name in ("Protocol", "Endpoint", "Attributes")}},
            each="subscriptions",
        ),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "sns:SetTopicAttributes",
            {"TopicArn": ARN},
            {name: name for name in _AT_BIRTH if name != "FifoTopic"},
            named=("AttributeName", "AttributeValue"),
            unset=_UNSET,
        ),
    )
    tagged: ClassVar[Tags] = Tags("sns:TagResource", "sns:UntagResource")
    rehearsed: ClassVar[Rehearsed] = Rehearsed(
        "sns:DeleteTopic", {"TopicArn": ARN}, quiet={"subscriptions": []}, ending=("FifoTopic", ".fifo")
    )
    loss: ClassVar[tuple[str, ...]] = (
        "messages published while the topic is gone",
        "subscriptions by e-mail, SMS and HTTP wait until their owners confirm again; every subscription has a new ARN",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        """With what each subscription is set to: without its filter a consumer is sent everything."""
        found = yield from super().capture(ref)
        if found.state is None:
            return found
        unknowns = list(found.unknowns)
        known = [one for one in found.state["subscriptions"] if ":" in str(one["arn"])]  # others are pending
        settings: dict[str, State] = {}
        for begin in range(0, min(len(known), SETTINGS_MAX), ABREAST):
            some = known[begin : min(begin + ABREAST, SETTINGS_MAX)]
            answers = yield tuple(
                read_call(ref, "sns:GetSubscriptionAttributes", SubscriptionArn=one["arn"]) for one in some
            )
            for one, answer in zip(some, answers, strict=True):
                told = value_of(answer, "GetSubscriptionAttributes", unknowns) or {}
                settings[one["arn"]] = _set(told.get("Attributes") or {})
        if len(known) > SETTINGS_MAX:
            unknowns.append(
                f"settings of {len(known) - SETTINGS_MAX:,} subscriptions of {ref.id} were not read"
            )
        told_of = [_plain(one, settings.get(one["arn"], {})) for one in found.state["subscriptions"]]
        whole = self._canonical({**found.state, "subscriptions": told_of})
        return Captured(whole, tuple(unknowns), found.dependents)

    def tidy(self, ref: ResourceRef, state: State) -> State:
        attributes: dict[str, Any] = state.pop("attributes", None) or {}
        settings = {name: value for name, value in attributes.items() if name not in _COUNTS}
        subscribed = [
            {
                "Protocol": one.get("Protocol"),
                "Endpoint": one.get("Endpoint"),
                "arn": one.get("SubscriptionArn"),
            }
            for one in state.get("subscriptions") or []
        ]
        return {**state, **settings, "arn": attributes.get("TopicArn", ""), "subscriptions": subscribed}

    def at_risk(self, state: State) -> str:
        count = len(state.get("subscriptions") or [])
        by_hand = sum(one["Protocol"] in _CONFIRMED_BY_HAND for one in state.get("subscriptions") or [])
        return f"{counted(count, 'subscription')} ({by_hand} confirmed by hand)" if count else ""


def _set(attributes: State) -> State:
    """What somebody set of a subscription, each document in one spelling."""
    told = {name: attributes[name] for name in _SUBSCRIBED if attributes.get(name) not in (None, "")}
    plain = {
        name: str(value).lower() if isinstance(value, bool) else document(value)
        for name, value in told.items()
    }
    if "FilterPolicy" not in plain:
        plain.pop("FilterPolicyScope", None)  # of what there is none
    return {name: value for name, value in plain.items() if _DEFAULTS.get(name) != value}


def _plain(one: State, settings: State) -> State:
    """A subscription without its own ARN, which is new each time."""
    named = {"Protocol": one["Protocol"], "Endpoint": one["Endpoint"]}
    return {**named, "Attributes": settings} if settings else named
