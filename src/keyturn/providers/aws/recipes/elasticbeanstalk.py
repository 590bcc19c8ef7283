"""Elastic Beanstalk environments: the version that runs, and every option.

A terminated environment can be rebuilt for six weeks, under its name and id, from new resources: what lay in the old ones is gone
(https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/environment-management-rebuild.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Narrow, State, Step
from keyturn.providers.aws.recipes.common import wanted_otherwise
from keyturn.providers.aws.recipes.declared import Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Field

_ENDED = frozenset({"Terminating", "Terminated"})
_UPDATE = "elasticbeanstalk:UpdateEnvironment"
_CREATE = "elasticbeanstalk:CreateEnvironment"
_UPDATED = {"VersionLabel": "VersionLabel", "Description": "Description", "PlatformArn": "PlatformArn"}
_UNREAD = {
    "TemplateName": "the options of its template",
    "SolutionStackName": "its platform, which is told as an ARN",
    "OptionsToRemove": "the options it would do without",
    "OperationsRole": "its operations role",
}
"""What a create can say that a description of what stands does not tell in the same words."""


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
    created_by: ClassVar[frozenset[str]] = frozenset({_CREATE})
    calls: ClassVar[tuple[str, ...]] = (_UPDATE,)
    in_place: ClassVar[tuple[str, ...]] = (_UPDATE,)
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
        return {**state, "options": self._options(state.get("options") or [])}

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != _CREATE:
            return None
        given = parameters.get("OptionSettings") or []
        wanted: State = {
            field: parameters[name]
            for name, field in (*_UPDATED.items(), ("ApplicationName", "ApplicationName"))
            if name in parameters
        }
        wanted |= {"options": self._options(given)} if given else {}
        wanted |= {"tags": self._plain_tags(parameters["Tags"])} if parameters.get("Tags") else {}
        wanted |= {"tier": parameters["Tier"]} if parameters.get("Tier") else {}
        wanted |= {"cname": parameters["CNAMEPrefix"]} if parameters.get("CNAMEPrefix") else {}
        return {**wanted, "unread": [said for name, said in _UNREAD.items() if parameters.get(name)]}

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        """One update: the version, and the options that are given and differ. An option that is not given stays as it stands."""
        stands, asked = state["options"], desired.get("options") or {}
        differ = {key: value for key, value in asked.items() if stands.get(key) != value}
        other = wanted_otherwise(state, desired, ("ApplicationName", *_UPDATED.values(), "tags"))
        if differ:
            other = (*other, ("options", {key: stands[key] for key in differ if key in stands}, differ))
        fixed = [
            (name, state.get(name), desired[name])
            for name, held in (("tier", self._tier_held), ("cname", self._cname_held))
            if desired.get(name) and not held(state, desired)
        ]
        names = {field for field, _, _ in other}
        update: dict[str, Any] = {name: desired[field] for name, field in _UPDATED.items() if field in names}
        update |= (
            {"OptionSettings": [_setting(key, value) for key, value in differ.items()]} if differ else {}
        )
        steps = [Step(_UPDATE, {"EnvironmentName": ref.id, **update})] if update else []
        return Narrow(
            (*steps, *self._tag_other(ref, state, other)),
            (*other, *fixed),
            immutable=(
                *(["ApplicationName"] if "ApplicationName" in names else []),
                *(name for name, _, _ in fixed),
            ),
            unknown=tuple(desired.get("unread") or ()),
        )

    @staticmethod
    def _tier_held(state: State, desired: State) -> bool:
        return bool((state.get("tier") or {}).get("Name") == desired["tier"].get("Name"))

    @staticmethod
    def _cname_held(state: State, desired: State) -> bool:
        """A create names the first label of it, or what stands is compared with itself."""
        return f"{state.get('cname') or ''}.".startswith(f"{desired['cname']}.")

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        if operation == self.make.operation:
            return state is not None
        return super().settled(operation, parameters, ref, state)

    @staticmethod
    def _options(told: list[dict[str, Any]]) -> dict[str, str]:
        options = {_key(one): str(one["Value"]) for one in told if one.get("Value") is not None}
        return dict(sorted(options.items()))

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if (
            operation != _UPDATE
        ):  # a rebuild of what stands is a delete and a create: another one takes nothing back
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
            value = state["options"].get(_key(one))
            (new if value is None else stood).append(where if value is None else {**where, "Value": value})
        back |= {"OptionSettings": stood} if stood else {}
        back |= {"OptionsToRemove": new} if new else {}
        return (Step(_UPDATE, {"EnvironmentName": ref.id, **back}),) if back else ()


def _key(option: dict[str, Any]) -> str:
    return f"{option.get('Namespace')}|{option.get('ResourceName') or ''}|{option.get('OptionName')}"


def _setting(key: str, value: str) -> dict[str, str]:
    namespace, resource, name = key.split("|", 2)
    return {
        "Namespace": namespace,
        **({"ResourceName": resource} if resource else {}),
        "OptionName": name,
        "Value": value,
    }
