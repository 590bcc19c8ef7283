"""Our own judgement, from the YAML files beside: read once, checked, asked per operation. Every entry carries its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from keyturn.model.change import Effect

HERE = Path(__file__).parent / "overlays"


class Said(NamedTuple):
    """What the overlay says of one operation. `effect` None: nothing about that."""

    effect: Effect | None = None
    reason: str = ""
    also: tuple[Effect, ...] = ()
    mark: str = ""


class _Patterns:
    """Patterns with what they stand for; exact names first, then patterns in the order of the file."""

    def __init__(self) -> None:
        self._exact: dict[str, Any] = {}
        self._loose: list[tuple[str, re.Pattern[str], Any]] = []
        self.used: set[str] = set()

    def add(self, patterns: Iterable[str], value: Any) -> None:
        for pattern in patterns:
            if "*" in pattern:
                self._loose.append((pattern, re.compile(translate(pattern)), value))
            else:
                self._exact.setdefault(pattern, value)

    def find(self, name: str) -> Any:
        if name in self._exact:
            self.used.add(name)
            return self._exact[name]
        for pattern, compiled, value in self._loose:
            if compiled.match(name):
                self.used.add(pattern)
                return value
        return None

    def unused(self) -> list[str]:
        return sorted((self._exact.keys() | {pattern for pattern, _, _ in self._loose}) - self.used)


class Overlay:
    """All of `overlays/`."""

    def __init__(self, folder: Path = HERE) -> None:
        files = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
        self.iam: dict[str, list[str]] = files["iam"]
        self.windows: dict[str, str] = files["kinds"]["windows"]
        self._kinds: dict[str, dict[str, dict[str, str]]] = files["kinds"]
        self._effects, self._dangers, self._secrets, self._handed, self._permissions, self._principals = (
            _Patterns() for _ in range(6)
        )
        for group in files["effects"]:
            self._effects.add(group["operations"], (Effect(group["effect"]), group["reason"]))
        for group in files["dangers"]:
            for name, why in group["operations"].items():
                self._dangers.add([name], (Effect(group["effect"]), why, group["mark"]))
        for key, patterns in (("reads", self._secrets), ("along", self._handed)):
            for group in files["secrets"][key]:
                patterns.add(group["operations"], group["reason"])
        for key, patterns in (("operations", self._permissions), ("along", self._principals)):
            for group in files["permissions"][key]:
                patterns.add(group["operations"], group["reason"])

    def says(self, name: str, floor: Effect, *, reads: bool) -> Said:
        """Of `name`, which the sources take for `floor`; `reads` when they take it for a read: no pattern makes it a change."""
        also = [effect for effect in self._along(name, floor) if not reads]
        danger = self._dangers.find(name)
        if danger is not None:
            return Said(danger[0], danger[1], tuple(also), danger[2])
        effect = self._effects.find(name)
        if effect is not None:
            return Said(effect[0], effect[1], tuple(one for one in also if one is not effect[0]))
        secret = self._secrets.find(name)
        if secret is not None:
            return Said(Effect.SECRET, secret, tuple(also))
        permission = None if reads or floor is Effect.TAG else self._permissions.find(name)
        if permission is not None:
            return Said(
                Effect.PERMISSION, permission, tuple(one for one in also if one is not Effect.PERMISSION)
            )
        return Said(None, "", tuple(also))

    def _along(self, name: str, floor: Effect) -> Iterator[Effect]:
        if self._handed.find(name) is not None:
            yield Effect.SECRET
        if floor is not Effect.TAG and self._principals.find(name) is not None:
            yield Effect.PERMISSION

    def kind(self, which: str, service: str, noun: str) -> str:
        """What a kind holds (`data`) or takes along (`contains`); "" when nothing is said."""
        kinds = self._kinds[which].get(service, {})
        return kinds.get(noun) or kinds.get(noun.removesuffix("s"), "")

    @property
    def members(self) -> dict[str, dict[str, str]]:
        """Service -> kind in plain lower case -> what goes along with it."""
        return {
            service: {re.sub(r"[^a-z0-9]", "", noun.lower()): members for noun, members in kinds.items()}
            for service, kinds in self._kinds["contains"].items()
        }

    def unused(self) -> list[str]:
        """Names and patterns that no operation answers to: typing errors, or services that are gone."""
        parts = (
            self._effects,
            self._dangers,
            self._secrets,
            self._handed,
            self._permissions,
            self._principals,
        )
        return [name for part in parts for name in part.unused()]
