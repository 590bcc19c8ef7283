"""IAM: who may do what, who may become whom, and what no restore gives back."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule

R1, R3 = Reversibility.R1, Reversibility.R3
IAM: Final = "https://docs.aws.amazon.com/IAM/latest/APIReference/"


@rule(
    "IAM001",
    ["iam:DeleteRole", "iam:DeleteUser", "iam:DeleteGroup", "iam:DeleteInstanceProfile", "iam:DeletePolicy"],
    Kind.OUTAGE,
    Effect.DELETE,
    R3,
    IAM + "API_DeleteRole.html",
)
def delete_identity(context: Context) -> Fired:
    """A recreated role or user has another unique id: policies that trust the old one do not match it."""
    return (
        f"{context.ref} would be deleted; one of the same name has another unique id and is trusted by nobody.",
        {},
    )


@rule(
    "IAM002",
    [
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:SetDefaultPolicyVersion",
        "iam:AttachGroupPolicy",
        "iam:AddUserToGroup",
        "iam:AddRoleToInstanceProfile",
    ],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    IAM + "API_AttachRolePolicy.html",
)
def grants(context: Context) -> Fired:
    """What is granted here is used later, by others."""
    administers = str(context.parameters.get("PolicyArn", "")).endswith(
        ("/AdministratorAccess", "/IAMFullAccess", "/PowerUserAccess")
    )
    among = ", among them administration" if administers else ""
    evidence = {"everything": True} if administers else {}
    return f"{context.ref} would be given other permissions{among}.", evidence


@rule(
    "IAM003",
    [
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:DeleteUserPolicy",
        "iam:DetachUserPolicy",
        "iam:DeleteGroupPolicy",
        "iam:DetachGroupPolicy",
        "iam:DeletePolicyVersion",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:RemoveUserFromGroup",
    ],
    Kind.OUTAGE,
    Effect.PERMISSION,
    R1,
    IAM + "API_DeleteRolePolicy.html",
)
def takes_away(context: Context) -> Fired:
    """Whoever acts with this role loses a permission at once."""
    return f"{context.ref} would lose permissions that something may be using now.", {}


@rule(
    "IAM005",
    [
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
        "iam:CreateAccessKey",
        "iam:UploadSSHPublicKey",
        "iam:CreateOpenIDConnectProvider",
        "iam:AddClientIDToOpenIDConnectProvider",
        "iam:UpdateOpenIDConnectProviderThumbprint",
        "iam:CreateSAMLProvider",
        "iam:UpdateSAMLProvider",
        "iam:UploadSigningCertificate",
        "iam:CreateServiceSpecificCredential",
        "iam:ResetServiceSpecificCredential",
        "iam:EnableMFADevice",
        "iam:ChangePassword",
        "iam:CreateDelegationRequest",
        "iam:AcceptDelegationRequest",
        "iam:SendDelegationToken",
    ],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R3,
    IAM + "API_CreateLoginProfile.html",
)
def credential(context: Context) -> Fired:
    """A password, key or trust anchor of the request's own is authority for whoever chose it."""
    if _keeps_the_password(context):
        return None
    return f"A new way to act as {context.ref} would exist.", {}


def _keeps_the_password(context: Context) -> bool:
    """Whoever signs in next chooses another at most, as herself."""
    return context.operation.action == "UpdateLoginProfile" and "Password" not in context.parameters


@rule(
    "IAM014",
    [
        "iam:ChangePassword",
        "iam:ResetServiceSpecificCredential",
        "iam:UpdateLoginProfile",
        "iam:UpdateOpenIDConnectProviderThumbprint",
        "iam:UpdateSAMLProvider",
    ],
    Kind.OUTAGE,
    Effect.PERMISSION,
    R3,
    IAM + "API_UpdateLoginProfile.html",
)
def another_takes_its_place(context: Context) -> Fired:
    """A password, a credential, a provider's document or its certificates are replaced: whoever comes with the ones before is turned away."""
    if _keeps_the_password(context):
        return None
    return f"The way to act as {context.ref} that is used now would be another one.", {}


@rule(
    "IAM006",
    [
        "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteUserPermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
        "iam:PutUserPermissionsBoundary",
    ],
    Kind.PROTECTION_STRIP,
    Effect.PERMISSION,
    R1,
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
)
def boundary(context: Context) -> Fired:
    """A permissions boundary sets the maximum permissions that an identity-based policy can grant to an entity."""
    return f"The upper limit of what {context.ref} may do would be moved.", {}


_ASKED_OF_PASSWORDS: Final = (
    "RequireSymbols",
    "RequireNumbers",
    "RequireUppercaseCharacters",
    "RequireLowercaseCharacters",
)


@rule(
    "IAM007",
    [
        "iam:DeactivateMFADevice",
        "iam:DeleteVirtualMFADevice",
        "iam:DeleteAccountPasswordPolicy",
        "iam:UpdateAccountPasswordPolicy",
    ],
    Kind.PROTECTION_STRIP,
    Effect.UPDATE,
    R3,
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa.html",
)
def sign_in(context: Context) -> Fired:
    """MFA requires a second proof beside the password; the account's password policy says how good passwords have to be. What a new policy
    leaves out falls back to its default, which asks for less.
    """
    given = context.parameters
    if (
        context.operation.action == "UpdateAccountPasswordPolicy"
        and given.get("MinimumPasswordLength")
        and any(given.get(name) is True for name in _ASKED_OF_PASSWORDS)
        and not given.get("HardExpiry")
    ):
        return None  # IAM011 says where it asks for less
    return f"{context.operation.action} changes what it takes to sign in as {context.ref}.", {}


@rule(
    "IAM008",
    ["iam:UpdateAccessKey", "iam:DeleteAccessKey", "iam:DeleteLoginProfile"],
    Kind.OUTAGE,
    Effect.UPDATE,
    R1,
    IAM + "API_UpdateAccessKey.html",
)
def credential_taken(context: Context) -> Fired:
    """Whoever works with a key that becomes Inactive fails; one that becomes Active works again for whoever holds it."""
    if context.operation.action != "UpdateAccessKey":
        return Said(
            f"Whoever uses this credential of {context.ref} would fail, and it cannot be had again.",
            effect=Effect.DELETE,
            reversibility=Reversibility.R4,
        )
    if context.parameters.get("Status") == "Inactive":
        return f"Whoever uses this key of {context.ref} would fail.", {}
    return Said(
        f"A key of {context.ref} would work again.", effect=Effect.PERMISSION, kind=Kind.DELEGATED_AUTHORITY
    )
