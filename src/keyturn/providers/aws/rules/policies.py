"""IAM policy documents in requests: what is newly granted to whom, against what stands.

One place a document: where it is in the request, where what it replaces stands (a capture, or what was read for it), and what it is on.
A document that cannot be read is unknown, and one whose forerunner is not known grants all that it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.languages import policies
from keyturn.providers.aws.languages.policies import Compared, Grant, NoPolicyError, Statement
from keyturn.providers.aws.permitted import escalates, meant
from keyturn.providers.aws.rules import Context, Doubt, Fired, Said, rule
from keyturn.providers.aws.rules.conditions import values
from keyturn.providers.aws.rules.table import BOUND, READS, Read

R1, R3 = Reversibility.R1, Reversibility.R3
SOURCE: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html"
WORST_MAX: Final = 3
"""Grants that a finding names; the evidence has some more."""


class Place(NamedTuple):
    """Where one document is. `state`: in the recipe's capture (``inline.*``: by the policy's name); `live`: in what was read."""

    given: str
    state: str = ""
    live: str = ""
    new: bool = False  # the operation makes what the policy is on: nothing stood
    when: tuple[str, str] = ("", "")  # a member, and what it has to say


def _sns(given: str) -> Place:
    return Place(given, state="Policy", when=("AttributeName", "policy"))


_INLINE: Final = Place("PolicyDocument", state="inline.*")
PLACES: Final[dict[str, Place]] = {
    "iam:PutRolePolicy": _INLINE,
    "iam:PutUserPolicy": _INLINE,
    "iam:PutGroupPolicy": Place("PolicyDocument", live="PolicyDocument"),
    "iam:CreatePolicy": Place("PolicyDocument", new=True),
    "iam:CreatePolicyVersion": Place("PolicyDocument", state="document"),
    "iam:CreateRole": Place("AssumeRolePolicyDocument", new=True),
    "iam:UpdateAssumeRolePolicy": Place("PolicyDocument", state="trust"),
    "sso-admin:PutInlinePolicyToPermissionSet": Place("InlinePolicy", live="InlinePolicy"),
    "iot:CreatePolicy": Place("policyDocument", new=True),
    "iot:CreatePolicyVersion": Place("policyDocument"),
    "s3:PutBucketPolicy": Place("Policy", state="policy"),
    "s3control:PutAccessPointPolicy": Place("Policy", live="Policy"),
    "s3tables:PutTableBucketPolicy": Place("resourcePolicy", live="resourcePolicy"),
    "sns:CreateTopic": Place("Attributes.Policy", new=True),
    "sns:SetTopicAttributes": _sns("AttributeValue"),
    "sqs:CreateQueue": Place("Attributes.Policy", new=True),
    "sqs:SetQueueAttributes": Place("Attributes.Policy", state="attributes.Policy"),
    "kms:CreateKey": Place("Policy", new=True),
    "kms:PutKeyPolicy": Place("Policy", state="policy", live="Policy"),
    "ecr:PutRegistryPolicy": Place("policyText", live="policyText"),
    "ecr:SetRepositoryPolicy": Place("policyText", state="policy", live="policyText"),
    "secretsmanager:PutResourcePolicy": Place("ResourcePolicy", state="policy", live="ResourcePolicy"),
    "dynamodb:PutResourcePolicy": Place("Policy", live="Policy"),
    "kinesis:PutResourcePolicy": Place("Policy", live="Policy"),
    "efs:PutFileSystemPolicy": Place("Policy", live="Policy"),
    "backup:PutBackupVaultAccessPolicy": Place("Policy", live="Policy"),
    "glue:PutResourcePolicy": Place("PolicyInJson", live="PolicyInJson"),
    "glacier:SetVaultAccessPolicy": Place("policy.Policy", live="policy.Policy"),
    "schemas:PutResourcePolicy": Place("Policy", live="Policy"),
    "codeartifact:PutDomainPermissionsPolicy": Place("policyDocument", live="policy.document"),
    "codeartifact:PutRepositoryPermissionsPolicy": Place("policyDocument", live="policy.document"),
    "acm-pca:PutPolicy": Place("Policy", live="Policy"),
    "logs:PutResourcePolicy": Place("policyDocument"),
    "opensearch:CreateDomain": Place("AccessPolicies", new=True),
    "opensearch:UpdateDomainConfig": Place("AccessPolicies", live="AccessPolicies"),
    "es:UpdateElasticsearchDomainConfig": Place("AccessPolicies", live="AccessPolicies"),
    "events:PutPermission": Place("Policy", live="Policy"),
    "ec2:CreateVpcEndpoint": Place("PolicyDocument", new=True),
    "ec2:ModifyVpcEndpoint": Place("PolicyDocument"),
}
"""Operation -> where its policy document is. Whole documents: each replaces the one before."""


def _added(context: Context) -> dict[str, Any] | None:
    """The statement that a call adds by its members, where it carries no document."""
    given = context.parameters
    who, does = _ADDS[context.operation.name]
    principals = [str(one) for name in who for one in values(given, name)]
    actions = [str(one) for name in does for one in values(given, name)]
    if not principals or not actions:
        return None
    service = context.operation.service
    named = [one if ":" in one or one == "*" else f"{service}:{one}" for one in actions]
    where = {name: given[name] for name in _NARROWS if given.get(name)}
    kind = (
        "Service"
        if all(one.endswith((".amazonaws.com", ".amazonaws.com.cn")) for one in principals)
        else "AWS"
    )
    return {
        "Effect": "Allow",
        "Principal": "*" if "*" in principals else {kind: principals},
        "Action": named,
        **({"Condition": {"StringEquals": where}} if where else {}),
    }  # fmt: skip


_NARROWS: Final = (
    "SourceArn",
    "SourceAccount",
    "PrincipalOrgID",
    "OrganizationId",
    "FunctionUrlAuthType",
    "Condition",
)
_ADDS: Final = {
    "lambda:AddPermission": (("Principal",), ("Action",)),
    "lambda:AddLayerVersionPermission": (("Principal",), ("Action",)),
    "sns:AddPermission": (("AWSAccountId[]",), ("ActionName[]",)),
    "sqs:AddPermission": (("AWSAccountIds[]",), ("Actions[]",)),
    "events:PutPermission": (("Principal",), ("Action",)),
}
"""Operation -> the members that say who may do what."""

_READS: Final = {
    "iam:PutGroupPolicy": Read("iam:GetGroupPolicy", {"GroupName": "GroupName", "PolicyName": "PolicyName"}),
    "sso-admin:PutInlinePolicyToPermissionSet": Read(
        "sso-admin:GetInlinePolicyForPermissionSet",
        {"InstanceArn": "InstanceArn", "PermissionSetArn": "PermissionSetArn"},
    ),
    "s3control:PutAccessPointPolicy": Read(
        "s3control:GetAccessPointPolicy", {"AccountId": "AccountId", "Name": "Name"}
    ),
    "s3tables:PutTableBucketPolicy": Read(
        "s3tables:GetTableBucketPolicy", {"tableBucketARN": "tableBucketARN"}
    ),
    "dynamodb:PutResourcePolicy": Read("dynamodb:GetResourcePolicy", {"ResourceArn": "ResourceArn"}),
    "kinesis:PutResourcePolicy": Read("kinesis:GetResourcePolicy", {"ResourceARN": "ResourceARN"}),
    "efs:PutFileSystemPolicy": Read("efs:DescribeFileSystemPolicy", {"FileSystemId": "FileSystemId"}),
    "backup:PutBackupVaultAccessPolicy": Read(
        "backup:GetBackupVaultAccessPolicy", {"BackupVaultName": "BackupVaultName"}
    ),
    "ecr:PutRegistryPolicy": Read("ecr:GetRegistryPolicy", {}),
    "glacier:SetVaultAccessPolicy": Read(
        "glacier:GetVaultAccessPolicy", {"accountId": "accountId", "vaultName": "vaultName"}
    ),
    "schemas:PutResourcePolicy": Read("schemas:GetResourcePolicy", {"RegistryName": "RegistryName"}),
    "codeartifact:PutDomainPermissionsPolicy": Read(
        "codeartifact:GetDomainPermissionsPolicy", {"domain": "domain"}
    ),
    "codeartifact:PutRepositoryPermissionsPolicy": Read(
        "codeartifact:GetRepositoryPermissionsPolicy", {"domain": "domain", "repository": "repository"}
    ),
    "acm-pca:PutPolicy": Read("acm-pca:GetPolicy", {"ResourceArn": "ResourceArn"}),
}
for _name, _read in _READS.items():
    READS.setdefault(_name, {}).setdefault("", _read)
for _name, _place in PLACES.items():
    if _place.live and _name in READS:
        BOUND[_name] = frozenset({_place.live})

OPERATIONS: Final = tuple(dict.fromkeys((*PLACES, *_ADDS)))
LOOKS_AT: Final = frozenset(
    {place.given for place in PLACES.values() if place.given != "AttributeValue"}
    | {"Principal", "AWSAccountId[]", "AWSAccountIds[]"}
)


class Judged(NamedTuple):
    """What one request's document is, beside what stood (None: not known)."""

    after: tuple[Statement, ...]
    before: tuple[Statement, ...] | None
    compared: Compared


