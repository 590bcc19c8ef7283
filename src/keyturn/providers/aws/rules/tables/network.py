"""How it is reached: load balancers, names, distributions, APIs, certificates, firewalls."""

from __future__ import annotations

import re
from typing import Any, Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Condition,
    Live,
    Request,
    becomes,
    changed,
    check,
    drops,
    given,
    like,
    number,
    off,
    says,
    standing,
    stands,
    values,
    zero,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    EXPOSES,
    LOSS,
    LOSS_KEPT,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    RUNS,
    STRIP,
    Read,
    Table,
)

_SET_OTHERWISE: Final = re.compile(
    r"(?i)^/(policy|authorizationType|authorizerId|endpointConfiguration|disableExecuteApiEndpoint|minimumCompression)"
)
_SLOW: Final = 10
"""Requests a second, or at once, below which callers are turned away."""


def _loosens(request: Request, _live: Live) -> bool | None:
    """Something is taken off, what guards is set otherwise, a key is asked for no more, or little is let through."""
    for one in values(request, "patchOperations[]"):
        path, value = str(one.get("path", "")), str(one.get("value", ""))
        if one.get("op") == "remove" or _SET_OTHERWISE.match(path):
            return True
        if re.match(r"(?i)^/apiKeyRequired", path) and value.lower() != "true":
            return True
        if re.match(r"(?i)^/throttl", path) and not ((number(value) or 0) > _SLOW or number(value) == -1):
            return True
    return False


# fmt: off
B: Final = Table("elbv2", "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_{}.html")
B.read("ModifyLoadBalancerAttributes", Read("elbv2:DescribeLoadBalancerAttributes", {"LoadBalancerArn": "LoadBalancerArn"}))
B.read("SetSecurityGroups SetSubnets DeleteLoadBalancer", Read("elbv2:DescribeLoadBalancers", {"LoadBalancerArns": ["LoadBalancerArn"]}, "LoadBalancers[0]"))
B.read("ModifyListener DeleteListener", Read("elbv2:DescribeListeners", {"ListenerArns": ["ListenerArn"]}, "Listeners[0]"))
B.read("ModifyRule DeleteRule", Read("elbv2:DescribeRules", {"RuleArns": ["RuleArn"]}, "Rules[0]"))
B.read("DeregisterTargets", Read("elbv2:DescribeTargetHealth", {"TargetGroupArn": "TargetGroupArn"}))
B.read("DeleteTargetGroup ModifyTargetGroup", Read("elbv2:DescribeTargetGroups", {"TargetGroupArns": ["TargetGroupArn"]}, "TargetGroups[0]"))


def _all_targets(request: Request, live: Live) -> bool | None:
    stood = standing(live, "TargetHealthDescriptions[].Target.Id")
    return None if stood is None else bool(stood) and not set(stood) - set(values(request, "Targets[].Id"))


def _attribute_off(name: str) -> tuple[str, str]:
    return f"Attributes{{Key={name}}}.Value", f"Attributes{{Key={name}}}.Value"

