"""As `app_nights`: identities, trails, budgets, stacks, APIs and user pools."""

from __future__ import annotations

import json
from typing import Any

from keyturn.model.execution import Succeeded
from tests.provider.provider_world import ACCOUNT, REGION, Account
from tests.recipes.app_nights import AppNight

TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
MAY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
TAGGED = [{"Key": "environment", "Value": "production"}]
READER = f"arn:aws:iam::{ACCOUNT}:policy/team/reader"


def _policy(account: Account) -> str:
    account.client("iam").create_policy(
        PolicyName="reader", Path="/team/", PolicyDocument=json.dumps(MAY), Description="reads", Tags=TAGGED
    )
    return "team/reader"


def _role(account: Account) -> str:
    _policy(account)
    iam = account.client("iam")
    iam.create_role(
        RoleName="worker",
        Path="/team/",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        MaxSessionDuration=7200,
        Tags=TAGGED,
    )
    iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=json.dumps(MAY))
    iam.attach_role_policy(RoleName="worker", PolicyArn=READER)
    iam.create_instance_profile(InstanceProfileName="workers", Tags=TAGGED)
    iam.add_role_to_instance_profile(InstanceProfileName="workers", RoleName="worker")
    names_it = {
        **TRUST,
        "Statement": [
            {**TRUST["Statement"][0], "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/team/worker"}}
        ],
    }
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(names_it))
    return "worker"


def _user(account: Account) -> str:
    _policy(account)
    iam = account.client("iam")
    iam.create_user(UserName="ann", Tags=TAGGED)
    iam.create_group(GroupName="staff")
    iam.add_user_to_group(UserName="ann", GroupName="staff")
    iam.attach_user_policy(UserName="ann", PolicyArn=READER)
    return "ann"


def _attached(account: Account) -> str:
    _role(account)
    return "team/reader"


def _profile(account: Account) -> str:
    _role(account)
    return "workers"


def _trail(account: Account) -> str:
    place = {"LocationConstraint": REGION}
    account.client("s3").create_bucket(Bucket="trail-bucket", CreateBucketConfiguration=place)
    trail = account.client("cloudtrail")
    trail.create_trail(Name="audit", S3BucketName="trail-bucket", IsMultiRegionTrail=True, TagsList=TAGGED)
    trail.put_event_selectors(TrailName="audit", EventSelectors=SELECTORS)
    trail.put_insight_selectors(TrailName="audit", InsightSelectors=RATES[:1])
    trail.start_logging(Name="audit")
    return "audit"


def _quiet_trail(account: Account) -> str:
    """One whose insights nobody looks for."""
    name = _trail(account)
    account.client("cloudtrail").put_insight_selectors(TrailName=name, InsightSelectors=[])
    return name


RATES = [{"InsightType": "ApiErrorRateInsight"}, {"InsightType": "ApiCallRateInsight"}]
SELECTORS = [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": []}]
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/audit"
NOTIFIED = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
HEARS = [{"SubscriptionType": "EMAIL", "Address": "finance@example.com"}]
BUDGET = {"AccountId": ACCOUNT, "BudgetName": "monthly"}


def _budget(account: Account) -> str:
    account.client("budgets").create_budget(
        AccountId=ACCOUNT,
        Budget={
            "BudgetName": "monthly",
            "BudgetLimit": {"Amount": "10", "Unit": "USD"},
            "TimeUnit": "MONTHLY",
            "BudgetType": "COST",
        },
        NotificationsWithSubscribers=[{"Notification": NOTIFIED, "Subscribers": HEARS}],
    )
    return "monthly"


TEMPLATE = {
    "Parameters": {"Name": {"Type": "String"}},
    "Resources": {
        "Jobs": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": {"Ref": "Name"}, "VisibilityTimeout": 30},
        },
        "Alerts": {
            "Type": "AWS::SNS::Topic",
            "DeletionPolicy": "Delete",
            "Properties": {"TopicName": "alerts"},
        },
    },
}
SLOWER = json.dumps(TEMPLATE).replace("30", "60")
NAMED = [{"ParameterKey": "Name", "ParameterValue": "jobs"}]


def _stack(account: Account) -> str:
    account.client("cloudformation").create_stack(
        StackName="shop", TemplateBody=json.dumps(TEMPLATE), Parameters=NAMED, Tags=TAGGED
    )
    return "shop"