def _document(context: Context) -> Any:
    """The document of the request, or the statement that it adds; None where there is none."""
    place = PLACES.get(context.operation.name)
    if place is not None:
        member, word = place.when
        found = values(context.parameters, place.given)
        if found and (not member or str(context.parameters.get(member)).lower() == word):
            return found[0] or {"Statement": []}  # an empty one takes the policy off
    added = _added(context) if context.operation.name in _ADDS else None
    return {"Statement": [added]} if added is not None else None


def _stood(context: Context) -> tuple[Statement, ...] | None:
    """The statements that stood; empty where none did, None where that is not known."""
    place = PLACES.get(context.operation.name)
    if place is None:
        return None  # what is added replaces nothing, and what was there already is not looked up
    if place.new:
        return ()
    found = _standing(context, place)
    if found is None:
        return None
    (document,) = found
    if not document:
        return ()
    try:
        text = (
            document if not isinstance(document, str) or document.lstrip()[:1] == "{" else unquote(document)
        )
        return policies.parse(text)
    except NoPolicyError:
        return None  # fmt: skip


def _standing(context: Context, place: Place) -> tuple[Any] | None:
    """What stands there, as it stands; None where it was not read."""
    ref = str(context.ref)
    if place.state and ref in context.states:
        value: Any = context.states[ref]
        if value is None:
            return (None,)
        for part in place.state.split("."):
            name = str(context.parameters.get("PolicyName")) if part == "*" else part
            if not isinstance(value, Mapping) or (part != "*" and name not in value):
                return None
            value = value.get(name)
        return (value,)
    if place.live and "" in context.live:
        found = values(context.live[""], place.live) if context.live[""] is not None else []
        return (found[0] if found else None,)
    return None


