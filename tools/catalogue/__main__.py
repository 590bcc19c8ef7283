"""``python -m tools.catalogue``: rebuild the wire table and the effect catalogue, and say what changed.

``python -m tools.catalogue effects`` leaves the wire table as it is: for work on the overlays.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

from tools.catalogue import (
    build_answers,
    build_effects,
    build_references,
    build_replacements,
    build_resources,
    build_wire,
)

HOME = Path(__file__).parents[2] / "src/keyturn/providers/aws/catalogue"
WHEELS = Path(__file__).parents[2] / ".botocore"
"""Older releases of botocore, fetched once; not part of the repository."""

CDK = Path(__file__).parents[2] / ".cdk"
"""The CDK's service spec, fetched once; not part of the repository."""


def main() -> None:
    """Build both files in place and print figures and differences."""
    answers = build_answers.build(HOME / "answers.bin")
    print(
        f"answers.bin: {answers['triples']} operations mint credentials, {answers['secrets']} hand out another secret, {answers['streams']} stream,"
        f" {answers['bytes']:,} bytes"
    )
    before = _effects(HOME / "effects.bin")
    effects = build_effects.build(HOME / "effects.bin")
    after = _effects(HOME / "effects.bin")
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(effects["counts"].items()))
    print(f"effects.bin: {effects['bytes']:,} bytes, sha256 {effects['sha256'][:16]}: {counts}")
    named = build_resources.build(HOME / "resources.bin")
    print(
        f"resources.bin: {named['bytes']:,} bytes: {', '.join(f'{how} {n:,}' for how, n in sorted(named['counts'].items()))}"
    )
    CDK.mkdir(exist_ok=True)
    replaced = build_replacements.build(HOME / "replacements.bin", CDK)
    print(
        f"replacements.bin: {replaced['bytes']:,} bytes: {replaced['types']:,} types, {replaced['yes']:,} properties replace,"
        f" {replaced['maybe']:,} may, {replaced['no']:,} do not"
    )
    referring = build_references.build(HOME / "references.bin")
    print(
        f"references.bin: {referring['bytes']:,} bytes: {referring['references']:,} properties of"
        f" {referring['types']:,} types name another type"
    )
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was != now:
            print(f"  {name}: {was or 'new'} -> {now or 'gone'}")
    if "effects" not in sys.argv[1:]:
        _wire_and_cli()


def _wire_and_cli() -> None:
    WHEELS.mkdir(exist_ok=True)
    wire = build_wire.build(HOME / "wire.bin", WHEELS)
    print(
        f"wire.bin: {wire['services']} services, {wire['operations']:,} operations and {wire['older']:,} as older releases"
        f" have them, {wire['bytes']:,} bytes"
    )
    from tools.catalogue import (
        build_cli,
    )  # last: awscli brings a botocore of its own, and puts it in the other's place

    cli = build_cli.build(HOME / "cli.bin")
    print(f"cli.bin: {cli['services']} services with spellings of their own, {cli['bytes']:,} bytes")


def _effects(path: Path) -> dict[str, str]:
    """``service:Operation`` -> effect, further effects, how sure and on whose word: what a reviewer of the difference asks for."""
    if not path.exists():
        return {}
    body: dict[str, Any] = json.loads(zlib.decompress(path.read_bytes()))
    return {
        f"{service}:{name}": _told(entry)
        for service, entries in body["operations"].items()
        for name, entry in entries.items()
    }


def _told(entry: list[Any]) -> str:
    extras = entry[4] if len(entry) > 4 and isinstance(entry[4], dict) else {}
    return f"{'+'.join([entry[0], *extras.get('f', ())])} ({entry[1]}, {entry[2]})"


if __name__ == "__main__":
    main()
