"""OpenSearch Service domains: what one is made of comes back; what is indexed in it does not.

A deleted domain cannot be recovered (https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DeleteDomain.html), and its
automated snapshots go with it. Snapshots that somebody keeps in a repository of their own are asked for by the domain's own API, not
AWS's: whether there are any is not seen here, so that they are not counted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import Narrow, State, Step
from keyturn.providers.aws.recipes.declared import Declared
from keyturn.providers.aws.recipes.filling import ARN, ID
from keyturn.providers.aws.recipes.tables import Change, Make, Read, Tags

_WHICH: Final = {"DomainName": ID}
_OPTIONS: Final = [
    "ClusterConfig",
    "EBSOptions",
    "AccessPolicies",
    "IPAddressType",
    "SnapshotOptions",
    "VPCOptions",
    "CognitoOptions",
    "EncryptionAtRestOptions",
    "NodeToNodeEncryptionOptions",
    "AdvancedOptions",
    "LogPublishingOptions",
    "DomainEndpointOptions",
    "AdvancedSecurityOptions",
    "AutoTuneOptions",
    "OffPeakWindowOptions",
    "SoftwareUpdateOptions",
]
_SET: Final = {name: name for name in _OPTIONS}
"""What UpdateDomainConfig sets, by the same names as CreateDomain."""

_TOLD_ONLY: Final = {
    "VPCOptions": {"VPCId", "AvailabilityZones"},
    "AdvancedSecurityOptions": {"AnonymousAuthDisableDate"},
    "AutoTuneOptions": {"ErrorMessage"},
}
"""Members of an answer that no request takes."""

_ONE_WAY: Final = ("EncryptionAtRestOptions", "NodeToNodeEncryptionOptions", "AdvancedSecurityOptions")
"""Once on, these are not switched off again."""


class Domain(Declared):
    """Version, nodes, disks, network, policies and options. Its indexes are not in it, nor the password of its master user."""

    kind: ClassVar[str] = "es:domain"
    title: ClassVar[str] = "OpenSearch domain"
    fields: ClassVar[tuple[str, ...]] = ("EngineVersion", *_OPTIONS, "tags")
    data_bearing: ClassVar[bool] = True
    deletes: ClassVar[frozenset[str]] = frozenset({"opensearch:DeleteDomain", "es:DeleteElasticsearchDomain"})
    calls: ClassVar[tuple[str, ...]] = (
        "opensearch:UpgradeDomain", "opensearch:StartServiceSoftwareUpdate", "opensearch:CancelServiceSoftwareUpdate",
        "es:UpdateElasticsearchDomainConfig", "es:UpgradeElasticsearchDomain",
    )  # fmt: skip
    documents: ClassVar[frozenset[str]] = frozenset({"AccessPolicies"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "opensearch:DescribeDomain",
            _WHICH,
            {
                **{field: f"DomainStatus.{field}" for field in (*_OPTIONS, "EngineVersion")},
                "arn": "DomainStatus.ARN",
                "deleted": "DomainStatus.Deleted",
                "processing": "DomainStatus.Processing",
            },
            absent=("ResourceNotFoundException",),
        ),
        Read("opensearch:ListTags", {"ARN": ARN}, {"tags": "TagList"}),
    )
    make: ClassVar[Make] = Make("opensearch:CreateDomain", _WHICH, {**_SET, "EngineVersion": "EngineVersion"})
    makes_tags: ClassVar[str] = "TagList"
    changes: ClassVar[tuple[Change, ...]] = (Change("opensearch:UpdateDomainConfig", _WHICH, _SET),)
    tagged: ClassVar[Tags] = Tags("opensearch:AddTags", "opensearch:RemoveTags", {"ARN": ARN}, "TagList")
    recover_s: ClassVar[int] = 3_600
    proved_on: ClassVar[str] = "stand-in only (whose domains are ready at once), never run on AWS"
    loss: ClassVar[tuple[str, ...]] = (
        "everything that is indexed in it, with the service's automated snapshots",
        "snapshots in a repository that somebody keeps stay; they are restored by hand, through the domain's own API",
        "its addresses, where it is in no network of its own and has no name of its own: they have a part that is new each time",
        "the password of its master user, and users, roles, dashboards and index settings that are kept in it",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        made = dict(state)
        for field, members in _TOLD_ONLY.items():
            if isinstance(told := made.get(field), Mapping):
                made[field] = {name: value for name, value in told.items() if name not in members}
        tune = made.get("AutoTuneOptions")
        if isinstance(tune, Mapping) and "State" in tune:
            on = str(tune["State"]).startswith("ENABLE")
            kept = {name: value for name, value in tune.items() if name != "State"}
            made["AutoTuneOptions"] = {**kept, "DesiredState": "ENABLED" if on else "DISABLED"}
        return made

    def gone(self, state: State | None) -> bool | None:
        if state is None:
            return True
        return None if state.get("deleted") else False

    def at_risk(self, state: State) -> str:
        nodes, disks = state.get("ClusterConfig") or {}, state.get("EBSOptions") or {}
        count, size = nodes.get("InstanceCount") or 1, disks.get("VolumeSize")
        return f"everything indexed in a domain of {count} nodes" + (
            f", up to {count * size:,} GiB" if size else ""
        )

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if operation == "opensearch:UpdateDomainConfig":
            known = set(parameters) <= {*_SET, *_WHICH, "DryRun", "DryRunMode"}
            if not known or any(_switched_on(name, parameters, state) for name in _ONE_WAY):
                return ()
        if operation == "opensearch:CreateDomain":
            return ()  # it is refused where one stands: no put
        return super().inverse(operation, parameters, ref, state)

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = super().narrow(ref, state, desired)
        if found is None or not found.steps:
            return found
        heavy = {"ClusterConfig", "EBSOptions", "VPCOptions", *_ONE_WAY}
        costs = tuple(
            f"{field}: it may be deployed anew beside itself, slower for as long"
            for field, _, _ in found.changed
            if field in heavy
        )
        return Narrow(found.steps, found.changed, found.immutable, found.unknown, costs)


def _switched_on(name: str, parameters: dict[str, Any], state: State) -> bool:
    asked, stood = parameters.get(name) or {}, state.get(name) or {}
    return bool(asked.get("Enabled")) and not stood.get("Enabled")
