"""``python -m tools.docs`` writes docs/reference; ``--check`` only says which page is not as the code is, and exits 1."""

from __future__ import annotations

import difflib
import sys

from tools.docs import FOLDER, ROOT
from tools.docs.pages import PAGES


def main() -> int:
    """Write the pages, or compare them."""
    check = "--check" in sys.argv[1:]
    stale = 0
    for name, page in PAGES.items():
        path, text = (FOLDER / name).resolve(), page()
        stands = path.read_text(encoding="utf-8") if path.exists() else ""
        if stands == text:
            continue
        stale += 1
        if check:
            print(
                "".join(
                    list(
                        difflib.unified_diff(
                            stands.splitlines(True), text.splitlines(True), str(path), "as the code is"
                        )
                    )[:40]
                )
            )
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    if check and stale:
        print(f"{stale} page(s) are not as the code is: make docs")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
