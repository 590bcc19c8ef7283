"""The table of all first-class kinds, and what every one of them goes through."""

from __future__ import annotations

from typing import Any

import msgspec
from moto import mock_aws
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.rds.models import rds_backends

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Call, Succeeded
from keyturn.providers.aws import recipes
from keyturn.providers.aws.moved import heard
from keyturn.providers.aws.resources import GLOBAL_REGION
from keyturn.testing.standin_caches import fill_caches
from keyturn.testing.standin_gaps import fill_restores
from keyturn.testing.standin_permissions import fill_permissions
from tests.provider.provider_world import ACCOUNT, REGION, drive
from tests.recipes import subjects_account as account
from tests.recipes import subjects_apps as apps
from tests.recipes import subjects_balanced as balanced
from tests.recipes import subjects_fleet as fleet
from tests.recipes import subjects_stores as stores
from tests.recipes.drawing import Draw, Hints, otherwise, seen
from tests.recipes.recipe_world import PROVIDER, Partly, assessed, backed_up, perform, verified
from tests.recipes.subjects import QUEUE, ROLE, TOPIC, Subject

HINTS: Hints = {
    r"(?i)dry.?run": lambda _: None,
    r"(?i)client.?(request)?.?token": lambda _: None,
    r"(?i)role_?arn$|^Role$|roleArn$": lambda _: ROLE,
    r"PermissionsBoundary": lambda _: "arn:aws:iam::aws:policy/ReadOnlyAccess",
    r"DeadLetterConfig.TargetArn|OnFailure.Destination|OnSuccess.Destination": lambda _: QUEUE,
    r"(?i)(sns|topic).?arn|AlarmActions|OKActions|InsufficientDataActions": lambda _: [TOPIC],
}


class Life(msgspec.Struct):
    """What is otherwise after it was deleted and given back: what was said, and what was not."""

    honest: tuple[str, ...]
    unstated: dict[str, tuple[Any, Any]]
    reads: int


