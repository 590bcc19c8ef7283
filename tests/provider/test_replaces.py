"""A delete and a create of one thing are a replace, in either order, whichever call, name, ARN or type says which thing it is."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.core.sequences import Earlier, found, steps_of
from keyturn.model.assessment import Assessment, Kind, Reversibility
from keyturn.model.change import Change, Effect
from keyturn.providers.aws import kinds, plans
from tests.provider.provider_world import change

Asked = tuple[str, dict[str, Any]]

PAIRS: list[tuple[str, dict[str, Any], str, dict[str, Any], str]] = [
    # what deletes it, what makes it anew, and its type with its identifier where Cloud Control has it
    ("dynamodb:DeleteTable", {"TableName": "t"}, "dynamodb:CreateTable", {"TableName": "arn:aws:dynamodb:eu-west-1:123456789012:table/t"}, "AWS::DynamoDB::Table t"),
    ("dynamodb:DeleteTable", {"TableName": "arn:aws:dynamodb:eu-west-1:123456789012:table/t"}, "dynamodb:RestoreTableFromBackup", {"TargetTableName": "t", "BackupArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/backup/01"}, ""),
    ("s3:DeleteBucket", {"Bucket": "b"}, "s3:CreateBucket", {"Bucket": "b"}, "AWS::S3::Bucket b"),
    ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "SHOP"}, "rds:CreateDBInstance", {"DBInstanceIdentifier": "shop"}, "AWS::RDS::DBInstance shop"),
    ("rds:DeleteDBInstance", {"DBInstanceIdentifier": "shop"}, "rds:RestoreDBInstanceFromDBSnapshot", {"DBInstanceIdentifier": "shop", "DBSnapshotIdentifier": "s"}, ""),
    ("rds:DeleteDBCluster", {"DBClusterIdentifier": "shop"}, "rds:CreateDBCluster", {"DBClusterIdentifier": "shop"}, "AWS::RDS::DBCluster shop"),
    ("rds:DeleteDBSubnetGroup", {"DBSubnetGroupName": "g"}, "rds:CreateDBSubnetGroup", {"DBSubnetGroupName": "g"}, "AWS::RDS::DBSubnetGroup g"),
    ("lambda:DeleteFunction", {"FunctionName": "f"}, "lambda:CreateFunction", {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f"}, "AWS::Lambda::Function f"),
    ("sqs:DeleteQueue", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q"}, "sqs:CreateQueue", {"QueueName": "q"}, "AWS::SQS::Queue https://sqs.eu-west-1.amazonaws.com/123456789012/q"),
    ("sns:DeleteTopic", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:t"}, "sns:CreateTopic", {"Name": "t"}, "AWS::SNS::Topic arn:aws:sns:eu-west-1:123456789012:t"),
    ("ssm:DeleteParameter", {"Name": "/a"}, "ssm:PutParameter", {"Name": "a"}, "AWS::SSM::Parameter a"),
    ("secretsmanager:DeleteSecret", {"SecretId": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdEf"}, "secretsmanager:CreateSecret", {"Name": "s"}, "AWS::SecretsManager::Secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdEf"),
    ("iam:DeleteRole", {"RoleName": "r"}, "iam:CreateRole", {"RoleName": "r"}, "AWS::IAM::Role r"),
    ("iam:DeleteUser", {"UserName": "u"}, "iam:CreateUser", {"UserName": "U"}, "AWS::IAM::User u"),
    ("iam:DeletePolicy", {"PolicyArn": "arn:aws:iam::123456789012:policy/p"}, "iam:CreatePolicy", {"PolicyName": "p"}, "AWS::IAM::ManagedPolicy arn:aws:iam::123456789012:policy/p"),
    ("iam:DeleteGroup", {"GroupName": "g"}, "iam:CreateGroup", {"GroupName": "g"}, "AWS::IAM::Group g"),
    ("iam:DeleteInstanceProfile", {"InstanceProfileName": "g"}, "iam:CreateInstanceProfile", {"InstanceProfileName": "g"}, "AWS::IAM::InstanceProfile g"),
    ("kms:DeleteAlias", {"AliasName": "alias/a"}, "kms:CreateAlias", {"AliasName": "alias/a", "TargetKeyId": "k"}, "AWS::KMS::Alias alias/a"),
    ("ecs:DeleteCluster", {"cluster": "arn:aws:ecs:eu-west-1:123456789012:cluster/c"}, "ecs:CreateCluster", {"clusterName": "c"}, "AWS::ECS::Cluster c"),
    ("ecs:DeleteService", {"cluster": "c", "service": "s"}, "ecs:CreateService", {"cluster": "arn:aws:ecs:eu-west-1:123456789012:cluster/c", "serviceName": "s"}, "AWS::ECS::Service arn:aws:ecs:eu-west-1:123456789012:service/c/s|c"),
    ("ecr:DeleteRepository", {"repositoryName": "r"}, "ecr:CreateRepository", {"repositoryName": "r"}, "AWS::ECR::Repository r"),
    ("eks:DeleteCluster", {"name": "c"}, "eks:CreateCluster", {"name": "c"}, "AWS::EKS::Cluster c"),
    ("eks:DeleteNodegroup", {"clusterName": "c", "nodegroupName": "n"}, "eks:CreateNodegroup", {"clusterName": "c", "nodegroupName": "n"}, "AWS::EKS::Nodegroup c/n"),
    ("elasticbeanstalk:TerminateEnvironment", {"EnvironmentName": "e"}, "elasticbeanstalk:CreateEnvironment", {"EnvironmentName": "e", "ApplicationName": "a"}, "AWS::ElasticBeanstalk::Environment e"),
    ("elasticbeanstalk:DeleteApplication", {"ApplicationName": "a"}, "elasticbeanstalk:CreateApplication", {"ApplicationName": "a"}, "AWS::ElasticBeanstalk::Application a"),
    ("cloudformation:DeleteStack", {"StackName": "arn:aws:cloudformation:eu-west-1:123456789012:stack/s/1111"}, "cloudformation:CreateStack", {"StackName": "s"}, "AWS::CloudFormation::Stack arn:aws:cloudformation:eu-west-1:123456789012:stack/s/1111"),
    ("elasticache:DeleteReplicationGroup", {"ReplicationGroupId": "r"}, "elasticache:CreateReplicationGroup", {"ReplicationGroupId": "R"}, "AWS::ElastiCache::ReplicationGroup r"),
    ("elasticache:DeleteCacheCluster", {"CacheClusterId": "r"}, "elasticache:CreateCacheCluster", {"CacheClusterId": "R"}, ""),
    ("redshift:DeleteCluster", {"ClusterIdentifier": "c"}, "redshift:CreateCluster", {"ClusterIdentifier": "c"}, "AWS::Redshift::Cluster c"),
    ("redshift:DeleteCluster", {"ClusterIdentifier": "c"}, "redshift:RestoreFromClusterSnapshot", {"ClusterIdentifier": "c", "SnapshotIdentifier": "s"}, ""),
    ("opensearch:DeleteDomain", {"DomainName": "d"}, "opensearch:CreateDomain", {"DomainName": "d"}, "AWS::OpenSearchService::Domain d"),
    ("kinesis:DeleteStream", {"StreamName": "s"}, "kinesis:CreateStream", {"StreamName": "s"}, "AWS::Kinesis::Stream s"),
    ("firehose:DeleteDeliveryStream", {"DeliveryStreamName": "s"}, "firehose:CreateDeliveryStream", {"DeliveryStreamName": "s"}, "AWS::KinesisFirehose::DeliveryStream s"),
    ("logs:DeleteLogGroup", {"logGroupName": "/l"}, "logs:CreateLogGroup", {"logGroupName": "/l"}, "AWS::Logs::LogGroup /l"),
    ("cloudwatch:DeleteAlarms", {"AlarmNames": ["x", "a"]}, "cloudwatch:PutMetricAlarm", {"AlarmName": "a"}, "AWS::CloudWatch::Alarm a"),
    ("events:DeleteRule", {"Name": "r"}, "events:PutRule", {"Name": "r"}, "AWS::Events::Rule arn:aws:events:eu-west-1:123456789012:rule/r"),
    ("stepfunctions:DeleteStateMachine", {"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m"}, "stepfunctions:CreateStateMachine", {"name": "m"}, "AWS::StepFunctions::StateMachine arn:aws:states:eu-west-1:123456789012:stateMachine:m"),
    ("autoscaling:DeleteAutoScalingGroup", {"AutoScalingGroupName": "g"}, "autoscaling:CreateAutoScalingGroup", {"AutoScalingGroupName": "g"}, "AWS::AutoScaling::AutoScalingGroup g"),
    ("elb:DeleteLoadBalancer", {"LoadBalancerName": "l"}, "elb:CreateLoadBalancer", {"LoadBalancerName": "l"}, ""),
    ("elbv2:DeleteLoadBalancer", {"LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"}, "elbv2:CreateLoadBalancer", {"Name": "web"}, "AWS::ElasticLoadBalancingV2::LoadBalancer arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"),
    ("elbv2:DeleteTargetGroup", {"TargetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067"}, "elbv2:CreateTargetGroup", {"Name": "web"}, "AWS::ElasticLoadBalancingV2::TargetGroup arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067"),
    ("elbv2:DeleteListener", {"ListenerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"}, "elbv2:CreateListener", {"LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188", "Port": 80}, "AWS::ElasticLoadBalancingV2::Listener arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"),
    ("route53:DeleteHostedZone", {"Id": "Z1"}, "route53:CreateHostedZone", {"Name": "example.com", "CallerReference": "x"}, "AWS::Route53::HostedZone Z1"),
    ("glue:DeleteDatabase", {"Name": "d"}, "glue:CreateDatabase", {"DatabaseInput": {"Name": "d"}}, "AWS::Glue::Database d"),
    ("glue:DeleteTable", {"DatabaseName": "d", "Name": "t"}, "glue:CreateTable", {"DatabaseName": "d", "TableInput": {"Name": "t"}}, "AWS::Glue::Table d|t"),
    ("glue:DeleteJob", {"JobName": "d"}, "glue:CreateJob", {"Name": "d"}, "AWS::Glue::Job d"),
    ("cognito-idp:DeleteUserPool", {"UserPoolId": "eu-west-1_abc"}, "cognito-idp:CreateUserPool", {"PoolName": "people"}, "AWS::Cognito::UserPool eu-west-1_abc"),
    ("emr:TerminateJobFlows", {"JobFlowIds": ["j-1"]}, "emr:RunJobFlow", {"Name": "nightly"}, "AWS::EMR::Cluster j-1"),
    ("codebuild:DeleteProject", {"name": "p"}, "codebuild:CreateProject", {"name": "p"}, "AWS::CodeBuild::Project p"),
    ("codepipeline:DeletePipeline", {"name": "p"}, "codepipeline:CreatePipeline", {"pipeline": {"name": "p"}}, "AWS::CodePipeline::Pipeline p"),
    ("docdb:DeleteDBCluster", {"DBClusterIdentifier": "c"}, "docdb:CreateDBCluster", {"DBClusterIdentifier": "c"}, ""),
    ("memorydb:DeleteCluster", {"ClusterName": "c"}, "memorydb:CreateCluster", {"ClusterName": "c"}, ""),
    ("efs:DeleteFileSystem", {"FileSystemId": "fs-1"}, "efs:CreateFileSystem", {"CreationToken": "x"}, "AWS::EFS::FileSystem fs-1"),
    ("kafka:DeleteCluster", {"ClusterArn": "arn:aws:kafka:eu-west-1:123456789012:cluster/c/1111"}, "kafka:CreateCluster", {"ClusterName": "c"}, "AWS::MSK::Cluster arn:aws:kafka:eu-west-1:123456789012:cluster/c/1111"),
    ("apigateway:DeleteRestApi", {"restApiId": "a1"}, "apigateway:CreateRestApi", {"name": "api"}, "AWS::ApiGateway::RestApi a1"),
    ("cloudfront:DeleteDistribution", {"Id": "E1"}, "cloudfront:CreateDistribution", {"DistributionConfig": {"CallerReference": "x"}}, "AWS::CloudFront::Distribution E1"),
    ("ec2:DeleteSecurityGroup", {"GroupId": "sg-12345678"}, "ec2:CreateSecurityGroup", {"GroupName": "g", "Description": "d"}, "AWS::EC2::SecurityGroup sg-12345678"),
    ("ec2:TerminateInstances", {"InstanceIds": ["i-12345678"]}, "ec2:RunInstances", {"ImageId": "ami-12345678"}, "AWS::EC2::Instance i-12345678"),
    ("ec2:DeleteVolume", {"VolumeId": "vol-12345678"}, "ec2:CreateVolume", {"AvailabilityZone": "a"}, "AWS::EC2::Volume vol-12345678"),
    ("ec2:DeleteVpc", {"VpcId": "vpc-12345678"}, "ec2:CreateVpc", {"CidrBlock": "10.0.0.0/16"}, "AWS::EC2::VPC vpc-12345678"),
    ("ec2:DeleteSubnet", {"SubnetId": "subnet-12345678"}, "ec2:CreateSubnet", {"VpcId": "vpc-12345678"}, "AWS::EC2::Subnet subnet-12345678"),
    ("ec2:DeleteNatGateway", {"NatGatewayId": "nat-12345678"}, "ec2:CreateNatGateway", {"SubnetId": "subnet-12345678"}, ""),
    ("ec2:DeleteKeyPair", {"KeyName": "k"}, "ec2:CreateKeyPair", {"KeyName": "k"}, ""),
    ("ec2:DeleteLaunchTemplate", {"LaunchTemplateName": "k"}, "ec2:CreateLaunchTemplate", {"LaunchTemplateName": "k"}, ""),
    ("scheduler:DeleteSchedule", {"Name": "s"}, "scheduler:CreateSchedule", {"Name": "s"}, ""),
    ("appsync:DeleteGraphqlApi", {"apiId": "a"}, "appsync:CreateGraphqlApi", {"name": "n"}, ""),
    ("sagemaker:DeleteEndpoint", {"EndpointName": "e"}, "sagemaker:CreateEndpoint", {"EndpointName": "e"}, ""),
    ("backup:DeleteBackupVault", {"BackupVaultName": "v"}, "backup:CreateBackupVault", {"BackupVaultName": "v"}, "AWS::Backup::BackupVault v"),
    ("transfer:DeleteServer", {"ServerId": "s-1"}, "transfer:CreateServer", {}, ""),
    ("wafv2:DeleteWebACL", {"Name": "w", "Id": "1", "Scope": "REGIONAL"}, "wafv2:CreateWebACL", {"Name": "w", "Scope": "REGIONAL"}, ""),
    ("athena:DeleteWorkGroup", {"WorkGroup": "w"}, "athena:CreateWorkGroup", {"Name": "w"}, ""),
    ("batch:DeleteJobQueue", {"jobQueue": "w"}, "batch:CreateJobQueue", {"jobQueueName": "w"}, ""),
    ("amp:DeleteWorkspace", {"workspaceId": "w"}, "amp:CreateWorkspace", {"alias": "w"}, ""),
    ("timestream-write:DeleteTable", {"DatabaseName": "d", "TableName": "t"}, "timestream-write:CreateTable", {"DatabaseName": "d", "TableName": "t"}, ""),
    ("keyspaces:DeleteTable", {"keyspaceName": "d", "tableName": "t"}, "keyspaces:CreateTable", {"keyspaceName": "d", "tableName": "t"}, ""),
    ("fsx:DeleteFileSystem", {"FileSystemId": "fs-1"}, "fsx:CreateFileSystem", {"FileSystemType": "LUSTRE"}, ""),
    ("mq:DeleteBroker", {"BrokerId": "b-1"}, "mq:CreateBroker", {"BrokerName": "b"}, ""),
    ("dms:DeleteReplicationInstance", {"ReplicationInstanceArn": "arn:aws:dms:eu-west-1:123456789012:rep:ABC"}, "dms:CreateReplicationInstance", {"ReplicationInstanceIdentifier": "r"}, ""),
    ("cloudtrail:DeleteTrail", {"Name": "t"}, "cloudtrail:CreateTrail", {"Name": "t"}, ""),
]  # fmt: skip

APART: list[tuple[str, Asked, Asked]] = [
    ("another name", ("dynamodb:DeleteTable", {"TableName": "t"}), ("dynamodb:CreateTable", {"TableName": "u"})),
    ("another name, by its type", ("cloudcontrol:DeleteResource", {"TypeName": "AWS::DynamoDB::Table", "Identifier": "t"}), ("dynamodb:CreateTable", {"TableName": "u"})),
    ("another kind of one name", ("rds:DeleteDBSubnetGroup", {"DBSubnetGroupName": "shop"}), ("rds:CreateDBInstance", {"DBInstanceIdentifier": "shop"})),
    ("another service's of one name", ("kinesis:DeleteStream", {"StreamName": "s"}), ("sqs:CreateQueue", {"QueueName": "s"})),
    ("another's listener", ("elbv2:DeleteListener", {"ListenerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"}), ("elbv2:CreateListener", {"LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/other/60dc6c495c0c9188"})),
    ("another table of one database", ("glue:DeleteTable", {"DatabaseName": "d", "Name": "t"}), ("glue:CreateTable", {"DatabaseName": "d", "TableInput": {"Name": "u"}})),
    ("one kind of number, another of thing", ("ec2:TerminateInstances", {"InstanceIds": ["i-12345678"]}), ("ec2:CreateVolume", {"AvailabilityZone": "a"})),
    ("an old snapshot for a new one", ("ec2:DeleteSnapshot", {"SnapshotId": "snap-12345678"}), ("ec2:CreateSnapshot", {"VolumeId": "vol-12345678"})),
    ("an old backup for a new one", ("dynamodb:DeleteBackup", {"BackupArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/backup/01"}), ("dynamodb:CreateBackup", {"TableName": "t", "BackupName": "b"})),
    ("a part of it only", ("iam:DeletePolicyVersion", {"PolicyArn": "arn:aws:iam::123456789012:policy/p", "VersionId": "v1"}), ("iam:CreatePolicyVersion", {"PolicyArn": "arn:aws:iam::123456789012:policy/q", "PolicyDocument": "{}"})),
    ("another type", ("ec2:DeleteVpc", {"VpcId": "vpc-12345678"}), ("cloudcontrol:CreateResource", {"TypeName": "AWS::EC2::Subnet", "DesiredState": "{}"})),
]  # fmt: skip


def asked(one: Asked) -> Change:
    return change(one)


def replaces(before: Asked, then: Asked, *, done: bool = False) -> bool:
    """Whether the second is found to replace something, with the first before it in its session."""
    first, second = asked(before), asked(then)
    floor = second.operations[0].floor
    alone = Assessment(floor, (floor,), Reversibility.R1, "production", "")
    earlier = Earlier("C-1", steps_of(first), frozenset(), done)
    numbered = frozenset(
        one.name for one in second.operations if plans.numbered(*kinds.meant(one).split(":", 1))
    )
    return any(
        (one.code, one.kind, one.effect) == ("SEQ001", Kind.REPLACE, Effect.REPLACE)
        for one in found(second, alone, (earlier,), None, numbered)
    )


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]} {pair[2]}")
def test_either_order_is_a_replace(pair: tuple[str, dict[str, Any], str, dict[str, Any], str]) -> None:
    """In its service's own words."""
    gone, made = (pair[0], pair[1]), (pair[2], pair[3])
    assert (replaces(gone, made), replaces(made, gone)) == (True, True)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[4]], ids=lambda pair: str(pair[4]))
