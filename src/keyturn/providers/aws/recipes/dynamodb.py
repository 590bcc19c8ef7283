"""DynamoDB tables with their items.

Restore makes a new table, and tags, time to live, streams, deletion protection and point-in-time recovery have to be set by
hand: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CreateBackup.html ("What Is Backed Up").
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Recoverable
from keyturn.model.canonical import canonical
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup, Refused, Succeeded
from keyturn.providers.aws.recipes.base import Captured, Narrow, Recipe, Scratch, State, Step
from keyturn.providers.aws.recipes.common import (
    POLLS_MAX,
    differences,
    do,
    human_bytes,
    must,
    once,
    pages,
    read_call,
    tags_back,
    tags_dict,
    tags_list,
    value_of,
    wanted_otherwise,
)
from keyturn.providers.aws.recipes.runbook import Run

REHEARSE_ITEMS_MAX: Final = 100_000
REHEARSE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A backup up to this size is proved by restoring it into a scratch table and comparing every item: minutes and cents. A larger
one is proved by the service's word (AVAILABLE, size), and that is said."""

COUNT_ITEMS_MAX: Final = 1_000
"""DescribeTable's counts are up to six hours old; a table that looks this small is counted by a scan."""

_ABSENT: Final = ("ResourceNotFoundException", "TableNotFoundException")