def _rest(account: Account) -> str:
    api = account.client("apigateway")
    name = str(
        api.create_rest_api(name="shop", description="orders", tags={"environment": "production"})["id"]
    )
    root = api.get_resources(restApiId=name)["items"][0]["id"]
    orders = api.create_resource(restApiId=name, parentId=root, pathPart="orders")["id"]
    checks = api.create_request_validator(restApiId=name, name="strict", validateRequestBody=True)["id"]
    method = {"restApiId": name, "resourceId": orders, "httpMethod": "GET"}
    api.put_method(**method, authorizationType="NONE", requestValidatorId=checks)
    api.put_method_response(**method, statusCode="200")
    api.put_integration(**method, type="MOCK", requestTemplates={"application/json": "{}"})
    api.put_integration_response(**method, statusCode="200")
    api.create_deployment(restApiId=name, stageName="live", variables={"table": "orders"})
    return name


def _orders(account: Account, name: str) -> dict[str, str]:
    items = account.client("apigateway").get_resources(restApiId=name)["items"]
    return {"ORDERS": next(one["id"] for one in items if one["path"] == "/orders")}


def _get(name: str) -> dict[str, Any]:
    return {"restApiId": name, "resourceId": "ORDERS", "httpMethod": "GET"}


def _http(account: Account) -> str:
    api = account.client("apigatewayv2")
    name = str(api.create_api(Name="web", ProtocolType="HTTP", Tags={"environment": "production"})["ApiId"])
    behind = api.create_integration(
        ApiId=name,
        IntegrationType="HTTP_PROXY",
        IntegrationUri="https://example.com",
        IntegrationMethod="GET",
        PayloadFormatVersion="1.0",
    )["IntegrationId"]
    api.create_route(ApiId=name, RouteKey="GET /orders", Target=f"integrations/{behind}")
    api.create_stage(ApiId=name, StageName="live", AutoDeploy=True)
    return name


def _inside(account: Account, name: str) -> dict[str, str]:
    api = account.client("apigatewayv2")
    return {
        "ROUTE": api.get_routes(ApiId=name)["Items"][0]["RouteId"],
        "BEHIND": api.get_integrations(ApiId=name)["Items"][0]["IntegrationId"],
    }


def _patch(path: str, value: str) -> dict[str, Any]:
    return {"patchOperations": [{"op": "replace", "path": path, "value": value}]}


def _pool(account: Account) -> str:
    made = account.client("cognito-idp").create_user_pool(
        PoolName="shoppers",
        Policies={"PasswordPolicy": {"MinimumLength": 14}},
        Schema=[{"Name": "tier", "AttributeDataType": "String", "Mutable": True}],
        UserPoolTags={"environment": "production"},
    )
    return str(made["UserPool"]["Id"])


