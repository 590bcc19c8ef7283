"""Answers that do not pass as they come: secrets covered, the service's own addresses made the gateway's; and reads by virtual keys."""

from __future__ import annotations

from keyturn.executors.aws import RESPONSE_BYTES_MAX, AwsExecutor, end_to_end
from keyturn.executors.http import Answer
from keyturn.executors.interface import Credentials, NotSentError, Response
from keyturn.executors.minting import covered
from keyturn.model.change import Request
from keyturn.providers.aws import answers, selfhosts
from keyturn.providers.aws.protocols.values import UnmodelledError
from keyturn.providers.aws.wire import CredentialScope, Identified, WireRequest
from keyturn.providers.aws.wire_errors import WireResponse, denied_code, encode_error
from keyturn.runtime.interface import Gate


def rewritten(operation: str, host: str) -> str:
    """Why the answer to this operation is read whole; empty where it passes as it comes."""
    return answers.rewritten(operation) or ("addresses" if host and operation in selfhosts.OUTWARD else "")


async def reading_credentials(gate: Gate, executor: AwsExecutor, request: Request) -> Credentials:
    """The read-only role's; or, for a virtual key, what was handed out, narrowed to reads. Raises `NotSentError`."""
    if not request.credential:
        return await executor.read_credentials()
    minted = gate.minted(request.credential)
    if minted is None:
        raise NotSentError("credential-ended", "the credential it acts through has ended")
    return await executor.read_through(minted)


async def read_whole(
    executor: AwsExecutor, found: Identified, request: Request, host: str, answer: Answer
) -> WireResponse:
    """The answer as it may be given on; withheld where that cannot be said of it. Raises `ConnectionError` where it breaks off."""
    try:
        came = Response(answer.status, end_to_end(answer.headers), await answer.read(RESPONSE_BYTES_MAX))
    except (NotSentError, OSError, TimeoutError, ValueError) as error:
        raise ConnectionError(f"the answer of {found.service} broke off: {error}") from error
    finally:
        executor.http.release(executor.base(request), answer)
    try:
        return given_on(found, host, covered(request, came))
    except UnmodelledError as error:
        text = f"Keyturn withholds this answer, which may hold a secret: {error.reason}"
        code = denied_code(found.protocol, found.service)
        return encode_error(found.protocol, code=code, message=text, service=found.service)


def given_on(found: Identified, host: str, response: Response) -> WireResponse:
    """The response for this client: with this gateway's address where the service's own stood, if it is reached by that."""
    body, name = response.body, f"{found.service}:{found.operation}"
    headers = response.headers
    if host and name in selfhosts.OUTWARD and response.status < 300:
        try:
            body = selfhosts.outward(name, found.protocol, body, f"http://{host}")
        except UnmodelledError:
            body = response.body  # nothing secret is in it: the client may read what we cannot
        headers = tuple(pair for pair in headers if pair[0] not in {"content-md5", "x-amz-crc32"})
    return WireResponse(response.status, headers, body)


def inward(request: WireRequest, scope: CredentialScope, host: str, executor: AwsExecutor) -> WireRequest:
    """The request as the service knows its own things: a queue's URL names the service, not this gateway."""
    return selfhosts.inward(request, scope, host, lambda: executor.endpoint(scope.signing_name, scope.region))
