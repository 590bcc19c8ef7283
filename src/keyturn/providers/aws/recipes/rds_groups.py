"""What RDS instances and clusters are set by: parameter groups, subnet groups, option groups.

A parameter group is what differs from its family's defaults; twenty parameters fit into one call
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html). None of them bears data, and none can
be deleted while something uses it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Rehearsed, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Field
from keyturn.providers.aws.recipes.rds import RDS_TAGS

PARAMETERS_MAX: Final = 20
"""Of one ModifyDBParameterGroup."""

_TOLD: Final = ("ParameterName", "ParameterValue", "ApplyMethod")
_MARKER: Final = ("Marker", "Marker")
_TAGS_READ: Final = Read("rds:ListTagsForResource", {"ResourceName": ARN}, {"tags": "TagList"})


class ParameterGroup(Declared):
    """A group's family, description, tags, and the parameters that somebody has set."""

    kind: ClassVar[str] = "rds:pg"
    title: ClassVar[str] = "RDS parameter group"
    noun: ClassVar[str] = "DBParameterGroup"
    fields: ClassVar[tuple[str, ...]] = ("DBParameterGroupFamily", "Description", "parameters", "tags")
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteDBParameterGroup"})
    calls: ClassVar[tuple[str, ...]] = ("rds:ModifyDBParameterGroup", "rds:ResetDBParameterGroup")
    in_place: ClassVar[tuple[str, ...]] = calls
    sets: ClassVar[frozenset[str]] = frozenset({"parameters"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeDBParameterGroups",
            {"DBParameterGroupName": ID},
            {
                "DBParameterGroupFamily": "DBParameterGroupFamily",
                "Description": "Description",
                "arn": "DBParameterGroupArn",
            },
            absent=("DBParameterGroupNotFound",),
            one_of="DBParameterGroups",
        ),
        Read(
            "rds:DescribeDBParameters",
            {"DBParameterGroupName": ID, "Source": "user"},
            {"parameters": "Parameters"},
            all_of="Parameters",
            tokens=_MARKER,
        ),
        _TAGS_READ,
    )
    make: ClassVar[Make] = Make(
        "rds:CreateDBParameterGroup",
        {"DBParameterGroupName": ID},
        {"DBParameterGroupFamily": "DBParameterGroupFamily", "Description": "Description"},
    )
    makes_tags: ClassVar[str] = "Tags"
    tagged: ClassVar[Tags] = RDS_TAGS
    rehearsed: ClassVar[Rehearsed] = Rehearsed("rds:DeleteDBParameterGroup", {"DBParameterGroupName": ID})
    loss: ClassVar[tuple[str, ...]] = (
        "what its family's defaults were, where the service has changed them since",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        found = [
            {name: one[name] for name in _TOLD if one.get(name) is not None}
            for one in state.get("parameters") or []
        ]
        return {**state, "parameters": [one for one in found if "ParameterValue" in one]}

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation not in self.calls:
            return () if operation in self.creates else super().inverse(operation, parameters, ref, state)
        standing = {one["ParameterName"]: one for one in state["parameters"]}
        given = {
            str(one.get("ParameterName")): str(one.get("ApplyMethod") or "pending-reboot")
            for one in parameters.get("Parameters") or []
        }
        resets = operation == self.calls[1]
        everything = resets and (parameters.get("ResetAllParameters") or not given)
        again = [one for name, one in standing.items() if everything or name in given]
        off = {} if resets else {name: how for name, how in given.items() if name not in standing}
        reset = [{"ParameterName": name, "ApplyMethod": how} for name, how in off.items()]
        which = {f"{self.noun}Name": ref.id}
        return (
            *self._set_again(ref, again),
            *(
                Step(self.calls[1], {**which, "ResetAllParameters": False, "Parameters": part})
                for part in _twenties(reset)
            ),
        )

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        return [*super()._afterwards(ref, state), *self._set_again(ref, state["parameters"])]

    def _set_again(self, ref: ResourceRef, wanted: list[dict[str, Any]]) -> list[Step]:
        return [
            Step(self.calls[0], {f"{self.noun}Name": ref.id, "Parameters": part})
            for part in _twenties(wanted)
        ]


class ClusterParameterGroup(ParameterGroup):
    """The same of clusters."""

    kind: ClassVar[str] = "rds:cluster-pg"
    title: ClassVar[str] = "RDS cluster parameter group"
    noun: ClassVar[str] = "DBClusterParameterGroup"
    rehearsed: ClassVar[Rehearsed] = Rehearsed(
        "rds:DeleteDBClusterParameterGroup", {"DBClusterParameterGroupName": ID}
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteDBClusterParameterGroup"})
    calls: ClassVar[tuple[str, ...]] = (
        "rds:ModifyDBClusterParameterGroup",
        "rds:ResetDBClusterParameterGroup",
    )
    in_place: ClassVar[tuple[str, ...]] = calls
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeDBClusterParameterGroups",
            {"DBClusterParameterGroupName": ID},
            {
                "DBParameterGroupFamily": "DBParameterGroupFamily",
                "Description": "Description",
                "arn": "DBClusterParameterGroupArn",
            },
            absent=("DBParameterGroupNotFound", "DBClusterParameterGroupNotFound"),
            one_of="DBClusterParameterGroups",
        ),
        Read(
            "rds:DescribeDBClusterParameters",
            {"DBClusterParameterGroupName": ID, "Source": "user"},
            {"parameters": "Parameters"},
            all_of="Parameters",
            tokens=_MARKER,
        ),
        _TAGS_READ,
    )
    make: ClassVar[Make] = Make(
        "rds:CreateDBClusterParameterGroup",
        {"DBClusterParameterGroupName": ID},
        {"DBParameterGroupFamily": "DBParameterGroupFamily", "Description": "Description"},
    )