ACCOUNT_NIGHTS: tuple[AppNight, ...] = (
    AppNight(
        "iam:role",
        _role,
        delete=lambda name: ("iam:DeleteRole", {"RoleName": name}),
        first=lambda name: (
            ("iam:DeleteRolePolicy", {"RoleName": name, "PolicyName": "own"}),
            ("iam:DetachRolePolicy", {"RoleName": name, "PolicyArn": READER}),
            ("iam:RemoveRoleFromInstanceProfile", {"InstanceProfileName": "workers", "RoleName": name}),
        ),
        honest=("the trust policy of role other names it", "unique_id: "),
        differs=("unique_id",),
    ),
    AppNight(
        "iam:user",
        _user,
        delete=lambda name: ("iam:DeleteUser", {"UserName": name}),
        first=lambda name: (
            ("iam:DetachUserPolicy", {"UserName": name, "PolicyArn": READER}),
            ("iam:RemoveUserFromGroup", {"UserName": name, "GroupName": "staff"}),
        ),
        honest=("unique_id: ",),
        differs=("unique_id",),
    ),
    AppNight(
        "iam:policy",
        _attached,
        delete=lambda _: ("iam:DeletePolicy", {"PolicyArn": READER}),
        first=lambda _: (("iam:DetachRolePolicy", {"RoleName": "worker", "PolicyArn": READER}),),
    ),
    AppNight(
        "iam:instance-profile",
        _profile,
        delete=lambda name: ("iam:DeleteInstanceProfile", {"InstanceProfileName": name}),
        first=lambda name: (("iam:RemoveRoleFromInstanceProfile", {"InstanceProfileName": name, "RoleName": "worker"}),),
        honest=("unique_id: ",),
        differs=("unique_id",),
    ),
    AppNight(
        "cloudtrail:trail",
        _trail,
        lambda name: (
            ("cloudtrail:StopLogging", {"Name": name}),
            ("cloudtrail:StopLogging", {"Name": TRAIL}),
            ("cloudtrail:UpdateTrail", {"Name": name, "IsMultiRegionTrail": False}),
            ("cloudtrail:UpdateTrail", {"Name": name, "S3KeyPrefix": "elsewhere"}),
            ("cloudtrail:PutEventSelectors",
             {"TrailName": name, "EventSelectors": [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False, "DataResources": []}]}),
            ("cloudtrail:PutInsightSelectors", {"TrailName": name, "InsightSelectors": RATES}),
            ("cloudtrail:PutInsightSelectors", {"TrailName": name, "InsightSelectors": []}),
            ("cloudtrail:RemoveTags", {"ResourceId": TRAIL, "TagsList": [{"Key": "environment"}]}),
        ),
        lambda name: ("cloudtrail:DeleteTrail", {"Name": name}),
        at_risk="the record of what happens",
    ),
    AppNight(
        "budgets:budget",
        _budget,
        lambda _: (("budgets:DeleteNotification", {**BUDGET, "Notification": NOTIFIED}),),
        lambda _: ("budgets:DeleteBudget", BUDGET),
        gaps={"budgets:DescribeSubscribersForNotification": Succeeded({"Subscribers": HEARS})},
    ),
    AppNight(
        "cloudformation:stack",
        _stack,
        lambda name: (
            ("cloudformation:UpdateStack", {"StackName": name, "TemplateBody": SLOWER, "Parameters": NAMED}),
        ),
        lambda name: ("cloudformation:DeleteStack", {"StackName": name}),
        at_risk="2 resources of the stack (1 AWS::SNS::Topic, 1 AWS::SQS::Queue)",
    ),
    AppNight(
        "apigateway:restapis",
        _rest,
        lambda name: (
            ("apigateway:UpdateRestApi", {"restApiId": name, **_patch("/description", "other")}),
            ("apigateway:UpdateStage", {"restApiId": name, "stageName": "live", **_patch("/variables/table", "wrong")}),
            ("apigateway:DeleteStage", {"restApiId": name, "stageName": "live"}),
            ("apigateway:CreateDeployment", {"restApiId": name, "stageName": "live", "variables": {"table": "orders"}}),
            ("apigateway:DeleteMethod", _get(name)),
            ("apigateway:DeleteIntegration", _get(name)),
            ("apigateway:PutIntegration", {**_get(name), "type": "HTTP_PROXY", "uri": "https://example.com", "integrationHttpMethod": "GET"}),
        ),
        lambda name: ("apigateway:DeleteRestApi", {"restApiId": name}),
        honest=("id: it was", "deployments: "),
        differs=("deployments",),
        at_risk="1 method, served by 1 stage",
        inner=_orders,
    ),
    AppNight(
        "apigateway:apis",
        _http,
        lambda name: (
            ("apigatewayv2:UpdateApi", {"ApiId": name, "Name": "other"}),
            ("apigatewayv2:UpdateRoute", {"ApiId": name, "RouteId": "ROUTE", "RouteKey": "GET /elsewhere"}),
            ("apigatewayv2:DeleteRoute", {"ApiId": name, "RouteId": "ROUTE"}),
            ("apigatewayv2:UpdateIntegration", {"ApiId": name, "IntegrationId": "BEHIND", "IntegrationUri": "https://example.org"}),
            ("apigatewayv2:DeleteStage", {"ApiId": name, "StageName": "live"}),
        ),
        lambda name: ("apigatewayv2:DeleteApi", {"ApiId": name}),
        honest=("id: it was",),
        at_risk="1 route, served by 1 stage",
        inner=_inside,
        gaps={"apigatewayv2:GetAuthorizers": Succeeded({"Items": []})},
    ),
    AppNight(
        "cognito-idp:userpool",
        _pool,
        lambda pool: (
            ("cognito-idp:UpdateUserPool", {"UserPoolId": pool, "AutoVerifiedAttributes": ["email"], "UserPoolTags": {}}),
        ),
        lambda pool: ("cognito-idp:DeleteUserPool", {"UserPoolId": pool}),
        honest=("id: it was",),
        at_risk="about 0 users",
    ),
)  # fmt: skip
