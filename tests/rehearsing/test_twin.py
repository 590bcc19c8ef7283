"""A twin that cannot be: what is missing is said, with the command that brings it."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.errors import OperatorError
from keyturn.model.change import Request
from keyturn.providers.aws.resources import Home
from keyturn.rehearsing.rehearsals import scoped
from keyturn.rehearsing.twin import Twin
from keyturn.testing.standin import StandIn


async def nothing(_request: Request) -> None:
    """Nothing is copied."""


async def test_without_moto_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto is an extra: where it is not installed, nobody is left with a stack trace."""

    def without(_self: Any) -> StandIn:
        raise RuntimeError(
            "the stand-in account did not start: the stand-in account needs moto: pip install ..."
        )

    monkeypatch.setattr(StandIn, "start", without)
    twin = Twin(
        account="1", partition="aws", region="here", before=nothing, heard=lambda _request, _data: None
    )
    with pytest.raises(OperatorError, match="moto is not installed") as refused:
        await twin.start()
    assert refused.value.help == "pip install 'keyturn[rehearse]' where keyturn up runs, and restart it"
    await twin.stop()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dynamodb:table/orders", "dynamodb:table/orders"),
        ("arn:aws:dynamodb:eu-central-1:123456789012:table/orders", "dynamodb:table/orders"),
        ("logs:log-group//app/web", "logs:log-group//app/web"),
        ("orders", ""),
        ("table/orders", ""),
        ("dynamodb:table/", ""),
    ],
)
def test_a_scope_is_an_arn_or_a_kind_and_a_name(text: str, found: str) -> None:
    """What names nothing is an error before a twin is begun."""
    home = Home("aws", "123456789012", "eu-central-1")
    if found:
        assert str(scoped(text, home)) == found
        return
    with pytest.raises(OperatorError, match="names no resource"):
        scoped(text, home)
