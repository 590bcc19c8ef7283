"""The mapping to controls of others: evidence for, as it stands, with the test that shows each point of the list that asks for one."""

from __future__ import annotations

from typing import Final

import msgspec
import pytest

from keyturn.core.controls import CONTROLS, MEASURES, Facts, Standing, claims
from tests.house import tree

GOOD: Final = Facts(
    mode="enforcing",
    events={"decided": 3, "reviewed": 2, "passkey_changed": 1, "drilled": 1},
    reviewers=3,
    auditors=1,
    signed_entries=90,
    log_entries=96,
    drill_every_s=0,
    review_deadline_s=86_400,
    policy_digest="sha256:ba76fd6bdf5fdd0a",
)


def standing(facts: Facts) -> dict[str, Standing]:
    return {f"{one.control.of} {one.control.id}": one.standing for one in claims(facts)}


def test_every_test_that_is_named_exists() -> None:
    """A claim about AISVS names the tests that show it, and they are there."""
    for control in CONTROLS:
        assert bool(control.tests) == bool(control.of.startswith("OWASP") and control.rests), control.id
        for name in control.tests:
            path, _, test = name.partition("::")
            assert test in tree.defined(tree.ROOT / path), f"{control.id} rests on {name}"


def test_the_lists_are_whole() -> None:
    """C9.2 has eleven points and C9.6 three; each stands here, claimed or not."""
    points = [control.id for control in CONTROLS if control.of.startswith("OWASP")]
    assert points == [
        *(f"9.2.{number}" for number in range(1, 12)),
        *(f"9.6.{number}" for number in range(1, 4)),
    ]
    assert {name for control in CONTROLS for name in control.rests} == set(MEASURES)


def test_nothing_is_claimed_but_evidence() -> None:
    """No claim says that somebody complies; where there is none, what is lacking is said."""
    for control in CONTROLS:
        assert control.claim.startswith("Evidence ") if control.rests else control.claim == "No claim."
        assert control.rests or control.lacks


def test_a_good_installation_has_what_every_claim_rests_on() -> None:
    """Present everywhere, but where nothing is claimed."""
    assert {name for name, found in standing(GOOD).items() if found is not Standing.PRESENT} == {
        "OWASP AISVS 1.01-dev 9.2.5",
        "OWASP AISVS 1.01-dev 9.2.6",
    }


@pytest.mark.parametrize(
    ("lacking", "control", "found"),
    [
        ({"mode": "observe"}, "SOC 2 (TSC 2017) CC8.1", Standing.ABSENT),
        ({"mode": "advisory"}, "ISO/IEC 27001:2022 A.8.32", Standing.NOT_CONFIGURED),
        (
            {"unfilled": ("0 of 1 of security: nobody",)},
            "OWASP AISVS 1.01-dev 9.2.1",
            Standing.NOT_CONFIGURED,
        ),
        ({"reviewers": 1}, "OWASP AISVS 1.01-dev 9.2.1", Standing.ABSENT),
        ({"events": {}}, "OWASP AISVS 1.01-dev 9.2.8", Standing.NOT_CONFIGURED),
        ({"signed_entries": 0}, "EU AI Act (2024/1689) Art. 12", Standing.ABSENT),
        ({"auditors": 0}, "EU AI Act (2024/1689) Art. 12", Standing.NOT_CONFIGURED),
        ({"events": {}}, "ISO/IEC 27001:2022 A.8.32", Standing.NOT_CONFIGURED),
    ],
    ids=str,
)
def test_what_is_not_there_is_said(lacking: dict[str, object], control: str, found: Standing) -> None:
    """A claim stands as its weakest ground does."""
    assert standing(msgspec.structs.replace(GOOD, **lacking))[control] is found
