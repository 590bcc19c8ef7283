"""Who is let in, told or reached: contact centres, directories, user pools, catalogues of data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from keyturn.providers.aws.rules.conditions import (
    ALWAYS,
    Live,
    Request,
    below,
    check,
    given,
    says,
    values,
)
from keyturn.providers.aws.rules.table import (
    BLINDS,
    EXPOSES,
    GRANTS,
    LOSS,
    OUTAGE,
    OUTAGE_ONE_WAY,
    REMARK,
    ROTATES,
    RUNS,
    STRIP,
    Table,
)


def _old_protocol(request: Request, _live: Live) -> bool | None:
    return any(
        re.search(r"(?i)TLS_1_[01]|SSL|RC[24]|DES|PCT|NTLM_?V1|SMB_?V?1", str(one.get("Name")))
        and str(one.get("Value")).lower() in {"enable", "enabled"}
        for one in values(request, "Settings[]")
        if isinstance(one, Mapping)
    )


# fmt: off
ACCOUNT: Final = Table("account", "https://docs.aws.amazon.com/accounts/latest/reference/API_{}.html", alone=False)
ACCOUNT.row("PPL001", "StartPrimaryEmailUpdate", ALWAYS, EXPOSES, "Whoever reads the new address could take over the account's root user")
ACCOUNT.row("PPL002", "PutAlternateContact", says("AlternateContactType", "SECURITY"), BLINDS, "What AWS has to say on security would be told to somebody else")
CHIME: Final = Table("chime", "https://docs.aws.amazon.com/chime/latest/APIReference/API_{}.html", alone=False)
CHIME.row("PPL003", "UpdateUser UpdateUserSettings", says("LicenseType", "Basic", "ProTrial"), OUTAGE, "The user would have less than now")
CHIME.row("PPL004", "AssociateSigninDelegateGroupsWithAccount", ALWAYS, GRANTS, "Groups in the request would decide who signs in")
CHIME.row("PPL005", "PutEventsConfiguration", given("OutboundEventsHTTPSEndpoint", "LambdaFunctionArn"), EXPOSES, "What the bot hears would be sent there")
CHIME_SDK_IDENTITY: Final = Table("chime-sdk-identity", "https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_identity-chime_{}.html", alone=False)
CHIME_SDK_IDENTITY.row("PPL006", "UpdateAppInstanceUserEndpoint", says("AllowMessages", "NONE"), OUTAGE, "The endpoint would be told nothing any more")
COGNITO_IDP: Final = Table("cognito-idp", "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_{}.html", alone=False)
COGNITO_IDP.row("PPL007", "AdminLinkProviderForUser", ALWAYS, GRANTS, "Whoever signs in by that identity would be this user")
COGNITO_IDP.row("PPL008", "AdminUpdateUserAttributes UpdateUserAttributes", says("UserAttributes[].Name", "email", "phone_number", "email_verified", "phone_number_verified"), ROTATES, "Codes that reset the password would go to another address")
COGNITO_IDP.row("PPL009", "UpdateUserPool", below("Policies.PasswordPolicy.MinimumLength", 8), STRIP, "Shorter passwords would do")
COGNITO_IDP.row("PPL010", "UpdateUserPool", says("AccountRecoverySetting.RecoveryMechanisms[].Name", "admin_only") | given("LambdaConfig"), OUTAGE, "Signing in would run other functions, or nobody could recover an account alone")
COGNITO_IDP.row("PPL011", "UpdateProvisionedLimit", below("RequestedLimitValue", 2), OUTAGE, "Calls beyond it would be refused")
COGNITO_IDP.row("PPL012", "SetRiskConfiguration", says("CompromisedCredentialsRiskConfiguration.Actions.EventAction", "NO_ACTION") | says("AccountTakeoverRiskConfiguration.Actions.HighAction.EventAction", "NO_ACTION"), STRIP, "Whoever signs in with a stolen password would be let in")
COGNITO_IDENTITY: Final = Table("cognito-identity", "https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_{}.html", alone=False)
COGNITO_IDENTITY.row("PPL013", "MergeDeveloperIdentities", ALWAYS, OUTAGE_ONE_WAY, "Two users become one, and cannot be told apart again")
COGNITO_SYNC: Final = Table("cognito-sync", "https://docs.aws.amazon.com/cognitosync/latest/APIReference/API_{}.html", alone=False)
COGNITO_SYNC.row("PPL014", "SetCognitoEvents", given("Events"), RUNS, "A function would run on every synchronisation")
CONNECT: Final = Table("connect", "https://docs.aws.amazon.com/connect/latest/APIReference/API_{}.html", alone=False)
CONNECT.row("PPL015", "AssociateApprovedOrigin", ALWAYS, GRANTS, "Pages of that origin could act in the contact centre")
CONNECT.row("PPL016", "AssociateSecurityKey", ALWAYS, GRANTS, "Whoever holds the key's other half would be believed")
CONNECT.row("PPL017", "AssociatePhoneNumberContactFlow AssociateFlow", ALWAYS, OUTAGE, "Who calls or writes would be met by another flow")
CONNECT.row("PPL018", "TransferContact", ALWAYS, OUTAGE, "The contact is taken from who has it")
CONNECT.row("PPL019", "MonitorContact", ALWAYS, EXPOSES, "Somebody would listen to the conversation, or break into it")
CONNECT.row("PPL020", "AssociateDefaultVocabulary", ~given("VocabularyId"), OUTAGE, "The default vocabulary would be taken off")
CONNECT.row("PPL021", "UpdateHoursOfOperation", given("Config"), OUTAGE, "The hours in the request take the place of all that stand")
CONNECT.row("PPL022", "UpdateInstanceAttribute", says("Value", "false"), OUTAGE, "Something of the contact centre would be switched off")
CONNECT.row("PPL023", "UpdateQueueMaxContacts", below("MaxContacts", 2), OUTAGE, "Callers would be turned away")
CONNECT.row("PPL024", "UpdateQueueOutboundCallerConfig", given("OutboundCallerConfig.OutboundCallerIdNumberId", "OutboundCallerConfig.OutboundFlowId"), OUTAGE, "Calls would come from another number, or run another flow")
CONNECT.row("PPL025", "UpdateQuickConnectConfig", ALWAYS, OUTAGE, "Whom it is pressed for would be put through to somebody else")
CONNECT.row("PPL026", "UpdateTrafficDistribution", given("TelephonyConfig.Distributions", "SignInConfig.Distributions", "AgentConfig.Distributions"), OUTAGE, "Calls or agents would go to another region")
CONNECT.row("PPL027", "UpdateCrossRegionRouting", says("IsolatedAll", True), OUTAGE, "No call would be taken over by another region")
CONNECT.row("PPL028", "UpdateUserIdentityInfo", given("IdentityInfo.Email", "IdentityInfo.SecondaryEmail"), ROTATES, "What proves who the user is would go to another address")
CONNECT.row("PPL029", "UpdateUserPhoneConfig", given("PhoneConfig.DeskPhoneNumber"), OUTAGE, "Calls for the user would ring on another telephone")
CONNECT.row("PPL030", "UpdateUserHierarchyStructure", ALWAYS, OUTAGE, "Levels that the request leaves out are gone")
CONNECT.row("PPL031", "UpdateWorkspaceVisibility", says("Visibility", "NONE"), OUTAGE, "Nobody would see the workspace")
CONNECT.row("PPL032", "UpdateContactSchedule UpdateContactRoutingData", says("QueueTimeAdjustmentSeconds", 0) | given("ScheduledTime"), REMARK, "The contact would be served at another time")
CONNECT.row("PPL033", "AssociateSecurityProfiles", ALWAYS, GRANTS, "Somebody would have the rights of these profiles in the contact centre")
CONNECT.row("PPL034", "UpdateSecurityProfile", given("Permissions"), GRANTS, "Everybody with the profile would have the permissions in the request, and no others")
CONNECTCAMPAIGNS: Final = Table("connectcampaigns", "https://docs.aws.amazon.com/connect-outbound/latest/APIReference/API_{}.html", alone=False)
CONNECTCAMPAIGNS.row("PPL035", "UpdateCampaignOutboundCallConfig", given("connectContactFlowId", "connectSourcePhoneNumber"), OUTAGE, "Calls would run another flow, or come from another number")
CONNECTCAMPAIGNSV2: Final = Table("connectcampaignsv2", "https://docs.aws.amazon.com/connect-outbound/latest/APIReference/API_connect-outbound-campaigns-v2_{}.html", alone=False)
CONNECTCAMPAIGNSV2.row("PPL036", "UpdateCampaignFlowAssociation UpdateCampaignSource", ALWAYS, OUTAGE, "Other people would be called, or by another flow")
CONNECTCASES: Final = Table("connectcases", "https://docs.aws.amazon.com/connect/latest/APIReference/API_connect-cases_{}.html", alone=False)
CONNECTCASES.row("PPL037", "StartMergeCases", ALWAYS, OUTAGE_ONE_WAY, "Cases become one, and cannot be parted again")
CUSTOMER_PROFILES: Final = Table("customer-profiles", "https://docs.aws.amazon.com/customerprofiles/latest/APIReference/API_{}.html", alone=False)
CUSTOMER_PROFILES.row("PPL038", "MergeProfiles", ALWAYS, LOSS, "The profiles that are merged into the other are deleted")
DATAZONE: Final = Table("datazone", "https://docs.aws.amazon.com/datazone/latest/APIReference/API_{}.html", alone=False)
DATAZONE.row("PPL039", "CreateListingChangeSet", says("action", "UNPUBLISH"), OUTAGE, "Nobody would find or subscribe to it any more")
DATAZONE.row("PPL040", "UpdateSubscriptionTarget", given("authorizedPrincipals"), GRANTS, "The principals in the request take the place of those that stand")
DATAZONE.row("PPL041", "AddEntityOwner", ALWAYS, GRANTS, "Another user or group would own the unit and all in it")
DEADLINE: Final = Table("deadline", "https://docs.aws.amazon.com/deadline-cloud/latest/APIReference/API_{}.html", alone=False)
DEADLINE.row("PPL042", "UpdateQueue", given("jobRunAsUser.posix.user", "jobRunAsUser.windows.user") | says("jobRunAsUser.runAs", "WORKER_AGENT_USER"), RUNS, "Jobs would run as another user")
DEADLINE.row("PPL043", "UpdateTask UpdateStep UpdateJob", says("targetRunStatus", "SUCCEEDED") | says("targetTaskRunStatus", "SUCCEEDED"), OUTAGE, "Work that was not done would count as done")
DS: Final = Table("ds", "https://docs.aws.amazon.com/directoryservice/latest/devguide/API_{}.html", alone=False)
DS.row("PPL044", "UpdateRadius", given("RadiusSettings.RadiusServers", "RadiusSettings.SharedSecret"), ROTATES, "Another server would say who has the second factor")
DS.row("PPL045", "UpdateConditionalForwarder", given("DnsIpAddrs", "DnsIpv6Addrs"), OUTAGE, "Names of the other domain would be asked for elsewhere")
DS.row("PPL046", "UpdateNumberOfDomainControllers", below("DesiredNumber", 3), STRIP, "No more domain controllers would be there than the least")
DS.row("PPL047", "UpdateSettings", check(_old_protocol, given=("Settings[].Name", "Settings[].Value")), STRIP, "Protocols or ciphers that are broken would be taken again")
DS.row("PPL048", "StartSchemaExtension", ALWAYS, OUTAGE_ONE_WAY, "What is added to the directory's schema cannot be taken off again")
DS.row("PPL049", "UpdateDirectorySetup", ALWAYS, OUTAGE_ONE_WAY, "Domain controllers would be replaced by others, and there is no way back")
DS.row("PPL050", "UpdateHybridAD", given("HybridAdministratorAccountUpdate.SecretArn"), ROTATES, "Another account would administer the directory")
DS_DATA: Final = Table("ds-data", "https://docs.aws.amazon.com/directoryservicedata/latest/DirectoryServiceDataAPIReference/API_{}.html", alone=False)
DS_DATA.row("PPL051", "UpdateGroup", says("GroupType", "Distribution"), OUTAGE, "Its members would lose what the group may do")
DS_DATA.row("PPL052", "AddGroupMember", ALWAYS, GRANTS, "Another user would have what the group may do")
CHATBOT: Final = Table("chatbot", "https://docs.aws.amazon.com/chatbot/latest/APIReference/API_{}.html", alone=False)
CHATBOT.row("PPL053", "UpdateSlackChannelConfiguration", given("SlackChannelId"), BLINDS, "What is told would be told in that channel")
CHIME_SDK_MESSAGING: Final = Table("chime-sdk-messaging", "https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_messaging-chime_{}.html", alone=False)
CHIME_SDK_MESSAGING.row("PPL054", "PutMessagingStreamingConfigurations", given("StreamingConfigurations"), EXPOSES, "What is said would be sent to that stream")
CHIME_SDK_MESSAGING.row("PPL055", "CreateChannelBan", ALWAYS, OUTAGE, "The member is put out of the channel and kept out")
