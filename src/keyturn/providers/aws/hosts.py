"""AWS's host names: whether one is AWS's, and what it says that a path would say otherwise.

In proxy mode the client signs and sends to AWS's own name. It tells services apart that share a signing name, and holds the bucket of
S3's virtual hosting (https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html). Both are put into the target, as the
endpoint mode has them, so that everything after this reads one form.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from keyturn.providers.aws.protocols.values import refuse
from keyturn.providers.aws.wire import CredentialScope, Unidentified, WireRequest
from keyturn.providers.aws.wire_table import load

SUFFIXES: Final = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "api.amazonwebservices.com.cn")
"""Under these names AWS's partitions aws, aws-us-gov and aws-cn have their endpoints (botocore's endpoint data)."""

DOCUMENTS: Final = frozenset({"ip-ranges.amazonaws.com", "servicereference.us-east-1.amazonaws.com"})
"""Names below AWS's that serve documents to anybody and take no calls
(https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html,
https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-ranges.html): AWS's own MCP server reads the first at its start."""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")

_S3: Final = re.compile(
    r"(?:(?P<bucket>.+)\.)?"
    r"s3(?:\.dualstack\.[a-z0-9-]+|-fips(?:\.dualstack)?\.[a-z0-9-]+|-accelerate(?:\.dualstack)?|[.-](?P<region>[a-z]{2,}-[a-z0-9-]+-[0-9]+)|-external-1)?"
    r"\.(?:amazonaws\.com(?:\.cn)?)\Z"
)
"""S3's own endpoints, with or without a bucket before them; access points, outposts and s3-control have other names."""


def is_aws(host: str) -> bool:
    """Whether the name is one of AWS's endpoints'; well-formed and in lower case."""
    return (
        len(host) <= 253
        and host.endswith(tuple("." + suffix for suffix in SUFFIXES))
        and all(_LABEL.match(label) for label in host.split("."))
    )


def settled(request: WireRequest, scope: CredentialScope, host: str) -> WireRequest | Unidentified:
    """The request as the endpoint mode would have it: the bucket in its path, the service before it where the name says which."""
    if scope.signing_name in {"s3", "s3express"}:
        found = _S3.match(host)
        if found is not None:
            bucket = found["bucket"]
            return _at(request, f"/{bucket}{_below(request.target)}") if bucket else request
    fits = [
        entry
        for entry in load().by_key.values()
        if entry.signing_name == scope.signing_name
        and entry.service != "s3"  # which has said all that its names can say
        and f".{entry.endpoint_prefix}." in f".{host}"
    ]
    longest = max((len(entry.endpoint_prefix) for entry in fits), default=0)  # streams.dynamodb, not dynamodb
    services = list(dict.fromkeys(entry.service for entry in fits if len(entry.endpoint_prefix) == longest))
    if not services and scope.signing_name in {"s3", "s3express"}:
        return Unidentified(
            "unsupported-host",
            f"{host} is none of S3's own endpoints",
            "access points and Outposts are reached through the bucket's own name",
            protocol="rest-xml",
        )
    known = load().by_signing_name.get(scope.signing_name, ())
    if len(services) == 1 and services[0] in known and len(known) > 1:
        return _at(request, f"/~{services[0]}{request.target}")
    return request


_LABELS: Final = re.compile(r"\{([A-Za-z]+)\}")


def host_prefix(service: str, operation: str, parameters: dict[str, Any]) -> str:
    """What stands before the endpoint's name for this operation (``123456789012.`` of s3control); empty for most.

    Raises `UnmodelledError` when a part of it is missing or no label of a host name.
    """
    table = load()
    op = table.service(service).operations.get(operation) if service in table.entries else None
    if op is None or not op.host_prefix:
        return ""

    def label(match: re.Match[str]) -> str:
        text = str(parameters.get(match[1], "")).lower()
        if not _LABEL.match(text):
            refuse("bad-value", f"{match[1]} cannot stand in a host name")
        return text

    return _LABELS.sub(label, op.host_prefix)


def _below(target: str) -> str:
    """The rest of the target below a bucket: ``/`` alone is the bucket itself, not a key that is empty."""
    path, question, query = target.partition("?")
    return ("" if path == "/" else path) + question + query


def _at(request: WireRequest, target: str) -> WireRequest:
    return msgspec.structs.replace(request, target=target)
