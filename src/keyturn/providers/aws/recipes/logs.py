"""CloudWatch Logs groups.

Deleting a group "permanently deletes all the archived log events associated with the log group"
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html). Up to a limit they are exported before, and
put back before the filters are, which would count and deliver them a second time.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.keeping import is_kept
from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Backup
from keyturn.providers.aws.recipes import log_events
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.common import do, human_bytes
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Item
from keyturn.providers.aws.recipes.runbook import Run

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
    exports: ClassVar[bool] = True
    recover_s: ClassVar[int] = 600
    loss: ClassVar[tuple[str, ...]] = (
        "every log event that lies in it, unless they are few enough to be exported",
        "events written while it is gone",
    )

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
        return f"{human_bytes(_bytes(state))} of log events"

    # --- export and restore ------------------------------------------------------------------------------------------

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        can = state is not None and not _not_exported(ref, state)
        return Recoverable(
            resource=ref,
            backup=can,
            inverse=False,
            recover_s=self.recover_s,
            loss=_LOST_THOUGH_EXPORTED if can else self.loss,
        )

    def unrestorable(self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State) -> str:
        return super().unrestorable(operation, parameters, ref, state) or _not_exported(ref, state)

    def no_backup(self, ref: ResourceRef, state: State) -> str:
        why = _not_exported(ref, state)
        return f"{ref} cannot be exported: {why}" if why else ""

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        why = _not_exported(ref, state)
        if why:
            raise UnavailableError("no-backup", f"{ref} cannot be exported: {why}")
        made = yield from log_events.export(ref)
        return Backup(
            resource=ref,
            state_digest=self.fingerprint(state),
            watermark={"at_ms": at_ms, "bytes": made.size, "events": made.count, "content": made.content},
            reference=made.index,
            manifest="",
            taken_at_ms=at_ms,
            verified_at_ms=at_ms,
            verified_by=f"{made.count:,} log events ({human_bytes(made.size)}) exported by the backup role, sealed in the plane's vault and "
            f"read back; digest of all of them {made.content[:16]}…",
            restores_to=f"a log group of the same name, with its events of the last {_days(state)} days",
            loss=_LOST_THOUGH_EXPORTED,
        )

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        """Its events before its filters: what they count and deliver they have counted and delivered."""
        if backup is None:
            return (yield from super().restore(ref, state, backup))
        first, *later = self.restore_plan(ref, state, backup)
        filters = [step for step in later if step.operation in _FILTERS]
        for step in [first, *(one for one in later if one not in filters)]:
            yield from do(ref, step.operation, step.parameters)
        honest = yield from log_events.put_back(
            ref, backup.reference, days=_days(state), at_ms=int(backup.watermark["at_ms"])
        )
        for step in filters:
            yield from do(ref, step.operation, step.parameters)
        return (*honest, *(yield from self._compared(ref, state)))

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        """Each batch is a file that holds one request; streams and requests are sent one after the other."""
        runs = list(super().runs(ref, state, backup))
        if not backup.watermark.get("events"):
            return tuple(runs)
        filters = [run for run in runs if run.step.operation in _FILTERS]
        others = [run for run in runs if run not in filters]
        others[-1] = msgspec.structs.replace(others[-1], then=_PUT_ALL)
        return (*others, *filters)

    def files(self, ref: ResourceRef, state: State, backup: Backup) -> Inquiry[dict[str, bytes]]:
        return (yield from log_events.files(ref, backup.reference)) if is_kept(backup.reference) else {}

    def by_hand(self, state: State, backup: Backup) -> str:
        if not backup.watermark.get("events"):
            return ""
        return (
            f"its {backup.watermark['events']:,} log events are sealed in the plane's vault, and {backup.reference} says under which "
            "references; no command of AWS opens them. `keyturn backup export` writes them as requests of PutLogEvents into the files "
            f"`stream-*.json` and `events-*.json`. What is older than {_days(state)} days is not taken any more; it can be read there."
        )


_FILTERS: Final = frozenset({"logs:PutMetricFilter", "logs:PutSubscriptionFilter"})

_PUT_ALL: Final = (
    "for one in stream-*.json; do aws logs create-log-stream --cli-input-json file://$one; done",
    "for one in events-*.json; do aws logs put-log-events --cli-input-json file://$one > put-$one; done",
)

_LOST_THOUGH_EXPORTED: Final = (
    "log events older than 14 days, or than its retention, when they are put back: they stay in the backup, where they can be read",
    "when each event came in; streams in which nothing lies",
    "events written after the export, and while it is gone",
)


def _bytes(state: State) -> int:
    return int(state.get("storedBytes") or 0)


def _days(state: State) -> int:
    """As old as an event may be that is put back."""
    kept_days = state.get("retentionInDays")
    return min(kept_days, log_events.TAKEN_DAYS) if isinstance(kept_days, int) else log_events.TAKEN_DAYS


def _not_exported(ref: ResourceRef, state: State) -> str:
    """Why there is no export of it; empty where there can be one, as far as is known before it is read."""
    if state.get("logGroupClass") != "STANDARD":
        return (
            f"events of class {state.get('logGroupClass')} can be queried, and not read one by one "
            "(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html)"
        )
    return log_events.too_many(ref, _bytes(state)) if _bytes(state) > log_events.EVENTS_BYTES_MAX else ""
