"""Build the resource plans: from which parameters the resource of an operation is named, and how its ARN is written.

Sources: the Service Authorization Reference (which types an action is about, and the form of their ARNs) and botocore's input
shapes. Of several types the one counts that speaks of the operation's own noun, then the one that most parameters name; roles,
topics, keys and principals that an operation merely mentions are not what it is about.

A plan is ``[how, ...]``: ``a`` an ARN parameter; ``t`` a form and the parameters that fill it; ``i`` an identifier and its kind;
``p`` the same of the parent, where what is made gets its identity from the service; ``o`` the first of several that names
something; ``e`` the same of each structure in a list; ``n`` nothing but the account.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

from keyturn.model.change import READ_EFFECTS
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.wire_shapes import kebab
from tools.catalogue import build_within
from tools.catalogue.arn_filling import (
    IDENTIFIER,
    MENTIONED,
    NAMES_AN_ARN,
    PLACES,
    VARIABLE,
    filled_form,
    parameters_of,
    plain_of,
    several,
    singular,
    speaks,
    stem_of,
)
from tools.catalogue.reversible import Nouns
from tools.catalogue.sources import Authorization, services


def build(target: Path) -> dict[str, Any]:
    """Write the plans of everything that changes something; returns figures for the report."""
    authorization = Authorization()
    forms: dict[str, int] = {}
    plans: dict[str, dict[str, list[Any]]] = {}
    counts: Counter[str] = Counter()
    kinds: dict[str, str] = {}
    parents: dict[str, list[Any]] = {}
    tails: dict[str, set[str]] = {}
    around: dict[str, dict[str, list[Any]]] = {}
    doubtful: set[str] = (
        set()
    )  # the ARN of one kind is written in two ways: lex's bots by name, and by id; a data set of one's own, and an entitled one
    for service, model, _, prefixes in services(Loader()):
        types = _types(authorization, prefixes)
        own = dict(reversed(list(_kinds(types))))  # the form with the fewest variables
        for kind, prefix in own.items():
            if kinds.setdefault(kind, prefix) != prefix:
                doubtful.add(kind)
        doubtful |= {kind for kind, prefix in _kinds(several(types)) if own.get(kind, prefix) != prefix}
        parents |= dict(_parents(types))
        for kind, tail in _tails(types):
            tails.setdefault(kind, set()).add(tail)
        for name in model["operations"]:
            if catalogue.lookup(service, name).effect in READ_EFFECTS:
                continue
            found = authorization.find(prefixes, name)
            plan = _plan(service, name, model, found[1] if found else None, types)
            counts[plan[0] if plan[0] != "p" else f"p{plan[1]}"] += 1
            plans.setdefault(service, {})[name] = _numbered(plan, forms)
            if plan[0] in {"i", "u"} and (
                outer := build_within.plan(name, model, found and found[1], several(types))
            ):
                around.setdefault(service, {})[name] = _numbered(outer, forms)
    kinds = {kind: prefix for kind, prefix in kinds.items() if kind not in doubtful}
    parted = {kind: sorted(found) for kind, found in tails.items() if "*" not in found}
    body = {
        "forms": list(forms),
        "kinds": kinds,
        "parents": parents,
        "plans": plans,
        "tails": parted,
        "within": around,
    }
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    target.write_bytes(zlib.compress(raw, 9))
    return {"counts": dict(counts), "bytes": target.stat().st_size}


def _numbered(plan: list[Any], forms: dict[str, int]) -> list[Any]:
    """Forms are many times the same: by number."""
    if plan[0] == "e":
        return ["e", [[path, _numbered(each, forms)] for path, each in plan[1]]]
    if plan[0] == "o":
        return ["o", [_numbered(each, forms) for each in plan[1]]]
    return [
        forms.setdefault(part, len(forms)) if isinstance(part, str) and part.startswith("arn:") else part
        for part in plan
    ]


def _types(authorization: Authorization, prefixes: list[str]) -> dict[str, str]:
    """Type -> form of its ARN, of the first prefix that has any."""
    resources = authorization.data.resources
    for prefix in prefixes:
        if authorization.data.services.service_exists(prefix):
            found = {}
            for name in resources.get_resource_types_for_service(prefix):
                arn = resources.get_resource_type_details(prefix, name).get("arn")
                if arn:
                    found[name] = _by_name(arn)
            if found:
                return found
    return {}


_NAMED_SO = re.compile(
    r"arn:[^:]+:(?:databrew:.*|personalize:.*:(?:dataset-group|campaign|solution|schema|filter|recommender|[a-z-]+-job)"
    r"|forecast:.*:(?:dataset|dataset-group))(?:/[A-Za-z-]+)*/\$\{ResourceId\}"
)
"""Forms whose ``ResourceId`` is the name that the owner gave: their services know no other id (databrew's API takes names alone;
ARNs in the examples of API_CreateDatasetGroup and of Forecast's API_CreateDataset end in the name).
"""


def _by_name(arn: str) -> str:
    return arn.replace("${ResourceId}", "${Name}") if _NAMED_SO.fullmatch(arn) else arn


def _kinds(types: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(kind, what stands before its id in an ARN) as `from_arn` calls it: the word before the first variable."""
    for arn in sorted(types.values(), key=lambda arn: len(VARIABLE.findall(arn))):
        kind = _kind_of(arn)
        if kind:
            head, rest = arn.split(":", 5)[2:5], arn.split(":", 5)[5]
            yield kind, ":".join([*head, rest[: rest.index("${")]])


def _kind_of(arn: str) -> str:
    service, rest = arn.split(":", 5)[2], arn.split(":", 5)[5]
    found = re.match(r"/?([A-Za-z0-9-]+)[/:]\$\{", rest)
    return f"{service}:{found[1]}" if found else ""


def _tails(types: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(kind, what an id of it looks like in an ARN): ``*/*`` of a snapshot that is named within its cluster."""
    for arn in types.values():
        if kind := _kind_of(arn):
            yield kind, VARIABLE.sub("*", arn[arn.index("${", len(":".join(arn.split(":", 5)[:5]))) :])


def _parents(types: dict[str, str]) -> Iterator[tuple[str, list[Any]]]:
    """(kind, [kind it is a member of, how many parts of its id name that one])."""
    variables = {
        name: [one for one in VARIABLE.findall(arn) if one not in PLACES] for name, arn in types.items()
    }
    for name, arn in types.items():
        kind, own = _kind_of(arn), variables[name]
        holding = [
            (len(variables[other]), _kind_of(types[other]))
            for other in types
            if variables[other]
            and len(variables[other]) < len(own)
            and own[: len(variables[other])] == variables[other]
        ]
        if kind and holding:
            count, parent = max(holding)
            if parent and parent != kind:
                yield kind, [parent, count]


def _plan(
    service: str, name: str, model: dict[str, Any], details: dict[str, Any] | None, types: dict[str, str]
) -> list[Any]:
    noun = plain_of(Nouns.noun(name)) or plain_of(name)
    noun = singular(noun)
    parameters = parameters_of(model, name)
    top = {path: needed for path, needed in parameters.items() if "." not in path}
    creates = name.startswith(
        ("Create", "Register", "Allocate", "Request", "Run", "Import", "Provision", "Purchase")
    )
    types = several(types)
    further = {kind for kind in types if f"{kind.rstrip(chr(39))}'" in types and not speaks(kind, noun)}
    about = build_within.about(details, types)
    own, only = _arn_of_noun(noun, top, creates), _arn_of_only(about, top)
    if creates and own and stem_of(own) not in {plain_of(kind) for kind in types}:
        own = ""  # a channel's moderator is made of a user
    if own and _JOINS.match(name):
        own = only or own
        if not only and len({plain_of(kind) for kind in about}) == 1 and stem_of(own) != plain_of(about[0]):
            joined = filled_form(noun, parameters, types, about, own_only=False)
            if joined and joined[0] == about[0]:  # a protection, by its id, is given a health check's ARN
                return ["t", joined[1], joined[2]]
    if own and stem_of(own).startswith("resource") and (target := _joined_to(name, top)):
        return ["a", target]
    if own and (own == only or not (_JOINS.match(name) and MENTIONED.search(own) and _others(top, own))):
        if not top[own] and not creates:  # or by its name: sampling rules, by one of the two
            other = filled_form(noun, parameters, types, about, own_only=False)
            if other and speaks(other[0], noun):
                return ["o", [["a", own], ["t", other[1], other[2]]]]
        return ["a", own]
    filled = filled_form(noun, parameters, types, about, own_only=creates)
    if filled and (speaks(filled[0], noun) or not creates):
        member = _identifier(service, name, noun, top, types, creates)
        if filled[0] in further and member and top[member[1]] and stem_of(member[1]) == noun:
            return member  # it stands in what the form is of, and has an id of its own
        return ["t", filled[1], filled[2]]
    arn = next(
        (
            path
            for path in top
            if plain_of(path) in {"resourcearn", "resourcearns", "arn", "resourcearnlist", "resource"}
        ),
        "",
    )
    if arn:
        return ["a", arn]
    single = _identifier(service, name, noun, top, types, creates)
    if single:
        return [*single, 1] if _only_a_name(single, types, creates=creates) else single
    if filled:
        return ["p", "t", filled[1], filled[2]]
    parent = _arn_or_parent(top, types)
    if parent:
        return ["p", *parent] if creates else parent
    if only:
        return ["p", "a", only] if creates else ["a", only]
    if _named(top):
        return ["u"]
    return build_within.entries(noun, name, model, about, types) or ["n"]


def _only_a_name(plan: list[Any], types: dict[str, str], *, creates: bool) -> bool:
    """Whether a name is given where the ARN has an id that the service makes up: the ARN cannot be told from it."""
    if not re.search(r"[Nn]ames?$", plan[1]):
        return False
    for arn in types.values():
        if _kind_of(arn) == plan[2]:
            return str(VARIABLE.findall(arn)[-1]).lower().endswith(("id", "identifier") if creates else "id")
    return False


_JOINS = re.compile(r"Associate|Disassociate|Attach|Detach|Add|Remove")


def _joined_to(name: str, top: dict[str, bool]) -> str:
    """What other resources are put into or taken out of, where the request calls it the target."""
    joins = _JOINS.match(name.removeprefix("Batch"))
    return next(
        (path for path, needed in top.items() if joins and needed and path in {"TargetArn", "targetArn"}), ""
    )


def _others(top: dict[str, bool], own: str) -> list[str]:
    """What else must be given that names something: of two that are joined, it is about the one that is not merely mentioned."""
    return [
        path
        for path, needed in top.items()
        if needed and path != own and _NAMES_IT.search(path) and not MENTIONED.search(path)
    ]


_NAMES_IT = re.compile(r"(?:Name|name|Id|ID|id|Identifier|identifier|Arn|ARN|arn|Identity)$")


def _arn_of_only(about: list[str], top: dict[str, bool]) -> str:
    """The ARN that must be given of the only type that the reference names: whatever else a channel's association is called by."""
    words = {plain_of(kind) for kind in about}
    return next(
        (
            path
            for path, needed in top.items()
            if needed and len(words) == 1 and NAMES_AN_ARN.search(path) and stem_of(path) in words
        ),
        "",
    )


def _arn_of_noun(noun: str, top: dict[str, bool], creates: bool) -> str:
    """The ARN parameter that speaks of the noun itself: `ClusterArn` of DeleteCluster."""
    arns = [path for path in top if re.search(r"(?:Arn|ARN|arn)s?$", path)]
    fitting = [
        path
        for path in arns
        if (stem := stem_of(path))
        and (
            stem == noun
            or (not creates and stem in noun and (noun.endswith(stem) or not MENTIONED.search(path)))
        )
    ]
    return max(fitting, key=lambda path: (stem_of(path) == noun, top[path], len(stem_of(path))), default="")


def _identifier(
    service: str, name: str, noun: str, top: dict[str, bool], types: dict[str, str], creates: bool
) -> list[Any] | None:
    """An identifier that speaks of the noun, or the only one that is required."""
    named = [
        path
        for path in top
        if IDENTIFIER.search(path)
        and not (creates and NAMES_AN_ARN.search(path))  # what is made has none yet
        and not (
            MENTIONED.search(path)
            and (stem_of(path) != noun or (_JOINS.match(name) and NAMES_AN_ARN.search(path)))
        )
    ]
    own = [
        path
        for path in named
        if (stem := stem_of(path)) == noun
        or (
            len(stem) > 2
            and (
                noun.endswith(stem) if creates and path[-2:].lower() != "id" else not creates and stem in noun
            )
        )
    ]
    if own:
        path = max(own, key=lambda path: (stem_of(path) == noun, top[path], len(stem_of(path))))
        return ["i", path, _kind(service, _stem_words(path) or Nouns.noun(name), types)]
    bare = [path for path in named if plain_of(path) in {"id", "name", "identifier", "ids", "names"}]
    if bare:
        return ["i", bare[0], _kind(service, Nouns.noun(name), types)]
    typed = [
        path
        for path in top
        if plain_of(path) in noun and plain_of(path) in {plain_of(kind) for kind in types}
    ]
    if typed:
        return ["i", typed[0], _kind(service, typed[0], types)]
    required = [path for path in named if top[path]]
    only = required if len(required) == 1 else named if len(named) == 1 else []
    words = {plain_of(kind) for kind in types}
    if (
        only
        and not creates
        and (re.search(r"(?:Id|ID|id|dentifier)s?$", only[0]) or stem_of(only[0]) in words)
    ):
        return ["i", only[0], _kind(service, _stem_words(only[0]) or Nouns.noun(name), types)]
    return None


def _arn_or_parent(top: dict[str, bool], types: dict[str, str]) -> list[Any] | None:
    """What it is made in, or hangs on: a type that the reference names, an ARN or an identifier that is required."""
    arns = [path for path in top if re.search(r"(?:Arn|ARN|arn)s?$", path) and not MENTIONED.search(path)]
    needed = [path for path in arns if top[path]]
    if len(needed) == 1 or (not needed and len(arns) == 1):
        return ["a", (needed or arns)[0]]
    ids = [path for path in top if IDENTIFIER.search(path) and top[path] and not MENTIONED.search(path)]
    for path in ids:
        for kind, arn in types.items():
            variables = [one for one in VARIABLE.findall(arn) if one not in PLACES]
            if variables and plain_of(kind) == stem_of(path):
                named = len(variables) > 1 or (
                    variables[0].lower().endswith("id") and path.lower().endswith("name")
                )
                return ["i", path, _kind("", kind, types)] if named else ["t", arn, {variables[0]: path}]
    if "VpcId" in top and "vpc" in types:
        return ["t", types["vpc"], {"VpcId": "VpcId"}]
    return None


def _named(top: dict[str, bool]) -> bool:
    """Whether a parameter that must be given looks like a name: then saying *account* would hide what could be said."""
    return any(
        needed and IDENTIFIER.search(path) and not MENTIONED.search(path) for path, needed in top.items()
    )


def _stem_words(path: str) -> str:
    return re.sub(r"(?:Name|name|Identifier|identifier|Id|ID|id|Arn|ARN|arn|Key)s?$", "", path)


_CALLED = {
    "dbcluster": "cluster",
    "dbclusterparametergroup": "cluster-pg",
    "dbclustersnapshot": "cluster-snapshot",
    "dbinstance": "db",
    "dbparametergroup": "pg",
    "dbsecuritygroup": "secgrp",
    "dbsnapshot": "snapshot",
    "dbsubnetgroup": "subgrp",
    "jobflow": "cluster",
    "optiongroup": "og",
}
"""What parameters of RDS and EMR call otherwise than the reference does."""


_LONG = {"application", "certificate"}
"""What some services' ARNs call by the beginning of the word (``app``, ``cert``)."""


def _kind(service: str, words: str, types: dict[str, str]) -> str:
    """``service:type`` as an ARN of the type would give it, where the reference has one of that name; a member whose ARN begins
    with its container's word keeps its own.
    """
    plain = plain_of(re.sub(r"^(?:Target|New|new|target)(?=[A-Z])", "", words))
    plain = (
        plain_of(_CALLED.get(plain, plain))
        if any(":rds:" in arn or ":elasticmapreduce:" in arn for arn in types.values())
        else plain
    )
    for kind, arn in types.items():
        if plain_of(kind) == plain:
            rest = arn.split(":", 5)[5]
            found = re.match(r"/?([A-Za-z0-9-]+)[/:]\$\{", rest)
            alone = found and not re.search(r"\}[/:][A-Za-z0-9-]+[/:]\$", rest)
            return f"{arn.split(':', 5)[2]}:{found[1] if found and alone else kind}"
    home = next((arn.split(":", 5)[2] for arn in types.values()), service)
    short = [
        _kind_of(arn)
        for kind, arn in types.items()
        if len(VARIABLE.findall(arn.split(":", 5)[5])) == 1
        and len(word := plain_of(kind).removesuffix("s")) >= 3
        and plain.startswith(word)
        and plain in _LONG
        and stem_of(VARIABLE.findall(arn)[-1]).startswith(word)
    ]
    if len(set(short)) == 1 and short[0]:
        return short[0]
    return f"{home}:{kebab(re.sub('^(?:Target|New|new|target)(?=[A-Z])', '', words)).strip('-')}"