class Table(Recipe):
    """A table: keys, indexes, capacity, stream, time to live, protection, recovery, tags; its items by backup."""

    kind: ClassVar[str] = "dynamodb:table"
    title: ClassVar[str] = "DynamoDB table"
    fields: ClassVar[tuple[str, ...]] = (
        "keys",
        "attributes",
        "billing",
        "throughput",
        "global_indexes",
        "local_indexes",
        "stream",
        "ttl",
        "protection",
        "recovery",
        "class",
        "encryption",
        "tags",
    )
    data_bearing: ClassVar[bool] = True
    creates: ClassVar[frozenset[str]] = frozenset(
        {"dynamodb:CreateTable", "dynamodb:RestoreTableFromBackup", "dynamodb:RestoreTableToPointInTime"}
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"dynamodb:DeleteTable"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "dynamodb:UpdateTable",
            "dynamodb:UpdateTimeToLive",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:TagResource",
            "dynamodb:UntagResource",
        }
    )
    in_place: ClassVar[tuple[str, ...]] = (
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateItem",
    )
    drills: ClassVar[bool] = True
    backs_up: ClassVar[bool] = True
    restores: ClassVar[bool] = True
    loss: ClassVar[tuple[str, ...]] = (
        "items written between the backup and the call",
        "the stream's records and its ARN (consumers must be pointed at the new one)",
        "the history of point-in-time recovery",
        "auto scaling, alarms and policies that name the table keep its name but are not checked",
    )

    # --- capture -----------------------------------------------------------------------------------------------------

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        return self._read(ref, count=True)

    def glance(self, ref: ResourceRef) -> Inquiry[Captured]:
        """For its items: everything but a scan that counts them."""
        return self._read(ref, count=False)

    def _read(self, ref: ResourceRef, *, count: bool) -> Inquiry[Captured]:
        unknowns: list[str] = []
        described, ttl, recovery = yield (
            read_call(ref, "dynamodb:DescribeTable", TableName=ref.id),
            read_call(ref, "dynamodb:DescribeTimeToLive", TableName=ref.id),
            read_call(ref, "dynamodb:DescribeContinuousBackups", TableName=ref.id),
        )
        table = value_of(described, "DescribeTable", unknowns, *_ABSENT)
        if table is None:
            return Captured(None, tuple(unknowns))
        table = table["Table"]
        listed = yield from pages(
            ref,
            "dynamodb:ListTagsOfResource",
            {"ResourceArn": table["TableArn"]},
            token_in="NextToken",
            token_out="NextToken",
        )
        tags = [
            tag
            for page in listed
            for tag in (value_of(page, "ListTagsOfResource", unknowns) or {}).get("Tags", [])
        ]
        items, size = table.get("ItemCount", 0), table.get("TableSizeBytes", 0)
        counted = (yield from self._count(ref, items)) if count else None
        state = _state(table) | {
            "ttl": _ttl(value_of(ttl, "DescribeTimeToLive", unknowns, *_ABSENT)),
            "recovery": _recovery(value_of(recovery, "DescribeContinuousBackups", unknowns, *_ABSENT)),
            "tags": tags_dict(tags),
            "items": items if counted is None else counted,
            "items_exact": counted is not None,
            "bytes": size,
        }
        return Captured(state, tuple(unknowns))

    def _count(self, ref: ResourceRef, described: int) -> Inquiry[int | None]:
        """The exact number of items where the table looks small; None where the described number has to do."""
        if described > COUNT_ITEMS_MAX:
            return None
        answers = yield from pages(
            ref,
            "dynamodb:Scan",
            {"TableName": ref.id, "Select": "COUNT"},
            token_in="ExclusiveStartKey",
            token_out="LastEvaluatedKey",
        )
        if not all(isinstance(answer, Succeeded) for answer in answers):
            return None
        return sum(int(answer.value.get("Count", 0)) for answer in answers if isinstance(answer, Succeeded))

    def at_risk(self, state: State) -> str:
        about = "" if state.get("items_exact") else "about "
        return f"{about}{state.get('items', 0):,} items, {human_bytes(state.get('bytes', 0))}"

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        size = (state or {}).get("bytes", 0)
        return Recoverable(
            resource=ref, backup=True, inverse=False, recover_s=300 + size // 10_000_000, loss=self.loss
        )

    # --- the narrow way ----------------------------------------------------------------------------------------------

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "dynamodb:CreateTable":
            return None
        made = _state({**parameters, "TableArn": ""})
        wanted = {
            field: made[field]
            for field in ("keys", "attributes", "billing", "global_indexes", "local_indexes", "protection")
        }
        for given, field in (
            ("ProvisionedThroughput", "throughput"),
            ("StreamSpecification", "stream"),
            ("TableClass", "class"),
        ):
            if given in parameters:
                wanted[field] = made[field]
        if "DeletionProtectionEnabled" not in parameters:
            del wanted["protection"]
        if "Tags" in parameters:
            wanted["tags"] = tags_dict(parameters["Tags"])
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = wanted_otherwise(state, desired, self.fields)
        steps: list[Step] = []
        update: dict[str, Any] = {}
        immutable: list[str] = []
        for field, before, after in found:
            if field == "billing":
                update["BillingMode"] = after
            elif field == "throughput":
                update["ProvisionedThroughput"] = after
            elif field == "protection":
                update["DeletionProtectionEnabled"] = after
            elif field == "class":
                update["TableClass"] = after
            elif field == "stream":
                update["StreamSpecification"] = after or {"StreamEnabled": False}
            elif field == "tags":
                missing = {key: value for key, value in after.items() if (before or {}).get(key) != value}
                steps.append(
                    Step("dynamodb:TagResource", {"ResourceArn": state["arn"], "Tags": tags_list(missing)})
                )
            elif field == "global_indexes" and _without_capacity(before) == _without_capacity(after):
                changed = [
                    index for index in after if index.get("ProvisionedThroughput") and index not in before
                ]
                if changed:
                    update["GlobalSecondaryIndexUpdates"] = _capacities(changed)
            elif field != "attributes":
                immutable.append(field)
        if update:
            if update.get("BillingMode") == "PROVISIONED" and "throughput" in desired:
                update["ProvisionedThroughput"] = desired["throughput"]
            steps.insert(0, Step("dynamodb:UpdateTable", {"TableName": ref.id, **update}))
        return Narrow(tuple(steps), found, tuple(immutable))

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "dynamodb:UpdateTimeToLive" and state.get("ttl"):
            was = {"Enabled": True, "AttributeName": state["ttl"]}
            return (Step(operation, {"TableName": ref.id, "TimeToLiveSpecification": was}),)
        if operation == "dynamodb:UpdateTable":
            back: dict[str, Any] = {}
            if "DeletionProtectionEnabled" in parameters:
                back["DeletionProtectionEnabled"] = state["protection"]
            if "BillingMode" in parameters:
                back["BillingMode"] = state["billing"]
            if ("ProvisionedThroughput" in parameters or "BillingMode" in parameters) and state[
                "billing"
            ] == "PROVISIONED":
                back["ProvisionedThroughput"] = state["throughput"]
            asked = parameters.get("GlobalSecondaryIndexUpdates") or []
            named = {entry["Update"]["IndexName"] for entry in asked if "Update" in entry}
            if len(named) < len(asked):
                return ()  # an index is made or goes: there is no call that puts it back as it was
            provisioned = [
                index
                for index in state["global_indexes"]
                if index.get("ProvisionedThroughput")
                and (index["IndexName"] in named or "BillingMode" in parameters)
            ]
            if provisioned:  # a table goes back to provisioned capacity together with its indexes
                back["GlobalSecondaryIndexUpdates"] = _capacities(provisioned)
            if "TableClass" in parameters:
                back["TableClass"] = state["class"]
            if set(parameters) - {"TableName", "ProvisionedThroughput", "AttributeDefinitions", *back}:
                return ()  # a stream or a replica changes: there is no call that puts it back as it was
            return (Step(operation, {"TableName": ref.id, **back}),)
        if operation == "dynamodb:TagResource":
            keys = [tag["Key"] for tag in parameters.get("Tags", [])]
            return _tags_back(state, keys)
        if operation == "dynamodb:UntagResource":
            return _tags_back(state, parameters.get("TagKeys", []))
        return ()

    # --- for whom it was made ----------------------------------------------------------------------------------------

    def proofs(self, ref: ResourceRef, case_id: str) -> tuple[ResourceRef, ...]:
        short = hashlib.sha256(ref.id.encode()).hexdigest()[:8]
        tails = ("", *(f"-{number}" for number in range(2, REHEARSALS_MAX + 1)))
        return tuple(
            msgspec.structs.replace(ref, id=f"keyturn-drill-{case_id}-{short}{tail}") for tail in tails
        )

    def saved_for(self, ref: ResourceRef, case_id: str) -> Inquiry[tuple[str, ...]]:
        (answer,) = yield (read_call(ref, "dynamodb:ListBackups", TableName=ref.id),)
        listed = must(answer, "ListBackups").get("BackupSummaries") or []
        name = _backup_name(ref, case_id)
        return tuple(one["BackupArn"] for one in listed if one.get("BackupName") == name)

    def made_for(self, ref: ResourceRef, scratch: ResourceRef, case_id: str) -> Inquiry[bool | None]:
        """A table has no tags until it stands."""
        (answer,) = yield (read_call(scratch, "dynamodb:DescribeTable", TableName=scratch.id),)
        source = must(answer, "DescribeTable")["Table"].get("RestoreSummary", {}).get("SourceBackupArn", "")
        if not source:
            return False
        (answer,) = yield (read_call(scratch, "dynamodb:DescribeBackup", BackupArn=source),)
        if not isinstance(answer, Succeeded):
            return False
        name = answer.value["BackupDescription"]["BackupDetails"].get("BackupName", "")
        return bool(name == _backup_name(ref, case_id))

    # --- backup and restore ------------------------------------------------------------------------------------------

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        name = _backup_name(ref, case_id)
        made = yield from once(
            ref,
            "dynamodb:CreateBackup",
            {"TableName": ref.id, "BackupName": name},
            lambda: self._made_backup(ref, name),
        )
        arn = made["BackupDetails"]["BackupArn"]
        details = yield from self._await_backup(ref, arn)
        small = state.get("items", 0) <= REHEARSE_ITEMS_MAX and state.get("bytes", 0) <= REHEARSE_BYTES_MAX
        watermark: dict[str, Any] = {
            "items": state.get("items", 0),
            "bytes": state.get("bytes", 0),
            "at_ms": at_ms,
        }
        if small:
            count, content = yield from _content(ref, ref.id)
            watermark |= {"items": count, "content": content}
            proof = yield from self._rehearse(ref, state, arn, case_id, count, content)
        else:
            proof = f"the service says AVAILABLE, {human_bytes(details.get('BackupSizeBytes', 0))}; not rehearsed, it is too large"
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark=watermark,
            reference=arn,
            manifest="",
            taken_at_ms=at_ms,
            verified_at_ms=at_ms,
            verified_by=proof,
            restores_to="a new table of the same name, with a new stream ARN",
            loss=self.loss,
        )

    def _made_backup(self, ref: ResourceRef, name: str) -> Inquiry[dict[str, Any] | None]:
        """The backup of this name, as CreateBackup would have told of it."""
        (answer,) = yield (read_call(ref, "dynamodb:ListBackups", TableName=ref.id),)
        listed = must(answer, "ListBackups").get("BackupSummaries") or []
        arn = next((one["BackupArn"] for one in listed if one.get("BackupName") == name), None)
        return {"BackupDetails": {"BackupArn": arn}} if arn else None

    def _await_backup(self, ref: ResourceRef, arn: str) -> Inquiry[dict[str, Any]]:
        for _ in range(POLLS_MAX):
            (answer,) = yield (read_call(ref, "dynamodb:DescribeBackup", BackupArn=arn),)
            details: dict[str, Any] = must(answer, "DescribeBackup")["BackupDescription"]["BackupDetails"]
            if details["BackupStatus"] == "AVAILABLE":
                return details
        raise UnavailableError("backup", f"the backup of {ref.id} did not become available")

    def _rehearse(
        self, ref: ResourceRef, state: State, arn: str, case_id: str, count: int, content: str
    ) -> Inquiry[str]:
        """Restore into a scratch table, compare every item, remove it again. Where the process ended in the midst of it, what it had
        compared is not known any more: once its table is gone, it is done anew.
        """
        for scratch in self.proofs(ref, case_id):
            yield from once(
                scratch,
                "dynamodb:RestoreTableFromBackup",
                {"TargetTableName": scratch.id, "BackupArn": arn},
                lambda it=scratch: _stands(it),  # type: ignore[misc]  # this round's
            )
            if (yield from _stands(scratch)) is None:
                yield from _removed(scratch)
                continue
            try:
                wrong = yield from self._compared_with(scratch, state, count, content)
            finally:
                yield from _removed(scratch)
            if wrong:
                raise UnavailableError(
                    "backup", f"the backup of {ref.id} does not give back what stands: {wrong}"
                )
            return f"restored into a scratch table: {count:,} items, keys and indexes equal; scratch table removed"
        raise UnavailableError(
            "backup", f"the scratch tables of {ref.id} were removed before they could be read"
        )

    def _compared_with(self, scratch: ResourceRef, state: State, count: int, content: str) -> Inquiry[str]:
        """What of the scratch table is not as it stands; empty where all is."""
        restored = _state((yield from _await_active(scratch)))
        found_count, found = yield from _content(scratch, scratch.id)
        wrong = [
            field
            for field in ("keys", "global_indexes", "local_indexes")
            if _without_capacity(restored[field]) != _without_capacity(state[field])
        ]  # capacity is set anew in any case
        if wrong or (found_count, found) != (count, content):
            return ", ".join(wrong) or f"{found_count:,} items of {count:,} with other content"
        return ""

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        if backup is None:
            raise UnavailableError("no-backup", f"there is no backup of {ref.id} to restore")
        (standing,) = yield (read_call(ref, "dynamodb:DescribeTable", TableName=ref.id),)
        if isinstance(standing, Refused) and standing.code in _ABSENT:
            yield from do(
                ref,
                "dynamodb:RestoreTableFromBackup",
                {"TargetTableName": ref.id, "BackupArn": backup.reference},
            )
        else:
            must(standing, "DescribeTable")  # an attempt before this one came so far: go on from here
        table = yield from _await_active(ref)
        yield from self._reapply(ref, state, table)
        after = yield from self.capture(ref)
        honest = differences(state, after.state, self.fields, title=f"table {ref.id}")
        wanted = backup.watermark.get("content")
        if wanted:
            count, found = yield from _content(ref, ref.id)
            if found != wanted:
                honest.append(
                    f"items: {count:,} came back, {backup.watermark.get('items', 0):,} were backed up, contents differ"
                )
        if state.get("stream"):
            honest.append("stream: the same view type under a new ARN; its old records are gone")
        return (*honest, *(f"could not be compared: {unknown}" for unknown in after.unknowns))

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        table = {"TableName": ref.id}
        steps = [
            Step(
                "dynamodb:RestoreTableFromBackup",
                {"TargetTableName": ref.id, "BackupArn": backup.reference if backup else ""},
            )
        ]
        if state["tags"]:
            steps.append(
                Step("dynamodb:TagResource", {"ResourceArn": state["arn"], "Tags": tags_list(state["tags"])})
            )
        if state["ttl"]:
            ttl = {"Enabled": True, "AttributeName": state["ttl"]}
            steps.append(Step("dynamodb:UpdateTimeToLive", table | {"TimeToLiveSpecification": ttl}))
        if state["stream"]:
            steps.append(Step("dynamodb:UpdateTable", table | {"StreamSpecification": state["stream"]}))
        if state["recovery"]:
            on = {"PointInTimeRecoveryEnabled": True}
            steps.append(
                Step("dynamodb:UpdateContinuousBackups", table | {"PointInTimeRecoverySpecification": on})
            )
        if state["protection"]:
            steps.append(Step("dynamodb:UpdateTable", table | {"DeletionProtectionEnabled": True}))
        return tuple(steps)

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch:
        """Without protection against deletion: it is to go again."""
        return Scratch(
            ref=msgspec.structs.replace(ref, id=name),
            state={**state, "protection": False},
            removal=Step("dynamodb:DeleteTable", {"TableName": name}),
            fields=self.fields,
        )

    def gone(self, state: State | None) -> bool | None:
        if state is None:
            return True
        return None if state.get("status") == "DELETING" else False

    def _reapply(self, ref: ResourceRef, state: State, table: dict[str, Any]) -> Inquiry[None]:
        """What a restore does not bring back; protection last, so that an interrupted restore can be taken up."""
        now = _state(table)
        if state["tags"]:
            yield from do(
                ref,
                "dynamodb:TagResource",
                {"ResourceArn": table["TableArn"], "Tags": tags_list(state["tags"])},
            )
        if state["billing"] != now["billing"] or (
            state["billing"] == "PROVISIONED" and state["throughput"] != now["throughput"]
        ):
            wanted: dict[str, Any] = {"TableName": ref.id, "BillingMode": state["billing"]}
            if state["billing"] == "PROVISIONED":
                wanted["ProvisionedThroughput"] = state["throughput"]
            yield from do(ref, "dynamodb:UpdateTable", wanted)
            yield from _await_active(ref)
        if state["ttl"]:
            (ttl,) = yield (read_call(ref, "dynamodb:DescribeTimeToLive", TableName=ref.id),)
            if _ttl(must(ttl, "DescribeTimeToLive")) != state["ttl"]:
                wanted = {"Enabled": True, "AttributeName": state["ttl"]}
                yield from do(
                    ref, "dynamodb:UpdateTimeToLive", {"TableName": ref.id, "TimeToLiveSpecification": wanted}
                )
        if state["stream"] and state["stream"] != now["stream"]:
            yield from do(
                ref, "dynamodb:UpdateTable", {"TableName": ref.id, "StreamSpecification": state["stream"]}
            )
            yield from _await_active(ref)
        if state["recovery"]:
            wanted = {"PointInTimeRecoveryEnabled": True}
            yield from do(
                ref,
                "dynamodb:UpdateContinuousBackups",
                {"TableName": ref.id, "PointInTimeRecoverySpecification": wanted},
            )
        if state["protection"]:
            yield from do(
                ref, "dynamodb:UpdateTable", {"TableName": ref.id, "DeletionProtectionEnabled": True}
            )

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        first, *later = self.restore_plan(ref, state, backup)
        given = {**first.parameters, "BillingModeOverride": state["billing"]}
        if state["billing"] == "PROVISIONED":
            given["ProvisionedThroughputOverride"] = state["throughput"]
        there = (f"aws dynamodb wait table-exists --table-name {ref.id}",)
        made = Run(msgspec.structs.replace(first, parameters=given), then=there)
        return (
            made,
            *(Run(step, then=there if step.action == "UpdateTable" else ()) for step in later),
        )


