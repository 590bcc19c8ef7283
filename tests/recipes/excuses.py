"""Why something may read otherwise once it was given back: each reason is of a kind that is looked into, and a gap of the stand-in is shown.

`loss: …`  words that the recipe says beforehand, in its `loss`
`gap: …`   the name of a gap of the stand-in in `GAPS`, which a call with nothing of ours in between shows
`ours: …`  what stands there is the plane's own, or leads back to it
`means: …` it means the same, or says when and by whom something was read or made
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from keyturn.testing.standin_gaps import fill_databases
from tests.provider.provider_world import Account
from tests.recipes.drawing import perform
from tests.recipes.reborn_nights import IMAGE, network
from tests.recipes.subjects import PASSWORD, ROLE, roles
from tests.recipes.subjects_stores import code


class Gap(msgspec.Struct, frozen=True):
    """What AWS says, and the calls that show the stand-in doing otherwise."""

    aws: str
    shown: Callable[[Account], bool]


def _warm(account: Account) -> bool:
    table = {"TableName": "one", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
             "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}  # fmt: skip
    perform(account, "dynamodb:CreateTable", table)
    copy = perform(account, "dynamodb:CreateBackup", {"TableName": "one", "BackupName": "copy"})
    arn = copy["BackupDetails"]["BackupArn"]
    perform(account, "dynamodb:RestoreTableFromBackup", {"TargetTableName": "two", "BackupArn": arn})
    one, two = (
        perform(account, "dynamodb:DescribeTable", {"TableName": name})["Table"]["WarmThroughput"]
        for name in ("one", "two")
    )
    return bool(one["ReadUnitsPerSecond"] == 12_000 and two["ReadUnitsPerSecond"] == 0)


def _invoke_mode(account: Account) -> bool:
    roles(account)
    made = {
        "FunctionName": "f",
        "Role": ROLE,
        "Code": {"ZipFile": code()},
        "Runtime": "python3.13",
        "Handler": "a.b",
    }
    perform(account, "lambda:CreateFunction", made)
    perform(account, "lambda:CreateFunctionUrlConfig", {"FunctionName": "f", "AuthType": "NONE"})
    told = perform(account, "lambda:GetFunctionUrlConfig", {"FunctionName": "f"})["InvokeMode"]
    return bool(told == "Buffered")


def _metric_filters(account: Account) -> bool:
    group = {"logGroupName": "g"}
    perform(account, "logs:CreateLogGroup", group)
    transformed = [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]
    given = {"filterName": "f", "filterPattern": "", "metricTransformations": transformed}
    perform(account, "logs:PutMetricFilter", {**group, **given})
    perform(account, "logs:DeleteLogGroup", group)
    return bool(perform(account, "logs:DescribeMetricFilters", group)["metricFilters"])


def _groups(account: Account) -> bool:
    made = network(account)
    wanted = {"GroupName": "one", "Description": "x", "VpcId": made["vpc"]}
    group = perform(account, "ec2:CreateSecurityGroup", wanted)["GroupId"]
    given = {"SubnetId": made["subnet"], "Groups": [group]}
    interface = perform(account, "ec2:CreateNetworkInterface", given)["NetworkInterface"][
        "NetworkInterfaceId"
    ]
    run = {"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1,
           "NetworkInterfaces": [{"DeviceIndex": 0, "NetworkInterfaceId": interface}]}  # fmt: skip
    instance = perform(account, "ec2:RunInstances", run)["Instances"][0]["InstanceId"]
    told = perform(account, "ec2:DescribeInstances", {"InstanceIds": [instance]})
    groups = told["Reservations"][0]["Instances"][0]["SecurityGroups"]
    return bool(groups != [{"GroupName": "one", "GroupId": group}])


def _cluster_endpoint(account: Account) -> bool:
    fill_databases()  # or it would refuse a second one of the name within the minute
    cluster = {"DBClusterIdentifier": "orders"}
    made = {**cluster, "Engine": "aurora-mysql", "MasterUsername": "root", "MasterUserPassword": PASSWORD}
    seen = set()
    for _ in range(3):
        perform(account, "rds:CreateDBCluster", made)
        seen.add(perform(account, "rds:DescribeDBClusters", cluster)["DBClusters"][0]["Endpoint"])
        perform(account, "rds:DeleteDBCluster", {**cluster, "SkipFinalSnapshot": True})
    return len(seen) > 1


def _transit_mode(account: Account) -> bool:
    group = {"ReplicationGroupId": "g", "ReplicationGroupDescription": "x", "Engine": "redis", "CacheNodeType": "cache.r7g.large",
             "TransitEncryptionEnabled": False, "TransitEncryptionMode": "required"}  # fmt: skip
    perform(account, "elasticache:CreateReplicationGroup", group)
    told = perform(account, "elasticache:DescribeReplicationGroups", {"ReplicationGroupId": "g"})
    return bool(told["ReplicationGroups"][0].get("TransitEncryptionMode") == "required")


def _auto_tune(account: Account) -> bool:
    given = {"DomainName": "search", "AutoTuneOptions": {"DesiredState": "DISABLED"}}
    perform(account, "opensearch:CreateDomain", given)
    told = perform(account, "opensearch:DescribeDomain", {"DomainName": "search"})["DomainStatus"][
        "AutoTuneOptions"
    ]
    return told.get("State") not in {"DISABLED", "DISABLED_AND_ROLLBACK_COMPLETE"}


GAPS: Final[Mapping[str, Gap]] = {
    "warm throughput": Gap(
        "a new on-demand table is warm for 12,000 reads and 4,000 writes a second (DynamoDB developer guide, warm throughput); one that is "
        "restored to on-demand is here warm for none",
        _warm,
    ),
    "invoke mode": Gap("InvokeMode is BUFFERED or RESPONSE_STREAM (API_GetFunctionUrlConfig)", _invoke_mode),
    "metric filters": Gap("DeleteLogGroup deletes what belongs to the group", _metric_filters),
    "groups": Gap("an instance has the groups of its primary network interface (EC2 user guide)", _groups),
    "cluster endpoint": Gap(
        "the part of an endpoint behind the cluster's name is the account's in a Region, and the same each time (Aurora user guide)",
        _cluster_endpoint,
    ),
    "transit mode": Gap("TransitEncryptionMode is set where TransitEncryptionEnabled is true (API_CreateReplicationGroup)", _transit_mode),
    "auto tune": Gap("AutoTuneOptions.State is what was wished for (API_AutoTuneOptionsOutput)", _auto_tune),
}  # fmt: skip


def unfounded(reason: str, loss: tuple[str, ...]) -> str:
    """What is wrong with a reason; empty where it holds."""
    kind, _, words = reason.partition(": ")
    match kind:
        case "loss":
            return "" if words in "; ".join(loss) else f"the recipe says no such loss: {words}"
        case "gap":
            return "" if words in GAPS else f"no such gap is shown: {words}"
        case "ours" | "means":
            return "" if words else "it says nothing"
    return f"no kind of reason: {reason}"


__all__ = ["GAPS", "Gap", "unfounded"]
