"""The signature under a review, the same for pages and API: what is asked of the passkey, and what becomes of its answer."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.console.identity import Caller
from keyturn.console.passkeys import Passkeys
from keyturn.core.case import Case
from keyturn.errors import ReviewError
from keyturn.model.review import Receipt, ReviewRequest
from keyturn.runtime.interface import Desk


class Signature(msgspec.Struct, frozen=True):
    """What a browser gave: the nonce it was asked with, and its answer as JSON (WebAuthn Level 3, 5.1: AuthenticationResponseJSON)."""

    nonce: str
    credential: dict[str, Any]


class Signing:
    """Reviews of people, with a receipt where they sign."""

    def __init__(self, desk: Desk, passkeys: Passkeys) -> None:
        self._desk, self._passkeys = desk, passkeys

    def ask(self, case_id: str, *, by: str, binding: str, note: str) -> dict[str, Any]:
        """What her passkey is asked to sign. Raises `ReviewError` when she may not approve this, or reads something older."""
        case = self._desk.case(case_id)
        if case is None:
            raise ReviewError("no-case", f"there is no case {case_id}", help="keyturn inbox lists them")
        if case.request is None or (why := self._desk.may_review(case, by)):
            raise ReviewError("may-not", why if case.request else f"{case_id} asks nothing of reviewers")
        if binding != case.request.digest:
            raise ReviewError("stale", f"{case_id} is no longer what was shown to you", help="read it again")
        return self._passkeys.asked_to_sign(by, case.request, note)

    async def review(
        self,
        case_id: str,
        *,
        by: str,
        approve: bool,
        binding: str,
        note: str,
        via: str,
        signature: Signature | None = None,
        guidance: str = "",
    ) -> Case:
        """As `Desk.review`; a signature that is none of hers under this is refused and on record."""
        case, receipt = self._desk.case(case_id), None
        if approve and signature is not None and case is not None and case.request is not None:
            receipt = await self._receipt(case_id, by, case.request, note, signature)
        return await self._desk.review(
            case_id,
            by=by,
            approve=approve,
            binding=binding,
            note=note,
            via=via,
            receipt=receipt,
            guidance=guidance,
        )

    async def _receipt(
        self, case_id: str, by: str, request: ReviewRequest, note: str, signature: Signature
    ) -> Receipt:
        try:
            return await self._passkeys.receipt(by, request, note, signature.nonce, signature.credential)
        except ReviewError as error:
            await self._desk.refuse_review(
                case_id, by=by, approve=True, code=error.code, message=error.message
            )
            raise


def may_by_token(case: Case | None, case_id: str, user: Caller, *, signs: bool) -> None:
    """A token reviews in its environments, and never signs: a signature says that somebody sat there. Raises `ReviewError`."""
    if user.through != "token":
        return
    if signs or (case is not None and case.request is not None and case.request.signed):
        raise ReviewError("token-cannot-sign", "a token signs nothing", help=f"open the page of {case_id}")
    where = case.assessment.environment if case and case.assessment else "unknown"
    if user.environments and where not in user.environments:
        raise ReviewError("forbidden", f"this token reviews in {', '.join(user.environments)}, not {where}")
