"""One-way channels by apprise (https://github.com/caronc/apprise/wiki): mail, Teams, PagerDuty, ntfy, webhooks and some hundred more."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from keyturn.errors import OperatorError
from keyturn.model.notice import Notice, NoticeKind

_TYPES = {
    NoticeKind.FAILED: "failure",
    NoticeKind.UNCERTAIN: "warning",
    NoticeKind.BROKEN_GLASS: "warning",
    NoticeKind.HALT: "warning",
    NoticeKind.DONE: "success",
}


class Apprised:
    """One apprise URL. It holds a secret, so it is never said: the channel goes by its scheme and a digest."""

    def __init__(self, url: str) -> None:
        try:
            import apprise  # noqa: PLC0415  # an extra
        except ModuleNotFoundError:
            raise OperatorError(
                "no-extra",
                "channels need apprise, which is not installed",
                help="pip install 'keyturn[channels]'",
            ) from None
        scheme = url.partition(":")[0][:20]
        self.name = f"{scheme}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        self._sender: Any = apprise.Apprise()
        if not self._sender.add(url):
            raise OperatorError(
                "channel-url",
                f"apprise does not understand a URL that begins with {scheme}:",
                help="the forms are at https://github.com/caronc/apprise/wiki",
            )

    async def tell(self, notice: Notice) -> None:
        arrived = await asyncio.to_thread(
            self._sender.notify,
            title=notice.title,
            body=notice.text,
            notify_type=_TYPES.get(notice.kind, "info"),
        )
        if not arrived:
            raise OSError("it was not taken")
