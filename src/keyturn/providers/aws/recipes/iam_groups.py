"""IAM groups: who is in one, and what its members may by it.

No policy can name a group as a principal (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_groups.html), so that its new unique id
matters to nobody; but every member is without what the group gave her until she is in it again.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Captured, Narrow, State, Step
from keyturn.providers.aws.recipes.common import value_of, wanted_otherwise
from keyturn.providers.aws.recipes.iam import ABSENT, Principal, each_page, items_of

MEMBERSHIPS = frozenset({"iam:AddUserToGroup", "iam:RemoveUserFromGroup"})


class IamGroup(Principal):
    """A group: its path, members, inline and attached policies."""

    kind: ClassVar[str] = "iam:group"
    no_drill: ClassVar[str] = (
        "who may put somebody into it would hand on what it gives: the backup role gives no group a policy"
    )
    title: ClassVar[str] = "IAM group"
    noun: ClassVar[str] = "Group"
    fields: ClassVar[tuple[str, ...]] = ("unique_id", "path", "inline", "attached", "members")
    born_with: ClassVar[tuple[str, ...]] = ("unique_id",)
    creates: ClassVar[frozenset[str]] = frozenset({"iam:CreateGroup"})
    deletes: ClassVar[frozenset[str]] = frozenset({"iam:DeleteGroup"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            *MEMBERSHIPS,
            "iam:UpdateGroup",
            "iam:PutGroupPolicy",
            "iam:DeleteGroupPolicy",
            "iam:AttachGroupPolicy",
            "iam:DetachGroupPolicy",
        }
    )
    in_place: ClassVar[tuple[str, ...]] = (
        "iam:PutGroupPolicy",
        "iam:AttachGroupPolicy",
        "iam:AddUserToGroup",
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its unique id, which no policy can name",
        "what its members may by it, from then until they are in it again",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        answers = yield from each_page(ref, "iam:GetGroup", {"GroupName": ref.id})
        found = value_of(answers[0], "GetGroup", unknowns, *ABSENT)
        if found is None:
            return Captured(None, tuple(unknowns))
        group = found["Group"]
        members = sorted(one["UserName"] for one in items_of(answers, "Users", "GetGroup", unknowns))
        permissions = yield from self._permissions(ref, unknowns)
        state: State = {
            "arn": group["Arn"],
            "unique_id": group["GroupId"],
            "path": group.get("Path", "/"),
            "boundary": "",
            "tags": {},
            "members": members,
            **permissions,
        }
        edges = tuple(
            Dependent(msgspec.structs.replace(ref, kind="iam:user", id=name), "has its permissions by", ref)
            for name in members
        )
        return Captured(state, tuple(unknowns), edges)

    def at_risk(self, state: State) -> str:
        return f"the permissions of {len(state['members'])} users" if state["members"] else ""

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        return {"path": parameters.get("Path", "/")} if operation == "iam:CreateGroup" else None

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = wanted_otherwise(state, desired, self.fields)
        which = {"GroupName": ref.id}
        steps: list[Step] = []
        for field, before, after in found:
            if field == "path":
                steps.append(Step("iam:UpdateGroup", {**which, "NewPath": after}))
            elif field in {"members", "attached"}:
                had, wanted = set(before or []), set(after or [])
                steps += [self._one(field, ref, name, on=True) for name in sorted(wanted - had)]
                steps += [self._one(field, ref, name, on=False) for name in sorted(had - wanted)]
        immutable = tuple(field for field, _, _ in found if field == "unique_id")
        unknown = tuple(
            "inline: iam:PutGroupPolicy sets one, by name" for field, _, _ in found if field == "inline"
        )
        return Narrow(tuple(steps), found, immutable, unknown)

    def _one(self, field: str, ref: ResourceRef, name: str, *, on: bool) -> Step:
        which = {"GroupName": ref.id}
        if field == "attached":
            return Step(f"iam:{'Attach' if on else 'Detach'}GroupPolicy", {**which, "PolicyArn": name})
        return Step("iam:AddUserToGroup" if on else "iam:RemoveUserFromGroup", {**which, "UserName": name})

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        who = str(parameters.get("UserName"))
        others = [name for name in state.get("members", []) if name != who]
        match operation:
            case "iam:AddUserToGroup":
                return {"members": sorted([*others, who])}
            case "iam:RemoveUserFromGroup":
                return {"members": others}
            case "iam:UpdateGroup" if "NewPath" in parameters:
                return {"path": parameters["NewPath"]}
        return super().written(operation, parameters, state)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation in MEMBERSHIPS:
            who = str(parameters.get("UserName"))
            return (self._one("members", ref, who, on=who in state["members"]),)
        if operation == "iam:UpdateGroup":
            if parameters.get("NewGroupName"):
                return ()  # it stands under another name by then
            return (Step(operation, {"GroupName": ref.id, "NewPath": state["path"]}),)
        return super().inverse(operation, parameters, ref, state)

    def unrestorable(self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State) -> str:
        if operation == "iam:UpdateGroup" and parameters.get("NewGroupName"):
            return "it stands under another name by then: it is renamed back by hand"
        return super().unrestorable(operation, parameters, ref, state)

    def beside(self, ref: ResourceRef, state: State) -> list[Step]:
        return [self._one("members", ref, name, on=True) for name in state["members"]]

    def afterwards(self, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
        return []  # no trust policy can name it
        yield ()