def _twenties(wanted: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [wanted[at : at + PARAMETERS_MAX] for at in range(0, len(wanted), PARAMETERS_MAX)]


class SubnetGroup(Declared):
    """Which subnets databases may be in."""

    kind: ClassVar[str] = "rds:subgrp"
    title: ClassVar[str] = "RDS subnet group"
    fields: ClassVar[tuple[str, ...]] = ("DBSubnetGroupDescription", "SubnetIds", "tags")
    rehearsed: ClassVar[Rehearsed] = Rehearsed("rds:DeleteDBSubnetGroup", {"DBSubnetGroupName": ID})
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteDBSubnetGroup"})
    sets: ClassVar[frozenset[str]] = frozenset({"SubnetIds"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeDBSubnetGroups",
            {"DBSubnetGroupName": ID},
            {
                "DBSubnetGroupDescription": "DBSubnetGroupDescription",
                "SubnetIds": "Subnets",
                "arn": "DBSubnetGroupArn",
            },
            absent=("DBSubnetGroupNotFoundFault",),
            one_of="DBSubnetGroups",
        ),
        _TAGS_READ,
    )
    make: ClassVar[Make] = Make(
        "rds:CreateDBSubnetGroup",
        {"DBSubnetGroupName": ID},
        {"DBSubnetGroupDescription": "DBSubnetGroupDescription", "SubnetIds": "SubnetIds"},
    )
    makes_tags: ClassVar[str] = "Tags"
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "rds:ModifyDBSubnetGroup",
            {"DBSubnetGroupName": ID, "SubnetIds": Field("SubnetIds")},
            {"DBSubnetGroupDescription": "DBSubnetGroupDescription", "SubnetIds": "SubnetIds"},
        ),
    )
    tagged: ClassVar[Tags] = RDS_TAGS

    def tidy(self, ref: ResourceRef, state: State) -> State:
        return {**state, "SubnetIds": [one.get("SubnetIdentifier") for one in state.get("SubnetIds") or []]}

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        return () if operation in self.creates else super().inverse(operation, parameters, ref, state)


class OptionGroup(Declared):
    """An option group's engine, description, options and tags."""

    kind: ClassVar[str] = "rds:og"
    title: ClassVar[str] = "RDS option group"
    fields: ClassVar[tuple[str, ...]] = (
        "EngineName",
        "MajorEngineVersion",
        "OptionGroupDescription",
        "options",
        "tags",
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"rds:DeleteOptionGroup"})
    calls: ClassVar[tuple[str, ...]] = ("rds:ModifyOptionGroup",)
    in_place: ClassVar[tuple[str, ...]] = calls
    sets: ClassVar[frozenset[str]] = frozenset({"options"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "rds:DescribeOptionGroups",
            {"OptionGroupName": ID},
            {
                **{name: name for name in fields if name[0].isupper()},
                "options": "Options",
                "arn": "OptionGroupArn",
            },
            absent=("OptionGroupNotFoundFault",),
            one_of="OptionGroupsList",
        ),
        _TAGS_READ,
    )
    make: ClassVar[Make] = Make(
        "rds:CreateOptionGroup",
        {"OptionGroupName": ID},
        {name: name for name in ("EngineName", "MajorEngineVersion", "OptionGroupDescription")},
    )
    then: ClassVar[tuple[Make, ...]] = (
        Make(
            "rds:ModifyOptionGroup",
            {"OptionGroupName": ID, "ApplyImmediately": True, "OptionsToInclude": Field("options")},
            when="options",
        ),
    )
    makes_tags: ClassVar[str] = "Tags"
    tagged: ClassVar[Tags] = RDS_TAGS
    rehearsed: ClassVar[Rehearsed] = Rehearsed("rds:DeleteOptionGroup", {"OptionGroupName": ID})
    loss: ClassVar[tuple[str, ...]] = ("settings of its options that are not shown (passwords)",)

    def tidy(self, ref: ResourceRef, state: State) -> State:
        return {**state, "options": [_option(one) for one in state.get("options") or []]}

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation not in self.calls:
            return () if operation in self.creates else super().inverse(operation, parameters, ref, state)
        standing = {one["OptionName"]: one for one in state["options"]}
        included = [str(one.get("OptionName")) for one in parameters.get("OptionsToInclude") or []]
        touched = [*included, *map(str, parameters.get("OptionsToRemove") or [])]
        again = [standing[name] for name in dict.fromkeys(touched) if name in standing]
        off = [name for name in dict.fromkeys(included) if name not in standing]
        back = {
            name: value for name, value in (("OptionsToInclude", again), ("OptionsToRemove", off)) if value
        }
        which = {"OptionGroupName": ref.id, "ApplyImmediately": True}
        return (Step("rds:ModifyOptionGroup", which | back),) if back else ()


def _option(told: dict[str, Any]) -> dict[str, Any]:
    """An option as ModifyOptionGroup takes it."""
    settings = [
        {"Name": one.get("Name"), "Value": one.get("Value")}
        for one in told.get("OptionSettings") or []
        if one.get("Value") is not None
    ]
    made = {
        "OptionName": told.get("OptionName"),
        "Port": told.get("Port"),
        "OptionVersion": told.get("OptionVersion"),
        "OptionSettings": sorted(settings, key=lambda one: str(one["Name"])),
        "VpcSecurityGroupMemberships": sorted(
            str(one.get("VpcSecurityGroupId")) for one in told.get("VpcSecurityGroupMemberships") or []
        ),
    }
    return {name: value for name, value in made.items() if value not in (None, [], "")}
