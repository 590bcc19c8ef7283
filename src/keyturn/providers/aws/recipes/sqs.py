"""SQS queues.

What a queue is, is its attributes; what it holds is gone with it: messages come back from nowhere, and for a minute after a
delete no queue of the same name can be made (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html).
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent, Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Backup, Refused, Role
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import Captured, Narrow, Recipe, Scratch, State, Step, call
from keyturn.providers.aws.recipes.common import differences, must, pages, pause, read_call, value_of
from keyturn.providers.aws.recipes.filling import own_name

_ABSENT: Final = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")

COUNTS: Final = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
"""The three states of a message; each number is approximate (API_GetQueueAttributes)."""

_VOLATILE: Final = frozenset({*COUNTS.values(), "LastModifiedTimestamp", "CreatedTimestamp", "QueueArn"})

_CLEARED: Final = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"})
"""Attributes that an empty text takes off again; every other one always has a value."""

_DOCUMENTS: Final = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy"})
"""JSON in a text: written with sorted keys, so that only what it means is compared."""

_IMMUTABLE: Final = frozenset({"FifoQueue"})


class Queue(Recipe):
    """A queue's attributes and tags, how many messages it holds, and the queues whose dead letters it takes."""

    kind: ClassVar[str] = "sqs:queue"
    title: ClassVar[str] = "SQS queue"
    fields: ClassVar[tuple[str, ...]] = ("attributes", "tags", "created")
    born_with: ClassVar[tuple[str, ...]] = ("created",)
    data_bearing: ClassVar[bool] = True
    creates: ClassVar[frozenset[str]] = frozenset({"sqs:CreateQueue"})
    deletes: ClassVar[frozenset[str]] = frozenset({"sqs:DeleteQueue"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "sqs:SetQueueAttributes",
            "sqs:AddPermission",
            "sqs:RemovePermission",
            "sqs:TagQueue",
            "sqs:UntagQueue",
        }
    )
    in_place: ClassVar[tuple[str, ...]] = ("sqs:SetQueueAttributes", "sqs:TagQueue")
    drills: ClassVar[bool] = True
    restores: ClassVar[bool] = True  # the queue; its messages have no backup
    settles: ClassVar[int] = 12  # deletes and new attributes take up to 60 seconds to be seen everywhere
    loss: ClassVar[tuple[str, ...]] = (
        "every message, those in flight and delayed too",
        "the name, for 60 seconds: senders and consumers fail until a queue of that name is made again",
        "deduplication ids of the last five minutes (a FIFO queue) and message move tasks",
    )

    # --- capture -----------------------------------------------------------------------------------------------------

    def glance(self, ref: ResourceRef) -> Inquiry[Captured]:
        """For its messages: whether it stands, and its tags."""
        unknowns: list[str] = []
        url = yield from _url(ref, unknowns)
        if url is None:
            return Captured(None, tuple(unknowns))
        (tagged,) = yield (read_call(ref, "sqs:ListQueueTags", QueueUrl=url),)
        tags = value_of(tagged, "ListQueueTags", unknowns, *_ABSENT) or {}
        return Captured({"url": url, "tags": dict(sorted((tags.get("Tags") or {}).items()))}, tuple(unknowns))

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        url = yield from _url(ref, unknowns)
        if url is None:
            return Captured(None, tuple(unknowns))
        got, tagged = yield (
            read_call(ref, "sqs:GetQueueAttributes", QueueUrl=url, AttributeNames=["All"]),
            read_call(ref, "sqs:ListQueueTags", QueueUrl=url),
        )
        answered = value_of(got, "GetQueueAttributes", unknowns, *_ABSENT)
        if answered is None:
            return Captured(None, tuple(unknowns))
        sources = yield from pages(
            ref,
            "sqs:ListDeadLetterSourceQueues",
            {"QueueUrl": url, "MaxResults": 1_000},
            token_in="NextToken",
            token_out="NextToken",
        )
        attributes = answered.get("Attributes", {})
        counts = {name: int(attributes.get(told, 0)) for name, told in COUNTS.items()}
        tags = value_of(tagged, "ListQueueTags", unknowns) or {}
        edges = _dependents(ref, sources, unknowns)
        edges += yield from _consumers(ref, attributes.get("QueueArn", ""), unknowns)
        state: State = {
            "url": url,
            "arn": attributes.get("QueueArn", ""),
            "created": attributes.get("CreatedTimestamp", ""),
            "attributes": _settings(attributes),
            "tags": dict(sorted((tags.get("Tags") or {}).items())),
            **counts,
            "messages": sum(counts.values()),
        }
        return Captured(state, tuple(unknowns), edges)

    def at_risk(self, state: State) -> str:
        count = state.get("messages", 0)
        held = [
            f"{state[name]:,} {said}"
            for name, said in (("in_flight", "in flight"), ("delayed", "delayed"))
            if state.get(name)
        ]
        return f"about {counted(count, 'message')}" + (f" ({', '.join(held)})" if held else "")

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(resource=ref, backup=False, inverse=False, recover_s=None, loss=self.loss)

    # --- the narrow way ----------------------------------------------------------------------------------------------

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "sqs:CreateQueue":
            return None
        wanted: State = {}
        if parameters.get("Attributes"):
            wanted["attributes"] = _settings(parameters["Attributes"])
        if parameters.get("tags"):
            wanted["tags"] = dict(sorted(parameters["tags"].items()))
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        standing, wanted = state["attributes"], desired.get("attributes", {})
        other = {name: value for name, value in wanted.items() if _meant(standing, name) != value}
        tags = {
            key: value for key, value in desired.get("tags", {}).items() if state["tags"].get(key) != value
        }
        update = {name: value for name, value in other.items() if name not in _IMMUTABLE}
        steps = []
        if update:
            steps.append(Step("sqs:SetQueueAttributes", {"QueueUrl": state["url"], "Attributes": update}))
        if tags:
            steps.append(Step("sqs:TagQueue", {"QueueUrl": state["url"], "Tags": tags}))
        found = [(f"attributes.{name}", standing.get(name), value) for name, value in other.items()]
        found += [(f"tags.{key}", state["tags"].get(key), value) for key, value in tags.items()]
        return Narrow(tuple(steps), tuple(found), tuple(f for f in other if f in _IMMUTABLE))

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        match operation:
            case "sqs:SetQueueAttributes":
                return _attributes_back(state, list(parameters.get("Attributes") or {}))
            case "sqs:AddPermission" | "sqs:RemovePermission":  # both write a statement of the policy
                return _attributes_back(state, ["Policy"])
            case "sqs:TagQueue":
                return _tags_back(state, list(parameters.get("Tags") or {}))
            case "sqs:UntagQueue":
                return _tags_back(state, list(parameters.get("TagKeys") or []))
        return ()

    # --- drilled ------------------------------------------------------------------------------------------------------

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch:
        """A queue of another name, which nobody sends to nor reads from."""
        tail = ".fifo" if state["attributes"].get("FifoQueue") == "true" else ""
        made = msgspec.structs.replace(ref, id=name if name.endswith(tail) else name + tail)
        url = f"{str(state['url']).rpartition('/')[0]}/{made.id}"
        own = own_name(state, ref, made)
        return Scratch(
            ref=made,
            state={**own, "url": url, **dict.fromkeys((*COUNTS, "messages"), 0)},
            removal=Step("sqs:DeleteQueue", {"QueueUrl": url}),
            fields=("attributes", "tags"),
        )

    # --- giving back the queue ---------------------------------------------------------------------------------------

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        given: dict[str, Any] = {"QueueName": ref.id, "Attributes": _born_with(state)}
        if state["tags"]:
            given["tags"] = state["tags"]
        return (Step("sqs:CreateQueue", given),)

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        """The queue with its attributes and tags, empty."""
        (step,) = self.restore_plan(ref, state, backup)
        for _ in range(self.settles):  # "you must wait at least 60 seconds" (API_DeleteQueue)
            (answer,) = yield (
                msgspec.structs.replace(call(ref, step.operation, step.parameters, Role.CHANGE), again=True),
            )
            if not (isinstance(answer, Refused) and answer.code in _TOO_SOON):
                break
            yield from pause()
        must(answer, f"CreateQueue of {ref.id}")
        found: list[str] = []
        for left in range(self.settles, -1, -1):
            after = yield from self.capture(ref)
            fields = ("attributes", "tags")
            found = differences(state, after.state, fields, title=f"queue {ref.id}")
            if not found or not left:
                break
            yield from pause()
        count = state["messages"]
        lost = [f"messages: about {count:,} of them {'is' if count == 1 else 'are'} gone"] if count else []
        return (*found, *lost, *(f"could not be compared: {unknown}" for unknown in after.unknowns))


