"""From Cedar text to policies as values: ids, outcomes, obligations and messages, read from annotations and checked.

Whatever is wrong is a `PolicyError` that names file, policy, what is wrong and what to write instead. An annotation that
is not known is refused: a misspelt ``@quorum`` would otherwise be no quorum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import msgspec
from cedarpy import policies_to_pst, pst

from keyturn.core import quorum
from keyturn.errors import PolicyError, nearest
from keyturn.model.decision import Obligations, Verdict
from keyturn.model.quorum import Quorum
from keyturn.policy.limits import QUORUM_MAX, WINDOW_S_MAX

ANNOTATIONS: Final = {
    "id": "names the policy; unique in all that is loaded; required",
    "outcome": "on a forbid: deny (the default), suggest or hold; on a permit: hold or suggest, when it lets through only after people agree",
    "message": "what the policy says to people and agents",
    "quorum": 'who must approve: a number, or "1 of security and 2 of platform"; on what holds',
    "escalate": "seconds after which it is said aloud that nobody has taken it on; on what holds",
    "breakglass": '"allowed": a person with the role may act without approval in an emergency; on what holds',
    "backup": '"required": a verified backup of what is destroyed, or the call does not leave; "vault-account": and a verified copy of it in the vault account',
    "capture": '"required": the state is captured first, so that the change can be put back',
    "restore": '"on-failure": a failed verification restores at once, without asking',
    "window": "seconds an approval stays usable",
    "signed": '"required": an approval counts only with a passkey\'s signature; on what holds',
}

_FLAGS: Final = {
    "backup": "required",
    "capture": "required",
    "restore": "on-failure",
    "breakglass": "allowed",
    "signed": "required",
}
VAULT_ACCOUNT: Final = "vault-account"
"""The other word of ``@backup``: where it has to lie."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Source(msgspec.Struct, frozen=True):
    """One file of Cedar text. `name` is ``pack/file.cedar`` and stands in reasons and errors."""

    name: str
    text: str


class Policy(msgspec.Struct, frozen=True):
    """One policy. `outcome` is what it brings about: ALLOW for a plain permit, DENY for a plain forbid."""

    id: str
    permits: bool
    outcome: Verdict
    obligations: Obligations
    message: str
    source: str
    parsed: pst.Template
    sees_resource: bool  # its answer can depend on which resource is asked about


def read_pack(pack: str | Traversable) -> tuple[Source, ...]:
    """The ``*.cedar`` files of a pack, by name: a shipped pack's name, a folder, or one file.

    Raises `PolicyError` (no-such-pack, pack-empty, pack-unreadable).
    """
    place = shipped(pack) if isinstance(pack, str) else pack
    try:
        found = [place] if place.is_file() else [file for file in place.iterdir() if file.is_file()]
        cedar = sorted((file for file in found if file.name.endswith(".cedar")), key=lambda file: file.name)
        prefix = place.name if place.is_dir() else ""
        sources = tuple(
            Source(f"{prefix}/{file.name}".lstrip("/"), file.read_text(encoding="utf-8")) for file in cedar
        )
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            "pack-unreadable", f"policies in {place} cannot be read: {error}", help="check the path"
        ) from error
    if not sources:
        raise PolicyError(
            "pack-empty",
            f"there is no .cedar file in {place}",
            help="an empty policy set would decide nothing",
        )
    return sources


def shipped(name: str) -> Traversable:
    """The folder of a pack that comes with Keyturn. Raises `PolicyError` (no-such-pack)."""
    packs = files("keyturn.policy") / "packs"
    names = shipped_packs()
    if name not in names:
        raise PolicyError(
            "no-such-pack",
            f"there is no shipped pack {name!r}",
            help=f"shipped are: {', '.join(names)}; give a folder of your own as a path: ./{name}",
        )
    return packs / name


def shipped_packs() -> tuple[str, ...]:
    """Names of the packs that come with Keyturn."""
    packs = files("keyturn.policy") / "packs"
    return tuple(
        sorted(place.name for place in packs.iterdir() if place.is_dir() and place.name[0] not in "_.")
    )


def parse(sources: Iterable[Source]) -> tuple[Policy, ...]:
    """Every policy of every source, ids unique. Raises `PolicyError`."""
    policies: dict[str, Policy] = {}
    for source in sources:
        for policy in _parse_one(source):
            if policy.id in policies:
                raise _wrong(
                    source.name,
                    policy.id,
                    f"its @id is taken by {policies[policy.id].source}",
                    "ids name policies in the log; give each its own",
                )
            policies[policy.id] = policy
    if not policies:
        raise PolicyError(
            "no-policies", "there is no policy", help="an empty policy set would decide nothing"
        )
    return tuple(policies.values())


def _parse_one(source: Source) -> list[Policy]:
    try:
        parsed = policies_to_pst(source.text)
    except ValueError as error:
        raise PolicyError(
            "policy-syntax", f"{source.name}: this is not Cedar: {error}", help="see docs/guides/policy.md"
        ) from error
    if parsed.templates:
        raise _wrong(
            source.name,
            next(iter(parsed.templates)),
            "it is a template",
            "write the principal or resource out",
        )
    return [_policy(source, template) for template in parsed.static_policies.values()]


