"""The engine by itself: how permits, forbids, errors and silence become one verdict with reasons and obligations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from keyturn.core.ports import Facts
from keyturn.model.assessment import Assessment, Kind
from keyturn.model.change import Change, Effect, ResourceRef
from keyturn.model.decision import Decision, Obligations, Verdict
from keyturn.policy import CedarEngine, Source, load_sources
from keyturn.policy import cedar as cedar_module
from keyturn.policy.example import Example
from keyturn.policy.limits import RESOURCES_ASKED_MAX
from keyturn.policy.source import parse

PERMIT_ALL = '@id("p") permit (principal, action, resource);'
HOLD_DELETES = '@id("h") @outcome("hold") @quorum("2") forbid (principal, action, resource) when { context.effect == "delete" };'


def unchecked(*texts: str) -> CedarEngine:
    """An engine over texts that have not passed the checks of `load`: what it must survive all the same."""
    sources = [Source(f"t/{number}.cedar", text) for number, text in enumerate(texts)]
    return CedarEngine(parse(sources), sources)


def ask(engine: CedarEngine, **given: Any) -> Decision:
    return engine.answer(*Example(**{"effect": Effect.DELETE, **given}).build())


def reasons(decision: Decision) -> list[str]:
    return [reason.policy for reason in decision.reasons]


# --- silence, permits, forbids ---------------------------------------------------------------------------------------


def test_silence_is_a_no() -> None:
    """Where no policy permits, the verdict is DENY and says that nobody spoke."""
    decision = ask(unchecked('@id("p") permit (principal, action in Action::"read", resource);'))
    assert decision.verdict is Verdict.DENY
    assert reasons(decision) == ["keyturn.no-permit"]


def test_a_hold_does_not_stand_in_for_a_permit() -> None:
    """A hold asks people about something that is permitted; what nobody permits is not theirs to approve."""
    decision = ask(unchecked(HOLD_DELETES))
    assert decision.verdict is Verdict.DENY
    assert reasons(decision) == ["keyturn.no-permit", "h"]


OUTCOMES = {
    "a plain permit allows": (["permit"], Verdict.ALLOW, ["permit"]),
    "a permit may ask for people": (["permit-hold"], Verdict.HOLD, ["permit-hold"]),
    "a plain permit beside it needs none": (["permit", "permit-hold"], Verdict.ALLOW, ["permit"]),
    "a forbid holds": (["permit", "hold"], Verdict.HOLD, ["hold"]),
    "suggest is stricter than hold": (["permit", "hold", "suggest"], Verdict.SUGGEST, ["suggest", "hold"]),
    "deny is stricter than all": (
        ["permit", "hold", "suggest", "deny"],
        Verdict.DENY,
        ["deny", "suggest", "hold"],
    ),
    "a forbid without an outcome denies": (["permit", "bare"], Verdict.DENY, ["bare"]),
    "a hold on a permit that holds": (["permit-hold", "hold"], Verdict.HOLD, ["hold"]),
    "a suggest on a permit that holds": (["permit-hold", "suggest"], Verdict.SUGGEST, ["suggest"]),
}
TEXTS = {
    "permit": '@id("permit") permit (principal, action, resource);',
    "permit-hold": '@id("permit-hold") @outcome("hold") permit (principal, action, resource);',
    "hold": '@id("hold") @outcome("hold") forbid (principal, action, resource);',
    "suggest": '@id("suggest") @outcome("suggest") forbid (principal, action, resource);',
    "deny": '@id("deny") @outcome("deny") forbid (principal, action, resource);',
    "bare": '@id("bare") forbid (principal, action, resource);',
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_strictest_wins_and_speaks_first(name: str) -> None:
    """Of all that determined the answer the strictest decides, and is the first that people read."""
    texts, verdict, said = OUTCOMES[name]
    decision = ask(unchecked(*(TEXTS[text] for text in texts)))
    assert (decision.verdict, reasons(decision)) == (verdict, said)


def test_reasons_name_policy_message_and_place() -> None:
    """A reviewer is told what a policy says and where it is written."""
    text = (
        '\n\n@message("ask the owner")\n@id("team.x")\n@outcome("hold") forbid (principal, action, resource);'
    )
    (reason,) = ask(unchecked(PERMIT_ALL, text)).reasons
    assert (reason.policy, reason.message, reason.source) == ("team.x", "ask the owner", "t/1.cedar:4")


# --- obligations -----------------------------------------------------------------------------------------------------


def test_obligations_are_the_strictest_of_each_field() -> None:
    """Most reviewers, shortest window, and whatever anyone requires: the permit's capture too, once people approve."""
    decision = ask(
        unchecked(
            '@id("p") @capture("required") permit (principal, action, resource);',
            '@id("a") @outcome("hold") @quorum("3") @window("7200") forbid (principal, action, resource);',
            '@id("b") @outcome("hold") @quorum("1") @window("600") @backup("required") forbid (principal, action, resource);',
            '@id("c") @outcome("hold") @restore("on-failure") forbid (principal, action, resource);',
            '@id("d") @outcome("hold") @quorum("9") forbid (principal, action, resource) when { context.frozen };',
        )
    )
    assert decision.obligations == Obligations(
        quorum=3, backup=True, capture=True, restore_on_failure=True, window_s=600
    )


