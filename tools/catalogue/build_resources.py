"""Build the resource plans: from which parameters the resource of an operation is named, and how its ARN is written.

Sources: the Service Authorization Reference (which types an action is about, and the form of their ARNs) and botocore's input
shapes. Of several types the one counts that speaks of the operation's own noun, then the one that most parameters name; roles,
topics, keys and principals that an operation merely mentions are not what it is about.

A plan is ``[how, ...]``: ``a`` an ARN parameter; ``t`` a form and the parameters that fill it; ``i`` an identifier and its kind;
``p`` the same of the parent, where what is made gets its identity from the service; ``n`` nothing but the account.
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
from keyturn.providers.aws.naming import BESIDE
from keyturn.providers.aws.wire_shapes import kebab
from tools.catalogue.reversible import Nouns
from tools.catalogue.sources import Authorization, services

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_PLACES = {"Partition", "Region", "Account", "AccountId", "AccountID"}
_MENTIONED = re.compile(
    f"(?i){BESIDE}|^source|queuearn|bucketarn|token$|tokens$"
    r"|callerreference|requestid|creatorrequest|secretarn|credential|subnet|securitygroup|vpcid|awsaccountid$|accountid$"
    r"|clientid$|policyreference|originalmessage|correlation|idempot|nextid|revisionid|versionid$|changetoken|roleSession"
    r"|outpostarn|^idcinstance|placementgrouparn|^iamidentityprovider"
)
_IDENTIFIER = re.compile(r"(?:Name|name|Id|ID|id|Identifier|identifier|Arn|ARN|arn|Key|key)s?$")
_SUFFIX = re.compile(r"(?i)(?:name|identifier|id|arn|uuid|or|nameor|idor)s?$")
_IDS = frozenset({"id", "name", "identifier", "resourceid", "uuid", "arn"})


def build(target: Path) -> dict[str, Any]:
    """Write the plans of everything that changes something; returns figures for the report."""
    authorization = Authorization()
    forms: dict[str, int] = {}
    plans: dict[str, dict[str, list[Any]]] = {}
    counts: Counter[str] = Counter()
    kinds: dict[str, str] = {}
    parents: dict[str, list[Any]] = {}
    tails: dict[str, set[str]] = {}
    doubtful: set[str] = (
        set()
    )  # two services write the ARN of one kind in two ways: lex's bots by name, and by id
    for service, model, _, prefixes in services(Loader()):
        types = _types(authorization, prefixes)
        own = dict(reversed(list(_kinds(types))))  # the form with the fewest variables
        for kind, prefix in own.items():
            if kinds.setdefault(kind, prefix) != prefix:
                doubtful.add(kind)
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
    kinds = {kind: prefix for kind, prefix in kinds.items() if kind not in doubtful}
    several = {kind: sorted(found) for kind, found in tails.items() if "*" not in found}
    body = {"forms": list(forms), "kinds": kinds, "parents": parents, "plans": plans, "tails": several}
    raw = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    target.write_bytes(zlib.compress(raw, 9))
    return {"counts": dict(counts), "bytes": target.stat().st_size}


def _numbered(plan: list[Any], forms: dict[str, int]) -> list[Any]:
    """Forms are many times the same: by number."""
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
                    found[name] = arn
            if found:
                return found
    return {}


def _kinds(types: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(kind, what stands before its id in an ARN) as `from_arn` calls it: the word before the first variable."""
    for arn in sorted(types.values(), key=lambda arn: len(_VARIABLE.findall(arn))):
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
            yield kind, _VARIABLE.sub("*", arn[arn.index("${", len(":".join(arn.split(":", 5)[:5]))) :])


