"""Arguments that the CLI takes beside an operation's members, and where it puts them: ``--cidr`` into IpPermissions.

By the CLI's own class of argument, which the table holds; what is of no class here goes to no request (``outfile``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from keyturn.model.assessment import Kind
from keyturn.model.change import Effect
from keyturn.providers.aws.cli import shorthand
from keyturn.providers.aws.cli.arguments import Value
from keyturn.providers.aws.cli.meaning import Remark
from keyturn.providers.aws.cli.table import Command
from keyturn.providers.aws.cli.values import Files

Parameters = dict[str, Any]

OPAQUE: Final = Remark(
    "CLI001",
    Kind.OPAQUE,
    "Parameters of this command are not on its line: what it does beyond its name is unknown.",
    Effect.READ,
)
"""Its effect stays that of the operation: a read stays one, whatever its parameters."""


def inject(
    found: Command, values: Mapping[str, Value], parameters: Parameters, unknown: list[str], files: Files
) -> None:
    """Put the CLI's own arguments into `parameters`; what cannot be read is added to `unknown`."""
    for value in values.values():
        put = _PUT.get(value.argument.kind)
        if put is None:
            continue
        try:
            put(parameters, value, found, files)
        except (ValueError, IndexError, KeyError, TypeError, AttributeError):
            unknown.append(f"--{value.argument.name} could not be read")
    counted = not values.keys().isdisjoint({"count", "cli-input-json", "cli-input-yaml"})
    if (found.service, found.operation) == ("ec2", "RunInstances") and not counted:
        parameters.setdefault("MinCount", 1)
        parameters.setdefault("MaxCount", 1)


def _first(parameters: Parameters, name: str, start: dict[str, Any] | None = None) -> dict[str, Any]:
    listed = parameters.setdefault(name, [dict(start or {})])
    found: dict[str, Any] = listed[0]
    return found


