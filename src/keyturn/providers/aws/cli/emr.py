"""``aws emr``: clusters, steps and logins on their machines, as the operations they perform (AWS CLI Command Reference, emr)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from keyturn.providers.aws.cli.meaning import Meant, Remark
from keyturn.providers.aws.cli.options import Options

Does = Callable[[Options], Sequence[Meant]]

_CREATED: Final = {
    "name": "Name",
    "release-label": "ReleaseLabel",
    "log-uri": "LogUri",
    "service-role": "ServiceRole",
    "security-configuration": "SecurityConfiguration",
    "custom-ami-id": "CustomAmiId",
    "auto-scaling-role": "AutoScalingRole",
    "ami-version": "AmiVersion",
}


def _create(o: Options) -> list[Meant]:
    pairs = (pair.partition("=") for pair in o.text("ec2-attributes").split(","))
    attributes = {name: text for name, equals, text in pairs if equals}
    profile = "EMR_EC2_DefaultRole" if o.has("use-default-roles") else attributes.get("InstanceProfile", "")
    instances: dict[str, Any] = {
        **{
            name: attributes[of]
            for of, name in (("SubnetId", "Ec2SubnetId"), ("KeyName", "Ec2KeyName"))
            if of in attributes
        },
        **(
            {"TerminationProtected": not o.has("no-termination-protected")}
            if _said(o, "termination-protected")
            else {}
        ),
        **(
            {"KeepJobFlowAliveWhenNoSteps": not o.has("auto-terminate")} if _said(o, "auto-terminate") else {}
        ),
    }
    role = {"ServiceRole": "EMR_DefaultRole"} if o.has("use-default-roles") else {}
    parameters = {
        **role,
        **o.given(_CREATED),
        **({"JobFlowRole": profile} if profile else {}),
        "Instances": instances,
    }
    unread = [
        f"--{name} is not read further"
        for name in ("steps", "bootstrap-actions", "configurations")
        if o.has(name)
    ]
    return [Meant("emr", "RunJobFlow", parameters, tuple(unread))]


def _said(o: Options, name: str) -> bool:
    return o.has(name) or o.has(f"no-{name}")


def _steps(o: Options) -> list[Meant]:
    unread = ("what its steps run",)
    return [
        Meant(
            "emr",
            "AddJobFlowSteps",
            {"JobFlowId": o.text("cluster-id"), **o.given({"execution-role-arn": "ExecutionRoleArn"})},
            unread,
        )
    ]


def _modify(o: Options) -> list[Meant]:
    which = {"JobFlowIds": [o.text("cluster-id")]}
    operations = (
        ("termination-protected", "SetTerminationProtection", "TerminationProtected"),
        ("visible-to-all-users", "SetVisibleToAllUsers", "VisibleToAllUsers"),
        ("unhealthy-node-replacement", "SetUnhealthyNodeReplacement", "UnhealthyNodeReplacement"),
        ("auto-terminate", "SetKeepJobFlowAliveWhenNoSteps", "KeepJobFlowAliveWhenNoSteps"),
    )
    found = [
        Meant("emr", operation, {**which, member: o.has(name) != (name == "auto-terminate")})
        for name, operation, member in operations
        if _said(o, name)
    ]
    return found or [Meant("emr", "SetTerminationProtection", which, ("which of its attributes it sets",))]


def _groups(o: Options) -> list[Meant]:
    return [Meant("emr", "AddInstanceGroups", {"JobFlowId": o.text("cluster-id")}, ("which groups it adds",))]


def _terminate(o: Options) -> list[Meant]:
    return [Meant("emr", "TerminateJobFlows", {"JobFlowIds": o.texts("cluster-ids")})]


def does(shell: Remark, default_roles: Does) -> dict[tuple[str, ...], Does]:
    """The commands; `shell` is said of those that log in on a machine."""

    def login(o: Options) -> list[Meant]:
        return [Meant("emr", "DescribeCluster", {"ClusterId": o.text("cluster-id")}, remarks=(shell,))]

    by_steps = ("add-steps", "install-applications", "create-hbase-backup", "restore-from-hbase-backup")
    return {
        **{("emr", name): _steps for name in (*by_steps, "schedule-hbase-backup", "disable-hbase-backups")},
        **{("emr", name): login for name in ("ssh", "socks", "get", "put")},
        ("emr", "create-cluster"): _create,
        ("emr", "create-default-roles"): default_roles,
        ("emr", "describe-cluster"): lambda o: [
            Meant("emr", "DescribeCluster", {"ClusterId": o.text("cluster-id")})
        ],
        ("emr", "modify-cluster-attributes"): _modify,
        ("emr", "add-instance-groups"): _groups,
        ("emr", "terminate-clusters"): _terminate,
    }
