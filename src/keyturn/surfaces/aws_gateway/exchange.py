"""What one request is answered: verify, identify, choose the lane, forward a read or hand a change to the plane."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
import uuid
from collections.abc import AsyncIterator
from typing import Final, Protocol

from keyturn.executors.aws import AwsExecutor, end_to_end
from keyturn.executors.interface import NotSentError
from keyturn.model.change import READ_EFFECTS, Change, Operation, Principal, Request
from keyturn.model.decision import Verdict
from keyturn.providers.aws import sigv4
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.wire import Identified, Unidentified, WireRequest, guess_protocol, identify
from keyturn.providers.aws.wire_errors import WireResponse, denied_code, encode_error
from keyturn.runtime.interface import Gate, Reply, ReplyKind, SessionKey
from keyturn.surfaces.aws_gateway.limits import STILL_HOLDING_S

log = logging.getLogger("keyturn.gateway")

INTENT_HEADER: Final = "x-keyturn-intent"
"""What an agent says it wants; shown as untrusted, never decided on."""

_NOT_KEPT: Final = frozenset(
    {"authorization", "connection", "expect", "host", "transfer-encoding", INTENT_HEADER}
)


class Sender(Protocol):
    """The client's side of the connection."""

    async def write(self, data: bytes) -> None: ...

    def still_holding(self) -> None:
        """Tell a client that can hear it that its answer is still to come."""
        ...


class Exchange:
    """Serves requests; holds no state of its own."""

    def __init__(self, gate: Gate, executor: AwsExecutor, *, account: str, partition: str) -> None:
        self._gate, self._executor, self._account, self._partition = gate, executor, account, partition
        self._boot, self._numbers = uuid.uuid4().hex[:12], itertools.count(1)

    async def serve(self, request: WireRequest, body: AsyncIterator[bytes] | None, sender: Sender) -> None:
        """Answer one request. Whatever fails inside, nothing is forwarded by the failure, and the client hears an error once."""
        request_id = f"{self._boot}-{next(self._numbers):x}"
        signed = sigv4.parse(request)
        if isinstance(signed, sigv4.SignatureRefused):
            await self._gate.refuse("", signed.code, signed.reason)
            refusal = _refusal("rest-xml" if "Signature" in request.target else "json", signed, request_id)
            await _send(sender, refusal, bodiless=request.method == "HEAD")
            return
        protocol = guess_protocol(request, signed.scope)
        try:
            answer = await self._answer(request, signed, protocol, body, sender, request_id)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("request %s failed inside; nothing was forwarded by this", request_id)
            text = f"Keyturn failed on this request and forwarded nothing (request {request_id}). Tell its operator."
            answer = encode_error(
                protocol, code="KeyturnInternal", message=text, status=400, request_id=request_id
            )
        if answer is not None:
            await _send(sender, answer, bodiless=request.method == "HEAD")

    async def _answer(
        self,
        request: WireRequest,
        signed: sigv4.Signed,
        protocol: str,
        body: AsyncIterator[bytes] | None,
        sender: Sender,
        request_id: str,
    ) -> WireResponse | None:
        key = self._gate.session(signed.scope.access_key_id)
        if key is None:
            refused = sigv4.SignatureRefused(
                "no-session",
                "this key belongs to no open session",
                "open one: keyturn run --agent NAME -- COMMAND",
            )
            await self._gate.refuse("", refused.code, refused.reason)
            return _refusal(protocol, refused, request_id)
        verified = sigv4.verify(request, signed, key.secret, now_s=time.time())
        if isinstance(verified, sigv4.SignatureRefused):
            await self._gate.refuse(key.session, verified.code, verified.reason)
            return _refusal(protocol, verified, request_id)
        found = identify(request, signed.scope)
        if isinstance(found, Unidentified):
            await self._gate.refuse(key.session, found.code, found.reason)
            text = f"Keyturn cannot read this request in exactly one way and does not forward it: {found.reason}. {found.help}"
            return encode_error(protocol, code=denied_code(protocol, ""), message=text, request_id=request_id)
        return await self._lane(request, signed, verified, key, found, body, sender, request_id)

    async def _lane(
        self,
        request: WireRequest,
        signed: sigv4.Signed,
        verified: sigv4.Verified,
        key: SessionKey,
        found: Identified,
        body: AsyncIterator[bytes] | None,
        sender: Sender,
        request_id: str,
    ) -> WireResponse | None:
        principal = Principal(agent=key.agent, session=key.session, operator=key.operator)
        operation = operation_from(
            found.service,
            found.operation,
            found.parameters,
            partition=self._partition,
            account=self._account,
            region=signed.scope.region,
            seal=self._gate.seal,
            payload_sha256=(verified.payload_sha256 or None) if body is not None else None,
        )
        made = _request(request, signed, found, streamed=body is not None)
        if operation.floor in READ_EFFECTS:
            return await self._read(principal, operation, found, made, sender, request_id)
        change = Change(
            principal=principal,
            surface="aws-gateway",
            operations=(operation,),
            received_at_ms=time.time_ns() // 1_000_000,
            intent=dict(request.headers).get(INTENT_HEADER, "")[:500],
        )
        reply = await self._submit(
            change,
            made,
            body,
            sender,
            botocore="botocore" in dict(request.headers).get("user-agent", "").lower(),
        )
        if reply.kind is ReplyKind.SENT and reply.response is not None:
            return WireResponse(reply.response.status, reply.response.headers, reply.response.body)
        return _said(found, reply, request_id)

    # --- the read lane -----------------------------------------------------------------------------------------------

    async def _read(
        self,
        principal: Principal,
        operation: Operation,
        found: Identified,
        request: Request,
        sender: Sender,
        request_id: str,
    ) -> WireResponse | None:
        decision = self._gate.read(principal, operation)
        if decision.verdict is not Verdict.ALLOW and decision.enforced:
            self._gate.note_read(principal, operation, 403)
            why = "; ".join(reason.message for reason in decision.reasons) or "no policy permits it"
            text = f"Keyturn does not let this read through: {why}"
            return encode_error(
                found.protocol,
                code=denied_code(found.protocol, found.service),
                message=text,
                request_id=request_id,
                service=found.service,
            )
        try:
            answer = await self._executor.forward(request, await self._executor.read_credentials())
        except (NotSentError, TimeoutError) as error:
            text = f"Keyturn could not reach {found.service}: {error}"
            return encode_error(
                found.protocol,
                code="KeyturnUnavailable",
                message=text,
                status=400,
                request_id=request_id,
                service=found.service,
            )
        self._gate.note_read(principal, operation, answer.status)
        base = self._executor.endpoint(request.service, request.region)
        length = next((value for name, value in answer.headers if name == "content-length"), None)
        bodiless = request.method == "HEAD" or answer.status in {204, 304}
        head = _head(
            answer.status, end_to_end(answer.headers), length=length, chunked=length is None and not bodiless
        )
        try:
            await sender.write(head)
            async for chunk in answer:
                await sender.write(chunk if length is not None else b"%x\r\n%s\r\n" % (len(chunk), chunk))
            if length is None and not bodiless:
                await sender.write(b"0\r\n\r\n")
        except (NotSentError, OSError, TimeoutError, ValueError) as error:
            raise ConnectionError(f"the answer of {found.service} broke off: {error}") from error
        finally:
            self._executor.http.release(base, answer)  # closed, where it was not read to its end
        return None

    # --- the change lane ---------------------------------------------------------------------------------------------

    async def _submit(
        self,
        change: Change,
        request: Request,
        body: AsyncIterator[bytes] | None,
        sender: Sender,
        *,
        botocore: bool,
    ) -> Reply:
        """Hand it to the plane; a client that understands it hears every now and then that the answer is still to come."""
        task = asyncio.ensure_future(self._gate.submit(change, (request,), body))
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=STILL_HOLDING_S)
                if done:
                    return task.result()
                if botocore:
                    sender.still_holding()
        finally:
            if not task.done():
                task.cancel()


