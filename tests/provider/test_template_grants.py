"""Who would newly have what, and who no more, where a template says it: a table of what stood and what is to stand."""

from __future__ import annotations

from typing import Any, Final

import pytest

from keyturn.providers.aws.assess import judge
from tests.provider.rule_cases import Case, made, set_to
from tests.provider.test_rules import context_of

ADMIN: Final = "arn:aws:iam::aws:policy/AdministratorAccess"
READS: Final = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ALL: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
GETS: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}  # fmt: skip
ROLE: Final[dict[str, Any]] = {"AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}}  # fmt: skip
GROUP: Final[dict[str, Any]] = {"GroupDescription": "d", "VpcId": "vpc-1"}
SOME: Final = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/8"}]
EVERY: Final = [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]
Kinds = set[str]

CASES: Final[dict[str, tuple[Case, Kinds, str]]] = {
    # what, the kinds that are found, what is said of whom
    "a role is given everything": (set_to("AWS::IAM::Role", ROLE, {**ROLE, "ManagedPolicyArns": [ADMIN]}), {"delegated_authority"}, "iam:role/r would be given other permissions, among them administration"),
    "a role changes one for another": (set_to("AWS::IAM::Role", {**ROLE, "ManagedPolicyArns": [READS]}, {**ROLE, "ManagedPolicyArns": [ADMIN]}), {"delegated_authority", "outage"}, "administration"),
    "a role keeps what it has": (set_to("AWS::IAM::Role", {**ROLE, "ManagedPolicyArns": [READS]}, {**ROLE, "ManagedPolicyArns": [READS], "Description": "d"}), set(), ""),
    "a role loses what it has": (set_to("AWS::IAM::Role", {**ROLE, "ManagedPolicyArns": [READS]}, ROLE), {"outage"}, "iam:role/r would lose permissions"),
    "a role loses an own policy": (set_to("AWS::IAM::Role", {**ROLE, "Policies": [{"PolicyName": "a", "PolicyDocument": GETS}]}, ROLE), {"outage"}, "iam:role/r would lose permissions"),
    "a role's own policy is widened": (set_to("AWS::IAM::Role", {**ROLE, "Policies": [{"PolicyName": "a", "PolicyDocument": GETS}]}, {**ROLE, "Policies": [{"PolicyName": "a", "PolicyDocument": ALL}]}), {"delegated_authority"}, "newly allow do anything"),
    "a role's limit is taken off": (set_to("AWS::IAM::Role", {**ROLE, "PermissionsBoundary": READS}, ROLE), {"protection_strip"}, "upper limit"),
    "a role is made with a limit": (made("AWS::IAM::Role", **ROLE, PermissionsBoundary=READS), {"delegated_authority"}, "CreateRole is called"),
    "a policy is made for a user": (made("AWS::IAM::Policy", PolicyName="p", PolicyDocument=ALL, Users=["ann"]), {"delegated_authority"}, "iam:user/ann would newly allow do anything"),
    "a policy is made for one role": (made("AWS::IAM::RolePolicy", PolicyName="p", PolicyDocument=ALL, RoleName="runner"), {"delegated_authority"}, "iam:role/runner would newly"),
    "a policy is given to another role": (set_to("AWS::IAM::Policy", {"PolicyName": "p", "PolicyDocument": ALL, "Roles": ["a"]}, {"PolicyName": "p", "PolicyDocument": ALL, "Roles": ["a", "b"]}), {"delegated_authority"}, "iam:role/b would newly"),
    "a managed policy is given to a role": (set_to("AWS::IAM::ManagedPolicy", {"PolicyDocument": ALL}, {"PolicyDocument": ALL, "Roles": ["runner"]}), {"delegated_authority"}, "iam:role/runner would newly"),
    "a managed policy is widened": (set_to("AWS::IAM::ManagedPolicy", {"PolicyDocument": GETS, "Roles": ["runner"]}, {"PolicyDocument": ALL, "Roles": ["runner"]}), {"delegated_authority"}, "iam:role/runner would newly allow do anything"),
    "a managed policy that others hold is widened": (set_to("AWS::IAM::ManagedPolicy", {"PolicyDocument": GETS}, {"PolicyDocument": ALL}), {"delegated_authority"}, "do anything"),
    "a managed policy is taken from a role": (set_to("AWS::IAM::ManagedPolicy", {"PolicyDocument": GETS, "Roles": ["runner"]}, {"PolicyDocument": GETS}), {"outage"}, "iam:role/runner would lose"),
    "a user joins a group": (set_to("AWS::IAM::User", {"UserName": "u"}, {"UserName": "u", "Groups": ["admins"]}), {"delegated_authority"}, "iam:group/admins"),
    "users are put into a group": (made("AWS::IAM::UserToGroupAddition", GroupName="admins", Users=["ann"]), {"delegated_authority"}, "iam:group/admins"),
    "a user is made with a password": (made("AWS::IAM::User", UserName="u", LoginProfile={"Password": "p"}), {"delegated_authority"}, "iam:user/u"),
    "a group is given everything": (set_to("AWS::IAM::Group", {}, {"ManagedPolicyArns": [ADMIN]}), {"delegated_authority"}, "administration"),
    "what goes out is limited no more": (set_to("AWS::EC2::SecurityGroup", {**GROUP, "SecurityGroupEgress": SOME}, GROUP), {"exposure"}, "every protocol and port would be open"),
    "what goes out is limited": (set_to("AWS::EC2::SecurityGroup", GROUP, {**GROUP, "SecurityGroupEgress": SOME}), {"outage"}, "connections that rest on these rules fail"),
    "everything went out, and does": (set_to("AWS::EC2::SecurityGroup", {**GROUP, "SecurityGroupEgress": EVERY}, GROUP), set(), ""),
    "what comes in is named no more": (set_to("AWS::EC2::SecurityGroup", {**GROUP, "SecurityGroupIngress": SOME}, GROUP), {"outage"}, "emptied"),
    "a list is named no more": (set_to("AWS::Events::Rule", {"ScheduleExpression": "rate(1 day)", "Targets": [{"Id": "1", "Arn": "a"}]}, {"ScheduleExpression": "rate(1 day)"}), {"outage"}, "emptied"),
    "a number is named no more": (set_to("AWS::ECS::Service", {"DesiredCount": 4, "TaskDefinition": "t"}, {"TaskDefinition": "t"}), {"opaque"}, "falls back is not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_a_template_gives_and_takes(name: str) -> None:
    """A role that is given AdministratorAccess by a template is given it as by a call; what is left out falls back."""
    case, kinds, said = CASES[name]
    found = judge(context_of(case)).findings
    assert {str(one.kind) for one in found if one.kind != "note"} == kinds
    assert said in " ".join(one.message for one in found)
