"""Route 53 hosted zones with their records.

A batch of records is changed as one transaction, and a record is deleted only by its exact values; a zone that is made again has
other name servers, which the registrar has to be told
(https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html, API_DeleteHostedZone.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ID, Field, Item, Text

BATCH: Final = 500
"""Records in one request; it takes 1000 elements and 32000 characters (API_ChangeResourceRecordSets)."""

_CHANGE = "route53:ChangeResourceRecordSets"
_TAGGED = {"ResourceType": "hostedzone", "ResourceId": ID}
_ITS_OWN = frozenset({"NS", "SOA"})


class HostedZone(Declared):
    """A zone's name, networks, tags and every record in it."""

    kind: ClassVar[str] = "route53:hostedzone"
    title: ClassVar[str] = "Route 53 hosted zone"
    fields: ClassVar[tuple[str, ...]] = (
        "Name",
        "comment",
        "private",
        "vpcs",
        "name_servers",
        "records",
        "tags",
    )
    deletes: ClassVar[frozenset[str]] = frozenset({"route53:DeleteHostedZone"})
    sets: ClassVar[frozenset[str]] = frozenset({"records", "vpcs", "name_servers"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "route53:GetHostedZone",
            {"Id": ID},
            {
                "Name": "HostedZone.Name",
                "comment": "HostedZone.Config.Comment",
                "private": "HostedZone.Config.PrivateZone",
                "vpcs": "VPCs",
                "name_servers": "DelegationSet.NameServers",
            },
            absent=("NoSuchHostedZone",),
        ),
        Read("route53:ListTagsForResource", _TAGGED, {"tags": "ResourceTagSet.Tags"}),
        Read(
            "route53:ListResourceRecordSets",
            {"HostedZoneId": ID},
            {"records": "ResourceRecordSets"},
            all_of="ResourceRecordSets",
            tokens=("StartRecordName", "NextRecordName"),
            further={"StartRecordType": "NextRecordType", "StartRecordIdentifier": "NextRecordIdentifier"},
        ),
    )
    make: ClassVar[Make] = Make(
        "route53:CreateHostedZone",
        {"Name": Field("Name"), "CallerReference": Text("again {id}"), "VPC": Field("vpcs.0")},
        {"HostedZoneConfig.Comment": "comment", "HostedZoneConfig.PrivateZone": "private"},
    )
    born: ClassVar[str] = "HostedZone.Id"
    born_after: ClassVar[str] = "/"
    names_itself: ClassVar[bool] = True
    then: ClassVar[tuple[Make, ...]] = (
        Make("route53:AssociateVPCWithHostedZone", {"HostedZoneId": ID, "VPC": Item()}, each="further_vpcs"),
    )
    changes: ClassVar[tuple[Change, ...]] = (
        Change("route53:UpdateHostedZoneComment", {"Id": ID}, {"Comment": "comment"}, whole=True),
    )
    calls: ClassVar[tuple[str, ...]] = (
        _CHANGE,
        "route53:AssociateVPCWithHostedZone",
        "route53:DisassociateVPCFromHostedZone",
    )
    gives_all_back: ClassVar[frozenset[str]] = frozenset({_CHANGE})
    tagged: ClassVar[Tags] = Tags(
        "route53:ChangeTagsForResource", "route53:ChangeTagsForResource", _TAGGED, "AddTags", "RemoveTagKeys"
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its id and its name servers: the registrar (or the zone above) has to be told the new ones, which takes up to two days",
        "the name itself, for as long: whoever is given the old name servers can answer for it",
        "DNSSEC signing, query logging, and associations of other accounts' networks",
    )

    def named(self, ref: ResourceRef, answer: dict[str, Any]) -> str:
        return super().named(ref, answer).rpartition("/")[2]

    def tidy(self, ref: ResourceRef, state: State) -> State:
        return {**state, "further_vpcs": (state.get("vpcs") or [])[1:]}

    def at_risk(self, state: State) -> str:
        records = _own(state)
        return f"{counted(len(records), 'record')} of {state.get('Name')}" if records else ""

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        """The networks in which a private zone answers."""
        return tuple(
            Dependent(
                resource=ResourceRef("aws", ref.partition, ref.account, str(one.get("VPCRegion")), "ec2:vpc", str(one["VPCId"])),
                relation="resolves by",
                on=ref,
            )
            for one in state.get("vpcs") or []
        )  # fmt: skip

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        network = {"HostedZoneId": ref.id, "VPC": parameters.get("VPC")}
        match operation:
            case "route53:ChangeResourceRecordSets":
                back = list(_back(parameters, state))
                return (_batch(ref, back),) if back else ()
            case "route53:AssociateVPCWithHostedZone":
                return (Step("route53:DisassociateVPCFromHostedZone", network),)
            case "route53:DisassociateVPCFromHostedZone":
                return (Step("route53:AssociateVPCWithHostedZone", network),)
        return super().inverse(operation, parameters, ref, state)

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        if operation != _CHANGE:
            return super().written(operation, parameters, state)
        after = {_place(record): record for record in state.get("records") or []}
        for change in (parameters.get("ChangeBatch") or {}).get("Changes") or []:
            record = change.get("ResourceRecordSet") or {}
            if change.get("Action") == "DELETE":
                after.pop(_place(record), None)
            else:
                after[_place(record)] = {**record, "Name": _name(record)}
        return self._canonical({"records": list(after.values())})

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        records = _own(state)
        batches = [
            _batch(ref, [("CREATE", record) for record in records[start : start + BATCH]])
            for start in range(0, len(records), BATCH)
        ]
        return [*super()._afterwards(ref, state), *batches]


def _own(state: State) -> list[dict[str, Any]]:
    """All but the two that a new zone has by itself."""
    return [
        record
        for record in state.get("records") or []
        if record.get("Type") not in _ITS_OWN or _name(record) != state.get("Name")
    ]


def _batch(ref: ResourceRef, changes: list[tuple[str, dict[str, Any]]]) -> Step:
    said = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
    return Step(_CHANGE, {"HostedZoneId": ref.id, "ChangeBatch": {"Changes": said}})


def _name(record: dict[str, Any]) -> str:
    """As the service says it: lower case, ending in a dot; it writes a star by its number."""
    return str(record.get("Name", "")).lower().rstrip(".").replace("\\052", "*") + "."


def _place(record: dict[str, Any]) -> tuple[str, str, str]:
    return _name(record), str(record.get("Type")), str(record.get("SetIdentifier") or "")


def _back(parameters: dict[str, Any], state: State) -> Iterator[tuple[str, dict[str, Any]]]:
    """What puts each record of the batch back, last first; a record changed twice in it once, from what stood before both."""
    stood = {_place(record): record for record in state.get("records") or []}
    touched: dict[tuple[str, str, str], dict[str, Any] | None] = {}
    for change in (parameters.get("ChangeBatch") or {}).get("Changes") or []:
        record = change["ResourceRecordSet"]
        touched[_place(record)] = None if change["Action"] == "DELETE" else record
    for place, left in reversed(touched.items()):
        if place in stood:
            yield "UPSERT", stood[place]
        elif left is not None:
            yield "DELETE", left