def _request(request: WireRequest, signed: sigv4.Signed, found: Identified, *, streamed: bool) -> Request:
    headers = dict(request.headers)
    length = headers.get("content-length", "")
    return Request(
        operation=f"{found.service}:{found.operation}",
        parameters=found.parameters,
        method=request.method,
        target=found.target,
        headers=tuple(pair for pair in request.headers if pair[0] not in _NOT_KEPT),
        body=request.body or b"",
        protocol=found.protocol,
        service=found.service,
        signing_name=signed.scope.signing_name,
        region=signed.scope.region,
        streamed=streamed,
        streamed_bytes=int(length) if streamed and length.isdigit() else None,
    )


_CODES: Final = {"uncertain": "KeyturnUncertain", "not-executed": "KeyturnNotExecuted"}


def _said(found: Identified, reply: Reply, request_id: str) -> WireResponse:
    """A reply that is not the provider's: access denied in the service's own words; never a code that is retried."""
    code = _CODES.get(reply.code) or denied_code(found.protocol, found.service)
    status = 400 if reply.kind is ReplyKind.UNCERTAIN else 403
    return encode_error(
        found.protocol,
        code=code,
        message=reply.text,
        status=status,
        request_id=request_id,
        service=found.service,
    )


def _refusal(protocol: str, refused: sigv4.SignatureRefused, request_id: str) -> WireResponse:
    code = {
        "signature": "SignatureDoesNotMatch",
        "no-session": "InvalidClientTokenId",
        "skew": "RequestTimeTooSkewed",
    }.get(refused.code, "IncompleteSignature")
    text = f"Keyturn: {refused.reason}. {refused.help}".strip()
    return encode_error(protocol, code=code, message=text, status=403, request_id=request_id)


_REASONS: Final = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


def _head(status: int, headers: tuple[tuple[str, str], ...], *, length: str | None, chunked: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    if length is not None:
        lines.append(f"content-length: {length}")
    elif chunked:
        lines.append("transfer-encoding: chunked")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


async def _send(sender: Sender, response: WireResponse, *, bodiless: bool = False) -> None:
    """A whole answer; one to a HEAD says how long its body would be and has none (RFC 9110, 9.3.2)."""
    head = _head(response.status, response.headers, length=str(len(response.body)), chunked=False)
    await sender.write(head if bodiless else head + response.body)
