"""Keyturn: the change-control plane between AI agents and live infrastructure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyturn.explaining import Explained, Explainer
    from keyturn.providers.aws.catalogue.replacements import Replacement

__version__ = "0.1.0"


def explain(
    service: str,
    operation: str,
    parameters: dict[str, Any] | None = None,
    *,
    live: Any = None,
    environment: str = "",
    account: str = "",
    region: str = "",
) -> Explained:
    """What an operation would do, and what the *seatbelt* policies say to it. Needs no configuration, no network and no account.

    `live` holds facts of live state (docs/guides/explain.md); without them what only the account knows is in `assessment.unknowns`.
    """
    from keyturn.explaining import asked_of  # noqa: PLC0415  # importing Keyturn stays cheap

    beside = {"live": live, "environment": environment, "account": account, "region": region}
    return _explainer().explain(
        asked_of({"service": service, "operation": operation, "parameters": parameters, **beside})
    )


def replacement(type: str, property: str) -> Replacement:  # noqa: A002  # as CloudFormation calls them
    """Whether a change of a property of a CloudFormation type makes a new resource: yes, no or maybe, and on whose word.

    >>> replacement("AWS::RDS::DBInstance", "DBName").replaces
    <Replaces.YES: 'yes'>
    """
    from keyturn.providers.aws.catalogue.replacements import replacement as found  # noqa: PLC0415  # as above

    return found(type, property)


@cache
def _explainer() -> Explainer:
    from keyturn.explaining import Explainer  # noqa: PLC0415  # as above
    from keyturn.policy import load  # noqa: PLC0415  # as above
    from keyturn.providers.aws import catalogue  # noqa: PLC0415  # as above

    return Explainer(load(["seatbelt"], known=catalogue.floors()))
