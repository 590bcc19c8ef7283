"""botocore's data files with a third of the memory: plain dictionaries instead of ordered ones, without the documentation."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import botocore.session
import msgspec
from botocore.loaders import JSONFileLoader

_ENDINGS: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    (".json", bytes),
    (".json.gz", gzip.decompress),
)


class LeanLoader(JSONFileLoader):  # type: ignore[misc]  # botocore has no types
    """Reads what `JSONFileLoader` reads. A dictionary keeps its order in any case; documentation is for help texts alone."""

    def load_file(self, file_path: str) -> Any:
        """The data at this path, which has no ending yet; None where there is no such file."""
        for ending, unpacked in _ENDINGS:
            path = Path(file_path + ending)
            if path.is_file():
                return without_documentation(msgspec.json.decode(unpacked(path.read_bytes())))
        return None


def without_documentation(value: Any) -> Any:
    """`value` itself, changed: texts under the key ``documentation`` are emptied; a member of that name is a dictionary, and stays.

    The key stays, since botocore asks for it by name (a client's own context parameters, `ServiceModel.client_context_parameters`).
    """
    if isinstance(value, dict):
        if isinstance(value.get("documentation"), str):
            value["documentation"] = ""
        for inner in value.values():
            without_documentation(inner)
    elif isinstance(value, list):
        for inner in value:
            without_documentation(inner)
    return value


def session(profile: str = "") -> botocore.session.Session:
    """A session of botocore's that reads its data so."""
    made = botocore.session.Session(profile=profile or None)
    made.get_component("data_loader").file_loader = LeanLoader()
    return made
