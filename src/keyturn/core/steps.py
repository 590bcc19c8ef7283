"""One operation as a sequence remembers it, and when two of them are about one thing, whichever way each spells it.

Names, ARNs and Cloud Control's types name one thing in three ways. Some things are known by an id that only their service gives: of
those a create cannot say which one it makes anew, and the kind has to do. Pure.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from keyturn.model.change import Effect, ResourceRef

_MADE: Final = ("Create", "Restore", "Run", "Register", "Import", "Allocate")
_GONE: Final = frozenset({Effect.DELETE, Effect.REPLACE})
_IN_PASSING: Final = ("DeleteMessage", "Untag", "RemoveTags", "DeleteTags")
"""Deletes that are how things are used: a consumer takes messages off a queue."""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One operation as it is remembered."""

    name: str
    floor: Effect
    resources: tuple[ResourceRef, ...]

    @property
    def deletes(self) -> bool:
        action = self.name.partition(":")[2]
        return self.floor in _GONE and not action.startswith(_IN_PASSING)

    @property
    def creates(self) -> bool:
        return self.floor is Effect.CREATE or self.name.partition(":")[2].startswith(_MADE)


def whole(step: Step) -> bool:
    """Whether each of its resources is deleted itself: an operation of several names them all."""
    return len({ref.kind for ref in step.resources}) == 1


def makes_anew(made: Step, gone: Step, *, typed: bool = False) -> bool:
    """Whether one makes what the other deletes. One identity: a provider names it first; a delete of several names all of them.
    With `typed` a create that says no more than a type is taken for what went of that type.
    """
    if not gone.deletes:
        return False
    deleted = gone.resources if whole(gone) else gone.resources[:1]
    one = made.resources[0]
    puts = made.name.partition(":")[2].lower().startswith("put") and made.name.lower().endswith(_noun(one))
    if not made.creates and not (puts and one.kind != "s3:object"):
        return False
    return (typed and _of_type(one, gone)) or any(alike(one, other) for other in deleted)


_KIND_OF: Final = {"jobflow": "cluster", "replicationinstance": "rep", "managedpolicy": "policy"}
"""Nouns of operations that are another word in names."""

_MATERIAL: Final = ("backup", "snapshot", "image", "recoverypoint")
"""What one of is made when an old one goes is kept, not replaced."""


def may_make_anew(made: Step, gone: Step, said: set[str] | None, *, numbered: bool) -> bool:
    """Whether the one makes a thing of the kind that the other deletes, and cannot say which. `said`: names in the create, where known:
    an id that has a name in it is of that name only.
    """
    if not gone.deletes or not made.creates or _subject(made) != _subject(gone):
        return False
    ref, one, (_, noun) = gone.resources[0], made.resources[0], _subject(gone)
    typed = _BY_TYPE in (ref.kind.partition(":")[0], one.kind.partition(":")[0])
    itself = typed or noun.endswith(
        _plain(_noun(ref))
    )  # what is deleted is a thing of its own, no part of one
    says = noun == _plain(_noun(one)) if typed else one.kind == ref.kind
    if noun.endswith(_MATERIAL) or not itself or (says and not numbered) or not _here(one, ref):
        return False
    name = _identity(ref).name
    if "/" not in name or one.kind == f"{_BY_TYPE}:type":
        return True
    if one.kind != ref.kind and not one.kind.endswith(":account") and not says:
        return name.startswith(f"{one.id}/")  # made in a parent
    return said is None or not said.isdisjoint(name.split("/"))


def _subject(step: Step) -> tuple[str, str]:
    """Service and noun of what an operation is about, whatever it does with it, in its own words or by a type: ``elbv2``, ``targetgroup``."""
    service, _, action = step.name.partition(":")
    noun = re.sub(r"^[A-Z][a-z]+", "", action)
    kind = step.resources[0].id.partition("/")[0].split("::")
    if service == _BY_TYPE and len(kind) == 3:
        service, noun = _TYPES.get(kind[1], kind[1].lower()), kind[2]
    noun = noun.lower().rstrip("s")
    return service, _KIND_OF.get(noun, noun)


def _plain(noun: str) -> str:
    return noun.replace("-", "").rstrip("s")