B.row("ELB001", "ModifyLoadBalancerAttributes", off(*_attribute_off("deletion_protection.enabled")), STRIP, "Deletion protection would be taken off: the step before a delete")
B.row("ELB002", "ModifyLoadBalancerAttributes", off(*_attribute_off("access_logs.s3.enabled")), BLINDS, "Its access log would be switched off")
B.row("ELB003", "ModifyListener ModifyRule", changed("DefaultActions[].TargetGroupArn", unread=None) | changed("Actions[].TargetGroupArn", unread=None) | says("DefaultActions[].Type", "fixed-response", "redirect") | says("Actions[].Type", "fixed-response", "redirect"), OUTAGE, "Traffic would go elsewhere")
B.row("ELB004", "DeregisterTargets", check(_all_targets, given=("Targets[].Id",), live=("TargetHealthDescriptions[].Target.Id",)), OUTAGE, "No target would be left in the group")
B.row("ELB005", "SetSecurityGroups", changed("SecurityGroups", unread=None), OUTAGE, "The whole list of its security groups is replaced: who reaches it now may reach it no more")
B.row("ELB006", "DeleteTargetGroup", stands("LoadBalancerArns"), OUTAGE_DELETE, "Load balancers send their traffic there")
B.row("ELB007", "SetSubnets", drops("Subnets", "AvailabilityZones[].SubnetId"), OUTAGE, "An availability zone would be taken from the load balancer")
B.row("ELB008", "ModifyListener", becomes("Protocol", "HTTP", "TCP"), STRIP, "Traffic would no longer be encrypted")
B.row("ELB009", "ModifyTargetGroup", off("HealthCheckEnabled") | changed("HealthCheckPath", unread=None) | changed("HealthCheckPort", unread=None), OUTAGE, "Targets would be looked at otherwise: those that are well may be taken out")
B.row("ELB010", "DeleteListener DeleteRule RemoveListenerCertificates", ALWAYS, OUTAGE_DELETE, "Traffic that comes in there is answered no more", "DeleteListener")
C: Final = Table("elb", "https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_{}.html")
C.read("DeregisterInstancesFromLoadBalancer ApplySecurityGroupsToLoadBalancer", Read("elb:DescribeLoadBalancers", {"LoadBalancerNames": ["LoadBalancerName"]}, "LoadBalancerDescriptions[0]"))
C.row("ELC001", "DeregisterInstancesFromLoadBalancer DisableAvailabilityZonesForLoadBalancer DetachLoadBalancerFromSubnets DeleteLoadBalancerListeners", ALWAYS, OUTAGE, "Instances or zones would get no more traffic", "DeregisterInstancesFromLoadBalancer")
C.row("ELC002", "ModifyLoadBalancerAttributes", off("LoadBalancerAttributes.AccessLog.Enabled", "") | off("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", "") | off("LoadBalancerAttributes.ConnectionDraining.Enabled", ""), STRIP, "Logs, draining or balance between zones would be switched off")
C.row("ELC003", "ApplySecurityGroupsToLoadBalancer", changed("SecurityGroups", unread=None), OUTAGE, "The whole list of its security groups is replaced")
N: Final = Table("route53", "https://docs.aws.amazon.com/Route53/latest/APIReference/API_{}.html")
N.read("ChangeResourceRecordSets", Read("route53:ListResourceRecordSets", {"HostedZoneId": "HostedZoneId"}))
N.read("DeleteHostedZone", Read("route53:ListResourceRecordSets", {"HostedZoneId": "Id"}))


def _default(word: str) -> Condition:
    """The default action would be this one, and is not known to be it already."""

    def test(request: Request, live: Live) -> bool | None:
        stood = standing(live, "DefaultAction")
        return any(word in one for one in values(request, "DefaultAction")) and not any(word in one for one in stood or [])

    return check(test, given=("DefaultAction",), live=("DefaultAction",))


def _name(record: Any) -> tuple[str, str]:
    return str(record.get("Name", "")).rstrip(".").lower(), str(record.get("Type", ""))


def _overwrites(request: Request, live: Live) -> bool | None:
    """An UPSERT of what stands with another value; one that adds or says the same changes nothing for anybody."""
    wanted = [
        change["ResourceRecordSet"]
        for change in values(request, "ChangeBatch.Changes[]")
        if change.get("Action") == "UPSERT"
    ]
    if not wanted:
        return False
    stood = standing(live, "ResourceRecordSets[]")
    if stood is None:
        return True  # what was not read may stand
    now = {_name(record): record for record in stood}
    return any(_name(record) in now and _target(record) != _target(now[_name(record)]) for record in wanted)


def _target(record: Any) -> tuple[list[str], str]:
    return sorted(str(value.get("Value")) for value in record.get("ResourceRecords") or []), str(
        (record.get("AliasTarget") or {}).get("DNSName", "")
    ).rstrip(".").lower()