def test_a_copy_in_the_vault_account_is_a_backup_and_more() -> None:
    """One who asks for the copy asks for the backup; another who asks for a backup alone takes neither away."""
    decision = ask(
        unchecked(
            '@id("p") permit (principal, action, resource);',
            '@id("a") @outcome("hold") @backup("vault-account") forbid (principal, action, resource);',
            '@id("b") @outcome("hold") @backup("required") forbid (principal, action, resource);',
        )
    )
    assert (decision.obligations.backup, decision.obligations.vaulted) == (True, True)


def test_only_the_permit_that_lets_through_brings_its_obligations() -> None:
    """A permit that would have asked for people asks for none where another lets through at once."""
    decision = ask(
        unchecked(
            TEXTS["permit"], '@id("q") @outcome("hold") @quorum("4") permit (principal, action, resource);'
        )
    )
    assert (decision.verdict, decision.obligations) == (Verdict.ALLOW, Obligations())


# --- several operations, several resources -----------------------------------------------------------------------------


def test_each_operation_is_asked_and_the_strictest_wins() -> None:
    """An operation that policy holds is not carried through by the harmless ones beside it, in either order."""
    hold = '@id("h") @outcome("hold") forbid (principal, action == Action::"aws:iam:DeleteRole", resource);'
    engine = unchecked(PERMIT_ALL, hold)
    names = ["lambda:GetFunction", "iam:DeleteRole"]
    for first, second in (names, names[::-1]):
        decision = ask(engine, effect=Effect.READ, floor=Effect.UPDATE, operation=first, then=(second,))
        assert (decision.verdict, reasons(decision)) == (Verdict.HOLD, ["h"])


def _resources(change: Change, *kinds_ids: str) -> Change:
    refs = tuple(
        ResourceRef("aws", "aws", "123456789012", "eu-central-1", *text.split("/", 1)) for text in kinds_ids
    )
    (operation,) = change.operations
    return msgspec.structs.replace(change, operations=(msgspec.structs.replace(operation, resources=refs),))


def test_each_resource_is_asked_where_a_policy_looks_at_it() -> None:
    """A resource cannot hide behind another one that is named first."""
    engine = unchecked(
        PERMIT_ALL, '@id("ledger") forbid (principal, action, resource) when { resource.id == "ledger" };'
    )
    change, assessment, facts = Example(effect=Effect.UPDATE).build()
    harmless = _resources(change, "dynamodb:table/orders", "dynamodb:table/carts")
    hidden = _resources(change, "dynamodb:table/orders", "dynamodb:table/ledger")
    assert engine.answer(harmless, assessment, facts).verdict is Verdict.ALLOW
    assert engine.answer(hidden, assessment, facts).verdict is Verdict.DENY


def test_more_resources_than_are_judged_are_never_allowed() -> None:
    """The limit on work is not a way through."""
    engine = unchecked(
        PERMIT_ALL, '@id("never") forbid (principal, action, resource) when { resource.id == "x" };'
    )
    change, assessment, facts = Example(effect=Effect.UPDATE).build()
    many = _resources(change, *(f"s3:object/b/{number}" for number in range(RESOURCES_ASKED_MAX + 1)))
    decision = engine.answer(many, assessment, facts)
    assert decision.verdict is Verdict.HOLD
    assert "keyturn.too-many-resources" in reasons(decision)


def test_an_operation_without_a_resource_is_still_asked() -> None:
    """The provider never gives none; if it does, policy answers as usual."""
    change, assessment, facts = Example(effect=Effect.DELETE).build()
    engine = unchecked(PERMIT_ALL, HOLD_DELETES)
    assert engine.answer(_resources(change), assessment, facts).verdict is Verdict.HOLD


# --- who asks --------------------------------------------------------------------------------------------------------


