"""KMS keys and their aliases.

A key is never deleted at once: it waits 7 to 30 days, in which CancelKeyDeletion takes it back, disabled; after that "all data that was
encrypted under the KMS key is unrecoverable" (https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Leaves, State, Step
from keyturn.providers.aws.recipes.common import waiting_s
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ID, Text

_KEY = {"KeyId": ID}
_PENDING = frozenset({"PendingDeletion", "PendingReplicaDeletion"})


class Key(Declared):
    """Policy, description, state, rotation, aliases and tags of a key; not its material, which nobody reads."""

    kind: ClassVar[str] = "kms:key"
    title: ClassVar[str] = "KMS key"
    fields: ClassVar[tuple[str, ...]] = (
        "Description", "KeyState", "KeyUsage", "KeySpec", "Origin", "MultiRegion", "policy", "rotation", "aliases", "tags",
    )  # fmt: skip
    data_bearing: ClassVar[bool] = True
    deletes: ClassVar[frozenset[str]] = frozenset({"kms:ScheduleKeyDeletion"})
    documents: ClassVar[frozenset[str]] = frozenset({"policy"})
    sets: ClassVar[frozenset[str]] = frozenset({"aliases"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "kms:DescribeKey",
            _KEY,
            {
                "arn": "KeyMetadata.Arn",
                "Description": "KeyMetadata.Description",
                "KeyState": "KeyMetadata.KeyState",
                "KeyUsage": "KeyMetadata.KeyUsage",
                "KeySpec": "KeyMetadata.KeySpec",
                "Origin": "KeyMetadata.Origin",
                "MultiRegion": "KeyMetadata.MultiRegion",
                "deletes_at": "KeyMetadata.DeletionDate",
            },
            absent=("NotFoundException",),
        ),
        Read("kms:GetKeyPolicy", {**_KEY, "PolicyName": "default"}, {"policy": "Policy"}),
        Read(
            "kms:GetKeyRotationStatus",
            _KEY,
            {"rotation": "KeyRotationEnabled", "RotationPeriodInDays": "RotationPeriodInDays"},
            absent=("UnsupportedOperationException", "KMSInvalidStateException"),
        ),
        Read("kms:ListAliases", _KEY, {"aliases": "Aliases"}, all_of="Aliases", tokens=("Marker", "NextMarker")),
        Read("kms:ListResourceTags", _KEY, {"tags": "Tags"}, all_of="Tags", tokens=("Marker", "NextMarker")),
    )  # fmt: skip
    changes: ClassVar[tuple[Change, ...]] = (
        Change("kms:UpdateKeyDescription", _KEY, {"Description": "Description"}, whole=True),
        Change("kms:PutKeyPolicy", {**_KEY, "PolicyName": "default"}, {"Policy": "policy"}),
        Change("kms:EnableKey", _KEY, to={"KeyState": "Enabled"}),
        Change("kms:DisableKey", _KEY, to={"KeyState": "Disabled"}),
        Change("kms:EnableKeyRotation", _KEY, to={"rotation": True}),
        Change("kms:DisableKeyRotation", _KEY, to={"rotation": False}),
    )
    tagged: ClassVar[Tags] = Tags("kms:TagResource", "kms:UntagResource", _KEY, pair=("TagKey", "TagValue"))
    loss: ClassVar[tuple[str, ...]] = (
        "nothing, while the waiting period lasts; after it everything that is encrypted under the key is unreadable for good",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        return {**state, "aliases": [one.get("AliasName") for one in state.get("aliases") or []]}

    def at_risk(self, state: State) -> str:
        aliases = ", ".join(state.get("aliases") or [])
        return "everything encrypted under it" + (f" (known as {aliases})" if aliases else "")

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "kms:ScheduleKeyDeletion":
            if state.get("KeyState") in _PENDING:
                return ()
            back = [Step("kms:CancelKeyDeletion", {"KeyId": ref.id}, why="within the waiting period")]
            if state.get("KeyState") == "Enabled":  # a key whose deletion was cancelled is disabled
                back.append(Step("kms:EnableKey", {"KeyId": ref.id}))
            return tuple(back)
        return super().inverse(operation, parameters, ref, state)

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        if operation == "kms:CancelKeyDeletion":
            return state is not None and state.get("KeyState") not in _PENDING
        return super().settled(operation, parameters, ref, state)

    def window(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> int | None:
        return waiting_s(parameters, "PendingWindowInDays") if operation in self.deletes else None

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        return Leaves.STANDING  # a key that waits to be deleted still stands

    def gone(self, state: State | None) -> bool | None:
        return state is None or state.get("KeyState") in _PENDING

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(resource=ref, backup=False, inverse=False, recover_s=None, loss=self.loss)


class Alias(Declared):
    """Which key a name stands for: callers that use the name use another key from then on."""

    kind: ClassVar[str] = "kms:alias"
    title: ClassVar[str] = "KMS alias"
    fields: ClassVar[tuple[str, ...]] = ("key",)
    deletes: ClassVar[frozenset[str]] = frozenset({"kms:DeleteAlias"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read("kms:DescribeKey", {"KeyId": Text("alias/{id}")}, {"key": "KeyMetadata.KeyId"}, absent=("NotFoundException",)),
    )  # fmt: skip
    make: ClassVar[Make] = Make("kms:CreateAlias", {"AliasName": Text("alias/{id}")}, {"TargetKeyId": "key"})
    rehearsed: ClassVar[Rehearsed] = Rehearsed("kms:DeleteAlias", {"AliasName": Text("alias/{id}")})
    changes: ClassVar[tuple[Change, ...]] = (
        Change("kms:UpdateAlias", {"AliasName": Text("alias/{id}")}, {"TargetKeyId": "key"}),
    )
