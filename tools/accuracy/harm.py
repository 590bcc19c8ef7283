"""What is flagged of the samples that stand with the tests: harm in disguise, and what only looks like it."""

from __future__ import annotations

from tests.provider.samples import commands, judged

BLIND = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
"""Samples of `aws` commands, drawn by `draw` and labelled before anything judged them; what they gave then stands in their first lines."""


def report() -> str:
    """Two lines a sample: how many are flagged, and which of them the wrong way."""
    said = []
    for name, wanted in (("harmful", True), ("harmless", False)):
        for sample, found in (
            (name, judged(name)),
            *((f"blind/{one}_{name}", commands(f"blind/{one}_{name}")) for one in BLIND),
            *([] if wanted else [("blind/everyday_harmless", commands("blind/everyday_harmless"))]),
        ):
            flagged = sum(map(bool, found))
            destructive = sum(one.destructive for one in found)
            said.append(
                f"{sample}: {len(found)} commands without a destructive verb, {flagged} flagged ({100 * flagged / len(found):.1f} %), "
                f"{destructive} of them destructive"
            )
            said += [f"  wrong: {one.line}" for one in found if bool(one) is not wanted]
    return "\n".join(said)


if __name__ == "__main__":
    print(report())
