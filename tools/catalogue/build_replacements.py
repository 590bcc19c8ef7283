"""Build the table of replacements: which properties of which CloudFormation types make a new resource when they change.

On the word of two: the service's own schema (createOnly, conditionalCreateOnly, as cfn-lint ships it), and the CDK's service spec, which also
knows the documentation's "Update requires". Where they disagree the answer is *maybe*. ``replacements.bin`` is zlib over JSON: by type the
properties that replace, that may, and that do not, each as one line of names; nested ones are paths.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import tarfile
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import cfnlint

SPEC: Final = "@aws-cdk/aws-service-spec"
SCHEMAS: Final = Path(cfnlint.__file__).parent / "data/schemas/resources"


KEPT: Final = {
    "AWS::AmazonMQ::Broker": "DataReplicationPrimaryBrokerArn",
    "AWS::AppFlow::Connector": "ConnectorProvisioningType",
    "AWS::AppFlow::ConnectorProfile": "KMSArn",
    "AWS::AppSync::GraphQLApi": "ApiType Visibility",
    "AWS::CleanRooms::Collaboration": "IsMetricsEnabled",
    "AWS::CleanRooms::Membership": "IsMetricsEnabled",
    "AWS::CloudFront::KeyValueStore": "ImportSource",
    "AWS::Cognito::UserPool": "AliasAttributes Schema UsernameAttributes UsernameConfiguration",
    "AWS::Connect::User": "DirectoryUserId Password Username",
    "AWS::Connect::ContactFlowModuleVersion": "FlowModuleContentSha256",
    "AWS::Connect::ContactFlowVersion": "FlowContentSha256",
    "AWS::ConnectCampaignsV2::Campaign": "Type",
    "AWS::DataBrew::Project": "DatasetName RecipeName",
    "AWS::DynamoDB::Table": "AttributeDefinitions LocalSecondaryIndexes",
    "AWS::EC2::CapacityReservation": "DeliveryPreference",
    "AWS::EC2::LaunchTemplate": "TagSpecifications",
    "AWS::EC2::VerifiedAccessInstance": "FipsEnabled",
    "AWS::EC2::Volume": "AvailabilityZone",
    "AWS::EMR::Studio": "IdpAuthUrl IdpRelayStateParameterName",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "TargetControlPort",
    "AWS::Forecast::Dataset": "DataFrequency DatasetType Domain EncryptionConfig Schema",
    "AWS::Forecast::DatasetGroup": "Domain",
    "AWS::GameLift::ContainerFleet": "FleetRoleArn",
    "AWS::GameLift::GameServerGroup": "LaunchTemplate VpcSubnets",
    "AWS::Glue::CustomEntityType": "ContextWords RegexString",
    "AWS::Glue::DevEndpoint": "GlueVersion NumberOfNodes NumberOfWorkers RoleArn SecurityConfiguration SecurityGroupIds SubnetId WorkerType",
    "AWS::GuardDuty::PublishingDestination": "DestinationType",
    "AWS::IoT::Command": "MandatoryParameters Namespace Payload",
    "AWS::KMS::Key": "KeyUsage MultiRegion Origin",
    "AWS::Kendra::Faq": "LanguageCode",
    "AWS::KinesisVideo::Stream": "KmsKeyId",
    "AWS::Lambda::EventSourceMapping": "Queues Topics",
    "AWS::Lightsail::Instance": "UserData",
    "AWS::Logs::LogAnomalyDetector": "DetectorName LogGroupArnList",
    "AWS::Logs::LogGroup": "LogGroupClass",
    "AWS::M2::Environment": "HighAvailabilityConfig",
    "AWS::MediaConvert::Queue": "PricingPlan",
    "AWS::MediaPackage::OriginEndpoint": "ChannelId",
    "AWS::MediaTailor::Channel": "PlaybackMode",
    "AWS::NetworkFirewall::Firewall": "TransitGatewayId",
    "AWS::OSIS::Pipeline": "VpcOptions",
    "AWS::Organizations::Account": "Email RoleName",
    "AWS::PaymentCryptography::Key": "DeriveKeyUsage",
    "AWS::Proton::EnvironmentAccountConnection": "ManagementAccountId",
    "AWS::RedshiftServerless::Namespace": "DbName",
    "AWS::Route53Profiles::Profile": "ClientToken",
    "AWS::Route53Resolver::ResolverRule": "DelegationRecord",
    "AWS::SSM::OpsItem": "OpsItemType",
    "AWS::SageMaker::ModelPackage": "CertifyForMarketplace ModelPackageName SkipModelValidation",
    "AWS::SecurityLake::Subscriber": "AccessTypes",
    "AWS::Transfer::Profile": "As2Id",
    "AWS::VerifiedPermissions::PolicyStore": "EncryptionSettings",
    "AWS::VpcLattice::AccessLogSubscription": "ServiceNetworkLogType",
    "AWS::VpcLattice::ResourceGateway": "Ipv4AddressesPerEni",
    "AWS::WAFv2::IPSet": "IPAddressVersion",
}
"""Properties that both call updated in place, and that no operation of the service sets but its create: what becomes of a change may be a
new resource, whatever they say (of DynamoDB's the user guide of CloudFormation does).
"""


def spec(kept: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """The version of the CDK's service spec and its resources by type; fetched from npm once, into `kept`."""
    found = sorted(kept.glob("aws-cdk-aws-service-spec-*.tgz"))
    if not found:
        subprocess.run(["npm", "pack", "--silent", SPEC], cwd=kept, check=True)
        found = sorted(kept.glob("aws-cdk-aws-service-spec-*.tgz"))
    with tarfile.open(found[-1]) as package:
        member = package.extractfile("package/db.json.gz")
        if member is None:
            raise ValueError(f"{found[-1]} holds no db.json.gz: remove it, and it is fetched anew")
        database = json.loads(gzip.decompress(member.read()))
    resources = database["schema"]["resource"]["entities"]
    return found[-1].stem.rpartition("-")[2], {one["cloudFormationType"]: one for one in resources}


def _paths(schema: dict[str, Any], name: str) -> set[str]:
    return {
        path.removeprefix("/properties/").replace("/properties/", "/").replace("/*/", "/")
        for path in schema.get(name, [])
    }


def _told(schema: dict[str, Any], other: dict[str, Any] | None) -> list[set[str]]:
    """What replaces, may, and does not, of one type."""
    yes, may = _paths(schema, "createOnlyProperties"), _paths(schema, "conditionalCreateOnlyProperties")
    no = set(schema.get("properties", {})) - yes - may
    for name, said in ((other or {}).get("properties") or {}).items():
        replaces = said.get("causesReplacement", "no")
        if (name in no and replaces != "no") or (name in yes and replaces == "no"):
            may.add(name)
    may |= {path.partition("/")[0] for path in yes | may if "/" in path} - yes
    may |= set(KEPT.get(schema["typeName"], "").split()) - yes
    if "update" not in schema.get(
        "handlers", {"update": {}}
    ):  # nothing of it is updated, whatever is said of its properties
        may |= no - _paths(schema, "readOnlyProperties")
    return [yes - may, may, no - may]


def build(path: Path, kept: Path) -> dict[str, Any]:
    """Write the table; returns figures."""
    number, others = spec(kept)
    types: dict[str, list[str]] = {}
    counts = [0, 0, 0]
    for file in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(file.read_text(encoding="utf-8"))
        told = _told(schema, others.get(schema["typeName"]))
        types[schema["typeName"]] = [" ".join(sorted(names)) for names in told]
        counts = [count + len(names) for count, names in zip(counts, told, strict=True)]
    meta = {"cfn-lint": version("cfn-lint"), SPEC: number}
    body = {"meta": meta, "types": dict(sorted(types.items()))}
    data = zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 9)
    path.write_bytes(data)
    return {"types": len(types), "yes": counts[0], "maybe": counts[1], "no": counts[2], "bytes": len(data)}
