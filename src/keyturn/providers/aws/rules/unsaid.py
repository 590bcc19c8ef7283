"""Detectors for what a call does by what it does not say: members left out, and operations that say nothing of it in their names."""

from __future__ import annotations

import re
from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.catalogue import lookup
from keyturn.providers.aws.rules import Context, Fired, Said, looked_at, rule
from keyturn.providers.aws.rules.generic import paths, where
from keyturn.providers.aws.rules.shapes import members

R1, R3 = Reversibility.R1, Reversibility.R3

_UNSET: Final = {
    "backup:PutBackupVaultAccessPolicy": ("Policy",),
    "chime-sdk-identity:PutAppInstanceUserExpirationSettings": ("ExpirationSettings",),
    "chime-sdk-messaging:PutChannelExpirationSettings": ("ExpirationSettings",),
    "chime-sdk-voice:PutSipMediaApplicationLoggingConfiguration": (
        "SipMediaApplicationLoggingConfiguration",
    ),
    "cloudwatch:UpdateResourceMetricsConfiguration": ("MetricSelections",),
    "cognito-idp:SetRiskConfiguration": (
        "CompromisedCredentialsRiskConfiguration",
        "AccountTakeoverRiskConfiguration",
        "RiskExceptionConfiguration",
    ),
    "cognito-idp:SetUICustomization": ("CSS", "ImageFile"),
    "continuum:PutResourcePolicy": ("policy",),
    "emr:PutAutoTerminationPolicy": ("AutoTerminationPolicy",),
    "glacier:SetVaultAccessPolicy": ("policy",),
    "glacier:SetVaultNotifications": ("vaultNotificationConfig",),
    "iotsitewise:UpdateAssetProperty": ("propertyAlias",),
    "iotwireless:PutPositionConfiguration": ("Solvers", "Destination"),
    "kinesisvideo:UpdateImageGenerationConfiguration": ("ImageGenerationConfiguration",),
    "kinesisvideo:UpdateNotificationConfiguration": ("NotificationConfiguration",),
    "network-firewall:UpdateLoggingConfiguration": ("LoggingConfiguration",),
    "payment-cryptography:UpdateAlias": ("KeyArn",),
    "pinpoint-email:PutAccountDedicatedIpWarmupAttributes": ("AutoWarmupEnabled",),
    "pinpoint-email:PutAccountSendingAttributes": ("SendingEnabled",),
    "pinpoint-email:PutConfigurationSetReputationOptions": ("ReputationMetricsEnabled",),
    "pinpoint-email:PutConfigurationSetSendingOptions": ("SendingEnabled",),
    "pinpoint-email:PutEmailIdentityDkimAttributes": ("SigningEnabled",),
    "pinpoint-email:PutEmailIdentityMailFromAttributes": ("MailFromDomain",),
    "s3:PutBucketLifecycleConfiguration": ("LifecycleConfiguration",),
    "s3:PutObjectLockConfiguration": ("ObjectLockConfiguration",),
    "ses:PutConfigurationSetDeliveryOptions": ("DeliveryOptions",),
    "ses:SetActiveReceiptRuleSet": ("RuleSetName",),
    "ses:SetIdentityMailFromDomain": ("MailFromDomain",),
    "ses:SetIdentityNotificationTopic": ("SnsTopic",),
    "sesv2:PutAccountDedicatedIpWarmupAttributes": ("AutoWarmupEnabled",),
    "sesv2:PutAccountSendingAttributes": ("SendingEnabled",),
    "sesv2:PutAccountSuppressionAttributes": ("SuppressedReasons",),
    "sesv2:PutConfigurationSetArchivingOptions": ("ArchiveArn",),
    "sesv2:PutConfigurationSetReputationOptions": ("ReputationMetricsEnabled",),
    "sesv2:PutConfigurationSetSendingOptions": ("SendingEnabled",),
    "sesv2:PutConfigurationSetSuppressionOptions": ("SuppressedReasons",),
    "sesv2:PutConfigurationSetTrackingOptions": ("CustomRedirectDomain",),
    "sesv2:PutConfigurationSetVdmOptions": ("VdmOptions",),
    "sesv2:PutEmailIdentityConfigurationSetAttributes": ("ConfigurationSetName",),
    "sesv2:PutEmailIdentityDkimAttributes": ("SigningEnabled",),
    "sesv2:PutEmailIdentityMailFromAttributes": ("MailFromDomain",),
    "sesv2:PutTenantSuppressionAttributes": ("SuppressedReasons",),
    "shield:UpdateEmergencyContactSettings": ("EmergencyContactList",),
    "sns:SetSubscriptionAttributes": ("AttributeValue",),
    "sns:SetTopicAttributes": ("AttributeValue",),
}
"""Operations that set one thing, and its members: left out, what stood is cleared, as their pages say."""


@rule(
    "GEN024",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: what a call sets by leaving it out, from the pages of its parameters",
)
def unset(context: Context) -> Fired:
    """Where a call sets one thing as a whole, and the request does not say it, what stood of it is cleared."""
    wanted = _UNSET.get(context.operation.name)
    if wanted is None or any(context.parameters.get(name) is not None for name in wanted):
        return None
    return f"Nothing is said of {', '.join(wanted)}: what {context.ref} has of it would be cleared.", {
        "paths": list(wanted)
    }


_ENCRYPTS: Final = re.compile(
    r"(?i)(^|[a-z])encrypt(ed|ion)?(enabled|atrest)?$|^(atrest|transit)encryption\w*$|encryption(atrest|intransit)\w*$"
)


@rule(
    "GEN026",
    [],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R1,
    "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_protect_data_rest_encrypt.html",
)
def made_bare(context: Context) -> Fired:
    """What is made without encryption cannot be given it later without making it anew; that it is said makes it no accident."""
    if context.operation.floor is not Effect.CREATE:
        return None
    bare = [leaf for leaf in members(context) if leaf.value is False and _ENCRYPTS.search(leaf.name)]
    return (f"{context.ref} would be made without encryption ({where(bare)}).", paths(bare)) if bare else None


_SETS: Final = re.compile(r"(Update|Modify|Set|Put)")


@rule(
    "GEN025",
    [],
    Kind.OUTAGE,
    Effect.UPDATE,
    R3,
    "Keyturn: operations that move traffic or blind, by what the catalogue says of them",
    last=True,
)
def marked(context: Context) -> Fired:
    """What moves traffic, or stops what watches, says nothing of it in its name; where rules know the operation, they know better when."""
    if looked_at(context.operation.name):
        return None
    entry = lookup(context.operation.service, context.operation.action)
    if entry.mark not in {"moves-traffic", "blinds"}:
        return None
    if entry.mark == "blinds" and _SETS.match(context.operation.action):
        return None  # it blinds by what it sets, and words and flags say when
    kind = Kind.BLIND if entry.mark == "blinds" else Kind.OUTAGE
    return Said(
        f"{context.operation.action}: {entry.reason}.",
        kind=kind,
        reversibility=R1 if kind is Kind.BLIND else R3,
    )
