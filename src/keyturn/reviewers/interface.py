"""The port of channels."""

from __future__ import annotations

from typing import Protocol

from keyturn.model.notice import Notice


class Channel(Protocol):
    """`name` is what its place in the log is kept under; no secret is in it."""

    name: str

    async def tell(self, notice: Notice) -> None:
        """Deliver one notice. Told twice it is the same notice. Raises `OSError` when it did not arrive for certain."""
        ...
