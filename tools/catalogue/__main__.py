"""``python -m tools.catalogue``: rebuild the wire table and the effect catalogue, and say what changed."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from tools.catalogue import build_cli, build_effects, build_wire

HOME = Path(__file__).parents[2] / "src/keyturn/providers/aws/catalogue"
WHEELS = Path(__file__).parents[2] / ".botocore"
"""Older releases of botocore, fetched once; not part of the repository."""


def main() -> None:
    """Build both files in place and print figures and differences."""
    WHEELS.mkdir(exist_ok=True)
    wire = build_wire.build(HOME / "wire.bin", WHEELS)
    print(
        f"wire.bin: {wire['services']} services, {wire['operations']:,} operations and {wire['older']:,} as older releases"
        f" have them, {wire['bytes']:,} bytes"
    )
    cli = build_cli.build(HOME / "cli.bin")
    print(f"cli.bin: {cli['services']} services with spellings of their own, {cli['bytes']:,} bytes")
    before = _effects(HOME / "effects.bin")
    effects = build_effects.build(HOME / "effects.bin")
    after = _effects(HOME / "effects.bin")
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(effects["counts"].items()))
    print(f"effects.bin: {effects['bytes']:,} bytes, sha256 {effects['sha256'][:16]}: {counts}")
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was != now:
            print(f"  {name}: {was or 'new'} -> {now or 'gone'}")


def _effects(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    body: dict[str, Any] = json.loads(zlib.decompress(path.read_bytes()))
    return {
        f"{service}:{name}": entry[0]
        for service, entries in body["operations"].items()
        for name, entry in entries.items()
    }


if __name__ == "__main__":
    main()
