"""Samples that were drawn at random and labelled before anything was asked (`tests/provider/corpus/blind`): what is said of them now."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from botocore.loaders import Loader

from keyturn.explaining import Explainer, asked_of
from keyturn.policy import load as policies
from keyturn.providers.aws import answers, catalogue
from keyturn.providers.aws.resources import resources_of
from keyturn.providers.aws.told_arns import told_arn
from keyturn.providers.aws.wire_table import load
from tools.accuracy.naming import HOME, given
from tools.catalogue.sources import Authorization, services

HERE: Final = Path(__file__).parents[1] / "provider" / "corpus" / "blind"


def labelled(name: str) -> list[tuple[str, str]]:
    """(operation, label) of each line."""
    lines = (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [(one.split()[0], one.split()[1]) for one in lines if one and not one.startswith("#")]


def asked(name: str, *, whole: bool) -> dict[str, Any]:
    """What the operation may be given: what it must be, or all of it."""
    service, _, action = name.partition(":")
    known = load().service(service)
    shape = known.input(action)
    return given(known, shape, whole=whole) if shape is not None else {}


def effects(name: str) -> set[str]:
    service, _, action = name.partition(":")
    explainer = Explainer(policies(["seatbelt"]))
    found = {catalogue.lookup(service, action).effect.value}
    for whole in (False, True):
        question = {"service": service, "operation": action, "parameters": asked(name, whole=whole)}
        found |= set(explainer.explain(asked_of(question)).row()["effects"])
    return found


MISSED_PERMISSIONS: Final = {"sns:SetTopicAttributes"}
"""By its attribute: with ``Policy`` it is one."""


def test_changes_of_permissions_are_told() -> None:
    """Blind: 71 of 72 (98.6 %)."""
    sample = labelled("permissions")
    missed = {name for name, label in sample if label == "yes" and "permission" not in effects(name)}
    assert (len(sample), missed) == (80, MISSED_PERMISSIONS)


def test_secrets_in_answers_are_told_or_covered() -> None:
    """Blind: 51 of 51; 47 by the effect, 4 stand among what a read shows and are covered there."""
    sample = labelled("secrets")
    missed = []
    for name, label in sample:
        service, _, action = name.partition(":")
        out = answers.of(name)
        told = catalogue.lookup(service, action).effect.value == "secret"
        if label == "yes" and not (told or out.triples or out.covered or out.left):
            missed.append(name)
    assert (len(sample), missed) == (75, [])


def test_secrets_in_answers_stand_among_the_effects() -> None:
    """Asked of a second sample too, whatever the gateway makes of them. Blind: 16 of 25, and 43 of the 51 of the first."""
    samples = {name: labelled(name) for name in ("secrets", "more_secrets")}
    missed = {
        name: [one for one, label in sample if label == "yes" and "secret" not in effects(one)]
        for name, sample in samples.items()
    }
    assert {name: len(sample) for name, sample in samples.items()} == {"secrets": 75, "more_secrets": 150}
    assert missed == {"secrets": [], "more_secrets": ["eks:DeleteEksAnywhereSubscription"]}


def test_reads_that_answer_with_a_link_stay_reads() -> None:
    """The link is beside the point of the read, and said beside it."""
    assert {
        name: effect_of(name)
        for name in answers.links()
        if effect_of(name) not in {"read", "list", "compute"}
    } == {}
    assert [name for name in sorted(answers.links()) if "secret" not in effects(name)] == []


def effect_of(name: str) -> str:
    service, _, action = name.partition(":")
    return catalogue.lookup(service, action).effect.value


def test_what_an_operation_does_is_told() -> None:
    """400 of them, of all services. Blind: 399; the other one answers with signed links to logs, which its label overlooked."""
    sample = labelled("effects")
    wrong = {name: effect_of(name) for name, label in sample if effect_of(name) not in label.split("|")}
    assert (len(sample), wrong) == (400, {"gamelift:DescribeFleetEvents": "secret"})


@cache
def _forms() -> dict[str, dict[str, list[str]]]:
    """Service -> type, in small letters without marks -> the forms of its ARN, by the Service Authorization Reference."""
    reference = Authorization().data
    found: dict[str, dict[str, list[str]]] = {}
    for service, _, _, prefixes in services(Loader()):
        types = found.setdefault(service, {})
        for prefix in prefixes:
            if reference.services.service_exists(prefix):
                for kind in reference.resources.get_resource_types_for_service(prefix):
                    arn = reference.resources.get_resource_type_details(prefix, kind).get("arn") or ""
                    types.setdefault(_plain(kind).removesuffix("resource"), []).extend(arn.split(", "))
    return found


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower()).rstrip("s")


def _written_as(form: str, arn: str) -> bool:
    parts = re.split(r"\$\{\w+\}", form)
    return re.fullmatch(".*".join(map(re.escape, parts)), arn) is not None


def right(name: str, label: str) -> tuple[bool, bool]:
    """Whether an ARN is told, and whether what is told is right: an ARN of a type that the label names, or none where there is none to tell."""
    service, _, action = name.partition(":")
    for whole in (False, True):
        parameters = asked(name, whole=whole)
        first = resources_of(service, action, parameters, HOME)[0]
        if first.id != "*":
            break
    arn = told_arn(first, service, action, parameters)
    if not arn:
        return False, True
    if arn.startswith("arn:aws:any:"):  # as the request says it: the member has to be called so
        member = _plain(re.sub(r"(?i)arns?$", "", arn.rpartition("/")[2]))
        return True, label == "arn" or any(_plain(one) in member or not member for one in label.split("|"))
    known = _forms().get(service, {})
    return True, any(
        _written_as(form, arn) for one in label.split("|") for form in known.get(_plain(one), ())
    )


TOLD_BLIND, RIGHT_BLIND = 143, 129
"""When nothing knew them: 90.2 % of the ARNs were right. The others were a mention of something else, or not whole."""

WRONG: Final = {"backup:CreateBackupAccessPoint"}
"""What is made there has an ARN that the reference does not give."""


def test_what_a_change_is_about_is_told_as_the_reference_writes_it() -> None:
    """An ARN is told where it is known, and is right; elsewhere the account is said, and nothing is guessed."""
    sample = labelled("resources")
    seen = {name: right(name, label) for name, label in sample}
    told = {name for name, (arn, _) in seen.items() if arn}
    wrong = {name for name in told if not seen[name][1]}
    assert len(sample) == 200
    assert len(told) >= 135
    assert wrong == WRONG
