"""Copies that the services make themselves, in the vault account: snapshots of disks and databases, and images.

The copy in the account is shared with the vault account, copied there by that account's role, looked at, and the share is taken back;
on the day of need the other way round. What a service shares with nobody stays where it is, and that is said (`CANNOT`). What is
encrypted under AWS's own key cannot be shared
(https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html,
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/share-encrypted-snapshot.html).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from keyturn.core.keeping import is_kept
from keyturn.core.ports import Captures, Inquiry
from keyturn.core.retention import IN_CAPTURE
from keyturn.errors import UnavailableError
from keyturn.model.change import Change, ResourceRef
from keyturn.model.execution import (
    Backup,
    Call,
    Refused,
    Role,
    Succeeded,
    Unavailable,
    VaultAccount,
    Vaulted,
)
from keyturn.model.words import counted
from keyturn.providers.aws.recipes import retiring
from keyturn.providers.aws.recipes.base import Recipe, State, call
from keyturn.providers.aws.recipes.common import LOOKS_MAX, must, pause
from keyturn.providers.aws.recipes.filling import at
from keyturn.providers.aws.recipes.retiring import CASE_TAG
from keyturn.providers.aws.vault_account.copiers import (
    CANNOT,
    CLUSTER,
    COPIERS,
    DATABASE,
    IMAGE,
    SNAPSHOT,
    Copier,
)

POLLS_MAX: Final = 1_440
"""Reads until a copy is done; the runtime spaces them up to five seconds: two hours."""

FROM_TAG: Final = "keyturn:from"
"""The tag of a copy that says of what it was copied: by it an unanswered copy is found again."""

NAME_CHARS_MAX: Final = 128
"""Of an image (API_CopyImage, Name); snapshots of databases may have 255."""


_BY_COPY: Final = {one.copy: one for one in (SNAPSHOT, IMAGE, DATABASE, CLUSTER)}


def why_not(kind: str) -> str:
    """Why a backup of this kind has no copy in the vault account; empty where it has one."""
    return CANNOT.get(kind, "")


def by_service(backup: Backup) -> bool:
    """Whether the service made it, and it lies in the account: nothing that is sealed."""
    return not is_kept(backup.reference) and backup.reference != IN_CAPTURE


# --- before anything is made -----------------------------------------------------------------------------------------


def shareable(vault: VaultAccount, change: Change, captures: Captures) -> Inquiry[None]:
    """See that what has to be copied can be shared. Raises `UnavailableError` with what to do where it is encrypted under a key that
    is not one's own, or the vault account has none for it.
    """
    for ref in dict.fromkeys(ref for operation in change.operations for ref in operation.resources):
        state = captures.states.get(str(ref))
        if ref.kind not in COPIERS or state is None:
            continue
        for key in (yield from _keys(ref, state)):
            yield from _own_key(vault, ref, key)


def _keys(ref: ResourceRef, state: State) -> Inquiry[tuple[str, ...]]:
    """The keys that what it holds is encrypted under."""
    if ref.kind != "ec2:instance":
        return (str(state["KmsKeyId"]),) if state.get("KmsKeyId") else ()
    volumes = [one for one in state.get("volumes") or [] if one]
    if not volumes:
        return ()
    (answer,) = yield (call(ref, "ec2:DescribeVolumes", {"VolumeIds": volumes}),)
    found = must(answer, f"reading the disks of {ref.id}").get("Volumes") or []
    return tuple(dict.fromkeys(str(one["KmsKeyId"]) for one in found if one.get("KmsKeyId")))


def _own_key(vault: VaultAccount, ref: ResourceRef, key: str) -> Inquiry[None]:
    if not vault.kms_key:
        raise UnavailableError(
            "no-vault-key",
            f"{ref} is encrypted, and [vault] names no kms_key: its copy could not be encrypted under a key that can be "
            "shared back. Make a key in the vault account and name it there",
        )
    where = vault.kms_key.split(":")[3:4]
    if where and where[0] != ref.region:
        raise UnavailableError(
            "vault-key-region",
            f"{ref} is in {ref.region}, and the vault account's key is in {where[0]}: a key encrypts in its own region alone",
        )
    (answer,) = yield (call(ref, "kms:DescribeKey", {"KeyId": key}),)
    told = must(answer, f"reading the key of {ref.id}").get("KeyMetadata") or {}
    if told.get("KeyManager") != "CUSTOMER":
        raise UnavailableError(
            "aws-key",
            f"{ref} is encrypted under AWS's own key {key}, and what is encrypted under that cannot be shared with another "
            f"account: no copy of it can go to {vault.account}. Move it to a key of your own that the vault's role may use",
        )


# --- out -------------------------------------------------------------------------------------------------------------


def copied_out(vault: VaultAccount, backup: Backup, case_id: str) -> Inquiry[Backup]:
    """The backup with a verified copy in the vault account, or with why it has none there. Raises `UnavailableError`."""
    if not by_service(backup):
        return backup
    how = COPIERS.get(backup.resource.kind)
    if how is None:
        why = (
            why_not(backup.resource.kind) or f"nobody knows how a backup of {backup.resource} is copied there"
        )
        return msgspec.structs.replace(backup, not_vaulted=why)
    here = backup.resource
    there = msgspec.structs.replace(here, account=vault.account)
    original = yield from _done(here, how, backup.reference, Role.READ)
    parts = _parts(how, backup)
    key = yield from _key_of(here, how, original, backup)
    source = _named(how, here, backup.reference)
    given = _copying(how, here, source, _target(here, backup), case_id, key and vault.kms_key)
    yield from _share(here, parts, vault.account, Role.BACKUP, add=True)
    try:
        name, _ = yield from _copied(there, how, given, Role.VAULT)
        made = yield from _verified(there, how, name, original, vault.kms_key if key else "")
    except UnavailableError:
        yield from _share(here, parts, vault.account, Role.BACKUP, add=False)
        raise
    yield from _share(here, parts, vault.account, Role.BACKUP, add=False)
    yield from _unshared(here, parts, vault.account)
    made = msgspec.structs.replace(made, source_key=key, bytes=backup.watermark.get("bytes"))
    return msgspec.structs.replace(backup, vaulted=(*backup.vaulted, made))


def _parts(how: Copier, backup: Backup) -> tuple[tuple[Copier, str], ...]:
    """What has to be shared for it to be copied: of an image its snapshots too (API_CopyImage)."""
    return (*((SNAPSHOT, name) for name in backup.also), (how, backup.reference))


def _target(here: ResourceRef, backup: Backup) -> str:
    """A name that no other account's copy has."""
    tail = f"-{here.account}"
    return f"{backup.reference[: NAME_CHARS_MAX - len(tail)]}{tail}"


