"""All I/O towards AWS: calls by name through botocore, the reviewed request byte for byte, credentials from STS."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final

import msgspec
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody

from keyturn.executors import lean, reading, writing
from keyturn.executors.aws_config import AwsConfig
from keyturn.executors.fetching import ElsewhereError, TooLargeError, fetched
from keyturn.executors.http import Answer as HttpAnswer
from keyturn.executors.http import Client, Connection, Receiver, head_bytes
from keyturn.executors.interface import Credentials, Hearer, Minted, NotSentError, Response, Sending, nothing
from keyturn.executors.minting import Minting
from keyturn.executors.nesting import resigned
from keyturn.executors.passing import SILENCE_S_MAX, Passing
from keyturn.model.change import Change, Request
from keyturn.model.execution import Answer, Call, Grant, Refused, Role, Succeeded, Unavailable
from keyturn.providers.aws import answers, sigv4, told
from keyturn.providers.aws.hosts import host_prefix
from keyturn.providers.aws.signing import form_v2

THREADS_MAX: Final = 16
"""botocore waits for the network in threads; the runtime's budget is no larger."""

RESPONSE_BYTES_MAX: Final = 16 * 1024 * 1024
"""A change's response is recorded whole; AWS's control-plane answers are under six megabytes."""

BODY_BYTES_MAX: Final = 16 * 1024 * 1024 + 1024
"""A streamed answer to a call of the plane itself is read whole; nothing larger is exported (`core.keeping.ITEM_BYTES_MAX`), and sealing
adds a nonce and a tag.
"""

ROLE_S: Final = 900
"""The shortest life STS gives a role's credential, and enough for one change."""

RENEW_MS: Final = 120_000
"""A kept credential is renewed this long before it ends."""

_NOT_PERMITTED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "InvalidClientTokenId",
        "ExpiredToken",
    }
)
_BUSY: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "TooManyRequestsException",
        "SlowDown",
        "ServiceUnavailable",
        "InternalFailure",
        "InternalServerError",
    }
)
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_FORWARDED: Final = _HOP_BY_HOP | {
    "host",
    "authorization",
    "content-length",
    "expect",
    "x-amz-date",
    "x-amz-security-token",
}
WRITTEN_ANEW: Final = _HOP_BY_HOP | {"content-length"}
_TAG_VALUE: Final = re.compile(r"[^\w+=,.@\-:/ ]")
_SOURCE: Final = re.compile(r"[^\w+=,.@\-]")