def _protocol(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    _first(parameters, "IpPermissions")["IpProtocol"] = "-1" if value.text == "all" else value.text


def _port(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    if value.text in {"-1", "all"}:
        low, high = "-1", "-1"
    else:
        low, dash, high = value.text.partition("-")
        high = high if dash else low
    _first(parameters, "IpPermissions").update(FromPort=int(low), ToPort=int(high))


def _cidr(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    _first(parameters, "IpPermissions")["IpRanges"] = [{"CidrIp": value.text}]


def _source_group(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    pair = _first(_first(parameters, "IpPermissions"), "UserIdGroupPairs")
    pair["GroupId" if value.text.startswith("sg-") else "GroupName"] = value.text


def _group_owner(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    _first(_first(parameters, "IpPermissions"), "UserIdGroupPairs")["UserId"] = value.text


def _count(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    low, colon, high = value.text.partition(":")
    parameters["MinCount"], parameters["MaxCount"] = int(low), int(high if colon else low)


def _interface(name: str, of: Callable[[Value], Any]) -> Any:
    def put(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
        _first(parameters, "NetworkInterfaces", {"DeviceIndex": 0})[name] = of(value)

    return put


def _metric(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    datum = _first(parameters, "MetricData")
    name = value.argument.name
    if name == "dimensions":
        pairs = shorthand.parse(value.text)
        datum["Dimensions"] = [{"Name": key, "Value": text} for key, text in pairs.items()]
    elif name == "statistic-values":
        datum["StatisticValues"] = {key: float(text) for key, text in shorthand.parse(value.text).items()}
    elif name == "value":
        datum["Value"] = float(value.text)
    elif name == "storage-resolution":
        datum["StorageResolution"] = int(value.text)
    else:
        datum["".join(part.title() for part in name.split("-"))] = value.text


def _addresses(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    member = f"{value.argument.name.title()}Addresses"
    parameters.setdefault("Destination", {})[member] = [word.text for word in value.words]


def _body(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    message = parameters.setdefault("Message", {})
    if value.argument.name == "subject":
        message["Subject"] = {"Data": value.text}
    else:
        message.setdefault("Body", {})[value.argument.name.title()] = {"Data": value.text}


def _paths(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    paths = [word.text for word in value.words]
    parameters["InvalidationBatch"] = {"Paths": {"Quantity": len(paths), "Items": paths}}


def _origin(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    origins = [{"DomainName": value.text, "Id": value.text}]
    parameters.setdefault("DistributionConfig", {})["Origins"] = {"Quantity": 1, "Items": origins}


def _root_object(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    parameters.setdefault("DistributionConfig", {})["DefaultRootObject"] = value.text


def _zip_file(parameters: Parameters, value: Value, found: Command, files: Files) -> None:
    member = "Content" if found.operation == "PublishLayerVersion" else "Code"
    parameters.setdefault(member, {})["ZipFile"] = _bytes(value, files)


def _nested_blob(parameters: Parameters, value: Value, _found: Command, files: Files) -> None:
    name = value.argument.name
    if name == "asset-bundle-import-source-bytes":
        parameters.setdefault("AssetBundleImportSource", {})["Body"] = _bytes(value, files)
    else:
        member = {"source-image-bytes": "SourceImage", "target-image-bytes": "TargetImage"}.get(name, "Image")
        parameters.setdefault(member, {})["Bytes"] = _bytes(value, files)


def _injecting(parameters: Parameters, value: Value, _found: Command, files: Files) -> None:
    inner = "File" if value.argument.name == "data-file" else "Content"
    parameters.setdefault(value.argument.member, {})[inner] = _bytes(value, files)


def _bytes(value: Value, files: Files) -> bytes:
    path = value.text.removeprefix("fileb://").removeprefix("file://")
    found = files(path)
    if found is None:
        raise ValueError(path)
    return found


def _location(kind: str, member: str) -> Any:
    def put(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
        parameters["revision"] = {"revisionType": kind, member: shorthand.parse(value.text)}

    return put


def _tags(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    pairs = (word.text.partition("=") for word in value.words)
    parameters["Tags"] = [{"Key": key, "Value": text} for key, _, text in pairs]


def _recording_group(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    group = shorthand.parse(value.text)
    parameters.setdefault("ConfigurationRecorder", {})["recordingGroup"] = group


def _bundle(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    members = {"bucket": "Bucket", "prefix": "Prefix", "owner-akid": "AWSAccessKeyId"}
    if value.argument.name in members:
        parameters.setdefault("Storage", {}).setdefault("S3", {})[members[value.argument.name]] = value.text


def _states(parameters: Parameters, value: Value, _found: Command, _files: Files) -> None:
    parameters["ClusterStates"] = [word.text for word in value.words]


def _flattened(parameters: Parameters, value: Value, found: Command, _files: Files) -> None:
    member = "Expression" if found.operation == "DefineExpression" else "IndexField"
    name = "".join(part.title() for part in value.argument.name.split("-"))
    parameters.setdefault(member, {})[name if member == "IndexField" else f"Expression{name}"] = value.text


_PUT: Final[dict[str, Callable[[Parameters, Value, Command, Files], None]]] = {
    "ProtocolArgument": _protocol,
    "PortArgument": _port,
    "CidrArgument": _cidr,
    "SourceGroupArgument": _source_group,
    "GroupOwnerArgument": _group_owner,
    "CountArgument": _count,
    "SecondaryPrivateIpAddressCountArgument": _interface(
        "SecondaryPrivateIpAddressCount", lambda value: int(value.text)
    ),
    "SecondaryPrivateIpAddressesArgument": _interface(
        "PrivateIpAddresses",
        lambda value: [{"PrivateIpAddress": word.text, "Primary": False} for word in value.words],
    ),
    "AssociatePublicIpAddressArgument": _interface("AssociatePublicIpAddress", lambda _value: True),
    "NoAssociatePublicIpAddressArgument": _interface("AssociatePublicIpAddress", lambda _value: False),
    "PutMetricArgument": _metric,
    "AddressesArgument": _addresses,
    "BodyArgument": _body,
    "PathsArgument": _paths,
    "OriginDomainName": _origin,
    "CreateDefaultRootObject": _root_object,
    "UpdateDefaultRootObject": _root_object,
    "ZipFileArgument": _zip_file,
    "_NestedBlobArgumentParamOverwrite": _nested_blob,
    "InjectingArgument": _injecting,
    "S3LocationArgument": _location("S3", "s3Location"),
    "GitHubLocationArgument": _location("GitHub", "gitHubLocation"),
    "TagsArgument": _tags,
    "BundleArgument": _bundle,
    "RecordingGroupArgument": _recording_group,
    "ClusterStatesArgument": _states,
    "FlattenedArgument": _flattened,
}
