"""Policies by their digests: kept in the store as they are loaded, opened again, and compared by proof."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from keyturn.core.ports import PolicyEngine
from keyturn.errors import PolicyError
from keyturn.policy import CedarEngine, Source, load_sources
from keyturn.providers.aws import catalogue
from keyturn.stores.bundle import POLICIES
from keyturn.stores.interface import Store

log = logging.getLogger("keyturn")

UNREAD_HELP: Final = "start with the policies that were in force, or with the version of Keyturn that loaded them; change them there"

NO_PROVER: Final = "NOT PROVED: the proof needs z3, which is not installed here: pip install 'keyturn[prove]'"


class _Kept(msgspec.Struct, frozen=True):
    sources: tuple[tuple[str, str], ...]


class StoredTexts:
    """See `keyturn.runtime.policing.PolicyTexts`. `window_s`: how long an approval is usable where policy does not say."""

    def __init__(self, store: Store, window_s: Callable[[], int]) -> None:
        self._store, self._window_s = store, window_s

    async def keep(self, policy: PolicyEngine) -> None:
        """An export has the text beside the decisions that name it."""
        if isinstance(policy, CedarEngine) and self._store.get_row(POLICIES, policy.digest) is None:
            await self._store.put_row(POLICIES, policy.digest, policy.text)

    def open(self, digest: str) -> CedarEngine:
        row = self._store.get_row(POLICIES, digest)
        if row is None:
            raise PolicyError("no-text", f"the store has no policy {digest}", help=UNREAD_HELP)
        try:
            return load_sources(_sources(row.value), known=catalogue.floors())
        except (PolicyError, msgspec.DecodeError) as error:
            why = error.message if isinstance(error, PolicyError) else str(error)
            raise PolicyError(
                "old-policy", f"policy {digest} cannot be read by this version: {why}", help=UNREAD_HELP
            ) from error

    async def compare(self, before: PolicyEngine, after: PolicyEngine) -> tuple[str, ...]:
        """In a thread, since a proof takes seconds; on engines of its own, whose handles stay there."""
        if before.digest == after.digest:
            return ()
        if not (isinstance(before, CedarEngine) and isinstance(after, CedarEngine)):
            return ("NOT PROVED: these are no policies in Cedar",)
        return await asyncio.to_thread(_relaxed, before.sources, after.sources, self._window_s())


def _sources(text: bytes) -> tuple[Source, ...]:
    return tuple(Source(name, body) for name, body in msgspec.json.decode(text, type=_Kept).sources)


_proving = threading.Lock()
"""z3 has one context, for one thread at a time."""


def _relaxed(before: tuple[Source, ...], after: tuple[Source, ...], window_s: int) -> tuple[str, ...]:
    """Whatever goes wrong is said, and counts as more permissive."""
    try:
        from keyturn.policy.proving import difference  # noqa: PLC0415  # z3 is an extra
        from keyturn.policy.relaxing import relaxed  # noqa: PLC0415  # looks at what it finds
    except ImportError:
        return (NO_PROVER,)
    known = catalogue.floors()
    try:
        with _proving:
            sides = [load_sources(sources, known=known) for sources in (before, after)]
            return relaxed(difference(sides[0], sides[1], known, window_s=window_s))
    except Exception as error:
        log.exception("the policies could not be compared")
        return (f"NOT PROVED: {type(error).__name__}: {error}"[:400],)


__all__ = ["StoredTexts"]
