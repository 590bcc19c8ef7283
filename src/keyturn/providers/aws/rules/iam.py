"""IAM: who may do what, who may become whom, and what no restore gives back."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, rule

R1, R3 = Reversibility.R1, Reversibility.R3
IAM: Final = "https://docs.aws.amazon.com/IAM/latest/APIReference/"


@rule(
    "IAM001",
    ["iam:DeleteRole", "iam:DeleteUser"],
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
        "iam:PutRolePolicy",
        "iam:PutUserPolicy",
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:CreatePolicyVersion",
    ],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    IAM + "API_PutRolePolicy.html",
)
def grants(context: Context) -> Fired:
    """What is granted here is used later, by others."""
    return f"{context.ref} would be given other permissions.", {}


@rule(
    "IAM003",
    ["iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:DeleteUserPolicy", "iam:DetachUserPolicy"],
    Kind.OUTAGE,
    Effect.PERMISSION,
    R1,
    IAM + "API_DeleteRolePolicy.html",
)
def takes_away(context: Context) -> Fired:
    """Whoever acts with this role loses a permission at once."""
    return f"{context.ref} would lose permissions that something may be using now.", {}


@rule(
    "IAM004",
    ["iam:UpdateAssumeRolePolicy", "iam:CreateRole"],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R1,
    IAM + "API_UpdateAssumeRolePolicy.html",
)
def trust(context: Context) -> Fired:
    """A trust policy says who may become this role."""
    return f"Who may become {context.ref} would be decided by the request.", {}


@rule(
    "IAM005",
    [
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
        "iam:CreateAccessKey",
        "iam:UploadSSHPublicKey",
        "iam:CreateOpenIDConnectProvider",
    ],
    Kind.DELEGATED_AUTHORITY,
    Effect.PERMISSION,
    R3,
    IAM + "API_CreateLoginProfile.html",
)
def credential(context: Context) -> Fired:
    """A password, key or trust anchor of the request's own is authority for whoever chose it."""
    return f"A new way to act as {context.ref} would exist.", {}
