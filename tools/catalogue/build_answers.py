"""Build the table of answers: which operations of botocore hand out a credential or a secret, and where it stands on the wire.

Found by the names and the marks of the members of every output shape; what names get wrong is said in ``answers.yaml`` beside this file, with
its reason. ``answers.bin`` is zlib over JSON: service, operation, then ``triples`` (an access key id beside its secret: rewritten) and
``secrets`` (everything else: refused unless policy or a person lets it out). ``streams`` says which answers come bit by bit, as
``events`` or as ``bytes``; ``links`` names the reads whose answer has a signed link, as their pages say.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import botocore
import yaml
from botocore.loaders import Loader

from keyturn.model.change import READ_EFFECTS
from keyturn.providers.aws import catalogue

OVERLAY = Path(__file__).with_name("answers.yaml")

SECRET: Final = re.compile(
    r"((secret|password|passwd|passphrase|sharedsecret|apikey|plaintext|keymaterial|passworddata)"
    r"|privatekey(base64|plaintext)?|secret(accesskey|key|string|binary|code|value|token)"
    r"|(access|refresh|id|auth|authorization|session|security|join|bearer|web|cli|jwt|oauth|webidentity|participant|issued|user)token"
    r"|basicauthcredentials|servicecredentialsecret"
    r"|(pre)?signedurl|authorizedurl|presigneds3url|presignedlogurl)$"
)
"""What a member is called (lower case, no dashes) that hands something out."""

TOKEN: Final = re.compile(r"token(string|value)?$")
NO_TOKEN: Final = re.compile(
    r"(next|client|continuation|pagination|page|idempotency|lock|change|update|block|request|registration|creation|marker|sequence"
    r"|forward|backward|chunk|anomaly|result|conditional|version|feedback|message|device)\w*token"
)
"""A token that is marked sensitive is a secret, unless it only turns pages or makes a request idempotent."""

KEY_ID: Final = re.compile(r"^accesskey(id)?$")
KEY_SECRET: Final = re.compile(r"^secret(accesskey|key)$")
KEY_TOKEN: Final = re.compile(r"^(session|security)token$")
EXPIRY: Final = re.compile(r"^(expiration(date|time)?|expiretime|expiresat|expires|expiry)$")

URL: Final = re.compile(r"(?i)url$")

SIGNED: Final = re.compile(
    r"(?i)pre-?signed|signed url|temporary (download )?(url|link)|url (that|which)?[^.]{0,60}(expire|valid for)|time-limited"
)
"""What a page says of a link that opens without a credential for a while."""

LINK: Final = re.compile(r"(?i)((url|link|uri)s?|location|message)$")
"""Members that hold one."""

DEPTH_MAX: Final = 12


def build(target: Path) -> dict[str, Any]:
    """Write the table to `target`; returns figures for the report."""
    services: dict[str, Any] = {}
    streams: dict[str, str] = {}
    links: list[str] = []
    for service, model in models():
        for name in model["operations"]:
            entry = entry_of(service, name, model)
            if entry:
                services.setdefault(service, {})[name] = entry
            streamed = streamed_as(name, model)
            if streamed:
                streams[f"{service}:{name}"] = streamed
            if catalogue.lookup(service, name).effect in READ_EFFECTS and has_link(service, name, model):
                links.append(f"{service}:{name}")
    told = {"botocore": botocore.__version__, "links": links, "services": services, "streams": streams}
    raw = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    target.write_bytes(zlib.compress(raw, 9))
    every = [entry for found in services.values() for entry in found.values()]
    return {
        "triples": sum(1 for entry in every if "triples" in entry),
        "secrets": sum(1 for entry in every if "secrets" in entry),
        "streams": len(streams),
        "bytes": target.stat().st_size,
    }


def models() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every service with its model."""
    loader = Loader()
    for service in loader.list_available_services("service-2"):
        yield service, loader.load_service_model(service, "service-2")


@cache
def _overlay() -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(OVERLAY.read_text())
    return body


def entry_of(service: str, name: str, model: dict[str, Any]) -> dict[str, Any]:
    """What this operation's answer hands out; empty where it is nothing. ``secrets``: the path, and the last name on the wire."""
    found = outputs(model, model["operations"][name])
    harmless, also = _overlay()["harmless"], _overlay()["also"].get(f"{service}:{name}", [])
    kept = {
        path: wire for path, wire in found["secrets"].items() if not _excused(service, name, path, harmless)
    }
    kept |= {path: path.rpartition("/")[2] for path in also}
    return {key: value for key, value in (("triples", found["triples"]), ("secrets", kept)) if value}


