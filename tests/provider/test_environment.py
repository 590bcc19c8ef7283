"""Which environment a resource is in: who asks is not who classifies."""

from __future__ import annotations

import pytest

from keyturn.model.assessment import Heard
from keyturn.model.change import ResourceRef
from keyturn.providers.aws import environment

REF = ResourceRef("aws", "aws", "123456789012", "eu-west-1", "dynamodb:table", "costs")


def of(
    *,
    standing: dict[str, str] | None = None,
    claimed: dict[str, str] | None = None,
    account: str = "",
    name: str = "costs",
) -> str:
    ref = ResourceRef("aws", "aws", "123456789012", "eu-west-1", "dynamodb:table", name)
    accounts = {"123456789012": account} if account else {}
    return environment.of_resource(ref, standing=standing, claimed=claimed or {}, accounts=accounts)


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        ({"environment": "production"}, "production"),
        ({"Environment": "PROD"}, "production"),
        ({"env": "prd"}, "production"),
        ({"Stage": "live"}, "production"),
        ({"acme:environment": "prod"}, "production"),
        ({"environment": "prod-eu"}, "production"),
        ({"environment": "preprod"}, "staging"),
        ({"environment": "non-prod"}, "staging"),
        ({"env": "dev"}, "development"),
        ({"stage": "qa"}, "test"),
        ({"environment": "blue"}, "blue"),
        ({"environment": ""}, "unknown"),
        ({"owner": "prod-team"}, "unknown"),
        ({}, "unknown"),
        ({"env": "dev", "environment": "prod"}, "production"),
    ],
)
def test_tags_say_it_in_many_words(tags: dict[str, str], wanted: str) -> None:
    """The strictest word wins where tags disagree; nothing said is unknown, which counts as production."""
    assert of(standing=tags) == wanted


def test_what_could_not_be_read_is_unknown() -> None:
    """Tags that were not read are not tags that say nothing."""
    assert of(standing=None) == "unknown"


def test_a_request_can_raise_and_never_lower() -> None:
    """An agent that tags its own request as development has said nothing; one that says production is believed."""
    assert of(claimed={"environment": "dev"}) == "unknown"
    assert of(standing={"env": "dev"}, claimed={"environment": "prod"}) == "production"
    assert of(standing={"env": "prod"}, claimed={"environment": "dev"}) == "production"


def test_the_account_speaks_too() -> None:
    """The configured environment of an account is a floor: a tag in a production account cannot talk it down."""
    assert of(account="development") == "development"
    assert of(account="prod", standing={"env": "dev"}) == "production"
    assert of(account="development", standing={"env": "prod"}) == "production"


@pytest.mark.parametrize("name", ["costs-prod", "prod.costs", "PRD_costs", "costs-production", "live/costs"])
def test_a_name_raises(name: str) -> None:
    """A weak hint, and only upwards."""
    assert of(standing={"env": "dev"}, name=name) == "production"


@pytest.mark.parametrize(
    "name", ["products", "delivery", "costs-preprod", "reproduce", "alive", "costs-dev", "nonprod-x"]
)
def test_a_name_never_lowers_and_is_read_in_whole_words(name: str) -> None:
    """Tags outweigh a name, and a name that only contains the letters of `prod` says nothing."""
    assert of(standing={"env": "dev"}, name=name) == "development"
    assert of(name=name) == "unknown"


def test_the_strictest_of_a_change_is_taken() -> None:
    """Unknown is stricter than any named environment but production."""
    assert environment.strictest(["development", "unknown"]) == "unknown"
    assert environment.strictest(["unknown", "production"]) == "production"
    assert environment.strictest(["development", "blue"]) == "blue"
    assert environment.strictest([]) == "unknown"


def heard(**given: object) -> list[str]:
    """Who spoke about the table, in words."""
    said: dict[str, object] = {"standing": None, "claimed": {}, "accounts": {}}
    return [str(one) for one in environment.hear(REF, **{**said, **given})]  # type: ignore[arg-type]  # by name


def test_it_says_who_spoke_and_what_each_said() -> None:
    """A reviewer sees on whose word this is production, or is not; an agent's own word is shown, and does not count."""
    assert heard() == []
    assert heard(
        standing={"env": "dev"},
        claimed={"env": "dev"},
        container=("dynamodb:group/g", {"stage": "qa"}),
        accounts={
            "123456789012": "prod",
            "arn:aws:dynamodb:*:*:table/cos*": "staging",
            "arn:aws:sqs:*": "dev",
        },
        arn="arn:aws:dynamodb:eu-west-1:123456789012:table/costs",
    ) == [
        "tags of dynamodb:table/costs: development",
        "tags of its container dynamodb:group/g: test",
        "the configuration, of account 123456789012: production",
        "the configuration, of arn:aws:dynamodb:*:*:table/cos*: staging",
        "tags in the request itself: development (does not count)",
    ]


def test_the_account_is_the_one_that_signs() -> None:
    """An ARN names an account as its writer likes; STS says whose credentials these are. Both are heard, the strictest counts."""
    accounts = {"111111111111": "prod", "123456789012": "dev"}
    said = environment.hear(REF, standing=None, claimed={}, accounts=accounts, signed_account="111111111111")
    assert said == (
        Heard("account", "production", "111111111111"),
        Heard("account", "development", "123456789012"),
    )
    assert environment.concluded(said) == "production"


@pytest.mark.parametrize(
    ("voices", "wanted"),
    [
        ((), "unknown"),
        (("development",), "development"),
        (("development", "staging"), "staging"),
        (("development", "blue"), "blue"),
        (("staging", "production"), "production"),
    ],
)
def test_disagreement_is_the_strictest(voices: tuple[str, ...], wanted: str) -> None:
    """And a word that nobody knows asks for as much care as none."""
    assert environment.concluded(Heard("tags", voice, "x") for voice in voices) == wanted


def test_a_strangers_account_is_unknown() -> None:
    """What is known of our own account says nothing of a resource that an ARN puts into another."""
    said = environment.hear(
        REF, standing=None, claimed={}, accounts={"111111111111": "dev"}, signed_account="111111111111"
    )
    assert environment.concluded(said) == "unknown"
