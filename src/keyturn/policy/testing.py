"""Tests that stand beside the policies of a pack: named cases in ``*.tests.toml``.

    [[case]]
    name = "a table in production waits for two people and a backup"
    given = { effect = "delete", environment = "production", data_bearing = true }
    expect = { verdict = "hold", quorum = 2, backup = true }

What may be given is `Example`, what may be expected is `Expect`; what is not expected is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources.abc import Traversable

import msgspec

from keyturn.errors import PolicyError
from keyturn.model.decision import Decision, Verdict
from keyturn.policy import load
from keyturn.policy.cedar import CedarEngine
from keyturn.policy.example import Example
from keyturn.policy.source import shipped


class Expect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a case demands. `by` is a policy that must be among the reasons."""

    verdict: Verdict
    quorum: int | None = None
    backup: bool | None = None
    vaulted: bool | None = None
    capture: bool | None = None
    window: int | None = None
    signed: bool | None = None
    needs: str | None = None
    escalate: int | None = None
    breakglass: bool | None = None
    by: str | None = None


class PolicyCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    given: Example
    expect: Expect


class CaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    case: tuple[PolicyCase, ...]


class CaseResult(msgspec.Struct, frozen=True):
    """One case as it came out. `wrong` is empty when it passed, otherwise one line per expectation that was missed."""

    file: str
    name: str
    decision: Decision
    wrong: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.wrong


class PackReport(msgspec.Struct, frozen=True):
    """All cases of a pack. `untested` are its policies that determined no case: nobody has shown what they do."""

    pack: str
    results: tuple[CaseResult, ...]
    untested: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[CaseResult, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def passed(self) -> bool:
        """Every case came out as expected, and there are cases."""
        return bool(self.results) and not self.failed

    def text(self) -> str:
        """The report for people: what failed and why, policies without a case, and one line of counts."""
        lines = []
        for result in self.failed:
            lines += [f"FAIL {result.name}  ({result.file})", *(f"     {wrong}" for wrong in result.wrong)]
            lines += [f"     {reason.policy}: {reason.message}" for reason in result.decision.reasons]
        lines += [f"untested policy: {name}" for name in self.untested]
        lines.append(f"{self.pack}: {len(self.results) - len(self.failed)} of {len(self.results)} cases hold")
        return "\n".join(lines)


def run_pack_tests(pack: str | Traversable, *, engine: CedarEngine | None = None) -> PackReport:
    """Run the cases of `pack` (a shipped pack's name, or a folder) on its policies, or on `engine` where one is given.

    Raises `PolicyError`: the pack does not load, has no tests, or its tests cannot be read.
    """
    place = shipped(pack) if isinstance(pack, str) else pack
    engine = engine or load([place])
    cases = list(_read_cases(place))
    results = tuple(_run(engine, file, case) for file, case in cases)
    met = {reason.policy for result in results for reason in result.decision.reasons}
    own = sorted(
        name for name, policy in engine.policies.items() if policy.source.startswith(f"{place.name}/")
    )
    untested = tuple(name for name in own if name not in met)
    return PackReport(pack=place.name, results=results, untested=untested)


def _read_cases(place: Traversable) -> Iterable[tuple[str, PolicyCase]]:
    found = sorted(
        (file for file in place.iterdir() if file.name.endswith(".tests.toml")), key=lambda f: f.name
    )
    if not found:
        raise PolicyError(
            "pack-untested",
            f"there is no *.tests.toml in {place}",
            help="state what the policies must answer; see docs/guides/policy.md",
        )
    for file in found:
        try:
            cases = msgspec.toml.decode(file.read_bytes(), type=CaseFile).case
        except (msgspec.MsgspecError, OSError, ValueError) as error:
            raise PolicyError(
                "pack-tests-wrong",
                f"{file.name}: {error}",
                help="see docs/guides/policy.md for what may be given",
            ) from error
        yield from ((file.name, case) for case in cases)


def _run(engine: CedarEngine, file: str, case: PolicyCase) -> CaseResult:
    decision = engine.answer(*case.given.build())
    return CaseResult(
        file=file, name=case.name, decision=decision, wrong=tuple(_compare(case.expect, decision))
    )


def _compare(expect: Expect, decision: Decision) -> Iterable[str]:
    duties = decision.obligations
    got = {
        "verdict": decision.verdict.value,
        "quorum": duties.quorum,
        "backup": duties.backup,
        "vaulted": duties.vaulted,
        "capture": duties.capture,
        "window": duties.window_s,
        "signed": duties.signed,
        "needs": "; and ".join(str(tree) for tree in duties.needs),
        "escalate": duties.escalate_s,
        "breakglass": duties.break_glass,
    }
    for name, value in got.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != value:
            yield f"{name}: expected {wanted}, got {value}"
    if expect.by is not None and expect.by not in {reason.policy for reason in decision.reasons}:
        yield f"by: {expect.by} did not determine it"
    yield from (f"error: {error}" for error in decision.errors)
