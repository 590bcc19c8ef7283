"""The vault account: another account, in which copies of backups lie that nothing of this one can reach but the plane.

`exports` are what the plane seals itself, `copies` what the services copy, `check` whether all of it is as it has to be.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from keyturn.core.ports import Assessing, Captures, Inquiry, SealedBlob
from keyturn.model.assessment import Recoverable
from keyturn.model.change import Change
from keyturn.model.execution import Backup, VaultAccount, Vaulted
from keyturn.providers.aws.vault_account import check, copies, exports


class AwsVault:
    """See `core.ports.Vaults`."""

    def __init__(self, vault: VaultAccount) -> None:
        self.account = vault

    def __repr__(self) -> str:
        return f"<AwsVault {self.account.account} {self.account.bucket}>"

    def shareable(self, change: Change, captures: Captures) -> Inquiry[None]:
        return copies.shareable(self.account, change, captures)

    def copied_out(self, backup: Backup, *, case_id: str) -> Inquiry[Backup]:
        return copies.copied_out(self.account, backup, case_id)

    def write(self, case_id: str, sealed: Mapping[str, SealedBlob]) -> Inquiry[Vaulted]:
        return exports.write(self.account, case_id, sealed)

    def fetch(self, case_id: str) -> Inquiry[int]:
        return exports.fetch(self.account, case_id)

    def forget(self, case_id: str, *, captures: bool) -> Inquiry[int]:
        return exports.forget(self.account, case_id, captures=captures)

    def troubles(self) -> Inquiry[tuple[str, ...]]:
        return check.troubles(self.account)


def told_of_vault(asked: Inquiry[Assessing]) -> Inquiry[Assessing]:
    """The assessment, which says of each resource whether what it would be given back from goes to the vault account."""
    found = yield from asked
    told = tuple(map(_told, found.assessment.recoverable))
    return msgspec.structs.replace(
        found, assessment=msgspec.structs.replace(found.assessment, recoverable=told)
    )


def _told(item: Recoverable) -> Recoverable:
    """What is put back in place is so from its capture, which is sealed like an export."""
    if not (item.backup or item.inverse):
        return item
    why = "" if item.inverse else copies.why_not(item.resource.kind)
    return msgspec.structs.replace(item, vaulted=not why, not_vaulted=why)


__all__ = ["AwsVault", "told_of_vault"]