def test_agents_and_people_are_different_principals() -> None:
    """`Agent` is the agent's name; `Person` the operator's, only when she asks in her own name."""
    engine = unchecked(
        '@id("maria") permit (principal == Person::"maria", action, resource);',
        '@id("kiro") @outcome("hold") permit (principal == Agent::"kiro", action, resource);',
    )
    assert reasons(ask(engine, human=True)) == ["maria"]
    assert reasons(ask(engine)) == ["kiro"]
    assert ask(engine, agent="maria").verdict is Verdict.DENY
    assert ask(engine, operator="joe", human=True).verdict is Verdict.DENY


def test_action_groups_match_by_floor_lane_and_service() -> None:
    """The trap: without its schema on each request Cedar knows no groups, and a forbid on one silently does not match."""
    for group in ("delete", "changes", "aws:dynamodb", "aws:dynamodb:DeleteTable"):
        engine = unchecked(PERMIT_ALL, f'@id("f") forbid (principal, action in Action::"{group}", resource);')
        assert ask(engine).verdict is Verdict.DENY, group
        assert ask(engine, effect=Effect.READ).verdict is (
            Verdict.DENY if group == "aws:dynamodb" else Verdict.ALLOW
        ), group


# --- errors ----------------------------------------------------------------------------------------------------------

