"""What is opened to everybody is said with its ports: the first screen shows this sentence, and 22 is another night than 443."""

from __future__ import annotations

from typing import Any

import pytest

from keyturn.providers.aws.assess import judge
from keyturn.providers.aws.rules import Context
from tests.provider.provider_world import operation

ALL, ALL6 = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
INSIDE = {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
IN, ACL = "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateNetworkAclEntry"
OPENED: list[tuple[str, str, dict[str, Any], str]] = [
    ("one port", IN, {"IpPermissions": [{**SSH, **ALL}]}, " on tcp 22"),
    ("over IPv6", IN, {"IpPermissions": [{**SSH, **ALL6}]}, " on tcp 22"),
    ("in the older spelling", IN, {**SSH, "CidrIp": "0.0.0.0/0"}, " on tcp 22"),
    (
        "only the rule that is open",
        IN,
        {
            "IpPermissions": [
                {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, **INSIDE},
                {**SSH, **ALL},
            ]
        },
        " on tcp 22",
    ),
    (
        "a span, by its number",
        IN,
        {"IpPermissions": [{"IpProtocol": "17", "FromPort": 8000, "ToPort": 8010, **ALL}]},
        " on udp 8000-8010",
    ),
    (
        "all there are",
        IN,
        {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, **ALL}]},
        " on every tcp port",
    ),
    ("of everything", IN, {"IpPermissions": [{"IpProtocol": "-1", **ALL}]}, " on every port"),
    (
        "a ping has none",
        IN,
        {"IpPermissions": [{"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, **ALL}]},
        " on icmp",
    ),
    (
        "more than are read at a glance",
        IN,
        {
            "IpPermissions": [
                {**SSH, "FromPort": port, "ToPort": port, **ALL} for port in (21, 22, 23, 25, 80)
            ]
        },
        " on tcp 21, tcp 22, tcp 23 and 2 more",
    ),
    (
        "an entry of a network ACL",
        ACL,
        {
            "Protocol": "6",
            "RuleAction": "allow",
            "CidrBlock": "0.0.0.0/0",
            "PortRange": {"From": 3389, "To": 3389},
            "Egress": False,
        },
        " on tcp 3389",
    ),
]


@pytest.mark.parametrize(
    ("name", "given", "said"), [row[1:] for row in OPENED], ids=[row[0] for row in OPENED]
)
def test_ports_stand_in_the_sentence(name: str, given: dict[str, Any], said: str) -> None:
    """In words, of the rules that are open, and no more than are read at a glance."""
    named = {"GroupId": "sg-0123456789abcdef0"} if name == IN else {"NetworkAclId": "acl-1", "RuleNumber": 1}
    asked = operation(name, named | given)
    [found] = [one for one in judge(Context(asked, asked.parameters, {})).findings if one.code == "EXP001"]
    assert found.message.partition(" (")[0] == f"{asked.resources[0]} would be opened to everybody{said}"


def test_what_has_no_ports_has_none() -> None:
    """A bucket, a function's address, a database that is public."""
    asked = operation("rds:ModifyDBInstance", {"DBInstanceIdentifier": "d", "PubliclyAccessible": True})
    [found] = [one for one in judge(Context(asked, asked.parameters, {})).findings if one.code == "EXP001"]
    assert found.message == "rds:db/d would be opened to everybody (PubliclyAccessible)."