def _here(one: ResourceRef, other: ResourceRef) -> bool:
    """Whether both are in one place; types are asked for in a region, also where the service has none."""
    return (one.provider, one.partition, one.account) == (
        other.provider,
        other.partition,
        other.account,
    ) and (
        one.region == other.region or _BY_TYPE in (one.kind.partition(":")[0], other.kind.partition(":")[0])
    )


def _noun(ref: ResourceRef) -> str:
    return ref.kind.partition(":")[2].lower()


_FOLDED: Final = ("rds", "elasticache", "redshift", "memorydb", "dms", "docdb", "neptune", "iam", "glue")
"""Services that take one name in any case for the same."""

_BY_TYPE: Final = "cloudcontrol"
"""What is named by its type there is another service's: ``AWS::RDS::DBInstance/shop``."""

_TYPES: Final = {
    "AmazonMQ": "mq",
    "CertificateManager": "acm",
    "Cognito": "cognito-idp",
    "ElasticLoadBalancing": "elb",
    "ElasticLoadBalancingV2": "elbv2",
    "Elasticsearch": "es",
    "KinesisFirehose": "firehose",
    "MSK": "kafka",
    "OpenSearchService": "opensearch",
    "Timestream": "timestream-write",
}
"""Services of types whose operations are another's by name."""

_ARNS: Final = {"es": "opensearch", "elasticloadbalancing": "elbv2", "states": "stepfunctions", "elasticfilesystem": "efs", "elasticmapreduce": "emr"}  # fmt: skip
"""Services that are called otherwise in names than in operations."""


class _Identity(NamedTuple):
    """What a resource is called, whichever call spells it: of what is named by its type the kind is not known, nor where only that is said, the name."""

    service: str
    kind: str
    name: str


def _identity(ref: ResourceRef) -> _Identity:
    service, kind, name = ref.kind.partition(":")[0], ref.kind, ref.id
    if service == _BY_TYPE:
        of, _, named = ref.id.partition("/")
        service = _TYPES.get(of.split("::")[1], of.split("::")[1].lower()) if of.count("::") == 2 else service
        kind, name = "", _named_by_type(service, named)
    service = _ARNS.get(service, service)
    name = name.strip("/").removeprefix("default/")
    return _Identity(service, kind, name.lower() if service in _FOLDED else name)


def _named_by_type(service: str, identifier: str) -> str:
    """A type's identifier as its service's own names are: of an ARN what stands behind its type, of several parts all of them."""
    if identifier.startswith("arn:"):
        rest = identifier.partition("|")[0].split(":", 5)[-1]
        name = re.sub(r"^[A-Za-z-]+[/:]", "", rest)
        name = name.partition("/")[0] if service == "cloudformation" else name
        return re.sub(r"-[A-Za-z0-9]{6}$", "", name) if service == "secretsmanager" else name
    if service == "sqs":
        return identifier.rpartition("/")[2]
    return identifier.replace("|", "/").removeprefix("alias/")


def alike(one: ResourceRef, other: ResourceRef) -> bool:
    """One thing, in any spelling. A place, a kind or a name that one of them does not say is the other's."""
    mine, theirs = _identity(one), _identity(other)
    said = ((one.account, other.account), (mine.kind, theirs.kind))
    return (
        (one.provider, one.partition, mine.service) == (other.provider, other.partition, theirs.service)
        and "*" not in {one.id, other.id}
        and (mine.name == theirs.name or _within(mine, theirs) or _within(theirs, mine))
        and all(not each or not its or each == its for each, its in said)
        and (not one.region or not other.region or _here(one, other) or one.region == other.region)
    )


def _within(typed: _Identity, named: _Identity) -> bool:
    """A type's identifier says the parent too, which some names leave out."""
    return not typed.kind and typed.name.endswith(f"/{named.name}")


def _of_type(made: ResourceRef, gone: Step) -> bool:
    """Whether a create by its type, which does not say the name, may be of what went."""
    ref = gone.resources[0]
    if made.kind != f"{_BY_TYPE}:type" or not _here(made, ref):
        return False
    return _subject(Step(f"{_BY_TYPE}:CreateResource", Effect.CREATE, (made,))) == _subject(gone)


def exactly(one: ResourceRef, other: ResourceRef) -> bool:
    """The same by name and kind; a place that one of them does not say is the other's."""
    return one.id == other.id and one.kind == other.kind and alike(one, other)
