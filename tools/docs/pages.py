"""The pages of docs/reference, each a function of the code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, Final, get_args

import click
import msgspec

from keyturn import config
from keyturn.cli import main as cli
from keyturn.console.roles import table as access_table
from keyturn.core.advance import owed
from keyturn.core.case import Case, Phase
from keyturn.core.lifecycle import BEFORE_CALL, LIFECYCLE, TERMINAL, diagram
from keyturn.model import record
from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import READ_EFFECTS, Effect, Lane
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.rules import REGISTRY, Rule
from tools.docs import DOCS, controls, errors, preconditions, radius, rest
from tools.docs.recipes import recipes
from tools.docs.source import cell, code, field_comments, generated, summary, table

HELP_COLUMNS: Final = 100


# --- settings --------------------------------------------------------------------------------------------------------


def settings() -> str:
    """Every setting, by section, with type, default and what it is for."""
    parts = [
        (
            "One TOML file: `--config`, then `KEYTURN_CONFIG`, then `~/.config/keyturn/keyturn.toml`; `keyturn init` writes one. "
            "What is left out has the default shown here. A setting that does not exist stops the start and is named, "
            "with the nearest that does.\n"
        ),
    ]
    top, sections = _fields(config.Config)
    parts += ["## At the top\n", table(("setting", "type", "default", "what it is for"), top)]
    for name, struct in sections:
        rows, _ = _fields(struct)
        parts += [
            f"## [{name}]\n",
            summary(struct) + "\n",
            table(("setting", "type", "default", "what it is for"), rows),
        ]
    return generated("Settings", "src/keyturn/config.py", "\n".join(parts))


def _fields(struct: type[Any]) -> tuple[list[tuple[str, ...]], list[tuple[str, type[Any]]]]:
    comments = field_comments(struct)
    rows: list[tuple[str, ...]] = []
    sections: list[tuple[str, type[Any]]] = []
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            sections.append((field.name, field.type))
            continue
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory
        shown = default() if callable(default) else default
        says = cell(comments.get(field.name, ""))
        rows.append((f"`{field.name}`", _type(field.type), code(_toml(shown)), says))
    return rows, sections


def _type(of: Any) -> str:
    words = {str: "text", int: "number", float: "number", bool: "true or false"}
    return words.get(of, "list of text" if "tuple" in str(of) else "table of text")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


# --- command line ----------------------------------------------------------------------------------------------------


def command_line() -> str:
    """Every command's own help."""
    parts = [
        summary(cli) + "\n",
        (
            "Exit codes: **0** done, or allowed; **2** held, it waits for people; **3** denied, or refused to you, or a check does not hold; "
            "**1** an error: it failed, it was used wrongly, the console cannot be reached. "
            "`keyturn run` ends with the exit code of the agent.\n"
        ),
        *_commands(cli.main, None, "keyturn"),
    ]
    return generated("The command line", "src/keyturn/cli", "\n".join(parts))


