"""From what sources say about one operation to what it does. Pure, and used twice: when the catalogue is built, and for an
operation of a newer botocore than the catalogue knows, from what that release ships alone.

A read is believed only when at least two sources agree, one of them strong (a trait, the method, the Service Authorization
Reference), and none dissents; or when the four plainest verbs and the documentation say it and nothing speaks against it.
Everything else changes something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from keyturn.model.change import Effect
from keyturn.providers.aws.catalogue.verbs import (
    KINDS,
    LISTS,
    OUTER,
    PLAIN_READS,
    READS,
    SPOKEN,
    SPOKEN_READS,
)


class Evidence(msgspec.Struct, frozen=True):
    """What is known of one operation. `level` is the Service Authorization Reference's access level, "" where it is silent."""

    service: str
    name: str
    readonly: bool = False
    method: str = ""  # of REST protocols only: elsewhere everything is a POST
    said: str = ""  # the first word of its documentation, in lower case
    paginated: bool = False
    token: bool = False  # takes an idempotency token
    answers: bool = False  # has an output with members
    hands_out: bool = False  # an output member is marked sensitive and named like a credential
    level: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """`sources` are letters (`SOURCES` of the package), those that decided it."""

    effect: Effect
    confidence: str
    sources: str


_TAGS: Final = re.compile(
    r"^(?:Tag|Untag)(?:$|[A-Z])|^(?:Add|Remove|Create|CreateOrUpdate|Change|Delete|Set|Update|Put)Tags(?:$|To|From|For|On)"
)
"""Names of operations that set or take off tags. S3's `PutBucketTagging` and its like are none of them: they put away the
whole set that stood, and stay an update and a delete."""

_PERMISSION: Final = re.compile(
    r"ResourcePolic(?:y|ies)|(?:Bucket|Key|Repository|Registry|Access|Auth|FileSystem|Permissions?|Sharing|Role|User|Group|"
    r"AssumeRole|Iam|IAM)Polic(?:y|ies)|Permissions?(?:$|[A-Z])|Grants?$|PolicyGrant|Acls?$|AccessEntry|AccessPolicy"
    r"|ResourceShare|TrustAnchor|PublicAccess|PermissionsBoundary|DelegatedAdmin|OrganizationAdminAccount"
    r"|(?:RoleTo|RoleFrom|UserToGroup|UserFromGroup)"
)
_SECRET: Final = re.compile(
    r"Credentials?(?:$|For|From)|Password(?:$|Data)|SecretValue|(?:Auth|Access|Authorization|Session|Federation|Bearer|OAuth2|"
    r"OpenId|WebIdentity|Workload\w*)Token|Presigned\w*Url|PresignedU|EmbedUrl|StreamingURL|PrivateKey|DataKey|^Decrypt"
    r"|^Assume[A-Z]|AuthCode|UnlockCode|AccessKey(?:s)?$|ApiKey(?:s)?$|APIKey(?:s)?$|ClientSecrets?$"
)
_GIVES: Final = frozenset(
    {
        "get",
        "list",
        "describe",
        "create",
        "generate",
        "assume",
        "retrieve",
        "download",
        "issue",
        "request",
        "export",
        "decrypt",
    }
)
_DELETION: Final = re.compile(r"(?:Schedule|Start|Initiate|Request)\w*(?:Deletion|Delete)(?:$|[A-Z])")
_UNDOES_DELETION: Final = re.compile(r"Cancel\w*Deletion")


