"""A shop as people build it with Terraform: a network, a balancer before a group of instances, a worker behind a queue, tables, names.

What stands in it is written down once (`shop`), so that tests can say who relies on what without looking it up.
"""

from __future__ import annotations

import json
from typing import Any

from tests.provider.moto_account import archive
from tests.provider.provider_world import ACCOUNT, REGION, Account

PRODUCTION = {"environment": "production", "owner": "shop"}


def _tags(**more: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in {**PRODUCTION, **more}.items()]


def _trust(service: str) -> str:
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def network(account: Account) -> dict[str, str]:
    """A VPC with two subnets, and groups that let in from one another."""
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = {"vpc": vpc}
    for place, zone in (("a", f"{REGION}a"), ("b", f"{REGION}b")):
        cidr = f"10.0.{ord(place) - 96}.0/24"
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]
        made[f"subnet_{place}"] = subnet["SubnetId"]
    for name in ("balancer", "web", "data"):
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
        made[f"{name}_group"] = group["GroupId"]
    for name, source in (("web", "balancer"), ("data", "web")):
        pair = {"GroupId": made[f"{source}_group"]}
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [pair]}
        ec2.authorize_security_group_ingress(GroupId=made[f"{name}_group"], IpPermissions=[rule])
    return made


def roles(account: Account) -> dict[str, str]:
    iam = account.client("iam")
    made = {}
    for name, service in (("web", "ec2"), ("worker", "lambda"), ("flow", "states")):
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_trust(service), Tags=_tags())
        made[name] = role["Role"]["Arn"]
    arns = [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders", "arn:aws:dynamodb:*:*:table/orders/index/*"]
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": arns}
    iam.put_role_policy(
        RoleName="worker",
        PolicyName="orders",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    profile = iam.create_instance_profile(InstanceProfileName="web")["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    return {**made, "profile": profile["Arn"]}


def stores(account: Account, net: dict[str, str]) -> dict[str, str]:
    """Tables, a queue with its dead letters, a topic, a database, a key, a bucket, a secret."""
    made: dict[str, str] = {}
    for name in ("orders", "carts"):
        account.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=_tags(),
        )
    sqs, sns = account.client("sqs"), account.client("sns")
    made["dead"] = sqs.create_queue(QueueName="jobs-dead", tags=PRODUCTION)["QueueUrl"]
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs-dead", "maxReceiveCount": 5}
    made["jobs"] = sqs.create_queue(
        QueueName="jobs", Attributes={"RedrivePolicy": json.dumps(redrive)}, tags=PRODUCTION
    )["QueueUrl"]
    made["topic"] = sns.create_topic(Name="placed", Tags=_tags())["TopicArn"]
    sns.subscribe(TopicArn=made["topic"], Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs")
    made["key"] = account.client("kms").create_key(Tags=[{"TagKey": "owner", "TagValue": "shop"}])[
        "KeyMetadata"
    ]["Arn"]
    account.client("kms").create_alias(AliasName="alias/shop", TargetKeyId=made["key"])
    account.client("secretsmanager").create_secret(
        Name="shop/db", SecretString="hunter2", KmsKeyId="alias/shop"
    )
    rds = account.client("rds")
    rds.create_db_subnet_group(
        DBSubnetGroupName="data",
        DBSubnetGroupDescription="data",
        SubnetIds=[net["subnet_a"], net["subnet_b"]],
    )
    database = rds.create_db_instance(
        DBInstanceIdentifier="shop",
        DBInstanceClass="db.t3.small",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="shop",
        MasterUserPassword="hunter2hunter2",
        DBSubnetGroupName="data",
        VpcSecurityGroupIds=[net["data_group"]],
        StorageEncrypted=True,
        KmsKeyId=made["key"],
        Tags=_tags(owner="data"),
    )["DBInstance"]
    made["database"] = database["Endpoint"]["Address"]
    account.client("s3").create_bucket(
        Bucket="shop-uploads", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return made


def front(account: Account, net: dict[str, str], profile: str) -> dict[str, str]:
    """A balancer with its DNS name, a target group, and an Auto Scaling group of four behind it."""
    elb, ec2 = account.client("elbv2"), account.client("ec2")
    subnets = [net["subnet_a"], net["subnet_b"]]
    balancer = elb.create_load_balancer(
        Name="shop", Subnets=subnets, SecurityGroups=[net["balancer_group"]], Tags=_tags()
    )["LoadBalancers"][0]
    group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=net["vpc"])["TargetGroups"][0]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Listeners"][0]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    template = ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={
            "ImageId": image,
            "InstanceType": "t3.micro",
            "SecurityGroupIds": [net["web_group"]],
            "IamInstanceProfile": {"Arn": profile},
        },
    )["LaunchTemplate"]
    account.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"], "Version": "$Latest"},
        MinSize=2,
        MaxSize=8,
        DesiredCapacity=4,
        VPCZoneIdentifier=",".join(subnets),
        TargetGroupARNs=[group["TargetGroupArn"]],
        Tags=[{**one, "PropagateAtLaunch": True} for one in _tags()],
    )
    zone = account.client("route53").create_hosted_zone(Name="shop.example", CallerReference="1")[
        "HostedZone"
    ]
    record: dict[str, Any] = {
        "Name": "www.shop.example",
        "Type": "A",
        "AliasTarget": {
            "HostedZoneId": balancer["CanonicalHostedZoneId"],
            "DNSName": f"dualstack.{balancer['DNSName']}.",
            "EvaluateTargetHealth": True,
        },
    }
    account.client("route53").change_resource_record_sets(
        HostedZoneId=zone["Id"],
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )
    return {
        "balancer": balancer["LoadBalancerArn"],
        "group": group["TargetGroupArn"],
        "listener": listener["ListenerArn"],
        "template": template["LaunchTemplateId"],
        "zone": zone["Id"].rpartition("/")[2],
    }


def work(account: Account, made: dict[str, str], role: str, flow: str) -> None:
    """A worker that the queue feeds and a rule wakes, a state machine that calls it, an alarm, an upload that starts it."""
    function = account.client("lambda")
    arn = function.create_function(
        FunctionName="worker",
        Runtime="python3.12",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": archive()},
        Environment={
            "Variables": {
                "QUEUE_URL": made["jobs"],
                "ORDERS": "orders",
                "DATABASE_URL": f"postgres://shop:hunter2@{made['database']}:5432/shop",
            }
        },
        Tags=PRODUCTION,
    )["FunctionArn"]
    function.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs", FunctionName="worker"
    )
    events = account.client("events")
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="nightly", Targets=[{"Id": "1", "Arn": arn}])
    definition = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": arn, "End": True}}}
    account.client("stepfunctions").create_state_machine(
        name="checkout", definition=json.dumps(definition), roleArn=flow
    )
    account.client("cloudwatch").put_metric_alarm(
        AlarmName="jobs-wait",
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": "jobs"}],
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Period=60,
        Statistic="Maximum",
        Threshold=600,
        AlarmActions=[made["topic"]],
    )
    account.client("s3").put_bucket_notification_configuration(
        Bucket="shop-uploads",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
    )


def shop(account: Account) -> dict[str, str]:
    """All of it; returns ids and ARNs by short names."""
    net, role = network(account), roles(account)
    made = stores(account, net)
    edge = front(account, net, role["profile"])
    work(account, made, role["worker"], role["flow"])
    return {**net, **made, **edge}