def judged(context: Context) -> Judged | None:
    """What the request's document changes; None where it carries none. Raises `NoPolicyError`."""
    kept = context.memo.get("policy")
    if kept is None:
        document = _document(context)
        after = None if document is None else policies.parse(document)
        before = None if after is None else _stood(context)
        found = None if after is None else Judged(after, before, policies.compare(before or (), after))
        kept = context.memo["policy"] = (found,)
    (one,) = kept
    return one if isinstance(one, Judged) else None


def _when_read(look: Callable[[Context, Judged], Fired]) -> Callable[[Context], Fired]:
    """The rule, asked where there is a document that can be read."""

    def asked(context: Context) -> Fired:
        try:
            found = judged(context)
        except NoPolicyError:
            return None
        return None if found is None else look(context, found)

    asked.__doc__ = look.__doc__
    return asked


def _danger(grant: Grant) -> tuple[int, int, int]:
    """The worse a grant, the more."""
    if grant.action.negated or "*" in grant.action.patterns:
        worst = 100
    elif any(map(escalates, grant.action.patterns)):
        worst = 90
    else:
        found = [effect.severity for one in grant.action.patterns for effect in meant(one).values()]
        worst = max(found, default=0)
    everybody = "*" in grant.who.patterns or grant.who.negated
    return worst, int(everybody), int("*" in grant.resource.patterns or grant.resource.negated)


