"""Keys, secrets, identities of users, the audit trail, the organization."""

from __future__ import annotations

import json
from typing import Any, Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Condition,
    Live,
    Request,
    becomes,
    below,
    changed,
    check,
    drops,
    given,
    lower,
    off,
    says,
    stands,
    values,
)
from keyturn.providers.aws.rules.table import (
    BACKUPS,
    BLINDS,
    EXPOSES,
    GRANTS,
    LOSS,
    LOSS_WINDOW,
    OUTAGE,
    OUTAGE_DELETE,
    OUTAGE_ONE_WAY,
    OVERWRITES,
    REMARK,
    STRIP,
    STRIP_FOR_GOOD,
    Read,
    Table,
)


def statements(document: Any) -> list[dict[str, Any]] | None:
    """The statements of a policy document; None where it cannot be read."""
    try:
        parsed = json.loads(document) if isinstance(document, str) else document
        listed = parsed["Statement"]
    except (ValueError, KeyError, TypeError):
        return None
    return [one for one in (listed if isinstance(listed, list) else [listed]) if isinstance(one, dict)]


def _listed(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [item for inner in value.values() for item in _listed(inner)]
    return [str(item) for item in value] if isinstance(value, list) else [] if value is None else [str(value)]


def locks_out(path: str) -> Any:
    """A policy in which a Deny names everybody, or that lets nobody administer it: who set it up could not take it back."""

    def test(request: Request, _live: Live) -> bool | None:
        for document in values(request, path):
            found = statements(document)
            if found is None:
                return None
            if not any(one.get("Effect") == "Allow" for one in found) and found:
                return True
            for one in found:
                everybody = "*" in _listed(one.get("Principal")) or "NotPrincipal" in one
                if one.get("Effect") == "Deny" and everybody and not one.get("Condition"):
                    return True
        return False

    return check(test, given=(path,))


# fmt: off
K: Final = Table("kms", "https://docs.aws.amazon.com/kms/latest/APIReference/API_{}.html")
_KEY: Final = Read("kms:DescribeKey", {"KeyId": "KeyId"}, "KeyMetadata")
K.read("DisableKey DisableKeyRotation ScheduleKeyDeletion DeleteImportedKeyMaterial", _KEY)
K.read("PutKeyPolicy", Read("kms:GetKeyPolicy", {"KeyId": "KeyId", "PolicyName": "=default"}))
K.read("UpdateAlias", Read("kms:ListAliases", {}))
K.row("KMS002", "DisableKey", stands("KeyState", "Enabled"), OUTAGE, "Whatever is encrypted under the key can be read by nobody")
K.row("KMS003", "ScheduleKeyDeletion", below("PendingWindowInDays", 15), LOSS_WINDOW, "There would be little time to notice: after the waiting period all that the key has encrypted is lost")
K.row("KMS004", "PutKeyPolicy CreateKey ReplicateKey", says("BypassPolicyLockoutSafetyCheck", True), STRIP_FOR_GOOD, "The key could end up manageable by nobody")
K.row("KMS005", "PutKeyPolicy", locks_out("Policy"), STRIP_FOR_GOOD, "The policy shuts out everybody, its author included")
K.row("KMS007", "DeleteImportedKeyMaterial", ALWAYS, LOSS, "What is encrypted under the key is unreadable at once")
K.row("KMS008", "DisableKeyRotation", ALWAYS, STRIP, "The key would no longer be rotated")
K.row("KMS009", "UpdateAlias", ALWAYS, OUTAGE, "Who encrypts by the alias does so under another key from now on")
K.row("KMS010", "RevokeGrant RetireGrant DisconnectCustomKeyStore", ALWAYS, OUTAGE, "Who works with the grant or key store can use the key no more", "RevokeGrant")
K.row("KMS011", "CreateGrant", given("GranteePrincipal"), GRANTS, "Somebody could use the key")
S: Final = Table("secretsmanager", "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_{}.html")
_SECRET: Final = Read("secretsmanager:DescribeSecret", {"SecretId": "SecretId"})
S.read("PutSecretValue UpdateSecret RotateSecret CancelRotateSecret UpdateSecretVersionStage RemoveRegionsFromReplication", _SECRET)
S.read("PutResourcePolicy", Read("secretsmanager:GetResourcePolicy", {"SecretId": "SecretId"}))
S.row("SEC002", "PutSecretValue UpdateSecret", given("SecretString", "SecretBinary") & ~given("VersionStages"), OUTAGE, "Who reads the secret from now on gets another value; the one before is kept as AWSPREVIOUS")
S.row("SEC003", "RotateSecret", ~says("RotateImmediately", False), OUTAGE, "The credential would be changed at once, wherever it is in use")
S.row("SEC004", "CancelRotateSecret", ALWAYS, STRIP, "The secret would no longer be rotated")
S.row("SEC005", "UpdateSecretVersionStage", given("MoveToVersionId", "RemoveFromVersionId") & says("VersionStage", "AWSCURRENT"), OUTAGE, "Who reads the secret from now on gets another version of it")
S.row("SEC006", "RemoveRegionsFromReplication", ALWAYS, BACKUPS, "A replica of the secret is deleted at once, without a recovery window")
S.row("SEC010", "StopReplicationToReplica", ALWAYS, OUTAGE_ONE_WAY, "The replica would stand alone: who reads it gets no value that is set from now on, and it is joined again by nothing")
S.row("SEC007", "UpdateSecret", changed("KmsKeyId"), OUTAGE, "Who may read the secret would depend on another key")
S.row("SEC008", "DeleteSecret", below("RecoveryWindowInDays", 15), REMARK, "There would be little time to notice before it is gone")
S.row("SEC009", "PutSecretValue", says("VersionStages[]", "AWSCURRENT"), OUTAGE, "Who reads the secret from now on gets another value")
T: Final = Table("cloudtrail", "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_{}.html")
T.read("UpdateTrail", Read("cloudtrail:GetTrail", {"Name": "Name"}, "Trail"))
T.read("PutEventSelectors", Read("cloudtrail:GetEventSelectors", {"TrailName": "TrailName"}))
T.read("UpdateEventDataStore", Read("cloudtrail:GetEventDataStore", {"EventDataStore": "EventDataStore"}))
T.row("CT001", "UpdateTrail", off("IsMultiRegionTrail") | off("IncludeGlobalServiceEvents") | off("EnableLogFileValidation", "LogFileValidationEnabled") | off("IsOrganizationTrail"), BLINDS, "The trail would record less, or could be altered unseen")
T.row("CT002", "UpdateTrail", changed("S3BucketName") | changed("CloudWatchLogsLogGroupArn", "CloudWatchLogsLogGroupArn") | says("KmsKeyId", ""), BLINDS, "The trail would be written elsewhere")
T.row("CT003", "PutEventSelectors", says("EventSelectors[].IncludeManagementEvents", False) | says("EventSelectors[].ReadWriteType", "ReadOnly", "WriteOnly") | drops("EventSelectors[].DataResources[].Type", "EventSelectors[].DataResources[].Type"), BLINDS, "The trail would record less")
T.row("CT004", "UpdateEventDataStore", off("TerminationProtectionEnabled") | lower("RetentionPeriod"), STRIP, "Events could be deleted, or would be sooner")
T.row("CT005", "StopLogging StopEventDataStoreIngestion", ALWAYS, BLINDS, "What happens from now on would not be recorded", "StopLogging")
G: Final = Table("guardduty", "https://docs.aws.amazon.com/guardduty/latest/APIReference/API_{}.html")
G.read("UpdateDetector", Read("guardduty:GetDetector", {"DetectorId": "DetectorId"}))
G.row("GD001", "UpdateDetector UpdateMemberDetectors UpdateOrganizationConfiguration", off("Enable", "Status") | says("Features[].Status", "DISABLED") | says("AutoEnable", False), BLINDS, "Threats would no longer be looked for", "UpdateDetector")
G.row("GD002", "CreateFilter UpdateFilter", says("Action", "ARCHIVE"), BLINDS, "Findings would be put away before anybody sees them")
G.row("GD003", "UpdateIPSet CreateIPSet CreateTrustedEntitySet", says("Activate", True), BLINDS, "Nothing that comes from these addresses would be found suspicious", "CreateIPSet")
C: Final = Table("config", "https://docs.aws.amazon.com/config/latest/APIReference/API_{}.html")
C.read("PutConfigurationRecorder", Read("config:DescribeConfigurationRecorders", {}, "ConfigurationRecorders[0]"))
C.row("CFG001", "PutConfigurationRecorder", says("ConfigurationRecorder.recordingGroup.allSupported", False) & ~stands("recordingGroup.allSupported", False), BLINDS, "Fewer kinds of resources would be recorded")
C.row("CFG002", "PutRetentionConfiguration", below("RetentionPeriodInDays", 365), LOSS, "What is recorded would be deleted sooner")
C.row("CFG003", "StopConfigurationRecorder", ALWAYS, BLINDS, "What changes from now on would not be recorded")
H: Final = Table("securityhub", "https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_{}.html")
H.row("SH001", "UpdateStandardsControl UpdateSecurityControl BatchUpdateStandardsControlAssociations BatchUpdateFindings", says("ControlStatus", "DISABLED") | says("StandardsControlAssociationUpdates[].AssociationStatus", "DISABLED") | says("Workflow.Status", "SUPPRESSED", "RESOLVED"), BLINDS, "A control would no longer be looked at, or its findings put away", "UpdateStandardsControl")
H.row("SH002", "DisableSecurityHub BatchDisableStandards DisableImportFindingsForProduct inspector2:Disable macie2:DisableMacie detective:DeleteGraph accessanalyzer:DeleteAnalyzer", ALWAYS, BLINDS, "What it finds would be found no more", "DisableSecurityHub")
H.row("SH003", "macie2:UpdateMacieSession", says("status", "PAUSED"), BLINDS, "What it finds would be found no more", "https://docs.aws.amazon.com/macie/latest/APIReference/macie.html")
ORG: Final = Table("organizations", "https://docs.aws.amazon.com/organizations/latest/APIReference/API_{}.html")
ORG.row("ORG001", "AttachPolicy UpdatePolicy", given("TargetId", "Content"), OUTAGE, "What every account below may do at all would change", "AttachPolicy")
ORG.row("ORG002", "DetachPolicy DisablePolicyType DisableAWSServiceAccess DeregisterDelegatedAdministrator", ALWAYS, STRIP, "A limit on what the accounts below may do would be taken off", "DetachPolicy")
ORG.row("ORG003", "CloseAccount RemoveAccountFromOrganization LeaveOrganization DeleteOrganization", ALWAYS, LOSS, "The account would be closed, or out of the organization's hands", "CloseAccount")
ORG.row("ORG004", "MoveAccount", ALWAYS, STRIP, "Other policies would hold for the account from now on")
U: Final = Table("cognito-idp", "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_{}.html")
U.read("UpdateUserPool SetUserPoolMfaConfig DeleteUserPool", Read("cognito-idp:DescribeUserPool", {"UserPoolId": "UserPoolId"}, "UserPool"))


_OF_A_POOL: Final = ("LambdaConfig", "EmailConfiguration", "SmsConfiguration", "AdminCreateUserConfig", "Policies", "AutoVerifiedAttributes", "SmsVerificationMessage", "EmailVerificationMessage", "EmailVerificationSubject", "VerificationMessageTemplate", "SmsAuthenticationMessage", "UserAttributeUpdateSettings", "DeviceConfiguration", "AccountRecoverySetting", "UserPoolAddOns")
"""Members that an update of a pool sets to their defaults where it leaves them out (API_UpdateUserPool)."""


_CODE: Final = "Your verification code is {####}. "
_POOL_DEFAULTS: Final[dict[str, tuple[Any, ...]]] = {
    "AccountRecoverySetting": ({"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}, {"Priority": 2, "Name": "verified_phone_number"}]},),
    "EmailConfiguration": ({"EmailSendingAccount": "COGNITO_DEFAULT"},),
    "EmailVerificationMessage": (_CODE,),
    "EmailVerificationSubject": ("Your verification code",),
    "SmsVerificationMessage": (_CODE,),
    "VerificationMessageTemplate": ({"DefaultEmailOption": "CONFIRM_WITH_CODE"}, {"SmsMessage": _CODE, "EmailMessage": _CODE, "EmailSubject": "Your verification code", "DefaultEmailOption": "CONFIRM_WITH_CODE"}),
}
"""What stands of a pool that nobody has set: to leave it out changes nothing (API_CreateUserPool)."""


def _reset(*names: str) -> Condition:
    """Members that stand and are not given: an update of the whole sets them to their defaults."""

    def test(request: Request, live: Live) -> bool | None:
        if "" not in live:
            return None
        stood = live[""] or {}
        return any(
            stood.get(name) not in (None, "", [], {}, *_POOL_DEFAULTS.get(name, ())) and name not in request
            for name in names
        )

    return check(test, given=(), live=names)

U.row("COG001", "UpdateUserPool", off("DeletionProtection") | ~given("DeletionProtection") & stands("DeletionProtection", "ACTIVE"), STRIP, "The user pool could be deleted again: what the request leaves out falls back to its default")
U.row("COG002", "UpdateUserPool", _reset(*_OF_A_POOL), OVERWRITES, "Settings that the request leaves out fall back to their defaults")
# what stands of a client is told with its secret (DescribeUserPoolClient), which the plane does not read: what it takes to sign in is asked for whole
_SIGNS_IN: Final = given("ExplicitAuthFlows") & given("SupportedIdentityProviders") & given("CallbackURLs") & given("AllowedOAuthFlows") & given("AllowedOAuthScopes")
U.row("COG003", "UpdateUserPoolClient", ~_SIGNS_IN, OVERWRITES, "Settings that the request leaves out fall back to their defaults, among them ways to sign in")
U.row("COG004", "SetUserPoolMfaConfig UpdateUserPool", becomes("MfaConfiguration", "OFF"), STRIP, "Users could sign in without a second factor", "SetUserPoolMfaConfig")
U.row("COG010", "UpdateUserPool", ~given("MfaConfiguration") & stands("MfaConfiguration", "ON", "OPTIONAL"), STRIP, "Users could sign in without a second factor: it falls back to off where the request leaves it out")
U.row("COG005", "AdminDisableUser AdminUserGlobalSignOut AdminResetUserPassword AdminSetUserPassword AdminRemoveUserFromGroup", ALWAYS, OUTAGE, "The user is signed out, or signs in no more as before", "AdminDisableUser")
U.row("COG006", "AdminAddUserToGroup AdminConfirmSignUp", ALWAYS, GRANTS, "A user would have the rights of a group, or be taken for known", "AdminAddUserToGroup")
POOL: Final = Table("cognito-identity", "https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_{}.html")
POOL.row("COG008", "UpdateIdentityPool", says("AllowUnauthenticatedIdentities", True), EXPOSES, "Everybody would get credentials of the pool")
POOL.row("COG009", "SetIdentityPoolRoles", given("Roles"), GRANTS, "Users of the pool would act with other roles")
A: Final = Table("iam", "https://docs.aws.amazon.com/IAM/latest/APIReference/API_{}.html")
A.read("DeleteAccessKey UpdateAccessKey", Read("iam:GetAccessKeyLastUsed", {"AccessKeyId": "AccessKeyId"}, "AccessKeyLastUsed"))
A.read("DeleteServerCertificate", Read("iam:GetServerCertificate", {"ServerCertificateName": "ServerCertificateName"}))
A.row("IAM009", "DeleteAccessKey", stands("LastUsedDate"), OUTAGE_DELETE, "Somebody has used the key, and fails without it")
A.row("IAM010", "UpdateAssumeRolePolicy", locks_out("PolicyDocument"), OUTAGE, "Nobody could become the role any more")
A.row("IAM011", "UpdateAccountPasswordPolicy", below("MinimumPasswordLength", 12) | off("RequireSymbols", "") | off("RequireNumbers", ""), STRIP, "Weaker passwords would do")
A.row("IAM012", "SetSecurityTokenServicePreferences CreateAccountAlias DeleteAccountAlias", ALWAYS, REMARK, "How people sign in to the account would change", "CreateAccountAlias")
P: Final = Table("sso-admin", "https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_{}.html")
P.row("SSO001", "CreateAccountAssignment AttachManagedPolicyToPermissionSet PutInlinePolicyToPermissionSet AttachCustomerManagedPolicyReferenceToPermissionSet", ALWAYS, GRANTS, "People would have other rights in accounts", "CreateAccountAssignment")
P.row("SSO002", "DeleteAccountAssignment DetachManagedPolicyFromPermissionSet DeleteInlinePolicyFromPermissionSet", ALWAYS, OUTAGE, "People would lose rights that they work with", "DeleteAccountAssignment")
M: Final = Table("ram", "https://docs.aws.amazon.com/ram/latest/APIReference/API_{}.html")
M.row("RAM001", "CreateResourceShare AssociateResourceShare UpdateResourceShare", says("allowExternalPrincipals", True) | given("principals"), EXPOSES, "Others would use these resources", "AssociateResourceShare")
M.row("RAM002", "DisassociateResourceShare DeleteResourceShare", ALWAYS, OUTAGE, "Others would use these resources no more", "DisassociateResourceShare")
