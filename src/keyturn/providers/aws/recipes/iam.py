"""IAM roles, users, customer managed policies, instance profiles.

A role or user made again under the same name has another unique id: resource policies and grants that name it stand for the
id and no longer match
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids). That is said beforehand and
again afterwards (`iam_again`); what is changed in place is put back in place.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final
from urllib.parse import unquote

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.model.assessment import Dependent
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Succeeded
from keyturn.providers.aws.recipes import iam_again
from keyturn.providers.aws.recipes.again import Again, Given
from keyturn.providers.aws.recipes.base import Captured, Narrow, Scratch, State, Step
from keyturn.providers.aws.recipes.common import (
    pages,
    read_call,
    tags_back,
    tags_dict,
    tags_list,
    value_of,
    wanted_otherwise,
)
from keyturn.providers.aws.recipes.iam_again import PrincipalAgain, policies_other

ABSENT: Final = ("NoSuchEntity",)

_NEW_IDENTITY: Final = (
    "its unique id: resource policies, KMS grants and trust policies that name it no longer match",
)


def _document(value: Any) -> Any:
    """A policy document as JSON, however the service hands it out: the API gives it URL-encoded (RFC 3986)."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value if value.lstrip().startswith("{") else unquote(value))
    except ValueError:
        return value


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document, sort_keys=True)


def each_page(ref: ResourceRef, operation: str, parameters: dict[str, Any]) -> Inquiry[list[Any]]:
    return (yield from pages(ref, operation, parameters, token_in="Marker", token_out="Marker"))


def items_of(answers: list[Any], key: str, what: str, unknowns: list[str]) -> list[Any]:
    return [item for answer in answers for item in (value_of(answer, what, unknowns) or {}).get(key) or []]


class Principal(PrincipalAgain):
    """What roles and users have in common: inline and attached policies, a boundary, tags, a unique id."""

    noun: ClassVar[str]  # "Role" | "User"
    born_with: ClassVar[tuple[str, ...]] = ("unique_id",)
    loss: ClassVar[tuple[str, ...]] = _NEW_IDENTITY

    def _permissions(self, ref: ResourceRef, unknowns: list[str]) -> Inquiry[State]:
        """Inline policies with their documents, attached ones by ARN."""
        named = {f"{self.noun}Name": ref.id}
        listed = yield from each_page(ref, f"iam:List{self.noun}Policies", named)
        names = sorted(items_of(listed, "PolicyNames", f"List{self.noun}Policies", unknowns))
        inline: dict[str, Any] = {}
        if names:
            answers = yield tuple(
                read_call(ref, f"iam:Get{self.noun}Policy", PolicyName=name, **named) for name in names
            )
            for name, answer in zip(names, answers, strict=True):
                found = value_of(answer, f"Get{self.noun}Policy {name}", unknowns)
                inline[name] = _document((found or {}).get("PolicyDocument"))
        listed = yield from each_page(ref, f"iam:ListAttached{self.noun}Policies", named)
        attached = items_of(listed, "AttachedPolicies", f"ListAttached{self.noun}Policies", unknowns)
        return {"inline": inline, "attached": sorted(one["PolicyArn"] for one in attached)}

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        noun, policy, arn = self.noun, parameters.get("PolicyName"), parameters.get("PolicyArn")
        others = {name: document for name, document in state.get("inline", {}).items() if name != policy}
        attached = state.get("attached", [])
        match operation.removeprefix("iam:").replace(noun, "", 1):
            case "PutPolicy":
                return {"inline": {**others, str(policy): _document(parameters.get("PolicyDocument"))}}
            case "DeletePolicy":
                return {"inline": others}
            case "AttachPolicy":
                return {"attached": sorted({*attached, str(arn)})}
            case "DetachPolicy":
                return {"attached": [one for one in attached if one != arn]}
            case "PutPermissionsBoundary":
                return {"boundary": parameters.get("PermissionsBoundary", "")}
            case "DeletePermissionsBoundary":
                return {"boundary": ""}
        return None

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        named, noun = {f"{self.noun}Name": ref.id}, self.noun
        policy, arn = str(parameters.get("PolicyName", "")), str(parameters.get("PolicyArn", ""))
        if operation in {f"iam:Put{noun}Policy", f"iam:Delete{noun}Policy"}:
            if policy not in state["inline"]:
                return (Step(f"iam:Delete{noun}Policy", {**named, "PolicyName": policy}),)
            document = _text(state["inline"][policy])
            return (
                Step(f"iam:Put{noun}Policy", {**named, "PolicyName": policy, "PolicyDocument": document}),
            )
        if operation in {f"iam:Attach{noun}Policy", f"iam:Detach{noun}Policy"}:
            verb = "Attach" if arn in state["attached"] else "Detach"
            return (Step(f"iam:{verb}{noun}Policy", {**named, "PolicyArn": arn}),)
        if operation in {f"iam:Put{noun}PermissionsBoundary", f"iam:Delete{noun}PermissionsBoundary"}:
            if not state["boundary"]:
                return (Step(f"iam:Delete{noun}PermissionsBoundary", named),)
            boundary = {**named, "PermissionsBoundary": state["boundary"]}
            return (Step(f"iam:Put{noun}PermissionsBoundary", boundary),)
        return _tags_back(operation, noun, parameters, named, state)