def _state(table: dict[str, Any]) -> State:
    """A description (or the parameters of a create) in canonical form."""
    billing = (
        (table.get("BillingModeSummary") or {}).get("BillingMode")
        or table.get("BillingMode")
        or "PROVISIONED"
    )
    stream = table.get("StreamSpecification") or {}
    return {
        "arn": table.get("TableArn", ""),
        "status": table.get("TableStatus", ""),
        "keys": table.get("KeySchema", []),
        "attributes": sorted(
            table.get("AttributeDefinitions", []), key=lambda attribute: attribute["AttributeName"]
        ),
        "billing": billing,
        "throughput": _throughput(table.get("ProvisionedThroughput")) if billing == "PROVISIONED" else None,
        "global_indexes": _indexes(table.get("GlobalSecondaryIndexes"), throughput=billing == "PROVISIONED"),
        "local_indexes": _indexes(table.get("LocalSecondaryIndexes"), throughput=False),
        "stream": {"StreamEnabled": True, "StreamViewType": stream.get("StreamViewType")}
        if stream.get("StreamEnabled")
        else None,
        "protection": bool(table.get("DeletionProtectionEnabled", False)),
        "class": (table.get("TableClassSummary") or {}).get("TableClass")
        or table.get("TableClass")
        or "STANDARD",
        "encryption": (table.get("SSEDescription") or {}).get("KMSMasterKeyArn"),
    }


