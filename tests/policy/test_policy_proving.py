"""What a change of policy lets through: examples that Cedar confirms, and proofs that no request ever contradicts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyturn.model.change import Effect
from keyturn.policy import CedarEngine, load, load_sources
from keyturn.policy.proving import Difference, difference, milder
from keyturn.policy.source import Source, parse, read_pack
from keyturn.policy.symbols import Symbols
from keyturn.providers.aws import catalogue
from tests.cli.test_policy_commands import keyturn
from tests.policy.test_policy_properties import CONDITIONS, SCOPES_ACTION, SCOPES_PRINCIPAL, examples

OUTSIDE = (
    'resource.kind like "dynamodb:*"',
    "context.operations + 9223372036854775806 > 0",
    "context.operator == resource.id",
)
UNDERSTOOD = (
    *(one for one in CONDITIONS if one not in OUTSIDE and "[action]" not in one and "ticket" not in one),
    '["delete", "replace"].contains(context.effect)',
    '["note", "outage"].containsAll(context.findings)',
    'context.effects.containsAny(["delete", "permission"]) && !context.production',
    'context.codes.contains("KEYTURN001") || context.services.contains("iam")',
    'context.effects.containsAll(["update"])',
    "context.findings.isEmpty()",
    "if context.human then context.undo else context.unknowns == 0",
    'context.environment == "development" || context.environment == "production"',
    "context.reversibility < context.reversibility_drilled",
    'principal is Person && context.operator == "maria"',
    "context has effect && context.recover_known == context.drilled",
    'context.findings == ["note"]',
)  # fmt: skip
PAIRS = 500 if os.environ.get("KEYTURN_ALL") else 12
HEADS = (
    "permit",
    "permit",
    '@outcome("hold") permit',
    '@capture("required") permit',
    '@outcome("hold") @quorum("2") @breakglass("allowed") forbid',
    '@outcome("hold") @quorum("1 of security and 1 of platform") forbid',
    '@outcome("hold") @backup("required") @signed("required") @window("600") forbid',
    '@outcome("suggest") forbid',
    "forbid",
)


def _drawn(conditions: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    one = st.tuples(*map(st.sampled_from, (HEADS, SCOPES_PRINCIPAL, SCOPES_ACTION, conditions)))
    return st.lists(one.map(_text), min_size=1, max_size=2, unique=True)


def _text(parts: tuple[str, ...]) -> str:
    head, principal, action, condition = parts
    notes, _, effect = head.rpartition(" ")
    return f"{notes} {effect} ({principal}, {action}, resource) when {{ {condition} }};"


def _engine(texts: list[str]) -> CedarEngine:
    return CedarEngine(
        parse([Source("drawn", "\n".join(f'@id("p{number}") {text}' for number, text in enumerate(texts)))])
    )


def _pairs(conditions: tuple[str, ...]) -> st.SearchStrategy[tuple[list[str], list[str]]]:
    """Two sets that share some of their policies, as a set and its next version do."""
    return st.tuples(_drawn(conditions), _drawn(conditions), _drawn(conditions)).map(
        lambda three: ([*three[0], *three[1]], [*three[0], *three[2]])
    )


@given(_pairs(UNDERSTOOD), st.lists(examples, min_size=20, max_size=20))
@settings(max_examples=PAIRS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_shown_is_so_and_what_is_proved_is_never_contradicted(
    pair: tuple[list[str], list[str]], requests: list[Any]
) -> None:
    """Every example is milder by Cedar's own word; where there is none, no real request is judged more mildly."""
    old, new = map(_engine, pair)
    found = difference(old, new, catalogue.floors())
    assert (found.outside, found.unfinished) == ({}, ())
    assert [area for area in found.areas if not area.shown] == []
    for request in requests if found.proved else ():
        asked = request.build()
        assert milder(old.answer(*asked), new.answer(*asked)) == (), asked


@given(_pairs((*UNDERSTOOD[:6], *OUTSIDE)), st.lists(examples, min_size=20, max_size=20))
@settings(max_examples=PAIRS // 3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_proved_that_rests_on_what_is_not_understood(
    pair: tuple[list[str], list[str]], requests: list[Any]
) -> None:
    """Patterns, arithmetic that may overflow, two texts compared: whatever they say, a proof beside them holds."""
    old, new = map(_engine, pair)
    if difference(old, new).proved:
        for request in requests:
            asked = request.build()
            assert milder(old.answer(*asked), new.answer(*asked)) == (), asked


def test_symbols_are_true_of_every_request() -> None:
    """A constraint that a real request broke would prove what is not so: here are many requests, and none breaks one."""
    policies = load(["seatbelt", "caps", "way-back", "signed"]).policies.values()
    symbols = Symbols(policies, catalogue.floors())
    checked = 0

    @given(examples)
    @settings(max_examples=60, deadline=None)
    def holds(example: Any) -> None:
        nonlocal checked
        checked += 1
        assert symbols.allows(*example.build())

    holds()
    assert checked >= 40


