"""A URL's query as signatures see it: raw parts, told apart by their decoded names, each signing parameter at most once."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from keyturn.providers.aws.signing.values import Refused, refuse
from keyturn.providers.aws.wire import WireRequest

V4: Final = frozenset(
    {
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "X-Amz-Content-Sha256",
        "X-Amz-Region-Set",
    }
)
V2: Final = frozenset({"AWSAccessKeyId", "Signature", "Expires"})

_LOWER: Final = {name.lower(): name for name in V4}


def text(raw: str) -> str | None:
    """Percent-decoded; None where it is no UTF-8 or holds a bare plus, which has two readings."""
    try:
        return None if "+" in raw else unquote_to_bytes(raw).decode("utf-8")
    except UnicodeError:
        return None


def parts(target: str) -> list[tuple[str, str, str]] | Refused:
    """(raw part, name, value) of each part of the query."""
    found = []
    if not target.isascii():
        return refuse("malformed", "the target is not in ASCII")
    for raw in target.partition("?")[2].split("&"):
        raw_name, _, raw_value = raw.partition("=")
        name, value = text(raw_name), text(raw_value)
        if name is None or value is None:
            return refuse("malformed", "the query cannot be read in exactly one way (a bare +, or no UTF-8)")
        if raw_name != name and (name in V2 or name.lower() in _LOWER):
            return refuse("malformed", f"the parameter {name!r} is written with escapes")
        found.append((raw, name, value))
    return found


def split(
    request: WireRequest, names: frozenset[str]
) -> tuple[dict[str, str], list[tuple[str, str, str]]] | Refused:
    """The signing parameters `names`, and all other parts in order."""
    found = parts(request.target)
    if isinstance(found, Refused):
        return found
    signing: dict[str, str] = {}
    left = []
    for part in found:
        _, name, value = part
        if name in names:
            if name in signing:
                return refuse("duplicate-parameter", f"the parameter {name!r} stands twice")
            signing[name] = value
        else:
            left.append(part)
    return signing, left


def misspelt(left: list[tuple[str, str, str]]) -> Refused | None:
    """A signing parameter in other letters is one to some readers only."""
    for _, name, _ in left:
        if name.lower() in _LOWER:
            return refuse("malformed", f"the parameter {name!r} is spelt {_LOWER[name.lower()]!r}")
    return None


def joined(path: str, raw: list[str]) -> str:
    return f"{path}?{'&'.join(raw)}" if raw and raw != [""] else path


def hoisted(request: WireRequest, path: str, left: list[tuple[str, str, str]]) -> WireRequest | Refused:
    """The request with those x-amz-* parameters as headers that presigners move into the query; S3 reads them so.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    kept: list[str] = []
    headers = list(request.headers)
    present = set(request.by_name)
    for raw, name, value in left:
        lowered = name.lower()
        if not lowered.startswith("x-amz-"):
            kept.append(raw)
            continue
        if lowered in present:
            return refuse(
                "duplicate-header", f"{lowered[:60]!r} is given twice, as a header and as a parameter"
            )
        if not value.isprintable() or not value.isascii():
            return refuse("malformed", f"the parameter {name[:60]!r} cannot be a header")
        present.add(lowered)
        if lowered != "x-amz-user-agent":
            headers.append((lowered, value.strip()))
    return WireRequest(request.method, joined(path, kept), tuple(headers), request.body)


def kinds(target: str) -> frozenset[str]:
    """Which forms of signature a target's query shows any sign of: "v4", "v2", both, or none."""
    asked = target.partition("?")[2]
    if "ignature" not in asked and "%" not in asked:
        return frozenset()
    pieces = asked.encode("utf-8", "surrogatepass").split(b"&")
    names = [unquote_to_bytes(part.partition(b"=")[0]) for part in pieces]
    found = {"v4"} if any(name.lower() == b"x-amz-signature" for name in names) else set()
    return frozenset(found | ({"v2"} if b"Signature" in names else set()))
