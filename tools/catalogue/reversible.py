"""How far an operation can be taken back, as far as names tell: the floor that recipes and rules make precise.

R0 a read, R1 put back in place, R2 a native undo window, R3 a new identity with stated loss, R4 never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws.catalogue.classify import verb_of
from keyturn.providers.aws.catalogue.verbs import OUTER

_INVERSE = {
    "create": "delete remove terminate deregister",
    "register": "deregister unregister delete",
    "import": "delete",
    "allocate": "release deallocate",
    "subscribe": "unsubscribe",
    "associate": "disassociate dissociate",
    "attach": "detach",
    "add": "remove delete",
    "put": "delete remove",
    "run": "terminate stop",
    "open": "close",
    "provision": "deprovision terminate",
    "disassociate": "associate",
    "dissociate": "associate",
    "detach": "attach",
    "remove": "add put",
    "deregister": "register",
    "start": "stop cancel",
    "stop": "start",
    "pause": "resume",
    "resume": "pause suspend",
    "suspend": "resume",
    "enable": "disable",
    "disable": "enable",
    "lock": "unlock",
    "authorize": "revoke",
    "revoke": "authorize grant",
    "grant": "revoke",
    "copy": "delete",
    "restore": "delete",
    "delete": "put attach",
}
_FINAL = frozenset(
    [
        "purchase",
        "send",
        "submit",
        "publish",
        "accept",
        "confirm",
        "upgrade",
        "transfer",
        "reject",
        "decline",
        "complete",
        "issue",
    ]
)
_READERS = ("get", "describe", "list", "batchget", "lookup", "search")


class Nouns:
    """Which verbs a service has for which nouns."""

    def __init__(self, operations: Iterable[str]) -> None:
        self._verbs: dict[str, set[str]] = {}
        for name in operations:
            self._verbs.setdefault(_key(self.noun(name)), set()).add(verb_of(name))

    @staticmethod
    def noun(name: str) -> str:
        """``BatchDeleteImage`` -> ``Image``: what is left without the verb."""
        parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z0-9]*|[A-Z0-9]+|[a-z0-9]+", name)
        skip = 2 if parts and parts[0].lower() in OUTER else 1
        return "".join(parts[skip:])

    def has(self, noun: str, verbs: Iterable[str]) -> bool:
        return bool(self._verbs.get(_key(noun), set()) & set(verbs))


def _key(noun: str) -> str:
    """Singular and plural, and the prepositions between two nouns, are one."""
    plain = re.sub(r"(?<=[a-z])(?:From|To|With|For|On)(?=[A-Z])", "", noun)
    return re.sub(r"(?:ies|y|es|s)$", "", plain).lower()


def reversibility(
    name: str, effect: Effect, nouns: Nouns, *, data: bool = False, window: bool = False, mark: str = ""
) -> str:
    """The floor, as a code."""
    verb, noun = verb_of(name), nouns.noun(name)
    inverse = nouns.has(noun, _INVERSE.get(verb, "").split())
    readable = nouns.has(noun, _READERS)
    if effect in READ_EFFECTS:
        return "R0"
    if effect is Effect.TAG or (mark == "moves-traffic" and effect is Effect.UPDATE):
        return "R1"
    if effect in {Effect.SECRET, Effect.REPLACE} or verb in _FINAL:
        return "R4"
    if effect is Effect.DELETE:
        if window:
            return "R2"
        if inverse and verb != "delete" and not data:
            return "R1"
        return "R4" if data or not nouns.has(noun, {"create", "register", "import", "put", "add"}) else "R3"
    if effect is Effect.EXECUTE:
        return "R1" if inverse and verb in {"stop", "start", "pause", "resume", "suspend"} else "R4"
    if effect is Effect.CREATE:
        return "R1" if inverse or nouns.has(noun, {"delete", "terminate", "deregister"}) else "R3"
    return "R1" if readable or inverse else "R3"
