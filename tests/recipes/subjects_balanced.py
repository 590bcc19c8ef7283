"""As `subjects`: balancers, trails, budgets, stacks."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.account_nights import SELECTORS, TEMPLATE
from tests.recipes.drawing import Draw, accepted, perform
from tests.recipes.reborn_nights import network
from tests.recipes.subjects import (
    Made,
    label,
    must,
    some,
)
from tests.recipes.subjects_fleet import tagged

TAGS: list[dict[str, str]] = tagged("")["TagSpecifications"][0]["Tags"]


def _targets(account: Account, chance: random.Random, vpc: str, name: str, speaks: dict[str, Any]) -> str:
    target: dict[str, Any] = {
        "Name": name,
        **speaks,
        "VpcId": vpc,
        "TargetType": chance.choice(["ip", "instance"]),
        "Tags": TAGS,
    }
    if speaks["Protocol"] == "HTTP":
        health = {"HealthCheckPath": "/health", "Matcher": {"HttpCode": "200-299"}, "HealthCheckIntervalSeconds": 17, "HealthCheckTimeoutSeconds": 4,
                  "HealthyThresholdCount": 3, "UnhealthyThresholdCount": 4, "HealthCheckPort": "8080", "ProtocolVersion": "HTTP2"}  # fmt: skip
        target |= {key: value for key, value in health.items() if chance.random() < 0.5}
    targets = perform(account, "elbv2:CreateTargetGroup", target)["TargetGroups"][0]["TargetGroupArn"]
    if target["TargetType"] == "ip":
        perform(
            account,
            "elbv2:RegisterTargets",
            {
                "TargetGroupArn": targets,
                "Targets": [{"Id": f"10.0.1.{at}", "Port": 8000 + at} for at in range(chance.randint(1, 4))],
            },
        )
    if chance.random() < 0.5:
        perform(
            account,
            "elbv2:ModifyTargetGroupAttributes",
            {
                "TargetGroupArn": targets,
                "Attributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "33"}],
            },
        )
    return str(targets)


def _actions(kind: str, targets: str) -> list[dict[str, Any]]:
    forward = {"Type": "forward", "TargetGroupArn": targets}
    weighted = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": targets, "Weight": 3}],
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
        },
    }
    fixed = {
        "Type": "fixed-response",
        "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "later"},
    }
    away = {
        "Type": "redirect",
        "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
    }
    return [forward, weighted, fixed, away] if kind == "application" else [forward]


def _rules(account: Account, chance: random.Random, listener: str, actions: list[dict[str, Any]]) -> str:
    rule = ""
    for priority in range(chance.randint(1, 4) if actions else 0):
        conditions = chance.sample([{"Field": "path-pattern", "Values": ["/a/*"]}, {"Field": "host-header", "HostHeaderConfig": {"Values": ["x.example.com"]}},
                                    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["1"]}},
                                    {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "b"}]}}, {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}], chance.randint(1, 3))  # fmt: skip
        rule = perform(
            account,
            "elbv2:CreateRule",
            {
                "ListenerArn": listener,
                "Priority": 7 * priority + 1,
                "Conditions": conditions,
                "Actions": [chance.choice(actions)],
                "Tags": TAGS,
            },
        )["Rules"][0]["RuleArn"]
    return rule


def _balanced(account: Account, draw: Draw, upto: str) -> Made:
    made, chance, name = network(account), draw.chance, label(draw.chance)
    kind = chance.choice(["application", "network"])
    group = perform(
        account, "ec2:CreateSecurityGroup", {"GroupName": name, "Description": "x", "VpcId": made["vpc"]}
    )["GroupId"]
    speaks = {"Protocol": "HTTP", "Port": 80} if kind == "application" else {"Protocol": "TCP", "Port": 9000}
    targets = _targets(account, chance, made["vpc"], name, speaks)
    if upto == "targets":
        return Made(
            targets.partition(":targetgroup/")[2],
            {"TargetGroupArns": [targets], "TargetGroupArn": targets, "ResourceArns": [targets]},
            ("elbv2:DeleteTargetGroup", {"TargetGroupArn": targets}),
        )
    given: dict[str, Any] = {
        "Name": name,
        "Type": kind,
        "Scheme": chance.choice(["internal", "internet-facing"]),
        "Tags": TAGS,
        "Subnets": [made["subnet"], made["subnet2"]],
    }
    given |= {"SecurityGroups": [group]} if kind == "application" else {}
    arn = perform(account, "elbv2:CreateLoadBalancer", given)["LoadBalancers"][0]["LoadBalancerArn"]
    attributes = [
        {"Key": "idle_timeout.timeout_seconds", "Value": "77"},
        {"Key": "load_balancing.cross_zone.enabled", "Value": "true"},
    ]
    perform(
        account,
        "elbv2:ModifyLoadBalancerAttributes",
        {"LoadBalancerArn": arn, "Attributes": chance.sample(attributes, chance.randint(1, 2))},
    )
    actions = _actions(kind, targets)
    listener = perform(
        account,
        "elbv2:CreateListener",
        {
            "LoadBalancerArn": arn,
            **speaks,
            "DefaultActions": [chance.choice(actions)],
            "Tags": TAGS,
        },
    )["Listeners"][0]["ListenerArn"]
    rule = _rules(account, chance, listener, actions if kind == "application" else [])
    if upto == "rule" and rule:
        return Made(
            rule.partition(":listener-rule/")[2],
            {"RuleArns": [rule], "ResourceArns": [rule]},
            ("elbv2:DeleteRule", {"RuleArn": rule}),
        )
    if upto != "balancer":
        return Made(
            listener.partition(":listener/")[2],
            {"ListenerArns": [listener], "ListenerArn": listener, "ResourceArns": [listener]},
            ("elbv2:DeleteListener", {"ListenerArn": listener}),
        )
    return Made(
        arn.partition(":loadbalancer/")[2],
        {"LoadBalancerArns": [arn], "LoadBalancerArn": arn, "ResourceArns": [arn]},
        ("elbv2:DeleteLoadBalancer", {"LoadBalancerArn": arn}),
    )


def balancer(account: Account, draw: Draw) -> Made:
    return _balanced(account, draw, "balancer")


def listener(account: Account, draw: Draw) -> Made:
    return _balanced(account, draw, "listener")


def targets(account: Account, draw: Draw) -> Made:
    return _balanced(account, draw, "targets")


def trail(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    perform(
        account,
        "s3:CreateBucket",
        {"Bucket": "trail-bucket", "CreateBucketConfiguration": {"LocationConstraint": REGION}},
    )
    must(accepted(account, "cloudtrail:CreateTrail", {"Name": name, "S3BucketName": "trail-bucket"}, draw))
    some(draw, account, "cloudtrail:PutEventSelectors", {"TrailName": name, "EventSelectors": SELECTORS})
    some(draw, account, "cloudtrail:StartLogging", {"Name": name})
    some(
        draw,
        account,
        "cloudtrail:PutInsightSelectors",
        {"TrailName": name, "InsightSelectors": [{"InsightType": "ApiCallRateInsight"}]},
    )
    keys = {
        "Name": name,
        "TrailName": name,
        "trailNameList": [name],
        "ResourceIdList": [f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{name}"],
    }
    return Made(name, keys, ("cloudtrail:DeleteTrail", {"Name": name}))


def budget(account: Account, draw: Draw) -> Made:
    name, chance = label(draw.chance), draw.chance
    told = [{"Notification": {"NotificationType": chance.choice(["ACTUAL", "FORECASTED"]), "ComparisonOperator": "GREATER_THAN", "Threshold": 10.0 * at, "ThresholdType": "PERCENTAGE"},
             "Subscribers": [{"SubscriptionType": "EMAIL", "Address": f"a{at}@example.com"}]} for at in range(1, chance.randint(1, 4))]  # fmt: skip
    given = {
        "BudgetName": name,
        "TimeUnit": chance.choice(["MONTHLY", "QUARTERLY", "ANNUALLY"]),
        "BudgetType": chance.choice(["COST", "USAGE"]),
        "BudgetLimit": {"Amount": "10.5", "Unit": "USD"},
    }
    if chance.random() < 0.5:
        given["CostFilters"] = {"Service": ["Amazon Simple Storage Service"], "Region": ["eu-west-1"]}
    perform(
        account,
        "budgets:CreateBudget",
        {"AccountId": ACCOUNT, "Budget": given, "NotificationsWithSubscribers": told},
    )
    here = {"AccountId": ACCOUNT, "BudgetName": name}
    return Made(name, here, ("budgets:DeleteBudget", here))


def stack(account: Account, draw: Draw) -> Made:
    name = label(draw.chance)
    given = {
        "StackName": name,
        "TemplateBody": json.dumps(TEMPLATE),
        "Parameters": [{"ParameterKey": "Name", "ParameterValue": "jobs"}],
        "Tags": tagged("")["TagSpecifications"][0]["Tags"][1:],
    }
    draw.hints = {
        **draw.hints,
        "^(TemplateURL|Parameters|ResourceTypes|RoleARN|NotificationARNs|StackPolicyURL|ClientRequest|Rollback|OnFailure|DisableRoll|EnableTermination)": lambda _: (
            None
        ),
        "StackPolicyBody": lambda _: json.dumps(
            {"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}]}
        ),
    }
    must(accepted(account, "cloudformation:CreateStack", given, draw))
    return Made(name, {"StackName": name}, ("cloudformation:DeleteStack", {"StackName": name}))