class AwsExecutor:
    """See `executors.interface.Executor`."""

    def __init__(
        self, config: AwsConfig, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._config, self._clock = config, clock
        self._stand_in = config.endpoint_url.rstrip("/")
        self.http = Client()
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="keyturn-aws")
        self._session = lean.session(config.profile)
        self._making = threading.Lock()  # botocore's sessions are not made for threads, its clients are
        self._roles: dict[Role, Credentials] = {}
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._endpoints: dict[tuple[str, str], str] = {}
        self._renewing = asyncio.Lock()
        self._minting = Minting(
            self._client,
            self._assume,
            self._threads,
            clock,
            change_role=config.change_role,
            partition=config.partition,
            account=config.account,
        )

    def __repr__(self) -> str:
        return (
            f"<AwsExecutor {self._config.account} {self._config.region} {self._config.endpoint_url or 'AWS'}>"
        )

    # --- calls by name -----------------------------------------------------------------------------------------------

    async def ask(self, call: Call, *, tags: dict[str, str]) -> Answer:
        try:
            credentials = await self._role(call.role)
        except NotSentError as error:
            return Unavailable(error.message)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, call, credentials)

    def _ask(self, call: Call, credentials: Credentials) -> Answer:
        service, _, operation = call.operation.partition(":")
        try:
            if call.operation == told.CODE:
                return Succeeded({"Body": self._code(call, credentials)})
            client = self._client(service, call.region, credentials)
            value = _plain(getattr(client, xform_name(operation))(**call.parameters))
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            message = str(error.response.get("Error", {}).get("Message", ""))
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
            if code in _BUSY or status >= 500:
                return Unavailable(f"{call.operation}: {code}")
            if code in _NOT_PERMITTED:
                return Unavailable(
                    f"{call.operation}: the plane's {call.role} role is not permitted ({code})"
                )
            return Refused(code=code, message=message, status=status)
        except ResponseParserError:  # its text quotes the answer, which nobody vouches for
            return Unavailable(f"{call.operation}: the answer could not be read")
        except BotoCoreError as error:
            return Unavailable(f"{call.operation}: {error}")
        except (TooLargeError, ElsewhereError) as error:
            return Unavailable(f"{call.operation}: {error}")
        value.pop("ResponseMetadata", None)
        return Succeeded(value)

    def _code(self, call: Call, credentials: Credentials) -> bytes:
        """A function's code. The place that Lambda tells is S3's own, or the stand-in's: nothing else is fetched, nor anything sent."""
        found = self._client("lambda", call.region, credentials).get_function(**call.parameters)
        place = str((found.get("Code") or {}).get("Location") or "")
        return fetched(place, self._stand_in, BODY_BYTES_MAX)

    def _client(self, service: str, region: str, credentials: Credentials) -> Any:
        key = (service, region or self._config.region, credentials.access_key_id)
        with self._making:
            if key not in self._clients:
                if len(self._clients) > 256:
                    self._clients.clear()  # credentials renew every quarter of an hour
                self._clients[key] = self._session.create_client(
                    service,
                    region_name=key[1],
                    endpoint_url=self._config.endpoint_url or None,
                    aws_access_key_id=credentials.access_key_id,
                    aws_secret_access_key=credentials.secret_access_key,
                    aws_session_token=credentials.session_token or None,
                    config=Config(
                        retries={"mode": "standard", "max_attempts": 3},
                        connect_timeout=5,
                        read_timeout=60,
                        s3={"addressing_style": "path"} if self._config.endpoint_url else None,
                    ),
                )
            return self._clients[key]

    # --- credentials -------------------------------------------------------------------------------------------------

    async def grant(
        self, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        credentials = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._assume, self._config.change_role, policy, tags, lease
        )
        made = Grant(
            change_digest=change.digest,
            actions=(),
            resources=(),
            policy=policy,
            expires_at_ms=credentials.expires_at_ms,
            lease=lease,
        )
        return made, credentials

    async def grant_through(
        self, minted: Minted, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        return await self._minting.grant(minted, change, policy=policy, lease=lease)

    async def read_through(self, minted: Minted) -> Credentials:
        """For a read by a credential that was handed out. Raises `NotSentError` when it has ended or is refused."""
        return await self._minting.read(minted, renew_ms=RENEW_MS)

    async def read_credentials(self) -> Credentials:
        return await self._role(Role.READ)

    def kept_credentials(self, role: Role) -> Credentials | None:
        """What is at hand and does not end soon."""
        kept = self._roles.get(role)
        return kept if kept is not None and kept.expires_at_ms - self._clock() > RENEW_MS else None

    async def _role(self, role: Role) -> Credentials:
        role = Role.VAULT if role is Role.VAULT_READ else role
        kept = self.kept_credentials(role)
        if kept is not None:
            return kept
        async with self._renewing:
            kept = self.kept_credentials(role)
            if kept is not None:
                return kept
            arn = self._config.arn_of(role)
            made = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._assume, arn, "", {"role": str(role)}, f"keyturn-{role}"
            )
            self._roles[role] = made
            return made

    def _assume(self, arn: str, policy: str, tags: dict[str, str], lease: str) -> Credentials:
        base = self._base()
        if not arn:
            return base
        given: dict[str, Any] = {
            "RoleArn": arn,
            "RoleSessionName": _SOURCE.sub("-", lease)[:64],
            "DurationSeconds": ROLE_S,
            "Tags": [
                {"Key": f"keyturn:{key}", "Value": _TAG_VALUE.sub("-", value)[:256]}
                for key, value in tags.items()
            ],
        }
        if tags.get("session"):
            given["SourceIdentity"] = _SOURCE.sub("-", f"{tags.get('operator', '')}.{tags['session']}")[:64]
        if policy:
            given["Policy"] = policy
        try:
            got = self._client("sts", self._config.region, base).assume_role(**given)["Credentials"]
        except ClientError as error:
            raise NotSentError(
                "no-role",
                f"the role {arn} cannot be assumed: {error.response['Error']['Code']}",
                help="see: keyturn guard aws",
            ) from error
        except BotoCoreError as error:
            raise NotSentError("no-sts", f"STS cannot be reached: {error}") from error
        return Credentials(
            access_key_id=got["AccessKeyId"],
            secret_access_key=got["SecretAccessKey"],
            session_token=got["SessionToken"],
            expires_at_ms=int(got["Expiration"].timestamp() * 1000),
        )

    def _base(self) -> Credentials:
        far = self._clock() + 3_600_000
        if self._config.access_key_id:
            return Credentials(self._config.access_key_id, self._config.secret_access_key, "", far)
        with self._making:
            found = self._session.get_credentials()
        if found is None:
            raise NotSentError(
                "no-credentials",
                "the plane has no AWS credentials of its own",
                help="give it a profile or an instance role; see keyturn.toml",
            )
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "", far)

    # --- the request as it came --------------------------------------------------------------------------------------

    async def send(
        self,
        request: Request,
        credentials: Credentials,
        body: AsyncIterator[bytes] | None = None,
        *,
        hearer: Hearer | None = None,
        last_look: Callable[[], None] = nothing,
    ) -> Sending:
        if request.streamed and body is None:
            raise NotSentError("no-body", "the body is not here")
        request = resigned(request, credentials, self.endpoint)
        streamed = answers.streamed(request.operation)
        try:
            given = body if request.streamed else None
            silence_s = SILENCE_S_MAX if streamed else None
            answer = await self.forward(
                request, credentials, given, last_look=last_look, silence_s_max=silence_s
            )
        except NotSentError:
            raise
        except (ConnectionError, TimeoutError, OSError) as error:
            return Sending(None, f"the connection failed after the request left: {type(error).__name__}")
        base = self.base(request)
        if streamed and answer.status < 300:
            return await self._pass_on(request, answer, streamed, hearer)
        try:
            content = await answer.read(RESPONSE_BYTES_MAX)
        except (ConnectionError, TimeoutError, ValueError) as error:
            return Sending(None, f"the answer could not be read ({answer.status}): {error}")
        self.http.release(base, answer)
        response = Response(answer.status, end_to_end(answer.headers), content)
        return await self._minting.exchange(request, response)

    async def _pass_on(
        self, request: Request, answer: HttpAnswer, streamed: str, hearer: Hearer | None
    ) -> Sending:
        """An answer that is given on as it comes."""
        passing = Passing(answer, end_to_end(answer.headers), streamed)
        try:
            response = await passing.through(hearer)
        except (OSError, ValueError) as error:  # a time-out is an OSError
            broke = f"its answer ({answer.status}) broke off after {passing.came_bytes:,} bytes"
            return Sending(None, "; ".join(text for text in (f"{broke}: {error}", passing.note) if text))
        finally:
            self.http.release(self.base(request), answer)  # closed, where it was not read to its end
        sending = await self._minting.exchange(request, response)
        note = "; ".join(text for text in (sending.note, passing.note) if text)
        return msgspec.structs.replace(sending, note=note)

    async def forward(
        self,
        request: Request,
        credentials: Credentials,
        body: AsyncIterator[bytes] | None = None,
        *,
        last_look: Callable[[], None] = nothing,
        silence_s_max: float | None = None,
    ) -> HttpAnswer:
        """Sign with `credentials` and send once; the answer's body is still on its way."""
        streamed = body is not None
        if request.service in form_v2.SERVICES and not streamed:
            request = self._signed_in_its_form(request, credentials)
            base, signed = self.base(request), request.headers
        else:
            base, signed = self._signed(request, credentials, streamed=streamed)
        given = request.body if body is None else body
        return await self.http.request(
            base, request.method, request.target, signed, given, last_look, silence_s_max=silence_s_max
        )

    def relay(
        self, request: Request, credentials: Credentials, receiver: Receiver, *, payload_sha256: str = ""
    ) -> Connection | None:
        """Sign and send a read at once, where a connection is at hand; its answer goes to `receiver`. None: use `forward`.

        `payload_sha256` is the hex digest of the request's body, where that is known from verifying it.
        """
        if request.service in form_v2.SERVICES:
            return None
        base, signed = self._signed(request, credentials, streamed=False, payload_sha256=payload_sha256)
        head = head_bytes(request.method, request.target, signed)
        return self.http.relay(base, head, request.body, receiver, bodiless=request.method == "HEAD")

    def _signed(
        self, request: Request, credentials: Credentials, *, streamed: bool, payload_sha256: str = ""
    ) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Where it goes, and its headers under the plane's signature."""
        base = self.base(request)
        if streamed:
            declared = dict(request.headers).get("x-amz-content-sha256", "")
            length, payload = request.streamed_bytes or 0, declared or sigv4.UNSIGNED
        else:
            length, payload = len(request.body), payload_sha256 or hashlib.sha256(request.body).hexdigest()
        headers = _forwarded(request, base, length)
        if answers.of(request.operation).rewritten:  # what is rewritten must come as it can be read
            headers = tuple([pair for pair in headers if pair[0] != "accept-encoding"])
        return base, sigv4.sign(
            request.method,
            request.target,
            headers,
            payload_sha256=payload,
            access_key_id=credentials.access_key_id,
            secret=credentials.secret_access_key,
            token=credentials.session_token,
            region=request.region,
            signing_name=request.signing_name,
            now_s=self._clock() / 1000,
        )

    def _signed_in_its_form(self, request: Request, credentials: Credentials) -> Request:
        """For a service that knows no signature but version 2."""
        base = self.base(request)
        keys = credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        body = form_v2.signed(request.body, _host(base), request.target, keys, now_s=self._clock() / 1000)
        return msgspec.structs.replace(request, headers=_forwarded(request, base, len(body)), body=body)

    def written(self, call: Call) -> Request:
        with self._making:
            return writing.written(self._session, call)

    def answered(self, request: Request, response: Response) -> dict[str, Any]:
        with self._making:
            return reading.answered(self._session, request, response)

    def rewritten(self, request: Request, texts: Mapping[str, str]) -> Request:
        return reading.rewritten(request, texts)

    def base(self, request: Request) -> str:
        """Where this request goes: the service's endpoint, with the prefix that some operations have before it."""
        base = self.endpoint(request.service, request.region)
        if self._stand_in:
            return base
        prefix = host_prefix(request.service, request.operation.partition(":")[2], request.parameters)
        scheme, _, host = base.partition("://")
        return f"{scheme}://{prefix}{host}" if prefix else base

    def endpoint(self, service: str, region: str) -> str:
        if self._stand_in:
            return self._stand_in
        key = (service, region)
        if key not in self._endpoints:
            nobody = Credentials("nobody", "nobody", "", 0)
            try:
                url = str(self._client(service, region, nobody).meta.endpoint_url)
            except BotoCoreError as error:
                raise NotSentError(
                    "no-endpoint", f"{service} has no endpoint in {region}: {error}"
                ) from error
            self._endpoints[key] = url.rstrip("/")
        return self._endpoints[key]

    async def close(self) -> None:
        self.http.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


@lru_cache(maxsize=512)
def _host(base: str) -> str:
    return base.partition("://")[2].partition("/")[0]


def _forwarded(request: Request, base: str, length: int) -> tuple[tuple[str, str], ...]:
    """The headers that go on, to be signed: the host they go to, what came, and how long the body is."""
    kept = [pair for pair in request.headers if pair[0] not in _NOT_FORWARDED]
    return (("host", _host(base)), *kept, ("content-length", str(length)))


def end_to_end(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Headers that belong to the answer, not to the connection; the length is written anew."""
    return tuple([pair for pair in headers if pair[0] not in WRITTEN_ANEW])


def _plain(value: Any) -> Any:
    """An answer as plain JSON data: times as text, bytes as they are, what streams read whole, up to `BODY_BYTES_MAX`."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, StreamingBody):
        data: bytes = value.read(BODY_BYTES_MAX + 1)
        value.close()
        if len(data) > BODY_BYTES_MAX:
            raise TooLargeError(f"it answered with more than {BODY_BYTES_MAX:,} bytes")
        return data
    return value.isoformat() if hasattr(value, "isoformat") else value
