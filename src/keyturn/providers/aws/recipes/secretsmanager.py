"""Secrets Manager secrets: everything but the value, which no capture holds. Where a delete is final, the backup role exports it.

A deleted secret waits for 7 to 30 days, 30 unless said otherwise, in which RestoreSecret takes it back with every version;
ForceDeleteWithoutRecovery has no such time (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html).
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.keeping import is_kept, put_in, raw
from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Refused, Role
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import Leaves, Narrow, State, Step, call
from keyturn.providers.aws.recipes.common import do, must, tags_list, waiting_s
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.export import backup_of, exported, in_vault, keep, kept, packed, unpacked
from keyturn.providers.aws.recipes.filling import ID
from keyturn.providers.aws.recipes.runbook import Run

_WHICH = {"SecretId": ID}


class Secret(Declared):
    """Description, key, policy, rotation, versions by stage and tags."""

    kind: ClassVar[str] = "secretsmanager:secret"
    no_drill: ClassVar[str] = (
        "a second copy of its value may be open to others, by its name or its tags; that each value comes back is seen at its export"
    )
    title: ClassVar[str] = "secret"
    fields: ClassVar[tuple[str, ...]] = (
        "Description", "KmsKeyId", "RotationEnabled", "RotationLambdaARN", "RotationRules", "policy", "versions", "waiting", "tags",
    )  # fmt: skip
    data_bearing: ClassVar[bool] = True
    exports: ClassVar[bool] = True
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
    created_by: ClassVar[frozenset[str]] = frozenset({"secretsmanager:CreateSecret"})
    tagged: ClassVar[Tags] = Tags("secretsmanager:TagResource", "secretsmanager:UntagResource", _WHICH)
    calls: ClassVar[tuple[str, ...]] = (
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
        "secretsmanager:CancelRotateSecret",
        "secretsmanager:RestoreSecret",
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its value, once the waiting period is over, or at once when it is deleted by force and was not exported",
        "its replicas, which are deleted at once",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        versions = {version: sorted(stages) for version, stages in (state.get("versions") or {}).items()}
        return {**state, "versions": versions, "waiting": bool(state.get("deleted"))}

    def at_risk(self, state: State) -> str:
        return f"a secret with {len(state.get('versions') or {})} versions"

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        """All of a create but its value, which is not looked at."""
        if operation not in self.creates:
            return None
        wanted: State = {name: parameters[name] for name in ("Description", "KmsKeyId") if name in parameters}
        wanted |= {"tags": self._plain_tags(parameters["Tags"])} if parameters.get("Tags") else {}
        return {**wanted, "valued": bool(parameters.get("SecretString") or parameters.get("SecretBinary"))}

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = super().narrow(
            ref, state, {name: value for name, value in desired.items() if name != "valued"}
        )
        if found is None or not desired.get("valued"):
            return found
        value = "its value, which nobody here reads: secretsmanager:PutSecretValue gives it another where it stands"
        return msgspec.structs.replace(found, unknown=(*found.unknown, value))

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

    # --- export and restore ------------------------------------------------------------------------------------------

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        can = state is not None and not _not_exported(state)
        loss = _LOST_THOUGH_EXPORTED if can else self.loss
        return Recoverable(
            resource=ref, backup=can, inverse=False, recover_s=self.recover_s if can else None, loss=loss
        )

    def unrestorable(self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State) -> str:
        return super().unrestorable(operation, parameters, ref, state) or _not_exported(state)

    def no_backup(self, ref: ResourceRef, state: State) -> str:
        why = _not_exported(state)
        return f"{ref} cannot be exported: {why}" if why else ""

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        why = _not_exported(state)
        if why:
            raise UnavailableError("no-backup", f"{ref} cannot be exported: {why}")
        index: list[dict[str, Any]] = []
        for version, stages in _staged(state):
            asked = {"SecretId": ref.id, "VersionId": version}
            got = yield from exported(ref, "secretsmanager:GetSecretValue", asked)
            text = got.get("SecretString") is not None
            made = yield from keep(ref, got["SecretString"].encode() if text else raw(got["SecretBinary"]))
            index.append({"version": version, "stages": stages, "reference": made.reference, "text": text})
        whole = yield from packed(ref, index)
        return backup_of(
            self,
            ref,
            state,
            whole,
            at_ms=at_ms,
            restores_to="a secret of the same name and versions, under a new ARN",
            loss=_LOST_THOUGH_EXPORTED,
            about=f"{counted(len(index), 'version')} exported by the backup role, each sealed and read back; their index: ",
            versions=len(index),
        )

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        index = yield from unpacked(ref, in_vault(backup, ref).reference)
        for number, entry in enumerate(index):
            value = put_in(entry["reference"], text=entry["text"])
            # a version that is there already is not made a second time: its id is the token (API_PutSecretValue)
            given = {
                "ClientRequestToken": entry["version"],
                "SecretString" if entry["text"] else "SecretBinary": value,
            }
            operation = "CreateSecret" if number == 0 else "PutSecretValue"
            which = {"Name": ref.id, **_said(state)} if number == 0 else {"SecretId": ref.id}
            step = call(ref, f"secretsmanager:{operation}", {**which, **given}, Role.CHANGE)
            (answer,) = yield (msgspec.structs.replace(step, again=True),)
            if not (isinstance(answer, Refused) and answer.code == "ResourceExistsException"):
                must(answer, f"{operation} of {ref.id}")
        if state.get("policy"):
            policy = {"SecretId": ref.id, "ResourcePolicy": json.dumps(state["policy"])}
            yield from do(ref, "secretsmanager:PutResourcePolicy", policy)
        honest = yield from self._compared(ref, state)
        return (*honest, f"its ARN: it was {state.get('arn', '')}, and ends in other letters now")

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        why = "its versions have the values that were exported"
        steps = [Step("secretsmanager:CreateSecret", {"Name": ref.id, **_said(state)}, why=why)]
        steps += [
            Step("secretsmanager:PutSecretValue", {"SecretId": ref.id}, why=why) for _ in _staged(state)[1:]
        ]
        return tuple(steps)

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        made = []
        for number, (version, _) in enumerate(_staged(state)):
            which = {"SecretId": ref.id} if number else {"Name": ref.id, **_said(state)}
            name = "PutSecretValue" if number else "CreateSecret"
            step = Step(f"secretsmanager:{name}", {**which, "ClientRequestToken": version})
            made.append(Run(step, files={"--secret-string": f"file://{version}.txt"}))
        if state.get("policy"):
            policy = {"SecretId": ref.id, "ResourcePolicy": json.dumps(state["policy"])}
            made.append(Run(Step("secretsmanager:PutResourcePolicy", policy)))
        return tuple(made)

    def files(self, ref: ResourceRef, state: State, backup: Backup) -> Inquiry[dict[str, bytes]]:
        if not is_kept(backup.reference):
            return {}
        index = yield from unpacked(ref, backup.reference)
        found = {}
        for one in index:
            found[f"{one['version']}.txt"] = yield from kept(ref, one["reference"])
        return found

    def by_hand(self, state: State, backup: Backup) -> str:
        files = ", ".join(
            f"`{version}.txt` ({' and '.join(stages) or 'no stage'})" for version, stages in _staged(state)
        )
        return (
            f"its values are sealed in the plane's vault, and {backup.reference} says under which references; no command of AWS opens "
            f"them. Put each into a file without a line break at its end: {files}. A binary one takes "
            "`--secret-binary fileb://` in the place of `--secret-string file://`."
        )


_LOST_THOUGH_EXPORTED: Final = (
    "its ARN, which ends in other letters: what names it by its whole ARN has to be told",
    "rotation, which has to be switched on again; versions without a stage",
)


def _not_exported(state: State) -> str:
    """Why there is no export of it; empty where there can be one."""
    if state.get("waiting"):
        return "it waits to be deleted, and its value cannot be read"
    if state.get("replicas"):
        return "it has replicas, which are deleted at once and not made again"
    return "" if _staged(state) else "it has no version with a stage"


def _staged(state: State) -> list[tuple[str, list[str]]]:
    """Versions that have a stage, the current one last: each one that is put moves the stage to itself."""
    found = [(version, stages) for version, stages in (state.get("versions") or {}).items() if stages]
    return sorted(found, key=lambda entry: ("AWSCURRENT" in entry[1], "AWSPREVIOUS" in entry[1], entry[0]))


def _said(state: State) -> dict[str, Any]:
    """What CreateSecret takes beside the value."""
    given = {name: state[name] for name in ("Description", "KmsKeyId") if state.get(name)}
    return given | ({"Tags": tags_list(state["tags"])} if state.get("tags") else {})
