"""Every row speaks where it must and is silent where it must not: three requests of each kind at least, a line a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from keyturn.model.assessment import Finding
from keyturn.providers.aws.rules import REGISTRY, Context
from keyturn.providers.aws.rules.conditions import ALWAYS
from keyturn.providers.aws.rules.table import READS, ROWS
from tests.provider.provider_world import operation

TABLE: Final = Path(__file__).parent / "corpus" / "row_cases.txt"
BY_CODE: Final = {row.code: row for row in ROWS}
RULES: Final = {rule.code: rule for rule in REGISTRY}


class Line(NamedTuple):
    """One request of a row, as it stands in the table."""

    text: str
    name: str
    parameters: dict[str, Any]
    live: dict[str, Any]


def read(code: str, text: str, mark: str) -> Line:
    """A request: another operation than the first, its members, what stands. A row without a condition is silent on others' alone."""
    row, asked = BY_CODE[code], text.strip()
    name = row.operations[0]
    if asked.startswith("op="):
        other, _, asked = asked.removeprefix("op=").partition(" ")
        name = other if ":" in other else f"{name.partition(':')[0]}:{other}"
    beside = mark == "--" and row.when is ALWAYS
    assert beside is (name not in row.operations), f"{code}, {mark}: {name}"
    given, _, live = asked.partition(" @ ")
    return Line(text, name, _members(given), _standing(live))


def _members(text: str) -> dict[str, Any]:
    made: dict[str, Any] = (
        {} if text.strip() == "." else yaml.safe_load(text if text.strip().startswith("{") else f"{{{text}}}")
    )
    return made


def _standing(text: str) -> dict[str, Any]:
    if not text:
        return {}
    named = re.fullmatch(r"(users|images|members|task|stack): (.+)", text.strip())
    name, inner = (named[1], named[2]) if named else ("", text.strip())
    return {name: None if inner == "~" else _members(inner)}


def lines(code: str, mark: str) -> Iterator[Line]:
    """The requests of a row that are marked so."""
    for part in re.split(r" (?=(?:\+\+|--) )", CASES[code]):
        if part.strip().startswith(mark):
            yield read(code, part.strip().removeprefix(mark).strip(), mark)


CASES: Final = {
    line.split(" ", 1)[0]: " " + line.split(" ", 1)[1]
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}


def ask(code: str, line: Line) -> Finding | None:
    if line.name not in RULES[code].operations:
        return None  # it is never asked of it
    asked = operation(line.name, line.parameters)
    return RULES[code].ask(Context(asked, line.parameters, {}, live=line.live))


@pytest.mark.parametrize("code", sorted(CASES))
def test_a_row_speaks_where_it_must_and_only_there(code: str) -> None:
    """Three of each, as near to each other as can be: a row that always speaks says nothing, one that never does guards nothing."""
    speaks, silent = list(lines(code, "++")), list(lines(code, "--"))
    assert len(speaks) >= 3
    assert len(silent) >= 3
    for line in speaks:
        found = ask(code, line)
        assert found is not None, f"{code} is silent on {line.text}"
        assert found.code == code, f"{code} fails on {line.text}: {found.message}"
        assert found.message.endswith(".")
    for line in silent:
        assert ask(code, line) is None, f"{code} speaks on {line.text}"


def test_every_row_has_its_line() -> None:
    """A row without a line is a row nobody has seen work."""
    assert sorted(CASES) == sorted(BY_CODE)


@pytest.mark.parametrize("code", sorted(row.code for row in ROWS if row.when is ALWAYS))
def test_a_row_without_a_condition_speaks_of_its_operations_and_of_no_other(code: str) -> None:
    """Read, absent or not read: what such an operation does, it does."""
    row = BY_CODE[code]
    for name in row.operations:
        readings: list[dict[str, Any]] = [{}, {"": None}, {"": {}}]
        for live in readings:
            found = ask(code, Line(name, name, {}, live))
            assert found is not None
            assert found.code == code
    assert all(
        code not in {rule.code for rule in REGISTRY if other in rule.operations}
        for other in ("sts:GetCallerIdentity", "s3:ListBuckets")
    )


def test_at_least_150_operations_have_rules_with_parsed_conditions() -> None:
    """A name is not enough for these: what they do hangs on the request and on what stands."""
    assert len({name for row in ROWS if row.when is not ALWAYS for name in row.operations}) >= 300
    assert len([name for name, reads in READS.items() if reads]) >= 150
