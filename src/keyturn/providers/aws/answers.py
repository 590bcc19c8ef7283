"""What the answers of operations hand out: credentials that are rewritten, secrets that are refused or covered, by a table made from
botocore's output shapes (`make catalogue`).

1. **Credentials** (an access key id beside its secret) are rewritten on their way to the client: it gets an id, a secret and a token
   that only the gateway honours.
2. **Secrets that are asked for** (a token, a password, a presigned URL) are the effect `secret`, or a finding of that kind where the
   operation does more: policy decides, and refuses by default.
3. **Secrets that stand among what a read shows** are covered: the read passes, the secret does not.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.wire_table import Service, load

COVERED: Final = "****"
"""What stands where a secret was."""


class Names(msgspec.Struct, frozen=True):
    """How one structure of an answer calls the parts of a credential, on the wire; empty where it has none."""

    id: str
    secret: str
    token: str = ""
    expiry: str = ""


class HandsOut(msgspec.Struct, frozen=True):
    """What an operation's answer hands out. `covered`: names on the wire whose value is covered; `left`: the secrets that are not."""

    triples: tuple[Names, ...] = ()
    secrets: tuple[str, ...] = ()  # paths of member names, to be said
    covered: frozenset[str] = frozenset()
    left: tuple[str, ...] = ()

    @property
    def rewritten(self) -> str:
        """What is rewritten in its answer, in words; empty where it is given on as it is."""
        return "credentials" if self.triples else "secrets" if self.covered else ""


NOTHING: Final = HandsOut()

_SHOWS: Final = re.compile(r"(Update|Modify|Set|ConfigureLogs)")
"""What these answer with is what stands, as a read would show it: its secrets are covered as a read's are."""

DEPTH_MAX: Final = 6
"""How deep a request holds secrets: botocore's inputs have few below it."""


@cache
def _load() -> dict[str, Any]:
    raw = zlib.decompress(files(catalogue).joinpath("answers.bin").read_bytes())
    made: dict[str, Any] = json.loads(raw)
    return made


@cache
def links() -> frozenset[str]:
    """Reads that answer with a link which opens without a credential for a while (a presigned URL), by the pages of their answers in botocore:
    whoever has the link has what it leads to. They stay reads, and what is behind the link is what the read is about; that the answer
    can be passed on is said beside it.
    """
    return frozenset(_load()["links"])


@lru_cache(maxsize=1_024)
def of(name: str) -> HandsOut:
    """What ``service:Operation`` hands out; an operation that is not known hands out nothing that is known: it is a change."""
    service, _, operation = name.partition(":")
    entry = _load()["services"].get(service, {}).get(operation)
    if entry is None:
        return NOTHING
    secrets: dict[str, str] = entry.get("secrets", {})
    triples = tuple(
        Names(each["id"], each["secret"], each["token"], each["expiry"]) for each in entry.get("triples", ())
    )
    covered = {path: wire for path, wire in secrets.items() if _covers(service, operation, path)}
    return HandsOut(
        triples=tuple(dict.fromkeys(triples)),
        secrets=tuple(sorted(secrets)),
        covered=frozenset(covered.values()),
        left=tuple(sorted(path for path, wire in secrets.items() if wire not in covered.values())),
    )


def _covers(service: str, operation: str, path: str) -> bool:
    """Whether the secret at this path of the answer is only shown. Who makes something may bring its secret: it is known to her then, and
    where the service makes one up in its place, nobody asked to be told it.
    """
    effect = catalogue.lookup(service, operation).effect
    if effect is Effect.CREATE:
        return path.rpartition("/")[2] in _asked(service, operation)
    return effect in READ_EFFECTS or (effect is Effect.UPDATE and _SHOWS.match(operation) is not None)


@lru_cache(maxsize=256)
def _asked(service: str, operation: str) -> frozenset[str]:
    """The names of all members that a request of this operation may have."""
    if service not in load().entries:
        return frozenset()
    known = load().service(service)
    found = known.operations.get(operation)
    return frozenset(_names(known, found.input, 0)) if found and found.input else frozenset()


def _names(known: Service, shape: str, depth: int) -> Iterator[str]:
    if depth > DEPTH_MAX:
        return
    found = known.shape(shape)
    for name, member in found.members.items():
        yield name
        yield from _names(known, member.shape, depth + 1)
    for inner in (found.element, found.value):
        if inner is not None:
            yield from _names(known, inner.shape, depth + 1)


@cache
def rewritten(name: str) -> str:
    """What is rewritten in this operation's answer; empty where it passes as it comes (which is asked of every read)."""
    return of(name).rewritten


@cache
def streamed(name: str) -> str:
    """Whether this operation's answer comes as ``events`` or as ``bytes`` as they are made; empty where it comes as a whole, or is
    rewritten, which takes all of it.
    """
    found: str = _load()["streams"].get(name, "")
    return "" if rewritten(name) else found


def every() -> dict[str, HandsOut]:
    """Every operation that hands something out."""
    return {
        f"{service}:{name}": of(f"{service}:{name}")
        for service, entries in _load()["services"].items()
        for name in entries
    }
