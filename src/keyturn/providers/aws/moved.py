"""Ids that the service gave anew while something was given back: whatever is given back after it names the new ones.

A security group comes back as another, and an instance that was in the old one has to come back in the new. What moved stands in the
honest list of an undo, in one sentence that every recipe says alike; since an undo that goes on after a crash hears the same
answers again, it says the same sentences, and nothing else has to be remembered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from keyturn.model.change import ResourceRef

_SAID: Final = re.compile(r"id: it was (?P<old>\S+) and is (?P<new>\S+): ")
"""As `recipes.reborn`, `recipes.declared` and `recipes.again` say it."""


def heard(told: Iterable[str]) -> dict[str, str]:
    """Old id -> new id, from what an undo has said not to be as it was."""
    return {found["old"]: found["new"] for line in told if (found := _SAID.match(line))}


def renamed(value: Any, moved: Mapping[str, str]) -> Any:
    """The value with every old id as the new one: alone, or as the end of an ARN or a path. Names of members stay."""
    if not moved:
        return value
    if isinstance(value, str):
        return _text(value, moved)
    if isinstance(value, Mapping):
        return {name: renamed(inner, moved) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [renamed(inner, moved) for inner in value]
    return value


def _text(text: str, moved: Mapping[str, str]) -> str:
    for old, new in moved.items():
        if text == old:
            return new
        if text.endswith((f"/{old}", f":{old}")):
            return text.removesuffix(old) + new
    return text


def ref_of(ref: ResourceRef, moved: Mapping[str, str]) -> ResourceRef:
    """The resource under its new id."""
    found = _text(ref.id, moved) if moved else ref.id
    return ref if found == ref.id else msgspec.structs.replace(ref, id=found)


def told(ref: ResourceRef, before: Any, after: Any, moved: Mapping[str, str]) -> list[str]:
    """Which new ids stand in what was given back; nothing where none of them is meant."""
    if before == after:
        return []
    used = [(old, new) for old, new in moved.items() if renamed(before, {old: new}) != before]
    return [f"{ref}: {new} stands in it for {old}" for old, new in used]
