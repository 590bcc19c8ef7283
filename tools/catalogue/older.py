"""What older SDKs still say and the newest model no longer knows: operations, members, protocols, versions of an API.

Clients live long: a distribution's AWS CLI is years old and asks SQS in a form that today's model has forgotten. Each of `RELEASES`
is compared with everything newer; only what would be read otherwise, or not at all, is kept, under ``service@release``.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

RELEASES: Final = (
    "1.42.72",
    "1.40.0",
    "1.37.0",
    "1.34.0",
    "1.31.80",
    "1.29.50",
    "1.23.34",
    "1.18.6",
    "1.12.0",
)
"""Newest first: about one a year back to 2018 (Amazon Linux 2 has AWS CLI 1.18), and the last that asks SQS by form."""

Model = dict[str, Any]


def wheel(release: str, folder: Path) -> Path:
    """The wheel of this release, fetched once with pip, which knows which registry to ask."""
    found = next(folder.glob(f"botocore-{release}-*.whl"), None)
    if found is None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "-d",
            str(folder),
            f"botocore=={release}",
        ]
        subprocess.run(command, check=True)
        found = next(folder.glob(f"botocore-{release}-*.whl"))
    return found


def kept(newest: dict[str, Model], folder: Path) -> Iterator[tuple[str, str, Model]]:
    """(service, release, model with only the operations that nothing newer covers), newest release first."""
    newer = {service: [model] for service, model in newest.items()}
    for release in RELEASES:
        for service, model in models(wheel(release, folder)):
            left = left_over(model, newer.get(service, []))
            if left:
                newer.setdefault(service, []).append(model)
                few = {name: operation for name, operation in model["operations"].items() if name in left}
                yield service, release, {**model, "operations": few}


def models(wheel: Path) -> Iterator[tuple[str, Model]]:
    """(service, model) of each service in a botocore wheel, the newest API version of each."""
    with zipfile.ZipFile(wheel) as archive:
        newest: dict[str, str] = {}
        for name in archive.namelist():
            parts = name.split("/")
            if len(parts) == 5 and parts[1] == "data" and parts[4].startswith("service-2.json"):
                newest[parts[2]] = max(newest.get(parts[2], ""), name)
        for service, name in sorted(newest.items()):
            data = archive.read(name)
            yield service, json.loads(gzip.decompress(data) if name.endswith(".gz") else data)


SIGNS_AS: Final = {"importexport": "IngestionService"}
"""Said by botocore's endpoints (credentialScope), and not by the model."""


def entry(model: Model) -> tuple[str, str, list[str], str, str]:
    """What the index holds of a model: signing name, endpoint prefix, protocols, version, target prefix."""
    meta = model["metadata"]
    modelled = meta.get("signingName") or meta["endpointPrefix"]
    return (
        SIGNS_AS.get(meta["endpointPrefix"], modelled),
        meta["endpointPrefix"],
        list(meta.get("protocols") or [meta["protocol"]]),
        meta["apiVersion"],
        meta.get("targetPrefix", ""),
    )


def left_over(model: Model, newer: list[Model]) -> set[str]:
    """The operations of `model` that none of the `newer` ones reads as it would."""
    return {
        name
        for name, operation in model["operations"].items()
        if not any(_covers(name, operation, model, other) for other in newer)
    }


def _covers(name: str, operation: Model, model: Model, newer: Model) -> bool:
    """Whether a request of the older operation is read alike by the newer one."""
    other = newer["operations"].get(name)
    if other is None or not _same_door(entry(model), entry(newer)):
        return False
    here, there = operation["http"], other["http"]
    if (here.get("method", "POST"), _uri(here)) != (there.get("method", "POST"), _uri(there)):
        return False
    if "input" not in operation:
        return True
    if "input" not in other:
        return False
    if operation["input"].get("locationName") != other["input"].get("locationName"):
        return False
    return _wider(operation["input"]["shape"], model, other["input"]["shape"], newer, set())


def _uri(http: Model) -> str:
    return str(http.get("requestUri", "/")).rstrip("/") or "/"


def _same_door(old: tuple[str, str, list[str], str, str], new: tuple[str, str, list[str], str, str]) -> bool:
    """One of the older model's protocols, the one its SDKs speak, is still understood, under the same names."""
    signing, _, protocols, version, target = old
    if signing != new[0] or not set(protocols) <= set(new[2]):
        return False
    if {"query", "ec2"} & set(protocols) and version != new[3]:
        return False
    return not ({"json", "smithy-rpc-v2-cbor"} & set(protocols)) or target == new[4]


def _wider(old: str, model: Model, new: str, newer: Model, seen: set[tuple[str, str]]) -> bool:
    """Whether the newer shape takes everything the older one could hold, at the same places."""
    if (old, new) in seen:
        return True
    seen.add((old, new))
    a, b = model["shapes"][old], newer["shapes"][new]
    if (
        _kind(a) != _kind(b)
        or a.get("flattened") != b.get("flattened")
        or a.get("payload") != b.get("payload")
    ):
        return False
    if a["type"] == "structure":
        if not set(_strict(b)) <= set(_strict(a)):
            return False  # what the newer one demands to tell operations apart the older one may leave out
        return all(
            name in b["members"]
            and _place(member) == _place(b["members"][name])
            and _wider(member["shape"], model, b["members"][name]["shape"], newer, seen)
            for name, member in a["members"].items()
        )
    return all(
        _place(a[part]) == _place(b[part]) and _wider(a[part]["shape"], model, b[part]["shape"], newer, seen)
        for part in ("member", "key", "value")
        if part in a
    )


_ALIKE: Final = {"character": "string", "long": "integer", "double": "float"}


def _kind(shape: Model) -> str:
    return str(_ALIKE.get(shape["type"], shape["type"])) + (
        ":" + shape["timestampFormat"] if "timestampFormat" in shape else ""
    )


def _strict(shape: Model) -> list[str]:
    """Required members in the query or a header: routes are told apart by them."""
    return [
        name
        for name in shape.get("required", ())
        if shape["members"][name].get("location") in {"querystring", "header"}
    ]


def _place(member: Model) -> tuple[Any, ...]:
    return tuple(
        member.get(key)
        for key in ("location", "locationName", "queryName", "flattened", "xmlAttribute", "streaming")
    )
