"""Java's regular expressions, translated to Python's."""

import re
import sys
import unicodedata
from functools import lru_cache

from storage_first.local.velocity._errors import JavaError

_TERMINATORS = r"\n\r\u0085\u2028\u2029"
_QUANTIFIER = re.compile(r"\{\d+(?:,\d*)?\}")
_LEADING_FLAGS = re.compile(r"\(\?([a-zA-Z]+)\)")
_GROUP_NAME = re.compile(r"\(\?<([a-zA-Z][a-zA-Z0-9]*)>")
_PROPERTY = re.compile(r"\\([pP])(?:\{(\w+)\}|(\w))")
_NAMED_REFERENCE = re.compile(r"\\k<([a-zA-Z][a-zA-Z0-9]*)>")
_QUOTATION = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_SPECIAL = re.compile(r"\\(.?)|\$(?:\{([a-zA-Z][a-zA-Z0-9]*)\}|(\d+))?", re.ASCII | re.DOTALL)
_CODE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]+)\}|0([0-3]?[0-7]{1,2}))")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_SETS = {
    "d": r"\d",
    "D": r"\D",
    "w": r"\w",
    "W": r"\W",
    "s": r"\s",
    "S": r"\S",
    "h": r"[ \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]",
    "v": r"[\n\x0b\f\r\x85\u2028\u2029]",
}
_ANCHORS = {
    "b": r"\b",
    "B": r"\B",
    "A": r"\A",
    "z": r"\Z",
    "Z": rf"(?=(?:\r\n|[{_TERMINATORS}])?\Z)",
    "R": rf"(?:\r\n|[\x0b\f{_TERMINATORS}])",
}
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
}


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Translate a pattern of `java.util.regex`.

    Raises:
        JavaError: If Java refuses the pattern, or it needs what Python's expressions cannot say.
    """
    try:
        # Java's classes are ASCII unless a flag says otherwise.
        return re.compile(_Translator(pattern).translate(), re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise JavaError(f"PatternSyntaxException: {error} in {pattern!r}") from None


def expand(found: re.Match[str], replacement: str) -> str:
    r"""Fill in the replacement of `replaceAll`: `$1`, `${name}`, and `\` before a character that stands for itself."""
    return _SPECIAL.sub(lambda special: _fill(found, special), replacement)


def _fill(found: re.Match[str], special: re.Match[str]) -> str:
    escaped, name, digits = special.groups()
    if escaped is not None:
        if not escaped:
            raise JavaError("IllegalArgumentException: character to be escaped is missing")
        return escaped
    if name:
        if name not in found.re.groupindex:
            raise JavaError(f"IllegalArgumentException: No group with name {{{name}}}")
        return found[name] or ""
    if not digits:
        raise JavaError("IllegalArgumentException: Illegal group reference")
    number, rest = int(digits[0]), digits[1:]
    if number > found.re.groups:
        raise JavaError(f"IndexOutOfBoundsException: No group {number}")
    # Further digits belong to the number only as long as there is such a group.
    while rest and number * 10 + int(rest[0]) <= found.re.groups:
        number, rest = number * 10 + int(rest[0]), rest[1:]
    return (found[number] or "") + rest


class _Translator:
    """Walks a Java pattern once and writes the Python one."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._flags = ""

    def translate(self) -> str:
        written = []
        if leading := self._take(_LEADING_FLAGS):
            self._flags = leading[1]
            if unknown := set(self._flags) - set("imsx"):
                raise JavaError(f"PatternSyntaxException: flag {''.join(sorted(unknown))!r} is not supported here")
            written.append(leading[0])
        while self._at < len(self._pattern):
            written.append(self._next())
        return "".join(written)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if found := pattern.match(self._pattern, self._at):
            self._at = found.end()
        return found

    def _next(self) -> str:
        character = self._pattern[self._at]
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._class()
        if named := self._take(_GROUP_NAME):
            return f"(?P<{named[1]}>"
        if quantifier := self._take(_QUANTIFIER):
            return quantifier[0]
        self._at += 1
        return self._plain(character)

    def _plain(self, character: str) -> str:
        if character == "(" and self._pattern.startswith(("?P", "?#"), self._at):
            raise JavaError(f"PatternSyntaxException: Unknown inline modifier near index {self._at}")
        if character == "{":
            raise JavaError(f"PatternSyntaxException: Illegal repetition near index {self._at} in {self._pattern!r}")
        if character == "." and "s" not in self._flags:
            return f"[^{_TERMINATORS}]"
        if character == "$" and "m" not in self._flags:
            return _ANCHORS["Z"]
        return character

    def _escape(self) -> str:
        if quotation := self._take(_QUOTATION):
            return re.escape(quotation[1])
        if reference := self._take(_NAMED_REFERENCE):
            return f"(?P={reference[1]})"
        following = self._pattern[self._at + 1 : self._at + 2]
        if following in _ANCHORS:
            self._at += 2
            return _ANCHORS[following]
        if "1" <= following <= "9":
            self._at += 2
            return f"(?:\\{following})"
        return self._item()

    def _item(self) -> str:
        """Read one escaped character or set."""
        if code := self._take(_CODE):
            return re.escape(chr(int(code[4], 8) if code[4] else int(code[1] or code[2] or code[3], 16)))
        if found := self._take(_PROPERTY):
            return _property(found[2] or found[3], negated=found[1] == "P")
        at = self._at
        following = self._pattern[at + 1 : at + 2]
        self._at += 2
        if following in _SETS:
            return _SETS[following]
        if following in _CONTROLS:
            return re.escape(_CONTROLS[following])
        if not following or (following.isascii() and following.isalnum()):
            raise JavaError(f"PatternSyntaxException: \\{following} is not supported, near index {at}")
        return re.escape(following)

    def _class(self) -> str:
        """Read a bracketed class, whose unions and intersections Python has to be told in other words."""
        start = self._at
        self._at += 1
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        parts: list[str] = []
        items: list[str] = []
        nested: list[str] = []
        while True:
            if self._at >= len(self._pattern):
                raise JavaError(f"PatternSyntaxException: Unclosed character class near index {start}")
            if self._pattern.startswith("&&", self._at):
                self._at += 2
                parts.append(_union(items, nested))
                items, nested = [], []
            elif self._pattern[self._at] == "[":
                nested.append(self._class())
            elif self._pattern[self._at] == "]" and (items or nested or parts):
                self._at += 1
                break
            else:
                member = self._member()
                (nested if member.startswith("[^") else items).append(member)
        if not parts and not nested:
            return f"[{'^' if negated else ''}{''.join(items)}]"
        parts.append(_union(items, nested))
        whole = "".join(f"(?={part})" for part in parts if part)
        return f"(?:(?!{whole})[\\s\\S])" if negated else f"(?:{whole}[\\s\\S])"

    def _member(self) -> str:
        first = self._member_end()
        pattern, at = self._pattern, self._at
        if pattern.startswith("-", at) and pattern[at + 1 : at + 2] not in ("]", "[", ""):
            self._at += 1
            return f"{first}-{self._member_end()}"
        return first

    def _member_end(self) -> str:
        if quotation := self._take(_QUOTATION):
            return "".join(map(re.escape, quotation[1]))
        if self._pattern[self._at] == "\\":
            body = self._item()
            return body[1:-1] if body.startswith("[") and not body.startswith("[^") else body
        character = self._pattern[self._at]
        self._at += 1
        return character if character.isalnum() else _in_class(character)


def _in_class(character: str) -> str:
    return f"\\{character}" if character.isascii() and not character.isspace() else character


def _union(items: list[str], nested: list[str]) -> str:
    written = ([f"[{''.join(items)}]"] if items else []) + nested
    return f"(?:{'|'.join(written)})" if written else ""


def _property(name: str, *, negated: bool) -> str:
    body = _POSIX.get(name) or _category(name.removeprefix("Is"))
    return f"[^{body}]" if negated else f"[{body}]"


@lru_cache(maxsize=16)
def _category(name: str) -> str:
    """List the characters of a Unicode general category, such as `L` or `Lu`."""
    codes = (code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)).startswith(name))
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    if not ranges or len(name) > len("Lu"):
        raise JavaError(f"PatternSyntaxException: Unknown character property name {{{name}}}")
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
