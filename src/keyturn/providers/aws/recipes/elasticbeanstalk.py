"""Elastic Beanstalk environments: the version that runs, and every option.

A terminated environment can be rebuilt for six weeks, under its name and id, from new resources: what lay in the old ones is gone
(https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/environment-management-rebuild.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.declared import Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Field

_ENDED = frozenset({"Terminating", "Terminated"})
_UPDATE = "elasticbeanstalk:UpdateEnvironment"
_UPDATED = {"VersionLabel": "VersionLabel", "Description": "Description", "PlatformArn": "PlatformArn"}


class Environment(Declared):
    """Application, version, platform, options and tags."""

    kind: ClassVar[str] = "elasticbeanstalk:environment"
    title: ClassVar[str] = "Elastic Beanstalk environment"
    fields: ClassVar[tuple[str, ...]] = ("ApplicationName", *_UPDATED, "tier", "cname", "options", "tags")
    secret_fields: ClassVar[tuple[str, ...]] = ("options",)
    deletes: ClassVar[frozenset[str]] = frozenset({"elasticbeanstalk:TerminateEnvironment"})
    ended: ClassVar[tuple[str, frozenset[str]]] = ("status", _ENDED)
    recover_s: ClassVar[int] = 900
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "elasticbeanstalk:DescribeEnvironments",
            {"EnvironmentNames": [ID], "IncludeDeleted": False},
            {
                **_UPDATED,
                "ApplicationName": "ApplicationName",
                "id": "EnvironmentId",
                "arn": "EnvironmentArn",
                "status": "Status",
                "tier": "Tier",
                "cname": "CNAME",
            },
            one_of="Environments",
            match="EnvironmentName",
        ),
        Read(
            "elasticbeanstalk:DescribeConfigurationSettings",
            {"ApplicationName": Field("ApplicationName"), "EnvironmentName": ID},
            {"options": "ConfigurationSettings.0.OptionSettings"},
        ),
        Read("elasticbeanstalk:ListTagsForResource", {"ResourceArn": ARN}, {"tags": "ResourceTags"}),
    )
    make: ClassVar[Make] = Make("elasticbeanstalk:RebuildEnvironment", {"EnvironmentId": Field("id")})
    makes_tags: ClassVar[str] = ""
    calls: ClassVar[tuple[str, ...]] = (_UPDATE,)
    tagged: ClassVar[Tags] = Tags(
        "elasticbeanstalk:UpdateTagsForResource",
        "elasticbeanstalk:UpdateTagsForResource",
        {"ResourceArn": ARN},
        "TagsToAdd",
        "TagsToRemove",
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its instances and what lay on them, and a database that belongs to it: it is rebuilt from new resources",
        "six weeks after it was terminated, all of it",
        "its address, where somebody else takes the name while it is gone",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        options = {
            f"{one.get('Namespace')}|{one.get('ResourceName') or ''}|{one.get('OptionName')}": str(
                one["Value"]
            )
            for one in state.get("options") or []
            if one.get("Value") is not None
        }
        return {**state, "options": dict(sorted(options.items()))}

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation != _UPDATE:
            return super().inverse(operation, parameters, ref, state)
        if parameters.get("TemplateName") or parameters.get("SolutionStackName") or parameters.get("Tier"):
            return ()  # they change more than they name
        back: dict[str, Any] = {}
        for name, field in _UPDATED.items():
            if name in parameters:
                if not state.get(field):
                    return ()
                back[name] = state[field]
        named = [*(parameters.get("OptionSettings") or []), *(parameters.get("OptionsToRemove") or [])]
        stood: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        for one in named:
            where = {name: one[name] for name in ("Namespace", "ResourceName", "OptionName") if one.get(name)}
            value = state["options"].get(
                f"{one.get('Namespace')}|{one.get('ResourceName') or ''}|{one.get('OptionName')}"
            )
            (new if value is None else stood).append(where if value is None else {**where, "Value": value})
        back |= {"OptionSettings": stood} if stood else {}
        back |= {"OptionsToRemove": new} if new else {}
        return (Step(_UPDATE, {"EnvironmentName": ref.id, **back}),) if back else ()
