"""What a change of policy lets through that was not let through before, by proof.

Both sets are asked about one symbolic request (`Symbols`); z3 looks for one to which the new set says less than the old: a milder verdict, fewer or other
people, no backup. Each such request is then put to Cedar itself under both sets, so that what is shown is so. Where there is none it is
*proved* that there is none, for every request the facts can tell apart. What z3 can neither find nor exclude counts as let through.

The sets are compared for one action on one resource. That suffices: a change takes the strictest answer over all of its own, and of duties the
strictest of each, so a change can only be judged more mildly where one of its parts is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
import z3

from keyturn.model.change import Effect
from keyturn.model.decision import Decision, Obligations, Verdict
from keyturn.model.quorum import Quorum
from keyturn.policy.cedar import CedarEngine
from keyturn.policy.source import Policy
from keyturn.policy.symbols import Symbols, Witness
from keyturn.policy.weigh import combine

EFFORT_MAX: Final = 30_000_000
"""z3's own measure of work for one question; the largest packs that are known need a hundredth. Time is not taken: the answer has to be the same everywhere."""

WINDOW_S: Final = 3_600
"""How long an approval is usable where policy does not say (holds.approval_window_s, as it is unless it is set)."""

FLAGS: Final = {
    "signed": "an approval needs no signature any more",
    "backup": "no verified backup first any more",
    "vaulted": "no copy of the backup in the vault account any more",
    "capture": "its state is not captured first any more",
    "restore_on_failure": "a failed verification does not restore at once any more",
}

_VERDICTS: Final = (Verdict.ALLOW, Verdict.HOLD, Verdict.SUGGEST, Verdict.DENY)
_HOLD: Final = Verdict.HOLD.strictness


class Side(msgspec.Struct, frozen=True):
    """What one set says to a witness."""

    verdict: Verdict
    obligations: Obligations
    policies: tuple[str, ...]


class Area(msgspec.Struct, frozen=True):
    """Requests that are alike to whom reads it, and one of them. `what`: in which way the new set is milder. `shown`: Cedar says so, too."""

    what: str
    effect: Effect
    production: bool
    witness: Witness
    before: Side
    after: Side
    shown: bool


class Difference(msgspec.Struct, frozen=True):
    """`areas` are all there are, unless `unfinished` names ways in which z3 gave up. `outside`: policies that are not understood -> why."""

    before: str  # digests
    after: str
    areas: tuple[Area, ...]
    unfinished: tuple[str, ...]
    outside: dict[str, str]

    @property
    def proved(self) -> bool:
        """Nothing becomes more permissive."""
        return not self.areas and not self.unfinished


def difference(
    old: CedarEngine, new: CedarEngine, known: Mapping[str, Effect] | None = None, *, window_s: int = WINDOW_S
) -> Difference:
    """Where `new` is more permissive than `old`. `known`: the floor of every operation AWS has; `window_s`: for approvals, by default."""
    symbols = Symbols((*old.policies.values(), *new.policies.values()), known)
    before, after = (
        _Said(old.policies.values(), symbols, window_s),
        _Said(new.policies.values(), symbols, window_s),
    )
    areas: list[Area] = []
    unfinished: list[str] = []
    for what, milder in _milder(before, after).items():
        solver = z3.SolverFor("QF_LIA")
        solver.set("rlimit", EFFORT_MAX)
        solver.add(*symbols.always, milder)
        found = solver.check()
        while found == z3.sat:
            witness = symbols.witness(_plain(solver, symbols.usual()))
            area = _area(what, witness, old, new, window_s)
            areas.append(area)
            solver.add(_elsewhere(symbols, witness))
            found = solver.check()
        if found != z3.unsat:
            unfinished.append(what)
    areas.sort(key=lambda area: (-area.effect.severity, not area.production))
    return Difference(
        old.digest, new.digest, tuple(areas), tuple(unfinished), dict(sorted(symbols.outside.items()))
    )


def _plain(solver: Any, wanted: list[Any]) -> Any:
    """A model as usual as it can be: what stands in the way of being found is let go."""
    wanted = list(wanted)
    marks = [z3.Bool(f"usual{number}") for number in range(len(wanted))]
    solver.push()
    solver.add(*(z3.Implies(mark, one) for mark, one in zip(marks, wanted, strict=True)))
    while solver.check(marks) != z3.sat:
        core = {str(mark) for mark in solver.unsat_core()}
        if not core:  # z3 gave up: any model will do
            marks = []
            continue
        marks = [mark for mark in marks if str(mark) not in core]
    model = solver.model()
    solver.pop()
    return model


def _elsewhere(symbols: Symbols, witness: Witness) -> Any:
    """Not in the area of this witness."""
    effect, production = witness.facts["effect"], witness.facts["production"]
    return z3.Not(
        z3.And(symbols.is_word("effect", str(effect)), symbols.facts["production"] == bool(production))
    )


def _area(what: str, witness: Witness, old: CedarEngine, new: CedarEngine, window_s: int) -> Area:
    asked = (witness.action, witness.actor, witness.resource, witness.facts)
    was, now = combine([old.vote(*asked)], old.digest), combine([new.vote(*asked)], new.digest)
    return Area(
        what=what,
        effect=Effect(str(witness.facts["effect"])),
        production=bool(witness.facts["production"]),
        witness=witness,
        before=_side(was, old),
        after=_side(now, new),
        shown=what in milder(was, now, window_s=window_s),
    )


def _side(decision: Decision, engine: CedarEngine) -> Side:
    said = tuple(reason.policy for reason in decision.reasons if reason.policy in engine.policies)
    return Side(decision.verdict, decision.obligations, said)


