"""What is too grave to be decided anywhere but where all of it is shown."""

from __future__ import annotations

from typing import Final

from keyturn.core.case import Case
from keyturn.model.assessment import Reversibility
from keyturn.model.change import Effect

_GRAVE: Final = frozenset({Effect.DELETE, Effect.REPLACE, Effect.PERMISSION, Effect.EXECUTE, Effect.SECRET})


def grave(case: Case) -> bool:
    """Whether a decision wants the page: what destroys, hands on authority, does not come back in place, needs two people or a
    signature, or was not understood whole. Told at once, and never decided in a channel.
    """
    assessment, decision = case.assessment, case.decision
    if assessment is None or decision is None or case.request is None:
        return True
    return (
        assessment.effect in _GRAVE
        or bool(_GRAVE & set(assessment.effects))
        or assessment.reversibility not in {Reversibility.R0, Reversibility.R1}
        or assessment.destructive
        or bool(assessment.data_at_risk or assessment.unknowns)
        or decision.obligations.quorum > 1
        or decision.obligations.signed
    )
