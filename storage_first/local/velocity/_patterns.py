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
    filled = []
    at = 0
    while at < len(replacement):
        character = replacement[at]
        at += 1
        if character == "\\":
            if at == len(replacement):
                raise JavaError("IllegalArgumentException: character to be escaped is missing")
            filled.append(replacement[at])
            at += 1
        elif character == "$":
            value, at = _group(found, replacement, at)
            filled.append(value)
        else:
            filled.append(character)
    return "".join(filled)


_NAMED_GROUP = re.compile(r"\{([a-zA-Z][a-zA-Z0-9]*)\}")


def _group(found: re.Match[str], replacement: str, at: int) -> tuple[str, int]:
    if named := _NAMED_GROUP.match(replacement, at):
        if named[1] not in found.re.groupindex:
            raise JavaError(f"IllegalArgumentException: No group with name {{{named[1]}}}")
        return found[named[1]] or "", named.end()
    if not replacement[at : at + 1].isdecimal():
        raise JavaError("IllegalArgumentException: Illegal group reference")
    number = int(replacement[at])
    at += 1
    if number > found.re.groups:
        raise JavaError(f"IndexOutOfBoundsException: No group {number}")
    # Further digits belong to the number only as long as there is such a group.
    while replacement[at : at + 1].isdecimal() and number * 10 + int(replacement[at]) <= found.re.groups:
        number = number * 10 + int(replacement[at])
        at += 1
    return found[number] or "", at


class _Translator:
    """Walks a Java pattern once and writes the Python one."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._flags = ""

    def translate(self) -> str:
        written = []
        if leading := _LEADING_FLAGS.match(self._pattern):
            self._flags = leading[1]
            self._at = leading.end()
            if unknown := set(self._flags) - set("imsx"):
                raise JavaError(f"PatternSyntaxException: flag {''.join(sorted(unknown))!r} is not supported here")
            written.append(leading[0])
        while self._at < len(self._pattern):
            written.append(self._next())
        return "".join(written)

    def _next(self) -> str:
        pattern, at = self._pattern, self._at
        character = pattern[at]
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._class()
        if named := _GROUP_NAME.match(pattern, at):
            self._at = named.end()
            return f"(?P<{named[1]}>"
        if quantifier := _QUANTIFIER.match(pattern, at):
            self._at = quantifier.end()
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
        pattern, at = self._pattern, self._at
        if pattern.startswith("\\Q", at):
            return re.escape(self._quotation())
        if reference := _NAMED_REFERENCE.match(pattern, at):
            self._at = reference.end()
            return f"(?P={reference[1]})"
        following = pattern[at + 1 : at + 2]
        if following in _ANCHORS and following:
            self._at += 2
            return _ANCHORS[following]
        if "1" <= following <= "9":
            self._at += 2
            return f"(?:\\{following})"
        return self._item()

    def _quotation(self) -> str:
        start = self._at + 2
        end = self._pattern.find("\\E", start)
        self._at = len(self._pattern) if end < 0 else end + 2
        return self._pattern[start : None if end < 0 else end]

    def _item(self) -> str:
        """Read one escaped character or set."""
        pattern, at = self._pattern, self._at
        if code := _CODE.match(pattern, at):
            self._at = code.end()
            number = int(code[4], 8) if code[4] else int(code[1] or code[2] or code[3], 16)
            return re.escape(chr(number))
        if found := _PROPERTY.match(pattern, at):
            self._at = found.end()
            return _property(found[2] or found[3], negated=found[1] == "P")
        following = pattern[at + 1 : at + 2]
        self._at += 2
        if following in _SETS and following:
            return _SETS[following]
        if following in _CONTROLS and following:
            return re.escape(_CONTROLS[following])
        if not following or (following.isascii() and following.isalnum()):
            raise JavaError(f"PatternSyntaxException: \\{following} is not supported, near index {at} in {pattern!r}")
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
        if self._pattern.startswith("\\Q", self._at):
            return "".join(map(re.escape, self._quotation()))
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
