"""The documents a bucket is configured by: how each is read, written and taken off, and what it is in a capture.

Every Put replaces its document as a whole, so what stood is put back by one call
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from keyturn.model.canonical import canonical
from keyturn.providers.aws.recipes.common import tags_dict, tags_list

Parameters = dict[str, Any]


class Document(msgspec.Struct, frozen=True):
    """One document. `value` reads an answer in the capture's terms, `wanted` a request's parameters, `given` makes parameters."""

    field: str
    read: str
    put: str
    value: Callable[[Parameters], Any]
    wanted: Callable[[Parameters], Any]
    given: Callable[[Any], Parameters]
    absent: tuple[str, ...] = ()  # errors that say: there is no such document
    empty: Any = None  # what stands while there is none
    delete: str = ""  # the operation that takes it off
    older: tuple[str, ...] = ()  # the operation's former names
    clears: bool = False  # an empty Put takes it off

    @property
    def writes(self) -> frozenset[str]:
        return frozenset({self.put, *self.older, *([self.delete] if self.delete else [])})

    def after(self, operation: str, parameters: Parameters) -> Any:
        """What stands once the request is done."""
        return self.empty if operation == self.delete else self.wanted(parameters)

    def back(self, bucket: str, standing: Any) -> tuple[str, Parameters] | None:
        """The call that gives the bucket this document as it stood; None where no call does."""
        if standing != self.empty or self.clears:
            return self.put, {"Bucket": bucket, **self.given(standing)}
        return (self.delete, {"Bucket": bucket}) if self.delete else None


def plain(value: Any) -> Any:
    """JSON data: keys sorted, times as text, what is empty left out."""
    if isinstance(value, dict):
        made = {key: plain(inner) for key, inner in sorted(value.items()) if key != "ResponseMetadata"}
        return {key: inner for key, inner in made.items() if inner is not None}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _by_id(entries: list[Any] | None) -> list[Any]:
    """Rules whose order means nothing, in one order."""
    return sorted(plain(entries or []), key=lambda entry: (str(entry.get("ID", "")), canonical(entry)))


def _policy(text: Any) -> Any:
    """A policy as a value; S3 gives lists of principals and actions back in any order."""
    if not isinstance(text, str):
        return text
    try:
        return _unordered(json.loads(text))
    except ValueError:
        return text


def _unordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        made = [_unordered(inner) for inner in value]
        return sorted(made) if all(isinstance(inner, str) for inner in made) else made
    return value


def _policy_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _acl(answer: Parameters) -> Any:
    """Who is granted what; display names are no identity."""
    owner = (answer.get("Owner") or {}).get("ID", "")
    grants = [
        {
            "Grantee": {
                key: value for key, value in sorted(grant["Grantee"].items()) if key != "DisplayName"
            },
            "Permission": grant["Permission"],
        }
        for grant in answer.get("Grants") or []
    ]
    return {"Grants": sorted(grants, key=canonical), "Owner": {"ID": owner}}


def _acl_wanted(parameters: Parameters) -> Any:
    if "AccessControlPolicy" in parameters:
        return _acl(parameters["AccessControlPolicy"])
    return {
        name: value for name, value in sorted(parameters.items()) if name == "ACL" or name.startswith("Grant")
    }


_USUAL: Final = "all_storage_classes_128K"
"""The smallest object that is moved, where a lifecycle does not say (API_PutBucketLifecycleConfiguration)."""


def _lifecycle(answer: Parameters) -> Any:
    rules = _by_id(answer.get("Rules"))
    size = answer.get("TransitionDefaultMinimumObjectSize")
    return {"Rules": rules} | (
        {"TransitionDefaultMinimumObjectSize": size} if size not in {None, _USUAL} else {}
    )


def _lifecycle_given(standing: Any) -> Parameters:
    rest = {key: value for key, value in standing.items() if key != "Rules"}
    return {"LifecycleConfiguration": {"Rules": standing["Rules"]}, **rest}


def _lifecycle_wanted(parameters: Parameters) -> Any:
    size = parameters.get("TransitionDefaultMinimumObjectSize")
    return _lifecycle(
        {**(parameters.get("LifecycleConfiguration") or {}), "TransitionDefaultMinimumObjectSize": size}
    )


def _ownership(controls: Any) -> Any:
    rules = (controls or {}).get("Rules") or [{}]
    return rules[0].get("ObjectOwnership")


_NOTIFIED: Final = ("TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations")


def _notification(answer: Any) -> Any:
    """Who is told of what; the ids that S3 makes up are kept, since a Put keeps them too."""
    found: Parameters = {name: _by_id(answer[name]) for name in _NOTIFIED if (answer or {}).get(name)}
    if (answer or {}).get("EventBridgeConfiguration") is not None:
        found["EventBridgeConfiguration"] = {}
    return found or None


def _replication(configuration: Any) -> Any:
    if not configuration:
        return None
    return {"Role": configuration.get("Role", ""), "Rules": _by_id(configuration.get("Rules"))}


def _inner(name: str) -> Callable[[Parameters], Any]:
    """The member `name`, plain; None where it is not given or empty."""
    return lambda given: plain(given.get(name)) or None


def _under(outer: str, inner: str) -> Callable[[Parameters], Any]:
    return lambda given: plain((given.get(outer) or {}).get(inner)) or None


DOCUMENTS: Final = (
    Document(
        field="versioning",
        read="GetBucketVersioning",
        put="PutBucketVersioning",
        value=lambda answer: answer.get("Status") or "",
        wanted=lambda given: (given.get("VersioningConfiguration") or {}).get("Status") or "",
        # a bucket that once kept versions is never without versioning again: Suspended is as near as it comes
        given=lambda standing: {"VersioningConfiguration": {"Status": standing or "Suspended"}},
        empty="",
        clears=True,
    ),
    Document(
        field="encryption",
        read="GetBucketEncryption",
        put="PutBucketEncryption",
        value=_under("ServerSideEncryptionConfiguration", "Rules"),
        wanted=_under("ServerSideEncryptionConfiguration", "Rules"),
        given=lambda standing: {"ServerSideEncryptionConfiguration": {"Rules": standing}},
        absent=("ServerSideEncryptionConfigurationNotFoundError",),
        delete="DeleteBucketEncryption",
    ),
    Document(
        field="policy",
        read="GetBucketPolicy",
        put="PutBucketPolicy",
        value=lambda answer: _policy(answer.get("Policy")),
        wanted=lambda given: _policy(given.get("Policy")),
        given=lambda standing: {"Policy": _policy_text(standing)},
        absent=("NoSuchBucketPolicy",),
        delete="DeleteBucketPolicy",
    ),
    Document(
        field="acl",
        read="GetBucketAcl",
        put="PutBucketAcl",
        value=_acl,
        wanted=_acl_wanted,
        given=lambda standing: {"AccessControlPolicy": standing},
    ),
    Document(
        field="tags",
        read="GetBucketTagging",
        put="PutBucketTagging",
        value=lambda answer: tags_dict(answer.get("TagSet")),
        wanted=lambda given: tags_dict((given.get("Tagging") or {}).get("TagSet")),
        given=lambda standing: {"Tagging": {"TagSet": tags_list(standing)}},
        absent=("NoSuchTagSet",),
        empty={},
        delete="DeleteBucketTagging",
    ),
    Document(
        field="lifecycle",
        read="GetBucketLifecycleConfiguration",
        put="PutBucketLifecycleConfiguration",
        value=_lifecycle,
        wanted=_lifecycle_wanted,
        given=_lifecycle_given,
        absent=("NoSuchLifecycleConfiguration",),
        delete="DeleteBucketLifecycle",
        older=("PutBucketLifecycle",),
    ),
    Document(
        field="public_access",
        read="GetPublicAccessBlock",
        put="PutPublicAccessBlock",
        value=_inner("PublicAccessBlockConfiguration"),
        wanted=_inner("PublicAccessBlockConfiguration"),
        given=lambda standing: {"PublicAccessBlockConfiguration": standing},
        absent=("NoSuchPublicAccessBlockConfiguration",),
        delete="DeletePublicAccessBlock",
    ),
    Document(
        field="ownership",
        read="GetBucketOwnershipControls",
        put="PutBucketOwnershipControls",
        value=lambda answer: _ownership(answer.get("OwnershipControls")),
        wanted=lambda given: _ownership(given.get("OwnershipControls")),
        given=lambda standing: {"OwnershipControls": {"Rules": [{"ObjectOwnership": standing}]}},
        absent=("OwnershipControlsNotFoundError",),
        delete="DeleteBucketOwnershipControls",
    ),
    Document(
        field="cors",
        read="GetBucketCors",
        put="PutBucketCors",
        value=_inner("CORSRules"),
        wanted=_under("CORSConfiguration", "CORSRules"),
        given=lambda standing: {"CORSConfiguration": {"CORSRules": standing}},
        absent=("NoSuchCORSConfiguration",),
        delete="DeleteBucketCors",
    ),
    Document(
        field="logging",
        read="GetBucketLogging",
        put="PutBucketLogging",
        value=_inner("LoggingEnabled"),
        wanted=_under("BucketLoggingStatus", "LoggingEnabled"),
        given=lambda standing: {"BucketLoggingStatus": {"LoggingEnabled": standing} if standing else {}},
        clears=True,
    ),
    Document(
        field="website",
        read="GetBucketWebsite",
        put="PutBucketWebsite",
        value=lambda answer: plain(answer) or None,
        wanted=_inner("WebsiteConfiguration"),
        given=lambda standing: {"WebsiteConfiguration": standing},
        absent=("NoSuchWebsiteConfiguration",),
        delete="DeleteBucketWebsite",
    ),
    Document(
        field="notification",
        read="GetBucketNotificationConfiguration",
        put="PutBucketNotificationConfiguration",
        value=_notification,
        wanted=lambda given: _notification(given.get("NotificationConfiguration")),
        given=lambda standing: {"NotificationConfiguration": standing or {}},
        older=("PutBucketNotification",),
        clears=True,
    ),
    Document(
        field="replication",
        read="GetBucketReplication",
        put="PutBucketReplication",
        value=lambda answer: _replication(answer.get("ReplicationConfiguration")),
        wanted=lambda given: _replication(given.get("ReplicationConfiguration")),
        given=lambda standing: {"ReplicationConfiguration": standing},
        absent=("ReplicationConfigurationNotFoundError",),
        delete="DeleteBucketReplication",
    ),
    Document(
        field="object_lock",
        read="GetObjectLockConfiguration",
        put="PutObjectLockConfiguration",
        value=_inner("ObjectLockConfiguration"),
        wanted=_inner("ObjectLockConfiguration"),
        given=lambda standing: {"ObjectLockConfiguration": standing},
        absent=("ObjectLockConfigurationNotFoundError",),  # once switched on it cannot be switched off
    ),
)

WRITES: Final = {f"s3:{name}": document for document in DOCUMENTS for name in document.writes}
"""Operation -> the document it writes or takes off."""
