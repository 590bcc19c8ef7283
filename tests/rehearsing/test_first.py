"""What a twin takes is not loaded by a plane that starts, but by the first who rehearses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest

from keyturn.errors import OperatorError
from keyturn.rehearsing.first import AtFirst, Place


def test_a_plane_that_starts_loads_no_twin() -> None:
    """Of the package only the door."""
    code = (
        "import sys, keyturn.app; print(sorted(m for m in sys.modules if m.startswith('keyturn.rehearsing')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['keyturn.rehearsing', 'keyturn.rehearsing.first']"


async def test_the_door_leads_to_it() -> None:
    """Who begins one is answered by what was loaded; where nobody did, there is nothing to end."""
    nobody = cast("Any", None)
    door = AtFirst(nobody, nobody, Place("1", "aws", "eu-central-1", "127.0.0.1", alone=False))
    await door.close()
    with pytest.raises(OperatorError, match="a twin is one process's own"):
        await door.open(by="bob", agent="kiro", ttl_s=60)
    with pytest.raises(OperatorError, match="there is no rehearsal R-1 of yours"):
        await door.end("R-1", by="bob", hold=False)
    await door.close()
