"""CloudWatch dashboards: a document under a name, which PutDashboard replaces whole
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html).
"""

from __future__ import annotations

from typing import ClassVar

from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed
from keyturn.providers.aws.recipes.filling import ID

_WHICH, _BODY = {"DashboardName": ID}, {"DashboardBody": "body"}


class Dashboard(Declared):
    """The document that says what it shows."""

    kind: ClassVar[str] = "cloudwatch:dashboard"
    title: ClassVar[str] = "CloudWatch dashboard"
    fields: ClassVar[tuple[str, ...]] = ("body",)
    deletes: ClassVar[frozenset[str]] = frozenset({"cloudwatch:DeleteDashboards"})
    documents: ClassVar[frozenset[str]] = frozenset({"body"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "cloudwatch:GetDashboard",
            _WHICH,
            {"body": "DashboardBody", "arn": "DashboardArn"},
            absent=("ResourceNotFound", "DashboardNotFoundError"),
        ),
    )
    make: ClassVar[Make] = Make("cloudwatch:PutDashboard", _WHICH, _BODY)
    rehearsed: ClassVar[Rehearsed] = Rehearsed("cloudwatch:DeleteDashboards", {"DashboardNames": [ID]})
    changes: ClassVar[tuple[Change, ...]] = (Change("cloudwatch:PutDashboard", _WHICH, _BODY, whole=True),)
