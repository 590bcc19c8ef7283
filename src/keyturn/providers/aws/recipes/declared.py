"""A kind of resource as data: which calls read it, which make it, which change which of its properties, which take it away.

Capture, inverse, narrow patch, before and after, restore, runbook: all follow from the same few tables, so that they cannot
disagree. What a table cannot say is a method of the kind's own class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.assessment import Dependent, Recoverable
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Backup
from keyturn.providers.aws.moved import renamed
from keyturn.providers.aws.recipes.base import Captured, Narrow, Recipe, Scratch, State, Step, call
from keyturn.providers.aws.recipes.common import (
    differences,
    do,
    pages,
    pause,
    value_of,
    wanted_otherwise,
    without_nothing,
)
from keyturn.providers.aws.recipes.filling import at, document, empty, fill, ordered, own_name, put
from keyturn.providers.aws.recipes.runbook import Run, new, waited
from keyturn.providers.aws.recipes.tables import Change, Make, Part, Read, Rehearsed, Tags

BACKUP_S = 10
"""Seconds to make a resource again whose capture is all there is of it: a handful of calls."""


class Declared(Recipe):
    """A recipe from tables. Subclasses state them, and `tidy` what a table cannot say."""

    reads: ClassVar[tuple[Read, ...]]
    make: ClassVar[Make | None] = None
    created_by: ClassVar[frozenset[str]] = (
        frozenset()
    )  # where `make` takes back what was deleted, and is no create
    then: ClassVar[tuple[Make, ...]] = ()  # after it, in this order
    changes: ClassVar[tuple[Change, ...]] = ()
    parts: ClassVar[tuple[Part, ...]] = ()
    tagged: ClassVar[Tags | None] = None
    makes_tags: ClassVar[str] = ""  # parameter of `make` that takes the tags; empty: they are set afterwards
    documents: ClassVar[frozenset[str]] = frozenset()  # fields that are JSON texts
    sets: ClassVar[frozenset[str]] = frozenset()  # fields whose order means nothing
    volatile: ClassVar[frozenset[str]] = frozenset()  # members that say what happens, not what is declared
    names_itself: ClassVar[bool] = False  # its own id stands in its values: an alias within a zone
    born: ClassVar[str] = ""  # path of the new id in the answer of `make`, where the service gives it
    born_after: ClassVar[str] = ""  # what stands before it there
    waits: ClassVar[tuple[str, ...]] = ()  # lines of its runbook after each command that works on it
    ended: ClassVar[tuple[str, frozenset[str]]] = (
        "",
        frozenset(),
    )  # a field whose values say that it is gone though it is still told of
    recover_s: ClassVar[int] = BACKUP_S
    rehearsed: ClassVar[Rehearsed | None] = None  # how a drill makes another one; None: it makes none
    calls: ClassVar[
        tuple[str, ...]
    ] = ()  # further operations on it that change no property the tables speak of

    def __init_subclass__(cls) -> None:
        """Which operations create, change and restore it follows from the tables."""
        super().__init_subclass__()
        changing = {change.operation for change in cls.changes} | set(cls.calls)
        changing |= {clear.operation for change in cls.changes for clear in change.clear.values()}
        changing |= {name for part in cls.parts for name in (part.adds.operation, part.removes)}
        changing |= {cls.tagged.tag, cls.tagged.untag} if cls.tagged is not None else set()
        cls.creates = cls.created_by or (
            frozenset({cls.make.operation}) if cls.make is not None else frozenset()
        )
        cls.updates = frozenset(changing - cls.creates - cls.deletes)
        cls.in_place = cls.in_place or tuple(dict.fromkeys(change.operation for change in cls.changes))
        cls.restores = cls.make is not None or cls.exports
        cls.drills = cls.rehearsed is not None
        cls.backs_up = cls.make is not None and not cls.data_bearing

    # --- capture -----------------------------------------------------------------------------------------------------

    def capture(self, ref: ResourceRef) -> Inquiry[Captured]:
        unknowns: list[str] = []
        first, *others = self.reads
        (answer,) = yield (call(ref, first.operation, fill(first.given, ref, {})),)
        found = self._found(first, ref, answer, unknowns)
        if found is None:
            return Captured(None, tuple(unknowns))
        state: State = self._taken(first, found)
        field, values = self.ended
        if field and state.get(field) in values:
            return Captured(None, tuple(unknowns))
        asked = [read for read in others if not read.when or not empty(state.get(read.when))]
        single = [read for read in asked if not read.all_of]
        answers = (
            (yield tuple(call(ref, read.operation, fill(read.given, ref, state)) for read in single))
            if single
            else ()
        )
        for read, told in zip(single, answers, strict=True):
            more = self._found(read, ref, told, unknowns)
            state |= self._taken(read, more) if more is not None else {}
        for read in asked:
            if read.all_of:
                state |= yield from self._listed(read, ref, state, unknowns)
        whole = self._canonical(self.tidy(ref, state))
        return Captured(whole, tuple(unknowns), self.edges(ref, whole))

    def edges(self, ref: ResourceRef, state: State) -> tuple[Dependent, ...]:
        """Who relies on it, as far as what was read says."""
        return ()

    def tidy(self, ref: ResourceRef, state: State) -> State:
        """What was read, in the terms that the tables speak of."""
        return state

    def _found(self, read: Read, ref: ResourceRef, answer: Answer, unknowns: list[str]) -> Any:
        value = value_of(answer, read.operation.partition(":")[2], unknowns, *read.absent)
        if value is None or not read.one_of:
            return value
        listed = at(value, read.one_of) or []
        if read.match:
            listed = [one for one in listed if at(one, read.match) == ref.id]
        return listed[0] if listed else None

    def _taken(self, read: Read, found: Any) -> State:
        told = {field: at(found, path) for field, path in read.take.items()}
        if not read.every or not isinstance(found, dict):
            return told
        spoken = {path.partition(".")[0] for path in read.take.values()} | self.volatile
        return {name: value for name, value in found.items() if name not in spoken} | told

    def _listed(self, read: Read, ref: ResourceRef, state: State, unknowns: list[str]) -> Inquiry[State]:
        token_in, token_out = read.tokens
        given = fill(read.given, ref, state)
        found: list[Any] = []
        answers = yield from pages(
            ref, read.operation, given, token_in=token_in, token_out=token_out, further=read.further
        )
        for answer in answers:
            value = value_of(answer, read.operation.partition(":")[2], unknowns, *read.absent)
            found += at(value or {}, read.all_of) or []
        (field,) = read.take
        return {field: found}

    def _canonical(self, state: State) -> State:
        made = {}
        for field, value in state.items():
            told = self._plain_tags(value) if field == "tags" else value
            told = document(told) if field in self.documents else told
            made[field] = ordered(told) if field in self.sets else told
        return made

    def _plain_tags(self, value: Any) -> dict[str, str]:
        if isinstance(value, Mapping):
            return dict(sorted(value.items()))
        key, content = (self.tagged.pair if self.tagged else None) or ("Key", "Value")
        own = {str(tag.get(key)): str(tag.get(content) or "") for tag in value or []}
        return {name: text for name, text in sorted(own.items()) if not name.startswith("aws:")}

    # --- changing in place -------------------------------------------------------------------------------------------

    def wanted(self, operation: str, parameters: dict[str, Any]) -> State | None:
        change = self._change(operation)
        if change is None:
            return dict.fromkeys(self._cleared(operation)) or None
        if change.to:
            return dict(change.to)
        given = self._given(change, parameters)
        return {field: given.get(field) for field in change.sets.values()} if change.whole else given

    def desired(self, operation: str, parameters: dict[str, Any]) -> State | None:
        if self.make is None or operation != self.make.operation:
            return None
        wanted = {
            field: value
            for path, field in self.make.sets.items()
            if (value := at(parameters, path)) is not None
        }
        if self.makes_tags and parameters.get(self.makes_tags):
            wanted["tags"] = parameters[self.makes_tags]
        return self._canonical(wanted)

    def says_which(self, operation: str) -> frozenset[str]:
        return frozenset(
            name for change in self.changes if change.operation == operation for name in change.which
        )

    def narrow(self, ref: ResourceRef, state: State, desired: State) -> Narrow | None:
        if not self.changes and self.tagged is None:
            return None
        other = wanted_otherwise(state, desired, tuple(desired))
        names = [field for field, _, _ in other if field != "tags"]
        aim = {**state, **{field: after for field, _, after in other}}
        steps: list[Step] = []
        left = list(names)
        for change in self.changes:
            if change.to and any(field in left and change.to[field] == aim.get(field) for field in change.to):
                steps.append(Step(change.operation, fill(change.which, ref, state)))
                left = [field for field in left if field not in change.to]
            mine = [field for field in left if field in change.sets.values()]
            if mine:
                steps += self._set(change, ref, aim, mine)
                left = [field for field in left if field not in mine]
        steps += self._tag_other(ref, state, other)
        return Narrow(tuple(steps), tuple(other), immutable=tuple(left))

    def inverse(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        if self.tagged is not None and operation in {self.tagged.tag, self.tagged.untag}:
            return self._tags_back(operation, parameters, ref, state)
        for part in self.parts:
            if operation in {part.adds.operation, part.removes}:
                return self._part_back(part, operation, parameters, ref, state)
        change = self._change(operation)
        if change is None and self._cleared(operation):
            return self._put_back(ref, state, self._cleared(operation))
        if change is None:
            again = operation in self.creates  # a put: it replaces what stands
            by_make = self.make is not None and operation == self.make.operation
            return (self._make(self.make, ref, state),) if again and by_make and self.make is not None else ()
        if change.to:
            return self._put_back(ref, state, list(change.to))
        fields = list(change.sets.values()) if change.whole else list(self._given(change, parameters))
        return self._back(change, ref, state, fields)

    def _back(self, change: Change, ref: ResourceRef, state: State, fields: list[str]) -> tuple[Step, ...]:
        """The same update with the values from before; what did not stand is taken off, or there is no way back."""
        state = {**state, **{f: change.unset[f] for f in fields if f in change.unset and empty(state.get(f))}}
        off = [field for field in fields if field in change.unset and empty(state[field])]  # set to nothing
        stood = [field for field in fields if field in off or not empty(state.get(field))]
        gone = [field for field in fields if field not in stood]
        if not change.whole and any(field not in change.clear for field in gone):
            return ()
        steps = (
            self._set(change, ref, state, fields if change.whole else stood) if stood or change.whole else []
        )
        cleared = [self._make(change.clear[field], ref, state) for field in gone if field in change.clear]
        return (*steps, *cleared)

    def _cleared(self, operation: str) -> list[str]:
        return [
            field
            for change in self.changes
            for field, clear in change.clear.items()
            if clear.operation == operation
        ]

    def _put_back(self, ref: ResourceRef, state: State, fields: list[str]) -> tuple[Step, ...]:
        steps: list[Step] = []
        for field in fields:
            switch = next(
                (one for one in self.changes if field in one.to and one.to[field] == state.get(field)), None
            )
            if switch is not None:
                steps.append(Step(switch.operation, fill(switch.which, ref, state)))
                continue
            if empty(state.get(field)):
                continue  # there was none to take off
            change = next((one for one in self.changes if field in one.sets.values()), None)
            if change is None:
                return ()
            steps += self._set(change, ref, state, [field])
        return tuple(steps)

    def _set(self, change: Change, ref: ResourceRef, state: State, fields: list[str]) -> list[Step]:
        which = fill(change.which, ref, state)
        by_field = {field: path for path, field in change.sets.items()}
        name, value = change.named
        if name:
            return [
                Step(change.operation, {**which, name: by_field[field], value: state.get(field) or ""})
                for field in fields
            ]
        made: dict[str, Any] = dict(which)
        for path, field in change.sets.items():
            if (change.whole or field in fields) and not empty(state.get(field)):
                put(made, path, state[field])
            elif field in fields and not change.whole:
                put(made, path, state.get(field))
        return [Step(change.operation, made)]

    def _given(self, change: Change, parameters: dict[str, Any]) -> State:
        name, value = change.named
        if name:
            field = change.sets.get(str(parameters.get(name)))
            return self._canonical({field: parameters.get(value)}) if field else {}
        found = {field: at(parameters, path) for path, field in change.sets.items()}
        return self._canonical({field: value for field, value in found.items() if value is not None})

    def _change(self, operation: str) -> Change | None:
        return next((change for change in self.changes if change.operation == operation), None)

    # --- tags and parts ----------------------------------------------------------------------------------------------

    def _tag_other(
        self, ref: ResourceRef, state: State, other: tuple[tuple[str, Any, Any], ...]
    ) -> list[Step]:
        """Sets the tags that are wanted otherwise; a patch takes none off."""
        wanted: Mapping[str, str] = next((after for field, _, after in other if field == "tags"), {})
        had = state.get("tags") or {}
        return self._tag(ref, state, {key: value for key, value in wanted.items() if had.get(key) != value})

    def _tag(self, ref: ResourceRef, state: State, tags: Mapping[str, str]) -> list[Step]:
        if self.tagged is None or not tags:
            return []
        which = fill(self.tagged.which, ref, state)
        return [Step(self.tagged.tag, {**which, self.tagged.tags: self._tag_list(tags)})]

    def _tag_list(self, tags: Mapping[str, str]) -> Any:
        pair = self.tagged.pair if self.tagged else ("Key", "Value")
        if pair is None:
            return dict(tags)
        return [{pair[0]: key, pair[1]: value} for key, value in sorted(tags.items())]

    def _tags_back(
        self, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        tagged = self.tagged
        if tagged is None:
            return ()
        listed = parameters.get(tagged.keys) or []
        keys = [*self._plain_tags(parameters.get(tagged.tags))]
        keys += [str(key["Key"]) if isinstance(key, dict) else str(key) for key in listed]
        had = {key: state["tags"][key] for key in keys if key in state.get("tags", {})}
        new = [key for key in keys if key not in state.get("tags", {})]
        steps = self._tag(ref, state, had)
        if new:
            steps.append(Step(tagged.untag, {**fill(tagged.which, ref, state), tagged.keys: new}))
        return tuple(steps)

    def _part_back(
        self, part: Part, operation: str, parameters: dict[str, Any], ref: ResourceRef, state: State
    ) -> tuple[Step, ...]:
        standing = {str(one.get(part.key)): one for one in state.get(part.field) or []}
        if operation == part.removes:
            ids = [str(one) for one in parameters.get(part.ids) or []]
        else:
            listed = at(parameters, part.added) if part.added else [parameters]
            ids = [str(one.get(part.key)) for one in listed or []]
        steps = [self._make(part.adds, ref, state, standing[one]) for one in ids if one in standing]
        new = [one for one in ids if one not in standing]
        if new and operation != part.removes:
            steps.append(Step(part.removes, {**fill(part.removed, ref, state), part.ids: new}))
        return tuple(steps)

    # --- backup and restore ------------------------------------------------------------------------------------------

    def recoverable(self, ref: ResourceRef, state: State | None) -> Recoverable:
        return Recoverable(
            resource=ref,
            backup=self.backs_up,
            inverse=False,
            recover_s=self.recover_s if self.restores else None,
            loss=self.loss,
        )

    def backup(self, ref: ResourceRef, state: State, *, case_id: str, at_ms: int) -> Inquiry[Backup]:
        """Where the capture is all there is of it: read a second time and found equal."""
        if not self.backs_up or self.make is None:
            return (yield from super().backup(ref, state, case_id=case_id, at_ms=at_ms))
        made_by = f"{self.make.operation.partition(':')[2]} makes it again"
        restores_to = f"{self.title} {ref.id}, made again" + (" under a new id" if self.born else "")
        return (yield from self.read_twice(ref, state, at_ms=at_ms, made_by=made_by, restores_to=restores_to))

    def restore_plan(self, ref: ResourceRef, state: State, backup: Backup | None) -> tuple[Step, ...]:
        """The calls `restore` makes; where the service gives the id, the old one stands for the new."""
        if self.make is None:
            return ()
        return (self._made(ref, state), *self._afterwards(ref, state))

    def restore(self, ref: ResourceRef, state: State, backup: Backup | None) -> Inquiry[tuple[str, ...]]:
        if self.make is None:
            return (yield from super().restore(ref, state, backup))
        first = self._made(ref, state)
        answer = yield from do(ref, first.operation, first.parameters)
        made, standing, honest = ref, state, []
        if self.born:
            made = msgspec.structs.replace(ref, id=self.named(ref, answer))
            honest.append(f"id: it was {ref.id} and is {made.id}: what names the old one has to be told")
            state = renamed(state, {ref.id: made.id}) if self.names_itself else state
            standing = {**state, "arn": ""}
        for step in self._afterwards(made, standing):
            yield from do(made, step.operation, step.parameters)
        honest += yield from self._compared(made, state)
        return tuple(honest)

    def named(self, ref: ResourceRef, answer: dict[str, Any]) -> str:
        """The new id that the answer of `make` says."""
        return str(at(answer, self.born))

    def _compared(self, ref: ResourceRef, state: State) -> Inquiry[list[str]]:
        found: list[str] = []
        for left in range(self.settles, -1, -1):
            after = yield from self.capture(ref)
            found = differences(state, after.state, self.fields, title=f"{self.title} {ref.id}")
            found += [f"could not be compared: {unknown}" for unknown in after.unknowns]
            if not found or not left:
                break
            yield from pause()
        return found

    def _made(self, ref: ResourceRef, state: State) -> Step:
        if self.make is None:
            raise UnavailableError("no-restore", f"nothing makes a {self.title}")
        step = self._make(self.make, ref, state)
        if self.makes_tags and state.get("tags"):
            step.parameters[self.makes_tags] = self._tag_list(state["tags"])
        return step

    def _afterwards(self, ref: ResourceRef, state: State) -> list[Step]:
        steps: list[Step] = []
        for one in (*self.then, *(part.adds for part in self.parts)):
            if one.each:
                entries = state.get(one.each) or []
                items = (
                    [{"key": key, "value": value} for key, value in sorted(entries.items())]
                    if isinstance(entries, Mapping)
                    else entries
                )
                steps += [self._make(one, ref, state, item) for item in items]
            elif not one.when or state.get(one.when):
                steps.append(self._make(one, ref, state))
        if not self.makes_tags:
            steps += self._tag(ref, state, state.get("tags") or {})
        return steps

    def _make(self, one: Make, ref: ResourceRef, state: State, item: Any = None) -> Step:
        made: dict[str, Any] = dict(fill(one.which, ref, state, item))
        for path, field in one.sets.items():
            if not empty(state.get(field)):
                put(made, path, state[field])
        return Step(one.operation, made)

    def scratch(self, ref: ResourceRef, name: str, state: State) -> Scratch | None:
        """Under another name, quiet, and saying of itself what the first says of itself."""
        how = self.rehearsed
        if how is None:
            return None
        field, ending = how.ending
        tail = ending if field and str(state.get(field)).lower() == "true" else ""
        made = msgspec.structs.replace(ref, id=name if name.endswith(tail) else name + tail)
        quiet = {**own_name(state, ref, made), **how.quiet, "arn": ""}
        steps = [
            Step(part.removes, {**fill(part.removed, made, quiet), part.ids: ids})
            for part in (self.parts if how.empties else ())
            if (ids := [str(one.get(part.key)) for one in state.get(part.field) or []])
        ]
        removal = Step(how.delete, fill(how.which, made, quiet))
        return Scratch(ref=made, state=quiet, removal=removal, fields=self.fields, first=tuple(steps))

    def runs(self, ref: ResourceRef, state: State, backup: Backup) -> tuple[Run, ...]:
        first, *later = self.restore_plan(ref, state, backup)
        then = waited(self.waits, new() if self.born else ref.id)
        if not self.born:
            return (Run(first, then=then), *(Run(step, then=then) for step in later))
        made = msgspec.structs.replace(ref, id=new())
        steps = self._afterwards(made, self._as_new(ref, state, new()))
        return (Run(first, gives={1: self.born}, after=self.born_after, then=then), *map(Run, steps))

    def _as_new(self, ref: ResourceRef, state: State, made: str) -> State:
        """The state, as it is spoken of under the new id."""
        return {**(renamed(state, {ref.id: made}) if self.names_itself else state), "arn": ""}


__all__ = ["Change", "Declared", "Make", "Part", "Read", "Rehearsed", "Tags", "without_nothing"]
