"""How one operation is classified from what sources say of it; and an operation that is younger than the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from keyturn.executors.newer import models
from keyturn.model.change import READ_EFFECTS, Effect, Lane
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.catalogue.classify import Evidence, classify, verb_of

E = Effect
SAID: list[tuple[str, Evidence, Effect]] = [
    ("two sources agree", Evidence("s", "DescribeThing", level="Read", said="describes"), E.READ),
    ("a trait and a verb", Evidence("s", "GetThing", readonly=True), E.READ),
    ("many", Evidence("s", "ListThings", level="List"), E.LIST),
    ("the reference calls a read a write", Evidence("s", "DescribeThing", level="Write"), E.EXECUTE),
    ("the trait is wrong", Evidence("s", "StartRevocation", readonly=True, said="starts"), E.EXECUTE),
    ("a GET that is called a deletion", Evidence("s", "DeleteThing", method="GET", said="deletes"), E.DELETE),
    ("the reference alone", Evidence("s", "FrobnicateThing", level="Read"), E.EXECUTE),
    ("the verb alone", Evidence("s", "GetThing"), E.EXECUTE),
    (
        "verb and documentation, and it answers",
        Evidence("s", "GetThing", said="returns", answers=True),
        E.READ,
    ),
    ("verb and documentation, and it answers nothing", Evidence("s", "GetThing", said="returns"), E.EXECUTE),
    (
        "a verb that is not one of the four",
        Evidence("s", "CheckThing", said="returns", answers=True),
        E.EXECUTE,
    ),
    ("a token for repeats", Evidence("s", "GetThing", said="returns", answers=True, token=True), E.EXECUTE),
    (
        "a documentation that says otherwise",
        Evidence("s", "CheckThing", level="Read", said="deletes"),
        E.DELETE,
    ),
    (
        "a credential",
        Evidence("s", "GetThingCredentials", level="Read", said="returns", answers=True),
        E.SECRET,
    ),
    (
        "a sensitive answer",
        Evidence("s", "DescribeThing", level="Read", said="returns", hands_out=True),
        E.SECRET,
    ),
    ("an assumed role", Evidence("s", "AssumeThingRole", level="Write", answers=True), E.SECRET),
    ("a tag", Evidence("s", "UntagResource", method="DELETE"), E.TAG),
    (
        "the reference says who may",
        Evidence("s", "PutWidget", level="Permissions management, Write"),
        E.PERMISSION,
    ),
    (
        "a policy of a resource",
        Evidence("s", "DeleteResourcePolicy", method="DELETE", level="Write"),
        E.PERMISSION,
    ),
    ("a scheduled deletion", Evidence("s", "ScheduleThingDeletion", level="Write"), E.DELETE),
    ("a deletion that is called off", Evidence("s", "CancelThingDeletion", level="Write"), E.UPDATE),
    ("how before what", Evidence("s", "BatchGetThings", level="Read"), E.READ),
    ("nothing but a method", Evidence("s", "Frobnicate", method="DELETE"), E.DELETE),
    ("nothing but a documentation", Evidence("s", "Frobnicate", said="creates"), E.CREATE),
    ("nothing", Evidence("s", "Frobnicate"), E.EXECUTE),
]


@pytest.mark.parametrize(
    ("what", "evidence", "effect"), SAID, ids=[line[0].replace(" ", "-") for line in SAID]
)
def test_what_sources_say_makes_an_effect(what: str, evidence: Evidence, effect: Effect) -> None:
    """A read needs two that agree and none that dissents; whatever is left in doubt changes something."""
    assert classify(evidence).effect is effect, what


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("BatchGetItem", "get"),
        ("AdminCreateUser", "create"),
        ("DeleteDBInstance", "delete"),
        ("Batch", "batch"),
        ("", ""),
    ],
)
def test_the_verb_is_what_is_done(name: str, verb: str) -> None:
    """Not how: BatchDeleteImage deletes."""
    assert verb_of(name) == verb


MODEL: dict[str, Any] = {
    "version": "2.0",
    "metadata": {
        "apiVersion": "2030-01-01",
        "endpointPrefix": "widgets",
        "protocol": "rest-json",
        "serviceId": "Widgets",
        "signatureVersion": "v4",
        "uid": "widgets-2030-01-01",
    },
    "operations": {
        "ListWidgets": {
            "name": "ListWidgets",
            "http": {"method": "GET", "requestUri": "/widgets"},
            "output": {"shape": "Answer"},
            "documentation": "<p>Lists widgets.</p>",
        },
        "DescribeWidget": {
            "name": "DescribeWidget",
            "http": {"method": "POST", "requestUri": "/widgets/describe"},
            "output": {"shape": "Answer"},
            "documentation": "<p>Recreates a widget.</p>",
        },
        "GetWidgetToken": {
            "name": "GetWidgetToken",
            "http": {"method": "GET", "requestUri": "/widgets/token"},
            "output": {"shape": "Token"},
            "documentation": "<p>Returns a token.</p>",
        },
        "ShredWidget": {
            "name": "ShredWidget",
            "http": {"method": "DELETE", "requestUri": "/widgets"},
            "documentation": "<p>Shreds a widget.</p>",
        },
        "FrobnicateWidget": {"name": "FrobnicateWidget", "http": {"method": "POST", "requestUri": "/f"}},
    },
    "shapes": {
        "Answer": {"type": "structure", "members": {"Name": {"shape": "String"}}},
        "Token": {"type": "structure", "members": {"AuthToken": {"shape": "Secret"}}},
        "String": {"type": "string"},
        "Secret": {"type": "string", "sensitive": True},
    },
}


@pytest.fixture
def newer(tmp_path: Path) -> Iterator[None]:
    """A botocore with a service that nobody has heard of yet."""
    home = tmp_path / "widgets/2030-01-01"
    home.mkdir(parents=True)
    (home / "service-2.json").write_text(json.dumps(MODEL))
    catalogue.read_newer_from(models(Loader(extra_search_paths=[str(tmp_path)])))
    yield
    catalogue.read_newer_from(lambda _: None)


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("ListWidgets", Effect.LIST),
        ("DescribeWidget", Effect.EXECUTE),  # nothing beside its verb says that it reads
        ("GetWidgetToken", Effect.SECRET),
        ("ShredWidget", Effect.DELETE),
        ("FrobnicateWidget", Effect.EXECUTE),
        ("NoSuchOperation", Effect.EXECUTE),
    ],
)
def test_a_service_that_is_younger_than_the_catalogue(newer: None, name: str, effect: Effect) -> None:
    """Classified on the spot, offline, from what botocore ships; in doubt it is a change, and it says that it is new."""
    entry = catalogue.lookup("widgets", name)
    assert entry.effect is effect
    assert entry.confidence in {"medium", "low", "unknown"}
    assert (catalogue.lane("widgets", name) is Lane.READ) == (effect in READ_EFFECTS)
    assert ("younger than the catalogue" in entry.reason) == (name in MODEL["operations"])


def test_without_a_newer_botocore_it_stays_unknown() -> None:
    """And so changes something."""
    assert catalogue.lookup("widgets", "ListWidgets").confidence == "unknown"
    assert catalogue.lane("widgets", "ListWidgets") is Lane.CHANGE
