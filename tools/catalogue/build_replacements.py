"""Build the table of replacements: which properties of which CloudFormation types make a new resource when they change.

On the word of two: the service's own schema (createOnly, conditionalCreateOnly, as cfn-lint ships it), and the CDK's service spec, which has
the documentation's "Update requires". CloudFormation goes by the schema where the type has handlers; where the documentation says that more is
replaced, the service's own calls are heard (`in_place`): what none of them sets is replaced, for the rest the answer is *maybe*. Of a type
without handlers CloudFormation knows what is documented. ``replacements.bin`` is zlib over JSON: by type the properties that replace, that
may, and that do not, each as one line of names; nested ones are paths.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cfnlint

from tools.catalogue.in_place import Calls

SPEC: Final = "@aws-cdk/aws-service-spec"
SPEC_VERSION: Final = "0.1.216"
SCHEMAS: Final = Path(cfnlint.__file__).parent / "data/schemas/resources"

DEPTH_MAX: Final = 8
"""Definitions refer to themselves; nothing that replaces stands deeper."""

MAY: Final = {
    "AWS::AppSync::GraphQLApi": "ApiType Visibility",
    "AWS::DevOpsAgent::Service": "ServiceDetails",
    "AWS::DynamoDB::Table": "AttributeDefinitions LocalSecondaryIndexes",
    "AWS::OpenSearchService::Domain": "EncryptionAtRestOptions EngineVersion VPCOptions",
    "AWS::RDS::DBInstance": "DBSecurityGroups LicenseModel Port",
}
"""Properties of which neither's data says that they replace on a condition, and the documentation does in a sentence; a port of a database is
documented to replace, and a call sets it by another name.
"""

MACROS: Final = {
    "AWS::Serverless::Api": {
        "AWS::ApiGateway::RestApi": "ApiKeySourceType BinaryMediaTypes Description DisableExecuteApiEndpoint EndpointConfiguration FailOnWarnings"
        " MinimumCompressionSize Mode Name Tags DefinitionBody=Body DefinitionUri=BodyS3Location",
        "AWS::ApiGateway::Stage": "AccessLogSetting CacheClusterEnabled CacheClusterSize CanarySetting MethodSettings StageName TracingEnabled"
        " Variables",
    },
    "AWS::Serverless::Application": {
        "AWS::CloudFormation::Stack": "Location=TemplateURL NotificationARNs Parameters Tags TimeoutInMinutes"
    },
    "AWS::Serverless::Function": {
        "AWS::Lambda::Function": "Architectures CodeSigningConfigArn CodeUri=Code DeadLetterQueue=DeadLetterConfig Description Environment"
        " EphemeralStorage FileSystemConfigs FunctionName Handler ImageConfig ImageUri=Code InlineCode=Code KmsKeyArn Layers LoggingConfig"
        " MemorySize PackageType RecursiveLoop ReservedConcurrentExecutions Role Runtime RuntimeManagementConfig SnapStart Tags Timeout"
        " Tracing=TracingConfig VpcConfig",
    },
    "AWS::Serverless::HttpApi": {
        "AWS::ApiGatewayV2::Api": "CorsConfiguration DefinitionBody=Body DefinitionUri=BodyS3Location Description DisableExecuteApiEndpoint"
        " FailOnWarnings Name Tags",
        "AWS::ApiGatewayV2::Stage": "AccessLogSettings DefaultRouteSettings RouteSettings StageName StageVariables",
    },
    "AWS::Serverless::LayerVersion": {
        "AWS::Lambda::LayerVersion": "CompatibleArchitectures CompatibleRuntimes ContentUri=Content Description LayerName LicenseInfo"
    },
    "AWS::Serverless::SimpleTable": {
        "AWS::DynamoDB::Table": "PointInTimeRecoverySpecification PrimaryKey=KeySchema ProvisionedThroughput SSESpecification TableName Tags"
    },
    "AWS::Serverless::StateMachine": {
        "AWS::StepFunctions::StateMachine": "Definition=DefinitionString DefinitionSubstitutions DefinitionUri=DefinitionS3Location"
        " Logging=LoggingConfiguration Name=StateMachineName Role=RoleArn Tags Tracing=TracingConfiguration Type=StateMachineType"
    },
}
"""Types of SAM's are macros: their properties are passed to those of the types they become (SAM's documentation says of each to which)."""


def _database(kept: Path) -> dict[str, Any]:
    """The CDK's service spec; fetched from npm once, into `kept`."""
    file = kept / f"aws-cdk-aws-service-spec-{SPEC_VERSION}.tgz"
    if not file.exists():
        subprocess.run(["npm", "pack", "--silent", f"{SPEC}@{SPEC_VERSION}"], cwd=kept, check=True)
    with tarfile.open(file) as package:
        member = package.extractfile("package/db.json.gz")
        if member is None:
            raise ValueError(f"{file} holds no db.json.gz: remove it, and it is fetched anew")
        schema: dict[str, Any] = json.loads(gzip.decompress(member.read()))["schema"]
    return schema


