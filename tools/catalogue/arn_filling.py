"""How the form of an ARN is filled: which parameter of a request stands for which variable of the Service Authorization Reference's form."""

from __future__ import annotations

import re
from typing import Any

from keyturn.providers.aws.naming import BESIDE

VARIABLE = re.compile(r"\$\{([A-Za-z0-9]+)\}")
PLACES = {"Partition", "Region", "Account", "AccountId", "AccountID"}
MENTIONED = re.compile(
    f"(?i){BESIDE}|^source|queuearn|bucketarn|token$|tokens$"
    r"|callerreference|requestid|creatorrequest|secretarn|credential|subnet|securitygroup|vpcid|awsaccountid$|accountid$"
    r"|clientid$|policyreference|originalmessage|correlation|idempot|nextid|revisionid|versionid$|changetoken|roleSession"
    r"|outpostarn|^idcinstance|placementgrouparn|^iamidentityprovider"
)
NAMES_AN_ARN = re.compile(r"(?:Arn|ARN|arn)$")
IDENTIFIER = re.compile(r"(?:Name|name|Id|ID|id|Identifier|identifier|Arn|ARN|arn|Key|key)s?$")
_SUFFIX = re.compile(r"(?i)(?:name|identifier|id|arn|uuid|nameor|idor|arnor)s?$")
_IDS = frozenset({"id", "name", "identifier", "resourceid", "uuid", "arn"})


def plain_of(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def stem_of(text: str) -> str:
    plain = plain_of(text)
    while (shorter := _SUFFIX.sub("", plain)) != plain and shorter:
        plain = shorter
    return plain


def parameters_of(model: dict[str, Any], name: str) -> dict[str, bool]:
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


def singular(noun: str) -> str:
    """A noun of one: an alias is no *alia*."""
    return noun if noun.endswith(("ss", "us", "is", "alias")) else noun.removesuffix("s")


def speaks(kind: str, noun: str) -> bool:
    plain = plain_of(kind)
    return plain == noun or noun.endswith(plain) or plain.endswith(noun)


def filled_form(
    noun: str,
    parameters: dict[str, bool],
    types: dict[str, str],
    about: list[str],
    *,
    own_only: bool,
    makes: bool = False,
) -> tuple[str, str, dict[str, str]] | None:
    """The type whose form the parameters fill, the best of several: (type, form, variable -> parameter)."""
    best: tuple[tuple[int, ...], str, str, dict[str, str]] | None = None
    for kind in dict.fromkeys([*about, *(kind for kind in types if speaks(kind, noun))]):
        arn = types[kind]
        if kind.startswith("wildcard-"):  # all of a kind
            continue
        variables = [one for one in VARIABLE.findall(arn) if one not in PLACES]
        places = {
            one: _fill(one, kind, parameters, last=one == variables[-1], makes=own_only or makes)
            for one in variables
        }
        if about == [kind] and not own_only and variables and not places[variables[-1]]:
            places[variables[-1]] = _nearly(variables[-1], kind, parameters)
        if not variables or not all(places.values()) or len(set(places.values())) < len(places):
            continue
        last = next(reversed(places.values()))
        only = about == [kind] and noun.startswith(plain_of(kind)) and stem_of(last) != "account"
        if (
            MENTIONED.search(last) and not speaks(kind, noun) and not only
        ):  # a topic's permissions are a topic's
            continue
        other = plain_of(places[variables[-1]]) in _IDS and plain_of(kind).removesuffix("s") not in noun
        if kind.endswith("'") and (own_only or other):
            continue  # a further form is of an older or a newer API: a name alone does not say that it is this one
        if other and arn.split(":", 5)[5].startswith("${"):
            continue  # the id of a job is not that of its cluster
        needed = all(parameters[path] for path in places.values())
        if own_only and not speaks(kind, noun) and not (kind in about and needed):
            continue  # what is made hangs on what has to be given, not on what may be
        ours = ":aws:" not in arn  # what AWS provides under an account of its own is for reading
        score = (ours, plain_of(kind) == noun, speaks(kind, noun), needed, len(variables), kind in about)
        if best is None or tuple(map(int, score)) > best[0]:
            best = (tuple(map(int, score)), kind, arn, places)
    return best[1:] if best else None


def _nearly(variable: str, kind: str, parameters: dict[str, bool]) -> str:
    """Where the reference names one type for an action: the parameter that must be given and calls it by a part of its name, or by
    more of it (a certificate is a `cert`, an application an `app`); "" where several might.
    """
    words = {plain_of(kind), stem_of(variable)} - _IDS
    found = [
        path
        for path, needed in parameters.items()
        if needed
        and "." not in path
        and IDENTIFIER.search(path)
        and not MENTIONED.search(path)
        and not re.search(r"(?:Arn|ARN|arn|[Kk]ey|Keys)s?$|^Initial|^initial", path)
        and not (plain_of(variable).endswith("id") and re.search(r"[Nn]ames?$", path))
        and len(stem := stem_of(path)) > 2
        and any(
            stem == word
            or (len(word) > 2 and (stem.endswith(word) or word.endswith(stem)))
            or (2 < len(word) < 5 and stem.startswith(word))
            for word in words
        )
    ]
    if not found:
        naming = [
            path
            for path, needed in parameters.items()
            if needed and IDENTIFIER.search(path) and not re.search(r"[Kk]eys?$", path)
        ]
        found = naming if [plain_of(path) for path in naming] == ["resourceid"] else []
    return found[0] if len(found) == 1 else ""


def _fill(variable: str, kind: str, parameters: dict[str, bool], *, last: bool, makes: bool) -> str:
    """The parameter that fills a variable; "" when none does."""
    plain, stem, own = plain_of(variable), stem_of(variable), plain_of(kind)
    ranked: list[tuple[int, bool, int, str]] = []
    for path, needed in parameters.items():
        leaf = path.rpartition(".")[2]
        if leaf.endswith(("Arn", "ARN", "arn", "Arns", "ARNs")):
            continue
        if plain.endswith(("id", "identifier") if makes else "id") and re.search(r"[Nn]ames?$", leaf):
            continue  # an id that the service gives is not what its owner calls it
        beside = makes and last and "." in path and plain_of(path.split(".")[-2]) != own
        if beside and plain.endswith(("id", "identifier")):
            continue  # a launch template's id is not that of the group which is made with it
        given = plain_of(leaf)
        singular = given.removesuffix("s")
        rank = 0
        if plain in {given, singular}:
            rank = 6
        elif (
            stem
            and stem not in _IDS
            and stem_of(leaf)
            in {stem, stem + "s"} | ({stem.removesuffix("s")} if stem.endswith("s") else set())
        ):
            rank = 5
        elif last and stem_of(leaf) in {own, own + "s"}:
            rank = 4
        elif (
            last
            and (plain in _IDS or stem == own or plain.endswith("id"))
            and given in {"id", "name", "identifier", "ids", "names"}
        ):
            rank = 3
        if rank and (IDENTIFIER.search(leaf) or rank >= 5 or given == own):
            ranked.append((rank, needed, -path.count("."), path))
    return max(ranked)[3] if ranked else ""


def several(types: dict[str, str]) -> dict[str, str]:
    """The types, and one more, with an apostrophe, for each further form of an ARN that the reference gives for one."""
    return {
        kind + "'" * number: form
        for kind, arn in types.items()
        for number, form in enumerate(arn.split(", "))
    }
