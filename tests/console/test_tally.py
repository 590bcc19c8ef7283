"""``/metrics`` of the log: decisions, holds, approvals, by the field's own names."""

from __future__ import annotations

import re

from prometheus_client.parser import text_string_to_metric_families

from tests.console.running_plane import Plane


def counted(plane: Plane) -> dict[str, float]:
    """Every sample of the page, under its name and labels."""
    with plane.api("ada") as api:
        page = api.get(re.sub("/api/v1$", "", plane.url) + "/metrics").raise_for_status().text
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_what_people_and_policy_did_is_counted(plane: Plane) -> None:
    """A held delete, approved by two: one decision, two approvals, one hold that ended; the queue is as long as before."""
    before = counted(plane)
    case = plane.held_table()
    waiting = counted(plane)
    for reviewer in ("dana", "erin"):
        plane.review(reviewer, case, approve=True)
    after = counted(plane)
    queue = "keyturn_review_queue[]"
    assert (waiting[queue] - before[queue], after[queue] - before[queue]) == (1, 0)
    for name in (
        "keyturn_decisions_total[('effect', 'delete'), ('verdict', 'hold')]",
        "keyturn_approvals_total[('reviewer', 'dana')]",
        "keyturn_approvals_total[('reviewer', 'erin')]",
        "keyturn_hold_seconds_count[('outcome', 'approved')]",
        "keyturn_decision_duration_seconds_count[]",
    ):
        assert after[name] - before.get(name, 0) == 1, name
