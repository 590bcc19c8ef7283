"""What an executor promises to the runtime.

1. `ask` never raises for what a provider answers: errors are `Refused`, silence is `Unavailable`. Bounded in time and size.
2. `send` sends the reviewed request, byte for byte in method, target and body, once. It raises `NotSentError` only when
   certainly nothing reached the provider; any doubt is an outcome `uncertain`.
3. A response that hands out credentials is given back with virtual ones in their place (`Minted`); what AWS gave is in no response.
4. Credentials come from the plane's roles; a `Grant`'s session policy rides on the change role. Reads use the read role.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from keyturn.errors import UnavailableError
from keyturn.model.change import Change, Request
from keyturn.model.execution import Answer, Call, Grant, Role

REQUEST_IDS: Final = ("x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id")
"""In which header AWS's services name a request, in small letters; S3 by the second (CloudTrail record contents, ``requestID``)."""

REQUEST_ID_CHARS_MAX: Final = 128


class NotSentError(UnavailableError):
    """Certainly nothing left: the connection could not be made or the credential not be had."""


class Credentials(msgspec.Struct, frozen=True):
    """Short-lived keys of one of the plane's roles. Never logged; `repr` hides the secret."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at_ms: int

    def __repr__(self) -> str:
        return f"<Credentials {self.access_key_id[:4]}… expires_at_ms={self.expires_at_ms}>"


class Response(msgspec.Struct, frozen=True):
    """What the provider answered to `send`, as bytes; recorded sealed, and given to the client as it is.

    Of a body that passed to the client and was too long to be kept, `passed_bytes` and `sha256` (hex) are there, and `body` is empty.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    passed_bytes: int = 0
    sha256: str = ""

    @property
    def request_id(self) -> str:
        """What the provider calls this request, in its answer and in its trail; empty where it said nothing of the kind."""
        named = dict(reversed(self.headers))
        found = next((named[name] for name in REQUEST_IDS if named.get(name)), "")
        return found[:REQUEST_ID_CHARS_MAX]


class Hearer(Protocol):
    """A client that hears an answer as it comes. Both raise `ConnectionError` once it has left, and wait while it takes no more."""

    @property
    def begun(self) -> bool:
        """Whether it has heard something."""
        ...

    async def head(self, status: int, headers: list[tuple[str, str]]) -> None: ...

    async def body(self, piece: bytes, *, between: bool) -> None:
        """`between`: this piece ends a message of an event stream, and none is begun."""
        ...


class Minted(msgspec.Struct, frozen=True):
    """A credential that a response handed out. The agent has `access_key_id`, `secret` and `token`, which only the gateway honours;
    `real` stays with the plane, sealed. `identity` and `account` are whom AWS takes it for; empty where that is not known.
    """

    access_key_id: str
    secret: str
    token: str
    real: Credentials
    origin: str  # the operation that handed it out
    identity: str
    account: str
    region: str
    expires_at_ms: int
    session: str = ""
    assume: dict[str, Any] | None = None  # how the same role is assumed again, narrowed to one change
    parent: Minted | None = None  # whose credential asked for it

    def __repr__(self) -> str:
        return f"<Minted {self.access_key_id} {self.identity or 'unknown'} by {self.origin}>"


class Sending(msgspec.Struct, frozen=True):
    """Either the response, or why it is uncertain whether the call took effect.

    `note` is what is to be said of the response; `withheld` is not empty where the call took effect and its response is ours.
    """

    response: Response | None
    uncertain: str = ""
    minted: tuple[Minted, ...] = ()
    note: str = ""
    withheld: str = ""


def nothing() -> None:
    """There is nothing to look at."""


class Executor(Protocol):
    """Calls by name and the reviewed request, under the plane's roles."""

    async def ask(self, call: Call, *, tags: dict[str, str]) -> Answer:
        """One call of the plane itself. `tags` name session, agent and case (SourceIdentity and session tags)."""
        ...

    async def grant(
        self, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        """AssumeRole of the change role with the session policy. Raises `NotSentError` when refused."""
        ...

    async def grant_through(
        self, minted: Minted, change: Change, *, policy: str, tags: dict[str, str], lease: str
    ) -> tuple[Grant, Credentials]:
        """As `grant`, by a credential that was handed out: never more than that one permits. Raises `NotSentError` when refused."""
        ...

    async def read_credentials(self) -> Credentials:
        """For the read lane: the read-only role (cached until shortly before it expires)."""
        ...

    async def send(
        self,
        request: Request,
        credentials: Credentials,
        body: AsyncIterator[bytes] | None = None,
        *,
        hearer: Hearer | None = None,
        last_look: Callable[[], None] = nothing,
    ) -> Sending:
        """`last_look` is called when the connection stands and the next thing is the first byte; what it raises is raised, and
        nothing leaves. A good answer that comes as a stream is given to `hearer` as it comes, and is in the `Sending` all the same.
        """
        ...

    def written(self, call: Call) -> Request:
        """The call as the request that an SDK would send, read as the gateway reads one; nothing leaves. Raises `NotSentError`."""
        ...

    def answered(self, request: Request, response: Response) -> dict[str, Any]:
        """The answer as an SDK would give it, without its metadata. Raises `NotSentError` where it cannot be read."""
        ...

    def rewritten(self, request: Request, texts: Mapping[str, str]) -> Request:
        """The request with these ids in place of others, read again from its bytes. Raises `NotSentError` where it cannot be."""
        ...

    def endpoint(self, service: str, region: str) -> str:
        """Base URL of the service, chosen by the plane, never by the client."""
        ...

    async def close(self) -> None: ...


__all__ = ["Credentials", "Executor", "Hearer", "Minted", "NotSentError", "Response", "Role", "Sending"]
