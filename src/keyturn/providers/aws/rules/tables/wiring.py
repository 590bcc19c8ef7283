"""What leads to applications: networks, addresses, edges, load balancers, lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    at_least,
    below,
    changed,
    check,
    given,
    lower,
    number,
    off,
    says,
    stands,
    unread,
    values,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    COPIED,
    EXPOSES,
    GRANTS,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    ROTATES,
    RUNS,
    STRIP,
    Read,
    Table,
)

MONTH_S: Final = 30 * 86_400
HOPS_MAX: Final = 2
"""What a container on the instance needs; more reach farther."""


def _cached_for_ever(request: Request, _live: Live) -> bool | None:
    least = [number(one) for one in values(request, "CachePolicyConfig.MinTTL")]
    most = [number(one) for one in values(request, "CachePolicyConfig.MaxTTL")]
    return any(one is not None and one >= MONTH_S for one in least) or 0 in most


def _many_hops(request: Request, _live: Live) -> bool | None:
    return any((number(one) or 0) > HOPS_MAX for one in values(request, "HttpPutResponseHopLimit"))


def _no_drain(request: Request, _live: Live) -> bool | None:
    return any(
        one.get("Key") == "deregistration_delay.timeout_seconds" and str(one.get("Value")) == "0"
        for one in values(request, "Attributes[]")
        if isinstance(one, Mapping)
    )


# fmt: off
CLOUDFRONT: Final = Table("cloudfront", "https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_{}.html", alone=False)
CLOUDFRONT.read("AssociateDistributionWebACL", Read("cloudfront:GetDistribution", {"Id": "Id"}, "Distribution.DistributionConfig"))
CLOUDFRONT.read("AssociateDistributionTenantWebACL", Read("cloudfront:GetDistributionTenant", {"Identifier": "Id"}, "DistributionTenant.Customizations.WebAcl"))
CLOUDFRONT.row("WIR061", "AssociateDistributionTenantWebACL", given("WebACLArn") & (unread("Arn") | (stands("Arn") & changed("WebACLArn", "Arn"))), STRIP, "Another web ACL would guard it in the place of the one that stands")
CLOUDFRONT.row("WIR001", "AssociateDistributionWebACL", given("WebACLArn") & (unread("WebACLId") | (stands("WebACLId") & changed("WebACLArn", "WebACLId"))), STRIP, "Another web ACL would guard it in the place of the one that stands")
CLOUDFRONT.row("WIR002", "UpdateOriginRequestPolicy", says("OriginRequestPolicyConfig.HeadersConfig.HeaderBehavior", "none") & says("OriginRequestPolicyConfig.CookiesConfig.CookieBehavior", "none") & says("OriginRequestPolicyConfig.QueryStringsConfig.QueryStringBehavior", "none"), OUTAGE, "The origin would be told no header, cookie or query any more")
CLOUDFRONT.row("WIR003", "UpdateCachePolicy", check(_cached_for_ever, given=("CachePolicyConfig.MinTTL", "CachePolicyConfig.MaxTTL")), OUTAGE, "Nothing would be cached, or old answers would be given for a month and more")
CLOUDFRONT.row("WIR004", "UpdateRealtimeLogConfig", below("SamplingRate", 2), BLINDS, "Hardly a request would be recorded")
CLOUDFRONT.row("WIR005", "UpdateTrustStore", given("CaCertificatesBundleSource.CaCertificatesBundleS3Location.Bucket"), ROTATES, "Clients of other authorities would be let in, and those of these no more")
CLOUDFRONT.row("WIR006", "UpdateDomainAssociation", ALWAYS, OUTAGE, "The domain would be answered by another distribution")
CLOUDFRONT.row("WIR007", "UpdateResponseHeadersPolicy", ~given("ResponseHeadersPolicyConfig.SecurityHeadersConfig"), STRIP, "Browsers would no longer be told what guards the pages: the request leaves it out")
CLOUDFRONT.row("WIR008", "PublishConnectionFunction UpdateConnectionFunction", ALWAYS, RUNS, "Other code would run on every connection")
CLOUDFRONT.row("WIR009", "UpdateKeyGroup", given("KeyGroupConfig.Items"), ROTATES, "The keys in the request take the place of those whose signatures are taken now")
CLOUDFRONT.row("WIR010", "UpdateDistributionTenant", says("Customizations.WebAcl.Action", "disable") | given("Domains"), OUTAGE, "Its domains, or what guards them, would be others than now")
CLOUDFRONT_KEYVALUESTORE: Final = Table("cloudfront-keyvaluestore", "https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_kvs_{}.html", alone=False)
CLOUDFRONT_KEYVALUESTORE.read("PutKey", Read("cloudfront-keyvaluestore:GetKey", {"KvsARN": "KvsARN", "Key": "Key"}))
CLOUDFRONT_KEYVALUESTORE.row("WIR011", "PutKey", changed("Value"), OVERWRITES, "What functions at the edge read there would be something else")
CLOUDFRONT_KEYVALUESTORE.row("WIR012", "UpdateKeys", given("Puts", "Deletes"), OVERWRITES, "What functions at the edge read there would be something else")
CLOUDHSM: Final = Table("cloudhsm", "https://docs.aws.amazon.com/cloudhsm/classic/APIReference/API_{}.html", alone=False)
CLOUDHSM.row("WIR013", "ModifyLunaClient", ALWAYS, ROTATES, "The client's certificate would be another")
CLOUDHSM.row("WIR014", "ModifyHsm", given("SyslogIp", "SubnetId", "EniIp"), BLINDS, "The module would tell another place what happens, or be reached elsewhere")
CLOUDHSMV2: Final = Table("cloudhsmv2", "https://docs.aws.amazon.com/cloudhsm/latest/APIReference/API_{}.html", alone=False)
CLOUDHSMV2.row("WIR015", "InitializeCluster", ALWAYS, OUTAGE_ONE_WAY, "Whoever signed the certificate owns the cluster, for good")
DIRECTCONNECT: Final = Table("directconnect", "https://docs.aws.amazon.com/directconnect/latest/APIReference/API_{}.html", alone=False)
DIRECTCONNECT.row("WIR016", "AssociateConnectionWithLag AssociateVirtualInterface AssociateHostedConnection", ALWAYS, OUTAGE, "Traffic is interrupted while it moves")
DIRECTCONNECT.row("WIR017", "UpdateConnection UpdateLag", says("encryptionMode", "no_encrypt", "should_encrypt"), STRIP, "Traffic could go unencrypted")
DIRECTCONNECT.row("WIR018", "UpdateLag", at_least("minimumLinks", 2), OUTAGE, "With fewer links than this the whole group goes down")
DIRECTCONNECT.row("WIR019", "UpdateVirtualInterfaceAttributes", given("mtu") | off("enableSiteLink", ""), OUTAGE, "The connection is interrupted, or sites reach each other no more")
EC2: Final = Table("ec2", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_{}.html", alone=False)
EC2.row("WIR020", "AssignPrivateIpAddresses", says("AllowReassignment", True), OUTAGE, "An address may be taken from the interface that has it")
EC2.read("AssociateAddress", Read("ec2:DescribeAddresses", {"AllocationIds": ["AllocationId"]}, "Addresses[0]"))
EC2.row("WIR062", "AssociateAddress", ~says("AllowReassociation", False) & stands("AssociationId"), OUTAGE, "What answers at the address now would lose it", alone=True)
EC2.row("WIR021", "AssociateDhcpOptions", ALWAYS, OUTAGE, "Everything in the network would ask other servers for names and time")
EC2.row("WIR022", "AuthorizeClientVpnIngress", says("AuthorizeAllGroups", True), EXPOSES, "Everybody who reaches the VPN would reach that network")
EC2.row("WIR023", "EnableApplicationStatusCheckSuppression", ALWAYS, BLINDS, "Failures of the application would not be seen meanwhile")
EC2.row("WIR024", "ImportClientVpnClientCertificateRevocationList", ALWAYS, ROTATES, "Whose certificate is refused would be decided by the list in the request")
EC2.read("ModifyAddressAttribute", Read("ec2:DescribeAddressesAttribute", {"AllocationIds": ["AllocationId"], "Attribute": "=domain-name"}, "Addresses[0]"))
EC2.row("WIR025", "ModifyAddressAttribute", given("DomainName") & (unread("PtrRecord") | stands("PtrRecord")), OUTAGE, "The address would go by another name")
EC2.row("WIR026", "ModifyCapacityReservation", says("EndDateType", "limited") | given("EndDate"), OUTAGE, "The capacity would be given up at that date")
EC2.row("WIR027", "ModifyDefaultCreditSpecification ModifyInstanceCreditSpecification", says("CpuCredits", "standard") | says("InstanceCreditSpecifications[].CpuCredits", "standard"), OUTAGE, "Instances would be slowed down once their credits are used up")
EC2.row("WIR028", "ModifyFleet ModifySpotFleetRequest", says("ExcessCapacityTerminationPolicy", "termination", "Default", "default"), OUTAGE_DELETE, "Instances beyond the target would be terminated")
EC2.read("ModifyInstanceCpuOptions", Read("ec2:DescribeInstances", {"InstanceIds": ["InstanceId"]}, "Reservations[0]"))
EC2.row("WIR029", "ModifyInstanceCpuOptions", given("CoreCount") & (unread("Instances[].CpuOptions.CoreCount") | lower("CoreCount", "Instances[].CpuOptions.CoreCount")), OUTAGE, "The instance would have fewer cores than now")
EC2.row("WIR030", "ModifyInstanceMetadataOptions ModifyInstanceMetadataDefaults", check(_many_hops, given=("HttpPutResponseHopLimit",)), STRIP, "The role's credentials could be had from farther away")
EC2.row("WIR031", "ModifyInstanceMetadataDefaults", says("HttpTokens", "optional") | says("HttpTokensEnforced", "disabled"), STRIP, "New instances would give their role's credentials without a token")
EC2.row("WIR032", "ModifyIpam", says("Tier", "free"), OUTAGE, "What only the advanced tier does would end")
EC2.row("WIR033", "ModifySnapshotTier", ALWAYS, OUTAGE, "The snapshot could not be used until it is brought back, which takes up to three days")
EC2.row("WIR034", "ModifyVolume", says("VolumeType", "standard", "sc1", "st1") | below("Iops", 101), OUTAGE, "The volume would be slower")
EC2.row("WIR035", "ModifyVpcPeeringConnectionOptions", off("AccepterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc", "") | off("RequesterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc", ""), OUTAGE, "Names of the other network would resolve to public addresses")
EC2.row("WIR036", "ModifyVpnConnectionOptions ModifyVpnTunnelCertificate ModifyVpnTunnelOptions ReplaceVpnTunnel", ALWAYS, OUTAGE, "The tunnel is down while it changes")
EC2.row("WIR037", "MoveAddressToVpc RestoreAddressToClassic MoveCapacityReservationInstances", ALWAYS, OUTAGE, "It is no longer where it is used now")
EC2.row("WIR038", "ReplaceImageCriteriaInAllowedImagesSettings", ALWAYS, STRIP, "The images that may be used would be those in the request, or all")
EC2.row("WIR039", "RestoreManagedPrefixListVersion", ALWAYS, OUTAGE, "Everything that uses the list would have its former entries")
EC2.row("WIR040", "UpdateCapacityManagerMonitoredTagKeys", given("DeactivateTagKeys"), BLINDS, "Capacity would be told apart by fewer tags")
EC2.row("WIR041", "AdvertiseByoipCidr", ALWAYS, OUTAGE, "The internet would send traffic of these addresses here")
EC2.row("WIR042", "AcceptReservedInstancesExchangeQuote", ALWAYS, OUTAGE_ONE_WAY, "The reservations are exchanged for others for good")
EC2.row("WIR043", "CreateMacSystemIntegrityProtectionModificationTask", says("MacSystemIntegrityProtectionStatus", "disabled"), STRIP, "The system's own guard would be switched off, after a restart")
EC2.row("WIR044", "CreateTransitGateway", says("Options.AutoAcceptSharedAttachments", "enable"), EXPOSES, "Every account it is shared with could attach its network unasked")
EC2.row("WIR045", "CreateVpcEndpointServiceConfiguration", says("AcceptanceRequired", False), EXPOSES, "Who is allowed to connect would be let in unasked")
EC2.row("WIR046", "CreateTrafficMirrorSession", ALWAYS, EXPOSES, "A copy of the traffic would go there")
EC2.row("WIR047", "CreateStoreImageTask ExportImage CreateInstanceExportTask", ALWAYS, COPIED, "A copy of the whole disk would lie in a bucket")
EC2.row("WIR048", "EnableReachabilityAnalyzerOrganizationSharing", ALWAYS, GRANTS, "Other accounts of the organization would see this network")
ELBV2: Final = Table("elbv2", "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_{}.html", alone=False)
ELBV2.row("WIR049", "SetSecurityGroups", given("SecurityGroups") & unread("SecurityGroups"), OUTAGE, "The whole list of its security groups is replaced, and what stands was not read")
ELBV2.row("WIR050", "SetSubnets", given("Subnets", "SubnetMappings") & unread("AvailabilityZones"), OUTAGE, "The whole list of its subnets is replaced, and what stands was not read")
ELBV2.row("WIR051", "SetIpAddressType", says("IpAddressType", "ipv4", "dualstack-without-public-ipv4"), OUTAGE, "Clients that come by the other kind of address reach it no more")
ELBV2.row("WIR052", "ModifyTargetGroup", given("HealthCheckPath", "HealthCheckPort", "HealthCheckProtocol", "Matcher.HttpCode") & unread("HealthCheckPath"), OUTAGE, "Targets would be looked at otherwise: they may all count as unhealthy")
ELBV2.row("WIR053", "ModifyTargetGroupAttributes", check(_no_drain, given=("Attributes[].Key", "Attributes[].Value")), OUTAGE, "Requests under way would be cut off when a target leaves")
ELBV2.row("WIR054", "ModifyRule ModifyListener", (given("Actions[].TargetGroupArn") & unread("Actions[].TargetGroupArn")) | (given("DefaultActions[].TargetGroupArn") & unread("DefaultActions[].TargetGroupArn")), OUTAGE, "Requests may go elsewhere: where they go now was not read")
EVS: Final = Table("evs", "https://docs.aws.amazon.com/evs/latest/APIReference/API_{}.html", alone=False)
EVS.row("WIR055", "UpdateEnvironmentConnector", given("applianceFqdn"), OUTAGE, "It would speak to another appliance")
DEVICEFARM: Final = Table("devicefarm", "https://docs.aws.amazon.com/devicefarm/latest/APIReference/API_{}.html", alone=False)
DEVICEFARM.row("WIR056", "UpdateVPCEConfiguration", given("vpceServiceName", "serviceDnsName"), OUTAGE, "Tests would speak to another service")
ELB: Final = Table("elb", "https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_{}.html", alone=False)
ELB.row("WIR057", "ApplySecurityGroupsToLoadBalancer", given("SecurityGroups") & unread("SecurityGroups"), OUTAGE, "The whole list of its security groups is replaced, and what stands was not read")
ELB.read("ConfigureHealthCheck", Read("elb:DescribeLoadBalancers", {"LoadBalancerNames": ["LoadBalancerName"]}, "LoadBalancerDescriptions[0]"))
ELB.row("WIR060", "ConfigureHealthCheck", changed("HealthCheck.Target"), OUTAGE, "What answers otherwise than is asked for gets no more requests")
ELB.row("WIR058", "SetLoadBalancerListenerSSLCertificate", ALWAYS, OUTAGE, "Clients would be shown another certificate")
EVENTS: Final = Table("events", "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_{}.html", alone=False)
EVENTS.row("WIR059", "UpdateEventBus", given("DeadLetterConfig.Arn"), OUTAGE, "Events that fail would go to another queue")
