"""In which order cases are taken back: the last that was executed first, and what others rely on before what relies on it."""

from __future__ import annotations

from collections.abc import Mapping

from keyturn.core.case import Case
from keyturn.model.change import ResourceRef


def in_order(cases: tuple[Case, ...], sent: Mapping[str, int]) -> tuple[Case, ...]:
    """`cases` as they are to be taken back; `sent` says at which place of the log the first call of each left.

    Two that touch the same resource keep the reverse of their execution, whatever relies on what: each was judged on the state that
    the other left. Edges are those that recipes met when the cases were assessed; where they go in a circle, time decides.
    """
    waiting = sorted(cases, key=lambda case: sent.get(case.id, case.seq), reverse=True)
    first = {one.id: _before(one, waiting) for one in waiting}
    ordered: list[Case] = []
    while waiting:
        done = {case.id for case in ordered}
        ready = next((case for case in waiting if first[case.id] <= done), waiting[0])
        ordered.append(ready)
        waiting.remove(ready)
    return tuple(ordered)


def _before(case: Case, latest_first: list[Case]) -> set[str]:
    """Which of the others have to be taken back before this one."""
    found: set[str] = set()
    mine = _touched(case)
    later = True
    for other in latest_first:
        if other.id == case.id:
            later = False
        elif mine & _touched(other):
            found |= {other.id} if later else set()
        elif _relies(case, other):
            found.add(other.id)
    return found


def _touched(case: Case) -> frozenset[ResourceRef]:
    return frozenset(case.change.resources) if case.change is not None else frozenset()


def _relies(case: Case, other: Case) -> bool:
    """Whether a resource of `case` relies on one of `other`, as either of them was assessed."""
    mine, theirs = _touched(case), _touched(other)
    edges = [
        edge for one in (case, other) if one.assessment is not None for edge in one.assessment.blast_radius
    ]
    return any(edge.resource in mine and edge.on in theirs for edge in edges)
