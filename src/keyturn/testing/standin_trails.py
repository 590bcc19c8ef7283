"""The insights of the stand-in's trails.

PutInsightSelectors sets them: "lets you enable Insights event logging by specifying the Insights selectors that you want to enable on an
existing trail", and an empty list turns them off
(https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutInsightSelectors.html). moto adds those given to those that stand.
"""

from __future__ import annotations

from typing import Any

from moto.cloudtrail.models import Trail


def fill_trails() -> None:
    """Once or more often: what is filled stays so."""

    def put_insight_selectors(self: Any, insight_selectors: list[dict[str, str]]) -> None:
        self.insight_selectors = list(insight_selectors)

    Trail.put_insight_selectors = put_insight_selectors
