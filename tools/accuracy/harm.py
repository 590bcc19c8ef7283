"""What is flagged of the samples that stand with the tests: harm in disguise, and what only looks like it."""

from __future__ import annotations

from tests.provider.samples import judged


def report() -> str:
    """Two lines a sample: how many are flagged, and which of them the wrong way."""
    said = []
    for name, wanted in (("harmful", True), ("harmless", False)):
        found = judged(name)
        flagged = sum(map(bool, found))
        destructive = sum(one.destructive for one in found)
        said.append(
            f"{name}: {len(found)} commands without a destructive verb, {flagged} flagged ({100 * flagged / len(found):.1f} %), "
            f"{destructive} of them destructive"
        )
        said += [f"  wrong: {one.line}" for one in found if bool(one) is not wanted]
    return "\n".join(said)


if __name__ == "__main__":
    print(report())
