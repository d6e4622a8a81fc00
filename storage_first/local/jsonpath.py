"""JSONPath as Jayway's library reads it (2.4 and later), which is what `$input.path` and `$input.json` do.

The steps are our own, because Jayway's answer depends on whether a path is *definite* (it can name one place only):
then a missing value is an error, else it is left out of a list. Filters are python-jsonpath's.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonpath as filters

_NAME = re.compile(r"[^.\[ ]+")
_QUOTED_NAME = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(,?)""", re.DOTALL)
_INDEXES = re.compile(r"\s*-?\d+\s*(?:,\s*-?\d+\s*)*", re.ASCII)
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*", re.ASCII)
_UNESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)


class InvalidPathError(ValueError):
    """A path that Jayway does not read, or that needs more than is supported here."""


class _MissingError(Exception):
    """The definite part of a path leads nowhere."""


class _Step:
    """One step of a path.

    Attributes:
        definite: Whether it leads to one place at most.
        kinds: From where it can be taken.
    """

    definite = False
    kinds: tuple[type, ...] = (object,)

    def find(self, value: Any) -> Iterable[object]:  # noqa: ANN401 -- what a JSON document holds
        """List what is one step away from a value of one of these kinds."""
        raise NotImplementedError

    def follow(self, value: object, *, strict: bool) -> Sequence[object]:
        """List what is one step away from `value`.

        Raises:
            _MissingError: If nothing is there, and `strict` says that one place only can be meant.
        """
        fits = isinstance(value, self.kinds)
        found = list(self.find(value)) if fits else []
        if strict and not (fits and (found or not self.definite)):
            raise _MissingError
        return found


class _Wildcard(_Step):
    """`*`."""

    def find(self, value: object) -> Iterable[object]:
        return _children(value)


@dataclass(frozen=True)
class _Name(_Step):
    """`.name` or `['name']`."""

    name: str
    definite = True
    kinds = (dict,)

    def find(self, value: dict[str, object]) -> Iterable[object]:
        return [value[self.name]] if self.name in value else []


@dataclass(frozen=True)
class _Names(_Step):
    """`['one','other']`, which picks a part of an object."""

    names: Sequence[str]
    definite = True

    def find(self, value: object) -> Iterable[object]:
        return [{name: value[name] for name in self.names if name in value} if isinstance(value, dict) else {}]


@dataclass(frozen=True)
class _Items(_Step):
    """`[0]`, `[-1]` for the last, `[0,1]` or `[0:2]`: those that are there.

    Attributes:
        choose: Which ones of an array of this length.
    """

    choose: Callable[[int], Iterable[int]]
    definite: bool = False
    kinds = (list,)

    def find(self, value: list[object]) -> Iterable[object]:
        length = len(value)
        return [value[index] for index in self.choose(length) if -length <= index < length]


@dataclass(frozen=True)
class _Filter(_Step):
    """`[?(@.age > 30)]`: the items of an array, or an object itself, that it accepts."""

    accepted: filters.JSONPath
    kinds = (list, dict)

    def find(self, value: list[object] | dict[str, object]) -> Iterable[object]:
        return [match.value for match in self.accepted.finditer(value if isinstance(value, list) else [value])]


@dataclass(frozen=True)
class _Scan(_Step):
    """`..`: one step from everywhere in a value."""

    step: _Step

    def find(self, value: object) -> Iterable[object]:
        # An array's items are met on their own.
        if isinstance(value, dict) or not isinstance(self.step, _Filter):
            yield from self.step.follow(value, strict=False)
        for child in _children(value):
            if isinstance(child, dict | list):
                yield from self.find(child)


def _children(value: object) -> Sequence[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return ()


@dataclass(frozen=True)
class Path:
    """A path, ready to be followed."""

    steps: Sequence[_Step]

    def find(self, document: object, *, missing: object) -> object:
        """Find the one value that a definite path names, or the list of what any other finds.

        Args:
            document: Where to look.
            missing: What to answer when a definite path, or the definite beginning of another, leads nowhere.
        """
        values = [document]
        definite = True
        try:
            for step in self.steps:
                values = [found for value in values for found in step.follow(value, strict=definite)]
                definite = definite and step.definite
        except _MissingError:
            return missing
        return values[0] if definite else values


@lru_cache(maxsize=256)
def compile_path(path: str) -> Path:
    """Read a path.

    Raises:
        InvalidPathError: If it is not one.
    """
    text = path.strip()
    if not text:
        raise InvalidPathError("a path cannot be empty")
    if text[0] not in "$@":
        text = f"$.{text}"
    if text[1:2] not in ("", ".", "["):
        raise InvalidPathError(f"Invalid path {path!r}")
    return Path(tuple(_steps(text)))


def _steps(text: str) -> Iterator[_Step]:
    at = 1
    while at < len(text):
        scan = text.startswith("..", at)
        at += 2 if scan else text.startswith(".", at)
        step, at = _step(text, at)
        yield _Scan(step) if scan else step


def _step(text: str, at: int) -> tuple[_Step, int]:
    if text.startswith("[", at):
        end = _closing_bracket(text, at)
        return _bracketed(text[at + 1 : end]), end + 1
    if name := _NAME.match(text, at):
        return _Wildcard() if name[0] == "*" else _Name(name[0]), name.end()
    raise InvalidPathError(f"expected a name or [ at index {at} of {text!r}")


def _closing_bracket(text: str, at: int) -> int:
    bare = _QUOTED.sub(lambda found: " " * len(found[0]), text)
    depth = 0
    for index in range(at, len(bare)):
        depth += (bare[index] == "[") - (bare[index] == "]")
        if not depth:
            return index
    raise InvalidPathError(f"expected ] in {text!r}")


def _bracketed(inside: str) -> _Step:
    if inside.strip() == "*":
        return _Wildcard()
    if inside.lstrip().startswith("?"):
        return _Filter(_compile_filter(inside.strip()))
    if _INDEXES.fullmatch(inside):
        indexes = [int(index) for index in inside.split(",")]
        return _Items(lambda _: indexes, definite=len(indexes) == 1)
    if (found := _SLICE.fullmatch(inside)) and (found[1] or found[2]):
        return _Items(_slice(*(int(bound) if bound else None for bound in found.groups())))
    names = tuple(_quoted_names(inside))
    return _Names(names) if len(names) > 1 else _Name(names[0])


def _slice(start: int | None, end: int | None) -> Callable[[int], Iterable[int]]:
    if start is None or end is None:
        return lambda length: range(length)[start:end]
    # Jayway counts an end from the end only where there is no start.
    return lambda length: range(start, min(end, length))


def _quoted_names(inside: str) -> Iterator[str]:
    at = 0
    more = True
    while more:
        found = _QUOTED_NAME.match(inside, at)
        if not found:
            raise InvalidPathError(f"Could not analyze path component: [{inside}]")
        yield _UNESCAPED.sub(r"\1", found[1] if found[1] is not None else found[2])
        at, more = found.end(), bool(found[3])
    if at < len(inside):
        raise InvalidPathError(f"Could not analyze path component: [{inside}]")


def _compile_filter(expression: str) -> filters.JSONPath:
    if "$" in _QUOTED.sub("", expression):
        raise InvalidPathError(f"[{expression}]: a filter cannot look outside its item here")
    try:
        compiled = filters.compile(f"$[{expression}]")
    except filters.JSONPathError as error:
        raise InvalidPathError(f"[{expression}]: {error}") from None
    if not isinstance(compiled, filters.JSONPath):
        raise InvalidPathError(f"[{expression}]")
    return compiled
