"""``python -m tools.catalogue``: rebuild the wire table and the effect catalogue, and say what changed."""

from __future__ import annotations

from pathlib import Path

from tools.catalogue import build_wire

HOME = Path(__file__).parents[2] / "src/keyturn/providers/aws/catalogue"


def main() -> None:
    figures = build_wire.build(HOME / "wire.bin")
    print(
        f"wire.bin: {figures['services']} services, {figures['operations']:,} operations, {figures['bytes']:,} bytes"
    )


if __name__ == "__main__":
    main()
