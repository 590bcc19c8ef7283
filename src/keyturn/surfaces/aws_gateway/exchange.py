"""What one request is answered: verify, identify, choose the lane, forward a read or hand a change to the plane."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from keyturn.errors import BugError
from keyturn.executors.aws import AwsExecutor
from keyturn.executors.interface import NotSentError
from keyturn.model.change import Change, Operation, Principal, Request
from keyturn.model.decision import Verdict
from keyturn.model.execution import Role
from keyturn.providers.aws import answers, uploads
from keyturn.providers.aws.hosts import settled
from keyturn.providers.aws.nested import meant
from keyturn.providers.aws.operation import operation_from, read_from
from keyturn.providers.aws.resources import Home
from keyturn.providers.aws.signing import checks, front
from keyturn.providers.aws.signing.values import Authentic, Chunks, Refused, Secret
from keyturn.providers.aws.wire import (
    CredentialScope,
    Identified,
    Unidentified,
    WireRequest,
    identify,
)
from keyturn.providers.aws.wire_errors import WireResponse
from keyturn.providers.aws.wire_guess import shape_of
from keyturn.runtime.interface import Gate, Reply, ReplyKind
from keyturn.surfaces.aws_gateway.answering import (
    given_on,
    inward,
    read_whole,
    reading_credentials,
    rewritten,
)
from keyturn.surfaces.aws_gateway.hearing import Hearing
from keyturn.surfaces.aws_gateway.incoming import unwrapped
from keyturn.surfaces.aws_gateway.limits import STILL_HOLDING_S
from keyturn.surfaces.aws_gateway.observing import Observer, span_of, trace_of
from keyturn.surfaces.aws_gateway.proxy import Authority, Intercept, NotHere, PassThrough, where
from keyturn.surfaces.aws_gateway.relay import Client, Framing, Relay
from keyturn.surfaces.aws_gateway.saying import (
    CODES,
    NO_SESSION,
    OTHER_ACCOUNT,
    Refusing,
    Sender,
    fault,
    internal,
    refusing,
    said,
    send,
    unreadable,
)

log = logging.getLogger("keyturn.gateway")

INTENT_HEADER: Final = "x-keyturn-intent"
"""What an agent says it wants; shown as untrusted, never decided on."""

_NOT_KEPT: Final = frozenset(
    {"authorization", "connection", "expect", "host", "transfer-encoding", INTENT_HEADER}
)


class Reading(msgspec.Struct, frozen=True):
    """A read that is allowed."""

    principal: Principal
    operation: Operation
    found: Identified
    request: Request
    request_id: str
    begun_s: float  # by `time.perf_counter`, at its last byte
    trace: str = ""
    payload_sha256: str = ""  # of its body, where the signature covered it
    host: str = ""  # this gateway, as its client calls it; empty where the client believes to speak to AWS


class Changing(msgspec.Struct, frozen=True):
    """A change, for the plane."""

    change: Change
    found: Identified
    request: Request
    request_id: str
    botocore: bool
    begun_s: float
    chunks: Chunks | None = None  # how its body is decoded on its way, where it is sent in chunks
    trace: str = ""
    host: str = ""  # as a reading's


Judged = Refusing | Reading | Changing

_TUNNELS: Final = {Intercept: "answered here", PassThrough: "passed through", NotHere: "refused"}


def _identified(request: WireRequest, scope: CredentialScope, origin: str) -> Identified | Unidentified:
    if not origin:
        return identify(request, scope)
    if request.by_name.get("host", "").removesuffix(":443").lower() != origin:
        return Unidentified("host", f"the connection is to {origin}, the request says otherwise")
    there = settled(request, scope, origin)
    return there if isinstance(there, Unidentified) else identify(there, scope)


class Exchange:
    """Serves requests; holds no state of its own."""

    def __init__(
        self,
        gate: Gate,
        executor: AwsExecutor,
        *,
        account: str,
        partition: str,
        authority: Authority | None = None,
        tunnels: tuple[str, ...] = (),
        observer: Observer | None = None,
    ) -> None:
        self._authority, self._tunnels = authority, tunnels
        self._observer = observer or Observer()
        self._gate, self._executor, self._account, self._partition = gate, executor, account, partition
        self._region = _FIRST_REGION.get(partition, "us-east-1")
        self._boot, self._numbers = uuid.uuid4().hex[:12], itertools.count(1)

    # --- as a proxy --------------------------------------------------------------------------------------------------

    def connects(self, target: str, authorization: str) -> Intercept | PassThrough | NotHere:
        """Where a CONNECT to this host leads."""
        if self._authority is None:
            return NotHere(
                405, "NoProxy", "this gateway is no proxy: set gateway.proxy = true in keyturn.toml"
            )
        found = where(target, authorization, self._gate, tunnels=self._tunnels)
        self._observer.tunnel(_TUNNELS[type(found)])
        return found

    def certificate_for(self, host: str) -> ssl.SSLContext:
        if self._authority is None:
            raise BugError("no-authority", "a tunnel was to end here, and nobody signs for it")
        return self._authority.context(host)

    # --- judging -----------------------------------------------------------------------------------------------------

    def judge(self, request: WireRequest, origin: str = "") -> Judged:
        """What this request is: verified, identified, its lane chosen; a read is decided too. Total: never raises, sends nothing.

        `origin` is the host that a client of the proxy believes to speak to.
        """
        begun_s = time.perf_counter()
        request_id = f"{self._boot}-{next(self._numbers):x}"
        try:
            judged = self._judge(request, request_id, origin, begun_s)
        except Exception:
            log.exception("request %s failed inside; nothing was forwarded by this", request_id)
            judged = Refusing(internal("json", request_id), request.method == "HEAD")
        if isinstance(judged, Refusing):
            return msgspec.structs.replace(judged, request_id=request_id, begun_s=begun_s)
        return judged

    def _judge(self, request: WireRequest, request_id: str, origin: str, begun_s: float) -> Judged:
        claim = front.claim(request, region=self._region, origin=origin)
        if isinstance(claim, Refused):
            return refusing(request, shape_of(request, None), claim, request_id)
        key = self._gate.session(claim.scope.access_key_id)
        if key is None:
            return refusing(request, shape_of(claim.request, claim.scope), NO_SESSION, request_id)
        signed = front.verify(claim, Secret(key.secret, key.token), now_s=time.time())
        if isinstance(signed, Refused):
            shape = shape_of(claim.request, claim.scope)
            return refusing(request, shape, signed, request_id, session=key.session)
        host = "" if origin else request.by_name.get("host", "")
        request = inward(signed.request, signed.scope, host, self._executor)
        found = _identified(request, signed.scope, origin)
        found = meant(found, request, signed.scope, Secret(key.secret, key.token), now_s=time.time())
        if isinstance(found, Unidentified):
            return unreadable(request, shape_of(request, signed.scope), found, request_id, key.session)
        other = key.virtual and key.account != self._account
        wrong = OTHER_ACCOUNT if other else checks.uncovered(signed, f"{found.service}:{found.operation}")
        if wrong is not None:
            shape = shape_of(request, signed.scope)
            return refusing(request, shape, wrong, request_id, session=key.session)
        principal = Principal(
            agent=key.agent, session=key.session, operator=key.operator, through=key.through
        )
        home = Home(self._partition, self._account, signed.scope.region)
        made = _request(request, signed, found, key.access_key_id if key.virtual else "")
        read = read_from(found.service, found.operation, found.parameters, home)
        if read is not None:
            trace = trace_of(request.by_name)
            covered = signed.payload.sha256 if request is signed.request else ""  # else it is another body
            reading = Reading(principal, read, found, made, request_id, begun_s, trace, covered, host)
            return self._judge_read(request, reading)
        operation = operation_from(
            found.service,
            found.operation,
            found.parameters,
            home=home,
            seal=self._gate.seal,
            payload_sha256=(signed.payload.sha256 or None) if request.body is None else None,
        )
        headers = request.by_name
        change = Change(
            principal=principal,
            surface="aws-gateway",
            operations=(self._of_upload(principal, operation, found),),
            received_at_ms=time.time_ns() // 1_000_000,
            intent=headers.get(INTENT_HEADER, "")[:500],
            trace=span_of(headers),
        )
        botocore = "botocore" in headers.get("user-agent", "").lower()
        chunks, trace = signed.payload.chunks, trace_of(headers)
        return Changing(change, found, made, request_id, botocore, begun_s, chunks, trace, host)

    def _of_upload(self, principal: Principal, operation: Operation, found: Identified) -> Operation:
        """With the case of the upload that it belongs to, where this session began one."""
        mark = uploads.mark(operation.name, found.parameters)
        begun = self._gate.upload(principal, operation, uploads.BEGINS, mark) if mark else None
        if begun is None:
            return operation
        return msgspec.structs.replace(operation, within=begun.case_id, reviewed_on=begun.reviewed_on)

    def _judge_read(self, request: WireRequest, reading: Reading) -> Refusing | Reading:
        decision = self._gate.read(reading.principal, reading.operation)
        if decision.verdict is Verdict.ALLOW or not decision.enforced:
            return reading
        self._gate.note_read(reading.principal, reading.operation, 403)
        why = "; ".join(reason.message for reason in decision.reasons) or "no policy permits it"
        text = f"Keyturn does not let this read through: {why}"
        return Refusing(fault(reading.found, text, reading.request_id), request.method == "HEAD")

    # --- answering ---------------------------------------------------------------------------------------------------

    async def serve(self, judged: Judged, body: AsyncIterator[bytes] | None, sender: Sender) -> None:
        """Answer one request. Whatever fails inside, nothing is forwarded by the failure, and the client hears an error once."""
        if isinstance(judged, Refusing):
            if judged.code:
                await self._gate.refuse(judged.session, judged.code, judged.reason)
            self._observer.answered(
                "refused" if judged.code else "read",
                "refused" if judged.code else "denied",
                judged.answer.status,
                judged.begun_s,
                request_id=judged.request_id,
                session=judged.session,
                code=judged.code,
            )
            await send(sender, judged.answer, bodiless=judged.bodiless)
            return
        try:
            if isinstance(judged, Reading):
                answer = await self._read(judged, sender)
            else:
                answer = await self._change(judged, body, sender)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("request %s failed inside; nothing was forwarded by this", judged.request_id)
            answer = internal(judged.found.protocol, judged.request_id)
        if answer is not None:
            await send(sender, answer, bodiless=judged.request.method == "HEAD")

    # --- the read lane -----------------------------------------------------------------------------------------------

    def relay(self, judged: Judged, client: Client) -> Relay | None:
        """Begin a read that can pass at once, without a task of its own; None for everything else (then: `serve`)."""
        if not isinstance(judged, Reading):
            return None
        credentials = self._executor.kept_credentials(Role.READ)
        if credentials is None or judged.request.credential or rewritten(judged.operation.name, judged.host):
            return None
        relay = Relay(judged.request.method, client, functools.partial(self._note, judged))
        connection = self._executor.relay(
            judged.request, credentials, relay, payload_sha256=judged.payload_sha256
        )
        if connection is None:
            return None
        relay.over(connection, functools.partial(self._executor.http.give_back, connection.base, connection))
        return relay

    def _note(self, reading: Reading, status: int) -> None:
        self._gate.note_read(reading.principal, reading.operation, status)
        self._observer.answered(
            "read",
            "sent",
            status,
            reading.begun_s,
            request_id=reading.request_id,
            operation=reading.operation.name,
            resources=reading.operation.resources,
            session=reading.principal.session,
            agent=reading.principal.agent,
            trace=reading.trace,
        )

    async def _read(self, reading: Reading, sender: Sender) -> WireResponse | None:
        request = reading.request
        try:
            credentials = await reading_credentials(self._gate, self._executor, request)
            answer = await self._executor.forward(request, credentials)
        except (NotSentError, TimeoutError) as error:
            text = f"Keyturn could not reach {reading.found.service}: {error}"
            return fault(reading.found, text, reading.request_id, code="KeyturnUnavailable", status=400)
        self._note(reading, answer.status)
        base = self._executor.base(request)
        if rewritten(request.operation, reading.host):
            return await read_whole(self._executor, reading.found, request, reading.host, answer)
        framing = Framing(request.method, answer.status, answer.headers)
        try:
            await sender.write(framing.head)
            async for chunk in answer:
                await sender.write(framing.piece(chunk))
            if framing.end:
                await sender.write(framing.end)
        except (NotSentError, OSError, TimeoutError, ValueError) as error:
            raise ConnectionError(f"the answer of {reading.found.service} broke off: {error}") from error
        finally:
            self._executor.http.release(base, answer)  # closed, where it was not read to its end
        return None

    # --- the change lane ---------------------------------------------------------------------------------------------

    async def _change(
        self, changing: Changing, body: AsyncIterator[bytes] | None, sender: Sender
    ) -> WireResponse | None:
        if body is not None and changing.chunks is not None:
            body = unwrapped(body, changing.chunks)
        hearing = Hearing(sender, changing.request.method)
        try:
            reply = await self._submit(changing, body, sender, hearing)
        except Exception as error:
            if hearing.begun:  # it cannot be told otherwise any more
                raise ConnectionError(f"{changing.request_id} failed in the middle of its answer") from error
            raise
        self._observer.answered(
            "change",
            str(reply.kind),
            hearing.status or (reply.response.status if reply.response is not None else 403),
            changing.begun_s + hearing.lasted_s,
            request_id=changing.request_id,
            operation=changing.change.operations[0].name,
            resources=changing.change.resources,
            session=changing.change.principal.session,
            agent=changing.change.principal.agent,
            case_id=reply.case_id,
            code=reply.code,
            trace=changing.trace,
        )
        if hearing.begun:
            await hearing.end(reply, CODES.get(reply.code, "KeyturnUncertain"))
            return None
        if reply.kind is ReplyKind.SENT and reply.response is not None:
            return given_on(changing.found, changing.host, reply.response)
        return said(changing.found, reply, changing.request_id)

    async def _submit(
        self, changing: Changing, body: AsyncIterator[bytes] | None, sender: Sender, hearing: Hearing
    ) -> Reply:
        """Hand it to the plane; a client that understands it hears every now and then that the answer is still to come."""
        first = changing.change.operations[0]
        if first.within and first.name == uploads.PART:
            return await self._gate.send_part(changing.change, changing.request, body)
        hearer = hearing if answers.streamed(changing.request.operation) else None
        task = asyncio.ensure_future(self._gate.submit(changing.change, (changing.request,), body, hearer))
        try:
            while True:
                done, _ = await asyncio.wait({task}, timeout=STILL_HOLDING_S)
                if done:
                    return task.result()
                if changing.botocore and not hearing.begun:
                    sender.still_holding()
        finally:
            if not task.done():
                task.cancel()


_FIRST_REGION: Final = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""What is meant by a signature that names no region: S3's older URLs are made for the partition's first one only."""


def _request(request: WireRequest, signed: Authentic, found: Identified, credential: str) -> Request:
    streamed = request.body is None
    length = request.by_name.get("content-length", "") if streamed else ""
    return Request(
        operation=f"{found.service}:{found.operation}",
        parameters=found.parameters,
        method=request.method,
        target=found.target,
        headers=tuple([pair for pair in request.headers if pair[0] not in _NOT_KEPT]),
        body=request.body or b"",
        protocol=found.protocol,
        service=found.service,
        signing_name=signed.scope.signing_name,
        region=signed.scope.region,
        streamed=streamed,
        streamed_bytes=int(length) if streamed and length.isdigit() else None,
        credential=credential,
    )
