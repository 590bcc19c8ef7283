"""What makes an IAM identity again, and who still names the one that was.

The ARN is the same, the unique id is not: a policy that named the old one now names nobody, and says so only by the id that stands in
the ARN's place (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids).
"""

from __future__ import annotations

import json
from typing import Any, ClassVar
from urllib.parse import unquote

from keyturn.core.ports import Inquiry
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Succeeded
from keyturn.providers.aws.recipes.again import Again, Given
from keyturn.providers.aws.recipes.base import State, Step
from keyturn.providers.aws.recipes.common import pages, tags_list


class PrincipalAgain(Again):
    """A role or a user with its policies, boundary and tags."""

    noun: ClassVar[str]

    def born(self, ref: ResourceRef, state: State) -> dict[str, Any]:
        """What only the create call can say."""
        return {}

    def beside(self, ref: ResourceRef, state: State) -> list[Step]:
        """Groups and profiles that it is in."""
        return []

    def again(self, ref: ResourceRef, state: State) -> tuple[Given, ...]:
        named, noun = {f"{self.noun}Name": ref.id}, self.noun
        first = {**named, "Path": state["path"], **self.born(ref, state)}
        if state["boundary"]:
            first["PermissionsBoundary"] = state["boundary"]
        if state["tags"]:
            first["Tags"] = tags_list(state["tags"])
        steps = [Step(f"iam:Create{noun}", first)]
        for name, document in sorted(state["inline"].items()):
            text = document if isinstance(document, str) else json.dumps(document, sort_keys=True)
            steps.append(Step(f"iam:Put{noun}Policy", {**named, "PolicyName": name, "PolicyDocument": text}))
        steps += [Step(f"iam:Attach{noun}Policy", {**named, "PolicyArn": arn}) for arn in state["attached"]]
        return tuple(Given(step) for step in (*steps, *self.beside(ref, state)))

    def afterwards(self, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
        """Roles of this account whose trust names it: each has to be written again to name the new one."""
        answers = yield from pages(
            ref,
            "iam:GetAccountAuthorizationDetails",
            {"Filter": ["Role"]},
            token_in="Marker",
            token_out="Marker",
        )
        found: list[str] = []
        for answer in answers:
            if not isinstance(answer, Succeeded):
                found.append("who names its old unique id could not be read")
                continue
            for role in answer.value.get("RoleDetailList") or []:
                trust = role.get("AssumeRolePolicyDocument")
                text = unquote(trust) if isinstance(trust, str) else json.dumps(trust)
                if f'"{state["arn"]}"' in text or f'"{state["unique_id"]}"' in text:
                    found.append(
                        f"the trust policy of role {role['RoleName']} names it: write it again, or it does not match"
                    )
        return found


def profile(ref: ResourceRef, state: State) -> tuple[Given, ...]:
    """An instance profile with the role in it."""
    named = {"InstanceProfileName": ref.id}
    tags = {"Tags": tags_list(state["tags"])} if state["tags"] else {}
    steps = [Step("iam:CreateInstanceProfile", {**named, "Path": state["path"], **tags})]
    steps += [Step("iam:AddRoleToInstanceProfile", {**named, "RoleName": role}) for role in state["roles"]]
    return tuple(Given(step) for step in steps)


def policy(ref: ResourceRef, state: State) -> tuple[Given, ...]:
    """The document in force as a first version, attached to whom it was attached."""
    path, _, name = ref.id.rpartition("/")
    document = json.dumps(state["document"], sort_keys=True)
    given: dict[str, Any] = {
        "PolicyName": name,
        "Path": f"/{path}/" if path else "/",
        "PolicyDocument": document,
    }
    if state["description"]:
        given["Description"] = state["description"]
    if state["tags"]:
        given["Tags"] = tags_list(state["tags"])
    steps = [Step("iam:CreatePolicy", given)]
    for one in state["attached_to"]:
        kind, _, who = str(one).partition("/")
        noun = kind.partition(":")[2].capitalize()
        steps.append(Step(f"iam:Attach{noun}Policy", {f"{noun}Name": who, "PolicyArn": state["arn"]}))
    return tuple(Given(step) for step in steps)


def policies_other(noun: str, name: str, before: Any, after: Any) -> list[Step]:
    """The calls from policies that stand to those that are wanted: inline ones as documents by name, attached ones as a list of ARNs."""
    named = {f"{noun}Name": name}
    if isinstance(after, dict):
        had = dict(before or {})
        put = {policy: document for policy, document in sorted(after.items()) if had.get(policy) != document}
        gone = sorted(set(had) - set(after))
        return [
            *(Step(f"iam:Put{noun}Policy", {**named, "PolicyName": policy, "PolicyDocument": json.dumps(document)}) for policy, document in put.items()),
            *(Step(f"iam:Delete{noun}Policy", {**named, "PolicyName": policy}) for policy in gone),
        ]  # fmt: skip
    stands, wanted = set(before or []), set(after)
    calls = (("Attach", wanted - stands), ("Detach", stands - wanted))
    return [
        Step(f"iam:{verb}{noun}Policy", {**named, "PolicyArn": arn})
        for verb, arns in calls
        for arn in sorted(arns)
    ]
