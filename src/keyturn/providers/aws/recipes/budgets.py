"""Budgets with their notifications and who hears of them
(https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.again import Again, Given
from keyturn.providers.aws.recipes.base import Captured, Narrow, Scratch, State, Step
from keyturn.providers.aws.recipes.common import pages, read_call, value_of

_TOLD: Final = frozenset({"CalculatedSpend", "LastUpdatedTime", "HealthStatus"})
"""What the service works out; the rest of a budget is what somebody declared."""


class Budget(Again):
    """The limit, its period and filters, and who is told when it is passed."""

    kind: ClassVar[str] = "budgets:budget"
    title: ClassVar[str] = "budget"
    fields: ClassVar[tuple[str, ...]] = ("budget", "notifications")
    creates: ClassVar[frozenset[str]] = frozenset({"budgets:CreateBudget"})
    deletes: ClassVar[frozenset[str]] = frozenset({"budgets:DeleteBudget"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {"budgets:UpdateBudget", "budgets:CreateNotification", "budgets:DeleteNotification"}
    )
    in_place: ClassVar[tuple[str, ...]] = ("budgets:UpdateBudget", "budgets:UpdateNotification")
    drills: ClassVar[bool] = True
    loss: ClassVar[tuple[str, ...]] = ("its history, and the actions that were attached to it",)

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        which = {"AccountId": ref.account, "BudgetName": ref.id}
        (answer,) = yield (read_call(ref, "budgets:DescribeBudget", **which),)
        found = value_of(answer, "DescribeBudget", unknowns, "NotFoundException")
        if found is None:
            return Captured(None, tuple(unknowns))
        listed = yield from pages(
            ref, "budgets:DescribeNotificationsForBudget", which, token_in="NextToken", token_out="NextToken"
        )
        said = [
            one
            for told in listed
            for one in (value_of(told, "DescribeNotificationsForBudget", unknowns) or {}).get("Notifications")
            or []
        ]
        notifications = []
        for one in said:
            declared = {name: value for name, value in sorted(one.items()) if name != "NotificationState"}
            (answer,) = yield (
                read_call(ref, "budgets:DescribeSubscribersForNotification", Notification=declared, **which),
            )
            heard = value_of(answer, "DescribeSubscribersForNotification", unknowns, "NotFoundException")
            notifications.append(
                {"Notification": declared, "Subscribers": (heard or {}).get("Subscribers") or []}
            )
        declared = {name: _plain(value) for name, value in found["Budget"].items() if name not in _TOLD}
        return Captured(
            {"budget": declared, "notifications": sorted(notifications, key=str)}, tuple(unknowns)
        )

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        given = {"AccountId": ref.account, "Budget": state["budget"]}
        if state["notifications"]:
            given["NotificationsWithSubscribers"] = state["notifications"]
        return (Given(Step("budgets:CreateBudget", given)),)

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch:
        """A budget of another name that tells nobody; it limits nothing, as no budget does by itself."""
        made = msgspec.structs.replace(ref, id=name)
        return Scratch(
            ref=made,
            state={**state, "budget": {**state["budget"], "BudgetName": name}, "notifications": []},
            removal=Step("budgets:DeleteBudget", {"AccountId": ref.account, "BudgetName": name}),
            fields=self.fields,
        )

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        new = parameters.get("NewBudget")
        return (
            {"budget": {name: _plain(value) for name, value in new.items()}}
            if isinstance(new, Mapping)
            else None
        )

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "budgets:CreateBudget" or not isinstance(parameters.get("Budget"), Mapping):
            return None
        wanted: State = {"budget": {name: _plain(value) for name, value in parameters["Budget"].items()}}
        if parameters.get("NotificationsWithSubscribers"):
            wanted["notifications"] = sorted(parameters["NotificationsWithSubscribers"], key=str)
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        """What the create leaves out of a budget stays as it stands; who is told is compared, and not patched."""
        aim = {**state["budget"], **desired["budget"]}
        other = tuple(
            (f"budget.{name}", state["budget"].get(name), value)
            for name, value in desired["budget"].items()
            if state["budget"].get(name) != value
        )
        step = Step("budgets:UpdateBudget", {"AccountId": ref.account, "NewBudget": aim})
        told = desired.get("notifications")
        unknown = () if told is None else ("who is told: it was not compared",)
        return Narrow((step,) if other else (), other, unknown=unknown)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        which = {"AccountId": ref.account, "BudgetName": ref.id}
        named = parameters.get("Notification")
        stood = next((one for one in state["notifications"] if _same(one["Notification"], named)), None)
        match operation:
            case "budgets:UpdateBudget":
                return (Step(operation, {"AccountId": ref.account, "NewBudget": state["budget"]}),)
            case "budgets:CreateNotification" if stood is None:
                return (Step("budgets:DeleteNotification", {**which, "Notification": named}),)
            case "budgets:DeleteNotification" if stood is not None and stood["Subscribers"]:
                return (Step("budgets:CreateNotification", {**which, **stood}),)
        return ()


def _plain(value: Any) -> Any:
    """Times as text, so that a capture is the same from any client."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in sorted(value.items())}
    return value.isoformat() if hasattr(value, "isoformat") else value


def _same(stood: Mapping[str, Any], named: object) -> bool:
    if not isinstance(named, Mapping):
        return False
    return all(
        stood.get(name) == named.get(name) for name in ("NotificationType", "ComparisonOperator", "Threshold")
    )
