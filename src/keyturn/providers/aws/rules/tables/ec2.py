"""EC2: instances, volumes, networks, and what is shared with others."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    changed,
    check,
    given,
    higher,
    like,
    nobody_uses,
    off,
    says,
    standing,
    stands,
    values,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BACKUPS_OFF,
    BLINDS,
    EXPOSES,
    LEAKS,
    LOSS,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    REMARK,
    RUNS,
    STRIP,
    Harm,
    Read,
    Table,
)

# fmt: off
T: Final = Table("ec2", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_{}.html")
_INSTANCES: Final = Read("ec2:DescribeInstances", {"InstanceIds": "InstanceIds"})
_INSTANCE: Final = Read("ec2:DescribeInstances", {"InstanceIds": ["InstanceId"]})
_GROUP: Final = Read("ec2:DescribeSecurityGroups", {"GroupIds": ["GroupId"]}, "SecurityGroups[0]")
T.read("TerminateInstances StopInstances RebootInstances", _INSTANCES)
T.read("ModifyInstanceAttribute ModifyInstanceMetadataOptions AssociateIamInstanceProfile CreateReplaceRootVolumeTask", _INSTANCE)
T.read("AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress RevokeSecurityGroupEgress ModifySecurityGroupRules DeleteSecurityGroup", _GROUP)
T.read("DeleteSecurityGroup", Read("ec2:DescribeNetworkInterfaces", {"Filters": [{"Name": "=group-id", "Values": ["GroupId"]}]}), "users")
T.read("ModifyVolume DetachVolume DeleteVolume", Read("ec2:DescribeVolumes", {"VolumeIds": ["VolumeId"]}, "Volumes[0]"))
T.read("ReplaceRoute DeleteRoute CreateRoute", Read("ec2:DescribeRouteTables", {"RouteTableIds": ["RouteTableId"]}, "RouteTables[0]"))
T.read("ModifySubnetAttribute", Read("ec2:DescribeSubnets", {"SubnetIds": ["SubnetId"]}, "Subnets[0]"))
T.read("ModifyLaunchTemplate CreateLaunchTemplateVersion", Read("ec2:DescribeLaunchTemplates", {"LaunchTemplateIds": ["LaunchTemplateId"]}, "LaunchTemplates[0]"))
T.read("DisassociateAddress", Read("ec2:DescribeAddresses", {"Filters": [{"Name": "=association-id", "Values": ["AssociationId"]}]}, "Addresses[0]"))
T.read("ReleaseAddress", Read("ec2:DescribeAddresses", {"AllocationIds": ["AllocationId"]}, "Addresses[0]"))
T.read("DeleteSnapshot", Read("ec2:DescribeImages", {"Filters": [{"Name": "=block-device-mapping.snapshot-id", "Values": ["SnapshotId"]}]}), "images")
T.read("DeregisterImage", Read("ec2:DescribeInstances", {"Filters": [{"Name": "=image-id", "Values": ["ImageId"]}]}), "users")
T.read("ModifyVpcEndpoint", Read("ec2:DescribeVpcEndpoints", {"VpcEndpointIds": ["VpcEndpointId"]}, "VpcEndpoints[0]"))


def _weaker_metadata(request: Request, live: Live) -> bool | None:
    """IMDSv1 allowed again where a token was required, or not known not to be."""
    stood = standing(live, "Reservations[].Instances[].MetadataOptions.HttpTokens")
    return "optional" in values(request, "HttpTokens") and not (stood and set(stood) == {"optional"})


def _volumes_die(_request: Request, live: Live) -> bool | None:
    found = standing(live, "Reservations[].Instances[].BlockDeviceMappings[].Ebs.DeleteOnTermination")
    return None if found is None else True in found


def _instance_store(_request: Request, live: Live) -> bool | None:
    found = standing(live, "Reservations[].Instances[].RootDeviceType")
    return None if found is None else "instance-store" in found

T.row("EC001", "ModifyInstanceAttribute", off("DisableApiTermination", "") | off("DisableApiStop", ""), STRIP, "Protection against termination or stop would be taken off")
T.row("EC002", "ModifyInstanceAttribute", given("UserData", "UserData.Value"), RUNS, "Other user data would run as root at the next start, with the instance's role")
T.row("EC003", "ModifyInstanceAttribute", given("Groups") & changed("Groups", "Reservations[].Instances[].SecurityGroups[].GroupId"), OUTAGE, "The whole list of its security groups is replaced")
T.row("EC004", "ModifyInstanceAttribute", off("SourceDestCheck", "Reservations[].Instances[].SourceDestCheck"), STRIP, "The instance could send and take packets of others")
T.row("EC005", "ModifyInstanceAttribute", says("BlockDeviceMappings[].Ebs.DeleteOnTermination", True), BACKUPS_OFF, "Its volume would be deleted when the instance is")
T.row("EC006", "ModifyInstanceAttribute", given("InstanceType", "Kernel", "Ramdisk") & changed("InstanceType.Value", "Reservations[].Instances[].InstanceType"), OUTAGE, "The instance has to be stopped for it, and comes back as another type")
T.row("EC007", "TerminateInstances", check(_volumes_die, given=(), live=("Reservations[].Instances[].BlockDeviceMappings[].Ebs.DeleteOnTermination",)), LOSS, "Volumes would be deleted with the instances (DeleteOnTermination)")
T.row("EC008", "StopInstances RebootInstances", ALWAYS, OUTAGE, "What runs on the instances is not there while they are down")
T.row("EC009", "StopInstances", says("Force", True) | says("SkipOsShutdown", True), Harm(Kind.DATA_LOSS, Effect.UPDATE, Reversibility.R3), "Caches would not be flushed: what was not written to disk is lost")
T.row("EC010", "StopInstances TerminateInstances", check(_instance_store, given=(), live=("Reservations[].Instances[].RootDeviceType",)), LOSS, "Instance store is gone once the instance stops")
T.row("EC011", "ModifyVolume", higher("Size"), OUTAGE_ONE_WAY, "A volume can be enlarged, never made smaller")
T.row("EC012", "DetachVolume", says("Force", True) | stands("Attachments[].State", "attached"), OUTAGE, "The volume is in use by an instance")
T.read("AuthorizeSecurityGroupEgress", Read("ec2:DescribeNetworkInterfaces", {"Filters": [{"Name": "=group-id", "Values": ["GroupId"]}]}), "users")
T.row("EC013", "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress", (says("IpPermissions[].IpProtocol", "-1") | says("IpProtocol", "-1")) & check(lambda _request, live: not nobody_uses(live), given=(), live=("users/NetworkInterfaces[].NetworkInterfaceId",)), EXPOSES, "Every protocol and port would be open to that source", "AuthorizeSecurityGroupIngress")
T.row("EC014", "RevokeSecurityGroupIngress RevokeSecurityGroupEgress", ALWAYS, OUTAGE, "Connections that rest on these rules fail")
T.row("EC015", "DeleteSecurityGroup", stands("users/NetworkInterfaces[].NetworkInterfaceId"), OUTAGE_DELETE, "The group is in use by network interfaces")
T.row("EC016", "ReplaceRoute DeleteRoute", ALWAYS, OUTAGE, "Traffic of the route goes elsewhere, or nowhere")
T.row("EC017", "CreateRoute", (says("DestinationCidrBlock", "0.0.0.0/0") | says("DestinationIpv6CidrBlock", "::/0")) & like("GatewayId", "^igw-"), EXPOSES, "The subnets of the table would reach, and may be reached from, everywhere")
T.row("EC018", "ModifyVpcAttribute", off("EnableDnsSupport", "") | off("EnableDnsHostnames", ""), OUTAGE, "Names would no longer resolve in the network")
T.row("EC019", "ModifySubnetAttribute", says("MapPublicIpOnLaunch.Value", True), EXPOSES, "What is started in the subnet would have public addresses")
T.row("EC020", "ModifySnapshotAttribute", given("CreateVolumePermission.Add") | says("OperationType", "add"), LEAKS, "Others could copy the snapshot with all its data")
T.row("EC021", "ModifyImageAttribute", given("LaunchPermission.Add") | says("OperationType", "add"), LEAKS, "Others could copy the image with all that is on it")
T.row("EC022", "DetachInternetGateway DetachVpnGateway DetachNetworkInterface DisassociateRouteTable DisassociateAddress DisableVgwRoutePropagation DeleteVpcPeeringConnection RejectVpcPeeringConnection DisassociateNatGatewayAddress", ALWAYS, OUTAGE, "What is reached over it is reached no more", "DetachInternetGateway")
T.row("EC023", "ReleaseAddress", ALWAYS, OUTAGE_DELETE, "The address may be another account's a moment later")
T.row("EC024", "DisableEbsEncryptionByDefault DisableSnapshotBlockPublicAccess DisableImageBlockPublicAccess", ALWAYS, STRIP, "A guard of the whole region would be switched off")
T.row("EC025", "ModifyInstanceMetadataOptions", check(_weaker_metadata, given=("HttpTokens",), live=("Reservations[].Instances[].MetadataOptions.HttpTokens",)), STRIP, "The role's credentials could be had without a session token (IMDSv1)")
T.row("EC026", "AssociateIamInstanceProfile ReplaceIamInstanceProfileAssociation", ALWAYS, RUNS, "What runs on the instance would act with another role")
T.row("EC027", "CreateReplaceRootVolumeTask", ALWAYS, Harm(Kind.REPLACE, Effect.REPLACE, Reversibility.R4), "The root volume would be replaced, and what is on it is lost")
T.row("EC028", "RunInstances", says("InstanceInitiatedShutdownBehavior", "terminate"), REMARK, "A shutdown from inside would terminate the instance")
T.row("EC029", "RunInstances RequestSpotInstances", given("UserData", "LaunchSpecification.UserData"), RUNS, "User data runs as root at the first start, with the instance's role")
T.row("EC030", "ModifyLaunchTemplate", changed("DefaultVersion", "DefaultVersionNumber"), RUNS, "What is started from the template from now on is another version of it")
T.row("EC031", "CreateLaunchTemplate CreateLaunchTemplateVersion", given("LaunchTemplateData.UserData"), RUNS, "User data of the template runs as root on what is started from it")
T.row("EC032", "DeleteSnapshot", stands("images/Images[].ImageId"), OUTAGE_DELETE, "Images are made of the snapshot")
T.row("EC033", "DeregisterImage", stands("users/Reservations[].Instances[].InstanceId") | given("DeleteAssociatedSnapshots"), OUTAGE_DELETE, "Instances run from the image, or its snapshots go with it: new ones could not be started")
T.row("EC034", "ModifyVpcEndpoint", given("PolicyDocument", "RemoveRouteTableIds", "RemoveSubnetIds", "RemoveSecurityGroupIds") | says("ResetPolicy", True), OUTAGE, "Who reaches the service over the endpoint would change")
T.row("EC035", "ReplaceNetworkAclEntry DeleteNetworkAclEntry ReplaceNetworkAclAssociation", ALWAYS, OUTAGE, "What the network lets through would change")
T.row("EC036", "CreateNetworkAclEntry ReplaceNetworkAclEntry", says("RuleAction", "deny") & (says("CidrBlock", "0.0.0.0/0") | says("Ipv6CidrBlock", "::/0")), OUTAGE, "All traffic of the subnets would be refused")
T.row("EC037", "ModifyFleet ModifySpotFleetRequest ModifyCapacityReservation", zero("TargetCapacitySpecification.TotalTargetCapacity", "TargetCapacity", "InstanceCount", live=""), OUTAGE_DELETE, "No instances would be left", "ModifyFleet")
T.row("EC038", "CancelSpotFleetRequests", says("TerminateInstances", True), OUTAGE_DELETE, "The instances of the fleet would be terminated")
T.row("EC039", "ModifyReservedInstances ModifyInstancePlacement ModifyHosts", ALWAYS, REMARK, "Where the instances run, or what they cost, would change", "ModifyInstancePlacement")
T.row("EC040", "ResetImageAttribute ResetSnapshotAttribute ResetInstanceAttribute ResetNetworkInterfaceAttribute ResetFpgaImageAttribute", ALWAYS, OUTAGE, "An attribute falls back to its default; who relied on it is shut out", "ResetImageAttribute")
T.row("EC041", "ModifySecurityGroupRules UpdateSecurityGroupRuleDescriptionsIngress", given("SecurityGroupRules"), OUTAGE, "Rules are replaced by others under the same ids", "ModifySecurityGroupRules")
T.row("EC042", "ModifyNetworkInterfaceAttribute", given("Groups") | off("SourceDestCheck", "") | says("Attachment.DeleteOnTermination", True), OUTAGE, "Who reaches the interface, or how long it stands, would change")
T.row("EC043", "DeleteKeyPair ImportKeyPair CreateKeyPair", ALWAYS, REMARK, "Who can sign in to instances started later would change", "ImportKeyPair")
T.row("EC044", "DisableFastSnapshotRestores DisableImage", ALWAYS, OUTAGE, "Images or snapshots would not be had as fast, or at all", "DisableImage")
T.row("EC054", "EnableImageDeprecation", ALWAYS, REMARK, "Who looks for images would no longer be shown it; who knows its id starts from it as before")
T.row("EC045", "UnmonitorInstances DeleteFlowLogs", ALWAYS, BLINDS, "What happens there would be seen less well", "UnmonitorInstances")
_off_there = says("Options.DnsSupport", "disable")
for _option in ("Ipv6Support", "ApplianceModeSupport", "VpnEcmpSupport", "SecurityGroupReferencingSupport", "DefaultRouteTableAssociation", "DefaultRouteTablePropagation"):
    _off_there |= says(f"Options.{_option}", "disable")
T.row("EC046", "ModifyTransitGateway ModifyTransitGatewayVpcAttachment", given("RemoveSubnetIds", "Options.RemoveTransitGatewayCidrBlocks", "Options.AssociationDefaultRouteTableId", "Options.PropagationDefaultRouteTableId", "Options.AmazonSideAsn") | says("Options.AutoAcceptSharedAttachments", "enable") | _off_there, OUTAGE, "Networks that meet there may reach each other no more")
T.row("EC053", "DisableTransitGatewayRouteTablePropagation DisassociateTransitGatewayRouteTable ReplaceTransitGatewayRoute", ALWAYS, OUTAGE, "Networks that meet there may reach each other no more", "DisassociateTransitGatewayRouteTable")
T.row("EC047", "RestoreSnapshotTier LockSnapshot", says("LockMode", "compliance"), OUTAGE_ONE_WAY, "A snapshot locked in compliance mode can be deleted by nobody until its time is over", "LockSnapshot")
T.row("EC048", "UnlockSnapshot", ALWAYS, STRIP, "The snapshot could be deleted again")
T.row("EC049", "ModifyVpcBlockPublicAccessOptions", says("InternetGatewayBlockMode", "off", "block-bidirectional"), OUTAGE, "Every network of the region would be opened, or cut off from the internet")
T.row("EC050", "GetPasswordData", ALWAYS, Harm(Kind.SECRET, Effect.SECRET, Reversibility.R4), "The administrator's password would be handed out")
T.row("EC051", "ModifyInstanceAttribute", says("InstanceInitiatedShutdownBehavior.Value", "terminate"), STRIP, "A shutdown from inside would terminate the instance from now on")
T.row("EC052", "EnableSerialConsoleAccess", ALWAYS, EXPOSES, "Whoever may push a key would reach the console of every instance of the region, past its network")
