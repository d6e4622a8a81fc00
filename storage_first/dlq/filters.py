"""Lambda's event filters, for records that are read again from a stream behind a mapping that filters.

Syntax: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ABSENT: Final = object()


class UnknownRuleError(Exception):
    """A rule that is not understood here; the message quotes it."""


def passes(patterns: Sequence[Mapping[str, Any]], record: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a mapping with these filter patterns hands `record` to its function.

    Raises:
        UnknownRuleError: If a pattern holds a rule that is not understood here.
    """
    return not patterns or any(_matches(pattern, record) for pattern in patterns)


def _matches(pattern: Mapping[str, Any], value: Any) -> bool:  # noqa: ANN401 - any JSON
    return all(_field(name, wanted, value) for name, wanted in pattern.items())


def _field(name: str, wanted: Any, value: Any) -> bool:  # noqa: ANN401 - any JSON
    if name == "$or":
        return any(_matches(pattern, value) for pattern in wanted)
    found = value.get(name, _ABSENT) if isinstance(value, dict) else _ABSENT
    if isinstance(wanted, dict):
        return _matches(wanted, found)
    values = found if isinstance(found, list) else [found]
    return any(_rule(rule, each) for rule in wanted for each in values)


def _rule(rule: Any, value: Any) -> bool:  # noqa: ANN401 - any JSON
    text = value if isinstance(value, str) else None
    match rule:
        case {"exists": bool(wanted)}:
            passed = (value is not _ABSENT) is wanted
        case {"prefix": str(wanted)}:
            passed = text is not None and text.startswith(wanted)
        case {"suffix": str(wanted)}:
            passed = text is not None and text.endswith(wanted)
        case {"equals-ignore-case": str(wanted)}:
            passed = text is not None and text.lower() == wanted.lower()
        case {"anything-but": list(unwanted)} if all(isinstance(each, str | int | float) for each in unwanted):
            passed = value is not _ABSENT and not any(_equal(each, value) for each in unwanted)
        case {"numeric": list(terms)}:
            passed = _is_number(value) and all(
                _COMPARE[sign](value, bound) for sign, bound in zip(terms[::2], terms[1::2], strict=True)
            )
        case dict():
            raise UnknownRuleError(str(rule))
        case _:
            passed = _equal(rule, value)
    return passed


def _equal(wanted: Any, value: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return bool(wanted == value)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, int | float) and not isinstance(value, bool)
