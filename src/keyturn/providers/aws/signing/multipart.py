"""multipart/form-data as browsers send it (RFC 7578), read in one way: each part named, each name once, the file last."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from keyturn.providers.aws.signing.values import Refused, refuse

FIELDS_MAX: Final = 100
"""A policy form has some twenty fields."""

FIELDS_BYTES_MAX: Final = 20 * 1024
"""What S3 takes before the file: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html."""

_TYPE: Final = re.compile(r'multipart/form-data; ?boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?\Z')
_NAME: Final = re.compile(
    rb'form-data; name="([^"\\\x00-\x1f\x7f]{1,100})"(; filename="([^"\\\x00-\x1f\x7f]{0,1024})")?\Z'
)


class Multipart(msgspec.Struct, frozen=True):
    """The fields in order, names in lower case, and the file."""

    fields: tuple[tuple[str, str], ...]
    file: bytes
    file_name: str


def parse(content_type: str, body: bytes) -> Multipart | Refused:
    """Total: any bytes are read or refused."""
    kind = _TYPE.match(content_type)
    if kind is None:
        return refuse("form", "the content type is no multipart/form-data with a plain boundary")
    mark = b"--" + kind[1].encode()
    if not body.startswith(mark + b"\r\n"):
        return refuse("form", "the form does not begin with its boundary")
    fields: dict[str, str] = {}
    at, used = len(mark) + 2, 0
    while True:
        read = _part(body, at, mark)
        if isinstance(read, Refused):
            return read
        name, file_name, start, end = read
        if name == "file":
            if body[end + 2 :] not in {mark + b"--\r\n", mark + b"--"}:
                return refuse("form", "there is something behind the file, which S3 would not read")
            return Multipart(tuple(fields.items()), body[start:end], file_name)
        if file_name or name in fields:
            return refuse("form", f"the field {name[:60]!r} stands twice, or is a file")
        used += end - at
        if len(fields) >= FIELDS_MAX or used > FIELDS_BYTES_MAX:
            return refuse("form", f"the fields before the file are over {FIELDS_BYTES_MAX:,} bytes")
        try:
            fields[name] = body[start:end].decode("utf-8")
        except UnicodeDecodeError:
            return refuse("form", f"the field {name[:60]!r} is no UTF-8")
        at = end + 2 + len(mark)
        if body[at : at + 2] != b"\r\n":
            return refuse("form", "the form has no file")
        at += 2


def _part(body: bytes, at: int, mark: bytes) -> tuple[str, str, int, int] | Refused:
    """(name, file's name, start and end of the content) of the part at `at`."""
    head_end = body.find(b"\r\n\r\n", at, at + 4096)
    if head_end < 0:
        return refuse("form", "a part has no head")
    found = None
    for line in body[at:head_end].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            if found is not None:
                return refuse("form", "a part is named twice")
            found = _NAME.match(value.strip())
            if found is None:
                return refuse("form", "a part's name cannot be read in exactly one way")
        elif name.strip().lower() not in {b"content-type", b"content-length"}:
            return refuse("form", "a part has a header that changes how it is read")
    start = head_end + 4
    end = body.find(b"\r\n" + mark, start)
    if found is None or end < 0:
        return refuse("form", "a part has no name, or no end")
    try:
        return found[1].decode("utf-8").lower(), (found[3] or b"").decode("utf-8"), start, end
    except UnicodeDecodeError:
        return refuse("form", "a part's name is no UTF-8")