SUBJECTS: tuple[Subject, ...] = (
    Subject(
        "dynamodb:table",
        ("dynamodb",),
        stores.table,
        {
            r"RestoreSummary": "where it was restored from",
            r"LatestStream": "stated: the stream's ARN",
        },
    ),
    Subject("sqs:queue", ("sqs",), stores.queue, {r"ApproximateNumberOf": "said: messages"}),
    Subject("sns:topic", ("sns",), stores.topic, {r"SubscriptionArn$": "stated: ARNs of its subscriptions"}),
    Subject(
        "ssm:parameter",
        ("ssm",),
        stores.parameter,
        {r"GetParameterHistory": "said: versions", r"\.Version$": "said: versions"},
    ),
    Subject(
        "lambda:function",
        ("lambda",),
        stores.function,
        {
            r"ListVersionsByFunction|FunctionVersion$": "stated: published versions",
            r"LastModified$|Code\.Location|FunctionUrl$": "said: function URL",
            r"InvokeMode$": "the stand-in spells the default otherwise",
        },
    ),
    Subject("lambda:event-source-mapping", ("lambda",), stores.mapping),
    Subject("iam:role", ("iam",), account.role),
    Subject("iam:user", ("iam",), account.user, {r"GetLoginProfile": "said: password"}),
    Subject("iam:policy", ("iam",), account.policy, {r"VersionId$|ListPolicyVersions": "said: versions"}),
    Subject("iam:instance-profile", ("iam",), account.profile),
    Subject("secretsmanager:secret", ("secretsmanager",), account.secret),
    Subject("kms:key", ("kms",), account.key),
    Subject("kms:alias", ("kms",), account.alias),
    Subject(
        "cloudwatch:alarm",
        ("cloudwatch",),
        account.alarm,
        {r"TreatMissingData$": "missing is what is meant where nothing is said"},
    ),
    Subject("cloudwatch:dashboard", ("cloudwatch",), account.dashboard),
    Subject(
        "logs:log-group",
        ("logs",),
        account.logs,
        {r"DescribeMetricFilters": "the stand-in keeps those of a group that is gone; said"},
    ),
    Subject("events:rule", ("events",), account.rule),
    Subject("states:stateMachine", ("stepfunctions",), account.machine),
    Subject(
        "kinesis:stream",
        ("kinesis",),
        account.stream,
        {r"Shards\[\]|OpenShardCount|ConsumerARN": "stated: shards and consumers"},
    ),
    Subject("ecr:repository", ("ecr",), account.repository),
    Subject("route53:hostedzone", ("route53",), account.zone),
    Subject("ecs:cluster", ("ecs",), fleet.cluster),
    Subject("ecs:task-definition", ("ecs",), fleet.task, {r"revision$|taskDefinitionArn$": "said: id"}),
    Subject(
        "ecs:service",
        ("ecs",),
        fleet.service,
        {r"deployments\[\]": "stated: tasks that ran are started anew"},
    ),
    Subject("ec2:volume", ("ec2",), fleet.volume, {r"SnapshotId$": "it is made from the backup"}),
    Subject("ec2:snapshot", ("ec2",), fleet.snapshot),
    Subject(
        "ec2:instance",
        ("ec2",),
        fleet.instance,
        {
            r"VolumeId$|ClientToken$|AttachmentId$|ReservationId$|NetworkInterfaceId$|MacAddress$|PasswordData$|PublicIp|PublicDns|ImageId$": "stated: ids, image, addresses",
            r"SecurityGroups|Groups": "said: groups, which the stand-in does not give",
            r"GetLaunchTemplateData": "the image",
        },
    ),
    Subject("ec2:security-group", ("ec2",), fleet.security),
    Subject("ec2:elastic-ip", ("ec2",), fleet.address),
    Subject("ec2:network-interface", ("ec2",), fleet.interface, {r"MacAddress$": "stated"}),
    Subject("ec2:launch-template", ("ec2",), fleet.template),
    Subject(
        "autoscaling:autoScalingGroup",
        ("autoscaling",),
        fleet.scaling,
        {
            r"AutoScalingGroupARN$|InstanceId$|PolicyARN$|ScheduledActionARN$|AlarmARN|AlarmName": "stated: instances and ARNs",
            r"Activit": "what has happened to the old one",
        },
    ),
    Subject(
        "elasticloadbalancing:loadbalancer",
        ("elbv2",),
        balanced.balancer,
        {r"ListenerArn$|RuleArn$|LoadBalancerArns|DNSName$": "stated: ARNs and address"},
    ),
    Subject("elasticloadbalancing:listener", ("elbv2",), balanced.listener, {r"RuleArn$": "stated"}),
    Subject("elasticloadbalancing:targetgroup", ("elbv2",), balanced.targets),
    Subject("cloudtrail:trail", ("cloudtrail",), balanced.trail),
    Subject("budgets:budget", ("budgets",), balanced.budget),
    Subject(
        "cloudformation:stack",
        ("cloudformation",),
        balanced.stack,
        {
            r"StackId$|PhysicalResourceId$|EventId$|DescribeStackEvents": "stated: ids, and what was told of it"
        },
    ),
    Subject(
        "apigateway:restapis",
        ("apigateway",),
        apps.rest,
        {r"\.id$|parentId$|deploymentId$|rootResourceId$|GetDeployments": "said: id, deployments"},
    ),
    Subject(
        "apigateway:apis",
        ("apigatewayv2",),
        apps.http,
        {r"(Integration|Route|Authorizer|Deployment)Id$|Target$": "inner ids"},
    ),
    Subject(
        "cognito-idp:userpool",
        ("cognito-idp",),
        apps.pool,
        {
            r"ListUserPoolClients|ListResourceServers|ListGroups|ListUsers|\.Domain$|EstimatedNumber": "stated: not captured",
            r"UnusedAccountValidityDays$": "the older name of TemporaryPasswordValidityDays",
        },
    ),
    Subject(
        "rds:db",
        ("rds",),
        apps.database,
        {r"DescribeDBSnapshots|DbiResourceId$": "the plane's own, and the id"},
    ),
    Subject(
        "rds:cluster",
        ("rds",),
        apps.aurora,
        {
            r"DescribeDBClusterSnapshots|DbClusterResourceId$": "the plane's own, and the id",
            r"Endpoint$|HostedZoneId$": "the same name again; the stand-in makes another",
        },
    ),
    Subject(
        "elasticache:replicationgroup",
        ("elasticache",),
        apps.replicated,
        {
            r"Endpoint\.Address$": "stated: addresses",
            r"DescribeSnapshots": "the plane's own backup",
            r"TransitEncryptionMode$": "said",
        },
    ),
    Subject(
        "es:domain",
        ("opensearch",),
        apps.domain,
        {r"AutoTuneOptions": "the stand-in switches it on by itself"},
    ),
    Subject("s3:bucket", ("s3",), apps.bucket, {r"Inventory|Accelerate": "stated: not captured"}),
)
EVERYWHERE: dict[str, str] = {
    r"\.CallerReference$": "the name of the request that made it",
    r"\.(RoleId|UserId|PolicyId|InstanceProfileId)$": "said for each: unique_id",
    r"\.ListBackups": "the plane's own backup",
}
_GLOBAL = ("route53:", "iam:")


