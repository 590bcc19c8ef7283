"""What the plane has sealed, a second time, in a bucket of the vault account: written once, read back, compared; fetched; forgotten.

What lies there is what lies in the plane's own vault, byte for byte as it is sealed: whoever reads the bucket reads nothing, and the key
never leaves the plane. A name is under its case, so that nothing there is shared: what one case forgets no other needs. `IfNoneMatch`
lets nothing be written over (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from keyturn.core.keeping import FETCH, ITEM_BYTES_MAX, LOOK, put_in_sealed
from keyturn.core.ports import Inquiry, SealedBlob
from keyturn.errors import UnavailableError
from keyturn.model.execution import Answer, Call, Refused, Role, Unavailable, VaultAccount, Vaulted
from keyturn.model.words import counted
from keyturn.providers.aws.recipes.common import PAGES_MAX, human_bytes, must

OBJECTS: Final = "s3:object"
"""What `Vaulted.kind` says of exports."""

ABREAST_MAX: Final = 16
"""Written and read side by side: as many as the plane asks of an account at once."""

ABREAST_BYTES_MAX: Final = 64 * 1024 * 1024
"""And no more than this in memory, or one thing."""

CAPTURES: Final = "assessing"
"""The kind of blob in which captures are: it stays as long as the case has something that is given back from them."""

_THERE: Final = frozenset({"PreconditionFailed"})


def place(vault: VaultAccount, case_id: str) -> str:
    """What the names of one case's objects begin with."""
    return f"{vault.prefix}/{case_id}/"


def name_of(vault: VaultAccount, case_id: str, reference: str) -> str:
    """The object's name; `reference_of` reads it."""
    _, kind, name = reference.split(":")
    return f"{place(vault, case_id)}{kind}-{name}"


def reference_of(name: str) -> str:
    kind, _, blob = name.rpartition("/")[2].partition("-")
    return f"vault:{kind}:{blob}"


def vault_call(
    vault: VaultAccount, operation: str, given: dict[str, Any], role: Role = Role.VAULT_READ
) -> Call:
    """A call in the vault account, by its role."""
    return Call(operation, given, vault.account, vault.region, role, vault.partition)


def _in_bucket(vault: VaultAccount, **given: Any) -> dict[str, Any]:
    """Only while it is that account's: a bucket whose name somebody else has taken since is not written to."""
    return {"Bucket": vault.bucket, "ExpectedBucketOwner": vault.account, **given}


def write(vault: VaultAccount, case_id: str, sealed: Mapping[str, SealedBlob]) -> Inquiry[Vaulted]:
    """Put each of them there and see that it reads back as it is here. Raises `UnavailableError` where one does not."""
    whole = 0
    for group in _groups(sealed):
        for reference in group:
            if sealed[reference].length > ITEM_BYTES_MAX:
                raise UnavailableError(
                    "too-large",
                    f"{human_bytes(sealed[reference].length)} at once are more than goes to {vault.bucket}",
                )
        made = yield tuple([_put(vault, case_id, reference) for reference in group])
        for answer in made:
            _written(answer, vault)
        found = yield tuple([_look(vault, case_id, reference, LOOK) for reference in group])
        for reference, answer in zip(group, found, strict=True):
            whole += sealed[reference].length
            _equal(answer, sealed[reference], vault, name_of(vault, case_id, reference))
    what = f"what the plane sealed of it, {counted(len(sealed), 'object')}"
    said = f"{what} in the bucket of account {vault.account}, read back equal by SHA-256"
    return Vaulted(
        account=vault.account,
        region=vault.region,
        kind=OBJECTS,
        reference=f"s3://{vault.bucket}/{place(vault, case_id)}",
        verified_by=said,
        bytes=whole,
    )


def _groups(sealed: Mapping[str, SealedBlob]) -> Iterator[list[str]]:
    group: list[str] = []
    weighs = 0
    for reference, one in sealed.items():
        if group and (len(group) >= ABREAST_MAX or weighs + one.length > ABREAST_BYTES_MAX):
            yield group
            group, weighs = [], 0
        group.append(reference)
        weighs += one.length
    if group:
        yield group


def _put(vault: VaultAccount, case_id: str, reference: str) -> Call:
    """Repeated it is refused, and what lies there by then is read: so that after a crash it may be asked again."""
    given = _in_bucket(
        vault, Key=name_of(vault, case_id, reference), Body=put_in_sealed(reference), IfNoneMatch="*"
    )
    if vault.kms_key:
        given |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": vault.kms_key}
    return msgspec.structs.replace(vault_call(vault, "s3:PutObject", given, Role.VAULT), again=True)


