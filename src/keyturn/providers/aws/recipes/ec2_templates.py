"""EC2 launch templates with all their versions.

Version numbers are the service's: they count up and are not used again, so that a template made anew numbers its versions from one
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplateVersions.html, API_CreateLaunchTemplateVersion.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Captured, State, Step
from keyturn.providers.aws.recipes.declared import Change, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ID
from keyturn.providers.aws.recipes.reborn import EC2_TAGS, Reborn


class LaunchTemplate(Reborn):
    """Every version of a template, which of them is the default, and its tags; known by id or by name."""

    kind: ClassVar[str] = "ec2:launch-template"
    title: ClassVar[str] = "EC2 launch template"
    fields: ClassVar[tuple[str, ...]] = ("name", "default", "versions", "tags")
    secret_fields: ClassVar[tuple[str, ...]] = ("versions",)  # user data is in them
    deletes: ClassVar[frozenset[str]] = frozenset({"ec2:DeleteLaunchTemplate"})
    calls: ClassVar[tuple[str, ...]] = ("ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplateVersions")
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "ec2:DescribeLaunchTemplates",
            {"LaunchTemplateIds": [ID]},
            {
                "id": "LaunchTemplateId",
                "name": "LaunchTemplateName",
                "default": "DefaultVersionNumber",
                "tags": "Tags",
            },
            absent=(
                "InvalidLaunchTemplateId.NotFound",
                "InvalidLaunchTemplateId.NotFoundException",
                "InvalidLaunchTemplateName.NotFoundException",
            ),
            one_of="LaunchTemplates",
        ),
        Read(
            "ec2:DescribeLaunchTemplateVersions",
            {"LaunchTemplateId": ID},
            {"versions": "LaunchTemplateVersions"},
            all_of="LaunchTemplateVersions",
        ),
        Read(
            "autoscaling:DescribeAutoScalingGroups",
            {},
            {"groups": "AutoScalingGroups"},
            all_of="AutoScalingGroups",
        ),
    )
    make: ClassVar[Make] = Make("ec2:CreateLaunchTemplate", {}, {"LaunchTemplateName": "name"})
    changes: ClassVar[tuple[Change, ...]] = (
        Change("ec2:ModifyLaunchTemplate", {"LaunchTemplateId": ID}, {"DefaultVersion": "default"}),
    )
    born: ClassVar[str] = "LaunchTemplate.LaunchTemplateId"
    tagged: ClassVar[Tags] = EC2_TAGS
    loss: ClassVar[tuple[str, ...]] = (
        "its id: Auto Scaling groups that name it by id have to be told",
        "the numbers of its versions where some had been deleted; who made them, and when",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        return (yield from _Named().capture(ref) if not ref.id.startswith("lt-") else super().capture(ref))

    def tidy(self, ref: ResourceRef, state: State) -> State:
        versions = {
            str(one.get("VersionNumber")): {
                name: one[name] for name in ("VersionDescription", "LaunchTemplateData") if one.get(name)
            }
            for one in sorted(state.get("versions") or [], key=lambda one: int(one.get("VersionNumber") or 0))
        }
        groups = sorted(
            str(one.get("AutoScalingGroupName"))
            for one in state.get("groups") or []
            if _template_of(one) in {state.get("id"), state.get("name")}
        )
        default = state.get("default")
        return {
            **state,
            "versions": versions,
            "groups": groups,
            "default": str(default) if default is not None else None,
        }

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        return tuple(
            Dependent(
                msgspec.structs.replace(ref, kind="autoscaling:autoScalingGroup", id=name),
                "launches from",
                ref,
            )
            for name in state.get("groups") or []
        )

    def at_risk(self, state: State) -> str:
        used = len(state.get("groups") or [])
        said = f"{len(state['versions'])} versions"
        return said + (f", {used} Auto Scaling groups launch from it" if used else "")

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        return (
            None  # a create that meets one that stands wants another version, which only its maker can tell
        )

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "ec2:ModifyLaunchTemplate":
            given = {"LaunchTemplateId": state["id"], "DefaultVersion": state["default"]}
            return (Step(operation, given),)
        return super().inverse(operation, parameters, ref, state)

    def _made(self, ref: ResourceRef, state: State) -> Step:
        first = next(iter(state["versions"].values()))
        given = {"LaunchTemplateName": state["name"], **first}
        if state.get("tags"):
            tags = {"ResourceType": "launch-template", "Tags": self._tag_list(state["tags"])}
            given["TagSpecifications"] = [tags]
        return Step("ec2:CreateLaunchTemplate", given)

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        which = {"LaunchTemplateId": ref.id}
        _, *later = state["versions"].values()
        steps = [Step("ec2:CreateLaunchTemplateVersion", which | one) for one in later]
        place = list(state["versions"]).index(state["default"]) + 1  # versions are numbered anew
        if place > 1:
            steps.append(Step("ec2:ModifyLaunchTemplate", which | {"DefaultVersion": str(place)}))
        return steps


def _template_of(group: dict[str, Any]) -> str | None:
    """The template that a group launches from, by id, or by name where that is how it is said."""
    mixed = ((group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}).get(
        "LaunchTemplateSpecification"
    )
    said = group.get("LaunchTemplate") or mixed or {}
    return said.get("LaunchTemplateId") or said.get("LaunchTemplateName")


class _Named(LaunchTemplate):
    """The same template, asked for by its name."""

    reads: ClassVar[tuple[Read, ...]] = tuple(
        msgspec.structs.replace(read, given=given)
        for read, given in zip(
            LaunchTemplate.reads,
            ({"LaunchTemplateNames": [ID]}, {"LaunchTemplateName": ID}, {}),
            strict=True,
        )
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        return (yield from super(LaunchTemplate, self).capture(ref))