# --- of two decisions -------------------------------------------------------------------------------------------------


def milder(was: Decision, now: Decision, *, window_s: int = WINDOW_S) -> tuple[str, ...]:
    """In which ways the new decision is more permissive than the old one; none: it is at least as strict."""
    if now.verdict.strictness < was.verdict.strictness:
        return (_drop(was.verdict, now.verdict),)
    if now.verdict.strictness > _HOLD:
        return ()  # nothing leaves
    had, has = was.obligations, now.obligations
    found = [
        said for flag, said in FLAGS.items() if flag != "signed" and getattr(had, flag) > getattr(has, flag)
    ]
    if was.verdict is now.verdict is Verdict.HOLD:
        found += [_FEWER] if max(1, has.quorum) < max(1, had.quorum) else []
        found += [_other(tree) for tree in had.needs if tree not in has.needs]
        found += [FLAGS["signed"]] if had.signed and not has.signed else []
        found += [_LONGER] if (has.window_s or window_s) > (had.window_s or window_s) else []
        found += [_GLASS] if has.break_glass and not had.break_glass else []
    return tuple(found)


_FEWER: Final = "fewer reviewers are asked for"
_LONGER: Final = "an approval stays usable for longer"
_GLASS: Final = "a person may act around the review"


def _drop(was: Verdict, now: Verdict) -> str:
    return f"{was} becomes {now}"


def _other(tree: Quorum) -> str:
    return f'"{tree}" is asked for no more'


# --- of two sets -----------------------------------------------------------------------------------------------------


class _Said:
    """What a set says to the symbolic request: `keyturn.policy.weigh`, a second time, in symbols."""

    def __init__(self, policies: Iterable[Policy], symbols: Symbols, window_s: int) -> None:
        policies = tuple(policies)
        matched = {policy.id: symbols.matched(policy) for policy in policies}
        errs = z3.Or([err for _, err in matched.values()])
        met = {name: one for name, (one, _) in matched.items()}
        given: Any = z3.IntVal(Verdict.DENY.strictness)
        for verdict in reversed(_VERDICTS):
            some = [met[one.id] for one in policies if one.permits and one.outcome is verdict]
            given = z3.If(z3.Or(some), verdict.strictness, given)
        self.verdict: Any = z3.If(z3.And(errs, given < _HOLD), _HOLD, given)
        for verdict in _VERDICTS:
            some = [met[one.id] for one in policies if not one.permits and one.outcome is verdict]
            self.verdict = z3.If(
                z3.And(z3.Or(some), self.verdict < verdict.strictness), verdict.strictness, self.verdict
            )
        self._speaks = [
            (one, z3.And(met[one.id], given == one.outcome.strictness) if one.permits else met[one.id])
            for one in policies
        ]
        holding = [(one, speaks) for one, speaks in self._speaks if one.outcome is Verdict.HOLD]
        self.break_glass = z3.And(
            z3.Not(errs),
            z3.Or([speaks for _, speaks in holding]),
            *(z3.Not(speaks) for one, speaks in holding if not one.obligations.break_glass),
        )
        self.quorum: Any = z3.IntVal(1)
        for number in sorted(
            {one.obligations.quorum for one in policies} - {0, 1}
        ):  # the most last, so that it is the outermost
            self.quorum = z3.If(self.some(_has("quorum", number)), number, self.quorum)
        windows = sorted(
            {one.obligations.window_s for one in policies if one.obligations.window_s}, reverse=True
        )
        self.window_s: Any = z3.IntVal(window_s)
        for span_s in windows:  # the shortest last, so that it is the outermost
            self.window_s = z3.If(self.some(_has("window_s", span_s)), span_s, self.window_s)

    def some(self, of: Callable[[Obligations], object]) -> Any:
        """Whether one of the policies that speak has this duty."""
        return z3.Or([speaks for one, speaks in self._speaks if of(one.obligations)])

    def trees(self) -> tuple[Quorum, ...]:
        """Every tree that a policy of the set asks for."""
        return tuple(dict.fromkeys(tree for one, _ in self._speaks for tree in one.obligations.needs))


def _has(field: str, value: object) -> Callable[[Obligations], object]:
    return lambda duties: getattr(duties, field) == value


def _needs(tree: Quorum) -> Callable[[Obligations], object]:
    return lambda duties: tree in duties.needs


def _milder(old: _Said, new: _Said) -> dict[str, Any]:
    """`milder`, in symbols: every way in which a request could be judged more mildly, and when it is."""
    ways = {
        _drop(was, now): z3.And(old.verdict == was.strictness, new.verdict == now.strictness)
        for was in _VERDICTS
        for now in _VERDICTS
        if now.strictness < was.strictness
    }
    leaves = z3.And(new.verdict >= old.verdict, new.verdict <= _HOLD)
    held = z3.And(old.verdict == _HOLD, new.verdict == _HOLD)

    def lost(of: Callable[[Obligations], object]) -> Any:
        return z3.And(old.some(of), z3.Not(new.some(of)))

    for flag, said in FLAGS.items():
        among = held if flag == "signed" else leaves
        ways[said] = z3.And(among, lost(_has(flag, True)))
    for tree in old.trees():
        ways[_other(tree)] = z3.And(held, lost(_needs(tree)))
    ways[_FEWER] = z3.And(held, new.quorum < old.quorum)
    ways[_LONGER] = z3.And(held, new.window_s > old.window_s)
    ways[_GLASS] = z3.And(held, new.break_glass, z3.Not(old.break_glass))
    return ways
