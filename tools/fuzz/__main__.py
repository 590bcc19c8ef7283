"""``python -m tools.fuzz [TARGET] [--seconds N] [--seed N]``: a while of each target, from the small corpus in the tree.

The seed is printed; what breaks a promise is written to `.fuzz/`, and run again with ``python -m tools.fuzz TARGET --input FILE``.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOUND = Path(".fuzz")
INPUT_BYTES_MAX = 4_096


def _one(target: str, seconds: int, seed: int) -> None:
    """In this process: atheris ends it."""
    import atheris  # type: ignore[import-untyped]  # it has no types

    with atheris.instrument_imports(include=["keyturn.providers.aws", "keyturn.surfaces"]):
        from tools.fuzz.targets import TARGETS

    FOUND.mkdir(exist_ok=True)
    (FOUND / target).mkdir(exist_ok=True)
    given = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-artifact_prefix={FOUND}/{target}-",
        "-print_final_stats=1",
        "-verbosity=1",
        str(FOUND / target),
        str(HERE / "corpus" / target),
    ]
    atheris.Setup(given, TARGETS[target])
    atheris.Fuzz()


def main() -> None:
    from tools.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tools.fuzz")
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--input", type=Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.input is not None and asked.target:
        TARGETS[asked.target](asked.input.read_bytes())
        print(f"{asked.input} keeps every promise of {asked.target}")
        return
    seed = asked.seed or secrets.randbelow(1 << 31)
    if asked.inside:
        _one(asked.target, asked.seconds, seed)
        return
    broken = []
    for target in [asked.target] if asked.target else sorted(TARGETS):
        print(f"{target}: {asked.seconds} s, seed {seed}", flush=True)
        command = [sys.executable, "-m", "tools.fuzz", target, "--inside"]
        command += ["--seconds", str(asked.seconds), "--seed", str(seed)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line for line in ended.stderr.splitlines() if line.startswith(("stat::number_of", "DONE"))]
        print("  " + "; ".join(lines))
        if ended.returncode:
            broken.append(target)
            print(ended.stdout[-2_000:], ended.stderr[-3_000:], sep="\n")
    if broken:
        sys.exit(f"broken: {', '.join(broken)}; the inputs are in {FOUND}/")


if __name__ == "__main__":
    main()