_RECORDS: Final = ("ResourceRecordSets[].Name", "ResourceRecordSets[].Type", "ResourceRecordSets[].ResourceRecords[].Value", "ResourceRecordSets[].AliasTarget.DNSName")
N.row("R5001", "ChangeResourceRecordSets", says("ChangeBatch.Changes[].Action", "DELETE"), LOSS_KEPT, "Names would no longer resolve; resolvers remember that for a while")
N.row("R5002", "ChangeResourceRecordSets", check(_overwrites, given=("ChangeBatch.Changes[].Action", "ChangeBatch.Changes[].ResourceRecordSet.Name"), live=_RECORDS), OUTAGE, "A name that stands would point elsewhere")
N.row("R5003", "ChangeResourceRecordSets", says("ChangeBatch.Changes[].ResourceRecordSet.Type", "NS", "SOA", "MX", "CAA", "DS") & ~says("ChangeBatch.Changes[].Action", "CREATE"), OUTAGE, "Who answers for the domain, or takes its mail, would change")
N.row("R5004", "DisassociateVPCFromHostedZone DisableHostedZoneDNSSEC DeactivateKeySigningKey", ALWAYS, OUTAGE, "Names of the zone may no longer resolve", "DisableHostedZoneDNSSEC")
N.row("R5005", "UpdateHealthCheck", says("Disabled", True) | says("Inverted", True) | given("ResetElements"), OUTAGE, "Traffic may be sent where it should not, since health would be judged otherwise")
D: Final = Table("route53domains", "https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_{}.html")
D.read("UpdateDomainNameservers DisableDomainAutoRenew DisableDomainTransferLock TransferDomainToAnotherAwsAccount", Read("route53domains:GetDomainDetail", {"DomainName": "DomainName"}))
D.row("R5006", "UpdateDomainNameservers", changed("Nameservers[].Name"), OUTAGE, "The whole domain would be answered for by other name servers")
D.row("R5007", "DisableDomainAutoRenew DisableDomainTransferLock", ALWAYS, STRIP, "The domain could expire, or be moved away", "DisableDomainTransferLock")
D.row("R5008", "TransferDomainToAnotherAwsAccount RetrieveDomainAuthCode UpdateDomainContact PushDomain", ALWAYS, LOSS, "The domain could be somebody else's", "TransferDomainToAnotherAwsAccount")
F: Final = Table("cloudfront", "https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_{}.html")
F.read("UpdateDistribution", Read("cloudfront:GetDistributionConfig", {"Id": "Id"}))
F.row("CF001", "UpdateDistribution", off("DistributionConfig.Enabled"), OUTAGE, "The distribution would answer nobody any more")
F.row("CF002", "UpdateDistribution", drops("DistributionConfig.Aliases.Items[]", "DistributionConfig.Aliases.Items[]") | drops("DistributionConfig.Origins.Items[].Id", "DistributionConfig.Origins.Items[].Id") | drops("DistributionConfig.CacheBehaviors.Items[].PathPattern", "DistributionConfig.CacheBehaviors.Items[].PathPattern"), OUTAGE, "Names, origins or paths that are not in the new document would be gone")
F.row("CF003", "UpdateDistribution", changed("DistributionConfig.Origins.Items[].DomainName", unread=None), OUTAGE, "What is served would come from elsewhere")
F.row("CF004", "UpdateDistribution", says("DistributionConfig.DefaultCacheBehavior.ViewerProtocolPolicy", "allow-all") & ~stands("DistributionConfig.DefaultCacheBehavior.ViewerProtocolPolicy", "allow-all") | says("DistributionConfig.ViewerCertificate.MinimumProtocolVersion", "SSLv3", "TLSv1") | says("DistributionConfig.WebACLId", "") & stands("DistributionConfig.WebACLId"), STRIP, "Visitors could come without encryption, or without the firewall")
F.row("CF005", "CreateInvalidation", says("InvalidationBatch.Paths.Items", "/*"), OUTAGE, "Everything that is cached would be fetched from the origin again")
F.row("CF006", "UpdateFunction PublishFunction", ALWAYS, RUNS, "Other code would run on every request", "PublishFunction")
G: Final = Table("globalaccelerator", "https://docs.aws.amazon.com/global-accelerator/latest/api/API_{}.html")
G.read("UpdateEndpointGroup", Read("globalaccelerator:DescribeEndpointGroup", {"EndpointGroupArn": "EndpointGroupArn"}, "EndpointGroup"))
G.read("UpdateAccelerator", Read("globalaccelerator:DescribeAccelerator", {"AcceleratorArn": "AcceleratorArn"}, "Accelerator"))
G.row("GA001", "UpdateEndpointGroup", zero("TrafficDialPercentage") | drops("EndpointConfigurations[].EndpointId", "EndpointDescriptions[].EndpointId"), OUTAGE, "No traffic would reach these endpoints")
G.row("GA002", "UpdateAccelerator", off("Enabled"), OUTAGE, "The accelerator would pass on nothing any more")
W: Final = Table("wafv2", "https://docs.aws.amazon.com/waf/latest/APIReference/API_{}.html")
W.read("UpdateWebACL", Read("wafv2:GetWebACL", {"Name": "Name", "Scope": "Scope", "Id": "Id"}, "WebACL"))
W.read("UpdateIPSet", Read("wafv2:GetIPSet", {"Name": "Name", "Scope": "Scope", "Id": "Id"}, "IPSet"))
W.read("UpdateRuleGroup", Read("wafv2:GetRuleGroup", {"Name": "Name", "Scope": "Scope", "Id": "Id"}, "RuleGroup"))
W.read("AssociateWebACL", Read("wafv2:GetWebACLForResource", {"ResourceArn": "ResourceArn"}))
W.row("WAF014", "AssociateWebACL", stands("WebACL.ARN") & changed("WebACLArn", "WebACL.ARN"), STRIP, "Another web ACL would guard it in the place of the one that stands")
W.row("WAF001", "UpdateWebACL UpdateRuleGroup", drops("Rules[].Name", "Rules[].Name", if_missing=True), STRIP, "Rules that are not in the new document would be gone")
W.row("WAF002", "UpdateWebACL", _default("Allow"), STRIP, "What no rule speaks of would be let through")
W.row("WAF003", "UpdateWebACL", _default("Block"), OUTAGE, "What no rule speaks of would be refused")
W.row("WAF004", "UpdateIPSet", drops("Addresses", "Addresses"), STRIP, "Addresses that are not in the new list would be blocked, or let through, no more")
W.row("WAF005", "DisassociateWebACL DeleteLoggingConfiguration DeletePermissionPolicy", ALWAYS, STRIP, "What the firewall guards would stand without it, or its log", "DisassociateWebACL")
H: Final = Table("shield", "https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_{}.html")
H.row("SHD001", "DeleteProtection DisableApplicationLayerAutomaticResponse DisassociateDRTRole DisableProactiveEngagement DeleteSubscription", ALWAYS, STRIP, "The guard against floods of requests would be taken off", "DeleteProtection")
NF: Final = Table("network-firewall", "https://docs.aws.amazon.com/network-firewall/latest/APIReference/API_{}.html")
NF.read("UpdateFirewallPolicy", Read("network-firewall:DescribeFirewallPolicy", {"FirewallPolicyArn": "FirewallPolicyArn"}, "FirewallPolicy"))
NF.row("NFW001", "UpdateFirewallPolicy", says("FirewallPolicy.StatelessDefaultActions[]", "aws:pass") & changed("FirewallPolicy.StatelessDefaultActions[]", "StatelessDefaultActions[]"), EXPOSES, "What no rule speaks of would pass uninspected")
NF.row("NFW002", "UpdateFirewallPolicy", says("FirewallPolicy.StatelessDefaultActions[]", "aws:drop") & changed("FirewallPolicy.StatelessDefaultActions[]", "StatelessDefaultActions[]"), OUTAGE, "What no rule speaks of would be dropped")
SD: Final = Table("servicediscovery", "https://docs.aws.amazon.com/cloud-map/latest/api/API_{}.html")
SD.row("SDC001", "UpdateInstanceCustomHealthStatus", says("Status", "UNHEALTHY"), OUTAGE, "The instance would be found no longer by those who look the service up")
REST: Final = Table("apigateway", "https://docs.aws.amazon.com/apigateway/latest/api/API_{}.html")
REST.read("UpdateRestApi PutRestApi", Read("apigateway:GetRestApi", {"restApiId": "restApiId"}))
REST.read("UpdateStage", Read("apigateway:GetStage", {"restApiId": "restApiId", "stageName": "stageName"}))
REST.read("CreateDeployment", Read("apigateway:GetStage", {"restApiId": "restApiId", "stageName": "stageName"}))
REST.row("API001", "UpdateRestApi UpdateStage UpdateMethod UpdateIntegration UpdateResource UpdateUsagePlan UpdateApiKey UpdateDomainName UpdateAuthorizer", check(_loosens, given=("patchOperations[].op", "patchOperations[].path", "patchOperations[].value")), OUTAGE, "A part of the API, or what guards it, would be taken off or changed", "UpdateRestApi")
REST.row("API002", "PutRestApi", says("mode", "overwrite"), OVERWRITES, "What the document does not name would be deleted from the API")
REST.row("API003", "CreateDeployment", stands("deploymentId"), OUTAGE, "What was changed so far would be live at once")
REST.row("API004", "UpdateMethod", says("patchOperations[].value", "NONE") & like("patchOperations[].path", "authorizationType"), EXPOSES, "The method could be called by everybody")
REST.row("API005", "PutMethod", says("authorizationType", "NONE"), EXPOSES, "The method could be called by everybody")
J: Final = Table("apigatewayv2", "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html#{}")
J.read("UpdateRoute", Read("apigatewayv2:GetRoute", {"ApiId": "ApiId", "RouteId": "RouteId"}))
J.read("UpdateIntegration", Read("apigatewayv2:GetIntegration", {"ApiId": "ApiId", "IntegrationId": "IntegrationId"}))
J.row("API006", "UpdateRoute", becomes("AuthorizationType", "NONE"), EXPOSES, "The route could be called by everybody")
J.row("API007", "UpdateIntegration UpdateRoute", changed("IntegrationUri", unread=None) | changed("Target", unread=None), OUTAGE, "Requests would be answered by something else")
J.row("API008", "ReimportApi", ALWAYS, OVERWRITES, "What the document does not name would be deleted from the API")
J.row("API009", "UpdateApi", says("DisableExecuteApiEndpoint", True) | given("CorsConfiguration"), OUTAGE, "Clients of its endpoint, or of other origins, would be turned away or let in")
M: Final = Table("acm", "https://docs.aws.amazon.com/acm/latest/APIReference/API_{}.html")
M.read("DeleteCertificate", Read("acm:DescribeCertificate", {"CertificateArn": "CertificateArn"}, "Certificate"))
M.row("ACM001", "DeleteCertificate", stands("InUseBy"), OUTAGE_DELETE, "Load balancers or distributions use the certificate")
M.row("ACM002", "ImportCertificate", given("CertificateArn"), OUTAGE_ONE_WAY, "The certificate that is in use under this ARN would be replaced")
Z: Final = Table("arc-zonal-shift", "https://docs.aws.amazon.com/arc-zonal-shift/latest/api/API_{}.html")
Z.row("ARC001", "StartZonalShift UpdateZonalAutoshiftConfiguration route53-recovery-cluster:UpdateRoutingControlState route53-recovery-cluster:UpdateRoutingControlStates elasticbeanstalk:SwapEnvironmentCNAMEs", ALWAYS, OUTAGE, "Traffic would be moved away from where it goes now", "StartZonalShift")
Z.row("ARC002", "route53-recovery-cluster:UpdateRoutingControlState route53-recovery-cluster:UpdateRoutingControlStates", given("SafetyRulesToOverride"), STRIP, "Rules that keep traffic from being cut off altogether would be overridden", "https://docs.aws.amazon.com/routing-control/latest/APIReference/API_UpdateRoutingControlState.html")
