"""Whether approvals that had to be signed are: by a passkey of the very person, under what was shown (`keyturn.core.receipts`)."""

from __future__ import annotations

from typing import Final

from keyturn.core.receipts import check_review
from keyturn.model import record as r
from keyturn.model.review import Review, ReviewRequest

PROBLEMS_SHOWN_MAX: Final = 3
"""Problems named in one line of the report; how many there are is said."""


class Signatures:
    """Looks at every approval of a log, in order, and at whose passkeys there are."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, str]] = {}  # credential -> whose it is, and its public key
        self._requests: dict[str, ReviewRequest] = {}
        self._given: dict[str, list[Review]] = {}
        self._problems: list[str] = []
        self._signed = self._unsigned = 0

    def see(self, body: r.EntryBody) -> None:
        """The next event."""
        match body.event:
            case r.PasskeyChanged(user=user, credential=credential, public_key=key, what="added"):
                self._keys[credential] = (user, key)
            case r.PasskeyChanged(credential=credential, what="removed" | "cloned"):
                self._keys.pop(credential, None)
            case r.Decided(request=request):
                self._given[body.case] = []
                self._requests.pop(body.case, None)
                if request is not None:
                    self._requests[body.case] = request
            case r.Reviewed(review=review) if review.approve:
                self._look(body.case, review)

    def _look(self, case_id: str, review: Review) -> None:
        request, earlier = self._requests.get(case_id), self._given.setdefault(case_id, [])
        if review.receipt is None and (request is None or not request.signed):
            self._unsigned += 1
            return
        self._signed += 1
        wrong = [one.message for one in check_review(request, review, earlier)] if request is not None else []
        if request is not None and review.receipt is not None and not request.signed:
            wrong = []  # signed though nobody asked for it: nothing rests on it
        elif review.receipt is not None and self._keys.get(review.receipt.credential) != (
            review.reviewer,
            review.receipt.public_key,
        ):
            wrong.append(f"the passkey is not one of {review.reviewer}'s")
        earlier.append(review)
        self._problems += [f"{case_id}: {review.reviewer}: {why}" for why in wrong]

    def line(self) -> tuple[bool, str]:
        """Whether nothing is wrong, and what there is to say."""
        more = len(self._problems) - PROBLEMS_SHOWN_MAX
        if self._problems:
            return False, "; ".join(self._problems[:PROBLEMS_SHOWN_MAX]) + (
                f"; and {more:,} more" if more > 0 else ""
            )
        said = f"{self._signed:,} approvals signed by a passkey of who gave them"
        return True, said + f", {self._unsigned:,} by login alone, as policy let them"
