"""What making or changing a resource of an IAM type is: who would newly have what, and who would have it no more.

A policy that is attached to somebody gives her what it says, wherever it is written: in the role, as a policy of its own, by a group. What was
attached before and is not after is taken from those who work with it (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from keyturn.providers.aws.kinds import makes
from keyturn.providers.aws.languages.templates import Resource
from keyturn.providers.aws.rules.parts import Part

_HOLDERS: Final = {"Roles": "Role", "Users": "User", "Groups": "Group"}
"""Members of a policy that say whom it is attached to."""

_OWN: Final = {"RolePolicy": "Role", "UserPolicy": "User", "GroupPolicy": "Group"}
"""Policies that are one holder's."""

Names = set[str] | None
"""Properties that change; None: it is made new."""


def identity(
    one: Resource, label: str, names: Names = None, before: Mapping[str, Any] | None = None
) -> Iterator[Part]:
    """IAM's types, each as the calls that it is."""
    noun = one.kind.rpartition("::")[2]
    stood = before or {}
    if noun in {"Role", "User", "Group"}:
        yield from _holder(one, noun, label, names, stood)
    elif noun in {"Policy", "ManagedPolicy"} or noun in _OWN:
        yield from _policy(one, noun, label, names, stood)
    elif noun == "InstanceProfile":
        for role in _listed(one.properties.get("Roles")) or [one.name]:
            yield Part("iam:AddRoleToInstanceProfile", {"InstanceProfileName": one.name, "RoleName": _text(role)}, label)  # fmt: skip
    elif noun == "UserToGroupAddition":
        group = _text(one.properties.get("GroupName"))
        yield from _moved("User", "Group", one.properties.get("Users"), stood.get("Users"), group, label)
    else:
        call = makes(one.kind)
        yield Part(call, dict(one.properties), label, unknown="" if call else "it decides who may do what")


def _holder(one: Resource, noun: str, label: str, names: Names, stood: Mapping[str, Any]) -> Iterator[Part]:
    """A role, user or group: its trust, its own policies, those attached, its boundary, its groups, its password."""
    given = one.properties
    wanted = {*given, *stood} if names is None else names
    name = _text(given.get(f"{noun}Name") or one.name)
    who = {f"{noun}Name": name}
    how: dict[str, Any] = {"new": True} if names is None else {"state": captured(stood)}
    if noun == "Role" and "AssumeRolePolicyDocument" in wanted:
        trust = document(given.get("AssumeRolePolicyDocument"))
        yield Part("iam:CreateRole", {**who, "AssumeRolePolicyDocument": trust}, label, **how)
    elif names is None:
        yield Part(f"iam:Create{noun}", who, label, **how)
    if "Policies" in wanted:
        yield from _inline(noun, who, given.get("Policies"), stood.get("Policies"), label, how)
    if "ManagedPolicyArns" in wanted:
        yield from _attached(noun, who, given.get("ManagedPolicyArns"), stood.get("ManagedPolicyArns"), label, how)  # fmt: skip
    if "PermissionsBoundary" in wanted and (names is not None or "PermissionsBoundary" in given):
        bound = given.get("PermissionsBoundary")
        call = f"iam:{'Put' if bound else 'Delete'}{noun}PermissionsBoundary"
        if bound is None or names is not None:  # one that is made with a boundary is bound from its first day
            yield Part(call, {**who, **({"PermissionsBoundary": bound} if bound else {})}, label, **how)
    if noun == "User" and "Groups" in wanted:
        for group in _only(given.get("Groups"), stood.get("Groups")):
            yield Part("iam:AddUserToGroup", {**who, "GroupName": _text(group)}, label)
        for group in _only(stood.get("Groups"), given.get("Groups")):
            yield Part("iam:RemoveUserFromGroup", {**who, "GroupName": _text(group)}, label)
    if noun == "User" and "LoginProfile" in wanted and given.get("LoginProfile"):
        yield Part("iam:CreateLoginProfile", {**who, "Password": "in the template"}, label)


