"""What every AWS operation does, as far as its name and its sources tell: the floor that assessment may raise.

Generated from registry packages by `make catalogue`, with overlays of our own. What is not in it is mutating.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from keyturn.model.change import READ_EFFECTS, Effect, Lane

SOURCES: Final = {
    "R": "botocore's readonly trait",
    "H": "the HTTP method",
    "S": "the Service Authorization Reference",
    "V": "the verb of its name",
    "D": "the verb of its documentation",
    "P": "a paginator",
    "T": "an idempotency token",
    "O": "Keyturn's own overlay",
}


class CatalogueEntry(msgspec.Struct, frozen=True):
    """`confidence`: high, medium, low, curated, conflict, or unknown (not in the catalogue)."""

    effect: Effect
    confidence: str
    sources: tuple[str, ...]
    actions: tuple[str, ...]  # the IAM action, then what it depends on


@cache
def _load() -> tuple[dict[str, Any], str]:
    raw = zlib.decompress(files(__name__).joinpath("effects.bin").read_bytes())
    return json.loads(raw), hashlib.sha256(raw).hexdigest()


def identity() -> str:
    """Source versions and hash of the data, for records."""
    body, sha256 = _load()
    versions = " ".join(f"{name} {version}" for name, version in sorted(body["meta"].items()))
    return f"{versions} sha256:{sha256[:16]}"


@lru_cache(maxsize=4_096)
def lookup(service: str, operation: str) -> CatalogueEntry:
    """The entry; an operation that is not known is `execute` with confidence ``unknown``: it fails closed."""
    entry = _load()[0]["operations"].get(service, {}).get(operation)
    default = (f"{service}:{operation}",)
    if entry is None:
        return CatalogueEntry(Effect.EXECUTE, "unknown", (), default)
    return CatalogueEntry(
        effect=Effect(entry[0]),
        confidence=entry[1],
        sources=tuple(SOURCES[letter] for letter in entry[2]),
        actions=tuple(entry[3]) if len(entry) > 3 else default,
    )


def lane(service: str, operation: str) -> Lane:
    """`read` only for what the catalogue calls a read; everything else, and everything unknown, is `change`."""
    return Lane.READ if lookup(service, operation).effect in READ_EFFECTS else Lane.CHANGE


def iam_actions(service: str, operation: str) -> tuple[str, ...]:
    """The IAM actions the operation needs: its own first, dependent ones after."""
    return lookup(service, operation).actions


def every() -> list[tuple[str, str]]:
    """Every (service, operation) of the catalogue."""
    return [(service, name) for service, entries in _load()[0]["operations"].items() for name in entries]


def floors() -> dict[str, Effect]:
    """``service:Operation`` -> effect, of everything: what a policy may name."""
    entries = _load()[0]["operations"]
    return {
        f"{service}:{name}": Effect(entry[0])
        for service, named in entries.items()
        for name, entry in named.items()
    }
