"""As `subjects`: identities, keys, alarms, logs, rules, streams, zones."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.drawing import Draw, accepted, perform
from tests.recipes.recipe_world import Asked
from tests.recipes.subjects import (
    MAY,
    QUEUE,
    ROLE,
    TRUST,
    Made,
    label,
    must,
    roles,
    some,
)


def _policies(account: Account) -> None:
    perform(
        account,
        "iam:CreatePolicy",
        {"PolicyName": "reader", "Path": "/team/", "PolicyDocument": json.dumps(MAY)},
    )


READER = f"arn:aws:iam::{ACCOUNT}:policy/team/reader"


def role(account: Account, draw: Draw) -> Made:
    _policies(account)
    chance, name = draw.chance, label(draw.chance)
    must(
        accepted(
            account,
            "iam:CreateRole",
            {"RoleName": name, "AssumeRolePolicyDocument": TRUST, "Path": chance.choice(["/", "/a/b/"])},
            draw,
        )
    )
    who, first = {"RoleName": name}, []
    for number in range(chance.randint(0, 3)):
        perform(
            account,
            "iam:PutRolePolicy",
            {**who, "PolicyName": f"own{number}", "PolicyDocument": json.dumps(MAY)},
        )
        first.append(("iam:DeleteRolePolicy", {**who, "PolicyName": f"own{number}"}))
    for arn in chance.sample([READER], chance.randint(0, 1)):
        perform(account, "iam:AttachRolePolicy", {**who, "PolicyArn": arn})
        first.append(("iam:DetachRolePolicy", {**who, "PolicyArn": arn}))
    for number in range(chance.randint(0, 2)):
        profile = {"InstanceProfileName": f"p{number}"}
        perform(account, "iam:CreateInstanceProfile", profile)
        perform(account, "iam:AddRoleToInstanceProfile", {**profile, **who})
        first.append(("iam:RemoveRoleFromInstanceProfile", {**profile, **who}))
    return Made(name, who, ("iam:DeleteRole", who), tuple(first))


def user(account: Account, draw: Draw) -> Made:
    _policies(account)
    chance, name = draw.chance, label(draw.chance)
    must(accepted(account, "iam:CreateUser", {"UserName": name, "Path": chance.choice(["/", "/a/b/"])}, draw))
    who, first = {"UserName": name}, []
    if chance.random() < 0.5:
        perform(account, "iam:PutUserPolicy", {**who, "PolicyName": "own", "PolicyDocument": json.dumps(MAY)})
        first.append(("iam:DeleteUserPolicy", {**who, "PolicyName": "own"}))
    if chance.random() < 0.5:
        perform(account, "iam:AttachUserPolicy", {**who, "PolicyArn": READER})
        first.append(("iam:DetachUserPolicy", {**who, "PolicyArn": READER}))
    return Made(name, who, ("iam:DeleteUser", who), tuple(first))


def group(account: Account, draw: Draw) -> Made:
    _policies(account)
    chance, name = draw.chance, label(draw.chance)
    who, first = {"GroupName": name}, []
    perform(account, "iam:CreateGroup", {**who, "Path": chance.choice(["/", "/a/b/"])})
    for number in range(chance.randint(0, 3)):
        member = {"UserName": f"ann{number}"}
        perform(account, "iam:CreateUser", member)
        perform(account, "iam:AddUserToGroup", {**who, **member})
        first.append(("iam:RemoveUserFromGroup", {**who, **member}))
    for number in range(chance.randint(0, 2)):
        own = {**who, "PolicyName": f"own{number}"}
        perform(account, "iam:PutGroupPolicy", {**own, "PolicyDocument": json.dumps(MAY)})
        first.append(("iam:DeleteGroupPolicy", own))
    if chance.random() < 0.5:
        perform(account, "iam:AttachGroupPolicy", {**who, "PolicyArn": READER})
        first.append(("iam:DetachGroupPolicy", {**who, "PolicyArn": READER}))
    return Made(name, who, ("iam:DeleteGroup", who), tuple(first))


def policy(account: Account, draw: Draw) -> Made:
    chance, name = draw.chance, label(draw.chance)
    path = chance.choice(["/", "/a/b/"])
    must(
        accepted(
            account,
            "iam:CreatePolicy",
            {"PolicyName": name, "Path": path, "PolicyDocument": json.dumps(MAY)},
            draw,
        )
    )
    arn = f"arn:aws:iam::{ACCOUNT}:policy{path}{name}"
    first: list[Asked] = []
    for number in range(chance.randint(0, 3)):
        changed = json.dumps(MAY).replace("s3:GetObject", f"s3:Get{number}")
        default = chance.random() < 0.5
        perform(
            account,
            "iam:CreatePolicyVersion",
            {"PolicyArn": arn, "PolicyDocument": changed, "SetAsDefault": default},
        )
    first += [
        ("iam:DeletePolicyVersion", {"PolicyArn": arn, "VersionId": one["VersionId"]})
        for one in perform(account, "iam:ListPolicyVersions", {"PolicyArn": arn})["Versions"]
        if not one["IsDefaultVersion"]
    ]
    if chance.random() < 0.5:
        perform(account, "iam:CreateRole", {"RoleName": "worker", "AssumeRolePolicyDocument": TRUST})
        perform(account, "iam:AttachRolePolicy", {"RoleName": "worker", "PolicyArn": arn})
        first.append(("iam:DetachRolePolicy", {"RoleName": "worker", "PolicyArn": arn}))
    return Made(path[1:] + name, {"PolicyArn": arn}, ("iam:DeletePolicy", {"PolicyArn": arn}), tuple(first))


def profile(account: Account, draw: Draw) -> Made:
    chance, name = draw.chance, label(draw.chance)
    who = {"InstanceProfileName": name}
    must(accepted(account, "iam:CreateInstanceProfile", {**who, "Path": chance.choice(["/", "/a/b/"])}, draw))
    first: tuple[Asked, ...] = ()
    if chance.random() < 0.7:
        perform(account, "iam:CreateRole", {"RoleName": "worker", "AssumeRolePolicyDocument": TRUST})
        perform(account, "iam:AddRoleToInstanceProfile", {**who, "RoleName": "worker"})
        first = (("iam:RemoveRoleFromInstanceProfile", {**who, "RoleName": "worker"}),)
    return Made(name, who, ("iam:DeleteInstanceProfile", who), first)


def secret(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    must(accepted(account, "secretsmanager:CreateSecret", {"Name": name, "SecretString": "s3cret"}, draw))
    here = {"SecretId": name}
    some(draw, account, "secretsmanager:PutSecretValue", {**here, "SecretString": "newer"})
    some(draw, account, "secretsmanager:PutResourcePolicy", {**here, "ResourcePolicy": json.dumps(MAY)})
    return Made(name, here, ("secretsmanager:DeleteSecret", here))


def key(account: Account, draw: Draw) -> Made:
    found = must(accepted(account, "kms:CreateKey", {}, draw))
    made = found.answer["KeyMetadata"]["KeyId"]
    some(draw, account, "kms:CreateAlias", {"AliasName": "alias/one", "TargetKeyId": made})
    some(draw, account, "kms:EnableKeyRotation", {"KeyId": made})
    return Made(made, {"KeyId": made}, ("kms:ScheduleKeyDeletion", {"KeyId": made}))


def alias(account: Account, draw: Draw) -> Made:
    made = perform(account, "kms:CreateKey", {})["KeyMetadata"]["KeyId"]
    name = f"alias/{label(draw.chance)}"
    perform(account, "kms:CreateAlias", {"AliasName": name, "TargetKeyId": made})
    return Made(name[6:], {"KeyId": made}, ("kms:DeleteAlias", {"AliasName": name}))


def alarm(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    given = {"AlarmName": name, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 3}
    if draw.chance.random() < 0.5:
        given["Metrics"] = [
            {"Id": "m", "MetricStat": {"Metric": {"Namespace": "AWS/SQS", "MetricName": "Age"}, "Period": 60, "Stat": "p99"}, "ReturnData": False},
            {"Id": "e", "Expression": "m * 2", "Label": "twice", "ReturnData": True}]  # fmt: skip
        given["Threshold"] = 5.5
        draw.hints = {
            **draw.hints,
            r"^(MetricName|Namespace|Statistic|ExtendedStatistic|Dimensions|Period|Unit|ThresholdMetricId)": lambda _: (
                None
            ),
        }
    else:
        given |= {
            "MetricName": "Age",
            "Namespace": "AWS/SQS",
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 1.5,
        }
        draw.hints = {**draw.hints, "^(Metrics|ExtendedStatistic|ThresholdMetricId)": lambda _: None}
    must(accepted(account, "cloudwatch:PutMetricAlarm", given, draw))
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    return Made(
        name, {"AlarmNames": [name], "ResourceARN": arn}, ("cloudwatch:DeleteAlarms", {"AlarmNames": [name]})
    )


def dashboard(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    perform(
        account,
        "cloudwatch:PutDashboard",
        {"DashboardName": name, "DashboardBody": json.dumps({"widgets": [], "start": "-PT9H", "ö": name})},
    )
    return Made(name, {"DashboardName": name}, ("cloudwatch:DeleteDashboards", {"DashboardNames": [name]}))


def logs(account: Account, draw: Draw) -> Made:
    name = "/app/" + label(draw.chance)
    must(accepted(account, "logs:CreateLogGroup", {"logGroupName": name}, draw))
    here = {"logGroupName": name}
    some(draw, account, "logs:PutRetentionPolicy", {**here, "retentionInDays": 90})
    some(draw, account, "logs:PutMetricFilter", {**here, "filterName": "errors", "filterPattern": "ERROR",
         "metricTransformations": [{"metricName": "errors", "metricNamespace": "app", "metricValue": "1", "defaultValue": 0.5}]})  # fmt: skip
    some(
        draw,
        account,
        "logs:PutSubscriptionFilter",
        {
            **here,
            "filterName": "all",
            "filterPattern": "",
            "destinationArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",
        },
    )
    now = int(time.time() * 1_000)
    for stream in draw.chance.sample(["web/[$LATEST]a", "größe"], draw.chance.randint(1, 2)):
        perform(account, "logs:CreateLogStream", {**here, "logStreamName": stream})
        ages = sorted(
            (draw.chance.randint(0, 80_000_000) for _ in range(draw.chance.randint(1, 5))), reverse=True
        )
        events = [
            {"timestamp": now - age, "message": draw.chance.choice(['{"it\'s": "ö"}', "ERROR", " a\tb "])}
            for age in ages
        ]
        perform(account, "logs:PutLogEvents", {**here, "logStreamName": stream, "logEvents": events})
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
    return Made(name, {**here, "logGroupNamePrefix": name, "resourceArn": arn}, ("logs:DeleteLogGroup", here))


def rule(account: Account, draw: Draw) -> Made:
    chance, name = draw.chance, label(draw.chance)
    roles(account)
    bus = chance.choice(["", "shop"])
    on = {"EventBusName": bus} if bus else {}
    if bus:
        perform(account, "events:CreateEventBus", {"Name": bus})
    when = (
        {"EventPattern": json.dumps({"source": ["aws.ec2"], "detail": {"x": [{"prefix": "y"}]}})}
        if bus or chance.random() < 0.5
        else {"ScheduleExpression": "rate(5 minutes)"}
    )
    must(accepted(account, "events:PutRule", {"Name": name, **when, **on}, draw))
    first = []
    ids = []
    for number in range(chance.randint(0, 3)):
        extra: dict[str, Any] = chance.choice(
            [
                {},
                {"Input": '{"a": 1}'},
                {"InputPath": "$.detail"},
                {"InputTransformer": {"InputPathsMap": {"x": "$.detail.x"}, "InputTemplate": '"<x>"'}},
            ]
        )
        more: dict[str, Any] = chance.choice(
            [
                {},
                {"RoleArn": ROLE},
                {"DeadLetterConfig": {"Arn": QUEUE}},
                {"RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 90}},
                {"SqsParameters": {"MessageGroupId": "g"}},
            ]
        )
        perform(
            account,
            "events:PutTargets",
            {"Rule": name, **on, "Targets": [{"Id": str(number), "Arn": QUEUE, **extra, **more}]},
        )
        ids.append(str(number))
    if ids:
        first.append(("events:RemoveTargets", {"Rule": name, **on, "Ids": ids}))
    ident = f"{bus}/{name}" if bus else name
    return Made(
        ident, {"Name": name, "Rule": name, **on}, ("events:DeleteRule", {"Name": name, **on}), tuple(first)
    )


def machine(account: Account, draw: Draw) -> Made:
    roles(account)
    name = label(draw.chance)
    definition = json.dumps({"StartAt": "Ä", "States": {"Ä": {"Type": "Pass", "End": True}}})
    found = must(
        accepted(
            account,
            "stepfunctions:CreateStateMachine",
            {"name": name, "definition": definition, "roleArn": ROLE},
            draw,
        )
    )
    arn = found.answer["stateMachineArn"]
    return Made(
        name,
        {"stateMachineArn": arn, "resourceArn": arn},
        ("stepfunctions:DeleteStateMachine", {"stateMachineArn": arn}),
    )


def stream(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    must(
        accepted(
            account,
            "kinesis:CreateStream",
            {"StreamName": name, "ShardCount": draw.chance.randint(1, 5)},
            draw,
        )
    )
    here = {"StreamName": name}
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
    some(draw, account, "kinesis:IncreaseStreamRetentionPeriod", {**here, "RetentionPeriodHours": 99})
    some(draw, account, "kinesis:AddTagsToStream", {**here, "Tags": {"größe": ""}})
    some(
        draw,
        account,
        "kinesis:EnableEnhancedMonitoring",
        {**here, "ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"]},
    )
    some(
        draw,
        account,
        "kinesis:StartStreamEncryption",
        {**here, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    )
    some(draw, account, "kinesis:PutResourcePolicy", {"ResourceARN": arn, "Policy": json.dumps(MAY)})
    some(draw, account, "kinesis:RegisterStreamConsumer", {"StreamARN": arn, "ConsumerName": "reads"})
    some(
        draw,
        account,
        "kinesis:UpdateStreamMode",
        {"StreamARN": arn, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}},
    )
    return Made(
        name,
        {**here, "StreamARN": arn, "ResourceARN": arn},
        ("kinesis:DeleteStream", {**here, "EnforceConsumerDeletion": True}),
    )


def repository(account: Account, draw: Draw) -> Made:
    name = "team/" + label(draw.chance)
    must(accepted(account, "ecr:CreateRepository", {"repositoryName": name}, draw))
    here = {"repositoryName": name}
    some(draw, account, "ecr:SetRepositoryPolicy", {**here, "policyText": json.dumps(MAY)})
    lifecycle = {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
                "action": {"type": "expire"},
            }
        ]
    }
    some(draw, account, "ecr:PutLifecyclePolicy", {**here, "lifecyclePolicyText": json.dumps(lifecycle)})
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
    return Made(name, {**here, "repositoryNames": [name], "resourceArn": arn}, ("ecr:DeleteRepository", here))


def zone(account: Account, draw: Draw) -> Made:
    chance, name = draw.chance, f"{label(draw.chance)}.example.com."
    given: dict[str, Any] = {"Name": name, "CallerReference": "first"}
    if chance.random() < 0.4:
        vpc = perform(account, "ec2:CreateVpc", {"CidrBlock": "10.0.0.0/16"})["Vpc"]["VpcId"]
        given |= {
            "VPC": {"VPCRegion": REGION, "VPCId": vpc},
            "HostedZoneConfig": {"PrivateZone": True, "Comment": "ö"},
        }
    elif chance.random() < 0.5:
        given["HostedZoneConfig"] = {"Comment": "ö", "PrivateZone": False}
    draw.hints = {**draw.hints, "^(VPC|HostedZoneConfig|DelegationSetId)": lambda _: None}
    made = perform(account, "route53:CreateHostedZone", given)["HostedZone"]["Id"].rpartition("/")[2]

    def record(kind: str, at: str, value: str, **more: Any) -> dict[str, Any]:
        return {
            "Name": f"{at}{name}",
            "Type": kind,
            "TTL": chance.choice([1, 60, 86400]),
            "ResourceRecords": [{"Value": value}],
            **more,
        }

    possible = [
        record("A", "", "192.0.2.1"), record("AAAA", "v6.", "2001:db8::1"), record("MX", "", "10 mail.example.com."),
        record("TXT", "t.", '"v=spf1 -all" "ö"'), record("CNAME", "*.", "example.com."), record("SRV", "_s._tcp.", "1 2 80 x.example.com."),
        record("CAA", "c.", '0 issue "ca.example.net"'),
        record("A", "w.", "192.0.2.2", SetIdentifier="one", Weight=0), record("A", "l.", "192.0.2.3", SetIdentifier="x", Region="eu-west-1"),
        record("A", "g.", "192.0.2.4", SetIdentifier="g", GeoLocation={"CountryCode": "DE"}),
        record("A", "f.", "192.0.2.5", SetIdentifier="p", Failover="PRIMARY"), record("A", "m.", "192.0.2.6", SetIdentifier="m", MultiValueAnswer=True),
        {"Name": f"alias.{name}", "Type": "A", "AliasTarget": {"HostedZoneId": made, "DNSName": name, "EvaluateTargetHealth": True}},
    ]  # fmt: skip
    chosen = chance.sample(possible, chance.randint(0, len(possible)))

    def change(action: str) -> Asked:
        batch = [{"Action": action, "ResourceRecordSet": one} for one in chosen]
        return "route53:ChangeResourceRecordSets", {"HostedZoneId": made, "ChangeBatch": {"Changes": batch}}

    if chosen:
        perform(account, *change("CREATE"))
    some(
        draw,
        account,
        "route53:ChangeTagsForResource",
        {"ResourceType": "hostedzone", "ResourceId": made, "AddTags": [{"Key": "größe", "Value": ""}]},
    )
    keys = {"Id": made, "HostedZoneId": made, "ResourceType": "hostedzone", "ResourceId": made}
    return Made(made, keys, ("route53:DeleteHostedZone", {"Id": made}), (change("DELETE"),) if chosen else ())