def _policy(source: Source, template: pst.Template) -> Policy:
    notes = template.annotations
    name = notes.get("id", "")
    if not _ID.fullmatch(name):
        raise _wrong(
            source.name,
            name or template.id,
            "it has no usable @id",
            'write @id("team.what-it-guards"): letters, digits, dots, dashes',
        )
    for note in notes:
        if note not in ANNOTATIONS:
            near = nearest(note, ANNOTATIONS)
            advice = f"did you mean @{near[0]}?" if near else f"known are @{', @'.join(ANNOTATIONS)}"
            raise _wrong(source.name, name, f"@{note} is not an annotation Keyturn knows", advice)
    permits = template.effect == "permit"
    outcome = _outcome(source.name, name, notes.get("outcome"), permits=permits)
    fewest, needs = _quorum(source.name, name, notes.get("quorum"))
    vaulted = notes.get("backup") == VAULT_ACCOUNT
    obligations = Obligations(
        quorum=fewest,
        needs=needs,
        escalate_s=_number(source.name, name, "escalate", notes.get("escalate"), WINDOW_S_MAX),
        break_glass=_flag(source.name, name, "breakglass", notes.get("breakglass")),
        backup=vaulted
        or _flag(source.name, name, "backup", notes.get("backup"), f' or @backup("{VAULT_ACCOUNT}")'),
        vaulted=vaulted,
        capture=_flag(source.name, name, "capture", notes.get("capture")),
        restore_on_failure=_flag(source.name, name, "restore", notes.get("restore")),
        window_s=_number(source.name, name, "window", notes.get("window"), WINDOW_S_MAX),
        signed=_flag(source.name, name, "signed", notes.get("signed")),
    )
    duties = obligations
    asks = duties.quorum or duties.window_s or duties.signed or duties.escalate_s or duties.break_glass
    if asks and outcome is not Verdict.HOLD:
        raise _wrong(
            source.name,
            name,
            "it asks for reviewers and does not hold",
            'add @outcome("hold") or drop @quorum, @window, @signed, @escalate and @breakglass',
        )
    return Policy(
        id=name,
        permits=permits,
        outcome=outcome,
        obligations=obligations,
        message=notes.get("message", "") or f"policy {name}",
        source=f"{source.name}:{_line(source.text, name)}",
        parsed=template,
        sees_resource=_sees_resource(template),
    )


def _sees_resource(template: pst.Template) -> bool:
    if not isinstance(template.resource, pst.ScopeAny):
        return True
    return any(isinstance(node, pst.Var) and node.name == "resource" for node in nodes(template.clauses))


def nodes(root: object) -> Iterator[object]:
    """Every node of a parsed policy, the root included."""
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(node)
        elif isinstance(node, dict):
            stack.extend(node.values())
        elif is_dataclass(node):
            yield node
            stack.extend(getattr(node, field.name) for field in fields(node))


def _outcome(file: str, name: str, text: str | None, *, permits: bool) -> Verdict:
    if text is None:
        return Verdict.ALLOW if permits else Verdict.DENY
    choices = {"hold", "suggest"} if permits else {"hold", "suggest", "deny"}
    if text not in choices:
        kind = "permit" if permits else "forbid"
        raise _wrong(
            file,
            name,
            f'@outcome("{text}") on a {kind} means nothing',
            f"write one of: {', '.join(sorted(choices))}",
        )
    return Verdict(text)


def _quorum(file: str, name: str, text: str | None) -> tuple[int, tuple[Quorum, ...]]:
    """The fewest people, and the tree where it is more than a number."""
    if text is None or re.fullmatch(r"[0-9]+", text):
        return _number(file, name, "quorum", text, QUORUM_MAX), ()
    try:
        tree = quorum.parse(text)
    except quorum.QuorumTextError as error:
        raise _wrong(
            file,
            name,
            f'@quorum("{text}") cannot be read: {error}',
            'write a number, or such as "1 of security and 2 of platform in production"',
        ) from None
    return quorum.least(tree), (tree,)


def _number(file: str, name: str, note: str, text: str | None, most: int) -> int:
    if text is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise _wrong(
            file, name, f'@{note}("{text}") is out of range', f"write a whole number from 1 to {most}"
        )
    return int(text)


def _flag(file: str, name: str, note: str, text: str | None, other: str = "") -> bool:
    if text is None:
        return False
    if text != _FLAGS[note]:
        raise _wrong(
            file,
            name,
            f'@{note}("{text}") means nothing',
            f'write @{note}("{_FLAGS[note]}"){other} or leave it out',
        )
    return True


def _line(text: str, name: str) -> int:
    found = re.search(r'@id\s*\(\s*"' + re.escape(name) + r'"', text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _wrong(file: str, policy: str, what: str, advice: str) -> PolicyError:
    return PolicyError("policy-wrong", f"{file}: policy {policy}: {what}", help=advice)
