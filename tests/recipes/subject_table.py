"""The table of all first-class kinds, and what every one of them goes through."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from moto import mock_aws
from moto.apigatewayv2.models import apigatewayv2_backends

from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Call, Succeeded
from keyturn.providers.aws import recipes
from keyturn.providers.aws.moved import heard
from keyturn.providers.aws.resources import GLOBAL_REGION
from keyturn.testing.standin_caches import fill_caches
from keyturn.testing.standin_gaps import fill_databases, fill_restores
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
            r"RestoreSummary": "ours: the backup that it was restored from",
            r"LatestStream": "loss: the stream's records and its ARN",
            r"WarmThroughput": "gap: warm throughput",
        },
    ),
    Subject("sqs:queue", ("sqs",), stores.queue, {r"ApproximateNumberOf": "loss: every message"}),
    Subject(
        "sns:topic", ("sns",), stores.topic, {r"SubscriptionArn$": "loss: every subscription has a new ARN"}
    ),
    Subject(
        "ssm:parameter",
        ("ssm",),
        stores.parameter,
        {r"GetParameterHistory|\.Version$": "loss: earlier versions and labels"},
    ),
    Subject(
        "lambda:function",
        ("lambda",),
        stores.function,
        {
            r"ListVersionsByFunction|FunctionVersion$": "loss: published versions",
            r"LastModified$|Code\.Location": "means: a moment, and an address that is signed anew for each answer",
            r"FunctionUrl$": "loss: the address of its function URL",
            r"InvokeMode$": "gap: invoke mode",
        },
    ),
    Subject("lambda:event-source-mapping", ("lambda",), stores.mapping),
    Subject("iam:role", ("iam",), account.role),
    Subject("iam:user", ("iam",), account.user, {r"GetLoginProfile": "loss: password"}),
    Subject("iam:group", ("iam",), account.group, {r"GroupId$": "loss: its unique id"}),
    Subject(
        "iam:policy",
        ("iam",),
        account.policy,
        {r"VersionId$|ListPolicyVersions": "loss: its earlier versions"},
    ),
    Subject("iam:instance-profile", ("iam",), account.profile),
    Subject("secretsmanager:secret", ("secretsmanager",), account.secret),
    Subject("kms:key", ("kms",), account.key),
    Subject("kms:alias", ("kms",), account.alias),
    Subject(
        "cloudwatch:alarm",
        ("cloudwatch",),
        account.alarm,
        {r"TreatMissingData$": "means: missing is what is meant where nothing is said (API_PutMetricAlarm)"},
    ),
    Subject("cloudwatch:dashboard", ("cloudwatch",), account.dashboard),
    Subject(
        "logs:log-group",
        ("logs",),
        account.logs,
        {r"DescribeMetricFilters": "gap: metric filters"},
    ),
    Subject("events:rule", ("events",), account.rule),
    Subject("states:stateMachine", ("stepfunctions",), account.machine),
    Subject(
        "kinesis:stream",
        ("kinesis",),
        account.stream,
        {
            r"Shards\[\]|OpenShardCount|ConsumerARN": "loss: its shard ids, and the ARNs of its registered consumers"
        },
    ),
    Subject("ecr:repository", ("ecr",), account.repository),
    Subject("route53:hostedzone", ("route53",), account.zone),
    Subject("ecs:cluster", ("ecs",), fleet.cluster),
    Subject(
        "ecs:task-definition", ("ecs",), fleet.task, {r"revision$|taskDefinitionArn$": "loss: its number"}
    ),
    Subject(
        "ecs:service",
        ("ecs",),
        fleet.service,
        {r"deployments\[\]": "loss: tasks that ran: they are started anew"},
    ),
    Subject("ec2:volume", ("ec2",), fleet.volume, {r"SnapshotId$": "ours: it is made from the backup"}),
    Subject("ec2:snapshot", ("ec2",), fleet.snapshot),
    Subject(
        "ec2:instance",
        ("ec2",),
        fleet.instance,
        {
            r"VolumeId$|NetworkInterfaceId$|PublicIp|PublicDns": "loss: those of its disks and network interfaces; a public address",
            r"AttachmentId$|ReservationId$|MacAddress$|ClientToken$": "means: names of one start, of one attachment, of one request",
            r"PasswordData$": "means: it is made at the first start, and told once",
            r"ImageId$|GetLaunchTemplateData": "ours: the image that is the backup",
            r"SecurityGroups|Groups": "gap: groups",
        },
    ),
    Subject("ec2:security-group", ("ec2",), fleet.security),
    Subject("ec2:elastic-ip", ("ec2",), fleet.address),
    Subject("ec2:network-interface", ("ec2",), fleet.interface, {r"MacAddress$": "loss: its MAC address"}),
    Subject("ec2:launch-template", ("ec2",), fleet.template),
    Subject(
        "autoscaling:autoScalingGroup",
        ("autoscaling",),
        fleet.scaling,
        {
            r"InstanceId$": "loss: its instances",
            r"PolicyARN$|AlarmARN|AlarmName": "loss: the ARNs of its scaling policies",
            r"AutoScalingGroupARN$|ScheduledActionARN$": "means: a number within the ARN, by which nothing names it",
            r"Activit": "means: what has happened to the old one",
        },
    ),
    Subject(
        "elasticloadbalancing:loadbalancer",
        ("elbv2",),
        balanced.balancer,
        {
            r"ListenerArn$|RuleArn$|LoadBalancerArns|DNSName$": "loss: its DNS name, hosted zone and ARN, and those of its listeners and rules"
        },
    ),
    Subject(
        "elasticloadbalancing:listener",
        ("elbv2",),
        balanced.listener,
        {r"RuleArn$": "loss: those of its rules"},
    ),
    Subject("elasticloadbalancing:targetgroup", ("elbv2",), balanced.targets),
    Subject("cloudtrail:trail", ("cloudtrail",), balanced.trail),
    Subject("budgets:budget", ("budgets",), balanced.budget),
    Subject(
        "cloudformation:stack",
        ("cloudformation",),
        balanced.stack,
        {
            r"StackId$|PhysicalResourceId$": "loss: and their ids",
            r"EventId$|DescribeStackEvents": "loss: its history",
        },
    ),
    Subject(
        "apigateway:restapis",
        ("apigateway",),
        apps.rest,
        {
            r"\.id$|parentId$|rootResourceId$": "loss: its id",
            r"deploymentId$|GetDeployments": "loss: its deployments",
        },
    ),
    Subject(
        "apigateway:apis",
        ("apigatewayv2",),
        apps.http,
        {
            r"(Integration|Route|Authorizer|Deployment)Id$|Target$": "means: ids within the API, which only it names"
        },
    ),
    Subject(
        "cognito-idp:userpool",
        ("cognito-idp",),
        apps.pool,
        {
            r"ListUserPoolClients|ListResourceServers|ListGroups|\.Domain$": "loss: its app clients, domain, groups, identity providers",
            r"ListUsers|EstimatedNumber": "loss: every user",
            r"UnusedAccountValidityDays$": "means: the older name of TemporaryPasswordValidityDays, which is given back",
        },
    ),
    Subject(
        "rds:db",
        ("rds",),
        apps.database,
        {r"DescribeDBSnapshots": "ours: the backup", r"DbiResourceId$": "loss: its resource id"},
    ),
    Subject(
        "rds:cluster",
        ("rds",),
        apps.aurora,
        {
            r"DescribeDBClusterSnapshots": "ours: the backup",
            r"DbClusterResourceId$": "loss: its resource id",
            r"Endpoint$|HostedZoneId$": "gap: cluster endpoint",
            r"GlobalWriteForwarding": "loss: its place in a global database",
        },
    ),
    Subject(
        "elasticache:replicationgroup",
        ("elasticache",),
        apps.replicated,
        {
            r"Endpoint\.Address$": "loss: its addresses",
            r"DescribeSnapshots": "ours: the backup",
            r"TransitEncryptionMode$": "gap: transit mode",
        },
    ),
    Subject(
        "es:domain",
        ("opensearch",),
        apps.domain,
        {r"AutoTuneOptions": "gap: auto tune"},
    ),
    Subject(
        "s3:bucket",
        ("s3",),
        apps.bucket,
        {r"Inventory|Accelerate": "loss: inventory, analytics, metrics, tiering, acceleration"},
    ),
)
EVERYWHERE: dict[str, str] = {
    r"\.CallerReference$": "means: the name of the request that made it",
    r"\.(RoleId|UserId|PolicyId|InstanceProfileId)$": "means: said of each, as unique_id",
    r"\.ListBackups": "ours: the backup",
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
        answer = super().__call__(call)
        if call.operation == "ecs:DescribeTaskDefinition" and isinstance(answer, Succeeded):
            answer.value["taskDefinition"].setdefault("registeredAt", dt.datetime.now(dt.UTC))
        return answer


def filled() -> None:
    """The stand-in, where it would be in the way."""
    fill_caches()
    fill_permissions()
    fill_restores()
    fill_databases()


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
