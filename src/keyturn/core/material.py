"""Undo material: what the plane keeps in the account to give things back from. Nobody who comes through it touches that.

A backup counts for nothing when the agent it protects against can take it away with its next call. The log says what the
plane made; every call of the change lane that names one of those things, whatever it would do to it, goes no further
(docs/concepts/rules.md, 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import msgspec

from keyturn.model.change import Operation
from keyturn.model.execution import Backup, VaultAccount

_DEEP_MAX: Final = 12
"""How deep parameters are looked into; AWS's own shapes end well before that (recursive ones are values of an item)."""

_NOT_THERE: Final = ("capture", "vault:")
"""References that name nothing in the account: it lies in the plane's own store, or is the capture itself."""


def names_of(backup: Backup) -> frozenset[str]:
    """How a call could name what was made for this backup: as it is referred to, and by the end of an ARN."""
    there = (name for one in backup.vaulted for name in (one.reference, *one.also))
    made = (backup.reference, *backup.also, *there)
    return frozenset(
        form for name in made if name and not name.startswith(_NOT_THERE) for form in _forms(name)
    )


def named_in(operation: Operation, material: dict[str, str]) -> tuple[str, str] | None:
    """The first piece of undo material that the operation names, and the case it belongs to; None when it names none."""
    if not material:
        return None
    for text in _texts(operation):
        for form in _forms(text):
            if form in material:
                return form, material[form]
    return None


def vault_in(operation: Operation, vault: VaultAccount | None) -> str:
    """What of the vault account the operation names, anywhere in it: in an ARN, a policy, a list of accounts. Empty where it names nothing."""
    if vault is None:
        return ""
    named = _named_by(vault)
    homes = (ref.account for ref in operation.resources)
    for text in (*homes, operation.account, *_texts(operation)):
        found = named.search(text)
        if found is not None:
            return f"{found[0]} is of the vault account, where copies of backups lie: nothing that comes through here touches it"
    return ""


@cache
def _named_by(vault: VaultAccount) -> re.Pattern[str]:
    """The account's number, the bucket, and the key by its id, each as a word of its own."""
    key = vault.kms_key.rpartition("/")[2]
    names = [re.escape(name) for name in (vault.account, vault.bucket, key) if name]
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(names)})(?![A-Za-z0-9])")


def _texts(operation: Operation) -> Iterator[str]:
    for ref in operation.resources:
        yield ref.id
    yield from _inside(operation.parameters, _DEEP_MAX)


def _inside(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, dict):
        for inner in value.values():
            yield from _inside(inner, depth - 1)
    elif depth and isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, msgspec.Raw)):
        for inner in value:
            yield from _inside(inner, depth - 1)


def _forms(name: str) -> tuple[str, ...]:
    """The name, and what an ARN ends with: services take one or the other."""
    if not name.startswith("arn:"):
        return (name,)
    return tuple(dict.fromkeys((name, name.rpartition("/")[2], name.rpartition(":")[2])))
