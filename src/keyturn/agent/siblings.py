"""Services that sign under a name that another has too, and whose requests name neither: each gets an endpoint of its own.

SDKs keep and sign the path of ``AWS_ENDPOINT_URL_<SERVICE>``
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html); the gateway reads the service there and takes it off.
Without it siblings that share IAM actions (rds, docdb, neptune) are read as the first of them, all others are refused as ambiguous.
"""

from __future__ import annotations

from typing import Final

SIBLINGS: Final = {
    "bedrock-agent": "BEDROCK_AGENT",
    "bedrock-agent-runtime": "BEDROCK_AGENT_RUNTIME",
    "bedrock-data-automation": "BEDROCK_DATA_AUTOMATION",
    "chime-sdk-identity": "CHIME_SDK_IDENTITY",
    "chime-sdk-media-pipelines": "CHIME_SDK_MEDIA_PIPELINES",
    "chime-sdk-meetings": "CHIME_SDK_MEETINGS",
    "chime-sdk-messaging": "CHIME_SDK_MESSAGING",
    "chime-sdk-voice": "CHIME_SDK_VOICE",
    "docdb": "DOCDB",
    "greengrassv2": "GREENGRASSV2",
    "ivs-realtime": "IVS_REALTIME",
    "lambda-microvms": "LAMBDA_MICROVMS",
    "lex-models": "LEX_MODEL_BUILDING_SERVICE",
    "neptune": "NEPTUNE",
    "pinpoint-sms-voice": "PINPOINT_SMS_VOICE",
    "qconnect": "QCONNECT",
    "signer-data": "SIGNER_DATA",
    "timestream-query": "TIMESTREAM_QUERY",
    "timestream-write": "TIMESTREAM_WRITE",
}
"""By botocore's name, what the variable calls the service. A test finds each of them ambiguous without, and no other."""


def endpoints(url: str) -> dict[str, str]:
    """A variable for each: the gateway at `url`, and the service in the path."""
    return {f"AWS_ENDPOINT_URL_{name}": f"{url}/~{service}" for service, name in SIBLINGS.items()}
