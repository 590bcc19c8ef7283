"""A case as coloured text. Every text of others is data here, never markup: nothing an agent writes can draw anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from keyturn.cli import diffing, graph, text

TONES: Final = {"good": "green", "warn": "yellow", "bad": "bold red", "plain": ""}
_ODD: Final = r"⟨U\+[0-9A-F]{4,6}⟩"
"""Characters that are not seen, as the console has made them visible."""


def line(case: dict[str, Any]) -> Text:
    """One line of the inbox."""
    made = Text(no_wrap=True, overflow="ellipsis")
    goes = case["symbol"] in {"-", "-/+"}
    made.append(f"{case['id']:7} ", "bold")
    made.append(f"{'●' * case.get('risk_rank', 0):4} ", "red" if goes else "yellow")
    made.append(f"{case['symbol']:3} ", "bold red" if goes else "")
    made.append(f"{', '.join(case['resources'][:1]) or '-'}")
    if len(case["resources"]) > 1:
        made.append(f" +{len(case['resources']) - 1}")
    made.append(f"  {case['agent'] or 'a person'} <- {case['operator']}", "dim")
    made.append(f"  {case['phase']}", "" if case["phase"] == "held" else "dim")
    if case["quorum"]:
        made.append(f" {len(case['approvals'])}/{case['quorum']}")
    if (who := text.looks(case)) != "-":
        made.append(f"  {who} looks", "yellow")
    if case["phase"] == "held":
        made.append(f"  {text.left(case['deadline_ms'])} left", "dim")
    return _marked(made)


def review(found: dict[str, Any], graphed: dict[str, Any]) -> Text:
    """The review page, in its order: the five answers first, what goes before what changes, nothing folded and nothing cut."""
    made = Text()
    for part in _parts(found, graphed):
        made.append_text(part)
    return _marked(made)


def _parts(found: dict[str, Any], graphed: dict[str, Any]) -> Iterator[Text]:
    yield Text(f"{found['id']}  ", "bold") + Text(
        f"{found['phase'].upper()}  {found['symbol']} {found['effect']} in {found['environment'] or '?'}\n"
    )
    yield Text(f"{', '.join(found['resources'])}\n\n", "bold")
    for answer in found["answers"]:
        yield Text(f"{answer['question']:18}", "dim") + Text(f"{answer['short']}. ", TONES[answer["tone"]])
        yield Text(f"{answer['text']}\n")
    for one in filter(None, [found["hindrance"], *found.get("foreign_letters", [])]):
        yield Text(f"✖ {one}\n", "bold red")
    if found["whole"]:
        yield Text(f"✖ Nobody can approve this: {found['whole']}.\n", "bold red")
    yield from _section("NARROWER", "\n".join(_narrower(found)))
    yield from _section("BEFORE AND AFTER", diffing.text(found))
    yield from _section("WHO RELIES ON IT", graph.text(graphed))
    yield from _section("UNDO", "\n".join(text.undo_lines(found)).strip())
    who = f"{found['agent'] or 'A person'} for {found['operator']}, {text.when(found['opened_at_ms'])}"
    yield from _section("WHO AND WHY", who)
    intent = (found.get("change") or {}).get("intent", "")
    if intent and found["agent"]:
        yield Text(f"The agent says. Not checked by anybody: {intent}\n", "black on yellow")
    elif intent:
        yield Text(f"{intent}\n")
    decision = found.get("decision") or {}
    rules = [
        f"{decision['verdict']}: {one['message']} [{one['policy']}]" for one in decision.get("reasons", [])
    ]
    yield from _section("THE RULE", "\n".join(rules))
    yield from _section("AS IT WAS ASKED", "\n".join(_asked(found)))
    yield from _section(
        "STORY",
        "\n".join(f"{text.when(one['at_ms'])}  {one['name']:20}  {one['said']}" for one in found["story"]),
    )


def _section(title: str, body: str) -> Iterator[Text]:
    if body:
        yield Text(f"\n{title}\n", "bold underline")
        yield Text(f"{body}\n")


def _narrower(found: dict[str, Any]) -> Iterator[str]:
    for way in (found.get("assessment") or {}).get("alternatives", []):
        yield ("This does the same, in place: " if way["exact"] else "") + way["why"]
        yield from (f"  {command}" for command in way.get("commands", []))


def _asked(found: dict[str, Any]) -> Iterator[str]:
    import json

    for operation in (found.get("change") or {}).get("operations", []):
        yield f"{operation['name']} {json.dumps(operation['parameters'], ensure_ascii=False, indent=2)}"


def _marked(made: Text) -> Text:
    made.highlight_regex(_ODD, "reverse yellow")
    return made
