"""The presigned URL inside a request, made anew with the credential that makes the call (see `providers.aws.nested`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import msgspec
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from keyturn.executors.interface import Credentials, NotSentError
from keyturn.model.change import Request
from keyturn.providers.aws.nested import HOLDS, inner
from keyturn.providers.aws.protocols.values import UnmodelledError

URL_S: Final = 3_600
"""As botocore has it: the service uses it within minutes."""


def resigned(request: Request, credentials: Credentials, endpoint: Callable[[str, str], str]) -> Request:
    """The request with the URL in it signed by `credentials`. Raises `NotSentError` where it cannot be made."""
    member = HOLDS.get(request.operation, "")
    if not member or f"{member}=".encode() not in request.body:
        return request
    try:
        given, asked, region = inner(request.body, member)
    except (ValueError, KeyError, IndexError, UnmodelledError) as error:
        raise NotSentError("nested-url", "the presigned URL in the request cannot be made anew") from error
    made = AWSRequest(method="GET", url=f"{endpoint(request.service, region)}/?{asked}")
    keys = BotoCredentials(
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token or None
    )
    SigV4QueryAuth(keys, request.signing_name, region, expires=URL_S).add_auth(made)
    return msgspec.structs.replace(request, body=urlencode({**given, member: made.url}).encode())
