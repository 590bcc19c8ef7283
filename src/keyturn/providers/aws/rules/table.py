"""Rules as rows: code, operations, condition, harm, one sentence, the page it rests on; and what has to be read to judge them.

One file a service stands in `tables`. A row's sentence is what a finding says and what the reference page shows.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import REGISTRY, Context, Doubt, Rule, Said
from keyturn.providers.aws.rules.conditions import Condition, values
from keyturn.providers.aws.rules.delegated import with_authority

R1, R2, R3, R4 = Reversibility.R1, Reversibility.R2, Reversibility.R3, Reversibility.R4


class Harm(NamedTuple):
    """What class of trouble a row speaks of, and how bad it is."""

    kind: Kind
    effect: Effect
    reversibility: Reversibility


LOSS: Final = Harm(Kind.DATA_LOSS, Effect.DELETE, R4)
LOSS_KEPT: Final = Harm(
    Kind.DATA_LOSS, Effect.DELETE, R3
)  # a backup, or the service, can give it back as something new
LOSS_WINDOW: Final = Harm(Kind.DATA_LOSS, Effect.DELETE, R2)
STRIP: Final = Harm(Kind.PROTECTION_STRIP, Effect.UPDATE, R1)
STRIP_FOR_GOOD: Final = Harm(Kind.PROTECTION_STRIP, Effect.UPDATE, R4)
BACKUPS: Final = Harm(Kind.BACKUP_STRIP, Effect.DELETE, R4)
BACKUPS_OFF: Final = Harm(Kind.BACKUP_STRIP, Effect.UPDATE, R1)
OUTAGE: Final = Harm(Kind.OUTAGE, Effect.UPDATE, R1)
OUTAGE_ONE_WAY: Final = Harm(Kind.OUTAGE, Effect.UPDATE, R4)
OUTAGE_ANOTHER: Final = Harm(Kind.OUTAGE, Effect.UPDATE, R3)  # what comes back is another resource
OUTAGE_DELETE: Final = Harm(Kind.OUTAGE, Effect.DELETE, R3)
EXPOSES: Final = Harm(Kind.EXPOSURE, Effect.PERMISSION, R1)
LEAKS: Final = Harm(Kind.EXPOSURE, Effect.PERMISSION, R4)  # data that has left does not come back
GRANTS: Final = Harm(Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, R1)
RUNS: Final = Harm(Kind.DELEGATED_AUTHORITY, Effect.EXECUTE, R1)
SHELL: Final = Harm(Kind.OPAQUE, Effect.EXECUTE, R4)
BLINDS: Final = Harm(Kind.BLIND, Effect.UPDATE, R1)
REPLACES: Final = Harm(Kind.REPLACE, Effect.REPLACE, R3)
REPLACES_DATA: Final = Harm(Kind.DATA_LOSS, Effect.REPLACE, R4)  # what is made anew is empty
OVERWRITES: Final = Harm(Kind.OVERWRITE, Effect.UPDATE, R3)
ROTATES: Final = Harm(Kind.OUTAGE, Effect.PERMISSION, R3)  # who holds the credential before fails
COPIED: Final = Harm(
    Kind.DELEGATED_AUTHORITY, Effect.PERMISSION, R4
)  # a copy lies elsewhere, for whoever may read there
TOLD: Final = Harm(Kind.NOTE, Effect.PERMISSION, R1)  # somebody hears of it, until one call ends that
REMARK: Final = Harm(Kind.NOTE, Effect.UPDATE, R1)


class Read(msgspec.Struct, frozen=True):
    """A call that tells what stands. `give`: its parameters, from paths of the request (in a list where it takes one, with
    ``=`` before it a word as it stands); `take`: where the answer holds it (``DBInstances[0]``; empty: the whole answer).
    """

    operation: str
    give: dict[str, Any]
    take: str = ""

    def parameters(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The parameters; None where the request does not name what is meant."""
        made: dict[str, Any] = {}
        for name, source in self.give.items():
            found = _given(source, request)
            if found is None:
                return None
            made[name] = found
        return made