def _say(grant: Grant) -> str:
    action = (
        "do anything" if grant.action.patterns == ("*",) and not grant.action.negated else str(grant.action)
    )
    on = "" if grant.resource.patterns == (policies.ITSELF,) else f" on {_short(str(grant.resource))}"
    who = "everybody" if grant.who.patterns == ("*",) and not grant.who.negated else str(grant.who)
    when = " (on conditions)" if grant.when else ""
    return f"{f'{_short(who)}: ' if grant.who.patterns else ''}{action}{on}{when}"  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:60]}...{text[-25:]}"


def _worst(grants: tuple[Grant, ...]) -> tuple[str, dict[str, Any]]:
    """The worst of the grants in words, and some more of them as evidence."""
    ordered = sorted(grants, key=_danger, reverse=True)
    said = "; ".join(_say(one) for one in ordered[:WORST_MAX])
    more = f"; and {len(ordered) - WORST_MAX} more" if len(ordered) > WORST_MAX else ""
    return said + more, {"grants": [_say(one) for one in ordered[:10]], "count": len(ordered)}


@rule("POL001", OPERATIONS, Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, R1, SOURCE, looks_at=LOOKS_AT)
@_when_read
def newly_granted(context: Context, found: Judged) -> Fired:
    """What a policy allows that the one before did not is used later, by others. It is said with the worst first."""
    grants = found.compared.granted
    if not grants:
        return None if found.compared.whole else _too_many(context)
    said, evidence = _worst(grants)
    leads = [one for one in grants if _danger(one)[0] >= 90]
    more = " That leads to further rights." if leads and not grants[0].who.patterns else ""
    newly = "newly " if found.before is not None else ""
    if context.operation.name == "iam:CreatePolicyVersion" and not context.parameters.get("SetAsDefault"):
        return Said(
            f"A version of {context.ref} that is not in force yet would allow {said}.",
            evidence,
            kind=Kind.NOTE,
        )
    if context.operation.name == "iam:CreatePolicy":
        return Said(
            f"{context.ref} would allow whom it is attached to {said}.{more}", evidence, kind=Kind.NOTE
        )
    if _triggers(context):
        return Said(f"{context.ref} would {newly}be called by {said}.", evidence, kind=Kind.NOTE)
    if context.operation.name == "iam:CreateRole" and all(map(_to_a_service, grants)):
        return Said(
            f"{context.ref} could be assumed by {said.replace(': sts:AssumeRole', '')}, and may nothing yet.",
            evidence,
            kind=Kind.NOTE,
        )
    if any(map(_everything, grants)):
        evidence["everything"] = True
    return f"{context.ref} would {newly}allow {said}.{more}", evidence


def _everything(grant: Grant) -> bool:
    """Whether whoever has this may do all there is, or give herself all rights."""
    wide = grant.resource.negated or "*" in grant.resource.patterns
    return (
        wide
        and not grant.when
        and (grant.action.negated or bool(_ALL & {one.lower() for one in grant.action.patterns}))
    )


_ALL: Final = frozenset({"*", "*:*", "iam:*"})


def _triggers(context: Context) -> bool:
    """Whether a service is let in for one source and no other: how a trigger is made (Lambda developer guide, confused deputy)."""
    given = context.parameters
    return (
        context.operation.name == "lambda:AddPermission"
        and str(given.get("Principal", "")).endswith(".amazonaws.com")
        and bool(given.get("SourceArn"))
    )


def _to_a_service(grant: Grant) -> bool:
    """Whether AWS's own services alone are let in: what a role may do is granted by other calls, each judged by itself."""
    return not grant.who.negated and all(one.startswith("Service ") for one in grant.who.patterns)


