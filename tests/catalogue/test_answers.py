"""Everything that any operation of the installed botocore hands out is rewritten, covered, or refused until somebody lets it out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.loaders import Loader

from keyturn.model.assessment import Kind
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws import answers, catalogue
from keyturn.providers.aws.rules import Context, rules_for
from tests.provider.provider_world import operation
from tools.catalogue import build_answers

OPENS = re.compile(r"secret|password|passphrase|private_?key|credential|token", re.IGNORECASE)
"""Wider than the tool's own words: whatever is marked sensitive and is called so."""

PAGES = re.compile(r"(next|client|pagination|continuation|page)_?token$", re.IGNORECASE)


@cache
def models() -> dict[str, Any]:
    loader = Loader()
    return {
        service: loader.load_service_model(service, "service-2")
        for service in loader.list_available_services("service-2")
    }


def members(
    shapes: dict[str, Any], name: str, path: str = "", seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, bool]]:
    """(path, marked sensitive) of every text that an answer reaches; written for this test, not the tool's."""
    shape = shapes[name]
    if name in seen:
        return
    if shape["type"] == "structure":
        for member, reference in shape["members"].items():
            target = shapes[reference["shape"]]
            place = f"{path}/{member}".lstrip("/")
            if target["type"] in {"string", "blob"}:
                yield place, bool(target.get("sensitive") or shape.get("sensitive"))
            yield from members(shapes, reference["shape"], place, (*seen, name))
    elif shape["type"] in {"list", "map"}:
        inner = shape["member" if shape["type"] == "list" else "value"]["shape"]
        yield from members(shapes, inner, f"{path}/*", (*seen, name))


@cache
def every_member() -> tuple[tuple[str, str, bool], ...]:
    """(operation, path, marked sensitive) of every text in every answer."""
    return tuple(
        (f"{service}:{name}", path, sensitive)
        for service, model in models().items()
        for name, described in model["operations"].items()
        if "output" in described
        for path, sensitive in members(model["shapes"], described["output"]["shape"])
    )


def told(name: str) -> set[str]:
    """What a case of this operation is said to be: the kinds of its findings, and its floor."""
    asked = operation(name, {})
    found = [rule.ask(Context(asked, {}, {})) for rule in rules_for(name)]
    return {str(finding.kind) for finding in found if finding is not None} | {str(asked.floor)}


def test_the_table_is_of_the_installed_botocore() -> None:
    """What ships is what the tool makes today: an operation that botocore adds shows up here."""
    made = {
        f"{service}:{name}": entry
        for service, model in models().items()
        for name in model["operations"]
        if (entry := build_answers.entry_of(service, name, model))
    }
    assert made.keys() == answers.every().keys(), "make catalogue"
    for name, entry in made.items():
        assert set(entry.get("secrets", {})) == set(answers.of(name).secrets), f"{name}: make catalogue"


def test_what_streams_is_what_sdks_read_as_a_stream() -> None:
    """By botocore's own word of every operation: as events, or as bytes that it does not wait for."""
    session = botocore.session.get_session()
    said: dict[str, str] = {}
    for service in session.get_available_services():
        model = session.get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            if operation.has_event_stream_output or operation.has_streaming_output:
                said[f"{service}:{name}"] = "events" if operation.has_event_stream_output else "bytes"
    made = {
        f"{service}:{name}": kind
        for service, model in models().items()
        for name in model["operations"]
        if (kind := build_answers.streamed_as(name, model))
    }
    assert made == said
    assert {name: answers.streamed(name) for name in said} == said, "make catalogue"
    assert len(said) >= 88


def test_what_hands_out_credentials_does_not_stream() -> None:
    """Its answer is read whole, so that it can be rewritten before the agent has a byte of it."""
    assert {
        name for name, found in answers.every().items() if found.rewritten and answers.streamed(name)
    } == set()


def test_every_secret_access_key_of_any_answer_is_rewritten() -> None:
    """By the plainest of scans: wherever such a member stands, the operation's answer is rewritten under that very name."""
    found = [
        (name, path)
        for name, path, _ in every_member()
        if re.fullmatch(r"secret_?access_?key", path.rpartition("/")[2], re.IGNORECASE)
    ]
    assert len(found) >= 37
    for name, path in found:
        wire = {triple.secret.lower() for triple in answers.of(name).triples}
        assert path.rpartition("/")[2].lower() in wire, f"{name} {path}"
        assert catalogue.lookup(*name.split(":")).effect not in READ_EFFECTS, name


def test_what_is_marked_and_called_a_secret_is_covered_or_refused() -> None:
    """Everything sensitive that is called a secret, password, token or credential: none of it passes by being overlooked."""
    excused = yaml.safe_load(build_answers.OVERLAY.read_text())["harmless"]
    open_ = []
    for name, path, sensitive in every_member():
        last = path.rpartition("/")[2]
        if not sensitive or not OPENS.search(last) or PAGES.search(last):
            continue
        service, hands_out = name.partition(":")[0], answers.of(name)
        ends = [f"{service}::{path.split('/', count)[-1]}" for count in range(path.count("/") + 1)]
        if hands_out.triples or hands_out.covered or any(end in excused for end in ends):
            continue
        if not told(name) & {str(Kind.SECRET), str(Effect.SECRET)}:
            open_.append(f"{name} {path}")
    assert open_ == []


@pytest.mark.parametrize("name", sorted(answers.every()))
def test_what_hands_something_out_is_no_plain_read_and_no_plain_change(name: str) -> None:
    """Each operation of the table is rewritten, covered, or heard of as a secret by policy."""
    hands_out = answers.of(name)
    heard = told(name)
    if catalogue.lookup(*name.split(":")).effect in READ_EFFECTS:
        assert hands_out.left == ()
    if hands_out.left:
        assert str(Kind.SECRET) in heard
    elif hands_out.covered:
        assert hands_out.rewritten
    if hands_out.triples:
        assert str(Kind.NOTE) in heard


def test_every_word_of_the_overlay_still_speaks_of_something() -> None:
    """A reason for what is not there any more hides what comes under its name later."""
    overlay = yaml.safe_load(build_answers.OVERLAY.read_text())
    reached = {f"{name}:{path}" for name, path, _ in every_member()}
    for name, paths in overlay["also"].items():
        for path in paths:
            assert f"{name}:{path}" in reached, f"{name} {path}"
    for key in overlay["harmless"]:
        service, _, end = key.partition("::")
        spoken = key in reached or any(
            place.startswith(f"{service}:") and place.endswith(end) for place in reached
        )
        assert spoken, key