def _given(source: Any, request: dict[str, Any]) -> Any:
    if isinstance(source, bool):
        return source
    if isinstance(source, list):
        inner = [_given(item, request) for item in source]
        return None if any(item is None for item in inner) else inner
    if isinstance(source, dict):
        made = {name: _given(item, request) for name, item in source.items()}
        return None if any(item is None for item in made.values()) else made
    if source.startswith("="):
        return source[1:]
    if "." not in source and "[]" not in source:
        return request.get(source) or None
    found = values(request, source)
    if not found:
        return None
    return found if source.endswith("[]") else found[0]


READS: Final[dict[str, dict[str, Read]]] = {}
"""Operation -> what is read to judge it, by the reading's name ("" for the first)."""


BOUND: Final[dict[str, frozenset[str]]] = {}
"""Operation -> paths of what is read that functions look at: an approval binds to these as to those of rows."""


class Row(msgspec.Struct, frozen=True):
    """A rule as data; `ask` is what the registry keeps of it."""

    code: str
    operations: tuple[str, ...]
    when: Condition
    harm: Harm
    says: str
    source: str

    def look(self, context: Context) -> Said | Doubt | None:
        """Speaks where the condition holds; doubts where it depends on what was not read."""
        held = self.when.holds(context.parameters, context.live)
        if held is False and not (context.unread and self._hangs_on(context.unread)):
            return None
        if not held:
            return Doubt(f"{self.code}: whether {_lower(self.says)}")
        where = sorted(path for path in self.when.given if values(context.parameters, path))
        message, evidence = f"{context.ref}: {_lower(self.says)}.", {"paths": where} if where else {}
        if self.harm is RUNS:
            return with_authority(context, message, evidence)
        return Said(message, evidence)

    def _hangs_on(self, unread: frozenset[str]) -> bool:
        """Whether what the condition looks at lies in members that could not be read."""
        return any(_HEAD.split(path, maxsplit=1)[0] in unread for path in self.when.given)


_HEAD: Final = re.compile(r"[.\[{]")


def _lower(sentence: str) -> str:
    """The sentence as a part of another: small first letter, but for names, and without its full stop."""
    first = sentence.split(" ", 1)[0]
    plain = sentence.rstrip(".")
    return plain if len(first) > 1 and not first[1:].islower() else plain[0].lower() + plain[1:]


ROWS: Final[list[Row]] = []


class Table:
    """Where a service's rows are put; `page` is the address of its API reference, with the operation's name for ``{}``.
    `alone`: what its rows look at is left to them; otherwise generic detectors look at it too.
    """

    def __init__(self, service: str, page: str, *, alone: bool = True) -> None:
        self._service, self._page, self._alone = service, page, alone

    def read(self, operations: str, read: Read, name: str = "") -> None:
        """What is read before these operations are judged."""
        for operation in operations.split():
            READS.setdefault(self._name(operation), {})[name] = read

    def row(
        self,
        code: str,
        operations: str,
        when: Condition,
        harm: Harm,
        says: str,
        page: str = "",
        *,
        alone: bool = False,
    ) -> None:
        """One rule. `page`: the operation whose page it rests on (the first, unless said), or a whole address. `alone`: of a table that
        shares its paths with generic detectors, this row does not.
        """
        names = tuple(map(self._name, operations.split()))
        source = (
            page if page.startswith("https://") else self._page.format(page or names[0].partition(":")[2])
        )
        row = Row(code, names, when, harm, says, source)
        ROWS.append(row)
        REGISTRY.append(
            Rule(
                code=code,
                operations=frozenset(names),
                kind=harm.kind,
                effect=harm.effect,
                reversibility=harm.reversibility,
                source=source,
                says=f"{says}.",
                look=row.look,
                looks_at=when.given if self._alone or alone else frozenset(),
            )
        )

    def _name(self, operation: str) -> str:
        return operation if ":" in operation else f"{self._service}:{operation}"