def _look(vault: VaultAccount, case_id: str, reference: str, operation: str) -> Call:
    given = _in_bucket(vault, Key=name_of(vault, case_id, reference), reference=reference)
    return vault_call(vault, operation, given)


def _written(answer: Answer, vault: VaultAccount) -> None:
    match answer:
        case Refused() if answer.code not in _THERE:
            raise UnavailableError("vault", f"{vault.bucket} took no object: {answer.code}: {answer.message}")
        case Unavailable():
            raise UnavailableError("vault", f"{vault.bucket} was not written to: {answer.why}")


def _equal(answer: Answer, wanted: SealedBlob, vault: VaultAccount, name: str) -> None:
    found = must(answer, f"reading {name} back from {vault.bucket}")
    if (found.get("sha256"), found.get("length")) != (wanted.sha256, wanted.length):
        raise UnavailableError("vault", f"{name} in {vault.bucket} is not what was written to it")


# --- back, and away --------------------------------------------------------------------------------------------------


def fetch(vault: VaultAccount, case_id: str) -> Inquiry[int]:
    """Have again in the plane's own vault what it has lost of a case; how many objects the bucket has of it."""
    names = yield from _listed(vault, case_id)
    for start in range(0, len(names), ABREAST_MAX):
        some = names[start : start + ABREAST_MAX]
        found = yield tuple([_look(vault, case_id, reference_of(name), FETCH) for name in some])
        for name, answer in zip(some, found, strict=True):
            must(answer, f"fetching {name} from {vault.bucket}")
    return len(names)


def _listed(vault: VaultAccount, case_id: str) -> Inquiry[list[str]]:
    names: list[str] = []
    more: dict[str, Any] = {}
    for _ in range(PAGES_MAX):
        given = _in_bucket(vault, Prefix=place(vault, case_id), **more)
        (answer,) = yield (vault_call(vault, "s3:ListObjectsV2", given),)
        value = must(answer, f"listing {vault.bucket}")
        names += [str(one["Key"]) for one in value.get("Contents") or []]
        if not value.get("IsTruncated"):
            return names
        more = {"ContinuationToken": value["NextContinuationToken"]}
    raise UnavailableError("vault", f"{case_id} has more than {PAGES_MAX} pages of objects in {vault.bucket}")


def forget(vault: VaultAccount, case_id: str, *, captures: bool) -> Inquiry[int]:
    """Remove every version of a case's objects, and see that none is left; how many that were. Without `captures` those stay."""
    gone = 0
    for _ in range(PAGES_MAX):
        found = yield from _versions(vault, case_id, captures=captures)
        if not found:
            return gone
        given = _in_bucket(vault, Delete={"Objects": found, "Quiet": True})
        call = msgspec.structs.replace(vault_call(vault, "s3:DeleteObjects", given, Role.VAULT), again=True)
        (answer,) = yield (call,)
        errors = must(answer, f"removing objects of {case_id} from {vault.bucket}").get("Errors") or []
        if errors:
            said = f"{errors[0].get('Key')}: {errors[0].get('Code')}"
            raise UnavailableError(
                "vault", f"{counted(len(errors), 'object')} left in {vault.bucket}: {said}"
            )
        gone += len(found)
    raise UnavailableError("vault", f"objects of {case_id} are still in {vault.bucket}")


def _versions(vault: VaultAccount, case_id: str, *, captures: bool) -> Inquiry[list[dict[str, str]]]:
    """A page of them, at most what one call removes (API_DeleteObjects: 1,000)."""
    found: list[dict[str, str]] = []
    more: dict[str, Any] = {}
    for _ in range(PAGES_MAX):
        given = _in_bucket(vault, Prefix=place(vault, case_id), **more)
        (answer,) = yield (vault_call(vault, "s3:ListObjectVersions", given),)
        value = must(answer, f"listing {vault.bucket}")
        listed = (*(value.get("Versions") or ()), *(value.get("DeleteMarkers") or ()))
        found += [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for one in listed
            if captures or not reference_of(one["Key"]).startswith(f"vault:{CAPTURES}:")
        ]
        if found or not value.get("IsTruncated"):
            return found
        more = {"KeyMarker": value["NextKeyMarker"], "VersionIdMarker": value["NextVersionIdMarker"]}
    return found


__all__ = ["OBJECTS", "fetch", "forget", "name_of", "place", "reference_of", "vault_call", "write"]
