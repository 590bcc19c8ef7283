"""What `load` refuses: each mistake an author makes, with the file, the policy, what is wrong and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyturn.errors import PolicyError
from keyturn.model.change import Effect
from keyturn.model.decision import Verdict
from keyturn.policy import Source, load, load_sources, shipped_packs
from keyturn.policy.checks import canaries
from keyturn.policy.schema import ACTION_NAME
from keyturn.policy.source import parse, read_pack

GOOD = '@id("base") @outcome("hold") permit (principal, action, resource);'


def policy(
    annotations: str = '@id("x")',
    scope: str = "principal, action, resource",
    when: str = "true",
    head: str = "forbid",
) -> str:
    return f"{annotations} {head} ({scope}) when {{ {when} }};"


# name: (text, what the error names, what its help says)
WRONG: dict[str, tuple[str, str, str]] = {
    "not Cedar": ("permit (principal", "t/x.cedar: this is not Cedar", "policy.md"),
    "no @id": ("forbid (principal, action, resource);", "no usable @id", '@id("team.'),
    "an empty @id": ('@id("") forbid (principal, action, resource);', "no usable @id", '@id("team.'),
    "an @id with spaces": (policy('@id("a b")'), "policy a b: it has no usable @id", "letters"),
    "an @id twice": (policy() + "\n" + policy(), "policy x: its @id is taken by t/x.cedar:1", "each its own"),
    "an @id of another file": (policy('@id("base")'), "policy base: its @id is taken by t/base.cedar:1", "each its own"),
    "a misspelt annotation": (policy('@id("x") @qourum("2")'), "policy x: @qourum is not", "did you mean @quorum?"),
    "an unheard-of annotation": (policy('@id("x") @colour("red")'), "policy x: @colour is not", "known are @id"),
    "an outcome that is none": (policy('@id("x") @outcome("maybe")'), '@outcome("maybe") on a forbid', "deny, hold"),
    "a forbid that allows": (policy('@id("x") @outcome("allow")'), '@outcome("allow") on a forbid', "deny, hold"),
    "a permit that denies": (policy('@id("x") @outcome("deny")', head="permit"), '@outcome("deny") on a permit', "hold, suggest"),
    "a quorum of words": (policy('@id("x") @outcome("hold") @quorum("two")'), '@quorum("two") cannot be read: at character 1', "1 of security"),
    "a quorum of a team and nobody": (policy('@id("x") @outcome("hold") @quorum("1 of security and")'), "at character 18 stands the end", "1 of security"),
    "a quorum of too many": (policy('@id("x") @outcome("hold") @quorum("5 of a and 5 of b")'), "10 people; 9 is the most", "1 of security"),
    "a break-glass on a deny": (policy('@id("x") @breakglass("allowed")'), "asks for reviewers and does not hold", '@outcome("hold")'),
    "a quorum of nobody": (policy('@id("x") @outcome("hold") @quorum("0")'), '@quorum("0")', "from 1 to 9"),
    "a quorum nobody has": (policy('@id("x") @outcome("hold") @quorum("40")'), '@quorum("40")', "from 1 to 9"),
    "a negative window": (policy('@id("x") @outcome("hold") @window("-1")'), '@window("-1")', "whole number"),
    "a window of weeks": (policy('@id("x") @outcome("hold") @window("9999999")'), "out of range", "604800"),
    "a backup that is optional": (policy('@id("x") @backup("yes")'), '@backup("yes") means nothing', '@backup("required")'),
    "a quorum on a deny": (policy('@id("x") @quorum("2")'), "asks for reviewers and does not hold", '@outcome("hold")'),
    "a quorum on a permit that allows": (
        policy('@id("x") @quorum("2")', head="permit", when="context.human"),
        "asks for reviewers and does not hold",
        '@outcome("hold")',
    ),
    "a template": ('@id("x") forbid (principal == ?principal, action, resource);', "it is a template", "out"),
    "a misspelt group": (policy(scope='principal, action in Action::"delte", resource'), 'Action::"delte"', 'did you mean Action::"delete"?'),
    "an operation without its provider": (policy(scope='principal, action == Action::"DeleteTable", resource'), "neither a group nor", "aws:dynamodb"),
    "an operation nobody knows": (
        policy(scope='principal, action == Action::"aws:dynamodb:DropTable", resource'),
        "is nothing AWS has",
        "aws:dynamodb:DeleteTable",
    ),
    "a service nobody knows": (policy(scope='principal, action in Action::"aws:dynamo", resource'), "is nothing AWS has", 'Action::"aws:dynamodb"'),
    "a misspelt fact": (policy(when="context.prodution"), "policy x: ", "policy.md"),
    "a fact of another type": (policy(when="context.unknowns == true"), "policy x: ", "policy.md"),
    "a misspelt effect": (policy(when='context.effect == "destroy"'), 'context.effect is never "destroy"', "delete"),
    "a misspelt effect on the other side": (policy(when='"delet" == context.effect'), 'never "delet"', 'did you mean "delete"?'),
    "a misspelt kind in a set": (
        policy(when='context.findings.containsAny(["data_loss", "dataloss"])'),
        'context.findings is never "dataloss"',
        'did you mean "data_loss"?',
    ),
    "a set asked for what it never holds": (policy(when='["delete", "drop"].contains(context.effect)'), 'never "drop"', "it can be"),
    "a misspelt attribute of the resource": (policy(when='resource.acount == "1"'), "policy x: ", "policy.md"),
    "a principal type nobody has": (policy(scope='principal == User::"x", action, resource'), "policy x: ", "policy.md"),
}  # fmt: skip


KNOWN = {
    "dynamodb:DeleteTable": Effect.DELETE,
    "dynamodb:GetItem": Effect.READ,
    "iam:DeleteRole": Effect.PERMISSION,
}


@pytest.mark.parametrize("name", WRONG)
def test_load_refuses(name: str) -> None:
    """The error names the place and the policy, and its help says what to write instead."""
    text, message, advice = WRONG[name]
    with pytest.raises(PolicyError) as caught:
        load_sources([Source("t/base.cedar", GOOD), Source("t/x.cedar", text)], known=KNOWN)
    assert message in caught.value.message
    assert "t/x.cedar" in caught.value.message
    assert advice in caught.value.help


def test_load_takes_what_is_right() -> None:
    """The same shapes, spelt as they should be, load: the table above fails for its mistakes alone."""
    right = [
        policy('@id("a") @outcome("hold") @quorum("2") @window("3600") @backup("required") @capture("required")'),
        policy('@id("b") @restore("on-failure") @message("x")', scope='principal, action in Action::"delete", resource'),
        policy('@id("c")', scope='principal, action == Action::"aws:dynamodb:DeleteTable", resource'),
        policy('@id("d")', scope='principal == Agent::"kiro", action in [Action::"aws:iam", Action::"changes"], resource is Resource'),
        policy('@id("e")', when='context.findings.containsAny(["data_loss"]) && resource.account == "1" && context.effect != "read"'),
    ]  # fmt: skip
    engine = load_sources([Source("t/x.cedar", GOOD + "\n".join(right))], known=KNOWN)
    assert sorted(engine.policies) == ["a", "b", "base", "c", "d", "e"]


# --- the canary ------------------------------------------------------------------------------------------------------

CANARY_DIES = {
    "of everything": "principal, action, resource",
    "of one group": 'principal, action in Action::"update", resource',
    "of what is called a read": 'principal, action in Action::"reads", resource',
    "of one service": 'principal, action in Action::"aws:s3", resource',
    "of one operation": 'principal, action == Action::"aws:dynamodb:DeleteTable", resource',
    "of one agent": 'principal == Agent::"root-bot", action, resource',
}


@pytest.mark.parametrize("name", CANARY_DIES)
def test_the_canary_finds_a_permit(name: str) -> None:
    """An irrecoverable delete of production data that would be allowed, under any name, stops the start."""
    with pytest.raises(PolicyError) as caught:
        load_sources([Source("t/x.cedar", f'@id("loose") permit ({CANARY_DIES[name]});')])
    assert caught.value.code == "canary-allowed"
    assert "loose (t/x.cedar:1)" in caught.value.message


EXEMPT = {
    "an agent": 'principal == Agent::"root-bot"',
    "a service": 'action in Action::"aws:s3"',
    "an operation": 'action == Action::"aws:dynamodb:DeleteTable"',
    "a floor": 'action in Action::"update"',
}


@pytest.mark.parametrize("name", EXEMPT)
def test_the_canary_finds_an_exemption(name: str) -> None:
    """What a forbid leaves out in its conditions is as loose as a permit."""
    texts = [
        '@id("all") permit (principal, action, resource);',
        f'@id("most") @outcome("hold") forbid (principal, action, resource) unless {{ {EXEMPT[name]} }};',
    ]
    with pytest.raises(PolicyError) as caught:
        load_sources([Source("t/x.cedar", "\n".join(texts))])
    assert caught.value.code == "canary-allowed"


def test_the_canary_finds_an_environment_that_was_forgotten() -> None:
    """`context.environment == "production"` in a forbid leaves unknown environments open."""
    texts = [
        '@id("all") permit (principal, action, resource);',
        '@id("prod") @outcome("hold") forbid (principal, action, resource) when { context.environment == "production" };',
    ]
    with pytest.raises(PolicyError, match="unknown"):
        load_sources([Source("t/x.cedar", "\n".join(texts))])
    fixed = [texts[0], texts[1].replace('context.environment == "production"', "context.production")]
    load_sources([Source("t/x.cedar", "\n".join(fixed))])


def test_the_canary_finds_a_policy_that_errs() -> None:
    """Validated policies can still overflow; one that always does would hold everything, for a reason nobody reads."""
    text = policy('@id("e") @outcome("hold")', when="context.operations + 9223372036854775807 > 0")
    with pytest.raises(PolicyError) as caught:
        load_sources([Source("t/x.cedar", GOOD + text)])
    assert caught.value.code == "canary-errs"


def test_the_canary_goes_by_every_name() -> None:
    """Every effect as a floor, each service, operation and agent by which it could get easier, the unknown environment."""
    text = 'action in [Action::"aws:s3", Action::"aws:iam:DeleteRole"]'
    policies = parse(
        [Source("t", policy(scope=f'principal == Agent::"bot", {text}, resource', head="permit"))]
    )
    asked = list(canaries(policies))
    names = {canary.operation for canary in asked}
    assert {canary.floor for canary in asked} == set(Effect)
    assert {"s3:Canary", "iam:DeleteRole", "keyturncanary:Canary"} == names
    assert "bot" in {canary.agent for canary in asked}
    assert {"production", "unknown"} == {canary.environment for canary in asked}


# --- packs -----------------------------------------------------------------------------------------------------------


def test_a_shipped_pack_and_a_folder_of_ones_own_load_together(tmp_path: Path) -> None:
    """What a team adds stands beside seatbelt, and names its own files."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "sqs.cedar").write_text(
        '@id("ours.queues") @message("queues belong to the platform team") '
        'forbid (principal, action in Action::"aws:sqs", resource) when { context.effect == "delete" };'
    )
    engine = load(["seatbelt", tmp_path / "ours"])
    assert engine.policies["ours.queues"].source == "ours/sqs.cedar:1"
    assert engine.policies["seatbelt.reads"].source.startswith("seatbelt/permits.cedar:")
    assert engine.policies["ours.queues"].outcome is Verdict.DENY
    assert load(["seatbelt"]).digest != engine.digest


