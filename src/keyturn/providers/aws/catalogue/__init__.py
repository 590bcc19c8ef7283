"""What every AWS operation does, as far as its name and its sources tell: the floor that assessment may raise.

Generated from registry packages by `make catalogue`, with overlays of our own. What is not in it is mutating.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from keyturn.model.assessment import Reversibility
from keyturn.model.change import READ_EFFECTS, Effect, Lane
from keyturn.providers.aws.catalogue.classify import classify, evidence_of

SOURCES: Final = {
    "R": "botocore's readonly trait",
    "H": "the HTTP method",
    "S": "the Service Authorization Reference",
    "V": "the verb of its name",
    "D": "the verb of its documentation",
    "P": "a paginator",
    "T": "an idempotency token",
    "A": "a secret in its answer",
    "O": "Keyturn's own overlay",
}


class CatalogueEntry(msgspec.Struct, frozen=True):
    """One operation. `effect` is the worst that it does by its name; `also` is what else it does."""

    effect: Effect
    confidence: str
    """high, medium, low; conflict: sources disagree; curated: by hand; unknown: not in the catalogue."""
    sources: tuple[str, ...]
    actions: tuple[str, ...]
    """The IAM action, then what it depends on."""
    reversibility: Reversibility = Reversibility.R4
    also: tuple[Effect, ...] = ()
    mark: str = ""
    """replaces, destroys, moves-traffic, blinds: what its name does not say."""
    reason: str = ""
    """Why a hand overruled the sources, or what goes wrong."""
    data: str = ""
    """What is lost with it, where the kind holds data."""
    members: str = ""
    """What goes along, where the kind contains others."""
    window: str = ""
    """How long the service itself takes it back."""


@cache
def _load() -> tuple[dict[str, Any], str]:
    raw = zlib.decompress(files(__name__).joinpath("effects.bin").read_bytes())
    body = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    made = {name: msgspec.json.decode(part) for name, part in body.items() if name != "operations"}
    return {**made, "operations": _Services(body["operations"])}, hashlib.sha256(raw).hexdigest()


class _Services(Mapping[str, dict[str, Any]]):
    """Operations by service, as packed text until they are asked for: as objects all of them are sixty times as large."""

    def __init__(self, raw: bytes | msgspec.Raw) -> None:
        parts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        self._raw = {service: zlib.compress(part, 1) for service, part in parts.items()}
        self._read = lru_cache(maxsize=8)(
            lambda service: msgspec.json.decode(zlib.decompress(self._raw[service]))
        )

    def __getitem__(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = self._read(service)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def identity() -> str:
    """Source versions and hash of the data, for records."""
    body, sha256 = _load()
    versions = " ".join(f"{name} {version}" for name, version in sorted(body["meta"].items()))
    return f"{versions} sha256:{sha256[:16]}"


@lru_cache(maxsize=4_096)
def lookup(service: str, operation: str) -> CatalogueEntry:
    """The entry. What the catalogue does not have is classified by what a newer botocore says of it (`read_newer_from`);
    what that does not know either is `execute` with confidence ``unknown``: it fails closed.
    """
    body = _load()[0]
    entry = body["operations"].get(service, {}).get(operation)
    default = (f"{service}:{operation}",)
    if entry is None:
        return _newer(service, operation) or CatalogueEntry(Effect.EXECUTE, "unknown", (), default)
    extras = entry[4] if len(entry) > 4 else {}
    return CatalogueEntry(
        effect=Effect(entry[0]),
        confidence=entry[1],
        sources=tuple(SOURCES[letter] for letter in entry[2]),
        actions=tuple(extras.get("a", default)),
        reversibility=Reversibility(entry[3]),
        also=tuple(Effect(effect) for effect in extras.get("f", ())),
        mark=extras.get("m", ""),
        reason=body["reasons"][extras.get("w", 0)],
        data=extras.get("d", ""),
        members=extras.get("c", ""),
        window=extras.get("u", ""),
    )


Models = Callable[[str], Mapping[str, Any] | None]
"""A service's model as botocore ships it (``service-2.json``), or None; with ``paginated``, the names that have paginators."""

_models: list[Models] = []


def read_newer_from(models: Models) -> None:
    """Let `models` speak for operations that are younger than this catalogue; whoever does I/O gives it (see `executors`)."""
    _models[:] = [models]
    lookup.cache_clear()


def _newer(service: str, operation: str) -> CatalogueEntry | None:
    model = _models[0](service) if _models else None
    if model is None or operation not in model.get("operations", {}):
        return None
    evidence = evidence_of(service, operation, model, paginated=operation in model.get("paginated", ()))
    verdict = classify(evidence)
    return CatalogueEntry(
        effect=verdict.effect,
        confidence="low" if verdict.confidence == "low" else "medium",
        sources=tuple(SOURCES[letter] for letter in verdict.sources),
        actions=(f"{service}:{operation}",),
        reversibility=Reversibility.R0 if verdict.effect in READ_EFFECTS else Reversibility.R4,
        reason="younger than the catalogue: by what the installed botocore says of it",
    )


_SERVICES: Final = {
    "elasticloadbalancing": ("elbv2", "elb"),
    "elasticfilesystem": ("efs",),
    "states": ("stepfunctions",),
}
"""ARNs that call a service otherwise than botocore does, where it matters for what goes along."""


def members_of(service: str, kind: str) -> str:
    """What goes along when one of this kind (as an ARN calls it) is deleted; "" for what has no members."""
    plain = "".join(letter for letter in kind.lower() if letter.isalnum())
    plain = {"db": "dbinstance", "cluster": "dbcluster"}.get(plain, plain) if service == "rds" else plain
    for name in _SERVICES.get(service, (service,)):
        found = _load()[0]["members"].get(name, {}).get(plain, "")
        if found:
            return str(found)
    return ""


def lane(service: str, operation: str) -> Lane:
    """`read` only for what the catalogue calls a read; everything else, and everything unknown, is `change`."""
    return Lane.READ if lookup(service, operation).effect in READ_EFFECTS else Lane.CHANGE


def iam_actions(service: str, operation: str) -> tuple[str, ...]:
    """The IAM actions the operation needs: its own first, dependent ones after."""
    return lookup(service, operation).actions


def own_actions() -> dict[str, str]:
    """``service:Operation`` -> the IAM action that is its own, of everything; without building every entry."""
    return {
        f"{service}:{name}": extras["a"][0]
        if (extras := entry[4] if len(entry) > 4 else {}).get("a")
        else f"{service}:{name}"
        for service, entries in _load()[0]["operations"].items()
        for name, entry in entries.items()
    }


def named(service: str) -> tuple[str, ...]:
    """The operations of one service; none where the catalogue does not have it."""
    return tuple(_load()[0]["operations"].get(service, {}))


def every() -> list[tuple[str, str]]:
    """Every (service, operation) of the catalogue."""
    return [(service, name) for service, entries in _load()[0]["operations"].items() for name in entries]


def floors() -> dict[str, Effect]:
    """``service:Operation`` -> effect, of everything: what a policy may name."""
    entries = _load()[0]["operations"]
    effects = {effect.value: effect for effect in Effect}
    return {
        f"{service}:{name}": effects[entry[0]]
        for service, named in entries.items()
        for name, entry in named.items()
    }