def _named(how: Copier, ref: ResourceRef, name: str) -> str:
    """As the other account names it: a snapshot of a database by its ARN (API_CopyDBSnapshot)."""
    if how.made:
        return name
    return f"arn:{ref.partition}:{how.kind.partition(':')[0]}:{ref.region}:{ref.account}:{how.kind.partition(':')[2]}:{name}"


def _copying(
    how: Copier, source: ResourceRef, name: str, target: str, case_id: str, key: str
) -> dict[str, Any]:
    """The parameters of a copy. `name` is the source's, `target` what the copy is called where it has a name."""
    tags = {CASE_TAG: case_id, "keyturn:of": source.id, FROM_TAG: name}
    listed = [{"Key": tag, "Value": value} for tag, value in tags.items()]
    encrypting = {"KmsKeyId": key} if key else {}
    match how.copy:
        case "ec2:CopySnapshot":
            given = {
                "SourceRegion": source.region,
                "SourceSnapshotId": name,
                "Description": f"Keyturn {case_id}: {source.id}",
            }
            given["TagSpecifications"] = [{"ResourceType": "snapshot", "Tags": listed}]  # type: ignore[assignment]  # of many kinds
            return given | ({"Encrypted": True} if key else {}) | encrypting
        case "ec2:CopyImage":
            given = {"SourceRegion": source.region, "SourceImageId": name, "Name": target}
            given["TagSpecifications"] = [
                {"ResourceType": kind, "Tags": listed} for kind in ("image", "snapshot")
            ]  # type: ignore[assignment]  # the same
            return given | ({"Encrypted": True} if key else {}) | encrypting
    noun = how.copy.removeprefix("rds:Copy")
    return {f"Source{noun}Identifier": name, f"Target{noun}Identifier": target, "Tags": listed, **encrypting}


