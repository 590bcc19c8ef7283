"""What of a rehearsal holds live: which ids the twin made up, and what has to stand before each step is made.

A fingerprint is over all declared fields, and a copy is not equal to its original in every one of them (a stand-in fills in less than
AWS does). So what stands live is compared with what stood live, and of what the twin showed only the difference that a step made is
carried over: what is expected before a step is what stood when it was copied, with every earlier step's difference on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.model.change import Binding, Operation, Request
from keyturn.model.rehearsal import Made, Record, States

MADE_UP: Final = re.compile(
    r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a UUID
    r"|\b[a-z]{1,20}(?:-[a-z]{1,20}){0,3}-[0-9a-f]{8,17}\b"  # EC2's and their like
    r"|\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{10,40}\b"  # IAM's, Route 53's
    r"|\b(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{8,64}\b"  # API Gateway's
    r"|\b(?=[a-zA-Z]*\d)[a-z]{2}-[a-z]+-\d_[0-9A-Za-z]{6,40}\b"  # Cognito's
)
"""What looks like an id that a service gives, and no person."""


class Ids:
    """Who said which id first, in the order of what was said: the account, the command, or an answer of the twin."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._made: dict[str, tuple[int, str] | None] = {}

    def stands(self, text: str) -> None:
        """What is said here stands live."""
        self._known.update(MADE_UP.findall(text))

    def named(self, text: str) -> None:
        """The command asked for this; where the twin did not say it first, it is the command's own."""
        self._known.update(one for one in MADE_UP.findall(text) if one not in self._made)

    def answered(self, text: str) -> None:
        """The twin answered a read, or a call that is no step, with this."""
        for one in MADE_UP.findall(text):
            if one not in self._known:
                self._made.setdefault(one, None)

    def step(self, number: int, answer: Any) -> None:
        """Step `number` was answered this."""
        leaves = sorted(_leaves(answer), key=lambda leaf: len(leaf[1]))  # alone, before inside of an ARN
        for path, text in leaves:
            for one in MADE_UP.findall(text):
                if one not in self._known and self._made.get(one) is None:
                    self._made[one] = (number, path)

    def own(self, number: int, ids: Iterable[str]) -> tuple[Binding, ...]:
        """The ids that step `number` gave to what it made: live, they are known when it was answered."""
        found = ((one, self._made.get(one)) for text in ids for one in MADE_UP.findall(text))
        return tuple(
            Binding(step=number, value=one, by=number, output=source[1])
            for one, source in found
            if source is not None and source[0] == number
        )

    def asked(self, number: int, parameters: Any) -> tuple[tuple[Binding, ...], tuple[str, ...]]:
        """What step `number` names that the twin made up: by which answer it is known, and what is known by none."""
        bindings: dict[str, Binding] = {}
        unbound: dict[str, None] = {}
        for _, text in _leaves(parameters):
            for one in MADE_UP.findall(text):
                if one not in self._made:
                    self._known.add(one)
                    continue
                source = self._made[one]
                if source is None:
                    unbound[one] = None
                else:
                    bindings[one] = Binding(step=number, value=one, by=source[0], output=source[1])
        return tuple(bindings.values()), tuple(unbound)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{place}" if path else str(place))


def taken(binding: Binding, rehearsed: Any, live: Any) -> str:
    """The live id for `binding`, from the answers that the step it comes from had in the twin and live; empty where it is not in there."""
    stood, stands = dict(_leaves(rehearsed)).get(binding.output), dict(_leaves(live)).get(binding.output)
    if stood is None or stands is None:
        return ""
    before, found, after = stood.partition(binding.value)
    if not found or not stands.startswith(before) or not stands.endswith(after):
        return ""
    return stands[len(before) : len(stands) - len(after)]


def renamed(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with every id of the twin's as the live one, wherever it stands in a text."""
    if not ids:
        return value
    if isinstance(value, str):
        return MADE_UP.sub(lambda found: ids.get(found.group(), found.group()), value)
    if isinstance(value, Mapping):
        return {renamed(name, ids): renamed(inner, ids) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [renamed(inner, ids) for inner in value]
    return value


def bound(operation: Operation, ids: Mapping[str, str]) -> Operation:
    """The operation with the live ids."""
    resources = tuple(
        msgspec.structs.replace(ref, id=str(renamed(ref.id, ids))) for ref in operation.resources
    )
    return msgspec.structs.replace(
        operation, parameters=renamed(operation.parameters, ids), resources=resources
    )


def bound_request(record: Record, step: int) -> Request:
    """The request whose answer is read: its ids do not matter for that."""
    return record.steps[step].request


def renamed_record(record: Record, ids: Mapping[str, str]) -> Record:
    """The record with the names of resources as they are live; what stood of them stays as it was."""
    if not ids:
        return record
    refs = {
        str(renamed(name, ids)): msgspec.structs.replace(ref, id=str(renamed(ref.id, ids)))
        for name, ref in record.refs.items()
    }
    steps = tuple(
        msgspec.structs.replace(
            made,
            before={str(renamed(name, ids)): state for name, state in made.before.items()},
            after={str(renamed(name, ids)): state for name, state in made.after.items()},
        )
        for made in record.steps
    )
    return Record(record.base, refs, steps)


def expected(record: Record, step: int, ids: Mapping[str, str]) -> States:
    """What has to stand before `step` (from 0), of all that the plan is about; ids are those that are known by now."""
    states: States = dict(record.base)
    for made in record.steps[:step]:
        carry(states, made)
    return {renamed(name, ids): renamed(state, ids) for name, state in states.items()}


def carry(states: States, made: Made) -> None:
    """Put the difference that a step made in the twin on what stands live."""
    for name in {*made.before, *made.after}:
        before, after, stands = made.before.get(name), made.after.get(name), states.get(name)
        if name not in made.before or name not in made.after:
            states.pop(name, None)  # it could not be read there: nothing is expected of it
        elif after is None:
            states[name] = None
        elif before is None or stands is None:
            states[name] = after
        else:
            states[name] = moved(stands, before, after)


def moved(stands: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """`stands` with what is otherwise in `after` than in `before`; of maps, member by member."""
    made = dict(stands)
    for name in {*before, *after}:
        was, now, is_now = before.get(name), after.get(name), stands.get(name)
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict) and isinstance(is_now, dict):
            made[name] = moved(is_now, was, now)
        elif name in after:
            made[name] = now
        else:
            made.pop(name, None)
    return made


def about(made: Iterable[Made]) -> tuple[str, ...]:
    """Every resource that the steps are about, by name."""
    return tuple(dict.fromkeys(name for one in made for name in (*one.before, *one.after)))
