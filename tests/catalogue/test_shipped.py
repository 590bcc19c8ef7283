"""The catalogue that ships, looked at whole: reads that are agreed upon, secrets, permissions, dangers, kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyturn.model.assessment import Reversibility
from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws import catalogue

OVERLAY = "Keyturn's own overlay"
STRONG = {"botocore's readonly trait", "the HTTP method", "the Service Authorization Reference"}
PLAIN = {"the verb of its name", "the verb of its documentation"}

ENTRIES = {f"{service}:{name}": catalogue.lookup(service, name) for service, name in catalogue.every()}


def test_a_read_is_agreed_upon_or_has_a_reason() -> None:
    """Two sources, one strong or the plain pair of verb and documentation, and no dissent; or a hand, and why. A new botocore
    or a new reference whose sources disagree shows here as a change that nobody looked at, never as a read.
    """
    doubtful = [
        f"{name} {entry.confidence} {entry.sources}"
        for name, entry in ENTRIES.items()
        if entry.effect in READ_EFFECTS
        and not (entry.confidence == "curated" and entry.reason)
        and not (
            entry.confidence in {"high", "medium"}
            and len(entry.sources) >= 2
            and (STRONG & set(entry.sources) or set(entry.sources) >= PLAIN)
        )
    ]
    assert doubtful == []


def test_whatever_a_hand_says_has_its_reason() -> None:
    """Overlays are judgement; judgement says why."""
    silent = [
        name for name, entry in ENTRIES.items() if (entry.confidence == "curated") != bool(entry.reason)
    ]
    assert silent == []
    assert sum(entry.confidence == "curated" for entry in ENTRIES.values()) > 1_000


def test_little_is_left_in_doubt() -> None:
    """What is low or in conflict waits for a human; it is never a read, and there is little of it."""
    left = [name for name, entry in ENTRIES.items() if entry.confidence in {"low", "conflict"}]
    assert len(left) <= 40
    assert not [name for name in left if ENTRIES[name].effect in READ_EFFECTS]


SECRETS = [
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:GetFederationToken",
    "sts:GetSessionToken",
    "ec2:GetPasswordData",
    "ecr:GetAuthorizationToken",
    "codeartifact:GetAuthorizationToken",
    "acm:ExportCertificate",
    "cognito-identity:GetCredentialsForIdentity",
    "cognito-identity:GetOpenIdToken",
    "cognito-idp:DescribeUserPoolClient",
    "cognito-idp:ListUserPoolClientSecrets",
    "codepipeline:GetJobDetails",
    "codepipeline:GetThirdPartyJobDetails",
    "codepipeline:PollForJobs",
    "connect:GetFederationToken",
    "gamelift:RequestUploadCredentials",
    "gamelift:GetComputeAccess",
    "iam:CreateAccessKey",
    "iam:CreateServiceSpecificCredential",
    "iam:ResetServiceSpecificCredential",
    "lightsail:GetInstanceAccessDetails",
    "redshift:GetClusterCredentials",
    "lightsail:GetRelationalDatabaseMasterUserPassword",
    "lightsail:GetBucketAccessKeys",
    "lightsail:DownloadDefaultKeyPair",
    "redshift-serverless:GetCredentials",
    "snowball:GetJobUnlockCode",
    "storagegateway:DescribeChapCredentials",
    "sso:GetRoleCredentials",
    "lakeformation:GetTemporaryGlueTableCredentials",
    "emr:GetClusterSessionCredentials",
    "s3control:GetDataAccess",
    "s3:CreateSession",
    "eks-auth:AssumeRoleForPodIdentity",
    "route53domains:RetrieveDomainAuthCode",
    "quicksight:GetDashboardEmbedUrl",
    "sagemaker:CreatePresignedDomainUrl",
    "mwaa:CreateCliToken",
    "appstream:CreateStreamingURL",
    "apigateway:GetApiKey",
    "appsync:ListApiKeys",
    "deadline:AssumeQueueRoleForUser",
    "glue:GetConnection",
    "ivs:GetStreamKey",
    "wickr:GetOidcInfo",
    "sts:GetWebIdentityToken",
    "sso-oidc:CreateToken",
    "iot:CreateKeysAndCertificate",
    "ec2:CreateKeyPair",
    "bedrock-agentcore:GetResourceApiKey",
    "kinesis-video-signaling:GetIceServerConfig",
    "license-manager:GetAccessToken",
    "location:DescribeKey",
]


@pytest.mark.parametrize("name", SECRETS)
def test_what_hands_out_a_credential_is_a_secret(name: str) -> None:
    """An agent that reads one acts outside of every gateway from then on."""
    assert ENTRIES[name].effect is Effect.SECRET


def test_no_answer_with_a_credential_in_it_is_a_plain_read_by_its_name() -> None:
    """A sweep over all names that promise a credential; the exceptions hand out none, and are looked at one by one."""
    promising = (
        "Credentials",
        "Password",
        "AuthToken",
        "AccessToken",
        "SecretValue",
        "UnlockCode",
        "EmbedUrl",
        "ApiKey",
    )
    called = {
        name
        for name, entry in ENTRIES.items()
        if entry.effect in READ_EFFECTS and name.endswith(promising) and ":List" not in name
    }
    assert called == HANDS_OUT_NONE


HANDS_OUT_NONE = {"secretsmanager:GetRandomPassword"}  # a word that opens nothing yet

PERMISSIONS = [
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateLoginProfile",
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DetachRolePolicy",
    "s3:PutBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutObjectAcl",
    "s3:DeletePublicAccessBlock",
    "kms:PutKeyPolicy",
    "kms:CreateGrant",
    "lambda:AddPermission",
    "sqs:AddPermission",
    "sns:AddPermission",
    "ecr:SetRepositoryPolicy",
    "ram:CreateResourceShare",
    "ram:AssociateResourceShare",
    "organizations:AttachPolicy",
    "organizations:DetachPolicy",
    "organizations:EnableAWSServiceAccess",
    "sso-admin:CreateAccountAssignment",
    "sso-admin:PutInlinePolicyToPermissionSet",
    "lakeformation:GrantPermissions",
    "ec2:ModifySnapshotAttribute",
    "ec2:ModifyImageAttribute",
    "ec2:ModifyVpcEndpointServicePermissions",
    "rds:ModifyDBSnapshotAttribute",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:AssociateIamInstanceProfile",
    "eks:CreateAccessEntry",
    "glue:PutResourcePolicy",
    "secretsmanager:PutResourcePolicy",
    "events:PutPermission",
    "logs:PutResourcePolicy",
    "backup:PutBackupVaultAccessPolicy",
    "efs:PutFileSystemPolicy",
    "es:AuthorizeVpcEndpointAccess",
    "opensearchserverless:CreateAccessPolicy",
    "quicksight:UpdateDashboardPermissions",
    "servicecatalog:CreatePortfolioShare",
    "redshift:AuthorizeSnapshotAccess",
    "rolesanywhere:CreateTrustAnchor",
    "verifiedpermissions:CreatePolicy",
    "identitystore:CreateGroupMembership",
    "cognito-identity:SetIdentityPoolRoles",
    "ec2-instance-connect:SendSSHPublicKey",
    "guardduty:EnableOrganizationAdminAccount",
    "ssm:ModifyDocumentPermission",
]


@pytest.mark.parametrize("name", PERMISSIONS)
def test_what_changes_who_may_do_what_is_a_permission(name: str) -> None:
    """By name alone: parameters can only make it worse."""
    assert ENTRIES[name].effect is Effect.PERMISSION


def test_what_an_operation_does_beside_is_said() -> None:
    """A key that is made is a secret and a permission; a user that goes was a principal."""
    assert ENTRIES["iam:CreateAccessKey"].also == (Effect.PERMISSION,)
    assert ENTRIES["iam:DeleteUser"].also == (Effect.PERMISSION,)
    assert ENTRIES["cognito-idp:CreateUserPoolClient"].also == (Effect.SECRET,)
    assert ENTRIES["s3:GetObject"].also == ()


@pytest.mark.parametrize(
    ("mark", "effect", "name"),
    [
        ("replaces", Effect.REPLACE, "elasticbeanstalk:RebuildEnvironment"),
        ("replaces", Effect.REPLACE, "redshift-serverless:RestoreFromSnapshot"),
        ("replaces", Effect.REPLACE, "rds:BacktrackDBCluster"),
        ("destroys", Effect.DELETE, "neptunedata:ExecuteFastReset"),
        ("destroys", Effect.DELETE, "macie2:DisableMacie"),
        ("destroys", Effect.DELETE, "kms:ScheduleKeyDeletion"),
        ("destroys", Effect.DELETE, "sqs:PurgeQueue"),
        ("moves-traffic", Effect.EXECUTE, "arc-zonal-shift:StartZonalShift"),
        ("moves-traffic", Effect.UPDATE, "elasticbeanstalk:SwapEnvironmentCNAMEs"),
        ("blinds", Effect.UPDATE, "cloudtrail:StopLogging"),
        ("blinds", Effect.UPDATE, "config:StopConfigurationRecorder"),
        ("blinds", Effect.DELETE, "guardduty:DeleteDetector"),
    ],
)
def test_innocent_names_are_marked(mark: str, effect: Effect, name: str) -> None:
    """With what goes wrong, in words."""
    entry = ENTRIES[name]
    assert (entry.mark, entry.effect) == (mark, effect)
    assert entry.reason


def test_dangers_are_many_enough() -> None:
    """Replacers and destroyers, traffic movers, blinders: what the names of AWS hide."""
    marks = [entry.mark for entry in ENTRIES.values() if entry.mark]
    assert marks.count("replaces") + marks.count("destroys") >= 40
    assert marks.count("moves-traffic") >= 30
    assert marks.count("blinds") >= 40


@pytest.mark.parametrize(
    ("name", "reversibility"),
    [
        ("dynamodb:DescribeTable", Reversibility.R0),
        ("dynamodb:TagResource", Reversibility.R1),
        ("lambda:UpdateFunctionConfiguration", Reversibility.R1),
        ("ec2:StopInstances", Reversibility.R1),
        ("secretsmanager:DeleteSecret", Reversibility.R2),
        ("kms:ScheduleKeyDeletion", Reversibility.R2),
        ("lambda:DeleteFunction", Reversibility.R3),
        ("dynamodb:DeleteTable", Reversibility.R4),
        ("s3:DeleteBucket", Reversibility.R4),
        ("sns:Publish", Reversibility.R4),
        ("secretsmanager:GetSecretValue", Reversibility.R4),
    ],
)
def test_how_far_it_can_be_taken_back_by_its_name(name: str, reversibility: Reversibility) -> None:
    """The floor, before recipes and rules look: data is never got back by a name."""
    assert ENTRIES[name].reversibility is reversibility


def test_what_goes_along_and_what_is_lost_is_said() -> None:
    """Containers take their members along; data is named."""
    assert ENTRIES["s3:DeleteBucket"].members == "objects and their versions"
    assert ENTRIES["route53:DeleteHostedZone"].members == "record sets"
    assert ENTRIES["ecs:DeleteCluster"].members == "services and tasks"
    assert ENTRIES["dynamodb:DeleteTable"].data == "items"
    assert ENTRIES["kms:ScheduleKeyDeletion"].window == "7 to 30 days, by CancelKeyDeletion"
    assert len({name for name, entry in ENTRIES.items() if entry.data}) >= 150


def test_overlays_speak_of_operations_that_there_are() -> None:
    """The build refuses a name that nothing answers to; and the files are where it looks."""
    overlays = Path(__file__).parents[2] / "tools/catalogue/overlays"
    assert {path.stem for path in overlays.glob("*.yaml")} == {
        "dangers",
        "effects",
        "iam",
        "kinds",
        "permissions",
        "secrets",
    }
