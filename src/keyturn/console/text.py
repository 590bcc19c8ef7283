"""Text of others, made visible: control, bidirectional and zero-width characters stand as their code points."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from markupsafe import Markup, escape

_UNSEEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"})
_BLANKS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def visible(text: str) -> str:
    """The text with nothing hidden in it: what is not printable stands as ``⟨U+202E⟩``, the end of a line as ``⏎``."""
    if text.isascii() and text.isprintable():
        return text  # nearly every text, and an inbox shows thousands
    return "".join(
        "⏎\n" if char == "\n" else f"⟨U+{ord(char):04X}⟩" if _hides(char) or _covers(before, char) else char
        for before, char in zip(f" {text}", text, strict=False)
    )


def _covers(before: str, char: str) -> bool:
    """A mark that is drawn over a character of ASCII: a name with it is not the name without, and may look it."""
    return before.isascii() and unicodedata.category(char) in {"Mn", "Me"}


def _hides(char: str) -> bool:
    """Whether nobody would see this character: controls, formats, spaces that are none of ours, and blanks that count as letters."""
    if char.isascii():
        return not char.isprintable()
    return unicodedata.category(char) in _UNSEEN or char in _BLANKS or "\ufe00" <= char <= "\ufe0f"


IMITATED: Final = {
    **dict(
        zip(
            "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0458\u0455\u0501\u04bb\u051b\u051d\u04cf",
            "aeopcxyijsdhqwl",
            strict=True,
        )
    ),
    **dict(
        zip(
            "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405",
            "ABEKMHOPCTXIJS",
            strict=True,
        )
    ),
    **dict(zip("\u03b1\u03bf\u03bd\u03c1\u03c4\u03b9\u03ba\u03c5\u03c9\u03f2", "aovptikuwc", strict=True)),
    **dict(
        zip(
            "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
            "ABEZHIKMNOPTYX",
            strict=True,
        )
    ),
    **dict(zip("\u0131\u0261\u0251\u2113\u0578\u057d\u0585\u0570\u0261", "igalnuohg", strict=True)),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\u02d7\u2796", "-"),
    **dict.fromkeys("\u2044\u2215\u29f8\uff0f", "/"),
    **dict.fromkeys("\u2024\uff0e\u3002", "."),
    **dict.fromkeys("\ua789\u02d0\uff1a\u2236", ":"),
    **dict.fromkeys("\u2018\u2019\u02bc\uff07", "'"),
    **dict.fromkeys("\u201c\u201d\uff02", '"'),
}
"""Characters that are drawn like an ASCII one; the common part of Unicode's table (UTS 39, confusables). Fullwidth and mathematical
letters come by their compatibility form."""

_ALIKE: Final = (
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("0", "o"),
    ("1", "l"),
    ("|", "l"),
    ("i", "l"),
    ("5", "s"),
)
"""ASCII that is taken for other ASCII in many a typeface, after lowering."""

LETTERS_NAMED_MAX: Final = 12
"""A name in another script has dozens; a dozen is enough to see that it is."""


def foreign_letters(text: str) -> tuple[str, ...]:
    """Words that mix scripts, and characters beyond ASCII that may imitate another, each once, with its name (U+0430 for ``a``)."""
    if text.isascii():
        return ()
    mixed = [
        f"{word} mixes {' and '.join(sorted(scripts))}"
        for word in dict.fromkeys(re.findall(r"\w+", text))
        if len(scripts := _scripts(word)) > 1
    ]
    strange = dict.fromkeys(char for char in text if is_foreign(char))
    named = [_named(char) for char in strange]
    more = len(named) - LETTERS_NAMED_MAX
    rest = (f"and {more} more",) if more > 0 else ()
    return (*mixed[:LETTERS_NAMED_MAX], *named[:LETTERS_NAMED_MAX], *rest)


def is_foreign(char: str) -> bool:
    """Whether this character, in a name, may be taken for one of ASCII."""
    return not char.isascii() and (char.isalnum() or char in IMITATED)


def _named(char: str) -> str:
    like = IMITATED.get(char) or unicodedata.normalize("NFKC", char)
    looks = f", drawn like {like}" if like != char and like.isascii() else ""
    return f"{char} is {unicodedata.name(char, 'unnamed')} (U+{ord(char):04X}){looks}"


def _scripts(word: str) -> set[str]:
    """By the first word of each letter's name: LATIN, CYRILLIC, GREEK."""
    return {unicodedata.name(char, "UNNAMED").partition(" ")[0] for char in word if char.isalpha()}


def skeleton(text: str) -> str:
    """Equal for two names that a tired reader takes for one another (after UTS 39, 4)."""
    plain = "".join(IMITATED.get(char, char) for char in unicodedata.normalize("NFKC", text)).lower()
    plain = "".join(char for char in unicodedata.normalize("NFD", plain) if not unicodedata.combining(char))
    for pair, one in _ALIKE:
        plain = plain.replace(pair, one)
    return plain


def marked(text: object) -> Markup:
    """The text as HTML, with what was made visible and what may imitate set apart, each with its name."""
    return Markup("").join(_mark(part) for part in _PARTS.split(str(text)) if part)


_PARTS: Final = re.compile("(\u27e8U\\+[0-9A-F]{4,6}\u27e9|[^\\x00-\\x7f])")


def _mark(part: str) -> Markup:
    if part.startswith("\u27e8U+"):
        return Markup('<mark class="odd" title="a character that is not seen">{}</mark>').format(part)
    if len(part) == 1 and is_foreign(part):
        return Markup('<mark class="odd" title="{}">{}</mark>').format(_named(part), part)
    return escape(part)


def seen(value: Any) -> Any:
    """The same data with every text made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): seen(inner) for key, inner in value.items()}
    return [seen(inner) for inner in value] if isinstance(value, (list, tuple)) else value
