"""Fetching what a service says lies somewhere: a GET of one address, without a credential, and only from where it may lie."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

TIMEOUT_S: Final = 60

_S3: Final = re.compile(r"([a-z0-9.-]+\.)?s3[a-z0-9.-]*\.amazonaws\.com(\.cn)?")
"""Where presigned URLs lead (https://docs.aws.amazon.com/general/latest/gr/s3.html)."""


class TooLargeError(Exception):
    """An answer is longer than the plane holds in memory."""


class ElsewhereError(Exception):
    """The place is none that the plane fetches from, or does not give it out."""


def fetched(place: str, stand_in: str, bytes_max: int) -> bytes:
    """What lies at `place`. Raises `ElsewhereError` for any place but S3's (or the stand-in's), `TooLargeError` over the limit."""
    found = urlsplit(place)
    of_stand_in = bool(stand_in) and place.startswith(f"{stand_in}/")
    if not of_stand_in and not (found.scheme == "https" and _S3.fullmatch(found.hostname or "")):
        raise ElsewhereError(f"it lies at {found.hostname or 'no address'}, which is not S3")
    request = AWSRequest(method="GET", url=place, stream_output=True).prepare()
    try:
        answer: Any = URLLib3Session(timeout=TIMEOUT_S, proxies=get_environ_proxies(place)).send(request)
        data: bytes = answer.raw.read(bytes_max + 1)
        answer.raw.close()
    except BotoCoreError as error:
        raise ElsewhereError(f"it could not be fetched: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise ElsewhereError(f"the place answered {answer.status_code}")
    if len(data) > bytes_max:
        raise TooLargeError(f"it has more than {bytes_max:,} bytes")
    return data