def _key_of(ref: ResourceRef, how: Copier, original: dict[str, Any], backup: Backup) -> Inquiry[str]:
    """The key that it is encrypted under, empty where it is not; of an image that of a disk."""
    if how is not IMAGE:
        return (
            str(at(original, how.key) or "") if at(original, how.encrypted) or at(original, how.key) else ""
        )
    for name in backup.also:
        disk = yield from _done(ref, SNAPSHOT, name, Role.READ)
        if disk.get("KmsKeyId"):
            return str(disk["KmsKeyId"])
    return ""


def _share(
    ref: ResourceRef, parts: tuple[tuple[Copier, str], ...], account: str, role: Role, *, add: bool
) -> Inquiry[None]:
    """Let the other account read it, or no more. To say so twice changes nothing, so that after a crash it is said again."""
    answers = yield tuple(
        [
            msgspec.structs.replace(call(ref, how.share, how.sharing(name, account, add), role), again=True)
            for how, name in parts
        ]
    )
    for (how, name), answer in zip(parts, answers, strict=True):
        if not add and isinstance(answer, Refused) and "NotFound" in answer.code:
            continue  # it is gone by now, and with it whom it was shared with
        must(answer, f"{how.share} of {name}")


def _unshared(ref: ResourceRef, parts: tuple[tuple[Copier, str], ...], account: str) -> Inquiry[None]:
    answers = yield tuple([call(ref, how.shared, how.shares(name)) for how, name in parts])
    for (how, name), answer in zip(parts, answers, strict=True):
        found = at(must(answer, f"{how.shared} of {name}"), how.with_whom) or []
        if account in _accounts(found):
            raise UnavailableError("still-shared", f"{name} is still shared with {account}")


def _accounts(found: list[dict[str, Any]]) -> set[str]:
    direct = {str(one["UserId"]) for one in found if one.get("UserId")}
    return direct | {str(value) for one in found for value in one.get("AttributeValues") or []}


# --- one copy --------------------------------------------------------------------------------------------------------


def _copied(ref: ResourceRef, how: Copier, given: dict[str, Any], role: Role) -> Inquiry[tuple[str, bool]]:
    """Make the copy once; its name, and whether it was made before a restart. One that was not answered is looked for by its mark."""
    asked = call(ref, how.copy, given, role)
    (answer,) = yield (asked,)
    for _ in range(LOOKS_MAX):
        if not isinstance(answer, Unavailable):
            break
        found = yield from _marked(asked, how)
        if found is not None:
            answer = Succeeded(found)
            break
        yield from pause()
    if isinstance(answer, Unavailable):  # it never arrived
        (answer,) = yield (asked,)
    told = must(answer, f"{how.copy} of {ref.id}")
    name = (
        str(at(told, how.made))
        if how.made
        else str(given[f"Target{how.copy.removeprefix('rds:Copy')}Identifier"])
    )
    return name, isinstance(answer, Succeeded) and answer.again


def _reading(role: Role) -> Role:
    return Role.VAULT_READ if role is Role.VAULT else Role.READ


def _marked(asked: Call, how: Copier) -> Inquiry[dict[str, Any] | None]:
    """As the copy would have answered, where what it made stands; None where it certainly does not. Raises `UnavailableError`."""
    ref = ResourceRef("aws", asked.partition, asked.account, asked.region, "", "")
    given, role = asked.parameters, _reading(asked.role)
    if not how.made:
        name = str(given[f"Target{how.copy.removeprefix('rds:Copy')}Identifier"])
        found = yield from _read(ref, how, name, role)
        return None if found is None else {}
    tags = {tag["Key"]: tag["Value"] for tag in given["TagSpecifications"][0]["Tags"]}
    filters = [{"Name": f"tag:{tag}", "Values": [tags[tag]]} for tag in (CASE_TAG, FROM_TAG)]
    (answer,) = yield (call(ref, how.reads, {"Filters": filters}, role),)
    listed = at(must(answer, how.reads), how.found.partition(".")[0]) or []
    return {how.made: listed[0][how.made]} if listed else None


