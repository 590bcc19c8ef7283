"""The rows that a declared recipe is made of: how a kind is read, made, changed, tagged, and what lies in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from keyturn.providers.aws.recipes.filling import ARN, Template


class Read(msgspec.Struct, frozen=True):
    """A call whose answer becomes fields. The first of a kind decides whether the resource stands; the others follow together."""

    operation: str
    given: Template
    take: Mapping[str, str] = {}  # field -> path in the answer, or in the one entry of `one_of`
    absent: tuple[str, ...] = ()  # codes by which the service says that there is none
    one_of: str = ""  # path of a list that holds the resource; empty, or without it: there is none
    match: str = ""  # member of an entry of `one_of` that is the id; empty: the list holds the resource alone
    all_of: str = ""  # path of a list that is read page by page, whole, into the one field of `take`
    tokens: tuple[str, str] = ("NextToken", "NextToken")  # of `all_of`: parameter, member of the answer
    further: Mapping[str, str] = {}  # of `all_of`: what else a page begins at; see `pages`
    every: bool = (
        False  # everything of the answer (or entry) that `take` does not speak of, under its own name
    )
    when: str = ""  # only where this field is not empty


class Make(msgspec.Struct, frozen=True):
    """A call that gives a resource, or a part of it, the properties that were captured."""

    operation: str
    which: Template
    sets: Mapping[str, str] = {}  # path of the parameter -> field
    each: str = (
        ""  # once for each entry of this field (a list, or a map: then `Item("key")` and `Item("value")`)
    )
    when: str = ""  # only where this field is set, and not to false


class Change(msgspec.Struct, frozen=True):
    """An update: which fields it sets. `whole` says that what is not given is gone; else it stays as it is."""

    operation: str
    which: Template
    sets: Mapping[str, str] = {}
    whole: bool = False
    named: tuple[str, str] = (
        "",
        "",
    )  # one property a call: parameters of its name and value; `sets` has name -> field
    clear: Mapping[str, Make] = {}  # field -> the call that takes it off
    unset: Mapping[str, Any] = {}  # field -> the value by which it is as if nobody had set it
    to: Mapping[str, Any] = {}  # a switch: fields that it sets to these values, whatever is given


class Part(msgspec.Struct, frozen=True):
    """Things that lie in the resource under an id each (targets of a rule): a field that is a list of them."""

    field: str
    key: str  # member that is the id
    adds: Make  # `each` of it is this field
    removes: str  # operation
    removed: Template  # of which ids: `ids` is the parameter that takes them
    ids: str
    added: str = ""  # path in the parameters of `adds` where a list of them stands


class Rehearsed(msgspec.Struct, frozen=True):
    """That a second one under a name of its own does nothing to anybody, once `quiet` is said of it, and how it is removed again."""

    delete: str  # operation
    which: Template
    quiet: Mapping[
        str, Any
    ] = {}  # fields that would make it act or cost, and the value under which they do not
    ending: tuple[str, str] = ("", "")  # a field, and what its names have to end in where it is set
    empties: bool = False  # its parts are taken off before it is deleted


class Tags(msgspec.Struct, frozen=True):
    """How a kind is tagged: as AWS's list of pairs or as a map."""

    tag: str
    untag: str
    which: Template = msgspec.field(default_factory=lambda: {"ResourceArn": ARN})
    tags: str = "Tags"
    keys: str = "TagKeys"
    pair: tuple[str, str] | None = ("Key", "Value")  # None: a map
