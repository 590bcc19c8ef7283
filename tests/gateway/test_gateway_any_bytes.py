"""The short part of `make fuzz`: whatever comes, every reader answers or refuses, nothing is raised, nothing is forwarded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.fuzz.targets import TARGETS

CORPUS = Path(__file__).parents[2] / "tools" / "fuzz" / "corpus"


def seeds(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_bytes_are_answered(target: str, data: st.DataObject) -> None:
    """Bytes from nowhere, and what clients send with some of it taken out, doubled or replaced."""
    base = data.draw(st.one_of(st.binary(max_size=300), st.sampled_from(seeds(target))))
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(base)))
        end = data.draw(st.integers(start, min(len(base), start + 12)))
        base = (
            base[:start]
            + data.draw(st.one_of(st.binary(max_size=6), st.just(base[start:end] * 2)))
            + base[end:]
        )
    TARGETS[target](base)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_is_small_and_holds_what_clients_send(target: str) -> None:
    """Some honest requests to begin with, a few kilobytes each."""
    found = seeds(target)
    assert len(found) >= 2
    for seed in found:
        assert len(seed) <= 8_192
        TARGETS[target](seed)
