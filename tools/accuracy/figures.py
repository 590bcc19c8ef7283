"""The catalogue against the oracles: tables for people, and the figures that may not get worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws import catalogue, plans
from tools.accuracy import naming, oracles

Table = dict[str, Counter[str]]
"""What the oracle says -> what the catalogue says -> how often."""

READS = READ_EFFECTS | {Effect.SECRET}


def _effect(name: str) -> Effect:
    service, _, operation = name.partition(":")
    return catalogue.lookup(service, operation).effect


def _effects(name: str) -> set[Effect]:
    service, _, operation = name.partition(":")
    entry = catalogue.lookup(service, operation)
    return {entry.effect, *entry.also}


def _table(names: Iterable[str], says: Callable[[str], str]) -> Table:
    table: Table = {}
    for name in names:
        table.setdefault(says(name), Counter())[str(_effect(name))] += 1
    return table


def tables() -> dict[str, Table]:
    """Every confusion table."""
    known = {one.name: one for one in oracles.operations()}
    readonly, deleting = oracles.allowed("ReadOnlyAccess"), oracles.delete_only()
    return {
        "AWS's ReadOnlyAccess": _table(known, lambda name: "allows" if name in readonly else "does not"),
        "the HTTP method": _table(known, lambda name: known[name].method or "(no REST)"),
        "CloudFormation's delete handlers": _table(
            known, lambda name: "delete only" if name in deleting else "others"
        ),
        "the Service Authorization Reference": _table(known, lambda name: known[name].level or "(silent)"),
    }


def figures() -> dict[str, float]:
    """What CI holds: counts that may not grow, and shares (`of`, `share`) that may not fall."""
    known = oracles.operations()
    readonly, deleting = oracles.allowed("ReadOnlyAccess"), oracles.delete_only()
    changing = [one.name for one in known if _effect(one.name) not in READ_EFFECTS]
    policy = [one.name for one in known if "Permissions" in one.level and _effect(one.name) not in READS]
    tagging = [one.name for one in known if "Tagging" in one.level and _effect(one.name) not in READS]
    names = naming.named()
    ways = Counter(plans.known(*name.split(":", 1)) for name in changing)
    return {
        "reads by HTTP DELETE": sum(one.method == "DELETE" and _effect(one.name) in READS for one in known),
        "reads that only delete handlers need": sum(_effect(name) in READS for name in deleting),
        "reads that the reference calls a write, by no hand": sum(
            one.level.startswith(("Write", "Permissions", "Tagging"))
            and _effect(one.name) in READ_EFFECTS
            and catalogue.lookup(*one.name.split(":", 1)).confidence != "curated"
            for one in known
        ),
        "allowed by ReadOnlyAccess and called a change": sum(_effect(name) not in READS for name in readonly),
        "in doubt": sum(
            catalogue.lookup(*one.name.split(":", 1)).confidence in {"low", "conflict"} for one in known
        ),
        "share of permission management that is called so": _share(
            Effect.PERMISSION in _effects(name) for name in policy
        ),
        "share of tagging that is called so": _share(_effect(name) is Effect.TAG for name in tagging),
        "share of changes with a resource, a parent or the account on purpose": _share(
            bool(plans.known(*name.split(":", 1))) for name in changing
        ),
        "share of changes with an ARN or an id": round(
            sum(ways[way] for way in ("arn", "form", "id", "entries")) / len(changing), 4
        ),
        "share of changes that name an ARN or an id, asked with little": round(
            (names["arn"] + names["id"]) / names.total(), 4
        ),
        "share of changes that name an ARN, asked with little": round(names["arn"] / names.total(), 4),
    }


def _share(held: Iterable[bool]) -> float:
    listed = list(held)
    return round(sum(listed) / len(listed), 4)


def of_examples(pairs: Iterable[tuple[str, str, str]]) -> Table:
    """Of a file of CLI examples: the reference's access level against the effect; what is not in the catalogue says so."""
    table: Table = {}
    names = {(service.lower(), name.lower()): (service, name) for service, name in catalogue.every()}
    for service, operation, level in pairs:
        found = names.get((service.lower(), operation.lower()))
        said = str(catalogue.lookup(*found).effect) if found else "(not found)"
        table.setdefault(level, Counter())[said] += 1
    return table


def worse(was: dict[str, float], now: dict[str, float]) -> list[str]:
    """In words, what got worse: shares that fell, counts that grew, figures that are gone or new."""
    said = [f"{name}: no longer measured" for name in was if name not in now]
    said += [f"{name}: measured, and not on record" for name in now if name not in was]
    for name in was.keys() & now.keys():
        falls = name.startswith("share")
        if now[name] < was[name] if falls else now[name] > was[name]:
            said.append(f"{name}: {was[name]} -> {now[name]}")
    return sorted(said)
