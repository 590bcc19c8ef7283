"""All I/O towards providers. Before botocore is loaded, what nobody here asks it for is kept out: six megabytes of memory."""

import importlib
import sys
from types import ModuleType
from typing import Any, Final

sys.modules.setdefault("urllib3.contrib.pyopenssl", None)  # type: ignore[arg-type]  # None: not to be imported
"""botocore would load a second OpenSSL by it, where pyOpenSSL is installed for something else, and then use Python's own all the same
(botocore/httpsession.py, "always use the std lib SSLContext"). That is four megabytes for nothing.
"""

_HELP: Final = "botocore.docs.bcdoc.docstringparser"
"""botocore's reader of the HTML in its documentation. With it come html.parser and the names of two thousand characters: a megabyte for
whoever asks for ``help()`` of a client's method."""


def _reader_of_help(*given: Any) -> Any:
    """A `DocStringParser`, loaded when the first is made."""
    if getattr(sys.modules[_HELP], "DocStringParser", None) is _reader_of_help:
        del sys.modules[_HELP]
    return importlib.import_module(_HELP).DocStringParser(*given)


if _HELP not in sys.modules:
    sys.modules[_HELP] = ModuleType(_HELP)
    sys.modules[_HELP].DocStringParser = _reader_of_help  # type: ignore[attr-defined]
