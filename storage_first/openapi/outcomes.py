"""Tells what a response template can answer, by following every way through it.

Read are `#set`, `#if` and `#foreach`. What a way through the template sets decides its status and headers: the
conditions themselves are not looked at, so two `#if`s that exclude each other count as if they did not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

_OVERRIDE: Final = "context.responseOverride."
_HEADER: Final = f"{_OVERRIDE}header."
_STATUS: Final = f"{_OVERRIDE}status"
_DETAIL: Final = "detail"  # what the library calls the sentence of a problem

_DIRECTIVE: Final = re.compile(
    r"""\#\{?(?P<block>elseif|else|end|if|foreach)\b
    |\#set\(\s*\$(?P<name>[\w.-]+)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^)\s]*)""",
    re.VERBOSE,
)
_REFERENCE: Final = re.compile(r"\$!?\{?(?P<name>[A-Za-z]\w*)(?![\w.]*[(\[])(?P<rest>(?:\.\w+)*)\}?")

_Way: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One way in which a template can end.

    Attributes:
        status: What it overrides the status with, if it does.
        headers: The headers that it sets, each with its value where that is a literal.
        detail: The sentence of the problem that it tells, if any.
    """

    status: int | None
    headers: Mapping[str, str | None]
    detail: str | None


def outcomes(template: str) -> Sequence[Outcome]:
    """List what a response template can answer.

    Args:
        template: A mapping template of an integration response.
    """
    directives = list(_DIRECTIVE.finditer(template))
    ways, _ = _follow(iter(directives), [{}], _relevant(directives))
    return [_outcome(way) for way in ways]


def _relevant(directives: Sequence[re.Match[str]]) -> frozenset[str]:
    """The variables that decide an answer: the overrides, and what they are made of."""
    values = [(directive["name"], directive["value"]) for directive in directives if directive["name"]]
    relevant = {name for name, _ in values if name == _DETAIL or name.startswith(_OVERRIDE)}
    before: set[str] = set()
    while before != relevant:
        before = set(relevant)
        for name, value in values:
            if name in relevant:
                relevant |= {reference["name"] for reference in _REFERENCE.finditer(value)}
    return frozenset(relevant)


def _follow(
    directives: Iterator[re.Match[str]], ways: Sequence[_Way], relevant: frozenset[str]
) -> tuple[Sequence[_Way], str]:
    """Follow `ways` up to the end of the block, whose name is in the answer."""
    for directive in directives:
        match directive["block"]:
            case None:
                if directive["name"] in relevant:
                    ways = _distinct({**way, directive["name"]: _value(directive["value"], way)} for way in ways)
            case "if":
                ways = _branches(directives, ways, relevant)
            case "foreach":
                repeated, _ = _follow(directives, ways, relevant)
                ways = _distinct([*ways, *repeated])
            case ending:
                return ways, ending
    return ways, ""


def _branches(directives: Iterator[re.Match[str]], ways: Sequence[_Way], relevant: frozenset[str]) -> Sequence[_Way]:
    taken: list[_Way] = []
    ending, has_else = "", False
    while ending != "end":
        branch, ending = _follow(directives, ways, relevant)
        taken += branch
        has_else = has_else or ending == "else"
        if not ending:
            break
    return _distinct(taken if has_else else [*taken, *ways])


def _distinct(ways: Iterator[_Way] | Sequence[_Way]) -> Sequence[_Way]:
    return list({frozenset(way.items()): way for way in ways}.values())


def _value(source: str, way: _Way) -> str:
    """The text that is assigned, with what is known of the variables in it."""
    text = source[1:-1] if source[:1] in {'"', "'"} else source
    return _REFERENCE.sub(lambda found: found[0] if found["rest"] else way.get(found["name"], found[0]), text)


def _outcome(way: _Way) -> Outcome:
    status = way.get(_STATUS, "")
    return Outcome(
        status=int(status) if status.isdecimal() else None,
        headers={
            name.removeprefix(_HEADER): None if "$" in value else value
            for name, value in way.items()
            if name.startswith(_HEADER)
        },
        detail=_REFERENCE.sub("...", way[_DETAIL]) if _DETAIL in way else None,
    )