def _seatbelt(old: str = "", new: str = "") -> CedarEngine:
    sources = read_pack("seatbelt")
    if old:
        assert any(old in source.text for source in sources)
    return load_sources([Source(source.name, source.text.replace(old, new)) for source in sources])


EDITS: list[tuple[str, str, str, str]] = [
    ("nothing at all", "", "", ""),
    ("a class further", "context.reversibility <= 2", "context.reversibility <= 3", "hold becomes allow"),
    ("one reviewer less", '@quorum("2")\n@backup', '@quorum("1")\n@backup', "fewer reviewers are asked for"),
    ("no backup", '@backup("required")\n', "", "no verified backup first any more"),
    ("a copy elsewhere", '@backup("required")\n', '@backup("vault-account")\n', ""),
    ("unknowns forgiven", "context.unknowns > 0", "context.unknowns > 1", "hold becomes allow"),
    (
        "who may act around",
        '@quorum("2")\n@capture("required")\n@message("it takes a guard',
        '@quorum("2")\n@breakglass("allowed")\n@capture("required")\n@message("it takes a guard',
        "a person may act around the review",
    ),
    ("longer", '@quorum("2")\n@backup', '@quorum("2")\n@window("86400")\n@backup', "an approval stays usable for longer"),
    ("shorter", '@quorum("2")\n@backup', '@quorum("2")\n@window("600")\n@backup', ""),
    ("one reviewer more", '@quorum("1")', '@quorum("2")', ""),
    ("signed, too", '@quorum("2")', '@quorum("2")\n@signed("required")', ""),
    ("not even proposed", '@outcome("suggest")', '@outcome("deny")', ""),
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit[0])
def test_an_edit_of_the_shipped_pack(edit: tuple[str, str, str, str]) -> None:
    """What relaxes is shown with an example, what tightens is proved, and back again it is the other way round."""
    _, old, new, what = edit
    found = difference(_seatbelt(), _seatbelt(old, new), catalogue.floors())
    assert all(area.shown for area in found.areas)
    assert (what in {area.what for area in found.areas}) if what else found.proved
    if old and not what:
        assert not difference(_seatbelt(old, new), _seatbelt(), catalogue.floors()).proved


def test_packs_that_forbid_only_tighten() -> None:
    """To load one more is proved; to leave it out is not."""
    alone, more = load(["seatbelt"]), load(["seatbelt", "way-back"])
    assert difference(alone, more, catalogue.floors()).proved
    assert not difference(more, alone, catalogue.floors()).proved


def test_a_witness_is_a_request_that_could_be() -> None:
    """Facts that are told twice are told alike: production is as the environment says, the worst effect is the worst of all."""
    found = difference(load(["seatbelt", "caps"]), load(["seatbelt"]), catalogue.floors())
    assert len(found.areas) > 10
    for area in found.areas:
        facts = area.witness.facts
        effects = facts["effects"]
        assert isinstance(effects, list)
        assert str(area.effect) == max(effects, key=lambda one: Effect(one).severity)
        assert facts["human"] == (area.witness.actor.type == "Person")
        assert area.production == (facts["environment"] not in {"staging", "Staging "})


def _mine(tmp_path: Path, name: str, condition: str) -> str:
    place = tmp_path / name
    place.mkdir()
    (place / "mine.cedar").write_text(
        f'@id("mine.no")\n@message("no")\nforbid (principal, action, resource) when {{ {condition} }};\n'
    )
    return f"seatbelt,{place}"


def test_by_command(tmp_path: Path) -> None:
    """0 for what is proved, 2 for what people have to look at; what is not understood is named, with why."""
    told = keyturn("diff", "seatbelt", "seatbelt,way-back")
    assert (told.exit_code, told.output) == (0, "PROVED: nothing becomes more permissive.\n")
    told = keyturn("diff", "seatbelt,caps", "seatbelt")
    assert (told.exit_code, told.output.startswith("MORE PERMISSIVE: ")) == (2, True)
    assert max(map(len, told.output.splitlines())) <= 80
    some, other = (_mine(tmp_path, name, f'resource.kind like "{name}:*"') for name in ("dynamodb", "lambda"))
    told = keyturn("diff", some, other)
    assert told.exit_code == 2
    assert "NOT PROVED, and so treated as more permissive:" in told.output
    assert "mine.no: a pattern (like)" in told.output
    assert keyturn("diff", "seatbelt", some).output.startswith("PROVED"), "one more forbid, whatever it says"
    assert keyturn("diff", some, some).output.startswith("PROVED"), "the same, whatever it says"


def test_what_it_could_not_look_through_is_not_proved() -> None:
    """A way in which z3 gave up counts as more permissive."""
    assert not Difference("a", "b", (), ("deny becomes allow",), {}).proved