def _commands(command: click.Command, parent: click.Context | None, name: str) -> list[str]:
    context = click.Context(
        command,
        parent=parent,
        info_name=name,
        terminal_width=HELP_COLUMNS,
        max_content_width=HELP_COLUMNS,
        **command.context_settings,
    )
    parts = [f"## {context.command_path}\n", f"```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                parts += _commands(found, context, inner)
    return parts


# --- life cycle ------------------------------------------------------------------------------------------------------


def lifecycle() -> str:
    """The table, drawn and written out."""
    comments = field_comments(Phase)
    rows = []
    for phase, row in LIFECYCLE.items():
        leads = [
            f"{event.__name__} → {', '.join(target for target in targets if target is not phase)}"
            for event, targets in row.items()
            if any(target is not phase for target in targets)
        ]
        stays = [event.__name__ for event, targets in row.items() if phase in targets]
        kind = "ends here" if phase in TERMINAL else "before the call" if phase in BEFORE_CALL else ""
        command = ", ".join(owed(Case(id="C-1", phase=phase)))
        rows.append((f"**{phase}**", kind, command, cell("; ".join(leads)), cell(", ".join(stays))))
    says = "; ".join(f"*{phase}*: {comments[phase.name]}" for phase in Phase if phase.name in comments)
    parts = [
        (
            "A case moves only as this table says; an event that is not in a phase's row cannot be written. "
            f"Before `executing` nothing has left the plane. {says}.\n"
        ),
        "## Every phase\n",
        table(("phase", "", "asks the runtime to", "leads to", "may come and change no phase"), rows),
        (
            "*approved* asks for the claim only while a client waits or a reviewer chose to execute without it. After a restart "
            "*proved* asks for a new proof, and *executing* for the world to be read: a call is never repeated blindly.\n"
        ),
        "## Drawn\n",
        f"```mermaid\n{diagram()}```\n",
    ]
    return generated("The life of a case", "src/keyturn/core/lifecycle.py", "\n".join(parts))


# --- rules -----------------------------------------------------------------------------------------------------------

_ANYWHERE: Final = {
    "EXP": "Anywhere: exposure",
    "GEN": "Anywhere: by the shape of the request",
    "OUT": "Anywhere: by what the answer hands out",
    "SUP": "Anywhere: by what the request supplies",
    "TRG": "Anywhere: by what a write sets off",
}
"""Rules of no service of their own."""


def rules() -> str:
    """Every rule with its operations, what it says, and the page it rests on."""
    kinds = field_comments(Kind)
    named = {name for rule in REGISTRY for name in rule.operations}
    parts = [
        (
            "A rule says what is true of an operation beyond its name. It may raise the effect, never lower it. What no exact rule "
            "looks at is looked at by the ones that know the shapes of requests; a rule that fails is a finding itself, and one "
            "that depends on a fact that could not be read is an unknown.\n"
        ),
        f"{len(REGISTRY)} rules on {len(named):,} operations by name. Reversibility: {summary(Reversibility)}\n",
        table(("kind of finding", "meaning"), [(f"`{kind}`", kinds.get(kind.name, "")) for kind in Kind]),
    ]
    families: dict[str, list[Rule]] = {}
    for rule in sorted(REGISTRY, key=lambda rule: rule.code):
        families.setdefault(_family(rule), []).append(rule)
    for family in sorted(families):
        parts += [f"## {family}\n", table(_RULE_HEAD, [_rule(rule) for rule in families[family]])]
    others = [(f"`{code}`", kind, cell(message)) for code, kind, message in errors.findings()]
    parts += [
        "## Of no rule\n",
        "Made where a change is looked at as a whole, or where a rule or the assessment failed.\n",
        table(("finding", "kind", "what it says"), others),
    ]
    return generated("Rules", "src/keyturn/providers/aws/rules", "\n".join(parts))


_RULE_HEAD: Final = ("rule", "operations", "what it says", "at worst", "rests on")


def _family(rule: Rule) -> str:
    """Under which heading a rule stands: what it is for anywhere, or the service that most of its operations are of."""
    if not rule.operations:
        return _ANYWHERE[rule.code.rstrip("0123456789")]
    counted = Counter(name.partition(":")[0] for name in sorted(rule.operations))
    return f"`{counted.most_common(1)[0][0]}`"


def _rule(rule: Rule) -> tuple[str, ...]:
    home = _family(rule).strip("`")
    names = [name.removeprefix(f"{home}:") for name in sorted(rule.operations)]
    operations = ", ".join(f"`{name}`" for name in names) or "any"
    worst = f"{rule.kind}: {rule.effect}, {rule.reversibility}"
    rests = f"[AWS]({rule.source})" if rule.source.startswith("http") else cell(rule.source)
    return f"`{rule.code}`", operations, cell(rule.says), worst, rests


# --- effects ---------------------------------------------------------------------------------------------------------


def effects() -> str:
    """What the catalogue counts."""
    entries = {name: catalogue.lookup(*name) for name in catalogue.every()}
    total = len(entries)
    by_effect = Counter(entry.effect for entry in entries.values())
    by_confidence = Counter(entry.confidence for entry in entries.values())
    meaning = field_comments(Effect)
    rows = [
        (f"`{effect}`", f"{by_effect[effect]:,}", _lane(effect), meaning.get(effect.name, ""))
        for effect in Effect
    ]
    secrets = sorted(
        f"`{service}:{name}`" for (service, name), entry in entries.items() if entry.effect is Effect.SECRET
    )
    parts = [
        (
            f"What every AWS operation does by its name: the floor, which the assessment may raise. {total:,} operations of "
            f"{len({service for service, _ in entries}):,} services. An operation counts as a read only where at least two sources "
            "agree and none dissents; what is not in the catalogue is taken for `execute` and goes the way of changes.\n"
        ),
        f"Made from: {catalogue.identity()}. `make catalogue` makes it anew and prints what changed.\n",
        table(("effect", "operations", "lane", "meaning"), rows),
        "Listed from harmless to worst: of several effects the last one counts.\n",
        "## How sure\n",
        table(
            ("confidence", "operations"),
            [(name, f"{count:,}") for name, count in by_confidence.most_common()],
        ),
        "Sources: " + "; ".join(catalogue.SOURCES.values()) + ".\n",
        "## Reads that hand out secrets\n",
        "They read, and are decided like changes.\n",
        ", ".join(secrets) + "\n",
        "## Worse than they sound\n",
        "Marked, with what goes wrong; the catalogue's floor for each is its effect.\n",
        table(("operation", "effect", "mark", "what goes wrong"), _dangers(entries)),
        "## What holds data\n",
        "Deleting one of these loses what nothing else holds.\n",
        table(("service", "what is lost, by operation"), _held(entries)),
        "## By service\n",
        (
            "How many of each effect; those to look twice at hand out "
            "secrets, replace, or are worse than they sound.\n"
        ),
        table(
            ("service", "operations", "reads", "deletes", "permissions", "look twice at"), _services(entries)
        ),
    ]
    return generated("Effects", "src/keyturn/providers/aws/catalogue", "\n".join(parts))


def _lane(effect: Effect) -> str:
    return str(Lane.READ if effect in READ_EFFECTS else Lane.CHANGE)


def _services(entries: dict[tuple[str, str], catalogue.CatalogueEntry]) -> list[tuple[str, ...]]:
    counted: dict[str, Counter[Effect]] = {}
    twice: dict[str, list[str]] = {}
    for (service, name), entry in entries.items():
        counted.setdefault(service, Counter())[entry.effect] += 1
        if entry.effect in {Effect.SECRET, Effect.REPLACE} or entry.mark:
            twice.setdefault(service, []).append(f"`{name}`")
    return [
        (
            service,
            str(counts.total()),
            str(sum(counts[effect] for effect in READ_EFFECTS)),
            str(counts[Effect.DELETE]),
            str(counts[Effect.PERMISSION]),
            ", ".join(sorted(twice.get(service, []))),
        )
        for service, counts in sorted(counted.items())
    ]


def _dangers(entries: dict[tuple[str, str], catalogue.CatalogueEntry]) -> list[tuple[str, ...]]:
    """Marked operations, by mark."""
    return [
        (f"`{service}:{name}`", f"`{entry.effect}`", entry.mark, cell(entry.reason))
        for (service, name), entry in sorted(entries.items(), key=lambda item: (item[1].mark, item[0]))
        if entry.mark
    ]


def _held(entries: dict[tuple[str, str], catalogue.CatalogueEntry]) -> list[tuple[str, ...]]:
    """By service, what each delete loses."""
    found: dict[str, list[str]] = {}
    for (service, name), entry in sorted(entries.items()):
        if entry.data:
            found.setdefault(service, []).append(f"`{name}` ({cell(entry.data)})")
    return [(service, ", ".join(losses)) for service, losses in found.items()]


# --- events ----------------------------------------------------------------------------------------------------------


def events() -> str:
    """Every event of the log with its fields."""
    parts = [
        (
            "What is written down, one line of canonical JSON each, `event` naming its kind. Tags and fields never change; a new "
            "field stands at the end and has a default ([ADR 0005](../adr/0005-event-codec.md)). Times are milliseconds since 1970.\n"
        ),
    ]
    for title, union in (("Events of a case", record.CaseEvent), ("Events of the plane", record.PlaneEvent)):
        rows = [_event(event) for event in get_args(union)]
        parts += [f"## {title}\n", table(("event", "fields beside `at_ms`", "meaning"), rows)]
    return generated("Events", "src/keyturn/model/record.py", "\n".join(parts))


def _event(event: type[Any]) -> tuple[str, ...]:
    comments = field_comments(event)
    fields = [field.name for field in msgspec.structs.fields(event) if field.name != "at_ms"]
    notes = "; ".join(f"`{name}`: {comments[name]}" for name in fields if name in comments)
    says = " ".join(part for part in (summary(event), notes) if part)
    return f"`{event.__struct_config__.tag}`", ", ".join(f"`{name}`" for name in fields), cell(says)


# --- the index -------------------------------------------------------------------------------------------------------

_SHELVES: Final = {
    "": ("Begin here", ""),
    "guides": ("Guides", "by task: what to do, and why."),
    "concepts": ("Concepts", "few, and about principles."),
    "reference": ("Reference", "made from the code by `make docs`."),
    "internals": ("Internals", "for those who change Keyturn."),
    "adr": ("Decisions", "what was decided, what was rejected, and what was kept of its downsides."),
}


def index() -> str:
    """Every page of docs/, by shelf, with its title and first sentence. Reference pages are those that are made here."""
    pages = {
        path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")
    }
    pages |= {f"reference/{name}": page() for name, page in PAGES.items() if "/" not in name}
    parts = [
        (
            "[README](../README.md) shows what Keyturn does, [ARCHITECTURE](../ARCHITECTURE.md) how, "
            "[SECURITY](../SECURITY.md) against whom, [CONTRIBUTING](../CONTRIBUTING.md) how to change it.\n"
        )
    ]
    for shelf, (title, says) in _SHELVES.items():
        found = sorted(name for name in pages if _shelf(name) == shelf and name != "README.md")
        lines = [f"- [{_title(pages[name])}]({name}){_says(pages[name])}" for name in found]
        parts += (
            [f"## {title}\n", *([f"{says[0].upper()}{says[1:]}\n"] if says else []), "\n".join(lines) + "\n"]
            if lines
            else []
        )
    return generated("Documentation", "the pages themselves", "\n".join(parts))


def _shelf(name: str) -> str:
    return name.rpartition("/")[0]


def _title(text: str) -> str:
    return next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), "untitled")


