"""Cognito user pools.

UpdateUserPool sets what is given and puts everything else to its default, so that taking an update back says the whole pool again. A
pool that is deleted takes its users with it; nobody can read their passwords
(https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPool.html, API_DeleteUserPool.html).
"""

from __future__ import annotations

from typing import Any, ClassVar

from keyturn.model.change import ResourceRef
from keyturn.providers.aws.recipes.base import State
from keyturn.providers.aws.recipes.declared import Change, Declared, Make, Read, Tags
from keyturn.providers.aws.recipes.filling import ARN, ID, Field

_UPDATED = {
    name: name
    for name in (
        "Policies", "DeletionProtection", "LambdaConfig", "AutoVerifiedAttributes", "SmsVerificationMessage",
        "EmailVerificationMessage", "EmailVerificationSubject", "VerificationMessageTemplate", "SmsAuthenticationMessage",
        "UserAttributeUpdateSettings", "MfaConfiguration", "DeviceConfiguration", "EmailConfiguration", "SmsConfiguration",
        "AdminCreateUserConfig", "UserPoolAddOns", "AccountRecoverySetting", "UserPoolTier",
        "KeyConfiguration", "IssuerConfiguration", "DcrConfiguration",
    )
}  # fmt: skip
_AT_BIRTH = {name: name for name in ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")}


class UserPool(Declared):
    """Policies, messages, triggers, MFA and tags of a pool, and about how many users it has."""

    kind: ClassVar[str] = "cognito-idp:userpool"
    title: ClassVar[str] = "Cognito user pool"
    fields: ClassVar[tuple[str, ...]] = ("name", *_UPDATED, *_AT_BIRTH, "attributes", "tags")
    data_bearing: ClassVar[bool] = True
    deletes: ClassVar[frozenset[str]] = frozenset({"cognito-idp:DeleteUserPool"})
    sets: ClassVar[frozenset[str]] = frozenset({"attributes", "AutoVerifiedAttributes", "AliasAttributes"})
    reads: ClassVar[tuple[Read, ...]] = (
        Read(
            "cognito-idp:DescribeUserPool",
            {"UserPoolId": ID},
            {
                **{name: f"UserPool.{name}" for name in (*_UPDATED, *_AT_BIRTH)},
                "name": "UserPool.Name",
                "arn": "UserPool.Arn",
                "tags": "UserPool.UserPoolTags",
                "attributes": "UserPool.SchemaAttributes",
                "users": "UserPool.EstimatedNumberOfUsers",
                "domain": "UserPool.Domain",
            },
            absent=("ResourceNotFoundException",),
        ),
    )
    make: ClassVar[Make] = Make(
        "cognito-idp:CreateUserPool",
        {"PoolName": Field("name")},
        {**_UPDATED, **_AT_BIRTH, "Schema": "attributes"},
    )
    makes_tags: ClassVar[str] = "UserPoolTags"
    born: ClassVar[str] = "UserPool.Id"
    changes: ClassVar[tuple[Change, ...]] = (
        Change(
            "cognito-idp:UpdateUserPool",
            {"UserPoolId": ID, "UserPoolTags": Field("tags")},
            {**_UPDATED, "PoolName": "name"},
            whole=True,
        ),
    )
    tagged: ClassVar[Tags] = Tags(
        "cognito-idp:TagResource", "cognito-idp:UntagResource", {"ResourceArn": ARN}, pair=None
    )
    loss: ClassVar[tuple[str, ...]] = (
        "every user with password, devices and second factor; AWS Support may restore a pool for a few days, nobody else can",
        "its id: every app and client that signs in with it has to be told",
        "its app clients, domain, groups, identity providers and resource servers, which are not captured",
    )

    def tidy(self, ref: ResourceRef, state: State) -> State:
        own = [
            {
                **one,
                "Name": str(one["Name"]).partition(":")[2],
            }  # created without what the service puts before it
            for one in state.get("attributes") or []
            if str(one.get("Name", "")).startswith(("custom:", "dev:"))
        ]
        invited = dict(state.get("AdminCreateUserConfig") or {})
        if "TemporaryPasswordValidityDays" in ((state.get("Policies") or {}).get("PasswordPolicy") or {}):
            invited.pop("UnusedAccountValidityDays", None)  # its older name; the service refuses both
        return {**state, "attributes": own, "AdminCreateUserConfig": invited}

    def at_risk(self, state: State) -> str:
        return f"about {state.get('users') or 0:,} users"

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        found = super().wanted(operation, parameters)
        if found is not None and "name" in found and not found["name"]:
            del found["name"]  # the one property that stays as it is when it is not given
        return found
