"""Text of others, made visible: control, bidirectional and zero-width characters stand as their code points."""

from __future__ import annotations

import unicodedata
from typing import Any, Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"})
_BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def visible(text: str) -> str:
    """The text with nothing hidden in it: what is not printable stands as ``⟨U+202E⟩``, the end of a line as ``⏎``."""
    if text.isascii() and text.isprintable():
        return text  # nearly every text, and an inbox shows thousands
    return "".join(
        "⏎\n" if char == "\n" else f"⟨U+{ord(char):04X}⟩" if _hides(char) else char for char in text
    )


def _hides(char: str) -> bool:
    """Whether nobody would see this character: controls, formats, spaces that are none of ours, and blanks that count as letters."""
    if char.isascii():
        return not char.isprintable()
    return unicodedata.category(char) in _UNSEEN or char in _BLANKS or "\ufe00" <= char <= "\ufe0f"


def foreign_letters(text: str) -> tuple[str, ...]:
    """Letters beyond ASCII, each once, with its name: in the name of a resource they may imitate another (U+0430 for ``a``)."""
    strange = dict.fromkeys(char for char in text if not char.isascii() and char.isalnum())
    return tuple(f"{char} is {unicodedata.name(char, 'unnamed')} (U+{ord(char):04X})" for char in strange)


def seen(value: Any) -> Any:
    """The same data with every text made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): seen(inner) for key, inner in value.items()}
    return [seen(inner) for inner in value] if isinstance(value, (list, tuple)) else value
