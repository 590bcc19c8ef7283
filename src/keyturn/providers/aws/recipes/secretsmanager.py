"""Secrets Manager secrets: everything but the value, which no capture holds.

A deleted secret waits for 7 to 30 days, 30 unless said otherwise, in which RestoreSecret takes it back with every version;
ForceDeleteWithoutRecovery has no such time (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Leaves, State, Step
from keyturn.providers.aws.recipes.common import waiting_s
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ID

_WHICH = {"SecretId": ID}


class Secret(Declared):
    """Description, key, policy, rotation, versions by stage and tags."""

    kind: ClassVar[str] = "secretsmanager:secret"
    title: ClassVar[str] = "secret"
    fields: ClassVar[tuple[str, ...]] = (
        "Description", "KmsKeyId", "RotationEnabled", "RotationLambdaARN", "RotationRules", "policy", "versions", "waiting", "tags",
    )  # fmt: skip
    data_bearing: ClassVar[bool] = True
    deletes: ClassVar[frozenset[str]] = frozenset({"secretsmanager:DeleteSecret"})
    documents: ClassVar[frozenset[str]] = frozenset({"policy"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "secretsmanager:DescribeSecret",
            _WHICH,
            {
                "arn": "ARN",
                "Description": "Description",
                "KmsKeyId": "KmsKeyId",
                "RotationEnabled": "RotationEnabled",
                "RotationLambdaARN": "RotationLambdaARN",
                "RotationRules": "RotationRules",
                "versions": "VersionIdsToStages",
                "replicas": "ReplicationStatus",
                "tags": "Tags",
                "deleted": "DeletedDate",
            },
            absent=("ResourceNotFoundException",),
        ),
        Read(
            "secretsmanager:GetResourcePolicy",
            _WHICH,
            {"policy": "ResourcePolicy"},
            absent=("InvalidRequestException",),  # it waits to be deleted
        ),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("secretsmanager:UpdateSecret", _WHICH, {"Description": "Description", "KmsKeyId": "KmsKeyId"}),
        Change(
            "secretsmanager:PutResourcePolicy",
            _WHICH,
            {"ResourcePolicy": "policy"},
            clear={"policy": Make("secretsmanager:DeleteResourcePolicy", _WHICH)},
        ),
        Change(
            "secretsmanager:RotateSecret",
            _WHICH,
            {"RotationLambdaARN": "RotationLambdaARN", "RotationRules": "RotationRules"},
        ),
    )
    tagged: ClassVar[Tags] = Tags("secretsmanager:TagResource", "secretsmanager:UntagResource", _WHICH)
    calls: ClassVar[tuple[str, ...]] = (
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
        "secretsmanager:CancelRotateSecret",
        "secretsmanager:RestoreSecret",
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its value, once the waiting period is over, or at once when it is deleted by force",
        "its replicas, which are deleted at once",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        versions = {version: sorted(stages) for version, stages in (state.get("versions") or {}).items()}
        return {**state, "versions": versions, "waiting": bool(state.get("deleted"))}

    def at_risk(self, state: State) -> str:
        return f"a secret with {len(state.get('versions') or {})} versions"

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        which = {"SecretId": ref.id}
        match operation:
            case "secretsmanager:DeleteSecret":
                if (
                    parameters.get("ForceDeleteWithoutRecovery")
                    or state.get("waiting")
                    or state.get("replicas")
                ):
                    return ()
                return (Step("secretsmanager:RestoreSecret", which, why="within the waiting period"),)
            case "secretsmanager:RestoreSecret" if state.get("waiting"):
                return (Step("secretsmanager:DeleteSecret", which),)
            case "secretsmanager:UpdateSecret" if parameters.get("SecretString") or parameters.get(
                "SecretBinary"
            ):
                return ()  # a new value: the one before is a version, and nobody here may read it
        return super().inverse(operation, parameters, ref, state)

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        if operation == "secretsmanager:RestoreSecret":
            return state is not None and not state.get("waiting")
        return super().settled(operation, parameters, ref, state)

    def window(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> int | None:
        if operation not in self.deletes or parameters.get("ForceDeleteWithoutRecovery"):
            return None
        return waiting_s(parameters, "RecoveryWindowInDays")

    def leaves(self, operation: str, parameters: dict[str, Any], ref: ResourceRef) -> Leaves:
        if operation in self.deletes and not parameters.get("ForceDeleteWithoutRecovery"):
            return Leaves.STANDING  # it waits, and can be described
        return super().leaves(operation, parameters, ref)

    def gone(self, state: State | None) -> bool | None:
        return state is None or bool(state.get("waiting"))
