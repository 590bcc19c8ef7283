"""What stands, read for the rows that judge an operation: the answers of the calls that `rules.table.READS` names.

What the service says is not there is certainly absent (None); whatever else keeps an answer away is an unknown. An approval
binds to the values that the rows look at, not to the whole answer: a counter that ticks in it voids nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.canonical import canonical, digest
from keyturn.model.change import Operation
from keyturn.model.execution import Answer, Call, Refused, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import Step
from keyturn.providers.aws.rules import REGISTRY, by_operation
from keyturn.providers.aws.rules.conditions import standing, values
from keyturn.providers.aws.rules.shapes import APPENDS
from keyturn.providers.aws.rules.table import BOUND, READS, ROWS, Read, Row

ABSENT: Final = re.compile(
    r"(?i)notfound|nosuch|doesnotexist|nonexist|unknownresource|\.notfound$|invalidinstanceid\."
)
"""Error codes by which services say that there is no such thing."""

_CONTROLS: Final = re.compile(
    r"(?i)^(applyimmediately|clienttoken|clientrequesttoken|idempotencytoken|dryrun|force|forcenewdeployment|revisionid|"
    r"honorcooldown|allowmajorversionupgrade|locktoken|ifmatch|currentversion)$"
)
"""Members that say how to go about it, and set nothing."""


class Reading(msgspec.Struct, frozen=True):
    """What was read for one operation: by the reading's name what stands; what could not be read; the digest of it."""

    live: dict[str, Any] = {}
    unknowns: tuple[str, ...] = ()
    digest: str = ""
    asked: bool = False  # there was something to read

    @property
    def whole(self) -> bool:
        """All that was to be read was read."""
        return self.asked and not self.unknowns


def calls_for(operation: Operation) -> dict[str, tuple[Read, Call | None]]:
    """What has to be read for an operation, by the reading's name; without a call where the request does not say of what."""
    found: dict[str, tuple[Read, Call | None]] = {}
    ref = operation.resources[0]
    for name, read in READS.get(operation.name, {}).items():
        given = read.parameters(operation.parameters)
        call = None
        if given is not None and "$sealed" not in str(given):
            call = Call(read.operation, given, ref.account, ref.region, partition=ref.partition)
        found[name] = (read, call)
    return found


def read(operations: Sequence[Operation]) -> Inquiry[list[Reading]]:
    """Everything in one round; what several operations ask alike is asked once."""
    wanted = [calls_for(operation) for operation in operations]
    calls = {canonical(call): call for one in wanted for _, call in one.values() if call is not None}
    if not calls:
        return [_reading(operation, one, {}) for operation, one in zip(operations, wanted, strict=True)]
    answers = yield tuple(calls.values())
    told = dict(zip(calls, answers, strict=True))
    return [_reading(operation, one, told) for operation, one in zip(operations, wanted, strict=True)]


def _reading(
    operation: Operation, wanted: Mapping[str, tuple[Read, Call | None]], told: Mapping[Any, Answer]
) -> Reading:
    live: dict[str, Any] = {}
    unknowns: list[str] = []
    for name, (one, call) in wanted.items():
        if call is None and name:
            continue  # beside the first it is read only where the request is about it
        answer = (
            told[canonical(call)] if call is not None else Unavailable("the request does not say of what")
        )
        match answer:
            case Succeeded():
                live[name] = _by_name(taken(answer.value, one.take), call)
            case Refused() if ABSENT.search(answer.code):
                live[name] = None
            case Refused():
                unknowns.append(f"{operation.resources[0]}: {one.operation}: {answer.code}")
            case Unavailable():
                unknowns.append(f"{operation.resources[0]}: {one.operation}: {answer.why}")
    looked = sorted(
        {path for row in _rows(operation.name) for path in row.when.live}
        | BOUND.get(operation.name, frozenset())
    )
    seen = {path: standing(live, path) for path in looked}
    return Reading(live, tuple(unknowns), digest(_plain(seen)) if wanted else "", asked=bool(wanted))


def _rows(name: str) -> list[Row]:
    return _every().get(name, [])


@cache
def _every() -> dict[str, list[Row]]:
    return by_operation(ROWS)


def _plain(value: Any) -> Any:
    """JSON-able: times as text."""
    return msgspec.to_builtins(value, enc_hook=str)


def taken(answer: Mapping[str, Any], take: str) -> Any:
    """The part of an answer that is meant; None where a list that should hold it is empty."""
    if not take:
        return dict(answer)
    found = values(answer, take.removesuffix("[0]"))
    return found[0] if found else None


def _by_name(found: Any, call: Call | None) -> Any:
    """What was asked for by a prefix, where it bears that very name (lists are in the order of names); else there is none."""
    for name, value in call.parameters.items() if call is not None and isinstance(found, Mapping) else ():
        if name.endswith("Prefix") and found.get(name.removesuffix("Prefix"), value) != value:
            return None
    return found


def key(operation: Operation) -> str:
    """Under which name the first reading of an operation stands among the captures."""
    return f"live {operation.name}/{digest(operation.parameters)[:16]}"


def put_back(operation: Operation, live: Mapping[str, Any]) -> Step | None:
    """The same call with the values that stood, where it sets nothing that was not read; None where that is not so."""
    stood = live.get("")
    if not isinstance(stood, Mapping) or operation.name not in READS:
        return None
    names = {_head(source) for source in _sources(READS[operation.name][""].give)}
    given = dict(operation.parameters)
    earlier: dict[str, Any] = {}
    for name, value in given.items():
        if name in names or _CONTROLS.match(name):
            continue
        before = stood.get(name)
        if before is None or type(before) is not type(value) or "$sealed" in str(value):
            return None
        if isinstance(value, dict) and not set(value) <= set(before):
            return None
        earlier[name] = {inner: before[inner] for inner in value} if isinstance(value, dict) else before
    if not earlier:
        return None
    return Step(
        operation.name,
        {**{name: given[name] for name in given if name in names}, **_plain(earlier)},
        "as it stood before",
    )


def _sources(give: Any) -> list[str]:
    if isinstance(give, dict):
        return [source for inner in give.values() for source in _sources(inner)]
    if isinstance(give, list):
        return [source for inner in give for source in _sources(inner)]
    return [give] if isinstance(give, str) else []


def _head(source: str) -> str:
    return source.partition(".")[0].removesuffix("[]")


__all__ = ["APPENDS", "REGISTRY", "Reading", "calls_for", "key", "put_back", "read", "taken"]
