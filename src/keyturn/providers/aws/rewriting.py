"""An answer's credentials exchanged for virtual ones and its secrets covered, in each of the protocols' forms.

Structures are found by the names of their members wherever they stand: an answer of another shape than the model's is rewritten all
the same. What cannot be read, or holds a secret that could not be exchanged, raises: such an answer is withheld.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

import msgspec

from keyturn.providers.aws.answers import COVERED, HandsOut, Names
from keyturn.providers.aws.protocols import cbor
from keyturn.providers.aws.protocols.values import UnmodelledError, refuse

MS_FROM: Final = 100_000_000_000
"""A moment over this is in milliseconds (the year 1973), as IAM Identity Center says it; in seconds it is the year 5138."""


class Triple(msgspec.Struct, frozen=True):
    """A credential: of AWS's, as it stood in an answer, or a virtual one. `expires_at_ms` None: it does not end by itself."""

    access_key_id: str
    secret: str
    token: str = ""
    expires_at_ms: int | None = None

    def __repr__(self) -> str:
        return f"<Triple {self.access_key_id[:4]}… expires_at_ms={self.expires_at_ms}>"


class Rewritten(msgspec.Struct, frozen=True):
    """The answer as it is given on; `kept` pairs each credential of AWS's with the virtual one in its place."""

    body: bytes
    kept: tuple[tuple[Triple, Triple], ...]


Mint = Callable[[Triple], Triple]


def rewrite(protocol: str, body: bytes, hands_out: HandsOut, mint: Mint) -> Rewritten:
    """The answer without anything that opens something. Raises `UnmodelledError` where that cannot be said of it."""
    try:
        if protocol in {"query", "ec2", "rest-xml"}:
            return _Xml(body, hands_out, mint).rewritten()
        tree = _Tree(hands_out, mint)
        if protocol == "smithy-rpc-v2-cbor":
            made = cbor.encode(tree.walk(cbor.decode(body)))
        else:
            made = json.dumps(tree.walk(json.loads(body or b"{}")), separators=(",", ":")).encode()
        return Rewritten(made, tuple(tree.kept))
    except (ValueError, RecursionError, expat.ExpatError) as error:
        raise UnmodelledError("answer", f"the answer cannot be read: {type(error).__name__}") from error


