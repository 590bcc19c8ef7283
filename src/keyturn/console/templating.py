"""Jinja with autoescape always on, and the few words that templates need."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from keyturn.console.text import marked
from keyturn.core.difference import leaves, short
from keyturn.core.freezing import said
from keyturn.model.assessment import WAYS_BACK

PHASES: Final = {
    "received": "is being looked at",
    "assessed": "is being decided",
    "superseded": "changed: it is looked at anew",
    "held": "waits for review",
    "approved": "approved, not executed yet",
    "break_glass": "break-glass: a person acts in her own name",
    "allowed": "allowed by policy",
    "claimed": "is being prepared",
    "prepared": "is being proved",
    "proved": "is about to be sent",
    "executing": "is being sent",
    "in_progress": "sent; the service is working on it",
    "uncertain": "sent; nobody knows yet whether it took effect",
    "executed": "executed",
    "verifying": "executed; the outcome is read back",
    "confirmed": "executed, and read back",
    "inconclusive": "a person has to look",
    "restoring": "is being put back",
    "restored": "put back",
    "restore_failed": "could not be put back",
    "failed": "failed",
    "rejected": "denied by a reviewer",
    "denied": "denied by policy",
    "suggested": "recorded as a proposal",
    "expired": "expired: nobody decided in time",
    "withdrawn": "withdrawn",
    "invalidated": "void: something changed",
    "halted": "stopped by a halt",
}

EFFECTS: Final = {
    "": "not assessed yet",
    "permission": "change permissions of",
    "execute": "run",
    "secret": "hand out a secret of",
    "compute": "compute with",
    "job": "run a job on",
}

TONES: Final = {
    "held": "warn",
    "approved": "warn",
    "break_glass": "bad",
    "superseded": "warn",
    "inconclusive": "bad",
    "uncertain": "bad",
    "failed": "bad",
    "restore_failed": "bad",
    "halted": "bad",
    "confirmed": "good",
    "restored": "good",
}


def make_environment() -> Environment:
    """The templates of the package. An unknown name is an error, not an empty place on a page that people decide by."""
    made = Environment(
        loader=PackageLoader("keyturn.console"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters |= {
        "when": when,
        "clock": clock,
        "iso": iso,
        "span": span,
        "took": took,
        "short": short,
        "leaves": leaves,
        "marked": marked,
        "plainly": plainly,
        "frozen": lambda freeze: said(freeze["environment"], freeze["account"]),
    }
    made.globals |= {
        "PHASES": PHASES,
        "TONES": TONES,
        "EFFECTS": EFFECTS,
        "WAYS_BACK": WAYS_BACK,
    }
    return made


def when(at_ms: int | None) -> str:
    """Day and time, UTC: reviewers sit in different places."""
    return _moment(at_ms).strftime("%Y-%m-%d %H:%M:%S UTC") if at_ms else "-"


def clock(at_ms: int | None) -> str:
    """Time of day, UTC."""
    return _moment(at_ms).strftime("%H:%M:%S") if at_ms else "-"


def iso(at_ms: int) -> str:
    """For programs (RFC 3339)."""
    return _moment(at_ms).isoformat(timespec="milliseconds")


def span(ms: int) -> str:
    """A length of time as people say it: "23 h 58 min"."""
    seconds = max(0, ms) // 1000
    if seconds < 90:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def took(ms: int) -> str:
    """How long something took, to the millisecond where it was quick."""
    if ms < 1_000:
        return f"{ms} ms"
    return f"{ms / 1_000:.1f} s" if ms < 90_000 else span(ms)


def plainly(value: Any) -> str:
    """As JSON that is read: sealed values as what they are, and nothing escaped that can be shown."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _moment(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC)