def _says(text: str) -> str:
    """The first sentence of prose, without links and marks; a decision's title says it all."""
    body = text[text.index("# ") :].partition("\n")[2]
    for block in body.split("\n\n"):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(block.split()))
        if plain.startswith("**Context.**"):
            return ""
        if plain and plain[0] not in "#|`!<-":
            return ": " + re.split(r"(?<=[.!?:]) ", plain.replace("**", ""), maxsplit=1)[0].rstrip(":")
    return ""


# --- who may do what -------------------------------------------------------------------------------------------------


def roles() -> str:
    """Every route of the console, and who may use it."""
    text = (
        "● the role may, ○ nobody has to be logged in. A token does what its owner may, in its scopes; where there is no scope, only a "
        "login will do. A route that stands in no row does not start, and a test asks every route as every role.\n\n"
        + "\n".join(access_table())
        + "\n"
    )
    return generated("Who may do what", "src/keyturn/console/roles.py", text)


_MADE: Final[dict[str, Callable[[], str]]] = {
    "settings.md": settings,
    "cli.md": command_line,
    "lifecycle.md": lifecycle,
    "rules.md": rules,
    "radius.md": radius.page,
    "recipes.md": recipes,
    "preconditions.md": preconditions.page,
    "effects.md": effects,
    "events.md": events,
    "errors.md": errors.page,
    "api.md": rest.page,
    "roles.md": roles,
    "controls.md": controls.page,
    "../README.md": index,
}

PAGES: Final = {name: cache(made) for name, made in _MADE.items()}
"""Each by its place below docs/reference, made once: the index reads them all."""