class _Tree:
    """Rewrites what JSON or CBOR hold."""

    def __init__(self, hands_out: HandsOut, mint: Mint) -> None:
        self._hands_out, self._mint = hands_out, mint
        self._secrets = frozenset(names.secret for names in hands_out.triples)
        self.kept: list[tuple[Triple, Triple]] = []

    def walk(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.walk(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        made = {key: self._covered(key, inner) for key, inner in value.items()}
        names = _named(value, self._hands_out.triples)
        if names is not None:
            made |= self._exchanged(value, names)
        elif any(made.get(secret) for secret in self._secrets):
            refuse("answer", "the answer holds a secret without its id")
        return made

    def _covered(self, key: str, value: Any) -> Any:
        if key in self._hands_out.covered and value and not isinstance(value, (dict, list)):
            return (
                COVERED if isinstance(value, str) else COVERED.encode() if isinstance(value, bytes) else None
            )
        return self.walk(value)

    def _exchanged(self, value: dict[str, Any], names: Names) -> dict[str, Any]:
        found = Triple(
            _text(value[names.id]),
            _text(value[names.secret]),
            _text(value.get(names.token) or ""),
            moment_ms(value.get(names.expiry)) if names.expiry else None,
        )
        virtual = self._mint(found)
        self.kept.append((found, virtual))
        made: dict[str, Any] = {names.id: virtual.access_key_id, names.secret: virtual.secret}
        return made | ({names.token: virtual.token} if names.token else {})


def _named(value: dict[str, Any], triples: tuple[Names, ...]) -> Names | None:
    return next((names for names in triples if value.get(names.id) and value.get(names.secret)), None)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        refuse("answer", "a part of a credential is no text")
    return value


def moment_ms(value: Any) -> int | None:
    """A moment of any protocol in milliseconds since 1970; None where there is none. Raises `UnmodelledError` for what is no moment."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            read = datetime.fromisoformat(value)
            value = read if read.tzinfo else read.replace(tzinfo=UTC)
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        refuse("answer", "an expiry is no moment")
    return int(value if value > MS_FROM else value * 1000)


class _Leaf(msgspec.Struct, frozen=True):
    """An element that holds text: its name, where the text begins and ends, and the element it stands in."""

    name: str
    text: str
    begin: int
    end: int
    parent: int


class _Xml:
    """Rewrites the text of elements, where it stands: everything else of the answer stays byte for byte."""

    def __init__(self, body: bytes, hands_out: HandsOut, mint: Mint) -> None:
        self._body, self._hands_out, self._mint = body, hands_out, mint

    def rewritten(self) -> Rewritten:
        if not self._body.strip():
            return Rewritten(self._body, ())
        leaves = tuple(_leaves(self._body))
        changes: dict[int, tuple[_Leaf, str]] = {
            leaf.begin: (leaf, COVERED)
            for leaf in leaves
            if leaf.name in self._hands_out.covered and leaf.text
        }
        kept: list[tuple[Triple, Triple]] = []
        for parent in dict.fromkeys(leaf.parent for leaf in leaves):
            inside = {leaf.name: leaf for leaf in leaves if leaf.parent == parent}
            names = _named({name: leaf.text for name, leaf in inside.items()}, self._hands_out.triples)
            if names is None:
                if any(
                    each.secret in inside and inside[each.secret].text for each in self._hands_out.triples
                ):
                    refuse("answer", "the answer holds a secret without its id")
                continue
            kept.append(self._exchange(inside, names, changes))
        return Rewritten(_spliced(self._body, changes), tuple(kept))

    def _exchange(
        self, inside: dict[str, _Leaf], names: Names, changes: dict[int, tuple[_Leaf, str]]
    ) -> tuple[Triple, Triple]:
        token, expiry = inside.get(names.token), inside.get(names.expiry)
        found = Triple(
            inside[names.id].text,
            inside[names.secret].text,
            token.text if token else "",
            moment_ms(expiry.text) if expiry else None,
        )
        virtual = self._mint(found)
        for name, value in ((names.id, virtual.access_key_id), (names.secret, virtual.secret)):
            changes[inside[name].begin] = (inside[name], value)
        if token is not None:
            changes[token.begin] = (token, virtual.token)
        return found, virtual


def _spliced(body: bytes, changes: dict[int, tuple[_Leaf, str]]) -> bytes:
    for begin in sorted(changes, reverse=True):
        leaf, value = changes[begin]
        body = body[:begin] + escape(value).encode() + body[leaf.end :]
    return body


def _leaves(body: bytes) -> Iterator[_Leaf]:
    """Every element that holds text and no element, with where its text stands in the bytes."""
    parser = expat.ParserCreate("utf-8")
    found: list[_Leaf] = []
    open_: list[
        list[Any]
    ] = []  # of each: name, text so far, where it begins, whether elements stand in it, number
    count = 0

    def begin(name: str, _attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if open_:
            open_[-1][3] = True
        open_.append([name.rpartition(":")[2], "", -1, False, count])

    def text(data: str) -> None:
        if open_:
            if open_[-1][2] < 0:
                open_[-1][2] = parser.CurrentByteIndex
            open_[-1][1] += data

    def end(_name: str) -> None:
        name, said, place, inner, _ = open_.pop()
        if not inner and place >= 0:
            found.append(_Leaf(name, said, place, parser.CurrentByteIndex, open_[-1][4] if open_ else 0))

    def doctype(*_any: object) -> None:
        raise ValueError("a declaration")

    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = begin, text, end
    parser.StartDoctypeDeclHandler = doctype
    parser.StartCdataSectionHandler = doctype
    parser.Parse(body, True)
    yield from found


def replaced(protocol: str, body: bytes, names: tuple[str, ...], change: Callable[[str], str]) -> bytes:
    """The answer with the texts under these names changed, wherever they stand. Raises `UnmodelledError` for what cannot be read."""
    try:
        if protocol in {"query", "ec2", "rest-xml"}:
            leaves = [leaf for leaf in _leaves(body) if leaf.name in names]
            return _spliced(body, {leaf.begin: (leaf, change(leaf.text)) for leaf in leaves})
        if protocol == "smithy-rpc-v2-cbor":
            return cbor.encode(_changed(cbor.decode(body), names, change))
        return json.dumps(_changed(json.loads(body or b"{}"), names, change), separators=(",", ":")).encode()
    except (ValueError, RecursionError, expat.ExpatError) as error:
        raise UnmodelledError("answer", f"the answer cannot be read: {type(error).__name__}") from error


def _changed(value: Any, names: tuple[str, ...], change: Callable[[str], str], *, meant: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _changed(inner, names, change, meant=key in names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, names, change, meant=meant) for inner in value]
    return change(value) if meant and isinstance(value, str) else value
