"""Types as CloudFormation and Cloud Control name them, and what deleting one of them is: what the service's own delete would be."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from keyturn.model.change import Operation
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


_MAKES: Final = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "application-autoscaling:RegisterScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "application-autoscaling:PutScalingPolicy",
    "AWS::AutoScaling::LifecycleHook": "autoscaling:PutLifecycleHook",
    "AWS::AutoScaling::ScalingPolicy": "autoscaling:PutScalingPolicy",
    "AWS::AutoScaling::ScheduledAction": "autoscaling:PutScheduledUpdateGroupAction",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch:PutCompositeAlarm",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard",
    "AWS::EC2::EIP": "ec2:AllocateAddress",
    "AWS::EC2::EIPAssociation": "ec2:AssociateAddress",
    "AWS::EC2::Instance": "ec2:RunInstances",
    "AWS::EC2::SecurityGroupEgress": "ec2:AuthorizeSecurityGroupEgress",
    "AWS::EMR::Cluster": "emr:RunJobFlow",
    "AWS::EC2::SecurityGroupIngress": "ec2:AuthorizeSecurityGroupIngress",
    "AWS::ECS::TaskDefinition": "ecs:RegisterTaskDefinition",
    "AWS::Events::Rule": "events:PutRule",
    "AWS::Lambda::LayerVersion": "lambda:PublishLayerVersion",
    "AWS::Lambda::Permission": "lambda:AddPermission",
    "AWS::Lambda::Url": "lambda:CreateFunctionUrlConfig",
    "AWS::Lambda::Version": "lambda:PublishVersion",
    "AWS::Logs::SubscriptionFilter": "logs:PutSubscriptionFilter",
    "AWS::Route53::RecordSet": "route53:ChangeResourceRecordSets",
    "AWS::S3::BucketPolicy": "s3:PutBucketPolicy",
    "AWS::SNS::Subscription": "sns:Subscribe",
    "AWS::SNS::TopicPolicy": "sns:SetTopicAttributes",
    "AWS::SQS::QueuePolicy": "sqs:SetQueueAttributes",
    "AWS::SSM::Parameter": "ssm:PutParameter",
    "AWS::SecretsManager::ResourcePolicy": "secretsmanager:PutResourcePolicy",
}
"""Types that are not made by ``Create`` and their name; what sets one again is the same call where it begins with another verb."""

_SETS: Final = {
    "AWS::CodeBuild::Project": "codebuild:UpdateProject",
    "AWS::EC2::Instance": "ec2:ModifyInstanceAttribute",
    "AWS::EC2::VPC": "ec2:ModifyVpcAttribute",
    "AWS::EC2::Subnet": "ec2:ModifySubnetAttribute",
    "AWS::Lambda::Function": "lambda:UpdateFunctionConfiguration",
    "AWS::Logs::LogGroup": "logs:PutRetentionPolicy",
    "AWS::SNS::Topic": "sns:SetTopicAttributes",
    "AWS::SQS::Queue": "sqs:SetQueueAttributes",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "elbv2:ModifyLoadBalancerAttributes",
}
"""Types that are not updated by ``Update`` or ``Modify`` and their name."""


@lru_cache(maxsize=4_096)
def makes(kind: str) -> str:
    """The operation that makes one; empty where there is none of that name."""
    return _MAKES.get(kind) or _of_verbs(kind, ("Create", "Put", "Register", "Add", "Associate", "Attach"))


@lru_cache(maxsize=4_096)
def sets(kind: str) -> str:
    """The operation that changes one in place; empty where there is none of that name."""
    again = _MAKES.get(kind, "")
    if again.partition(":")[2].startswith(
        ("Put", "Register", "Set", "Authorize", "Subscribe", "Change", "Add")
    ):
        return again
    return _SETS.get(kind) or _of_verbs(kind, ("Update", "Modify", "Put", "Set"))


def _of_verbs(kind: str, verbs: tuple[str, ...]) -> str:
    parts = kind.split("::")
    if len(parts) != 3 or parts[0] != "AWS":
        return ""
    service = _SERVICES.get(parts[1], parts[1].lower())
    for verb in verbs:
        if catalogue.lookup(service, verb + parts[2]).confidence != "unknown":
            return f"{service}:{verb}{parts[2]}"
    return ""


def meant(operation: Operation) -> str:
    """The operation that makes or ends what this one does by its type; itself where it names none."""
    kind = operation.parameters.get("TypeName") if operation.name.startswith("cloudcontrol:") else None
    return (makes(kind) if isinstance(kind, str) else "") or operation.name
