"""A draw of operations to write samples of, so that the tail of AWS is in them and not what somebody remembers.

``python -m tools.accuracy.draw SEED COUNT [--services s3,ec2,...]`` prints operations that change something and do not say delete, with
what they do and their parameters; one in three creates, few of one service, and none that a sample
drawn before has a command of. Label what is written of it before it is judged.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.loaders import Loader

from keyturn.model.change import READ_EFFECTS, Effect
from keyturn.providers.aws import catalogue
from keyturn.providers.aws.cli.table import service_of
from tools.catalogue.sources import services

SAYS_SO = re.compile(
    r"^(Batch|Bulk|Admin)?(Delete|Remove|Terminate|Destroy|Purge|Drop|Erase|Deprovision|Tag|Untag|AddTags|CreateTags|Cancel)"
)
BLIND = Path("tests/provider/corpus/blind")
OF_A_SERVICE_MAX, CREATES, WIDTH_MAX = 3, 0.35, 430


def draw(seed: int, count: int, wanted: frozenset[str] = frozenset()) -> list[tuple[str, str, str]]:
    """(service, operation, what it takes), `count` of them."""
    chance = random.Random(seed)  # noqa: S311  # that a draw can be made again is the point
    models = {
        service: model for service, model, _, _ in services(Loader()) if not wanted or service in wanted
    }
    pool = [(service, name) for service, model in models.items() for name in model["operations"]]
    chance.shuffle(pool)
    found, per, before = [], Counter[str](), drawn()
    for service, name in pool:
        effect = catalogue.lookup(service, name).effect
        if effect in READ_EFFECTS | {Effect.SECRET, Effect.TAG} or SAYS_SO.match(name):
            continue
        if (service, xform_name(name, "-")) in before:
            continue
        if per[service] >= OF_A_SERVICE_MAX or (effect is Effect.CREATE and chance.random() > CREATES):
            continue
        per[service] += 1
        found.append((service, name, _told(models[service], name)))
        if len(found) == count:
            break
    return sorted(found)


def drawn() -> frozenset[tuple[str, str]]:
    """(service, operation as the command line says it) of every command of the samples that were drawn before."""
    said = (
        line.split()[1:3]
        for path in BLIND.glob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    return frozenset((service_of(one[0]), one[1]) for one in said if len(one) == 2)


def _told(model: dict[str, Any], name: str) -> str:
    operation = model["operations"][name]
    said = " ".join(re.sub(r"<[^>]+>", " ", operation.get("documentation", "")).split())
    taken = _shape(model["shapes"], operation["input"]["shape"]) if "input" in operation else "{}"
    return f"[{said[:110]}] {taken[:WIDTH_MAX]}"


def _shape(shapes: dict[str, Any], name: str, depth: int = 0) -> str:
    shape = shapes[name]
    if shape["type"] == "structure":
        if depth >= 3:  # what lies deeper is seldom what a command is about
            return "{..}"
        needed = set(shape.get("required", ()))
        parts = [
            f"{member}{'*' if member in needed else ''}:{_shape(shapes, reference['shape'], depth + 1)}"
            for member, reference in shape["members"].items()
        ]
        return "{" + " ".join(parts) + "}"
    if shape["type"] == "list":
        return f"[{_shape(shapes, shape['member']['shape'], depth + 1)}]"
    return "|".join(shape["enum"][:5]) if shape.get("enum") else str(shape["type"])


def main() -> None:
    """Print a draw."""
    parser = argparse.ArgumentParser(prog="python -m tools.accuracy.draw")
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--services", default="")
    given = parser.parse_args()
    for service, name, told in draw(
        given.seed, given.count, frozenset(filter(None, given.services.split(",")))
    ):
        print(f"{service}:{name} {told}")


if __name__ == "__main__":
    main()