OVERFLOW = "context.operations + 9223372036854775807 > 0"
ERRORS = {
    "a forbid that errs counts as matched": (
        [PERMIT_ALL, f'@id("e") forbid (principal, action, resource) when {{ {OVERFLOW} }};'],
        Verdict.DENY,
    ),
    "with its own outcome": (
        [
            PERMIT_ALL,
            f'@id("e") @outcome("suggest") forbid (principal, action, resource) when {{ {OVERFLOW} }};',
        ],
        Verdict.SUGGEST,
    ),
    "an attribute nobody guarded is such an error": (
        [
            PERMIT_ALL,
            '@id("e") @outcome("hold") forbid (principal, action, resource) when { context.ticket == "x" };',
        ],
        Verdict.HOLD,
    ),
    "a permit that errs spoils an allow": (
        [PERMIT_ALL, f'@id("e") permit (principal, action, resource) when {{ {OVERFLOW} }};'],
        Verdict.HOLD,
    ),
    "an error beside a deny stays a deny": (
        [
            PERMIT_ALL,
            TEXTS["deny"],
            f'@id("e") @outcome("hold") forbid (principal, action, resource) when {{ {OVERFLOW} }};',
        ],
        Verdict.DENY,
    ),
    "an error does not permit": (
        [f'@id("e") @outcome("hold") forbid (principal, action, resource) when {{ {OVERFLOW} }};'],
        Verdict.DENY,
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_never_allow(name: str) -> None:
    """Cedar skips a policy that errs and answers Allow; here it is said, and it holds or worse."""
    texts, verdict = ERRORS[name]
    decision = ask(unchecked(*texts))
    assert decision.verdict is verdict
    assert decision.errors
    assert "keyturn.policy-error" in reasons(decision) or "e" in reasons(decision)


def test_an_answer_that_is_none_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """A context that does not fit the schema makes Cedar answer NoDecision."""
    monkeypatch.setattr(cedar_module, "context_of", lambda *_: "{}")
    decision = ask(unchecked(PERMIT_ALL))
    assert (decision.verdict, reasons(decision)) == (Verdict.DENY, ["keyturn.no-decision"])
    assert decision.errors


class PanicException(BaseException):
    """What a panic in the engine's native code arrives as: not an Exception."""


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), MemoryError(), PanicException("index out of bounds")]
)
def test_whatever_is_raised_inside_is_a_deny(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """An engine that breaks has not permitted anything; what broke it is said."""

    def raising(*_: object) -> None:
        raise error

    monkeypatch.setattr(cedar_module, "is_authorized", raising)
    decision = ask(unchecked(PERMIT_ALL))
    assert decision.verdict is Verdict.DENY
    assert type(error).__name__ in decision.errors[0]


def test_being_stopped_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is not a policy error."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cedar_module, "is_authorized", stop)
    with pytest.raises(KeyboardInterrupt):
        ask(unchecked(PERMIT_ALL))


MALFORMED = [
    "",
    "DeleteTable",
    "dynamodb:",
    ":DeleteTable",
    "dynamodb:Delete Table",
    'dynamodb:X", "y',
    "a:b:c:d",
]


@pytest.mark.parametrize("name", MALFORMED)
def test_a_name_that_is_none_is_denied(name: str) -> None:
    """What cannot be named cannot be judged."""
    change, assessment, facts = Example(effect=Effect.READ).build()
    operation = msgspec.structs.replace(change.operations[0], name=name)
    decision = unchecked(PERMIT_ALL).answer(
        msgspec.structs.replace(change, operations=(operation,)), assessment, facts
    )
    assert decision.verdict is Verdict.DENY
    assert decision.errors


def test_a_floor_that_is_none_is_denied() -> None:
    """An effect that nobody knows is in no group, so that no scope speaks of it: never allowed."""
    change, assessment, facts = Example(effect=Effect.READ).build()
    operation = msgspec.structs.replace(change.operations[0], floor="obliterate")
    change = msgspec.structs.replace(change, operations=(operation,))
    assert unchecked(PERMIT_ALL).answer(change, assessment, facts).verdict is Verdict.DENY


def test_a_change_without_operations_is_denied() -> None:
    """Nothing asked is nothing permitted."""
    change, assessment, facts = Example(effect=Effect.READ).build()
    decision = unchecked(PERMIT_ALL).answer(msgspec.structs.replace(change, operations=()), assessment, facts)
    assert decision.verdict is Verdict.DENY


# --- facts -----------------------------------------------------------------------------------------------------------


def _sees(condition: str, change: Change, assessment: Assessment, facts: Facts) -> bool:
    engine = load_sources(
        [Source("t", HOLD_DELETES + f'@id("p") permit (principal, action, resource) when {{ {condition} }};')]
    )
    decision = engine.answer(change, assessment, facts)
    assert not decision.errors
    return decision.verdict is Verdict.ALLOW


FACT_CASES = {
    "the worst effect, though the assessment names a lesser": (
        {"effect": Effect.UPDATE, "effects": (Effect.PERMISSION,)},
        'context.effect == "permission" && context.effects.contains("update")',
    ),
    "an unknown environment is production": (
        {"effect": Effect.UPDATE, "environment": "unknown"},
        'context.production && context.environment == "unknown"',
    ),
    "an empty one too": ({"effect": Effect.UPDATE, "environment": ""}, "context.production"),
    "a known other one is not": ({"effect": Effect.UPDATE, "environment": " Staging"}, "!context.production"),
    "kinds and codes of findings": (
        {"effect": Effect.UPDATE, "findings": (Kind.BLIND,), "codes": ("AWS042",)},
        'context.findings.contains("blind") && context.codes.contains("AWS042")',
    ),
    "what could be put back": (
        {"effect": Effect.UPDATE, "inverse": True},
        "context.inverse && !context.backup_possible",
    ),
    "where it is": (
        {"effect": Effect.UPDATE},
        'resource.account == "123456789012" && resource.region == "eu-central-1" && resource.kind == "example:thing" && resource.id == "orders"',
    ),
    "who runs the agent": ({"effect": Effect.UPDATE}, 'context.operator == "maria" && !context.human'),
    "how much it is": (
        {"effect": Effect.UPDATE, "unknowns": 2, "then": ("sqs:CreateQueue",)},
        'context.unknowns == 2 && context.operations == 2 && context.services == ["lambda", "sqs"]',
    ),
}


@pytest.mark.parametrize("name", FACT_CASES)
def test_policies_see(name: str) -> None:
    """Each fact reaches the engine as what it is: its condition holds, and the opposite does not."""
    given, condition = FACT_CASES[name]
    assert _sees(condition, *Example(**given).build())  # type: ignore[arg-type]
    assert not _sees(f"!({condition})", *Example(**given).build())  # type: ignore[arg-type]


def test_a_resource_nobody_spoke_of_can_not_be_put_back() -> None:
    """`inverse` and `backup_possible` are about every resource of the change, not those that are known about."""
    change, assessment, facts = Example(effect=Effect.UPDATE, inverse=True, backup=True).build()
    more = _resources(change, "example:thing/orders", "example:thing/other")
    assert _sees("context.inverse && context.backup_possible", change, assessment, facts)
    assert not _sees("context.inverse || context.backup_possible", more, assessment, facts)


def test_the_digest_names_the_texts() -> None:
    """Equal policies have equal digests; another message is another policy, for the log."""
    one, same, other = (
        unchecked(PERMIT_ALL),
        unchecked(PERMIT_ALL),
        unchecked(PERMIT_ALL.replace("@id", '@message("x") @id')),
    )
    assert one.digest == same.digest != other.digest
    assert ask(one).policy_digest == one.digest
    assert repr(one) == "<CedarEngine 1 policies, 1 slices>"
