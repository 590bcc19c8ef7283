"""The policies in force as a console shows them: every rule with its text and place, its tests, and questions to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import Any

import msgspec

from keyturn.errors import OperatorError, PolicyError
from keyturn.explaining.asked import NotAskedError, asked_of_line
from keyturn.explaining.explainer import Explainer
from keyturn.explaining.text import text
from keyturn.policy import CedarEngine, load_sources
from keyturn.policy.source import Policy
from keyturn.policy.testing import run_pack_tests


class Loaded:
    """Over the engine in force, whichever that is when it is asked; `packs` are its packs, `accounts` account -> environment."""

    def __init__(
        self,
        engine: Callable[[], CedarEngine],
        packs: Callable[[], tuple[str | Traversable, ...]],
        accounts: Callable[[], Mapping[str, str]],
    ) -> None:
        self._engine, self._packs, self._accounts = engine, packs, accounts
        self._explainer: tuple[str, Explainer] | None = None

    @property
    def digest(self) -> str:
        return self._engine().digest

    def rules(self) -> list[dict[str, Any]]:
        """In the order of their files; what permits after what forbids."""
        engine = self._engine()
        texts = {source.name: source.text for source in engine.sources}
        made = [_rule(policy, texts) for policy in engine.policies.values()]
        return sorted(made, key=lambda rule: (rule["permits"], rule["file"], rule["line"]))

    def tests(self) -> list[dict[str, Any]]:
        """Every pack's own cases, run on the policies as they are loaded; a pack without any says so."""
        found = []
        for pack in self._packs():
            name = pack if isinstance(pack, str) else pack.name
            try:
                report = run_pack_tests(pack)
            except (PolicyError, OSError) as error:
                why = error.message if isinstance(error, PolicyError) else str(error)
                found.append({"pack": name, "cases": 0, "failed": [], "untested": [], "why": why})
                continue
            failed = [{"name": one.name, "wrong": list(one.wrong)} for one in report.failed]
            found.append(
                {
                    "pack": name,
                    "cases": len(report.results),
                    "failed": failed,
                    "untested": list(report.untested),
                    "why": "",
                }
            )
        return found

    def explain(self, question: str) -> dict[str, Any]:
        """The row of `keyturn explain`, with its `text`. Raises `OperatorError` where it is no question."""
        digest = self.digest
        if self._explainer is None or self._explainer[0] != digest:
            own = load_sources(
                self._engine().sources
            )  # handles of its own: it may be asked in a thread of its own
            self._explainer = (digest, Explainer(own, accounts=self._accounts()))
        try:
            found = self._explainer[1].explain(asked_of_line(question))
        except NotAskedError as error:
            raise OperatorError("no-question", str(error), help="give a command: aws s3 rm ...") from error
        return found.row() | {"text": text(found)}


def _rule(policy: Policy, texts: Mapping[str, str]) -> dict[str, Any]:
    file, _, line = policy.source.rpartition(":")
    return {
        "id": policy.id,
        "permits": policy.permits,
        "outcome": policy.outcome.value,
        "obligations": msgspec.to_builtins(policy.obligations),
        "message": policy.message,
        "source": policy.source,
        "file": file,
        "line": int(line),
        "text": _text(texts.get(file, ""), int(line)),
    }


def _text(source: str, line: int) -> str:
    """The rule as it is written: from its line to the semicolon that ends it."""
    kept = []
    for one in source.splitlines()[line - 1 :]:
        kept.append(one)
        if one.partition("//")[0].rstrip().endswith(";"):
            break
    return "\n".join(kept)