def _throughput(given: dict[str, Any] | None) -> dict[str, int] | None:
    if not given:
        return None
    return {
        "ReadCapacityUnits": given["ReadCapacityUnits"],
        "WriteCapacityUnits": given["WriteCapacityUnits"],
    }


def _indexes(given: list[dict[str, Any]] | None, *, throughput: bool) -> list[dict[str, Any]]:
    made = []
    for index in sorted(given or [], key=lambda index: index["IndexName"]):
        entry = {
            "IndexName": index["IndexName"],
            "KeySchema": index["KeySchema"],
            "Projection": index.get("Projection", {}),
        }
        if throughput:
            entry["ProvisionedThroughput"] = _throughput(index.get("ProvisionedThroughput"))
        made.append(entry)
    return made


def _without_capacity(indexes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in index.items() if key != "ProvisionedThroughput"} for index in indexes
    ]


def _capacities(indexes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What UpdateTable takes to give each of these indexes the capacity it has here."""
    return [
        {
            "Update": {
                "IndexName": index["IndexName"],
                "ProvisionedThroughput": index["ProvisionedThroughput"],
            }
        }
        for index in indexes
    ]


def _ttl(answer: dict[str, Any] | None) -> str | None:
    """The attribute items expire by; None where they do not."""
    found = (answer or {}).get("TimeToLiveDescription", {})
    return found.get("AttributeName") if found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} else None


def _recovery(answer: dict[str, Any] | None) -> bool:
    found = (answer or {}).get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    return bool(found.get("PointInTimeRecoveryStatus") == "ENABLED")


REHEARSALS_MAX: Final = 4
"""Scratch tables of one backup: a process that ends while it compares begins anew in the next."""


def _backup_name(ref: ResourceRef, case_id: str) -> str:
    """What a table's backup for a case, or for a drill, is called."""
    return f"keyturn-{case_id}-{ref.id}"[:255]


def _stands(ref: ResourceRef) -> Inquiry[dict[str, Any] | None]:
    """What the service tells of the table; None where it certainly has none."""
    (answer,) = yield (read_call(ref, "dynamodb:DescribeTable", TableName=ref.id),)
    if isinstance(answer, Refused) and answer.code in _ABSENT:
        return None
    return must(answer, "DescribeTable")


def _removed(scratch: ResourceRef) -> Inquiry[None]:
    """The scratch table goes, once."""

    def gone() -> Inquiry[dict[str, Any] | None]:
        return None if (yield from _stands(scratch)) is not None else {}

    yield from once(scratch, "dynamodb:DeleteTable", {"TableName": scratch.id}, gone)


def _await_active(ref: ResourceRef) -> Inquiry[dict[str, Any]]:
    for _ in range(POLLS_MAX):
        (answer,) = yield (read_call(ref, "dynamodb:DescribeTable", TableName=ref.id),)
        table: dict[str, Any] = must(answer, "DescribeTable")["Table"]
        if table["TableStatus"] == "ACTIVE":
            return table
    raise UnavailableError("not-active", f"table {ref.id} did not become active")


def _content(ref: ResourceRef, table: str) -> Inquiry[tuple[int, str]]:
    """How many items there are, and a digest over them that does not depend on their order."""
    answers = yield from pages(
        ref,
        "dynamodb:Scan",
        {"TableName": table, "ConsistentRead": True},
        token_in="ExclusiveStartKey",
        token_out="LastEvaluatedKey",
    )
    count, total = 0, 0
    for answer in answers:
        for item in must(answer, f"Scan of {table}").get("Items", []):
            count += 1
            total ^= int.from_bytes(hashlib.sha256(canonical(item)).digest(), "big")
    return count, f"{total:064x}"


def _tags_back(state: State, keys: list[str]) -> tuple[Step, ...]:
    which = {"ResourceArn": state["arn"]}
    return tags_back("dynamodb:TagResource", "dynamodb:UntagResource", which, state["tags"], keys)