def _inline(
    noun: str, who: dict[str, str], after: Any, before: Any, label: str, how: dict[str, Any]
) -> Iterator[Part]:
    """Own policies that are new or other than before, and those that are gone."""
    now, stood = _by_name(after), _by_name(before)
    for name, text in now.items():
        if stood.get(name) != text:
            yield Part(f"iam:Put{noun}Policy", {**who, "PolicyName": name, "PolicyDocument": text}, label, **how)  # fmt: skip
    for name in stood:
        if name not in now:
            yield Part(f"iam:Delete{noun}Policy", {**who, "PolicyName": name}, label, **how)


def _attached(
    noun: str, who: dict[str, str], after: Any, before: Any, label: str, how: dict[str, Any]
) -> Iterator[Part]:
    """Managed policies that are attached anew, and those that are no more."""
    for arn in _only(after, before):
        yield Part(f"iam:Attach{noun}Policy", {**who, "PolicyArn": arn}, label, **how)
    for arn in _only(before, after):
        yield Part(f"iam:Detach{noun}Policy", {**who, "PolicyArn": arn}, label, **how)


def _policy(one: Resource, noun: str, label: str, names: Names, stood: Mapping[str, Any]) -> Iterator[Part]:
    """A policy as a resource: for each holder what it newly allows, and who is no longer among them."""
    given = one.properties
    text, said = document(given.get("PolicyDocument")), document(stood.get("PolicyDocument"))
    policy = _text(given.get("PolicyName") or given.get("ManagedPolicyName") or one.name)
    now, then = list(_held(given, noun)), list(_held(stood, noun))
    if noun != "ManagedPolicy" and not now:
        now = [("Role", one.name)]  # it has to be somebody's: whose is not said here
    if noun == "ManagedPolicy" and names is None:
        yield Part("iam:CreatePolicy", {"PolicyName": policy, "PolicyDocument": text}, label, new=True)
    if noun == "ManagedPolicy" and not now and names is not None and text != said:
        # to whom it is attached stands elsewhere
        wider = {"PolicyArn": policy, "PolicyDocument": text, "SetAsDefault": True}
        yield Part("iam:CreatePolicyVersion", wider, label, state={"document": said})
    for kind, name in now:
        inline = {policy: said} if said is not None and (kind, name) in then else {}
        if names is None or inline.get(policy) != text:
            call = {f"{kind}Name": name, "PolicyName": policy, "PolicyDocument": text}
            yield Part(f"iam:Put{kind}Policy", call, label, state={"inline": inline, "attached": []})
    for kind, name in then:
        if (kind, name) not in now:
            yield Part(f"iam:Delete{kind}Policy", {f"{kind}Name": name, "PolicyName": policy}, label)


def _held(given: Mapping[str, Any], noun: str) -> Iterator[tuple[str, str]]:
    if noun in _OWN:
        kind = _OWN[noun]
        if given.get(f"{kind}Name"):
            yield kind, _text(given[f"{kind}Name"])
        return
    for member, kind in _HOLDERS.items():
        for name in _listed(given.get(member)):
            yield kind, _text(name)


def _moved(member: str, group: str, after: Any, before: Any, name: str, label: str) -> Iterator[Part]:
    for one in _only(after, before):
        yield Part(f"iam:Add{member}To{group}", {"GroupName": name, "UserName": _text(one)}, label)
    for one in _only(before, after):
        yield Part(f"iam:Remove{member}From{group}", {"GroupName": name, "UserName": _text(one)}, label)


def captured(before: Mapping[str, Any]) -> dict[str, Any]:
    """What stood of an identity, as its recipe captures it."""
    own = document(before.get("PolicyDocument"))
    trust = document(before.get("AssumeRolePolicyDocument"))
    return {"inline": _by_name(before.get("Policies")), "trust": trust, "document": own}


def document(value: Any) -> Any:
    """A policy as text, as the calls take it."""
    return json.dumps(value, default=str) if isinstance(value, (dict, list)) else value


def _by_name(policies: Any) -> dict[str, Any]:
    named = [one for one in _listed(policies) if isinstance(one, Mapping)]
    return {_text(one.get("PolicyName")): document(one.get("PolicyDocument")) for one in named}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _only(some: Any, others: Any) -> list[Any]:
    """What stands in the one list and not in the other."""
    there = [_text(one) for one in _listed(others)]
    return [one for one in _listed(some) if _text(one) not in there]


def _text(value: Any) -> str:
    """A name as text, also where it is a reference."""
    return value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