def _parents(types: dict[str, str]) -> Iterator[tuple[str, list[Any]]]:
    """(kind, [kind it is a member of, how many parts of its id name that one])."""
    variables = {
        name: [one for one in _VARIABLE.findall(arn) if one not in _PLACES] for name, arn in types.items()
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


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _stem(text: str) -> str:
    plain = _plain(text)
    while (shorter := _SUFFIX.sub("", plain)) != plain and shorter:
        plain = shorter
    return plain


def _parameters(model: dict[str, Any], name: str) -> dict[str, bool]:
    """Path of a text parameter, or list of texts, at most one structure down -> whether it is required."""
    shapes = model["shapes"]
    found: dict[str, bool] = {}

    def walk(shape: dict[str, Any], prefix: str, depth: int, needed: bool) -> None:
        required = set(shape.get("required", ()))
        for member, reference in shape.get("members", {}).items():
            inner = shapes[reference["shape"]]
            text = inner["type"] == "string" and "enum" not in inner
            if inner["type"] == "list":
                element = shapes[inner["member"]["shape"]]
                text = element["type"] == "string" and "enum" not in element
            if text:
                found[prefix + member] = needed and member in required
            elif inner["type"] == "structure" and depth:
                walk(inner, f"{prefix}{member}.", depth - 1, needed and member in required)

    walk(shapes.get(model["operations"][name].get("input", {}).get("shape", ""), {}), "", 1, True)
    return found


def _plan(
    service: str, name: str, model: dict[str, Any], details: dict[str, Any] | None, types: dict[str, str]
) -> list[Any]:
    noun = _plain(Nouns.noun(name)) or _plain(name)
    noun = noun.removesuffix("s") if not noun.endswith("ss") else noun
    parameters = _parameters(model, name)
    top = {path: needed for path, needed in parameters.items() if "." not in path}
    creates = name.startswith(
        ("Create", "Register", "Allocate", "Request", "Run", "Import", "Provision", "Purchase")
    )
    own = _arn_of_noun(noun, top, creates)
    if own and not (_JOINS.match(name) and _MENTIONED.search(own) and _others(top, own)):
        return ["a", own]
    about = [kind["name"] for kind in (details or {}).get("resourceTypes", ()) if kind["name"] in types]
    filled = _forms(noun, parameters, types, about, own_only=creates)
    if filled and (_speaks(filled[0], noun) or not creates):
        return ["t", filled[1], filled[2]]
    arn = next(
        (
            path
            for path in top
            if _plain(path) in {"resourcearn", "resourcearns", "arn", "resourcearnlist", "resource"}
        ),
        "",
    )
    if arn:
        return ["a", arn]
    single = _identifier(service, name, noun, top, types, creates)
    if single:
        return [*single, 1] if _only_a_name(single, types) else single
    if filled:
        return ["p", "t", filled[1], filled[2]]
    parent = _arn_or_parent(top, types)
    if parent:
        return ["p", *parent] if creates else parent
    return ["n"] if not _named(top) else ["u"]


def _only_a_name(plan: list[Any], types: dict[str, str]) -> bool:
    """Whether a name is given where the ARN has an id that the service makes up: the ARN cannot be told from it."""
    if not re.search(r"[Nn]ames?$", plan[1]):
        return False
    for arn in types.values():
        if _kind_of(arn) == plan[2]:
            return bool(str(_VARIABLE.findall(arn)[-1]).lower().endswith("id"))
    return False


def _speaks(kind: str, noun: str) -> bool:
    plain = _plain(kind)
    return plain == noun or noun.endswith(plain) or plain.endswith(noun)


_JOINS = re.compile(r"Associate|Disassociate|Attach|Detach|Add|Remove")


def _others(top: dict[str, bool], own: str) -> list[str]:
    """What else must be given that names something: of two that are joined, it is about the one that is not merely mentioned."""
    return [
        path
        for path, needed in top.items()
        if needed and path != own and _NAMES_IT.search(path) and not _MENTIONED.search(path)
    ]


_NAMES_IT = re.compile(r"(?:Name|name|Id|ID|id|Identifier|identifier|Arn|ARN|arn|Identity)$")


def _arn_of_noun(noun: str, top: dict[str, bool], creates: bool) -> str:
    """The ARN parameter that speaks of the noun itself: `ClusterArn` of DeleteCluster."""
    arns = [path for path in top if re.search(r"(?:Arn|ARN|arn)s?$", path)]
    fitting = [
        path
        for path in arns
        if (stem := _stem(path))
        and (
            stem == noun
            or (not creates and stem in noun and (noun.endswith(stem) or not _MENTIONED.search(path)))
        )
    ]
    return max(fitting, key=lambda path: (_stem(path) == noun, top[path], len(_stem(path))), default="")


def _forms(
    noun: str, parameters: dict[str, bool], types: dict[str, str], about: list[str], *, own_only: bool
) -> tuple[str, str, dict[str, str]] | None:
    """The type whose form the parameters fill, the best of several: (type, form, variable -> parameter)."""
    best: tuple[tuple[int, ...], str, str, dict[str, str]] | None = None
    for kind in dict.fromkeys([*about, *(kind for kind in types if _speaks(kind, noun))]):
        arn = types[kind]
        variables = [one for one in _VARIABLE.findall(arn) if one not in _PLACES]
        places = {one: _fill(one, kind, parameters, last=one == variables[-1]) for one in variables}
        if about == [kind] and not own_only and variables and not places[variables[-1]]:
            places[variables[-1]] = _nearly(variables[-1], kind, parameters)
        if not variables or not all(places.values()) or len(set(places.values())) < len(places):
            continue
        if _MENTIONED.search(next(reversed(places.values()))) and not _speaks(kind, noun):
            continue
        needed = all(parameters[path] for path in places.values())
        if own_only and not _speaks(kind, noun) and not (kind in about and needed):
            continue  # what is made hangs on what has to be given, not on what may be
        score = (_plain(kind) == noun, _speaks(kind, noun), needed, len(variables), kind in about)
        if best is None or tuple(map(int, score)) > best[0]:
            best = (tuple(map(int, score)), kind, arn, places)
    return best[1:] if best else None


def _nearly(variable: str, kind: str, parameters: dict[str, bool]) -> str:
    """Where the reference names one type for an action: the parameter that must be given and calls it by a part of its name, or by
    more of it (a certificate is a `cert`, an application an `app`); "" where several might.
    """
    words = {_plain(kind), _stem(variable)} - _IDS
    found = [
        path
        for path, needed in parameters.items()
        if needed
        and "." not in path
        and _IDENTIFIER.search(path)
        and not _MENTIONED.search(path)
        and not re.search(r"(?:Arn|ARN|arn|[Kk]ey|Keys)s?$|^Initial|^initial", path)
        and not (_plain(variable).endswith("id") and re.search(r"[Nn]ames?$", path))
        and len(stem := _stem(path)) > 2
        and any(
            stem == word
            or (len(word) > 2 and (stem.endswith(word) or word.endswith(stem)))
            or (2 < len(word) < 5 and stem.startswith(word))
            for word in words
        )
    ]
    return found[0] if len(found) == 1 else ""


def _fill(variable: str, kind: str, parameters: dict[str, bool], *, last: bool) -> str:
    """The parameter that fills a variable; "" when none does."""
    plain, stem, own = _plain(variable), _stem(variable), _plain(kind)
    ranked: list[tuple[int, bool, int, str]] = []
    for path, needed in parameters.items():
        leaf = path.rpartition(".")[2]
        if leaf.endswith(("Arn", "ARN", "arn", "Arns", "ARNs")):
            continue
        if plain.endswith("id") and re.search(r"[Nn]ames?$", leaf):
            continue  # an id that the service gives is not what its owner calls it
        given = _plain(leaf)
        singular = given.removesuffix("s")
        rank = 0
        if plain in {given, singular}:
            rank = 6
        elif (
            stem
            and stem not in _IDS
            and _stem(leaf)
            in {stem, stem + "s"} | ({stem.removesuffix("s")} if stem.endswith("s") else set())
        ):
            rank = 5
        elif last and _stem(leaf) in {own, own + "s"}:
            rank = 4
        elif (
            last
            and (plain in _IDS or stem == own or plain.endswith("id"))
            and given in {"id", "name", "identifier", "ids", "names"}
        ):
            rank = 3
        if rank and (_IDENTIFIER.search(leaf) or rank >= 5 or given == own):
            ranked.append((rank, needed, -path.count("."), path))
    return max(ranked)[3] if ranked else ""


def _identifier(
    service: str, name: str, noun: str, top: dict[str, bool], types: dict[str, str], creates: bool
) -> list[Any] | None:
    """An identifier that speaks of the noun, or the only one that is required."""
    named = [
        path
        for path in top
        if _IDENTIFIER.search(path) and not (_MENTIONED.search(path) and _stem(path) != noun)
    ]
    own = [
        path
        for path in named
        if (stem := _stem(path)) == noun
        or (
            len(stem) > 2
            and (
                noun.endswith(stem) if creates and path[-2:].lower() != "id" else not creates and stem in noun
            )
        )
    ]
    if own:
        path = max(own, key=lambda path: (_stem(path) == noun, top[path], len(_stem(path))))
        return ["i", path, _kind(service, _stem_words(path) or Nouns.noun(name), types)]
    bare = [path for path in named if _plain(path) in {"id", "name", "identifier", "ids", "names"}]
    if bare:
        return ["i", bare[0], _kind(service, Nouns.noun(name), types)]
    typed = [
        path for path in top if _plain(path) in noun and _plain(path) in {_plain(kind) for kind in types}
    ]
    if typed:
        return ["i", typed[0], _kind(service, typed[0], types)]
    required = [path for path in named if top[path]]
    only = required if len(required) == 1 else named if len(named) == 1 else []
    words = {_plain(kind) for kind in types}
    if only and not creates and (re.search(r"(?:Id|ID|id|dentifier)s?$", only[0]) or _stem(only[0]) in words):
        return ["i", only[0], _kind(service, _stem_words(only[0]) or Nouns.noun(name), types)]
    return None


def _arn_or_parent(top: dict[str, bool], types: dict[str, str]) -> list[Any] | None:
    """What it is made in, or hangs on: a type that the reference names, an ARN or an identifier that is required."""
    arns = [path for path in top if re.search(r"(?:Arn|ARN|arn)s?$", path) and not _MENTIONED.search(path)]
    needed = [path for path in arns if top[path]]
    if len(needed) == 1 or (not needed and len(arns) == 1):
        return ["a", (needed or arns)[0]]
    ids = [path for path in top if _IDENTIFIER.search(path) and top[path] and not _MENTIONED.search(path)]
    for path in ids:
        for kind, arn in types.items():
            variables = [one for one in _VARIABLE.findall(arn) if one not in _PLACES]
            if variables and _plain(kind) == _stem(path):
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
        needed and _IDENTIFIER.search(path) and not _MENTIONED.search(path) for path, needed in top.items()
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


def _kind(service: str, words: str, types: dict[str, str]) -> str:
    """``service:type`` as an ARN of the type would give it, where the reference has one of that name; a member whose ARN begins
    with its container's word keeps its own.
    """
    plain = _plain(re.sub(r"^(?:Target|New|new|target)(?=[A-Z])", "", words))
    plain = (
        _plain(_CALLED.get(plain, plain))
        if any(":rds:" in arn or ":elasticmapreduce:" in arn for arn in types.values())
        else plain
    )
    for kind, arn in types.items():
        if _plain(kind) == plain:
            rest = arn.split(":", 5)[5]
            found = re.match(r"/?([A-Za-z0-9-]+)[/:]\$\{", rest)
            alone = found and not re.search(r"\}[/:][A-Za-z-]+[/:]\$", rest)
            return f"{arn.split(':', 5)[2]}:{found[1] if found and alone else kind}"
    home = next((arn.split(":", 5)[2] for arn in types.values()), service)
    return f"{home}:{kebab(re.sub('^(?:Target|New|new|target)(?=[A-Z])', '', words)).strip('-')}"
