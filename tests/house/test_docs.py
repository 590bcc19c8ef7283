"""What is written is true of the tree: links lead somewhere, names exist, tables are the code's, decisions are numbered."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import msgspec
import pytest

from keyturn import config
from keyturn.cli.main import main
from keyturn.core.case import Phase
from keyturn.core.lifecycle import LIFECYCLE
from keyturn.model.change import Effect
from keyturn.model.decision import Verdict
from tests.house import tree
from tools.docs import FOLDER, ROOT
from tools.docs.pages import PAGES

PAGES_OF_PROSE = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "demo").glob("*.md")})
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _prose(path: Path) -> str:
    """A page without its fenced blocks: what stands in them is an example."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


# --- links and names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES_OF_PROSE, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading of it where one is named."""
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, heading = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{_name(page)} links to {target}"
        if heading:
            assert heading in _headings(found), f"{_name(page)}: {target} has no such heading"


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES_OF_PROSE, ids=_name)
def test_every_file_named_exists(page: Path) -> None:
    """A path in code ticks is a path of the repository, or under the package."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]*\.(?:py|md|toml|yaml|cedar))(?:::?[\w.:]+)?`", _prose(page))
    for name in named:
        roots = (ROOT, tree.SRC, tree.SRC / "keyturn", page.parent)
        assert any((root / name).exists() for root in roots), f"{_name(page)} names {name}"


def test_the_request_of_the_architecture_page_goes_where_it_says() -> None:
    """`file:name` under src/keyturn, for every step of the story."""
    text = _prose(ROOT / "ARCHITECTURE.md")
    named = re.findall(r"`([\w/]+\.py):([\w.]+)`", text)
    assert len(named) > 40
    for name, inner in named:
        path = tree.SRC / "keyturn" / name
        assert path.exists(), name
        assert inner in tree.defined(path), f"{name} has no {inner}"


@pytest.mark.parametrize("page", PAGES_OF_PROSE, ids=_name)
def test_every_test_that_a_page_rests_on_exists(page: Path) -> None:
    """Above all SECURITY.md: a claim names the test that shows it, and the test is there."""
    for name, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _prose(page)):
        path = ROOT / name
        assert path.exists(), f"{_name(page)} rests on {name}"
        assert test in tree.defined(path), f"{_name(page)} rests on {name}::{test}"


def test_every_page_that_code_cites_exists() -> None:
    """In comments, docstrings and the help of errors."""
    cited = 0
    for path in tree.tracked():
        if path.suffix in {".py", ".cedar", ".html"} and path != Path(__file__):
            for name in re.findall(r"\bdocs/[\w/-]+\.(?:md|png)", path.read_text(encoding="utf-8")):
                cited += 1
                assert (ROOT / name).exists(), f"{_name(path)} cites {name}"
    assert cited > 5


def test_every_command_that_an_error_recommends_exists() -> None:
    """Who is told to run something can run it: in strings of the package, ``keyturn WORD`` is a command."""
    spoken = re.compile(r"(?:[:`;]|\btry|\brun|\bsee|\bwith) ?`?keyturn ([a-z-]+[a-z])(?: ([a-z]+))?")
    told = 0
    for module, path in tree.modules().items():
        for node in ast.walk(tree.parsed(path)):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            for word, inner in spoken.findall(node.value):
                told += 1
                command = main.get_command(click.Context(main), word)
                assert command is not None, f"{module} recommends keyturn {word}"
                if isinstance(command, click.Group) and inner:
                    assert inner in command.commands, f"{module} recommends keyturn {word} {inner}"
    assert told > 10


def test_security_rests_on_tests() -> None:
    """Fewer than this means that claims have lost their tests."""
    assert len(re.findall(r"`tests/[\w/]+\.py::\w+`", _prose(ROOT / "SECURITY.md"))) >= 20


# --- made from the code ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_as_the_code_is(name: str) -> None:
    """Otherwise: make docs."""
    stands = (FOLDER / name).resolve()
    assert stands.exists(), "make docs"
    assert stands.read_text(encoding="utf-8") == PAGES[name](), "make docs"


def test_every_setting_is_documented() -> None:
    """By the table that the configuration makes of itself, so that nothing is left out."""
    page = (FOLDER / "settings.md").read_text(encoding="utf-8")
    settings = re.findall(r"^\| `([\w.]+)`", config.settings_table(), re.MULTILINE)
    assert len(settings) >= len(msgspec.structs.fields(config.Config))
    for setting in settings:
        section, _, name = setting.rpartition(".")
        under = page.partition(f"## [{section}]" if section else "## At the top")[2].partition("\n## ")[0]
        assert f"| `{name}` |" in under, setting


def test_every_phase_and_effect_is_documented() -> None:
    """What an operator meets on a page, she finds in the reference."""
    lifecycle = (FOLDER / "lifecycle.md").read_text(encoding="utf-8")
    effects = (FOLDER / "effects.md").read_text(encoding="utf-8")
    assert [phase for phase in Phase if f"| **{phase}** |" not in lifecycle] == []
    assert [effect for effect in Effect if f"| `{effect}` |" not in effects] == []


def test_the_picture_of_review_is_the_table() -> None:
    """Every way out of *held* and *approved*, and none that there is not."""
    page = (FOLDER.parent / "concepts" / "review.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^    (\w+) --> (\w+): ", page, re.MULTILINE))
    table = {
        (str(phase), str(target))
        for phase in (Phase.HELD, Phase.APPROVED)
        for targets in LIFECYCLE[phase].values()
        for target in targets
        if target is not phase
    }
    assert drawn == table


# --- decisions, rules, words -----------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_holes() -> None:
    """A number names one decision for ever; a hole would be one that was taken away."""
    numbers = [int(path.name[:4]) for path in ADRS]
    assert numbers == list(range(1, len(ADRS) + 1))
    for path in ADRS:
        assert path.read_text(encoding="utf-8").startswith(f"# {path.name[:4]}: ")


@pytest.mark.parametrize("page", ADRS, ids=_name)
def test_a_decision_says_what_was_rejected_and_what_it_costs(page: Path) -> None:
    """Otherwise it is an announcement, and the next one who doubts it begins anew."""
    text = page.read_text(encoding="utf-8")
    for part in ("**Context.**", "**Options**", "**Outcome.**", "**Kept downsides.**"):
        assert part in text
    assert len(re.findall(r"^\d\. ", text, re.MULTILINE)) >= 2


def test_every_decision_that_is_cited_exists() -> None:
    """And every one is cited by the architecture page."""
    known = {path.name[:4] for path in ADRS}
    for path in tree.tracked():
        if path.suffix in {".py", ".md", ".cedar", ".toml"}:
            cited = set(re.findall(r"ADR (\d{4})", path.read_text(encoding="utf-8")))
            assert cited <= known, f"{_name(path)} cites {cited - known}"
    assert known == set(
        re.findall(r"\[(\d{4})\]\(docs/adr/", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    )


def test_every_rule_that_is_cited_exists() -> None:
    """Code cites rules as ``docs/concepts/rules.md, 3``; nothing cites a page that is not in the repository."""
    page = (ROOT / "docs" / "concepts" / "rules.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^(\d+)\. \*\*", page, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    cited = 0
    for path in tree.tracked():
        if path.suffix == ".py" and path != Path(__file__):
            for found in re.findall(
                r"docs/concepts/rules\.md, (\d+)(?: and (\d+))?", path.read_text(encoding="utf-8")
            ):
                cited += 1
                assert {number for number in found if number} <= set(numbers), _name(path)
    assert cited >= 5


def test_the_glossary_has_one_line_a_word() -> None:
    """Sorted, each once; and what the code calls a verdict or an effect is explained."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.MULTILINE)
    assert words == sorted(set(words))
    assert len(words) > 50
    lines = dict(re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \|$", text, re.MULTILINE))
    assert all(verdict.value in lines["verdict"] for verdict in Verdict)
    assert all(effect.value in lines["effect"] for effect in Effect)


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    """`make help` is the list; a target that is a file's name by accident still runs."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):(.*)$", text, re.MULTILINE)
    assert len(targets) > 10
    assert [name for name, rest in targets if "## " not in rest] == []
    phony = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split()
    assert sorted(phony) == sorted(name for name, _ in targets)
