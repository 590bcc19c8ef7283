"""The removal of backups as reviewers see it: the calls, one by one, and of what lies in the vault that it goes."""

from __future__ import annotations

from typing import Final

from keyturn.core.keeping import is_kept
from keyturn.core.ports import Seal
from keyturn.core.retention import removable
from keyturn.model.change import Effect, Operation
from keyturn.model.execution import Backup
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.recipes import retiring
from keyturn.providers.aws.resources import Home

DROP_EXPORT: Final = "keyturn:DropExport"
"""No operation of AWS: exports lie in the plane's own vault. Policies name it like one (``aws:keyturn:DropExport``)."""


def plan(backups: tuple[Backup, ...], *, seal: Seal) -> tuple[Operation, ...]:
    """See `core.ports.Provider.plan_retire`."""
    found = [
        operation_from(
            step.service,
            step.action,
            step.parameters,
            home=Home(ref.partition, ref.account, ref.region),
            seal=seal,
        )
        for backup in backups
        for ref, step in retiring.steps(backup)
    ]
    exports = [backup for backup in backups if is_kept(backup.reference)]
    if exports:
        home = exports[0].resource
        found.append(
            Operation(
                provider="aws",
                name=DROP_EXPORT,
                parameters={
                    "Exports": len(exports),
                    "Bytes": sum(int(backup.watermark.get("bytes") or 0) for backup in exports),
                },
                resources=tuple(backup.resource for backup in exports if removable(backup)),
                floor=Effect.DELETE,
                partition=home.partition,
                account=home.account,
                region=home.region,
            )
        )
    return tuple(found)
