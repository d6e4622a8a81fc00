"""Java's view of text: a sequence of UTF-16 code units.

`length()`, `substring` and the like count UTF-16 units in Java and code points in Python. So while a template
renders, every string holds units (a character beyond the BMP is two surrogates), and is joined again at the end.
"""

import re

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def to_units(text: str) -> str:
    """Split characters beyond the BMP into surrogates."""
    if text.isascii():
        return text
    return _ASTRAL.sub(_split, text)


def _split(found: re.Match[str]) -> str:
    code = ord(found[0]) - 0x10000
    return chr(0xD800 + (code >> 10)) + chr(0xDC00 + (code & 0x3FF))


def to_characters(units: str) -> str:
    """Join surrogate pairs; a lone surrogate stays as it is."""
    if units.isascii():
        return units
    return _PAIR.sub(_join, units)


def _join(found: re.Match[str]) -> str:
    pair = found[0]
    return chr(0x10000 + ((ord(pair[0]) - 0xD800) << 10) + (ord(pair[1]) - 0xDC00))


def to_text(units: str) -> str:
    """Join surrogate pairs, and write a lone surrogate as Java's UTF-8 encoder does: as a question mark."""
    if units.isascii():
        return units
    return _SURROGATE.sub("?", to_characters(units))