def _tags_back(
    operation: str, noun: str, parameters: dict[str, Any], named: dict[str, Any], state: State
) -> tuple[Step, ...]:
    if operation == f"iam:Tag{noun}":
        keys = [tag["Key"] for tag in parameters.get("Tags", [])]
    elif operation == f"iam:Untag{noun}":
        keys = list(parameters.get("TagKeys", []))
    else:
        return ()
    return tags_back(f"iam:Tag{noun}", f"iam:Untag{noun}", named, state["tags"], keys)


def _boundary(found: dict[str, Any]) -> str:
    return str((found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""))


class IamRole(Principal):
    """A role: who may assume it, what it may, its boundary, tags and the instance profiles it is in."""

    kind: ClassVar[str] = "iam:role"
    no_drill: ClassVar[str] = (
        "a second one would let in whom its trust policy lets in, and who may make roles can give itself everything: the backup role may not"
    )
    title: ClassVar[str] = "IAM role"
    noun: ClassVar[str] = "Role"
    fields: ClassVar[tuple[str, ...]] = (
        "unique_id",
        "path",
        "trust",
        "description",
        "max_session_s",
        "boundary",
        "inline",
        "attached",
        "instance_profiles",
        "tags",
    )
    creates: ClassVar[frozenset[str]] = frozenset({"iam:CreateRole"})
    deletes: ClassVar[frozenset[str]] = frozenset({"iam:DeleteRole"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            "iam:UpdateRoleDescription",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:TagRole",
            "iam:UntagRole",
        }
    )
    in_place: ClassVar[tuple[str, ...]] = (
        "iam:UpdateAssumeRolePolicy",
        "iam:PutRolePolicy",
        "iam:AttachRolePolicy",
        "iam:UpdateRole",
    )
    loss: ClassVar[tuple[str, ...]] = (*_NEW_IDENTITY, "sessions that have assumed it")

    def born(self, ref: ResourceRef, state: State) -> dict[str, Any]:
        said = {"Description": state["description"]} if state["description"] else {}
        return {
            "AssumeRolePolicyDocument": _text(state["trust"]),
            "MaxSessionDuration": state["max_session_s"],
            **said,
        }

    def beside(self, ref: ResourceRef, state: State) -> list[Step]:
        return [
            Step("iam:AddRoleToInstanceProfile", {"InstanceProfileName": name, "RoleName": ref.id})
            for name in state["instance_profiles"]
        ]

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        (answer,) = yield (read_call(ref, "iam:GetRole", RoleName=ref.id),)
        found = value_of(answer, "GetRole", unknowns, *ABSENT)
        if found is None:
            return Captured(None, tuple(unknowns))
        role = found["Role"]
        permissions = yield from self._permissions(ref, unknowns)
        listed = yield from each_page(ref, "iam:ListInstanceProfilesForRole", {"RoleName": ref.id})
        profiles = sorted(
            one["InstanceProfileName"]
            for one in items_of(listed, "InstanceProfiles", "ListInstanceProfilesForRole", unknowns)
        )
        state: State = {
            "arn": role["Arn"],
            "unique_id": role["RoleId"],
            "path": role.get("Path", "/"),
            "trust": _document(role.get("AssumeRolePolicyDocument")),
            "description": role.get("Description", ""),
            "max_session_s": role.get("MaxSessionDuration", 3600),
            "boundary": _boundary(role),
            "tags": tags_dict(role.get("Tags")),
            "instance_profiles": profiles,
            **permissions,
        }
        edges = tuple(
            Dependent(
                resource=msgspec.structs.replace(ref, kind="iam:instance-profile", id=name),
                relation="carries",
                on=ref,
            )
            for name in profiles
        )
        return Captured(state, tuple(unknowns), edges)

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "iam:CreateRole":
            return None
        wanted: State = {"trust": _document(parameters.get("AssumeRolePolicyDocument"))}
        for name, field in (("Description", "description"), ("MaxSessionDuration", "max_session_s")):
            if name in parameters:
                wanted[field] = parameters[name]
        if "Path" in parameters:
            wanted["path"] = parameters["Path"]
        if "PermissionsBoundary" in parameters:
            wanted["boundary"] = parameters["PermissionsBoundary"]
        if "Tags" in parameters:
            wanted["tags"] = tags_dict(parameters["Tags"])
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = wanted_otherwise(state, desired, tuple(field for field in self.fields if field in desired))
        named = {"RoleName": ref.id}
        update: dict[str, Any] = {}
        steps = []
        for field, before, after in found:
            match field:
                case "trust":
                    steps.append(
                        Step("iam:UpdateAssumeRolePolicy", {**named, "PolicyDocument": _text(after)})
                    )
                case "description":
                    update["Description"] = after
                case "max_session_s":
                    update["MaxSessionDuration"] = after
                case "boundary":
                    step = {**named, "PermissionsBoundary": after}
                    steps.append(Step("iam:PutRolePermissionsBoundary", step))
                case "tags":
                    missing = {key: value for key, value in after.items() if (before or {}).get(key) != value}
                    steps.append(Step("iam:TagRole", {**named, "Tags": tags_list(missing)}))
                case "inline" | "attached":
                    steps += policies_other(self.noun, ref.id, before or [], after)
        if update:  # the session's length falls back to an hour where it is not given (API_UpdateRole)
            kept = {"Description": state["description"], "MaxSessionDuration": state["max_session_s"]}
            steps.append(Step("iam:UpdateRole", {**named, **kept, **update}))
        immutable = tuple(field for field, _, _ in found if field in {"path", "unique_id"})
        return Narrow(tuple(steps), found, immutable)

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        description = parameters.get("Description", state.get("description"))
        match operation:
            case "iam:UpdateAssumeRolePolicy":
                return {"trust": _document(parameters.get("PolicyDocument"))}
            case "iam:UpdateRoleDescription":
                return {"description": description}
            case "iam:UpdateRole":  # the session's length falls back to an hour where it is not given
                return {
                    "description": description,
                    "max_session_s": parameters.get("MaxSessionDuration", 3600),
                }
        return super().written(operation, parameters, state)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        named = {"RoleName": ref.id}
        if operation == "iam:UpdateAssumeRolePolicy":
            return (Step(operation, {**named, "PolicyDocument": _text(state["trust"])}),)
        if operation in {"iam:UpdateRole", "iam:UpdateRoleDescription"}:
            back = {"Description": state["description"], "MaxSessionDuration": state["max_session_s"]}
            return (Step("iam:UpdateRole", {**named, **back}),)
        return super().inverse(operation, parameters, ref, state)


