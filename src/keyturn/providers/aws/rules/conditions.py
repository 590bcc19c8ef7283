"""Conditions on a request and on what stands: small values that are combined, compiled once, and asked in microseconds.

A condition answers yes, no, or None: it depends on a fact that could not be read. None is not no: it becomes an unknown of the
assessment. `given` and `live` name every path a condition looks at, so that a test can hold them against the service's own shapes.

A path is written as the members are called: ``ScalingConfig.desiredSize``; ``[]`` after a list means any of its elements,
``{Key=deletion_protection.enabled}`` those of them that say so. A live path may begin with the name of a reading and ``/``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

Request = Mapping[str, Any]
Live = Mapping[str, Any]
"""By the reading's name ("" for the first): what stands; None where it is certainly absent; missing where it was not read."""

OFF: Final = frozenset(
    {"DISABLED", "DISABLE", "INACTIVE", "SUSPENDED", "OFF", "PAUSED", "FALSE", "NONE", "STOPPED"}
)
ON: Final = frozenset({"ENABLED", "ENABLE", "ACTIVE", "ON", "TRUE"})

_PART: Final = re.compile(r"([^.{\[]+)(?:\{([^=]+)=([^}]*)\})?(\[\])?(?:\.|$)")


@cache
def _parts(path: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, key or "", wanted or "") for name, key, wanted, _ in _PART.findall(path))


def values(root: Any, path: str) -> list[Any]:
    """What stands at a path, every element of the lists on the way; what is not there is not in it."""
    found = [root]
    for name, key, wanted in _parts(path):
        nearer = [item[name] for item in found if isinstance(item, Mapping) and item.get(name) is not None]
        found = []
        for value in nearer:
            if isinstance(value, list):
                found += [
                    item
                    for item in value
                    if not key or (isinstance(item, Mapping) and item.get(key) == wanted)
                ]
            else:
                found.append(value)
    return found


def standing(live: Live, path: str) -> list[Any] | None:
    """What stands at a live path; empty where the resource is absent, None where it was not read."""
    reading, slash, inner = path.partition("/")
    name, inner = (reading, inner) if slash else ("", path)
    if name not in live:
        return None
    return values(live[name], inner) if inner else [live[name]]


def _reading(path: str) -> str:
    head, slash, _ = path.partition("/")
    return head if slash else ""


def is_off(value: Any) -> bool:
    """Whether this is one of the ways in which services say no."""
    if isinstance(value, Mapping):
        return len(value) == 1 and all(map(is_off, value.values()))
    if isinstance(value, (bool, int)):
        return value == 0  # in a question or a template somebody may write a flag as a number
    return isinstance(value, str) and value.upper() in OFF


def is_on(value: Any) -> bool:
    """Whether this is one of the ways in which services say yes."""
    if isinstance(value, Mapping):
        return len(value) == 1 and all(map(is_on, value.values()))
    return value is True or (isinstance(value, str) and value.upper() in ON)