def _too_many(context: Context) -> Doubt:
    return Doubt(f"what the policy of {context.ref} grants newly, of more grants than are compared")


@rule("POL002", OPERATIONS, Kind.EXPOSURE, Effect.PERMISSION, R1, SOURCE, looks_at=LOOKS_AT)
@_when_read
def let_in(context: Context, found: Judged) -> Fired:
    """A principal of ``*``, all but some, or one of another account is let in from outside; a condition is for people to judge."""
    account = context.operation.account or context.ref.account
    outside = tuple(one for one in found.compared.granted if _outside(one, account))
    if not outside:
        return None
    said, evidence = _worst(outside)
    return f"{context.ref} would be opened to others: {said}.", evidence


def _outside(grant: Grant, account: str) -> bool:
    if grant.who.negated:
        return True
    for one in grant.who.patterns:
        parts = one.split(":")
        if one == policies.EVERYBODY or one.startswith("CanonicalUser "):
            return True
        if len(parts) > 4 and parts[0] == "arn" and account and parts[4] not in {account, ""}:
            return True
    return False


@rule("POL003", tuple(PLACES), Kind.OUTAGE, Effect.PERMISSION, R1, SOURCE, looks_at=LOOKS_AT)
@_when_read
def taken_away(context: Context, found: Judged) -> Fired:
    """The document replaces the one before: what that allowed and this does not, or denies, fails from then on."""
    gone = (*found.compared.dropped, *found.compared.denied)
    if not gone:
        return (
            None if found.before is not None else Doubt(f"POL003: what {context.ref} would no longer allow")
        )
    said, evidence = _worst(gone)
    return f"{context.ref} would no longer allow {said}.", evidence


@rule("POL004", OPERATIONS, Kind.OPAQUE, Effect.PERMISSION, R3, SOURCE, looks_at=LOOKS_AT)
def unreadable(context: Context) -> Fired:
    """A document that cannot be read as a policy may grant anything."""
    try:
        judged(context)
    except NoPolicyError as error:
        return f"What the policy of {context.ref} would grant is not known: {error}.", {}
    return None


@rule("POL005", tuple(PLACES), Kind.PROTECTION_STRIP, Effect.PERMISSION, R1, SOURCE, looks_at=LOOKS_AT)
@_when_read
def no_longer_denied(context: Context, found: Judged) -> Fired:
    """A Deny holds against every Allow; without it, whatever allows the same elsewhere counts again."""
    if not found.compared.undenied:
        return None
    said, evidence = _worst(found.compared.undenied)
    return f"{context.ref} would no longer deny {said}.", evidence


_KEYTURN: Final = "role/keyturn-"
"""The plane's own roles, as `keyturn guard aws` names them; what the configuration says stands beside it."""


def _ours(context: Context, who: str) -> bool:
    """Whether a principal is one of the plane's own roles."""
    return _KEYTURN in who or any(f"role/{name}" in who or who.endswith(f"/{name}") for name in context.ours)


@rule("POL006", tuple(PLACES), Kind.OUTAGE, Effect.PERMISSION, R3, SOURCE, looks_at=LOOKS_AT)
@_when_read
def shut_out(context: Context, found: Judged) -> Fired:
    """A Deny for everybody, for all but some, or for Keyturn's own roles: nobody, or nothing of ours, could take it back."""
    shut = tuple(
        one
        for one in found.compared.denied
        if (one.who.patterns == (policies.EVERYBODY,) and not one.when and _all_of(one))
        or (one.who.negated and not any(_ours(context, who) for who in one.who.patterns))
        or any(_ours(context, who) for who in one.who.patterns)
    )
    if not shut:
        return None
    said, evidence = _worst(shut)
    return f"{context.ref} would shut out everybody, or Keyturn itself: {said} would be denied.", evidence


def _all_of(grant: Grant) -> bool:
    """Whether the grant is of everything a service can do with it."""
    return grant.action.negated or any(one == "*" or one.endswith(":*") for one in grant.action.patterns)