def _paths(schema: dict[str, Any], name: str) -> set[str]:
    return {
        path.removeprefix("/properties/").replace("/properties/", "/").replace("/*/", "/")
        for path in schema.get(name, [])
    }


class Documented:
    """What the documentation says of a type's properties, by way of the CDK."""

    def __init__(self, kept: Path) -> None:
        database = _database(kept)
        self.types = {one["cloudFormationType"]: one for one in database["resource"]["entities"]}
        self._definitions = {one["$id"]: one for one in database["typeDefinition"]["entities"]}

    def said(self, kind: str) -> Iterator[tuple[str, str]]:
        """(path, *yes* or *maybe*) of all that is documented to replace, the outermost first."""
        yield from self._below(self.types.get(kind, {}).get("properties") or {}, "", ())

    def _below(
        self, properties: dict[str, Any], above: str, seen: tuple[str, ...]
    ) -> Iterator[tuple[str, str]]:
        for name, told in properties.items():
            path = f"{above}/{name}" if above else name
            replaces = told.get("causesReplacement", "no")
            inner = [
                one
                for below in _references(told["type"])
                if below not in seen and len(seen) < DEPTH_MAX
                for one in self._below(self._definitions[below]["properties"], path, (*seen, below))
            ]
            if replaces == "yes" or (replaces == "maybe" and not inner):
                yield path, replaces
            else:  # what replaces on conditions is said of its parts, where they are documented
                yield from inner


def _references(kind: dict[str, Any]) -> Iterator[str]:
    if kind["type"] in {"array", "map"}:
        yield from _references(kind["element"])
    elif kind["type"] == "union":
        for one in kind["types"]:
            yield from _references(one)
    elif kind["type"] == "ref":
        yield kind["reference"]["$ref"]


def _told(schema: dict[str, Any], documented: Documented, calls: Calls) -> list[set[str]]:
    """What replaces, may, and does not, of one type; parts of a property are paths, and what is not said of a part is said of the property."""
    kind = schema["typeName"]
    yes, may = _paths(schema, "createOnlyProperties"), _paths(schema, "conditionalCreateOnlyProperties")
    names = set(schema.get("properties", {})) | set(documented.types.get(kind, {}).get("properties") or {})
    handlers = schema.get("handlers")
    if handlers is not None and "update" not in handlers:
        # CloudFormation's guide for types' authors: without an update handler every change is a replacement
        yes |= names - _paths(schema, "readOnlyProperties")
    for path, replaces in documented.said(kind):
        if _within(path, yes | may):
            continue
        if handlers is None:
            (yes if replaces == "yes" else may).add(path)
        elif (
            "/" in path
        ):  # definitions are shared: what is said of one property's part is printed of another's
            if replaces == "yes":
                may.add(path)
        elif replaces == "maybe":
            may.add(path)
        elif path not in MAY.get(kind, "").split() and not calls.sets(schema, path):
            yes.add(path)
        elif not path.startswith("Tag"):
            may.add(path)
    may |= set(MAY.get(kind, "").split())
    may -= yes
    return [yes, may, names - yes - may]


def _within(path: str, said: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[: count + 1]) in said for count in range(len(parts)))


def _macro(kind: str, types: dict[str, list[set[str]]]) -> None:
    """A type of SAM's is told by those it becomes; what it is told by itself may replace."""
    all_names = set().union(*types[kind])
    told: list[set[str]] = [set(), set(), set()]
    for other, names in MACROS.get(kind, {}).items():
        for one in names.split():
            name, _, theirs = one.partition("=")
            for mine, said in zip(told, types[other], strict=True):
                for path in said:
                    top, slash, rest = path.partition("/")
                    if top == (theirs or name):
                        mine.add(f"{name}{slash}{rest}")
    told[1] |= all_names - set().union(*told)
    types[kind] = told


def build(path: Path, kept: Path) -> dict[str, Any]:
    """Write the table; returns figures."""
    documented, calls = Documented(kept), Calls()
    schemas = {
        schema["typeName"]: schema
        for schema in (json.loads(file.read_text(encoding="utf-8")) for file in SCHEMAS.glob("*.json"))
    }
    for kind in documented.types.keys() - schemas.keys():
        schemas[kind] = {"typeName": kind}
    types = {kind: _told(schema, documented, calls) for kind, schema in sorted(schemas.items())}
    for kind in [one for one in types if one.startswith("AWS::Serverless::")]:
        _macro(kind, types)
    counts = [sum(len(told[place]) for told in types.values()) for place in range(3)]
    meta = {"cfn-lint": version("cfn-lint"), SPEC: SPEC_VERSION, "botocore": version("botocore")}
    lines = {kind: [" ".join(sorted(names)) for names in told] for kind, told in types.items()}
    data = zlib.compress(json.dumps({"meta": meta, "types": lines}, separators=(",", ":")).encode(), 9)
    path.write_bytes(data)
    return {"types": len(types), "yes": counts[0], "maybe": counts[1], "no": counts[2], "bytes": len(data)}