def has_link(service: str, name: str, model: dict[str, Any]) -> bool:
    """Whether its page says that a member of its answer is a signed link; the overlay has the last word."""
    said = _overlay()["links"].get(f"{service}:{name}")
    output = model["operations"][name].get("output")
    if said is not None or output is None:
        return bool(said)
    return any(
        LINK.search(member)
        and model["shapes"][reference["shape"]]["type"] == "string"
        and SIGNED.search(_page(reference) + _page(model["shapes"][reference["shape"]]))
        for _, members, _ in _structures(model["shapes"], output["shape"])
        for member, reference in members.items()
    )


def _page(told: dict[str, Any]) -> str:
    return re.sub(r"<[^>]+>", " ", told.get("documentation", ""))


def streamed_as(name: str, model: dict[str, Any]) -> str:
    """Whether this operation's answer comes as ``events``, or as ``bytes`` that SDKs give on as they come; empty where it comes as a
    whole. An answer whose whole body is a blob is such bytes, marked or not: so SDKs read it.
    """
    output = model["operations"][name].get("output")
    if output is None:
        return ""
    shape = model["shapes"][output["shape"]]
    members = {key: model["shapes"][member["shape"]] | member for key, member in shape["members"].items()}
    if any(member.get("eventstream") for member in members.values()):
        return "events"
    body = members.get(shape.get("payload", ""), {})
    return "bytes" if body.get("type") == "blob" else ""


def reveals(entry: dict[str, Any]) -> str:
    """Why the secret is what the operation is asked for, and not one setting among others; empty where it is that."""
    if "triples" in entry:
        return "credentials"
    plain = [path for path in entry.get("secrets", {}) if "/" not in path or URL.search(path)]
    return plain[0] if plain else ""


def _excused(service: str, name: str, path: str, harmless: dict[str, str]) -> bool:
    ends = [f"{service}::{path.split('/', count)[-1]}" for count in range(path.count("/") + 1)]
    return f"{service}:{name}:{path}" in harmless or any(end in harmless for end in ends)


def outputs(model: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """``triples`` and ``secrets`` of one operation's answer, as paths of member names (``*`` for an element)."""
    triples: list[dict[str, Any]] = []
    secrets: dict[str, str] = {}
    if "output" in operation:
        for place, members, shape in _structures(model["shapes"], operation["output"]["shape"]):
            triple = _triple(place, members)
            covered = set()
            if triple is not None:
                triples.append(triple)
                covered = {triple["secret_member"], triple.get("token_member")}
            secrets |= {
                "/".join((*place, name)): str(member.get("locationName", name))
                for name, member in members.items()
                if name not in covered and hands_out(name, model["shapes"][member["shape"]], shape)
            }
    plain = [
        {key: value for key, value in triple.items() if not key.endswith("_member")} for triple in triples
    ]
    return {"triples": plain, "secrets": secrets}


def hands_out(name: str, shape: dict[str, Any], owner: dict[str, Any]) -> bool:
    """Whether a member holds something that opens something."""
    if shape["type"] not in {"string", "blob"}:
        return False
    plain = name.lower().replace("_", "").replace("-", "")
    if SECRET.search(plain):
        return not NO_TOKEN.search(plain)
    sensitive = shape.get("sensitive") or owner.get("sensitive")
    return bool(sensitive and TOKEN.search(plain) and not NO_TOKEN.search(plain))


def _structures(
    shapes: dict[str, Any], name: str, place: tuple[str, ...] = (), seen: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any], dict[str, Any]]]:
    """Every structure that an answer reaches, with the path to it."""
    if name in seen or len(place) > DEPTH_MAX:
        return
    shape, inside = shapes[name], (*seen, name)
    if shape["type"] == "structure":
        yield place, shape["members"], shape
        for member, reference in shape["members"].items():
            yield from _structures(shapes, reference["shape"], (*place, member), inside)
    elif shape["type"] == "list":
        yield from _structures(shapes, shape["member"]["shape"], (*place, "*"), inside)
    elif shape["type"] == "map":
        yield from _structures(shapes, shape["value"]["shape"], (*place, "*"), inside)


def _triple(place: tuple[str, ...], members: dict[str, Any]) -> dict[str, Any] | None:
    """An access key id and its secret in one structure, by their names on the wire."""

    def found(pattern: re.Pattern[str]) -> str:
        return next((name for name in members if pattern.match(name.lower())), "")

    key, secret, token, expiry = (found(pattern) for pattern in (KEY_ID, KEY_SECRET, KEY_TOKEN, EXPIRY))
    if not key or not secret:
        return None

    def wire(name: str) -> str:
        return str(members[name].get("locationName", name)) if name else ""

    return {
        "at": "/".join(place),
        "id": wire(key),
        "secret": wire(secret),
        "token": wire(token),
        "expiry": wire(expiry),
        "secret_member": secret,
        "token_member": token,
    }
