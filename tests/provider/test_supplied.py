"""Whatever lets somebody in by what the request itself brings is heard of as authority that is given away, in every such operation."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.model.assessment import Kind
from keyturn.model.change import READ_EFFECTS
from keyturn.providers.aws.rules import Context, rules_for
from keyturn.providers.aws.rules.delegation_supplied import password_set
from keyturn.providers.aws.wire_table import load as load_table
from tests.provider.provider_world import operation

LETS = '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"2"},"Action":"*"}]}'

SUPPLIED: dict[str, tuple[str, dict[str, Any]]] = {
    "a password for a user": ("iam:CreateLoginProfile", {"UserName": "u", "Password": "p"}),
    "another password for a user": ("iam:UpdateLoginProfile", {"UserName": "u", "Password": "p"}),
    "a key for a user": ("iam:CreateAccessKey", {"UserName": "u"}),
    "a key for git": ("iam:UploadSSHPublicKey", {"UserName": "u", "SSHPublicKeyBody": "k"}),
    "a signing certificate": ("iam:UploadSigningCertificate", {"UserName": "u", "CertificateBody": "c"}),
    "a credential for one service": ("iam:CreateServiceSpecificCredential", {"UserName": "u", "ServiceName": "s"}),
    "who may assume a role": ("iam:UpdateAssumeRolePolicy", {"RoleName": "r", "PolicyDocument": LETS}),
    "an identity provider": ("iam:CreateOpenIDConnectProvider", {"Url": "https://a.b"}),
    "a thumbprint of one": ("iam:UpdateOpenIDConnectProviderThumbprint", {"OpenIDConnectProviderArn": "arn:aws:iam::1:oidc-provider/a", "ThumbprintList": ["t"]}),
    "an audience of one": ("iam:AddClientIDToOpenIDConnectProvider", {"OpenIDConnectProviderArn": "arn:aws:iam::1:oidc-provider/a", "ClientID": "c"}),
    "a SAML provider": ("iam:CreateSAMLProvider", {"Name": "n", "SAMLMetadataDocument": "d"}),
    "a SAML provider's keys": ("iam:UpdateSAMLProvider", {"SAMLProviderArn": "arn:aws:iam::1:saml-provider/n", "SAMLMetadataDocument": "d"}),
    "a key pushed to an instance": ("ec2-instance-connect:SendSSHPublicKey", {"InstanceId": "i-0123456789abcdef0", "InstanceOSUser": "u", "SSHPublicKey": "k"}),
    "a key pushed to its console": ("ec2-instance-connect:SendSerialConsoleSSHPublicKey", {"InstanceId": "i-0123456789abcdef0", "SSHPublicKey": "k"}),
    "a key pair": ("ec2:ImportKeyPair", {"KeyName": "k", "PublicKeyMaterial": b"k"}),
    "a key for file transfer": ("transfer:ImportSshPublicKey", {"ServerId": "s", "UserName": "u", "SshPublicKeyBody": "k"}),
    "an invoker of a function": ("lambda:AddPermission", {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "2"}),
    "a reader of a layer": ("lambda:AddLayerVersionPermission", {"LayerName": "l", "VersionNumber": 1, "StatementId": "s", "Action": "a", "Principal": "2"}),
    "a bucket's policy": ("s3:PutBucketPolicy", {"Bucket": "b", "Policy": '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"999999999999"},"Action":"s3:*","Resource":"*"}]}'}),
    "a grant of a key": ("kms:CreateGrant", {"KeyId": "k", "GranteePrincipal": "arn:aws:iam::2:root", "Operations": ["Decrypt"]}),
    "a key's policy": ("kms:PutKeyPolicy", {"KeyId": "k", "Policy": LETS}),
    "a share": ("ram:CreateResourceShare", {"name": "s", "principals": ["2"]}),
    "more of a share": ("ram:AssociateResourceShare", {"resourceShareArn": "arn:aws:ram:eu-west-1:1:resource-share/s", "principals": ["2"]}),
    "a trust anchor": ("rolesanywhere:CreateTrustAnchor", {"name": "n", "source": {"sourceType": "CERTIFICATE_BUNDLE"}}),
    "another trust anchor": ("rolesanywhere:UpdateTrustAnchor", {"trustAnchorId": "t", "source": {"sourceType": "CERTIFICATE_BUNDLE"}}),
    "a database's password": ("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "MasterUserPassword": "p"}),
    "a cluster's password": ("rds:ModifyDBCluster", {"DBClusterIdentifier": "d", "MasterUserPassword": "p"}),
    "a warehouse's password": ("redshift:ModifyCluster", {"ClusterIdentifier": "d", "MasterUserPassword": "p"}),
    "a pool user's password": ("cognito-idp:AdminSetUserPassword", {"UserPoolId": "p", "Username": "u", "Password": "p"}),
    "a pool's identity provider": ("cognito-idp:CreateIdentityProvider", {"UserPoolId": "p", "ProviderName": "n", "ProviderType": "OIDC", "ProviderDetails": {}}),
    "a cluster's identity provider": ("eks:AssociateIdentityProviderConfig", {"clusterName": "c", "oidc": {"issuerUrl": "https://a.b"}}),
    "who may enter a cluster": ("eks:CreateAccessEntry", {"clusterName": "c", "principalArn": "arn:aws:iam::2:role/r"}),
    "a queue's callers": ("sqs:AddPermission", {"QueueUrl": "http://x/1/q", "Label": "l", "AWSAccountIds": ["2"], "Actions": ["*"]}),
    "a topic's callers": ("sns:AddPermission", {"TopicArn": "arn:aws:sns:eu-west-1:1:t", "Label": "l", "AWSAccountId": ["2"], "ActionName": ["Publish"]}),
    "a snapshot's readers": ("ec2:ModifySnapshotAttribute", {"SnapshotId": "snap-0123456789abcdef0", "CreateVolumePermission": {"Add": [{"UserId": "2"}]}}),
    "an image's users": ("ec2:ModifyImageAttribute", {"ImageId": "ami-0123456789abcdef0", "LaunchPermission": {"Add": [{"UserId": "2"}]}}),
    "a database snapshot's readers": ("rds:ModifyDBSnapshotAttribute", {"DBSnapshotIdentifier": "s", "AttributeName": "restore", "ValuesToAdd": ["2"]}),
    "a secret's readers": ("secretsmanager:PutResourcePolicy", {"SecretId": "s", "ResourcePolicy": LETS}),
    "a repository's users": ("ecr:SetRepositoryPolicy", {"repositoryName": "r", "policyText": LETS}),
    "a bus's senders": ("events:PutPermission", {"Principal": "2", "StatementId": "s", "Action": "events:PutEvents"}),
    "a lake's permissions": ("lakeformation:GrantPermissions", {"Principal": {"DataLakePrincipalIdentifier": "2"}, "Resource": {}, "Permissions": ["ALL"]}),
    "a document's users": ("ssm:ModifyDocumentPermission", {"Name": "d", "PermissionType": "Share", "AccountIdsToAdd": ["2"]}),
    "a device's certificate": ("iot:RegisterCertificate", {"certificatePem": "c"}),
    "an authority for devices": ("iot:RegisterCACertificate", {"caCertificate": "c"}),
    "an issuer that is trusted": ("sso-admin:CreateTrustedTokenIssuer", {"InstanceArn": "arn:aws:sso:::instance/i", "Name": "n", "TrustedTokenIssuerType": "OIDC_JWT", "TrustedTokenIssuerConfiguration": {}}),
    "who administers an organization's service": ("organizations:RegisterDelegatedAdministrator", {"AccountId": "2", "ServicePrincipal": "s"}),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(SUPPLIED))
def test_what_lets_somebody_in_is_authority_given_away(what: str) -> None:
    """A password, key, principal or trust anchor that the request brings outlives the session that brought it."""
    name, parameters = SUPPLIED[what]
    context = Context(operation(name, parameters), parameters, {})
    found = {finding.kind for rule in rules_for(name) if (finding := rule.ask(context)) is not None}
    assert Kind.DELEGATED_AUTHORITY in found or Kind.EXPOSURE in found


def test_every_password_of_any_request_is_heard_of() -> None:
    """In whatever operation that changes something: nobody has to put a new service's operation on a list."""
    table, asked = load_table(), 0
    for service, op in table.all_operations():
        shape = table.service(service).input(op.name)
        named = [
            name
            for name, member in (shape.members if shape else {}).items()
            if name.lower().endswith("password")
            and not name.lower().endswith("onetimepassword")  # it opens nothing a second time
            and table.service(service).shape(member.shape).kind == "string"
        ]
        asked_for = operation(f"{service}:{op.name}", {})
        if not named or asked_for.floor in READ_EFFECTS:
            continue
        asked += 1
        context = Context(asked_for, dict.fromkeys(named, "p"), {})
        assert password_set(context), f"{service}:{op.name}"
    assert asked > 60
