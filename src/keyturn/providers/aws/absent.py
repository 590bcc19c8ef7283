"""The backup of what does not stand: there is nothing to save, and that is what was seen."""

from __future__ import annotations

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import Change
from keyturn.model.execution import Backup
from keyturn.providers.aws import recipes


def still_absent(change: Change, at_ms: int) -> Inquiry[tuple[Backup, ...]]:
    """One for each resource of the change, read once more. Raises `UnavailableError` where one may stand by now."""
    found = []
    for ref in dict.fromkeys(ref for operation in change.operations for ref in operation.resources):
        recipe = recipes.for_kind(ref.kind)
        if recipe is None:
            raise UnavailableError("backup", f"there is no recipe to read {ref}")
        now = yield from recipe.capture(ref)
        if now.unknowns or now.state is not None:
            raise UnavailableError("backup", f"{ref} did not stand when it was assessed, and may by now")
        found.append(
            Backup(
                resource=ref,
                state_digest=recipe.fingerprint(None),
                watermark={"at_ms": at_ms},
                reference="capture",
                manifest="",
                taken_at_ms=at_ms,
                verified_at_ms=at_ms,
                verified_by="read a second time: it does not stand, so there is nothing to save",
                restores_to="nothing: it did not stand",
            )
        )
    return tuple(found)
