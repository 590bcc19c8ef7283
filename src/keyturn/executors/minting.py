"""Credentials that a response hands out: taken from it, and used in their holder's place, never wider than one call needs.

The agent gets virtual ones, which open nothing but the gateway. A call that it makes with them is decided like any other, and is made
with what AWS gave, narrowed where that can be: a role that was assumed is assumed again for this one call, with the call's scope as
its session policy, so that what passes is what the role *and* the scope permit. What cannot be assumed again (a user's key, a session
that the agent narrowed itself or that took a second factor) is used as it is, and the grant says so.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import Executor as Threads
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from keyturn.executors.interface import Credentials, Minted, NotSentError, Response, Sending
from keyturn.model.change import Change, Request
from keyturn.model.execution import Grant
from keyturn.providers.aws import answers
from keyturn.providers.aws.protocols.values import UnmodelledError
from keyturn.providers.aws.rewriting import Rewritten, Triple, rewrite
from keyturn.providers.aws.wire_errors import encode_error

NEVER_MS: Final = 366 * 24 * 3_600_000
"""A key without an end ends with its session, which is far sooner."""

ASSUMED_S: Final = 900
"""The shortest life STS gives a role's credential, and enough for one change."""

KEPT_FOR_READS_MAX: Final = 256
"""Narrowed credentials for reads that are kept; a session seldom assumes more than a handful of roles."""

_REPEATED: Final = frozenset(
    {
        "RoleArn",
        "RoleSessionName",
        "ExternalId",
        "Tags",
        "TransitiveTagKeys",
        "SourceIdentity",
        "DurationSeconds",
    }
)
"""What an AssumeRole may say and still be made again, narrower: not a policy of its own, nor a second factor's code."""

_OF_THE_BODY: Final = frozenset({"content-md5", "etag", "x-amz-crc32", "content-encoding"})
"""Headers that speak of the body as it was."""

_ARN: Final = re.compile(rb"<Arn>(arn:[a-z-]+:(?:sts|iam)::[0-9]{12}:[^<]{1,1024})</Arn>")
_USER: Final = re.compile(rb"<UserName>([^<]{1,128})</UserName>")

Client = Callable[[str, str, Credentials], Any]
Assume = Callable[[str, str, dict[str, str], str], Credentials]


