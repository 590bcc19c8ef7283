"""Facts of live state that come along with a question: answers to the calls that the assessment would make.

``{"rds:DescribeDBInstances": {...the response...}}`` answers that call whatever its parameters; a list of
``{"operation", "parameters", "response"}`` answers calls that have at least these parameters. ``{"error": "ResourceNotFoundException"}``
in place of a response is the service's refusal. A call that nothing answers is unavailable: unknown, never absent.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from keyturn.model.execution import Answer, Call, Refused, Succeeded, Unavailable

NOT_GIVEN: Final = "it is not among the facts that came along"


class _Given(msgspec.Struct, frozen=True):
    operation: str  # "rds:describedbinstances", or without its service
    parameters: dict[str, Any]
    answer: Answer


class Live:
    """The answers of one question."""

    def __init__(self, given: Any = None) -> None:
        self._given = tuple(_read(given))

    def __bool__(self) -> bool:
        return bool(self._given)

    def __call__(self, call: Call) -> Answer:
        """The first answer that fits, those with parameters before those without."""
        service, _, name = call.operation.lower().partition(":")
        fitting = [
            one
            for one in self._given
            if one.operation in {f"{service}:{name}", name} and _fits(one.parameters, call.parameters)
        ]
        if not fitting:
            return Unavailable(NOT_GIVEN)
        return max(fitting, key=lambda one: len(one.parameters)).answer


def _fits(wanted: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Whether the call has at least these parameters."""
    return all(name in asked and asked[name] == value for name, value in wanted.items())


def _read(given: Any) -> list[_Given]:
    if isinstance(given, dict):
        return [
            one
            for key, value in given.items()
            for one in (_several(str(key), value) if _is_list(value) else [_one(str(key), {}, value)])
        ]
    if isinstance(given, list):
        return [
            _one(
                str(item.get("operation", "")),
                item.get("parameters") or {},
                item.get("response", {"error": item.get("error")}),
            )
            for item in given
            if isinstance(item, dict)
        ]
    return []


def _is_list(value: Any) -> bool:
    """Several answers to one call: each has its response under that name."""
    return isinstance(value, list) and all(
        isinstance(item, dict) and ({"response", "error"} & item.keys()) for item in value
    )


def _several(key: str, values: list[dict[str, Any]]) -> list[_Given]:
    return [
        _one(key, value.get("parameters") or {}, value.get("response", {"error": value.get("error")}))
        for value in values
    ]


def _one(operation: str, parameters: dict[str, Any], response: Any) -> _Given:
    spelled = re.sub(r"[^a-z0-9:.\-]", "", operation.lower().replace("_", ""))
    service, colon, name = spelled.rpartition(":")
    return _Given(f"{service}{colon}{name.replace('-', '')}", parameters, _answer(response))


def _answer(response: Any) -> Answer:
    if not isinstance(response, dict):
        return Unavailable("the answer that came along is no object")
    error = response.get("error", response.get("Error"))
    if error is not None and len(response) <= 2:
        code = error.get("Code", "") if isinstance(error, dict) else str(error)
        return Refused(code=str(code), message=str(response.get("message", "")), status=400)
    return Succeeded({name: value for name, value in response.items() if name != "ResponseMetadata"})
