"""botocore's own serializer against our parser: for every operation, the request it makes gives operation and parameters back.

Sampled in the usual run; ``KEYTURN_ALL=1`` takes all of them. What is not read exactly stands in a table with its reason, and the
table may not hold what is no longer so.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

import msgspec
import pytest
from botocore.exceptions import ParamValidationError

from keyturn.providers.aws.wire import Identified, Unidentified, identify
from keyturn.providers.aws.wire_table import load
from tests.wire import oracle

ALL = bool(os.environ.get("KEYTURN_ALL"))
ONE_IN = 5
ALWAYS = frozenset(
    {"dynamodb", "s3", "sqs", "lambda", "ssm", "cloudwatch", "iam", "sts", "cloudformation", "route53"}
)

EVENT_STREAM = "a request that is an event stream is refused: it cannot be judged before it is over"
ALIAS = "a deprecated name of another operation: the same bytes, and it is read as the present one"
EMPTY_PAYLOAD = "an empty payload structure and none are the same bytes: the empty one is read"

REFUSED = {
    ("bedrock-runtime", "InvokeModelWithBidirectionalStream"): EVENT_STREAM,
    ("connecthealth", "StartMedicalScribeListeningSession"): EVENT_STREAM,
    ("lexv2-runtime", "StartConversation"): EVENT_STREAM,
    ("polly", "StartSpeechSynthesisStream"): EVENT_STREAM,
    ("qbusiness", "Chat"): EVENT_STREAM,
    ("transcribe-streaming", "StartCallAnalyticsStreamTranscription"): EVENT_STREAM,
    ("transcribe-streaming", "StartMedicalScribeStream"): EVENT_STREAM,
    ("transcribe-streaming", "StartMedicalStreamTranscription"): EVENT_STREAM,
    ("transcribe-streaming", "StartStreamTranscription"): EVENT_STREAM,
    ("s3", "GetBucketLifecycle"): ALIAS,
    ("s3", "GetBucketNotification"): ALIAS,
    ("s3", "PutBucketLifecycle"): ALIAS,
    ("s3", "PutBucketNotification"): ALIAS,
    ("s3", "ListDirectoryBuckets"): "directory buckets have a signing name and an endpoint of their own",
}
OTHERWISE = {
    ("bedrock-agentcore", "InvokeAgentRuntimeCommand"): "botocore adds a content type of its own",
    (
        "ec2",
        "CreateNetworkInsightsAccessScope",
    ): "the ec2 protocol has no way to write one empty list in a list",
    ("glacier", "InitiateJob"): EMPTY_PAYLOAD,
    ("glacier", "InitiateVaultLock"): EMPTY_PAYLOAD,
    ("glacier", "SetVaultAccessPolicy"): EMPTY_PAYLOAD,
    ("glacier", "SetVaultNotifications"): EMPTY_PAYLOAD,
    ("lambda", "SendDurableExecutionCallbackFailure"): EMPTY_PAYLOAD,
    ("lambda", "StopDurableExecution"): EMPTY_PAYLOAD,
    ("medical-imaging", "SearchImageSets"): EMPTY_PAYLOAD,
}

ONLY_WITH_PREFIX = {("lex-models", "StartImport"): "unmodelled", ("lex-models", "TagResource"): "bad-value"}
"""Without ``/~lex-models`` the route is version 2's, which has other members: refused, with that code."""

VARIANTS = {"required": (False, False), "full": (True, False), "odd": (True, True)}


def sample(part: int, parts: int) -> Iterator[tuple[str, str]]:
    """The operations of this run, in parts for several workers."""
    for service in oracle.services():
        if zlib.crc32(service.encode()) % parts != part:
            continue
        for operation in oracle.operations(service):
            chosen = zlib.crc32(f"{service}:{operation}".encode()) % ONE_IN == 0
            if (
                ALL
                or service in ALWAYS
                or chosen
                or (service, operation) in REFUSED | OTHERWISE | ONLY_WITH_PREFIX
            ):
                yield service, operation


def misread(service: str, operation: str, *, full: bool, odd: bool) -> str | None:
    """What is wrong with how it was read; empty when nothing is, None when botocore itself would not send it."""
    given = oracle.parameters(
        oracle.model(service).operation_model(operation).input_shape, full=full, odd=odd
    )
    try:
        request, scope = oracle.request(service, operation, given)
    except ParamValidationError:
        return None
    found = identify(msgspec.structs.replace(request, target=f"/~{service}{request.target}"), scope)
    if isinstance(found, Unidentified):
        return f"refused: {found.reason}"
    if (found.service, found.operation) != (service, operation):
        return f"read as {found.service}:{found.operation}"
    if found.target != request.target:
        return f"the target became {found.target}"
    got = {name: value for name, value in found.parameters.items() if name != found.streamed}
    return "" if oracle.plain(got) == oracle.plain(given) else f"parameters: {oracle.plain(got)[:300]}"


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("variant", VARIANTS)
def test_what_botocore_sends_is_read_exactly(variant: str, part: int) -> None:
    """Operation and parameters come back, in all six protocols."""
    full, odd = VARIANTS[variant]
    wrong, seen = [], 0
    for service, operation in sample(part, 4):
        told = misread(service, operation, full=full, odd=odd)
        if told is None:
            continue
        seen += 1
        if told and (service, operation) not in REFUSED | OTHERWISE:
            wrong.append(f"{service}:{operation} {told}")
        if (service, operation) in REFUSED:
            assert told, f"{service}:{operation} is read exactly now: take it from the table"
    assert seen > 400
    assert wrong == []


def test_no_exception_is_kept_that_is_no_longer_one() -> None:
    """Each entry of the table is needed by one variant at least."""
    for service, operation in OTHERWISE:
        told = [misread(service, operation, full=full, odd=odd) for full, odd in VARIANTS.values()]
        assert any(told), f"{service}:{operation} is read exactly now: take it from the table"


@pytest.mark.parametrize("part", range(2))
def test_without_a_prefix_nothing_is_taken_for_what_it_is_not(part: int) -> None:
    """A sibling of the same signing name with the same operation, or a refusal; never another operation."""
    wrong, exact, refused = [], 0, 0
    for service, operation in sample(part, 2):
        if (service, operation) in REFUSED:
            continue
        given = oracle.parameters(oracle.model(service).operation_model(operation).input_shape, full=False)
        request, scope = oracle.request(service, operation, given)
        found = identify(request, scope)
        if isinstance(found, Unidentified):
            refused += 1
            if found.code != ONLY_WITH_PREFIX.get((service, operation), "ambiguous"):
                wrong.append(f"{service}:{operation} {found.code}")
            continue
        assert (service, operation) not in ONLY_WITH_PREFIX, f"{service}:{operation} is read now"
        family = load().by_signing_name[scope.signing_name]
        exact += found.service == service
        if found.operation != operation or found.service not in family:
            wrong.append(f"{service}:{operation} read as {found.service}:{found.operation}")
    assert wrong == []
    assert refused < exact / 100


def test_a_request_means_the_same_on_the_wire_and_to_a_person() -> None:
    """A read request identifies as itself, and says so in one piece."""
    request, scope = oracle.request("dynamodb", "DescribeTable", {"TableName": "orders"})
    found = identify(request, scope)
    assert isinstance(found, Identified)
    assert (found.service, found.operation, found.parameters, found.streamed) == (
        "dynamodb",
        "DescribeTable",
        {"TableName": "orders"},
        None,
    )
