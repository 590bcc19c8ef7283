"""What is said of a question, for a person who was woken up: what it does, whether it comes back, and what may be done instead."""

from __future__ import annotations

import textwrap
from typing import Final

from keyturn.explaining.explained import Explained
from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.model.decision import Verdict
from keyturn.providers.aws import catalogue

WIDTH: Final = 100

_BACK: Final = {
    Reversibility.R0: "it only reads",
    Reversibility.R1: "it can be put back in place",
    Reversibility.R2: "the service can give it back for a while",
    Reversibility.R3: "it comes back as something new, and not whole",
    Reversibility.R4: "it does NOT come back",
}

_VERDICTS: Final = {
    Verdict.ALLOW: "ALLOWED",
    Verdict.HOLD: "HELD for people",
    Verdict.SUGGEST: "recorded as a proposal, not sent",
    Verdict.DENY: "DENIED",
}


def text(found: Explained) -> str:
    """A page: the answer first, the reasons after it."""
    assessment = found.assessment
    lines = [_headline(found), _second(found), ""]
    if found.asked.note:
        lines += [f"Note: {found.asked.note}.", ""]
    worst = [finding for finding in assessment.findings if finding.kind is not Kind.NOTE]
    noted = [finding for finding in assessment.findings if finding.kind is Kind.NOTE]
    for finding in (*worst, *noted):
        lines += _item(finding.message, f"[{finding.code}]")
        if finding.source.startswith("http"):
            lines.append(f"    {finding.source}")
    if assessment.data_at_risk:
        lines += _item(f"At risk: {assessment.data_at_risk}.")
    if assessment.blast_radius:
        relying = ", ".join(f"{one.resource} ({one.relation})" for one in assessment.blast_radius[:5])
        lines += _item(f"Relying on it: {relying}.")
    lines += _back(found)
    if assessment.unknowns:
        lines += ["", "Not known, and not taken for harmless:"]
        lines += [line for unknown in assessment.unknowns[:8] for line in _item(unknown)]
        if len(assessment.unknowns) > 8:
            lines.append(f"  and {len(assessment.unknowns) - 8} more")
    lines += _instead(found)
    if known := sources(found):
        lines += ["", f"By its name: {known}."]
    lines += ["", f"Policy: {_VERDICTS[found.decision.verdict]}"]
    lines += [
        line for reason in found.decision.reasons for line in _item(reason.message, f"[{reason.policy}]")
    ]
    return "\n".join(lines)


def _headline(found: Explained) -> str:
    names = [one.name for one in found.operations] or ["Unknown"]
    targets = list(dict.fromkeys(str(ref) for one in found.operations for ref in one.resources))
    more = f" and {len(targets) - 3} more" if len(targets) > 3 else ""
    of = f" of {', '.join(targets[:3])}{more}" if targets else ""
    return f"{' then '.join(dict.fromkeys(names))}{of}"


def _second(found: Explained) -> str:
    effect = found.assessment.effect.value.upper()
    parts = [effect, "DESTRUCTIVE" if found.destructive else "", "DATA IS LOST" if found.data_loss else ""]
    back = _BACK[found.assessment.reversibility]
    if found.assessment.reversibility is Reversibility.R3 and _only_unread(found):
        back = "it can be set back by who knows what stood, which was not read"
    where = "production" if found.assessment.environment == "production" else found.assessment.environment
    counted = f"{where} (counts as production)" if found.production and where != "production" else where
    return " · ".join([*(part for part in parts if part), back, counted])


def _only_unread(found: Explained) -> bool:
    """Whether nothing that was found keeps a setting from being set back, but that nobody has read it."""
    assessment = found.assessment
    settable = assessment.effect is Effect.UPDATE and bool(assessment.unknowns)
    return settable and all(one.reversibility < Reversibility.R3 for one in assessment.findings)


def _back(found: Explained) -> list[str]:
    lines = []
    for item in found.assessment.recoverable:
        if item.backup or item.inverse:
            how = "one call puts it back" if item.inverse else "Keyturn can back it up first and restore it"
            time = f", in about {item.recover_s} s" if item.recover_s else ""
            if item.window_s:
                time = f", for {item.window_s // 86_400} days by the service itself{time}"
            lost = f"; not back: {', '.join(item.loss)}" if item.loss else ""
            far = f"; not in the vault account: {item.not_vaulted}" if item.not_vaulted else ""
            lines += _item(f"{item.resource}: {how}{time}{lost}{far}.")
    return lines


def _instead(found: Explained) -> list[str]:
    row = found.row()["narrow"]
    if not row:
        return []
    lines = ["", "Instead, in place:" if not row["exact"] else "Instead, and exactly what is wanted:"]
    lines += [f"  {command}" for command in row["commands"]]
    return [*lines, *_item(row["why"])]


def _item(said: str, mark: str = "") -> list[str]:
    filled = f"{said} {mark}".strip()
    return textwrap.wrap(
        filled, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
    )


def sources(found: Explained) -> str:
    """Which sources say what the operation is by its name."""
    if found.operation is None:
        return ""
    entry = catalogue.lookup(found.operation.service, found.operation.action)
    return f"{entry.effect} by {', '.join(entry.sources)} ({entry.confidence})"
