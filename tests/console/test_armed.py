"""A decision that nobody can have read for is refused by the plane, whatever the page's script did."""

from __future__ import annotations

import re
import time

import httpx
import pytest

from keyturn.console import forms
from tests.console.running_plane import Plane
from tests.console.test_page_safety import FORBIDDEN, SEE_OTHER, field


def filled(page: str) -> dict[str, str]:
    return {key: field(page, key) for key in ("csrf", "binding", "shown")} | {"note": "no"}


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == FORBIDDEN
    found = re.search(r"<h1>Refused</h1><p>(.*?)</p>", answer.text)
    assert found
    return found[1]


def test_a_decision_within_a_second_counts_for_nothing(plane: Plane) -> None:
    """Sent at once: refused, with nothing on record. Sent again after a second: taken."""
    case = plane.held_table()
    with plane.browser("dana") as dana:
        form = filled(dana.get(f"/c/{case}").text)
        for verb in ("approve", "deny"):
            assert "less than a second" in refusal(dana.post(f"/c/{case}/{verb}", data=form))
        assert "less than a second" in refusal(
            dana.post("/deny", data=form | {f"pick-{case}": form["binding"]})
        )
        assert (plane.case(case)["phase"], plane.case(case)["approvals"]) == ("held", [])
        time.sleep(forms.SHOWN_MS_MIN / 1000)
        assert dana.post(f"/c/{case}/approve", data=form).status_code == SEE_OTHER
    assert plane.case(case)["approvals"] == ["dana"]


def test_the_time_of_a_page_cannot_be_made_up(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, an earlier one, one without its seal, another login's: refused. So is a form of yesterday."""
    case = plane.cases["table"]
    with plane.browser("dana") as dana, plane.browser("dana") as second:
        form = filled(dana.get(f"/c/{case}").text)
        at, _, seal = form["shown"].partition(".")
        other = field(second.get(f"/c/{case}").text, "shown")
        for shown in ("", "1", f"{int(at) - 60_000}.{seal}", f"{at}.", f".{seal}", "x.y", other):
            answer = dana.post(f"/c/{case}/deny", data=form | {"shown": shown})
            assert "does not say when" in refusal(answer), shown
        monkeypatch.setattr(forms, "SHOWN_MS_MIN", 0)
        monkeypatch.setattr(forms, "SHOWN_MS_MAX", 0)
        time.sleep(0.01)
        assert "long ago" in refusal(dana.post(f"/c/{case}/deny", data=form))
    assert plane.case(case)["phase"] == "held"


def test_a_denial_of_several_binds_each(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that is no longer what the list showed is not denied by it, and nobody without the role denies any."""
    monkeypatch.setattr(forms, "SHOWN_MS_MIN", 0)
    case = plane.held_table()
    with plane.browser("dana") as dana, plane.browser("ada") as ada:
        page = dana.get("/").text
        form = {"csrf": field(page, "csrf"), "shown": field(page, "shown"), "note": "no"}
        assert "no longer what was shown" in refusal(
            dana.post("/deny", data=form | {f"pick-{case}": "sha256:0"})
        )
        assert "No case was selected" in refusal(dana.post("/deny", data=form))
        hers = ada.get("/").text
        mine = {"csrf": field(hers, "csrf"), "shown": form["shown"], "note": "no", f"pick-{case}": "x"}
        assert "is no reviewer" in refusal(ada.post("/deny", data=mine))
    assert plane.case(case)["phase"] == "held"
