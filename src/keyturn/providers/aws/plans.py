"""From which parameters the resource of an operation is named, how its ARN is written, and what it is a member of.

Generated (`make catalogue`) for everything that changes something, from the Service Authorization Reference and botocore's
shapes. The services that Keyturn knows by hand come before this (`resources`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

NAMES_MAX: Final = 50
"""More names than this in one list stand for the account: a change about more is judged as one about all."""


class Named(msgspec.Struct, frozen=True):
    """One resource as a plan names it: an ARN, or an id and its kind. `made_in`: it is the parent of what will be made."""

    text: str
    kind: str = ""  # "" when `text` is an ARN
    made_in: bool = False


@cache
def _load() -> dict[str, Any]:
    data = files("keyturn.providers.aws.catalogue").joinpath("resources.bin").read_bytes()
    return dict(msgspec.json.decode(zlib.decompress(data)))


def known(service: str, operation: str) -> str:
    """How the resource is named: ``arn``, ``form``, ``id``, ``parent``, ``account`` (on purpose), or "" when it is not known."""
    plan = _load()["plans"].get(service, {}).get(operation) or ["u"]
    how = plan[1][-1][0] if plan[0] == "o" else plan[0]
    return {"a": "arn", "t": "form", "i": "id", "p": "parent", "n": "account", "e": "entries"}.get(how, "")


def by_name_only(service: str, operation: str) -> bool:
    """Whether the resource is named by its owner's name where its ARN has an id of the service's: there is no telling the ARN."""
    plan = _load()["plans"].get(service, {}).get(operation) or ["u"]
    return plan[-1] == 1 and "i" in plan[:2]


_MAKES: Final = re.compile(r"(?:Create|Run|Register|Allocate|Import)(?P<noun>.+?)s?")
_ENDS: Final = re.compile(r"(?:Delete|Terminate|Deregister|Release)(?P<noun>.+?)s?")


@cache
def numbered(service: str, operation: str) -> bool:
    """Whether what it makes or ends is known by an id that the service gives: its create says at most a name, which no delete takes."""
    own = _MAKES.fullmatch(operation) or _ENDS.fullmatch(operation)
    if own is None:
        return False
    made, ended = (_by_noun(service, form).get(own["noun"], []) for form in (_MAKES, _ENDS))
    return any(by_name_only(service, name) for name in made) and not any(
        by_name_only(service, name) for name in ended
    )


@cache
def _by_noun(service: str, form: re.Pattern[str]) -> dict[str, list[str]]:
    """The operations of this form, by what they make or end."""
    found: dict[str, list[str]] = {}
    for name in _load()["plans"].get(service, {}):
        if own := form.fullmatch(name):
            found.setdefault(own["noun"], []).append(name)
    return found


def named(
    service: str, operation: str, parameters: Mapping[str, Any], places: Mapping[str, str]
) -> tuple[Named, ...]:
    """What the plan names; empty when a parameter that it needs is not there. `places`: Partition, Region, Account."""
    plan = _load()["plans"].get(service, {}).get(operation)
    if plan is None or plan[0] in {"n", "u"}:
        return ()
    made_in = plan[0] == "p"
    found = tuple(_named(plan[1:] if made_in else plan, parameters, places, made_in=made_in))
    return found if len(found) <= NAMES_MAX else ()


def within(
    service: str, operation: str, parameters: Mapping[str, Any], places: Mapping[str, str]
) -> tuple[str, ...]:
    """The ARN of what it is made in or belongs to, for what has no ARN of its own that a request tells; empty where none is known."""
    plan = _load()["within"].get(service, {}).get(operation)
    return tuple(one.text for one in _named(plan, parameters, places, made_in=True)) if plan else ()


def _named(
    plan: list[Any], parameters: Mapping[str, Any], places: Mapping[str, str], *, made_in: bool
) -> Iterator[Named]:
    if plan[0] == "e":
        for path, each in plan[1]:
            for entry in _entries(parameters, path):
                yield from _named(each, entry, places, made_in=made_in)
        return
    if plan[0] == "o":
        several = (tuple(_named(each, parameters, places, made_in=made_in)) for each in plan[1])
        yield from next(filter(None, several), ())
        return
    if plan[0] == "a":
        yield from (
            Named(text, "", made_in) for text in _texts(parameters, plan[1]) if text.startswith("arn:")
        )
        return
    if plan[0] == "i":
        yield from (
            Named(text, "" if text.startswith("arn:") else plan[2], made_in)
            for text in _texts(parameters, plan[1])
        )
        return
    yield from (Named(text, "", made_in) for text in _filled(plan, parameters, places))


def _filled(plan: list[Any], parameters: Mapping[str, Any], places: Mapping[str, str]) -> Iterator[str]:
    """The form with its variables filled; of a list in the last variable one each. A value that is an ARN already stands."""
    given = {variable: _texts(parameters, path) for variable, path in plan[2].items()}
    if not all(given.values()):
        return
    *outer, last = given
    for text in given[last]:
        if text.startswith("arn:"):
            yield text
            continue
        arn = _load()["forms"][plan[1]]
        for variable in outer:
            arn = arn.replace(f"${{{variable}}}", _short(given[variable][0]))
        arn = arn.replace(f"${{{last}}}", text)
        yield placed(arn, places)


def placed(arn: str, places: Mapping[str, str]) -> str:
    """The form with partition, region and account in it; the reference spells the last in three ways."""
    for place, value in places.items():
        arn = arn.replace(f"${{{place}}}", value)
    account = places.get("Account", "")
    return arn.replace("${AccountId}", account).replace("${AccountID}", account)


def _short(text: str) -> str:
    """The name in an ARN that stands where a name is meant, such as a cluster given by its ARN."""
    return text.rpartition("/")[2] if text.startswith("arn:") else text


def _texts(parameters: Mapping[str, Any], path: str) -> list[str]:
    value: Any = parameters
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return [value] if value else []
    return [item for item in value if isinstance(item, str) and item] if isinstance(value, list) else []


def _entries(parameters: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The structures of a list, or the one that stands there."""
    value = parameters.get(name) if name else parameters
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping))


def prefix(kind: str) -> str | None:
    """``service:region:account:`` and what stands before the id in an ARN of this kind, with ``${Region}`` and ``${Account}``."""
    found = _load()["kinds"].get(kind)
    return None if found is None else str(found)


@cache
def _tail(kind: str) -> re.Pattern[str] | None:
    """What an id of this kind looks like, where it has several parts in every form of its ARN."""
    found = _load()["tails"].get(kind)
    return re.compile("|".join(re.escape(one).replace(r"\*", ".+") for one in found)) if found else None


def whole(kind: str, name: str) -> bool:
    """Whether an id has all that stands in an ARN of its kind: a snapshot without its cluster, a broker without its id have not."""
    tail = _tail(kind)
    return tail is None or tail.fullmatch(name) is not None


def parent(kind: str) -> tuple[str, int] | None:
    """The kind that this one is a member of, and how many parts of its id name that; None where it stands by itself."""
    found = _load()["parents"].get(kind)
    return (found[0], found[1]) if found else None
