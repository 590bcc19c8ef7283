"""Commands without a destructive verb, harmful and harmless, and whether they are flagged: destructive, or held even in development."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from keyturn.core.ports import Facts
from keyturn.explaining import Explainer, asked_of
from keyturn.model.assessment import Assessment
from keyturn.model.execution import Answer, Call, Unavailable
from keyturn.providers.aws import assess
from tests.provider.ordinary_work import engine
from tests.provider.provider_world import ACCOUNT, change, drive, request, seal

HERE: Final = Path(__file__).parent / "corpus"


class Flagged(NamedTuple):
    """One command with what was found; `held` in development, where only what is bad anywhere is."""

    line: str
    destructive: bool
    held: bool
    assessment: Assessment

    def __bool__(self) -> bool:
        return self.destructive or self.held


def unread(call: Call) -> Answer:
    return Unavailable("nothing is read for a sample")


def samples(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(line, operation, parameters) of a sample."""
    for line in (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            operation, _, given = line.partition(" ")
            yield line, operation, yaml.safe_load(given)


def commands(name: str) -> list[Flagged]:
    """Every `aws` command of a sample, by the question that `keyturn explain` would be asked of it in development."""
    explainer = Explainer(engine())
    found = []
    for line in (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("aws "):
            said = explainer.explain(asked_of({"command": line, "environment": "development"}))
            if said.asked.why:
                raise ValueError(f"{line}: {said.asked.why}")
            found.append(Flagged(line, said.destructive, said.decision.verdict != "allow", said.assessment))
    return found


def judged(name: str) -> list[Flagged]:
    """Every command of a sample, judged as if the account was for development and nothing could be read."""
    found = []
    for line, operation, parameters in samples(name):
        made = change((operation, parameters))
        asked = (request(operation, parameters),)
        inquiry = assess.assess(made, asked, seal=seal, accounts={ACCOUNT: "development"})
        assessment = drive(inquiry, unread).assessment
        verdict = engine().answer(made, assessment, Facts()).verdict
        found.append(Flagged(line, assessment.destructive, verdict != "allow", assessment))
    return found
