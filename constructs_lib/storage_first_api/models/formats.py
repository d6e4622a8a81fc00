"""Formats and patterns: which of them API Gateway enforces, and what stands in for the others.

Its validator knows the formats of draft 4; of any other it says nothing and lets every string pass.
"""

import re
from collections.abc import Mapping

ENFORCED = frozenset({"date-time", "email", "hostname", "ipv4", "ipv6", "uri", "regex"})
"""Formats that draft 4 defines."""

UNCONSTRAINED = frozenset({"float", "double", "password", "binary"})
"""Formats that tell how to hold or show a value, and exclude none."""

_HEX = "[0-9A-Fa-f]"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?"
_OFFSET = r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = (
    r"(?!0000)(?:\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rf"|02-(?:0[1-9]|1\d|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_DURATION = (
    r"P(?:\d+W|(?=[\dT])(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?"
    r"(?:T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)"
)


def _base64(extra: str, padding: str) -> str:
    digit = f"[A-Za-z0-9{extra}]"
    return f"(?:{digit}{{4}})*(?:{digit}{{2}}={padding}={padding}|{digit}{{3}}={padding})?"


def _uuid(version: str) -> str:
    return f"{_HEX}{{8}}-{_HEX}{{4}}-{version}{_HEX}{{3}}-{_HEX}{{4}}-{_HEX}{{12}}"


PATTERNS: Mapping[str, str] = {
    name: f"^(?:{pattern})$"
    for name, pattern in {
        "date": _DATE,  # RFC 3339, as are the next two
        "time": _TIME + _OFFSET,
        "duration": _DURATION,
        "uuid": _uuid(_HEX),
        **{f"uuid{version}": _uuid(str(version)) for version in range(1, 9)},
        "byte": _base64("+/", ""),
        "base64": _base64("+/", ""),
        "base64url": _base64("_-", "?"),
    }.items()
}
"""Patterns that say what a format does, by format."""

_INT64 = 9_223_372_036_854_775_000
"""The largest number of 64 bits that ends in three zeros: a template, which is JavaScript's, holds no larger one."""

INTEGERS: Mapping[str, tuple[int, int]] = {
    "int8": (-(2**7), 2**7 - 1),
    "uint8": (0, 2**8 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-_INT64, _INT64),
}
"""The least and the greatest number of each format."""

# What Python or newer JavaScript understand and ECMA 262 5.1 reads otherwise, or not at all.
_NOT_ECMA = re.compile(
    r"""
    \\[AZzGQEpPhRKX]      # anchors, quoting, Unicode properties
    | \\[xu]\{            # \u{1F600}
    | \(\?(?![:=!])       # named groups, look-behind, inline flags, comments
    | \[\[:               # POSIX classes
    | [*+?}]\+            # possessive quantifiers
    """,
    re.VERBOSE,
)
_TOKEN = re.compile(r"\\(?:[xu]\{|.)|[^\\]+", re.DOTALL)


def not_ecma(pattern: str) -> str | None:
    """Find what of a pattern API Gateway's ECMA 262 (edition 5.1) does not know, or None."""
    found = (_NOT_ECMA.search(token) for token in _TOKEN.findall(pattern))
    return next((match[0] for match in found if match), None)