def took_effect(asked: Call) -> Inquiry[Succeeded | bool | None] | None:
    """Whether a copy that was not answered was made; None where the call is none of these."""
    how = _BY_COPY.get(asked.operation)
    is_ours = how is not None and (asked.role is Role.VAULT or _bears_mark(asked))
    return _took(asked, how) if how is not None and is_ours else None


def _bears_mark(asked: Call) -> bool:
    told = asked.parameters
    tags = told.get("Tags") or [tag for one in told.get("TagSpecifications") or [] for tag in one["Tags"]]
    return asked.role is Role.BACKUP and any(tag["Key"] == FROM_TAG for tag in tags)


def _took(asked: Call, how: Copier) -> Inquiry[Succeeded | bool | None]:
    for left in range(LOOKS_MAX, -1, -1):
        try:
            found = yield from _marked(asked, how)
        except UnavailableError:
            return None
        if found is not None:
            return Succeeded(found)
        if left:
            yield from pause()
    return False


def _read(ref: ResourceRef, how: Copier, name: str, role: Role) -> Inquiry[dict[str, Any] | None]:
    """What stands under the name; None where the service certainly has nothing. Raises `UnavailableError`."""
    (answer,) = yield (call(ref, how.reads, {how.by: [name] if how.many else name}, role),)
    if isinstance(answer, Refused) and (
        "NotFound" in answer.code or answer.code == "InvalidAMIID.Unavailable"
    ):
        return None
    return at(must(answer, f"{how.reads} of {name}"), how.found) or None


def _done(ref: ResourceRef, how: Copier, name: str, role: Role) -> Inquiry[dict[str, Any]]:
    """The copy once the service is done with it. Raises `UnavailableError` where it failed, is gone, or is not done in time."""
    said: Any = None
    for _ in range(POLLS_MAX):
        found = yield from _read(ref, how, name, role)
        if found is None:
            raise UnavailableError("no-copy", f"{name} does not stand in account {ref.account}")
        said = at(found, how.status)
        if said in how.ready:
            return found
        if said in how.failed:
            why = f": {at(found, how.why)}" if how.why and at(found, how.why) else ""
            raise UnavailableError(
                "copy-failed", f"the copy {name} in account {ref.account} is {said!r}{why}"
            )
    raise UnavailableError("copy-late", f"the copy {name} in account {ref.account} is {said!r}")


def _verified(
    ref: ResourceRef, how: Copier, name: str, original: dict[str, Any], key: str
) -> Inquiry[Vaulted]:
    """Done, as large as the original, encrypted by the vault's key where the original is encrypted."""
    found = yield from _done(ref, how, name, Role.VAULT_READ)
    also: list[str] = []
    if how is IMAGE:
        also = yield from _disks(ref, found, original, key)
    elif how.size and at(found, how.size) != at(original, how.size):
        raise UnavailableError(
            "copy-size",
            f"{name} has {how.size} {at(found, how.size)!r}, the original {at(original, how.size)!r}",
        )
    if how is not IMAGE and key:
        _encrypted(name, str(at(found, how.key) or ""), key)
    size = f", {at(found, how.size)} GiB as the original" if how.size else f", {counted(len(also), 'disk')}"
    under = f", encrypted under {key}" if key else ", unencrypted as the original"
    return Vaulted(
        account=ref.account,
        region=ref.region,
        kind=how.kind,
        reference=name,
        verified_by=f"{name} in account {ref.account} is done{size}{under}",
        also=tuple(also),
    )


def _disks(ref: ResourceRef, image: dict[str, Any], original: dict[str, Any], key: str) -> Inquiry[list[str]]:
    """The snapshots of a copied image: one for each of the original's, done, encrypted by the key."""
    wanted = {one.get("DeviceName") for one in _mapped(original)}
    found = {one.get("DeviceName"): str(one["Ebs"]["SnapshotId"]) for one in _mapped(image)}
    if missing := sorted(str(one) for one in wanted - found.keys()):
        raise UnavailableError("copy-disks", f"the copy of the image lacks the disks {', '.join(missing)}")
    for name in found.values():
        disk = yield from _done(ref, SNAPSHOT, name, Role.VAULT_READ)
        if key:
            _encrypted(name, str(disk.get("KmsKeyId") or ""), key)
    return list(found.values())


