"""``aws s3``: cp, mv, rm, sync, ls, mb, rb and website, as the operations they perform (AWS CLI Command Reference, s3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from keyturn.model.assessment import Kind
from keyturn.model.change import Effect
from keyturn.providers.aws.cli.meaning import Meant, Remark
from keyturn.providers.aws.cli.options import Options

_ARN: Final = re.compile(
    r"s3://(?P<bucket>arn:[^/]+[:/](?:accesspoint|bucket)[:/][^/]+(?:/(?:bucket|accesspoint)[:/][^/]+)?)/?(?P<key>.*)",
    re.DOTALL,
)

_WRITTEN: Final = {
    "acl": "ACL",
    "sse": "ServerSideEncryption",
    "sse-kms-key-id": "SSEKMSKeyId",
    "storage-class": "StorageClass",
    "website-redirect": "WebsiteRedirectLocation",
    "content-type": "ContentType",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-disposition": "ContentDisposition",
    "cache-control": "CacheControl",
    "metadata-directive": "MetadataDirective",
    "request-payer": "RequestPayer",
}

_GRANTS: Final = {
    "read": "GrantRead",
    "full": "GrantFullControl",
    "readacl": "GrantReadACP",
    "writeacl": "GrantWriteACP",
}


def place(text: str) -> dict[str, Any]:
    """Bucket and key of an ``s3://`` address. Raises `ValueError` where it is none."""
    if not text.startswith("s3://"):
        text = f"s3://{text}"
    found = _ARN.fullmatch(text)
    bucket, key = (found["bucket"], found["key"]) if found else text.removeprefix("s3://").partition("/")[::2]
    if not bucket:
        raise ValueError(f"{text} names no bucket")
    return {"Bucket": bucket, **({"Key": key} if key else {})}


def _many(text: str, verb: str, effect: Effect, kind: Kind, code: str) -> Remark:
    return Remark(
        code, kind, f"It {verb} every object under {text} that its filters do not leave out.", effect
    )


def _ls(o: Options) -> list[Meant]:
    try:
        where = place(o.place(0))
    except ValueError:
        return [Meant("s3", "ListBuckets")]
    prefix = where.pop("Key", "")
    return [Meant("s3", "ListObjectsV2", {**where, **({"Prefix": prefix} if prefix else {})})]


def _mb(o: Options) -> list[Meant]:
    return [Meant("s3", "CreateBucket", {"Bucket": place(o.place(0))["Bucket"]})]


def _rb(o: Options) -> list[Meant]:
    bucket = {"Bucket": place(o.place(0))["Bucket"]}
    emptied = [_removed(f"s3://{bucket['Bucket']}", bucket)] if o.has("force") else []
    return [*emptied, Meant("s3", "DeleteBucket", bucket)]


def _removed(text: str, where: dict[str, Any]) -> Meant:
    remark = _many(text, "deletes", Effect.DELETE, Kind.DATA_LOSS, "CLI002")
    return Meant(
        "s3", "DeleteObjects", {"Bucket": where["Bucket"]}, ("which objects it deletes",), remarks=(remark,)
    )


def _rm(o: Options) -> list[Meant]:
    text = o.place(0)
    where = place(text)
    if o.has("dryrun"):
        return [Meant("s3", "ListObjectsV2", {"Bucket": where["Bucket"]})]
    if o.has("recursive"):
        return [_removed(text, where)]
    return [Meant("s3", "DeleteObject", where)]


def _written(o: Options) -> dict[str, Any]:
    grants = (text.partition("=") for text in o.texts("grants"))
    return {
        **o.given(_WRITTEN),
        **{_GRANTS[permission]: grantee for permission, _, grantee in grants if permission in _GRANTS},
    }


def _named(source: str, target: dict[str, Any]) -> dict[str, Any]:
    """The target with its key; a folder takes the source's last name."""
    key = target.get("Key", "")
    if key and not key.endswith("/"):
        return target
    name = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    return {**target, "Key": key + name} if name and name != "-" else target


def _copied(o: Options, *, many: bool, moved: bool = False) -> list[Meant]:
    source, target = o.place(0), o.place(1)
    up, down = target.startswith("s3://"), source.startswith("s3://")
    if not (up or down):
        raise ValueError("neither of its places is in S3")
    if o.has("dryrun"):
        return [Meant("s3", "ListObjectsV2", {"Bucket": place(target if up else source)["Bucket"]})]
    return [*_writes(o, source, target, many=many), *_takes(source, many=many, moved=moved and down)]


def _writes(o: Options, source: str, target: str, *, many: bool) -> list[Meant]:
    down = source.startswith("s3://")
    if not target.startswith("s3://"):
        where = place(source)
        listed = [Meant("s3", "ListObjectsV2", {"Bucket": where["Bucket"]})] if many else []
        return [*listed, Meant("s3", "GetObject", {"Bucket": where["Bucket"]} if many else where)]
    operation = "CopyObject" if down else "PutObject"
    where = place(target)
    if many:
        # whether anything is lost depends on what stands and on versions: a rule of S3 asks (S3004)
        handed = down and o.text("acl") == "bucket-owner-full-control"  # as whose bucket it is has them
        kind = Kind.EXPOSURE if handed else Kind.NOTE
        remark = _many(
            target,
            "hands over, and may overwrite" if handed else "may overwrite",
            Effect.UPDATE,
            kind,
            "CLI003",
        )
        return [
            Meant(
                "s3",
                operation,
                {"Bucket": where["Bucket"], **_written(o)},
                ("which objects it writes",),
                remarks=(remark,),
            )
        ]
    copied = {"CopySource": source.removeprefix("s3://")} if down else {}
    return [Meant("s3", operation, {**_named(source, where), **copied, **_written(o)})]


def _takes(source: str, *, many: bool, moved: bool) -> list[Meant]:
    """What a move deletes at its source."""
    if not moved:
        return []
    return [_removed(source, place(source))] if many else [Meant("s3", "DeleteObject", place(source))]


def _sync(o: Options) -> list[Meant]:
    made = _copied(o, many=True)
    target = o.place(1)
    if o.has("delete") and target.startswith("s3://") and not o.has("dryrun"):
        remark = Remark(
            "CLI002",
            Kind.DATA_LOSS,
            f"It deletes every object under {target} that the source does not have.",
            Effect.DELETE,
        )
        where = {"Bucket": place(target)["Bucket"]}
        made.append(Meant("s3", "DeleteObjects", where, ("which objects it deletes",), remarks=(remark,)))
    return made


def _website(o: Options) -> list[Meant]:
    documents = {
        **({"IndexDocument": {"Suffix": o.text("index-document")}} if o.has("index-document") else {}),
        **({"ErrorDocument": {"Key": o.text("error-document")}} if o.has("error-document") else {}),
    }
    bucket = place(o.place(0))["Bucket"]
    return [Meant("s3", "PutBucketWebsite", {"Bucket": bucket, "WebsiteConfiguration": documents})]


DOES: Final[dict[tuple[str, ...], Callable[[Options], Sequence[Meant]]]] = {
    ("s3", "ls"): _ls,
    ("s3", "mb"): _mb,
    ("s3", "rb"): _rb,
    ("s3", "rm"): _rm,
    ("s3", "cp"): lambda o: _copied(o, many=o.has("recursive")),
    ("s3", "mv"): lambda o: _copied(o, many=o.has("recursive"), moved=True),
    ("s3", "sync"): _sync,
    ("s3", "website"): _website,
}
