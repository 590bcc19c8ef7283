"""One file a service. `for_kind` and `for_operation` find the recipe."""

from __future__ import annotations

from functools import cache

from keyturn.providers.aws.recipes.apigateway import RestApi
from keyturn.providers.aws.recipes.apigatewayv2 import Api
from keyturn.providers.aws.recipes.autoscaling import Group
from keyturn.providers.aws.recipes.base import Recipe
from keyturn.providers.aws.recipes.budgets import Budget
from keyturn.providers.aws.recipes.cloudcontrol import Resource
from keyturn.providers.aws.recipes.cloudformation import Stack
from keyturn.providers.aws.recipes.cloudtrail import Trail
from keyturn.providers.aws.recipes.cloudwatch import Alarm
from keyturn.providers.aws.recipes.cognito import UserPool
from keyturn.providers.aws.recipes.dashboards import Dashboard
from keyturn.providers.aws.recipes.dynamodb import Table
from keyturn.providers.aws.recipes.ec2_addresses import Address, Association, Attachment, Interface
from keyturn.providers.aws.recipes.ec2_disks import Snapshot, Volume
from keyturn.providers.aws.recipes.ec2_groups import SecurityGroup
from keyturn.providers.aws.recipes.ec2_instances import Instance
from keyturn.providers.aws.recipes.ec2_templates import LaunchTemplate
from keyturn.providers.aws.recipes.ecr import Repository
from keyturn.providers.aws.recipes.ecs import Cluster, Service, TaskDefinition
from keyturn.providers.aws.recipes.elasticache import Cluster as CacheCluster
from keyturn.providers.aws.recipes.elasticache import ReplicationGroup
from keyturn.providers.aws.recipes.elasticbeanstalk import Environment
from keyturn.providers.aws.recipes.elbv2 import Listener, ListenerRule, LoadBalancer, TargetGroup
from keyturn.providers.aws.recipes.events import Rule
from keyturn.providers.aws.recipes.iam import IamRole, IamUser, InstanceProfile, ManagedPolicy
from keyturn.providers.aws.recipes.iam_groups import IamGroup
from keyturn.providers.aws.recipes.kinesis import Stream
from keyturn.providers.aws.recipes.kms import Alias, Key
from keyturn.providers.aws.recipes.lambda_ import Function
from keyturn.providers.aws.recipes.lambda_mappings import EventSourceMapping
from keyturn.providers.aws.recipes.logs import LogGroup
from keyturn.providers.aws.recipes.opensearch import Domain
from keyturn.providers.aws.recipes.rds import Instance as DatabaseInstance
from keyturn.providers.aws.recipes.rds_clusters import Cluster as DatabaseCluster
from keyturn.providers.aws.recipes.rds_copies import ClusterSnapshot
from keyturn.providers.aws.recipes.rds_copies import Snapshot as DatabaseSnapshot
from keyturn.providers.aws.recipes.rds_groups import (
    ClusterParameterGroup,
    OptionGroup,
    ParameterGroup,
    SubnetGroup,
)
from keyturn.providers.aws.recipes.redshift import Cluster as Warehouse
from keyturn.providers.aws.recipes.route53 import HostedZone
from keyturn.providers.aws.recipes.s3 import Bucket
from keyturn.providers.aws.recipes.s3_objects import Object
from keyturn.providers.aws.recipes.secretsmanager import Secret
from keyturn.providers.aws.recipes.sns import Topic
from keyturn.providers.aws.recipes.sqs import Queue
from keyturn.providers.aws.recipes.ssm import Parameter
from keyturn.providers.aws.recipes.states import StateMachine

_RECIPES: tuple[Recipe, ...] = (
    Table(),
    Function(),
    Bucket(),
    Object(),
    Queue(),
    Parameter(),
    Alarm(),
    IamRole(),
    IamUser(),
    IamGroup(),
    ManagedPolicy(),
    InstanceProfile(),
    Topic(),
    LogGroup(),
    Rule(),
    StateMachine(),
    Stream(),
    Repository(),
    Key(),
    Alias(),
    Secret(),
    EventSourceMapping(),
    Dashboard(),
    HostedZone(),
    Cluster(),
    Service(),
    TaskDefinition(),
    SecurityGroup(),
    Volume(),
    Snapshot(),
    Address(),
    Association(),
    Interface(),
    Attachment(),
    LaunchTemplate(),
    Instance(),
    Group(),
    LoadBalancer(),
    Listener(),
    ListenerRule(),
    TargetGroup(),
    Trail(),
    Budget(),
    Stack(),
    RestApi(),
    Api(),
    UserPool(),
    Environment(),
    DatabaseInstance(),
    DatabaseCluster(),
    DatabaseSnapshot(),
    ClusterSnapshot(),
    ParameterGroup(),
    ClusterParameterGroup(),
    SubnetGroup(),
    OptionGroup(),
    ReplicationGroup(),
    CacheCluster(),
    Domain(),
    Warehouse(),
    Resource(),
)


def all_recipes() -> tuple[Recipe, ...]:
    return _RECIPES


@cache
def for_kind(kind: str) -> Recipe | None:
    """The recipe of a kind of resource; None where there is none yet."""
    return next((recipe for recipe in _RECIPES if recipe.kind == kind), None)


@cache
def for_operation(name: str) -> Recipe | None:
    """The recipe whose kind this operation creates, deletes or changes."""
    return next(
        (recipe for recipe in _RECIPES if name in recipe.creates | recipe.deletes | recipe.updates), None
    )
