"""A world for inquiries: a dictionary of answers, or botocore clients against moto in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import msgspec
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from moto.awslambda.utils import get_backend

from keyturn.core import keeping
from keyturn.core.inquiring import Done, go_on
from keyturn.core.ports import Inquiry
from keyturn.model.change import Change, Operation, Principal, Request
from keyturn.model.execution import Answer, Call, Refused, Succeeded, Unavailable
from keyturn.providers.aws import told
from keyturn.providers.aws.operation import operation_from
from keyturn.providers.aws.resources import Home
from keyturn.testing.standin_logs import fill_log_events
from keyturn.testing.standin_preconditions import fill_preconditions
from keyturn.testing.standin_sharing import fill_sharing
from keyturn.testing.standin_streams import fill_stream_tags
from keyturn.testing.standin_trails import fill_trails

T = TypeVar("T")
ACCOUNT, REGION = "123456789012", "eu-west-1"
ROUNDS_MAX = 2_000


def seal(value: bytes) -> str:
    """Stands in for the vault's keyed digest."""
    return hashlib.sha256(b"key" + value).hexdigest()[:16]


def operation(name: str, parameters: dict[str, Any], *, region: str = REGION) -> Operation:
    service, _, action = name.partition(":")
    return operation_from(service, action, parameters, home=Home("aws", ACCOUNT, region), seal=seal)


def request(name: str, parameters: dict[str, Any]) -> Request:
    """The request as it comes out of the vault: through JSON, so that blobs are base64 text."""
    service, _, action = name.partition(":")
    made = Request(
        operation=action,
        parameters=parameters,
        method="POST",
        target="/",
        headers=(),
        body=b"",
        protocol="json",
        service=service,
        signing_name=service,
        region=REGION,
    )
    return msgspec.json.decode(msgspec.json.encode(made), type=Request)


def change(*asked: tuple[str, dict[str, Any]], undoes: str | None = None) -> Change:
    principal = Principal(agent="reckless", session="S-1", operator="erin")
    operations = tuple(operation(name, parameters) for name, parameters in asked)
    return Change(principal=principal, surface="test", operations=operations, received_at_ms=0, undoes=undoes)


def requests(*asked: tuple[str, dict[str, Any]]) -> tuple[Request, ...]:
    return tuple(request(name, parameters) for name, parameters in asked)


def drive(inquiry: Inquiry[T], answer: Callable[[Call], Answer]) -> T:
    """The inquiry's result, every call answered by `answer`."""
    answers: tuple[Answer, ...] | None = None
    for _ in range(ROUNDS_MAX):
        calls = go_on(inquiry, answers)
        if isinstance(calls, Done):
            return calls.result
        answers = tuple(answer(call) for call in calls)
    raise AssertionError(f"an inquiry asked more than {ROUNDS_MAX} times")


def scripted(answers: dict[str, Answer | dict[str, Any]]) -> Callable[[Call], Answer]:
    """By operation name; what the dictionary does not hold is unavailable, never absent."""

    def answer(call: Call) -> Answer:
        found = answers.get(call.operation)
        if found is None:
            return Unavailable(f"{call.operation} is not scripted")
        return Succeeded(found) if isinstance(found, dict) else found

    return answer


def _code(call: Call) -> bytes:
    """A function's code, as the executor fetches it from where GetFunction says."""
    backend = get_backend(call.account, call.region)
    code: bytes = backend.get_function(
        call.parameters["FunctionName"], call.parameters["Qualifier"]
    ).code_bytes
    return code


class Account:
    """moto in this process, asked by name; `said` keeps the calls, `broken` names operations that do not answer."""

    def __init__(self) -> None:
        fill_preconditions()  # the plane's own calls carry them, and moto alone does not hold to all
        fill_stream_tags()
        fill_sharing()
        fill_trails()
        fill_log_events()
        self.said: list[Call] = []
        self.broken: dict[str, Answer] = {}
        self.vault: dict[str, bytes] = {}
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service, region_name=REGION, aws_access_key_id="AKIDTEST", aws_secret_access_key="test"
            )
        return self._clients[service]

    def __call__(self, call: Call) -> Answer:
        self.said.append(call)
        if call.operation in self.broken:
            return self.broken[call.operation]
        if call.operation in {keeping.KEEP, keeping.KEPT}:
            return self._kept(call)
        if call.operation == told.CODE:
            return Succeeded({"Body": _code(call)})
        service, _, name = call.operation.partition(":")
        client = self.client(service)
        method = {made: python for python, made in client.meta.method_to_api_mapping.items()}[name]
        try:
            value = getattr(client, method)(**keeping.filled(call.parameters, self.vault.__getitem__))
        except ClientError as error:
            said = error.response["Error"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return Refused(said["Code"], said.get("Message", ""), status)
        except NotImplementedError:
            return Unavailable(f"{call.operation} is not in the stand-in")
        value.pop("ResponseMetadata", None)
        if isinstance(value.get("Body"), StreamingBody):
            value["Body"] = value["Body"].read()
        return Succeeded(value)

    def _kept(self, call: Call) -> Answer:
        """The plane's vault, as the runtime answers for it."""
        if call.operation == keeping.KEPT:
            return Succeeded({"bytes": self.vault[call.parameters["reference"]]})
        data: bytes = call.parameters["bytes"]
        sha256 = hashlib.sha256(data).hexdigest()
        self.vault[f"vault:kept:{sha256[:40]}"] = data
        return Succeeded({"reference": f"vault:kept:{sha256[:40]}", "sha256": sha256, "length": len(data)})

    def mutations(self) -> list[str]:
        return [call.operation for call in self.said if call.mutates]