def _mapped(image: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in image.get("BlockDeviceMappings") or [] if (one.get("Ebs") or {}).get("SnapshotId")]


def _encrypted(name: str, found: str, key: str) -> None:
    if found.rpartition("/")[2] != key.rpartition("/")[2]:
        raise UnavailableError("copy-key", f"{name} is encrypted under {found or 'nothing'}, not under {key}")


# --- back ------------------------------------------------------------------------------------------------------------


def restored(
    vault: VaultAccount | None, recipe: Recipe, ref: ResourceRef, state: State, saved: Backup | None
) -> Inquiry[tuple[str, ...]]:
    """Give it back: from the copy in the account while that stands, or else from the one in the vault account, which is brought back
    for it and removed after it.
    """
    lies = next((one for one in saved.vaulted if one.kind in _KINDS), None) if saved is not None else None
    if saved is None or lies is None or not (yield from _gone(saved)):
        return (yield from recipe.restore(ref, state, saved))
    if vault is None or vault.account != lies.account:
        raise UnavailableError(
            "no-vault",
            f"{saved.reference} is gone, and the copy is in account {lies.account}: [vault] does not name it",
        )
    brought = yield from _brought_back(saved, lies)
    told = yield from recipe.restore(ref, state, brought)
    yield from retiring.retire(msgspec.structs.replace(brought, vaulted=()))
    return told


_KINDS: Final = frozenset(one.kind for one in _BY_COPY.values())


def _gone(saved: Backup) -> Inquiry[bool]:
    """Whether a part of it does not stand in the account any more. Raises `UnavailableError` where that cannot be read."""
    how = COPIERS[saved.resource.kind]
    for part, name in _parts(how, saved):
        found = yield from _read(saved.resource, part, name, Role.READ)
        if found is None or at(found, part.status) in {"deregistered", "deleted"}:
            return True
    return False


def _brought_back(saved: Backup, lies: Vaulted) -> Inquiry[Backup]:
    """A copy of the copy, in the account again, under the tags or the name by which the plane knows its own."""
    how, here = COPIERS[saved.resource.kind], saved.resource
    there = msgspec.structs.replace(here, account=lies.account, region=lies.region)
    parts = _parts(how, msgspec.structs.replace(saved, reference=lies.reference, also=lies.also))
    source = _named(how, there, lies.reference)
    given = _copying(
        how, msgspec.structs.replace(there, id=here.id), source, saved.reference, "vault", lies.source_key
    )
    if how is IMAGE:
        given["Name"] = f"keyturn-again-{lies.reference}"
    yield from _share(there, parts, here.account, Role.VAULT, add=True)
    try:
        name, again = yield from _copied(here, how, given, Role.BACKUP)
        found = yield from _back_again(here, how, name, again=again)
    except UnavailableError:
        yield from _share(there, parts, here.account, Role.VAULT, add=False)
        raise
    yield from _share(there, parts, here.account, Role.VAULT, add=False)
    also = tuple(str(one["Ebs"]["SnapshotId"]) for one in _mapped(found)) if how is IMAGE else ()
    return msgspec.structs.replace(saved, reference=name, also=also)


def _back_again(ref: ResourceRef, how: Copier, name: str, *, again: bool) -> Inquiry[dict[str, Any]]:
    """What was brought back, done. After a restart it may have served already, and be gone again."""
    if again and (yield from _read(ref, how, name, Role.READ)) is None:
        return {}
    found = yield from _done(ref, how, name, Role.READ)
    for disk in _mapped(found) if how is IMAGE else []:
        yield from _done(ref, SNAPSHOT, str(disk["Ebs"]["SnapshotId"]), Role.READ)
    return found


__all__ = ["CANNOT", "COPIERS", "copied_out", "restored", "shareable", "took_effect", "why_not"]
