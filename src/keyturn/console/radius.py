"""The blast radius in words: one sentence, what would be left, and how far anybody looked."""

from __future__ import annotations

from typing import Any

import msgspec

from keyturn.core.case import Case
from keyturn.model.radius import Capacity, Coverage, Fate, Radius, Share


def told(radius: Radius | None) -> dict[str, Any] | None:
    """What the page, the JSON and the terminal say of it, beside the value itself."""
    if radius is None:
        return None
    gaps = [
        _gap(one.kind, one.coverage, one.why) for one in radius.looked if one.coverage is not Coverage.MAPPED
    ]
    mapped = [
        f"{one.count} {one.kind}" for one in radius.looked if one.coverage is Coverage.MAPPED and one.count
    ]
    return {
        "said": sentence(radius),
        "floors": [
            *({"text": floor(one), "short": one.percent < 50} for one in radius.capacities),
            *({"text": share(one), "short": one.taken > 1 and one.percent > 50} for one in radius.shares),
        ],
        "gaps": [*radius.cut, *gaps],
        "coverage": coverage(radius),
        "mapped": mapped,
        "by_environment": radius.by_environment(),
        "by_owner": radius.by_owner(),
        "whole": radius.whole,
    }


def sentence(radius: Radius) -> str:
    """Counts, by environment and owner; never that nobody relies on it, only that nobody was found."""
    if not radius.nodes:
        return f"Nobody could look who relies on it: {'; '.join(radius.cut)}"
    relying = radius.dependents
    along = sum(1 for node in radius.nodes if node.fate is Fate.ALONG)
    beside = f" {along} go along with it." if along else ""
    if not relying:
        found = (
            "Nobody was found who relies on it."
            if radius.whole
            else "Nobody was found, and not everything could be read."
        )
        return f"{found}{beside}"
    direct = sum(1 for node in relying if node.depth == 1)
    where = ", ".join(f"{count} {word}" for word, count in radius.by_environment().items())
    whose = ", ".join(f"{count} {word}" for word, count in radius.by_owner().items())
    used = sum(1 for node in relying if node.used)
    evidence = f" Of {used} it is known that they are used." if used else ""
    rest = f", {direct} of them directly" if direct < len(relying) else ""
    many = f"{len(relying)} rely" if len(relying) > 1 else "1 relies"
    return f"{many} on it{rest}; by environment: {where}; by owner: {whose}.{evidence}{beside}"


def floor(one: Capacity) -> str:
    if one.serving is None or one.left is None:
        return f"{one.of}: {one.unit}: nobody knows what would be left"
    return f"{one.of}: {one.serving} {one.unit} now, {one.left} then ({one.percent} %)"


def share(one: Share) -> str:
    known = (
        f"{one.taken} of {one.population}"
        if one.population is not None
        else f"{one.taken}, and nobody counted of how many,"
    )
    return f"It takes {known} of {one.of} ({one.percent} %)"


def coverage(radius: Radius) -> str:
    """In a few words: how many kinds were read, how many not."""
    mapped = sum(1 for one in radius.looked if one.coverage is Coverage.MAPPED)
    poor = sum(1 for one in radius.looked if one.coverage is Coverage.NOT_ENOUGH)
    no = sum(one.count or 1 for one in radius.looked if one.coverage is Coverage.UNSUPPORTED)
    words = [f"{mapped} kinds mapped"]
    words += [f"{poor} not enough information"] if poor else []
    words += [f"{no} unsupported"] if no else []
    return ", ".join(words)


def _gap(kind: str, how: Coverage, why: str) -> str:
    return f"{kind}: {how}{': ' if why else ''}{why}"


def twin(case: Case) -> dict[str, Any]:
    """The radius as JSON: the value, and what is said of it; with the reason where there is none."""
    radius = case.assessment.radius if case.assessment is not None else None
    why = (
        ""
        if radius is not None
        else ("it takes nothing away" if case.assessment is not None else "it is not assessed yet")
    )
    return {"case": case.id, "radius": msgspec.to_builtins(radius), "said": told(radius), "why": why}