def words(name: str) -> list[str]:
    """``BatchGetDBInstances`` -> ``[batch, get, db, instances]``."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)]


def verb_of(name: str) -> str:
    """The word that says what is done: the second one where the first only says how."""
    said = words(name)
    if len(said) > 1 and said[0] in OUTER and (said[1] in KINDS or said[1] in READS):
        return said[1]
    return said[0] if said else ""


def classify(evidence: Evidence) -> Verdict:
    """What the operation does, and on whose word."""
    verb = verb_of(evidence.name)
    strong, weak, against = _voices(evidence, verb)
    gives = verb in _GIVES and bool(_SECRET.search(evidence.name))
    if not against and (
        (strong and len(strong + weak) >= 2)
        or (verb in PLAIN_READS and {"V", "D"} <= set(weak) and evidence.answers)
    ):
        confidence = "high" if strong else "medium"
        if (gives and evidence.level != "List") or evidence.hands_out:
            return Verdict(Effect.SECRET, "medium", strong + weak)
        many = evidence.level == "List" or verb in LISTS
        return Verdict(Effect.LIST if many else Effect.READ, confidence, strong + weak)
    if gives and (evidence.hands_out or verb not in {"create", "list"}) and evidence.answers:
        return Verdict(Effect.SECRET, "medium", against or strong + weak or "V")
    effect = Effect(kind_of(evidence, verb))
    return Verdict(
        effect, _confidence(evidence, verb, strong, against, effect), against or strong + weak or "V"
    )


def _voices(evidence: Evidence, verb: str) -> tuple[str, str, str]:
    """(strong for a read, weak for a read, against it)."""
    strong, weak, against = "", "", ""
    if evidence.readonly:
        strong += "R"
    if evidence.method in {"GET", "HEAD"}:
        strong += "H"
    elif evidence.method in {"PUT", "DELETE", "PATCH"}:
        against += "H"
    if evidence.level in {"Read", "List"}:
        strong += "S"
    elif evidence.level:
        against += "S"
    if verb in READS:
        weak += "V"
    elif verb in KINDS:
        against += "V"
    if evidence.said in SPOKEN_READS or evidence.said == verb:
        weak += "D" if verb in READS or evidence.said in SPOKEN_READS else ""
    elif evidence.said in SPOKEN and verb not in PLAIN_READS:
        against += "D"
    if evidence.paginated:
        weak += "P"
    if evidence.token:
        against += "T"
    return strong, weak, against


def _confidence(evidence: Evidence, verb: str, strong: str, against: str, effect: Effect) -> str:
    if strong and against:
        return "conflict"
    said = sum(
        (
            KINDS.get(verb) == effect,
            SPOKEN.get(evidence.said) == effect,
            evidence.method == "DELETE" and effect is Effect.DELETE,
            "Permissions" in evidence.level and effect is Effect.PERMISSION,
            "Tagging" in evidence.level and effect is Effect.TAG,
            bool(evidence.level),
        )
    )
    return "high" if said >= 2 else "medium" if said else "low"


def kind_of(evidence: Evidence, verb: str) -> str:
    """What an operation does that is not known to read only."""
    name, level = evidence.name, evidence.level
    if _TAGS.match(name) and not _WITH.search(name):
        return "tag"
    if "Permissions" in level or (_PERMISSION.search(name) and KINDS.get(verb, "update") != "execute"):
        return "permission"
    if _DELETION.match(name):
        return "delete"
    if _UNDOES_DELETION.match(name):
        return "update"
    kind = KINDS.get(verb) or SPOKEN.get(evidence.said)
    return kind or {"DELETE": "delete", "PUT": "update", "PATCH": "update"}.get(evidence.method, "execute")


_WITH: Final = re.compile(r"WithTags")


# --- evidence from a model of botocore -----------------------------------------------------------------------------------

_CREDENTIAL: Final = re.compile(
    r"(?i)password|secret|privatekey|keymaterial|accesskey|(?:auth|access|session|refresh|id|bearer|join)token|credential|plaintext"
)
_MARKUP: Final = re.compile(r"<[^>]+>|\s+")


def evidence_of(
    service: str, name: str, model: Mapping[str, Any], *, paginated: bool = False, level: str = ""
) -> Evidence:
    """What botocore's service model (``service-2.json``) says of one of its operations."""
    operation, shapes = model["operations"][name], model["shapes"]
    rest = str(model["metadata"].get("protocol", "")).startswith("rest")
    said = _MARKUP.sub(" ", operation.get("documentation", "")[:2_000]).strip().partition(" ")[0].lower()
    taken = _members(operation.get("input"), shapes)
    given = _members(operation.get("output"), shapes)
    return Evidence(
        service=service,
        name=name,
        readonly=bool(operation.get("readonly") or operation.get("readOnly")),
        method=operation.get("http", {}).get("method", "POST") if rest else "",
        said=said.rstrip(",.:"),
        paginated=paginated,
        token=any(member.get("idempotencyToken") for member in taken.values()),
        answers=bool(given),
        hands_out=_hands_out(operation.get("output"), shapes),
        level=level,
    )


def _members(reference: Mapping[str, Any] | None, shapes: Mapping[str, Any]) -> dict[str, Any]:
    return dict(shapes.get((reference or {}).get("shape", ""), {}).get("members", {}))


def _hands_out(reference: Mapping[str, Any] | None, shapes: Mapping[str, Any], depth: int = 2) -> bool:
    """Whether the answer has a sensitive member that is named like a credential, at most one structure down."""
    for name, member in _members(reference, shapes).items():
        shape = shapes.get(member["shape"], {})
        if shape.get("sensitive") and shape.get("type") in {"string", "blob"} and _CREDENTIAL.search(name):
            return True
        if depth > 1 and shape.get("type") == "structure" and _hands_out(member, shapes, depth - 1):
            return True
    return False
