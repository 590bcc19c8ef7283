"""Every path of every row, and every call that is made to judge one, against the shapes that botocore ships."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
import pytest

from keyturn.providers.aws.rules.conditions import _parts
from keyturn.providers.aws.rules.table import READS, ROWS, Read

SESSION = botocore.session.get_session()


@cache
def model(service: str) -> Any:
    return SESSION.get_service_model(service)


@cache
def operation(name: str) -> Any:
    service, _, action = name.partition(":")
    return model(service).operation_model(action)


def missing(shape: Any, path: str) -> str:
    """The first part of a path that the shape does not have; empty where it has all of them."""
    for name, key, _ in _parts(path):
        while shape.type_name == "list":
            shape = shape.member
        if shape.type_name == "map":
            shape = shape.value
        elif shape.type_name != "structure" or name not in shape.members:
            return f"{name} of {path}"
        else:
            shape = shape.members[name]
        if key:
            inner = shape.member if shape.type_name == "list" else shape
            if key not in inner.members:
                return f"{key} of {path}"
    return ""


def result(read: Read) -> Any:
    """The shape of what a reading takes of the answer."""
    shape = operation(read.operation).output_shape
    for name, _, _ in _parts(read.take.removesuffix("[0]")):
        shape = shape.members[name]
    return shape.member if read.take.endswith("[0]") else shape


@pytest.mark.parametrize("code", sorted(row.code for row in ROWS))
def test_a_row_looks_at_members_that_there_are(code: str) -> None:
    """A typing error in a path would make a rule that never speaks. Of several operations one has to have it."""
    row = next(row for row in ROWS if row.code == code)
    for path in row.when.given:
        shapes = [operation(name).input_shape for name in row.operations]
        gaps = [missing(shape, path) if shape is not None else path for shape in shapes]
        assert not all(gaps), f"{code}: no operation takes {gaps}"
    for path in row.when.live:
        name, slash, inner = path.partition("/")
        reading, inner = (name, inner) if slash else ("", path)
        reads = [found[reading] for one in row.operations if reading in (found := READS.get(one, {}))]
        assert reads, f"{code} looks at {path}, which nothing reads"
        gaps = [missing(result(read), inner) for read in reads]
        assert not all(gaps), f"{code}: no answer holds {gaps}"


@pytest.mark.parametrize("name", sorted(READS))
def test_what_is_read_can_be_asked(name: str) -> None:
    """Its parameters are members of the reading call, all that are required are given, and come from members of the request."""
    for read in READS[name].values():
        takes = operation(read.operation).input_shape
        members = takes.members if takes is not None else {}
        assert set(read.give) <= set(members), read
        assert set(takes.required_members if takes is not None else ()) <= set(read.give), read
        for source in _paths(read.give):
            assert not missing(operation(name).input_shape, source), (name, source)
        assert result(read) is not None


def _paths(give: Any) -> list[str]:
    if isinstance(give, dict):
        return [path for inner in give.values() for path in _paths(inner)]
    if isinstance(give, list):
        return [path for inner in give for path in _paths(inner)]
    return [] if give is True or give.startswith("=") else [give]


def test_what_is_read_only_reads() -> None:
    """A reading goes out under the read-only role: nothing else may be asked."""
    from keyturn.model.change import READ_EFFECTS
    from keyturn.providers.aws import catalogue

    for reads in READS.values():
        for read in reads.values():
            service, _, action = read.operation.partition(":")
            assert catalogue.lookup(service, action).effect in READ_EFFECTS, read.operation