def test_types_are_a_spelling_too(pair: tuple[str, dict[str, Any], str, dict[str, Any], str]) -> None:
    """Cloud Control deletes and makes the same things under other names."""
    gone, made = (pair[0], pair[1]), (pair[2], pair[3])
    kind, _, identifier = pair[4].partition(" ")
    typed_gone = ("cloudcontrol:DeleteResource", {"TypeName": kind, "Identifier": identifier})
    typed_made = ("cloudcontrol:CreateResource", {"TypeName": kind, "DesiredState": "{}"})
    seen = (
        replaces(typed_gone, made),
        replaces(made, typed_gone),
        replaces(gone, typed_made),
        replaces(typed_gone, typed_made),
    )
    assert seen == (True, True, True, True)


@pytest.mark.parametrize(("why", "gone", "made"), APART, ids=[row[0] for row in APART])
def test_what_is_not_one_thing_is_no_replace(why: str, gone: Asked, made: Asked) -> None:
    """A finding that always speaks says nothing."""
    assert (replaces(gone, made), replaces(made, gone)) == (False, False), why


def test_what_a_session_made_of_a_kind_is_not_what_it_then_deletes() -> None:
    """An instance that runs by now may be the one that goes; the other way round, what went stays gone."""
    run, end = ("ec2:RunInstances", {"ImageId": "ami-12345678"}), ("ec2:TerminateInstances", {"InstanceIds": ["i-12345678"]})  # fmt: skip
    assert (replaces(run, end, done=True), replaces(end, run, done=True)) == (False, True)


def test_an_id_that_has_a_name_in_it_is_of_that_name() -> None:
    """Once the create says its name; of one that waits the log keeps no parameters, and it may be the same."""
    gone = ("elbv2:DeleteLoadBalancer", {"LoadBalancerArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"})  # fmt: skip
    other = ("elbv2:CreateLoadBalancer", {"Name": "other"})
    assert (replaces(gone, other), replaces(other, gone)) == (False, True)
