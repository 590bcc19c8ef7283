"""Build what stands around the plans: the resources of a list of structures, and what a member without an ARN of its own belongs to.

Sources are those of `build_resources`. A plan of entries is ``["e", [[member, plan], ...]]``, the plan being of each structure there;
an empty member is the request itself.
"""

from __future__ import annotations

import re
from typing import Any

from tools.catalogue.arn_filling import (
    MENTIONED,
    NAMES_AN_ARN,
    PLACES,
    VARIABLE,
    filled_form,
    parameters_of,
    plain_of,
    stem_of,
)

_NOTHING = "-"
"""A noun that no type speaks of."""

WORD_MIN = 4
"""Shorter words end too many others."""

_VAGUE = frozenset({"resourceid", "id", "name", "resourcename", "identifier"})


def about(details: dict[str, Any] | None, types: dict[str, str]) -> list[str]:
    """The types that the reference names for an action, in its order."""
    named = [kind["name"] for kind in (details or {}).get("resourceTypes", ())]
    return [kind for name in named for kind in types if kind.rstrip("'") == name]


def plan(
    name: str, model: dict[str, Any], details: dict[str, Any] | None, types: dict[str, str]
) -> list[Any] | None:
    """How what it is made in or belongs to is named: the type that the reference authorizes the call on, or, where it does not know
    the call, the one all of whose variables the request gives by their own names.
    """
    needed = {
        path: True
        for path, must in parameters_of(model, name).items()
        if must and "." not in path and not MENTIONED.search(path)
    }
    kinds = about(details, types)
    words = {plain_of(kind) for kind in kinds}
    for path in needed:
        if NAMES_AN_ARN.search(path) and stem_of(path) in words:
            return ["a", path]
    for path, must in parameters_of(model, name).items():  # the reference's only type, by the end of its name
        told = must and "." not in path and NAMES_AN_ARN.search(path) and len(stem_of(path)) > WORD_MIN
        if told and len(words) == 1 and next(iter(words)).endswith(stem_of(path)):
            return ["a", path]
    return _of_the_reference(plain_of(name), needed, types, kinds) if kinds else _by_own_names(needed, types)


def _of_the_reference(
    name: str, needed: dict[str, bool], types: dict[str, str], kinds: list[str]
) -> list[Any] | None:
    """Of several types the one that the operation speaks of (the table of a table's attribute), else the outermost."""
    alone = len(kinds) == 1
    spoken: list[list[Any]] = []
    others: list[list[Any]] = []
    for kind in kinds:
        asked = [kind] if alone else [kind, kind]
        found = filled_form(_NOTHING, needed, types, asked, own_only=False, makes=name.startswith("create"))
        if found is None or not _ends_in_a_variable(found[1]):
            continue
        last, path = list(found[2].items())[-1]
        said = plain_of(kind) in name or (len(stem_of(last)) > 2 and stem_of(last) in name)
        if name.startswith("create") and not said and plain_of(path) in _VAGUE:
            continue  # it is the name of what is made
        (spoken if said else others).append(["t", found[1], found[2]])
    if spoken:
        return max(spoken, key=lambda one: len(one[2]))
    around = _by_own_names(needed, _parents(kinds, types))
    if around or not others:
        return around
    return min(others, key=lambda one: len(one[2]))


def _parents(kinds: list[str], types: dict[str, str]) -> dict[str, str]:
    """The types whose variables begin those of one of the kinds."""
    variables = {
        kind: [one for one in VARIABLE.findall(arn) if one not in PLACES] for kind, arn in types.items()
    }
    return {
        kind: types[kind]
        for kind, own in variables.items()
        if own and any(variables[one][: len(own)] == own and len(variables[one]) > len(own) for one in kinds)
    }


def _by_own_names(needed: dict[str, bool], types: dict[str, str]) -> list[Any] | None:
    given = {re.sub("identifier$", "id", plain_of(path)): path for path in needed}
    found: dict[int, list[list[Any]]] = {}
    for arn in dict.fromkeys(types.values()):
        variables = [one for one in VARIABLE.findall(arn) if one not in PLACES]
        named = {one: given.get(re.sub("identifier$", "id", plain_of(one)), "") for one in variables}
        known = variables and all(named.values()) and plain_of(variables[-1]) not in _VAGUE
        if known and _ends_in_a_variable(arn) and ":aws:" not in arn:
            found.setdefault(len(variables), []).append(["t", arn, named])
    most = found.get(max(found, default=0), [])
    return most[0] if len(most) == 1 else None


def _ends_in_a_variable(arn: str) -> bool:
    """Not a collection of what is in it: ``/journeys``."""
    return arn.rstrip("/").endswith("}")


def entries(
    noun: str, name: str, model: dict[str, Any], kinds: list[str], types: dict[str, str]
) -> list[Any] | None:
    """The plan of what names its resources in structures, or in lists of several types; None where none does."""
    shapes = model["shapes"]
    taken = shapes.get(model["operations"][name].get("input", {}).get("shape", ""), {})
    required = set(taken.get("required", ()))
    found = []
    for member, reference in taken.get("members", {}).items():
        if MENTIONED.search(member) or (required and member not in required):
            continue
        shape = shapes[reference["shape"]]
        inner = shapes[shape["member"]["shape"]] if shape["type"] == "list" else shape
        if inner["type"] == "structure" and (each := _each(noun, member, inner, model, kinds, types)):
            found.append([member, each])
    if not found and not required:
        found = _lists(parameters_of(model, name), types)
    return ["e", found] if found else None


def _each(
    noun: str,
    member: str,
    inner: dict[str, Any],
    model: dict[str, Any],
    kinds: list[str],
    types: dict[str, str],
) -> list[Any] | None:
    """The plan of one structure, read as if it were a request."""
    needed = set(inner.get("required", ()))
    texts = {
        path: path in needed
        for path, reference in inner.get("members", {}).items()
        if model["shapes"][reference["shape"]]["type"] == "string" and not MENTIONED.search(path)
    }
    words = {plain_of(kind) for kind in kinds}
    for path in texts:
        own = stem_of(member).removesuffix("s") if plain_of(path) == "arn" else stem_of(path)
        if NAMES_AN_ARN.search(path) and path in needed and own in words:
            return ["a", path]
    telling = {path: True for path in sorted(needed & texts.keys()) if plain_of(path) not in _VAGUE}
    filled = filled_form(noun, telling, types, kinds, own_only=False)
    return ["t", filled[1], filled[2]] if filled else None


def _lists(parameters: dict[str, bool], types: dict[str, str]) -> list[Any]:
    """Lists of ids, one for each of several types."""
    found = []
    for path in parameters:
        for kind, arn in types.items():
            variables = [one for one in VARIABLE.findall(arn) if one not in PLACES]
            if path.endswith("Ids") and len(variables) == 1 and stem_of(path) == plain_of(kind):
                found.append(["", ["t", arn, {variables[0]: path}]])
    return found if len(found) > 1 else []