class IamUser(Principal):
    """A user: what it may, its groups, how many keys and devices it has; never a key's secret."""

    kind: ClassVar[str] = "iam:user"
    no_drill: ClassVar[str] = (
        "the backup role makes nobody who could sign in; keys, password and second factor come back for nobody, and are said to be lost"
    )
    title: ClassVar[str] = "IAM user"
    noun: ClassVar[str] = "User"
    fields: ClassVar[tuple[str, ...]] = (
        "unique_id",
        "path",
        "boundary",
        "inline",
        "attached",
        "groups",
        "access_keys",
        "devices",
        "password",
        "tags",
    )
    creates: ClassVar[frozenset[str]] = frozenset({"iam:CreateUser"})
    deletes: ClassVar[frozenset[str]] = frozenset({"iam:DeleteUser"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "iam:PutUserPolicy",
            "iam:DeleteUserPolicy",
            "iam:AttachUserPolicy",
            "iam:DetachUserPolicy",
            "iam:PutUserPermissionsBoundary",
            "iam:DeleteUserPermissionsBoundary",
            "iam:TagUser",
            "iam:UntagUser",
        }
    )
    in_place: ClassVar[tuple[str, ...]] = ("iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:UpdateAccessKey")
    loss: ClassVar[tuple[str, ...]] = (*_NEW_IDENTITY, "its access keys, password and MFA devices")

    def beside(self, ref: ResourceRef, state: State) -> list[Step]:
        return [
            Step("iam:AddUserToGroup", {"GroupName": name, "UserName": ref.id}) for name in state["groups"]
        ]

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "iam:CreateUser":
            return None
        said = {"Path": "path", "PermissionsBoundary": "boundary"}
        wanted: State = {field: parameters[name] for name, field in said.items() if name in parameters}
        return wanted | ({"tags": tags_dict(parameters["Tags"])} if "Tags" in parameters else {})

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        """Its policies, boundary, path, groups and tags where it stands; keys, devices and password are given to it by calls of their own."""
        found = wanted_otherwise(state, desired, tuple(field for field in self.fields if field in desired))
        named = {"UserName": ref.id}
        steps: list[Step] = []
        for field, before, after in found:
            match field:
                case "path":
                    steps.append(Step("iam:UpdateUser", {**named, "NewPath": after}))
                case "boundary":
                    steps.append(
                        Step("iam:PutUserPermissionsBoundary", {**named, "PermissionsBoundary": after})
                    )
                case "inline" | "attached":
                    steps += policies_other(self.noun, ref.id, before or [], after)
                case "groups":
                    had, wanted = set(before or []), set(after or [])
                    for verb, names in (("AddUserTo", wanted - had), ("RemoveUserFrom", had - wanted)):
                        steps += [
                            Step(f"iam:{verb}Group", {**named, "GroupName": name}) for name in sorted(names)
                        ]
                case "tags":
                    missing = {key: value for key, value in after.items() if (before or {}).get(key) != value}
                    steps.append(Step("iam:TagUser", {**named, "Tags": tags_list(missing)}))
        return Narrow(tuple(steps), found, tuple(field for field, _, _ in found if field == "unique_id"))

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        named = {"UserName": ref.id}
        user_answer, login = yield (
            read_call(ref, "iam:GetUser", **named),
            read_call(ref, "iam:GetLoginProfile", **named),
        )
        found = value_of(user_answer, "GetUser", unknowns, *ABSENT)
        if found is None:
            return Captured(None, tuple(unknowns))
        user = found["User"]
        permissions = yield from self._permissions(ref, unknowns)
        groups = yield from each_page(ref, "iam:ListGroupsForUser", named)
        keys = yield from each_page(ref, "iam:ListAccessKeys", named)
        devices = yield from each_page(ref, "iam:ListMFADevices", named)
        state: State = {
            "arn": user["Arn"],
            "unique_id": user["UserId"],
            "path": user.get("Path", "/"),
            "boundary": _boundary(user),
            "tags": tags_dict(user.get("Tags")),
            "groups": sorted(
                one["GroupName"] for one in items_of(groups, "Groups", "ListGroupsForUser", unknowns)
            ),
            "access_keys": sorted(
                f"{one['AccessKeyId']} {one.get('Status', '')}"
                for one in items_of(keys, "AccessKeyMetadata", "ListAccessKeys", unknowns)
            ),
            "devices": sorted(
                one["SerialNumber"] for one in items_of(devices, "MFADevices", "ListMFADevices", unknowns)
            ),
            "password": value_of(login, "GetLoginProfile", unknowns, *ABSENT) is not None,
            **permissions,
        }
        return Captured(state, tuple(unknowns))

    def at_risk(self, state: State) -> str:
        return f"{len(state['access_keys'])} access keys" if state["access_keys"] else ""


