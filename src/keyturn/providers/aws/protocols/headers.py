"""Headers of a request that belong to no operation, and how one is refused that nobody knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

from keyturn.providers.aws.protocols.values import refuse

_OURS: Final = frozenset(
    {
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "x-amz-target",
        "x-amz-user-agent",
        "x-amz-trailer",
        "x-amz-decoded-content-length",
        "x-amz-sdk-checksum-algorithm",
        "x-amz-api-version",
        "x-amz-region-set",
        "x-amz-s3session-token",
        "x-amz-expected-bucket-owner",
        "x-amz-glacier-version",
        "x-amz-source-expected-bucket-owner",
        "x-amz-te",
        "x-amzn-query-mode",
        "x-amzn-trace-id",
    }
)
_OUR_PREFIXES: Final = ("x-amz-checksum-", "x-amzn-trace-id")
"""Headers of signing, transport and tracing: they belong to no operation."""

_OVERRIDES: Final = frozenset(
    {
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-method",
        "x-original-url",
        "x-rewrite-url",
    }
)
"""What some frameworks take for another method or path than the one that was judged. No SDK of AWS's sends one."""


def accounted(
    headers: Iterable[str], what: str, known: Collection[str] = (), prefixes: Iterable[str] = ()
) -> None:
    """Refuses a header of AWS's that the operation `what` does not have, and any that would bend the request."""
    for name in headers:
        if not name.startswith("x-"):
            continue
        if name in _OVERRIDES:
            refuse("override", f"the header {name!r} asks for another method or path")
        if not name.startswith(("x-amz-", "x-amzn-")) or name in _OURS or name in known:
            continue
        if name.startswith(_OUR_PREFIXES) or any(prefix and name.startswith(prefix) for prefix in prefixes):
            continue
        refuse("unmodelled", f"{what} has no header {name[:60]!r}")


@lru_cache(maxsize=512)
def accounted_names(headers: tuple[str, ...], what: str) -> None:
    """`accounted` for an operation without headers of its own: a matter of names alone. What is refused is not kept."""
    accounted(headers, what)
