"""The README does what it says; and the one who checks it can tell when it does not."""

from __future__ import annotations

import re

import pytest

from tools.docs import ROOT
from tools.docs.readme import blocks, check, matches, session, wrong_commands

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_session_on_the_first_screen_is_real() -> None:
    """Typed again by the same people on a plane of its own; what they are shown is what stands there."""
    assert check(ROOT / "README.md") == []


@pytest.mark.slow
def test_the_first_hour_goes_as_it_is_told() -> None:
    """docs/start.md, typed by the three people in it."""
    assert check(ROOT / "docs" / "start.md") == []


def test_the_first_screen_has_a_session_and_a_picture() -> None:
    """A reader sees what it does before she scrolls."""
    assert 0 < README.index("```console") < 600
    picture = re.search(r"!\[.+?\]\((.+?)\)", README)
    assert picture is not None
    assert (ROOT / picture[1]).is_file()
    assert README[: picture.start()].count("\n") < 45


@pytest.mark.parametrize(
    ("shown", "said", "expected"),
    [
        ("C-1 is held", "C-1 is held\n", True),
        ("C-1 is held", "C-1 is approved\n", False),
        ("C-1 ... held", "C-1 is now being held\n", True),
        ("broken\nhere", "broken here", True),
        ("C-1 is held", "C-1 is held\nand more", False),
        ("C-1 is held\n...", "C-1 is held\nand more", True),
        ("costs $5 (or less)", "costs $5 (or less)", True),
        ("", "", True),
        ("", "something", False),
    ],
)
def test_how_a_page_is_compared(shown: str, said: str, expected: bool) -> None:
    """Word by word; only `...` stands for what is not shown."""
    assert matches(shown, said) is expected


def test_a_session_is_people_typing() -> None:
    """A prompt names who types; what stands below is what she is shown."""
    typed = list(session("bob$ one\nsaid\nsaid again\ndana$ two\n"))
    assert [(one.person, one.command, one.shown) for one in typed] == [
        ("bob", "one", "said\nsaid again"),
        ("dana", "two", ""),
    ]
    with pytest.raises(ValueError, match="nobody has typed"):
        list(session("said\n"))


def test_commands_that_do_not_exist_are_found() -> None:
    """Targets, commands and options; and what exists is let be."""
    page = "```sh\nmake demo; make nothing\nkeyturn inbox --al   # a typo\nkeyturn nope\nkeyturn verify log.zip\n```\n"
    found = wrong_commands(page)
    assert len(found) == 3
    assert found[0] == "make nothing"
    assert "--al" in found[1]
    assert "there is no command nope" in found[2]


def test_blocks_are_found_by_language() -> None:
    """What is meant for a reader alone is not run."""
    assert blocks("```sh\na\n```\ntext\n```text\nb\n```\n", "text") == ["b\n"]