class ManagedPolicy(Again):
    """A customer managed policy: its default document, its versions, whom it is attached to."""

    kind: ClassVar[str] = "iam:policy"
    title: ClassVar[str] = "IAM policy"
    fields: ClassVar[tuple[str, ...]] = ("document", "default_version", "versions", "attached_to", "tags")
    creates: ClassVar[frozenset[str]] = frozenset({"iam:CreatePolicy"})
    deletes: ClassVar[frozenset[str]] = frozenset({"iam:DeletePolicy"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "iam:CreatePolicyVersion",
            "iam:SetDefaultPolicyVersion",
            "iam:DeletePolicyVersion",
            "iam:TagPolicy",
            "iam:UntagPolicy",
        }
    )
    in_place: ClassVar[tuple[str, ...]] = ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")
    drills: ClassVar[bool] = True
    loss: ClassVar[tuple[str, ...]] = ("its earlier versions", "its attachments, which have to be made again")

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        named = {"PolicyArn": _policy_arn(ref)}
        (answer,) = yield (read_call(ref, "iam:GetPolicy", **named),)
        found = value_of(answer, "GetPolicy", unknowns, *ABSENT)
        if found is None:
            return Captured(None, tuple(unknowns))
        policy = found["Policy"]
        (answer,) = yield (
            read_call(ref, "iam:GetPolicyVersion", VersionId=policy["DefaultVersionId"], **named),
        )
        version = (value_of(answer, "GetPolicyVersion", unknowns) or {}).get("PolicyVersion") or {}
        versions = yield from each_page(ref, "iam:ListPolicyVersions", named)
        names = sorted(
            one["VersionId"] for one in items_of(versions, "Versions", "ListPolicyVersions", unknowns)
        )
        earlier = [name for name in names if name != policy["DefaultVersionId"]]
        told = yield tuple(
            read_call(ref, "iam:GetPolicyVersion", VersionId=name, **named) for name in earlier
        )
        entities = yield from each_page(ref, "iam:ListEntitiesForPolicy", named)
        if not all(isinstance(one, Succeeded) for one in entities):
            unknowns.append("ListEntitiesForPolicy: whom it is attached to is not known")
        attached = [
            (kind, str(one[f"{noun}Name"]))
            for one_page in entities
            if isinstance(one_page, Succeeded)
            for noun, kind in (("Role", "iam:role"), ("User", "iam:user"), ("Group", "iam:group"))
            for one in one_page.value.get(f"Policy{noun}s") or []
        ]
        state: State = {
            "arn": policy["Arn"],
            "document": _document(version.get("Document")),
            "default_version": policy["DefaultVersionId"],
            "versions": names,
            "earlier": {
                name: _document(
                    ((value_of(one, "GetPolicyVersion", unknowns) or {}).get("PolicyVersion") or {}).get(
                        "Document"
                    )
                )
                for name, one in zip(earlier, told, strict=True)
            },
            "attached_to": sorted(f"{kind}/{name}" for kind, name in attached),
            "description": policy.get("Description", ""),
            "tags": tags_dict(policy.get("Tags")),
        }
        edges = tuple(
            Dependent(
                resource=msgspec.structs.replace(ref, kind=kind, id=name), relation="is allowed by", on=ref
            )
            for kind, name in sorted(attached)
        )
        return Captured(state, tuple(unknowns), edges)

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        return iam_again.policy(ref, state)

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch:
        """Attached to nobody, so that nobody may anything by it; its numbers begin anew."""
        made = msgspec.structs.replace(ref, id=name)
        alone = {"attached_to": [], "default_version": "v1", "versions": ["v1"], "earlier": {}}
        removal = Step("iam:DeletePolicy", {"PolicyArn": _policy_arn(made)})
        return Scratch(made, {**state, **alone, "arn": _policy_arn(made)}, removal, self.fields)

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation != "iam:CreatePolicy":
            return None
        wanted: State = {"document": _document(parameters.get("PolicyDocument"))}
        if "Tags" in parameters:
            wanted["tags"] = tags_dict(parameters["Tags"])
        return wanted

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        found = wanted_otherwise(state, desired, tuple(field for field in self.fields if field in desired))
        named = {"PolicyArn": state["arn"]}
        steps = []
        for field, before, after in found:
            if field == "document":
                given = {**named, "PolicyDocument": _text(after), "SetAsDefault": True}
                steps.append(Step("iam:CreatePolicyVersion", given))
            elif field == "tags":
                missing = {key: value for key, value in after.items() if (before or {}).get(key) != value}
                steps.append(Step("iam:TagPolicy", {**named, "Tags": tags_list(missing)}))
        full = len(state["versions"]) >= POLICY_VERSIONS_MAX
        unknown = (
            ("five versions stand already: one that is not in force has to be deleted first",) if full else ()
        )
        return Narrow(tuple(steps), found, unknown=unknown)

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if operation == "iam:CreatePolicyVersion" and parameters.get("SetAsDefault"):
            return {"document": _document(parameters.get("PolicyDocument"))}
        if operation == "iam:SetDefaultPolicyVersion":
            return {"default_version": parameters.get("VersionId")}
        return None

    def settled(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State | None
    ) -> bool | None:
        """A version beside the one in force is there, whatever its number, where one has that document: it is all that is asked for."""
        if (
            operation == "iam:CreatePolicyVersion"
            and not parameters.get("SetAsDefault")
            and state is not None
        ):
            return _document(parameters.get("PolicyDocument")) in state["earlier"].values()
        return super().settled(operation, parameters, ref, state)

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        named = {"PolicyArn": state["arn"]}
        if operation == "iam:SetDefaultPolicyVersion" or (
            operation == "iam:CreatePolicyVersion" and parameters.get("SetAsDefault")
        ):
            back = {**named, "VersionId": state["default_version"]}
            return (Step("iam:SetDefaultPolicyVersion", back),)
        if (
            operation == "iam:DeletePolicyVersion"
        ):  # it comes back under the next number, which `versions` says
            document = state["earlier"].get(parameters.get("VersionId"))
            return (
                (Step("iam:CreatePolicyVersion", {**named, "PolicyDocument": _text(document)}),)
                if document
                else ()
            )
        return _tags_back(operation, "Policy", parameters, named, state)


