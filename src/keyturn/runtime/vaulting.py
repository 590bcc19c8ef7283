"""Copies of backups in the vault account: made before the call leaves, fetched when the plane's own are gone, forgotten with them.

Where there is a vault account every backup goes there as far as it can, and a backup that could and did not is no backup: the call does
not leave (docs/adr/0015-vault-account.md). What is sealed goes as it is sealed; what a service made is copied by that service.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from keyturn.core.case import Case
from keyturn.core.ports import Captures, Inquiry, Provider, SealedBlob, Vaults
from keyturn.core.retention import removable
from keyturn.errors import KeyturnError, StoreError, UnavailableError
from keyturn.model.change import Change
from keyturn.model.decision import Decision
from keyturn.model.execution import Backup
from keyturn.runtime.asking import Asker
from keyturn.runtime.exports import needs_of
from keyturn.stores.vault import Vault

T = TypeVar("T")
log = logging.getLogger("keyturn")

LOOK_S_MAX: Final = 30.0
"""A look at the vault account is some seven reads; who starts the plane does not wait longer."""

NO_VAULT: Final = "it has to lie in the vault account, and none is configured ([vault] in keyturn.toml)"


class Vaulting:
    """Drives what the provider says of its vault account, for cases and for people."""

    def __init__(self, asker: Asker, vault: Vault, tags: Callable[[Case], dict[str, str]]) -> None:
        self._asker, self._vault, self._tags = asker, vault, tags

    # --- out ---------------------------------------------------------------------------------------------------------

    async def ready(self, case: Case, provider: Provider, change: Change, captures: Captures) -> None:
        """Before anything is made. Raises `UnavailableError` where a copy could not be, or policy wants one and there is no account."""
        vaults = provider.vaults
        if vaults is not None:
            await self._drive(vaults.shareable(change, captures), case, "vault look")
        elif case.decision is not None and case.decision.obligations.vaulted:
            raise UnavailableError("no-vault", NO_VAULT)

    def no_copy(self, case: Case, decision: Decision, provider: Provider) -> str:
        """Why there could be no copy in the vault account, where policy wants one, as far as that is known beforehand; empty otherwise."""
        if not decision.obligations.vaulted:
            return ""
        if provider.vaults is None:
            return NO_VAULT
        parts = case.assessment.recoverable if case.assessment is not None else ()
        return next(
            (
                f"it has to lie in the vault account, and {one.not_vaulted}"
                for one in parts
                if one.not_vaulted
            ),
            "",
        )

    async def copied_out(
        self, case: Case, provider: Provider, taken: tuple[Backup, ...]
    ) -> tuple[Backup, ...]:
        """Each with its copy by the service, where that makes one."""
        vaults = provider.vaults
        if vaults is None:
            return taken
        return tuple(
            [
                await self._drive(vaults.copied_out(one, case_id=case.id), case, f"vault {place}")
                for place, one in enumerate(taken, 1)
            ]
        )

    async def written(self, case: Case, provider: Provider, taken: tuple[Backup, ...]) -> tuple[Backup, ...]:
        """What is sealed of them: exports, captures, runbooks. It stands on each: captures and runbooks are of all."""
        vaults = provider.vaults
        if vaults is None:
            return taken
        sealed = {reference: self._digest(reference) for reference in self._sealed_of(case, taken)}
        copy = await self._drive(vaults.write(case.id, sealed), case, "vault exports")
        return tuple(msgspec.structs.replace(one, vaulted=(*one.vaulted, copy)) for one in taken)

    def _digest(self, reference: str) -> SealedBlob:
        data = self._vault.get(reference)
        return SealedBlob(hashlib.sha256(data).hexdigest(), len(data))

    # --- back, and away ----------------------------------------------------------------------------------------------

    async def at_hand(self, case: Case, provider: Provider) -> None:
        """Have again what the plane's own vault has lost of a case. What cannot be fetched is said to be missing by who needs it."""
        vaults = provider.vaults
        if vaults is None or not any(
            copy.kind.startswith("s3:") for one in case.kept for copy in one.vaulted
        ):
            return
        if self._is_whole(case):
            return
        try:
            await self._drive(vaults.fetch(case.id), case, "vault fetch")
        except KeyturnError as error:
            log.warning("%s: nothing was fetched from the vault account: %s", case.id, error.message)

    def _is_whole(self, case: Case) -> bool:
        try:
            return all(map(self._vault.has, self._sealed_of(case, case.kept)))
        except StoreError:  # what was kept cannot even be said
            return False

    def _sealed_of(self, case: Case, backups: tuple[Backup, ...]) -> tuple[str, ...]:
        """References of all that is sealed for a case's backups: exports, captures, runbooks."""
        captures = case.assessment.captures if case.assessment is not None else ""
        named = (*needs_of(case, self._vault).references, *(one.manifest for one in backups), captures)
        return tuple(dict.fromkeys(filter(None, named)))

    async def forget(self, drop: Case, original: Case, provider: Provider) -> int:
        """Remove what was written there of a case whose backups go, under the case that removes them. Captures stay while it has
        something that is given back from them alone.
        """
        vaults = provider.vaults
        if not any(copy.kind.startswith("s3:") for one in original.backups for copy in one.vaulted):
            return 0
        if vaults is None:
            raise UnavailableError("no-vault", "its copy is in a vault account, and none is configured")
        rest = any(not removable(one) for one in original.backups)
        return await self._drive(vaults.forget(original.id, captures=not rest), drop, "vault drop")

    # --- looked at ---------------------------------------------------------------------------------------------------

    async def troubles(self, vaults: Vaults) -> tuple[str, ...]:
        """What is wrong with the vault account; that it could not be looked at is wrong, too."""
        tags = {"agent": "person", "session": "vault", "operator": "the plane", "case": "vault"}
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                return await self._asker.drive(vaults.troubles(), tags=tags)
        except TimeoutError:
            return (f"The vault account could not be looked at within {LOOK_S_MAX:.0f} s.",)
        except KeyturnError as error:
            return (f"The vault account could not be looked at: {error.message}",)

    async def _drive(self, inquiry: Inquiry[T], case: Case, recipe: str) -> T:
        return await self._asker.drive(inquiry, tags=self._tags(case), case_id=case.id, recipe=recipe)