_TOO_SOON: Final = ("AWS.SimpleQueueService.QueueDeletedRecently", "QueueDeletedRecently")


def _born_with(state: State) -> dict[str, str]:
    """What CreateQueue takes: a queue that is no FIFO does not say so."""
    return {
        name: value for name, value in state["attributes"].items() if (name, value) != ("FifoQueue", "false")
    }


def _url(ref: ResourceRef, unknowns: list[str]) -> Inquiry[str | None]:
    named = {"QueueName": ref.id} | ({"QueueOwnerAWSAccountId": ref.account} if ref.account else {})
    (found,) = yield (read_call(ref, "sqs:GetQueueUrl", **named),)
    return (value_of(found, "GetQueueUrl", unknowns, *_ABSENT) or {}).get("QueueUrl")


def _settings(attributes: dict[str, Any]) -> dict[str, str]:
    """What is declared of a queue, as texts; documents in one spelling."""
    return {
        name: _document(str(value)) if name in _DOCUMENTS else str(value)
        for name, value in sorted(attributes.items())
        if name not in _VOLATILE
    }


def _document(text: str) -> str:
    """JSON with sorted keys; what is no JSON stays as it is."""
    try:
        return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    except ValueError:
        return text


def _meant(standing: dict[str, str], name: str) -> str | None:
    """What an attribute is while nobody has set it: an empty document is no document, and a queue is no FIFO by itself."""
    if name in standing:
        return standing[name]
    return {"FifoQueue": "false", "ContentBasedDeduplication": "false"}.get(
        name, "" if name in _CLEARED else None
    )


