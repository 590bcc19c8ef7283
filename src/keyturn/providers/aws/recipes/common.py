"""What recipes share: reading answers, tags, comparing, walking pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from keyturn.core.ports import Inquiry
from keyturn.errors import UnavailableError
from keyturn.model.change import ResourceRef
from keyturn.model.execution import Answer, Call, Refused, Role, Succeeded, Unavailable
from keyturn.providers.aws.recipes.base import Step, call

PAGES_MAX: Final = 1_000
"""Pages of one listing: a capture of more is said to be incomplete, never taken for whole."""

POLLS_MAX: Final = 240
"""Reads while a service works on something; the runtime spaces them, up to five seconds each."""


PAUSE_ROUNDS: Final = 7
"""Rounds that ask for nothing; the runtime spaces them, doubling from a twentieth of a second: some six seconds."""


WAITING_DAYS: Final = 30
"""How long keys and secrets wait to be deleted where the request does not say (API_ScheduleKeyDeletion, API_DeleteSecret)."""


def waiting_s(parameters: dict[str, Any], member: str) -> int | None:
    """The seconds a deletion waits by `member`, in days; None where that is no number that can be trusted."""
    days = parameters.get(member, WAITING_DAYS)
    return days * 86_400 if isinstance(days, int) and not isinstance(days, bool) and days > 0 else None


def pause() -> Inquiry[None]:
    """Let time pass, as whoever drives the inquiry spaces rounds that ask for nothing."""
    for _ in range(PAUSE_ROUNDS):
        yield ()


def value_of(answer: Answer, what: str, unknowns: list[str], *absent: str) -> dict[str, Any] | None:
    """The value; None when the service said it is `absent` (one of these codes) or when it is unknown, which is put on the list."""
    match answer:
        case Succeeded():
            return answer.value
        case Refused() if answer.code in absent:
            return None
        case Refused():
            unknowns.append(f"{what}: {answer.code}")
        case Unavailable():
            unknowns.append(f"{what}: {answer.why}")
    return None


def pages(
    ref: ResourceRef,
    operation: str,
    parameters: dict[str, Any],
    *,
    token_in: str,
    token_out: str,
    further: Mapping[str, str] = {},
) -> Inquiry[list[Answer]]:
    """Every page of a listing, as answers; stops at the first that is no success. `further`: where a page begins at several
    values (a record's name, type and identifier), parameter -> member of the answer.
    """
    answers: list[Answer] = []
    given = dict(parameters)
    for _ in range(PAGES_MAX):
        (answer,) = yield (call(ref, operation, given),)
        answers.append(answer)
        if not isinstance(answer, Succeeded) or not (token := answer.value.get(token_out)):
            return answers
        also = {name: found for name, member in further.items() if (found := answer.value.get(member))}
        given = {**parameters, token_in: token, **also}
    answers.append(Unavailable(f"more than {PAGES_MAX} pages"))
    return answers


def must(answer: Answer, doing: str) -> dict[str, Any]:
    """The value of a step that has to succeed. Raises `UnavailableError` that says what was being done."""
    match answer:
        case Succeeded():
            return answer.value
        case Refused():
            raise UnavailableError("refused", f"{doing}: {answer.code}: {answer.message}")
        case Unavailable():
            raise UnavailableError("unavailable", f"{doing}: {answer.why}")


def do(
    ref: ResourceRef, operation: str, parameters: dict[str, Any], role: Role = Role.CHANGE
) -> Inquiry[dict[str, Any]]:
    """One mutating step that has to succeed."""
    (answer,) = yield (call(ref, operation, parameters, role),)
    return must(answer, f"{operation} of {ref.id}")


LOOKS_MAX: Final = 4
"""Looks for what an unanswered step has made, before it is made again: it may have been late, not lost."""


def once(
    ref: ResourceRef,
    operation: str,
    parameters: dict[str, Any],
    look: Callable[[], Inquiry[dict[str, Any] | None]],
    role: Role = Role.BACKUP,
) -> Inquiry[dict[str, Any]]:
    """A step that must not be made twice, though the process may end before its answer is known. Then its answer is what `look` finds
    of it by the name or the mark that it was given; where that finds nothing for a while, it never arrived, and is made.
    """
    (answer,) = yield (call(ref, operation, parameters, role),)
    if not isinstance(answer, Unavailable):
        return must(answer, f"{operation} of {ref.id}")
    for _ in range(LOOKS_MAX):
        found = yield from look()
        if found is not None:
            return found
        yield from pause()
    return (yield from do(ref, operation, parameters, role))


def tags_dict(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """AWS's list of pairs as a dictionary, sorted."""
    return {tag[key]: tag.get(value, "") for tag in sorted(tags or [], key=lambda tag: tag[key])}


def tags_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def tags_back(
    tag: str, untag: str, which: dict[str, Any], tags: dict[str, str], keys: list[str]
) -> tuple[Step, ...]:
    """Calls that give these tags the values they had; `which` names the resource as both operations take it."""
    had = {key: tags[key] for key in keys if key in tags}
    new = [key for key in keys if key not in tags]
    steps = [Step(tag, {**which, "Tags": tags_list(had)})] if had else []
    if new:
        steps.append(Step(untag, {**which, "TagKeys": new}))
    return tuple(steps)


def without_nothing(value: Any) -> Any:
    """The value without None and empty containers, so that an omitted property equals an empty one."""
    if isinstance(value, dict):
        made = {key: without_nothing(inner) for key, inner in sorted(value.items())}
        return {key: inner for key, inner in made.items() if inner not in (None, {}, [], "")}
    if isinstance(value, list):
        return [without_nothing(item) for item in value]
    return value


def changed(
    before: dict[str, Any], after: dict[str, Any], fields: tuple[str, ...]
) -> tuple[tuple[str, Any, Any], ...]:
    """(path, before, after) of every field that differs; a field that `after` does not name is not wanted otherwise."""
    return tuple(
        (field, before.get(field), after[field])
        for field in fields
        if field in after and without_nothing(before.get(field)) != without_nothing(after[field])
    )


def wanted_otherwise(
    state: dict[str, Any], desired: dict[str, Any], fields: tuple[str, ...]
) -> tuple[tuple[str, Any, Any], ...]:
    """As `changed`, for a narrow patch: tags that stand and are not spoken of are not wanted otherwise."""
    return tuple(
        (field, before, after)
        for field, before, after in changed(state, desired, fields)
        if field != "tags" or any((before or {}).get(key) != value for key, value in (after or {}).items())
    )


def differences(
    before: dict[str, Any], after: dict[str, Any] | None, fields: tuple[str, ...], *, title: str
) -> list[str]:
    """What is not as it was, in words; for the honest list after a restore."""
    if after is None:
        return [f"{title} does not exist"]
    return [
        f"{field}: {was!r} is now {now!r}"
        for field, was, now in changed(before, {f: after.get(f) for f in fields}, fields)
    ]


def read_call(ref: ResourceRef, operation: str, **parameters: Any) -> Call:
    return call(ref, operation, parameters)


def human_bytes(count: int) -> str:
    """Bytes for people: 1.2 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{count} B"
