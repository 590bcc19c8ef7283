"""Whether the vault account is what it has to be, looked at by its own role: at the start, and when somebody asks."""

from __future__ import annotations

from typing import Any

from keyturn.core.ports import Inquiry
from keyturn.model.execution import Answer, Refused, Succeeded, Unavailable, VaultAccount
from keyturn.providers.aws.recipes.filling import at
from keyturn.providers.aws.vault_account.exports import vault_call

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def troubles(vault: VaultAccount) -> Inquiry[tuple[str, ...]]:
    """What is wrong, a sentence each, with what to do; none where it can be used."""
    (who,) = yield (vault_call(vault, "sts:GetCallerIdentity", {}),)
    if not isinstance(who, Succeeded):
        said = (
            f"The role {vault.role} cannot be used ({_why(who)}): see that it is there, and that its trust policy names the "
            "plane's own principal (keyturn guard vault prints it)."
        )
        return (said,)
    found: list[str] = []
    if (account := str(who.value.get("Account"))) != vault.account:
        found.append(
            f"The role {vault.role} is of account {account}, not {vault.account}: vault.account and vault.role have to agree."
        )
    found += yield from _bucket(vault)
    found += yield from _key(vault)
    return tuple(found)


def _why(answer: Answer) -> str:
    match answer:
        case Refused():
            return answer.code
        case Unavailable():
            return answer.why
    return "nothing was answered"


def _bucket(vault: VaultAccount) -> Inquiry[list[str]]:
    given = {"Bucket": vault.bucket, "ExpectedBucketOwner": vault.account}
    names = ("HeadBucket", "GetBucketVersioning", "GetPublicAccessBlock", "GetBucketPolicyStatus")
    head, versions, blocked, status = yield tuple([vault_call(vault, f"s3:{name}", given) for name in names])
    if not isinstance(head, Succeeded):
        said = (
            f"The bucket {vault.bucket} cannot be read as one of account {vault.account} ({_why(head)}): make it there, let the "
            "vault's role into it, and see that the name is not another account's."
        )
        return [said]
    found = []
    if (value := _told(versions)) is None:
        found.append(
            f"Whether {vault.bucket} keeps versions cannot be read ({_why(versions)}): let the role read it."
        )
    elif value.get("Status") != "Enabled":
        found.append(
            f"The bucket {vault.bucket} keeps no versions: what is deleted there by mistake is gone. Switch versioning on."
        )
    if (public := at(_told(status) or {}, "PolicyStatus.IsPublic")) is True:
        found.append(
            f"The policy of the bucket {vault.bucket} makes it public: take out what lets everybody in."
        )
    settings: dict[str, Any] = at(_told(blocked) or {}, "PublicAccessBlockConfiguration") or {}
    if not all(settings.get(name) for name in _BLOCKS) and not public:
        found.append(
            f"The bucket {vault.bucket} could be made public: switch on all four blocks of public access."
        )
    return found


def _told(answer: Answer) -> dict[str, Any] | None:
    return answer.value if isinstance(answer, Succeeded) else None


def _key(vault: VaultAccount) -> Inquiry[list[str]]:
    if not vault.kms_key:
        return []
    (answer,) = yield (vault_call(vault, "kms:DescribeKey", {"KeyId": vault.kms_key}),)
    told = at(_told(answer) or {}, "KeyMetadata")
    if not told:
        return [
            f"The key {vault.kms_key} cannot be read ({_why(answer)}): name one of the vault account that its role may use."
        ]
    if told.get("KeyState") != "Enabled":
        return [
            f"The key {vault.kms_key} is {told.get('KeyState')}: nothing can be encrypted under it. Enable it, or name another."
        ]
    if told.get("KeyManager") != "CUSTOMER":
        return [
            f"The key {vault.kms_key} is AWS's own: what is under it cannot be shared back. Make one of your own there."
        ]
    return []


__all__ = ["troubles"]
