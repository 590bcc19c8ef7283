"""Types as CloudFormation and Cloud Control name them, and what deleting one of them is: what the service's own delete would be."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from keyturn.providers.aws import catalogue
from keyturn.providers.aws.catalogue import CatalogueEntry

_SERVICES: Final = {
    "AmazonMQ": "mq",
    "ApiGatewayV2": "apigatewayv2",
    "Cognito": "cognito-idp",
    "ElasticLoadBalancingV2": "elbv2",
    "Elasticsearch": "es",
    "EventSchemas": "schemas",
    "KinesisFirehose": "firehose",
    "MSK": "kafka",
    "OpenSearchService": "opensearch",
    "S3Express": "s3",
    "StepFunctions": "stepfunctions",
    "Timestream": "timestream-write",
    "CertificateManager": "acm",
}
"""Where a type's service is not botocore's name in capitals."""

_DELETES: Final = {
    "AWS::EC2::Instance": "ec2:TerminateInstances",
    "AWS::Elasticsearch::Domain": "es:DeleteElasticsearchDomain",
    "AWS::KMS::Key": "kms:ScheduleKeyDeletion",
    "AWS::KMS::ReplicaKey": "kms:ScheduleKeyDeletion",
    "AWS::S3Express::DirectoryBucket": "s3:DeleteBucket",
    "AWS::DynamoDB::GlobalTable": "dynamodb:DeleteTable",
    "AWS::MemoryDB::Cluster": "memorydb:DeleteCluster",
    "AWS::ElasticBeanstalk::Environment": "elasticbeanstalk:TerminateEnvironment",
}
"""Types that are not deleted by ``Delete`` and their name."""


@lru_cache(maxsize=4_096)
def deletes(kind: str) -> tuple[str, CatalogueEntry] | None:
    """The operation that deletes one, with what the catalogue says of it; None where there is none of that name."""
    parts = kind.split("::")
    if len(parts) != 3 or parts[0] != "AWS":
        return None
    name = _DELETES.get(kind) or f"{_SERVICES.get(parts[1], parts[1].lower())}:Delete{parts[2]}"
    service, _, action = name.partition(":")
    entry = catalogue.lookup(service, action)
    return None if entry.confidence == "unknown" else (name, entry)


def holds(kind: str) -> str:
    """What is lost with one: the words of the catalogue, or nothing where its kind holds no data that is known of."""
    found = deletes(kind)
    return found[1].data if found is not None else ""
