"""Makes docs/reference from the code, and checks what the README says by doing it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
FOLDER: Final = DOCS / "reference"