def number(value: Any) -> float | None:
    """The number that a value is, also where a service writes numbers as text."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Condition:
    """A question with the paths it looks at."""

    holds: Callable[[Request, Live], bool | None]
    given: frozenset[str] = frozenset()
    live: frozenset[str] = frozenset()

    def __and__(self, other: Condition) -> Condition:
        def both(request: Request, live: Live) -> bool | None:
            first = self.holds(request, live)
            if first is False:
                return False
            second = other.holds(request, live)
            return False if second is False else None if first is None or second is None else True

        return Condition(both, self.given | other.given, self.live | other.live)

    def __or__(self, other: Condition) -> Condition:
        def either(request: Request, live: Live) -> bool | None:
            first = self.holds(request, live)
            if first:
                return True
            second = other.holds(request, live)
            return True if second else None if first is None or second is None else False

        return Condition(either, self.given | other.given, self.live | other.live)

    def __invert__(self) -> Condition:
        def negated(request: Request, live: Live) -> bool | None:
            found = self.holds(request, live)
            return None if found is None else not found

        return Condition(negated, self.given, self.live)


ALWAYS: Final = Condition(lambda _request, _live: True)


def given(*paths: str) -> Condition:
    """One of these is in the request, and not empty."""
    return Condition(
        lambda request, _live: any(
            value not in ("", [], {}) for path in paths for value in values(request, path)
        ),
        frozenset(paths),
    )


def says(path: str, *words: Any) -> Condition:
    """The request says one of these words there; text is compared without regard to case."""
    wanted = _folded(words)
    return Condition(
        lambda request, _live: any(_fold(value) in wanted for value in values(request, path)),
        frozenset({path}),
    )


def stands(path: str, *words: Any) -> Condition:
    """What stands there is one of these words; without words: something stands there."""
    wanted = _folded(words)

    def test(_request: Request, live: Live) -> bool | None:
        found = standing(live, path)
        if found is None:
            return None
        return any((_fold(value) in wanted) if wanted else value not in ("", [], {}, None) for value in found)

    return Condition(test, frozenset(), frozenset({path}))


def off(path: str, live: str | None = None) -> Condition:
    """Switched off by the request; no where it is known to be off already. What was not read counts as on."""
    return _switched(path, path if live is None else live, is_off)


def on(path: str, live: str | None = None) -> Condition:
    """Switched on by the request; no where it is known to be on already."""
    return _switched(path, path if live is None else live, is_on)


def _switched(path: str, live: str, switched: Callable[[Any], bool]) -> Condition:
    def test(request: Request, now: Live) -> bool | None:
        if not any(switched(value) for value in values(request, path)):
            return False
        found = standing(now, live) if live else None
        return not (found and all(switched(value) for value in found))

    return Condition(test, frozenset({path}), frozenset({live} if live else ()))


def becomes(path: str, *words: Any) -> Condition:
    """The request says one of these words there, and that is not known to stand already."""
    wanted = _folded(words)
    return _switched(path, path, lambda value: _fold(value) in wanted)


def unread(path: str) -> Condition:
    """What stands at this live path was not read."""
    return Condition(lambda _request, live: standing(live, path) is None, frozenset(), frozenset({path}))


def zero(*paths: str, live: str | None = None) -> Condition:
    """Nothing is left: one of these is set to 0, and what stands (at `live`, or at the same path) is not 0 already."""

    def test(request: Request, now: Live) -> bool | None:
        for path in paths:
            if any(number(value) == 0 for value in values(request, path)):
                found = standing(now, live or path) if live != "" else None
                if not (found and all(number(value) == 0 for value in found)):
                    return True
        return False

    return Condition(test, frozenset(paths), frozenset([live] if live else [] if live == "" else paths))


def lower(path: str, live: str | None = None, *, least: float | None = None) -> Condition:
    """Less than what stands; None where that was not read, unless the request asks for no more than `least`: there is little below it."""
    less = _compared(path, path if live is None else live, lambda wanted, now: wanted < now)
    if least is None:
        return less

    def test(request: Request, now: Live) -> bool | None:
        found = less.holds(request, now)
        asked = [wanted for value in values(request, path) if (wanted := number(value)) is not None]
        return True if found is None and min(asked) <= least else found

    return Condition(test, less.given, less.live)


def higher(path: str, live: str | None = None) -> Condition:
    """More than what stands; None where that was not read."""
    return _compared(path, path if live is None else live, lambda wanted, now: wanted > now)


def below(path: str, least: float) -> Condition:
    """The request sets less than this, whatever stands."""
    return Condition(
        lambda request, _live: any(
            (found := number(value)) is not None and found < least for value in values(request, path)
        ),
        frozenset({path}),
    )


def short(path: str, most: float) -> Condition:
    """The request sets no more than this, and something: a number below zero says that there is no limit."""
    return Condition(
        lambda request, _live: any(
            (found := number(value)) is not None and 0 <= found <= most for value in values(request, path)
        ),
        frozenset({path}),
    )


def at_least(path: str, least: float) -> Condition:
    """The request sets this much or more."""
    return Condition(
        lambda request, _live: any(
            (found := number(value)) is not None and found >= least for value in values(request, path)
        ),
        frozenset({path}),
    )


def some(path: str) -> Condition:
    """The request sets a number above zero."""
    return at_least(path, 1)


def has(path: str) -> Condition:
    """The request says something there, were it an empty structure."""
    return Condition(lambda request, _live: bool(values(request, path)), frozenset({path}))


def anywhere(path: str, name: str, *words: str) -> Condition:
    """Under one of the keys of a map, a member of this name says one of these words."""
    wanted = _folded(words)
    return Condition(
        lambda request, _live: any(
            _fold(inner.get(name)) in wanted
            for held in values(request, path)
            if isinstance(held, Mapping)
            for inner in held.values()
            if isinstance(inner, Mapping)
        ),
        frozenset({path}),
    )


def _compared(path: str, live: str, test: Callable[[float, float], bool]) -> Condition:
    def compared(request: Request, now: Live) -> bool | None:
        wanted = [found for value in values(request, path) if (found := number(value)) is not None]
        if not wanted:
            return False
        stood = standing(now, live)
        if stood is None:
            return None
        numbers = [found for value in stood if (found := number(value)) is not None]
        return any(test(one, other) for one in wanted for other in numbers)

    return Condition(compared, frozenset({path}), frozenset({live}))


def changed(path: str, live: str | None = None, *, unread: bool | None = True) -> Condition:
    """The request sets another value than stands; `unread` is the answer where that is not known."""
    where = path if live is None else live

    def test(request: Request, now: Live) -> bool | None:
        wanted = values(request, path)
        if not wanted:
            return False
        stood = standing(now, where)
        if stood is None:
            return unread
        if now[_reading(where)] is None:
            return False  # nothing stands: what is made new changes nothing
        return sorted(map(meant, wanted)) != sorted(map(meant, stood))

    return Condition(test, frozenset({path}), frozenset({where}))


def drops(path: str, live: str, *, if_missing: bool = False, unread: bool | None = None) -> Condition:
    """The request replaces a whole list or document, and something of what stands is not in it. Paths end at what names an
    element. With `if_missing` leaving the list out drops it too; `unread` is the answer where what stands is not known.
    """

    def test(request: Request, now: Live) -> bool | None:
        head = path.partition("[]")[0].partition("{")[0]
        if not if_missing and _top(request, head) is None:
            return False
        stood = standing(now, live)
        if stood is None:
            return unread
        return bool(set(map(meant, stood)) - set(map(meant, values(request, path))))

    return Condition(test, frozenset({path}), frozenset({live}))


def keys_dropped(path: str, live: str) -> Condition:
    """The request replaces a whole map, and a key of what stands is not in it; what was not read counts as dropped."""

    def test(request: Request, now: Live) -> bool | None:
        wanted = values(request, path)
        if not wanted:
            return False
        stood = standing(now, live)
        if stood is None:
            return True
        return bool(_keys(stood) - _keys(wanted))

    return Condition(test, frozenset({path}), frozenset({live}))


def _keys(maps: list[Any]) -> set[str]:
    return {key for one in maps if isinstance(one, Mapping) for key in one}


_CLASS: Final = re.compile(
    r"(?:(\d+)x?large|(xlarge)|(large)|(medium)|(small)|(micro)|(nano))(?:\.|$)", re.IGNORECASE
)


def _size(value: Any) -> float | None:
    """How large a class of machines is, in quarters of its `large`; None where its name does not say."""
    found = _CLASS.search(str(value))
    if found is None:
        return None
    if found[1]:
        return 8.0 * int(found[1])
    return next(
        size for size, group in zip((8.0, 4.0, 2.0, 1.0, 0.5, 0.25), found.groups()[1:], strict=True) if group
    )


def smaller(path: str, live: str) -> Condition:
    """The request asks for a class of machines of a smaller size than stands; None where what stands was not read, or a name says no size."""

    def test(request: Request, now: Live) -> bool | None:
        wanted = values(request, path)
        if not wanted:
            return False
        stood = standing(now, live)
        sizes = [(_size(one), _size(other)) for one in wanted for other in stood or ()]
        if not sizes or any(one is None or other is None for one, other in sizes):
            return None
        return any((one or 0) < (other or 0) for one, other in sizes)

    return Condition(test, frozenset({path}), frozenset({live}))


def _top(request: Request, head: str) -> Any:
    value: Any = request
    for name in head.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def nobody_uses(live: Live) -> bool:
    """Whether it was read who uses it (the reading ``users``), and nobody does."""
    found = live.get("users")
    return isinstance(found, Mapping) and found.get("NetworkInterfaces") == []


def like(path: str, pattern: str) -> Condition:
    """Text in the request matches this pattern somewhere."""
    compiled = re.compile(pattern)
    return Condition(
        lambda request, _live: any(compiled.search(str(value)) for value in values(request, path)),
        frozenset({path}),
    )


def check(
    test: Callable[[Request, Live], bool | None], *, given: tuple[str, ...], live: tuple[str, ...] = ()
) -> Condition:
    """A question that needs code; the paths it looks at are said beside it."""
    return Condition(test, frozenset(given), frozenset(live))


def meant(value: Any) -> str:
    """A value as text that is equal where the meaning is: keys in order, documents parsed."""
    plain: Any = value
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            plain = json.loads(value)
        except ValueError:
            return value
    if isinstance(plain, (dict, list)):
        return json.dumps(plain, sort_keys=True, default=str)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fold(value: Any) -> Any:
    return (
        value.upper() if isinstance(value, str) else value if isinstance(value, (bool, int, float)) else None
    )


def _folded(words: tuple[Any, ...]) -> frozenset[Any]:
    return frozenset(_fold(word) for word in words)