def _attributes_back(state: State, names: list[str]) -> tuple[Step, ...]:
    """One call that gives these attributes the values they had; none where one of them cannot be taken off again."""
    standing = state["attributes"]
    if not names or any(name not in standing and name not in _CLEARED for name in names):
        return ()
    back = {name: standing.get(name, "") for name in sorted(names)}
    return (Step("sqs:SetQueueAttributes", {"QueueUrl": state["url"], "Attributes": back}),)


def _tags_back(state: State, keys: list[str]) -> tuple[Step, ...]:
    had = {key: state["tags"][key] for key in keys if key in state["tags"]}
    new = [key for key in keys if key not in state["tags"]]
    steps = [Step("sqs:TagQueue", {"QueueUrl": state["url"], "Tags": had})] if had else []
    if new:
        steps.append(Step("sqs:UntagQueue", {"QueueUrl": state["url"], "TagKeys": new}))
    return tuple(steps)


def _dependents(ref: ResourceRef, listed: list[Answer], unknowns: list[str]) -> tuple[Dependent, ...]:
    """The queues that send their dead letters here."""
    urls: list[str] = []
    for page in listed:
        urls += (value_of(page, "ListDeadLetterSourceQueues", unknowns, *_ABSENT) or {}).get("queueUrls", [])
    return tuple(
        Dependent(
            resource=msgspec.structs.replace(ref, id=url.rpartition("/")[2]),
            relation="sends its dead letters to",
            on=ref,
        )
        for url in sorted(urls)
    )


def _consumers(ref: ResourceRef, arn: str, unknowns: list[str]) -> Inquiry[tuple[Dependent, ...]]:
    """The functions that are fed from here."""
    listed = yield from pages(
        ref,
        "lambda:ListEventSourceMappings",
        {"EventSourceArn": arn},
        token_in="Marker",
        token_out="NextMarker",
    )
    fed: list[str] = []
    for page in listed:
        mappings = (value_of(page, "ListEventSourceMappings", unknowns) or {}).get("EventSourceMappings", [])
        fed += [str(mapping.get("FunctionArn", "")).partition(":function:")[2] for mapping in mappings]
    return tuple(
        Dependent(
            resource=msgspec.structs.replace(ref, kind="lambda:function", id=name.partition(":")[0]),
            relation="is fed from",
            on=ref,
        )
        for name in sorted(set(fed))
    )