POLICY_VERSIONS_MAX: Final = 5
"""Versions of one managed policy (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html)."""


def _policy_arn(ref: ResourceRef) -> str:
    return f"arn:{ref.partition}:iam::{ref.account}:policy/{ref.id}"


class InstanceProfile(Again):
    """An instance profile and the role in it."""

    kind: ClassVar[str] = "iam:instance-profile"
    title: ClassVar[str] = "IAM instance profile"
    fields: ClassVar[tuple[str, ...]] = ("unique_id", "path", "roles", "tags")
    born_with: ClassVar[tuple[str, ...]] = ("unique_id",)
    creates: ClassVar[frozenset[str]] = frozenset({"iam:CreateInstanceProfile"})
    deletes: ClassVar[frozenset[str]] = frozenset({"iam:DeleteInstanceProfile"})
    updates: ClassVar[frozenset[str]] = frozenset(
        {
            "iam:AddRoleToInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:TagInstanceProfile",
            "iam:UntagInstanceProfile",
        }
    )
    loss: ClassVar[tuple[str, ...]] = (
        "its unique id: instances that carry it have no credentials until they are associated anew",
    )

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        (answer,) = yield (read_call(ref, "iam:GetInstanceProfile", InstanceProfileName=ref.id),)
        found = value_of(answer, "GetInstanceProfile", unknowns, *ABSENT)
        if found is None:
            return Captured(None, tuple(unknowns))
        profile = found["InstanceProfile"]
        state: State = {
            "arn": profile["Arn"],
            "unique_id": profile["InstanceProfileId"],
            "path": profile.get("Path", "/"),
            "roles": sorted(role["RoleName"] for role in profile.get("Roles") or []),
            "tags": tags_dict(profile.get("Tags")),
        }
        return Captured(state, tuple(unknowns))

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        return iam_again.profile(ref, state)

    def written(self, operation: str, parameters: dict[str, Any], state: State) -> State | None:
        role = parameters.get("RoleName")
        others = [name for name in state.get("roles", []) if name != role]
        if operation == "iam:AddRoleToInstanceProfile":
            return {"roles": sorted([*others, str(role)])}
        return {"roles": others} if operation == "iam:RemoveRoleFromInstanceProfile" else None

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        named = {"InstanceProfileName": ref.id}
        role = str(parameters.get("RoleName", ""))
        if operation in {"iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile"}:
            verb, way = ("Add", "To") if role in state["roles"] else ("Remove", "From")
            return (Step(f"iam:{verb}Role{way}InstanceProfile", {**named, "RoleName": role}),)
        return _tags_back(operation, "InstanceProfile", parameters, named, state)