def test_one_file_is_a_pack_too(tmp_path: Path) -> None:
    """Nobody needs a folder for one policy."""
    (tmp_path / "one.cedar").write_text(GOOD)
    assert [source.name for source in read_pack(tmp_path / "one.cedar")] == ["one.cedar"]


def test_packs_that_are_none(tmp_path: Path) -> None:
    """No such pack, an empty folder, a file of bytes, nothing at all: each is refused by name."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bytes.cedar").write_bytes(b"\xff\xfe permit")
    (tmp_path / "comment.cedar").write_text("// nothing yet\n")
    wrong: list[tuple[str | Path, str]] = [
        ("seat-belt", "no-such-pack"),
        ("../seatbelt", "no-such-pack"),
        (tmp_path / "empty", "pack-empty"),
        (tmp_path / "nowhere", "pack-unreadable"),
        (tmp_path / "bytes.cedar", "pack-unreadable"),
        (tmp_path / "comment.cedar", "no-policies"),
    ]
    for pack, code in wrong:
        with pytest.raises(PolicyError) as caught:
            load([pack])
        assert caught.value.code == code
    with pytest.raises(PolicyError, match="no policy"):
        load([])
    assert shipped_packs() == ("caps", "seatbelt", "signed", "way-back")


def test_seatbelt_loads_against_the_catalogue() -> None:
    """Every operation the shipped pack names is one that AWS has."""
    from keyturn.providers.aws import catalogue

    known = {
        f"{service}:{name}": catalogue.lookup(service, name).effect for service, name in catalogue.every()
    }
    assert len(load(["seatbelt"], known=known).policies) > 10
    strange = [name for name in known if not ACTION_NAME.fullmatch(f"aws:{name}")]
    assert strange == [], "operations that the engine would deny for their name"