class Minting:
    """Takes credentials out of responses, and has narrower ones made of them."""

    def __init__(
        self,
        client: Client,
        assume: Assume,
        threads: Threads,
        clock: Callable[[], int],
        *,
        change_role: str,
        partition: str,
        account: str,
    ) -> None:
        self._client, self._assume, self._threads, self._clock = client, assume, threads, clock
        self._change_role, self._partition, self._account = change_role, partition, account
        self._reading: dict[str, Credentials] = {}

    # --- out of a response -------------------------------------------------------------------------------------------

    async def exchange(self, request: Request, response: Response) -> Sending:
        """The response as it may be given on, and what was taken out of it."""
        hands_out = answers.of(request.operation)
        if hands_out is answers.NOTHING or response.status >= 300:
            return Sending(response)
        note = f"its answer hands out {', '.join(hands_out.left[:3])}" if hands_out.left else ""
        if not hands_out.rewritten:
            return Sending(response, note=note)
        try:
            made = self._rewritten(request, response, hands_out)
        except UnmodelledError as error:
            return _withheld(request, error.reason)
        minted = [await self._minted(request, response, real, virtual) for real, virtual in made.kept]
        names = ", ".join(
            f"{each.access_key_id} for {each.identity or 'an identity not known'}" for each in minted
        )
        kept = f"the credential in its answer stays with Keyturn, the agent has {names}" if minted else ""
        headers = tuple(pair for pair in response.headers if not _of_the_body(pair[0]))
        return Sending(
            Response(response.status, headers, made.body),
            minted=tuple(minted),
            note="; ".join(text for text in (kept, note) if text),
        )

    def _rewritten(self, request: Request, response: Response, hands_out: answers.HandsOut) -> Rewritten:
        coding = dict(response.headers).get("content-encoding", "identity")
        if coding not in {"", "identity"}:
            raise UnmodelledError("answer", f"it is encoded as {coding[:20]!r}")
        return rewrite(request.protocol, response.body, hands_out, _virtual)

    async def _minted(self, request: Request, response: Response, real: Triple, virtual: Triple) -> Minted:
        expires = real.expires_at_ms if real.expires_at_ms is not None else self._clock() + NEVER_MS
        credentials = Credentials(real.access_key_id, real.secret, real.token, expires)
        identity = self._said(request, response) or await self._run(self._asked, request.region, credentials)
        account = identity.split(":")[4] if identity.count(":") >= 5 else ""
        return Minted(
            access_key_id=virtual.access_key_id,
            secret=virtual.secret,
            token=virtual.token,
            real=credentials,
            origin=request.operation,
            identity=_role_of(identity),
            account=account,
            region=request.region,
            expires_at_ms=expires,
            assume=_again(request),
        )

    def _said(self, request: Request, response: Response) -> str:
        """Whom AWS takes it for, where the answer says so."""
        if request.operation == "iam:CreateAccessKey":
            user = _USER.search(response.body)
            return f"arn:{self._partition}:iam::{self._account}:user/{user[1].decode()}" if user else ""
        found = _ARN.search(response.body) if request.operation.startswith("sts:") else None
        return found[1].decode("utf-8", "replace") if found else ""

    def _asked(self, region: str, credentials: Credentials) -> str:
        """Whom AWS takes it for, asked of STS, which answers everybody; empty where it does not."""
        try:
            return str(self._client("sts", region, credentials).get_caller_identity()["Arn"])
        except (ClientError, BotoCoreError):
            return ""

    async def _run(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    # --- in its holder's place ---------------------------------------------------------------------------------------

    async def grant(
        self, minted: Minted, change: Change, *, policy: str, lease: str
    ) -> tuple[Grant, Credentials]:
        """For one change. Raises `NotSentError` when it has ended or is refused."""
        self._live(minted)
        credentials, why = minted.real, "the credential that was handed out cannot be narrowed"
        if minted.assume is not None:
            credentials, why = await self._run(self._narrowed, minted, {"Policy": policy}, lease), ""
        grant = Grant(
            change_digest=change.digest,
            actions=(),
            resources=(),
            policy=policy if minted.assume is not None else "",
            expires_at_ms=credentials.expires_at_ms,
            lease=lease,
            narrowed=not why,
            why=why,
        )
        return grant, credentials

    async def read(self, minted: Minted, *, renew_ms: int) -> Credentials:
        """For reads: narrowed by AWS's own read-only policy where that can be. Raises `NotSentError` as `grant`."""
        self._live(minted)
        if minted.assume is None:
            return minted.real
        kept = self._reading.get(minted.access_key_id)
        if kept is not None and kept.expires_at_ms - self._clock() > renew_ms:
            return kept
        only = {"PolicyArns": [{"arn": f"arn:{self._partition}:iam::aws:policy/ReadOnlyAccess"}]}
        made: Credentials = await self._run(self._narrowed, minted, only, "keyturn-read")
        if len(self._reading) >= KEPT_FOR_READS_MAX:
            self._reading.clear()
        self._reading[minted.access_key_id] = made
        return made

    def _live(self, minted: Minted) -> None:
        if minted.expires_at_ms <= self._clock():
            raise NotSentError("credential-ended", "the credential it acts through has ended")

    def _narrowed(self, minted: Minted, by: dict[str, Any], lease: str) -> Credentials:
        """The same role, assumed again by whoever assumed it, with less."""
        assume = minted.assume or {}
        only = json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
                        "Resource": [assume.get("RoleArn", "")],
                    }
                ],
            },
            separators=(",", ":"),
        )
        if minted.parent is None:
            base = self._assume(self._change_role, only, {}, lease)
        elif minted.parent.assume is None:
            base = minted.parent.real
        else:
            base = self._narrowed(minted.parent, {"Policy": only}, lease)
        try:
            client = self._client("sts", minted.region, base)
            got = client.assume_role(**{**assume, "DurationSeconds": ASSUMED_S, **by})["Credentials"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise NotSentError(
                "no-role", f"{assume.get('RoleArn')} cannot be assumed again: {code}"
            ) from error
        except BotoCoreError as error:
            raise NotSentError("no-sts", f"STS cannot be reached: {error}") from error
        return Credentials(
            got["AccessKeyId"],
            got["SecretAccessKey"],
            got["SessionToken"],
            int(got["Expiration"].timestamp() * 1000),
        )


def _virtual(real: Triple) -> Triple:
    """What the agent gets. A key that IAM knows by its id keeps it, so that it can be listed and deleted: an id opens nothing."""
    lasting = not real.token
    return Triple(
        real.access_key_id if lasting else "KTTEMP" + secrets.token_hex(7).upper(),
        secrets.token_urlsafe(30),
        "" if lasting else "KeyturnVirtual" + secrets.token_urlsafe(48),
        real.expires_at_ms,
    )


def _again(request: Request) -> dict[str, Any] | None:
    """The parameters by which the same role is assumed again; None where that would not be the same."""
    given = request.parameters
    if request.operation != "sts:AssumeRole" or not given.keys() <= _REPEATED:
        return None
    return dict(given)


def _role_of(identity: str) -> str:
    """A session of a role as the role: whoever assumes it again asks for the same (its session's name is the caller's own choice)."""
    head, _, name = identity.partition(":assumed-role/")
    return f"{head}:assumed-role/{name.partition('/')[0]}" if name else identity


def _of_the_body(header: str) -> bool:
    return header in _OF_THE_BODY or header.startswith("x-amz-checksum-")


def _withheld(request: Request, why: str) -> Sending:
    """The call took effect, and its answer may hold what nobody may have: the client is told so, in the service's own shape."""
    text = (
        f"Keyturn made this call and withholds its answer, which holds a credential: {why}. Do not repeat it."
    )
    made = encode_error(request.protocol, code="KeyturnWithheld", message=text, service=request.service)
    response = Response(made.status, made.headers, made.body)
    return Sending(response, withheld=f"its answer was withheld: {why}")


def covered(request: Request, response: Response) -> Response:
    """A read's answer with its secrets covered. Raises `UnmodelledError` where that cannot be said of it."""
    hands_out = answers.of(request.operation)
    if not hands_out.rewritten or response.status >= 300:
        return response
    coding = dict(response.headers).get("content-encoding", "identity")
    if coding not in {"", "identity"}:
        raise UnmodelledError("answer", f"it is encoded as {coding[:20]!r}")
    made = rewrite(request.protocol, response.body, msgspec.structs.replace(hands_out, triples=()), _virtual)
    headers = tuple(pair for pair in response.headers if not _of_the_body(pair[0]))
    return Response(response.status, headers, made.body)