class Gapless(Partly):
    """The stand-in, with what it lacks of reading told as the service would tell it."""

    def __call__(self, call: Call) -> Answer:
        if call.operation == "budgets:DescribeSubscribersForNotification":
            at = int(call.parameters["Notification"]["Threshold"] // 10)
            return Succeeded(
                {"Subscribers": [{"SubscriptionType": "EMAIL", "Address": f"a{at}@example.com"}]}
            )
        if call.operation == "apigatewayv2:GetAuthorizers":
            backend = apigatewayv2_backends[ACCOUNT][REGION].apis[call.parameters["ApiId"]]
            found = [one.to_json() for one in backend.authorizers.values()]
            told = [
                {name[:1].upper() + name[1:]: value for name, value in each.items() if value}
                for each in found
            ]
            for each in told:
                if "JwtConfiguration" in each:
                    each["JwtConfiguration"] = {
                        name[:1].upper() + name[1:]: value for name, value in each["JwtConfiguration"].items()
                    }
            return Succeeded({"Items": told})
        if call.operation == "rds:RestoreDBClusterFromSnapshot":  # automated copies go with their cluster
            copies = rds_backends[ACCOUNT][REGION].cluster_snapshots
            for name in [one for one in copies if one.startswith("rds:")]:
                copies.pop(name)
        return super().__call__(call)


def filled() -> None:
    """The stand-in, where it would be in the way."""
    fill_caches()
    fill_permissions()
    fill_restores()


def life(subject: Subject, seed: int) -> Life:
    """Made, read, deleted through the plane, given back, read again."""
    filled()
    with mock_aws():
        account = Gapless()
        made = subject.make(account, Draw(f"{subject.kind} {subject.make.__name__} {seed}", HINTS))
        recipe = recipes.for_kind(subject.kind)
        assert recipe is not None
        region = GLOBAL_REGION["aws"] if subject.kind.startswith(_GLOBAL) else REGION
        ref = ResourceRef("aws", "aws", ACCOUNT, region, subject.kind, made.id)
        before = seen(account, subject.services, made.keys, subject.skip)
        honest: list[str] = []
        done = []
        for asked in (*made.first, made.delete):  # each a case of its own, as a client makes them
            change, _, states = assessed(account, asked)
            saved = backed_up(account, change, states) if recipe.backs_up or recipe.exports else ()
            perform(account, asked)
            outcome = verified(account, change, states, asked)
            assert outcome.status == "succeeded", outcome
            done.append((change, states, saved))
        assert ref in change.operations[0].resources, change.operations[0].resources
        ids: dict[str, str] = {}
        for change, states, saved in reversed(done):
            plan = PROVIDER.plan_undo(change, states, saved)
            assert plan.possible, plan.why
            honest += drive(PROVIDER.undo(change, states, saved, moved=ids), account)
            ids |= heard(honest)
        after = seen(account, subject.services, renamed(made.keys, ids), subject.skip)
        different = otherwise(before, after, ids, {**EVERYWHERE, **subject.stated})
        return Life((*honest,), different, len(before))


def renamed(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: renamed(inner, ids) for name, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, ids) for inner in value]
    for old, new in ids.items():
        value = value.replace(old, new) if isinstance(value, str) else value
    return value
