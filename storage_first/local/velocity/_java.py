"""The Java values that templates handle, and the methods of Java 8 that they may call on them.

| Java | here |
|---|---|
| String | `str`, in UTF-16 units |
| LinkedHashMap | `dict` |
| json-smart's JSONArray | `list` |
| ArrayList, and what prints like one | `JavaList` |
| String[] | `JavaArray` |
| Map.Entry | `Entry` |
| Character | `Char` |
| Integer, Long, BigInteger | `int` |
| Double / BigDecimal | `float` / `Decimal` |

Any other object prints as `str` says, and has the methods that `METHODS` lists for its class. Reflection
(`getClass()`), static methods and iterators are left out on purpose.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from storage_first.local.velocity import _json_smart as json_smart
from storage_first.local.velocity import _numbers as numbers
from storage_first.local.velocity._errors import JavaError
from storage_first.local.velocity._patterns import compile_pattern, expand
from storage_first.local.velocity._strings import to_characters, to_units

_INT = range(-(2**31), 2**31)


class JavaList(list[object]):
    """A list that prints as `[a, b]`, where a plain `list` prints as JSON."""


class JavaArray(list[object]):
    """What `split` returns: Velocity lets templates treat it as a list of fixed size."""


class Char(str):
    """One character, as `charAt` returns it: without the methods of a string."""

    __slots__ = ()


class Entry(NamedTuple):
    """One entry of a map's `entrySet()`."""

    key: object
    value: object


class Overload(NamedTuple):
    """One method.

    Attributes:
        parameters: Java's types, as in this module's docstring; `object` takes anything, `int` is the primitive.
        call: Gets the receiver and the arguments.
    """

    parameters: tuple[type, ...]
    call: Callable[..., object]

    def accepts(self, arguments: Sequence[object]) -> bool:
        """Tell whether Velocity would find this method for these arguments."""
        return len(arguments) == len(self.parameters) and all(map(_is_convertible, self.parameters, arguments))


def _is_convertible(parameter: type, argument: object) -> bool:
    if parameter is int:
        return type(argument) is int and argument in _INT
    if parameter is str:
        return argument is None or type(argument) is str
    return isinstance(argument, parameter)


def call_method(receiver: object, name: str, arguments: Sequence[object]) -> object:
    """Call a Java method; null (None) when the receiver has none that takes these arguments.

    Raises:
        JavaError: If the method throws.
    """
    overloads = _methods(receiver).get(name, ())
    for overload in overloads:
        if overload.accepts(arguments):
            if str in overload.parameters and None in arguments:
                raise JavaError("NullPointerException")
            return overload.call(receiver, *arguments)
    # Velocity takes a method without parameters for one that accepts any, and fails to call it.
    if arguments and any(not overload.parameters for overload in overloads):
        raise JavaError("IllegalArgumentException: wrong number of arguments")
    return None


def get_property(receiver: object, name: str) -> object:
    """Read `receiver.name`: an entry of a map, or what `getName()`, `get("name")` or `isName()` return."""
    if isinstance(receiver, dict):
        return receiver.get(name)
    methods = _methods(receiver)
    capitalized = name[:1].upper() + name[1:]
    for getter, arguments in ((f"get{capitalized}", ()), ("get", (name,)), (f"is{capitalized}", ())):
        for overload in methods.get(getter, ()):
            if overload.accepts(arguments):
                return overload.call(receiver, *arguments)
    return None


def _methods(receiver: object) -> "Table":
    return METHODS.get(type(receiver)) or (_MAP if isinstance(receiver, dict) else _OBJECT)


def to_string(value: object) -> str:
    """Convert to a string as `String.valueOf` does."""
    match value:
        case str():
            return value
        case None | bool():
            return json_smart.to_json(value)
        case float():
            return numbers.double_to_string(value)
        case Entry() | dict() | list():
            return _print_container(value)
        case _:
            return str(value)


def _print_container(value: Entry | dict[object, object] | list[object]) -> str:
    match value:
        case Entry():
            return f"{to_string(value.key)}={to_string(value.value)}"
        case dict():
            return "{" + ", ".join(to_string(Entry(*entry)) for entry in value.items()) + "}"
        case JavaList():
            return "[" + ", ".join(map(to_string, value)) + "]"
        case JavaArray():
            # Java goes on with a number that is another every time.
            return "[Ljava.lang.String;@"
        case _:
            return json_smart.to_json(value, for_web=True)


def equals(left: object, right: object) -> bool:
    """Compare as `left.equals(right)` does: numbers of different classes differ."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equals, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equals(item, right[name]) for name, item in left.items())
    return type(left) is type(right) and left == right


def compare(left: object, right: object) -> bool:
    """Compare as Velocity's `==` does: numbers by value, equal classes by `equals`, the rest by what they print."""
    if numbers.is_number(left) and numbers.is_number(right):
        return numbers.compare(left, right) == 0
    if (
        isinstance(left, list)
        and isinstance(right, list)
        and isinstance(left, JavaArray) == isinstance(right, JavaArray)
    ):
        # A JSONArray is an ArrayList, too; an array is neither.
        return equals(left, right)
    if left is None or right is None:
        return left is right
    return equals(left, right) if type(left) is type(right) else to_string(left) == to_string(right)


def iterate(value: object) -> list[object] | None:
    """List what `#foreach` visits: a list's items, a map's values; None for what cannot be iterated."""
    match value:
        case dict():
            return list(value.values())
        case list():
            return list(value)
        case _:
            return None


def adjust_index(receiver: object, index: object) -> object:
    """Count a negative index from the end."""
    if isinstance(index, int) and not isinstance(index, bool) and index < 0:
        if not isinstance(receiver, list | dict):
            raise JavaError("VelocityException: a negative index needs a size() method")
        return index + len(receiver)
    return index


# --- String -----------------------------------------------------------------------------------------------------


def _substring(text: str, start: int, end: int | None = None) -> str:
    last = len(text) if end is None else end
    if not 0 <= start <= last <= len(text):
        raise JavaError(f"StringIndexOutOfBoundsException: begin {start}, end {last}, length {len(text)}")
    return text[start:last]


def _code_point_at(text: str, index: int) -> int:
    _substring(text, index, index + 1)
    return ord(to_characters(text[index : index + 2])[0])


def _index_of(text: str, part: str | int, start: int = 0) -> int:
    # Python finds "" nowhere beyond the end, Java at the end.
    return text.find(_text_of(part), min(max(start, 0), len(text)))


def _last_index_of(text: str, part: str | int, start: int | None = None) -> int:
    wanted = _text_of(part)
    if start is None:
        return text.rfind(wanted)
    return -1 if start < 0 else text.rfind(wanted, 0, start + len(wanted))


def _text_of(part: str | int) -> str:
    return to_units(chr(part)) if isinstance(part, int) else part


def _starts_with(text: str, prefix: str, start: int = 0) -> bool:
    return 0 <= start <= len(text) and text.startswith(prefix, start)


def _compare_to(left: str, right: str) -> int:
    for one, other in zip(left, right, strict=False):
        if one != other:
            return ord(one) - ord(other)
    return len(left) - len(right)


def _fold(text: str) -> str:
    """Do to each character what Java does to ignore its case."""
    if text.isascii():
        return text.lower()
    upper = "".join(each.upper() if len(each.upper()) == 1 else each for each in text)
    return "".join(each.lower() if len(each.lower()) == 1 else each for each in upper)


def _hash_code(text: str) -> int:
    code = 0
    for unit in text:
        code = (code * 31 + ord(unit)) & 0xFFFFFFFF
    return code - (1 << 32) if code >= 1 << 31 else code


def _matches(text: str, pattern: str) -> bool:
    return compile_pattern(to_characters(pattern)).fullmatch(to_characters(text)) is not None


def _replace_all(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    compiled = compile_pattern(to_characters(pattern))
    return to_units(compiled.sub(lambda found: expand(found, replacement), to_characters(text), count))


def _split(text: str, pattern: str, limit: int = 0) -> JavaArray:
    pieces: list[object] = []
    whole = to_characters(text)
    at = 0
    for found in compile_pattern(to_characters(pattern)).finditer(whole):
        if limit > 0 and len(pieces) == limit - 1:
            break
        if found.end() == 0 or (found.start() == found.end() == len(whole)):
            continue
        pieces.append(to_units(whole[at : found.start()]))
        at = found.end()
    pieces.append(to_units(whole[at:]))
    if limit == 0 and len(pieces) > 1:
        while pieces and not pieces[-1]:
            pieces.pop()
    return JavaArray(pieces)


# --- List and Map -----------------------------------------------------------------------------------------------


def _at(items: list[object], index: int, *, to: int = 0) -> int:
    if not 0 <= index < len(items) + to:
        raise JavaError(f"IndexOutOfBoundsException: Index {index} out of bounds for length {len(items)}")
    return index


def _set(items: list[object], index: int, value: object) -> object:
    before = items[_at(items, index)]
    items[index] = value
    return before


def _insert_all(items: list[object], index: int, more: Iterable[object]) -> bool:
    before = len(items)
    at = _at(items, index, to=1)
    items[at:at] = list(more)
    return len(items) > before


def _find(items: Sequence[object], value: object) -> int:
    return next((index for index, item in enumerate(items) if equals(item, value)), -1)


def _find_last(items: Sequence[object], value: object) -> int:
    return next((index for index in reversed(range(len(items))) if equals(items[index], value)), -1)


def _remove(items: list[object], value: object) -> bool:
    index = _find(items, value)
    if index >= 0:
        del items[index]
    return index >= 0


def _sub_list(items: list[object], start: int, end: int) -> JavaList:
    if not 0 <= start <= end <= len(items):
        raise JavaError(f"IndexOutOfBoundsException: fromIndex: {start}, toIndex: {end}, size: {len(items)}")
    return JavaList(items[start:end])


def _entry(entries: dict[object, object], name: object, default: object = None) -> object:
    return entries[name] if _has(entries, name) else default


def _has(entries: dict[object, object], name: object) -> bool:
    # A list or a map may be a key in Java; in no template that we know.
    return not isinstance(name, list | dict) and name in entries


def _put(entries: dict[object, object], name: object, value: object) -> object:
    before = _entry(entries, name)
    if isinstance(name, list | dict):
        raise JavaError("UnsupportedOperationException: a list or a map as a map's key is not supported here")
    entries[name] = value
    return before


def _put_if_absent(entries: dict[object, object], name: object, value: object) -> object:
    before = _entry(entries, name)
    return _put(entries, name, value) if before is None else before


def _put_all(entries: dict[object, object], more: Mapping[object, object]) -> None:
    for name, value in more.items():
        _put(entries, name, value)


# --- The tables -------------------------------------------------------------------------------------------------

Table = Mapping[str, Sequence[Overload]]


def table(*methods: "tuple[str, Callable[..., Any], *tuple[tuple[type, ...], ...]]") -> Table:
    """List methods: each one's name, what it does, and the parameters of its overloads."""
    overloads: dict[str, list[Overload]] = {}
    for name, call, *signatures in methods:
        overloads.setdefault(name, []).extend(Overload(parameters, call) for parameters in signatures)
    return overloads


_OBJECT = table(("toString", to_string, ()), ("equals", equals, (object,)))

_STRING = {
    **_OBJECT,
    **table(
        ("length", len, ()),
        ("isEmpty", lambda text: not text, ()),
        ("charAt", lambda text, index: Char(_substring(text, index, index + 1)), (int,)),
        ("codePointAt", _code_point_at, (int,)),
        ("substring", _substring, (int,), (int, int)),
        ("indexOf", _index_of, (str,), (int,), (str, int), (int, int)),
        ("lastIndexOf", _last_index_of, (str,), (int,), (str, int), (int, int)),
        ("contains", lambda text, part: part in text, (str,)),
        ("startsWith", _starts_with, (str,), (str, int)),
        ("endsWith", lambda text, end: text.endswith(end), (str,)),
        ("equalsIgnoreCase", lambda text, other: _fold(text) == _fold(other), (str,)),
        ("compareTo", _compare_to, (str,)),
        ("compareToIgnoreCase", lambda text, other: _compare_to(_fold(text), _fold(other)), (str,)),
        ("concat", lambda text, more: text + more, (str,)),
        ("toLowerCase", lambda text: to_units(to_characters(text).lower()), ()),
        ("toUpperCase", lambda text: to_units(to_characters(text).upper()), ()),
        # Java's trim takes off everything up to the space.
        ("trim", lambda text: text.strip("".join(map(chr, range(33)))), ()),
        ("replace", lambda text, old, new: text.replace(old, new), (str, str)),
        ("replaceAll", _replace_all, (str, str)),
        ("replaceFirst", lambda text, old, new: _replace_all(text, old, new, 1), (str, str)),
        ("matches", _matches, (str,)),
        ("split", _split, (str,), (str, int)),
        ("hashCode", _hash_code, ()),
        ("intern", str, ()),
    ),
}

_ARRAY = {
    **_OBJECT,
    **table(
        ("size", len, ()),
        ("isEmpty", lambda items: not items, ()),
        ("get", lambda items, index: items[_at(items, index)], (int,)),
        ("set", _set, (int, object)),
        ("contains", lambda items, value: _find(items, value) >= 0, (object,)),
        ("indexOf", _find, (object,)),
        ("lastIndexOf", _find_last, (object,)),
        ("containsAll", lambda items, wanted: all(_find(items, value) >= 0 for value in wanted), (list,)),
        ("subList", _sub_list, (int, int)),
    ),
}

_LIST = {
    **_ARRAY,
    **table(
        ("add", lambda items, value: items.append(value) or True, (object,)),
        ("add", lambda items, index, value: items.insert(_at(items, index, to=1), value), (int, object)),
        ("addAll", lambda items, more: _insert_all(items, len(items), more), (list,)),
        ("addAll", _insert_all, (int, list)),
        ("remove", lambda items, index: items.pop(_at(items, index)), (int,)),
        ("remove", _remove, (object,)),
        ("clear", list.clear, ()),
    ),
}

_MAP = {
    **_OBJECT,
    **table(
        ("size", len, ()),
        ("isEmpty", lambda entries: not entries, ()),
        ("get", _entry, (object,)),
        ("getOrDefault", _entry, (object, object)),
        ("containsKey", _has, (object,)),
        ("containsValue", lambda entries, value: _find(list(entries.values()), value) >= 0, (object,)),
        ("keySet", JavaList, ()),
        ("values", lambda entries: JavaList(entries.values()), ()),
        ("entrySet", lambda entries: JavaList(Entry(*entry) for entry in entries.items()), ()),
        ("put", _put, (object, object)),
        ("putIfAbsent", _put_if_absent, (object, object)),
        (
            "replace",
            lambda entries, name, value: _put(entries, name, value) if _has(entries, name) else None,
            (object, object),
        ),
        ("putAll", _put_all, (dict,)),
        ("remove", lambda entries, name: entries.pop(name) if _has(entries, name) else None, (object,)),
        ("clear", dict.clear, ()),
    ),
}

_NUMBER = {
    **_OBJECT,
    **table(
        ("intValue", int, ()),
        ("longValue", int, ()),
        ("doubleValue", float, ()),
        ("compareTo", numbers.compare, (int,), (float,), (Decimal,)),
    ),
}

METHODS: dict[type, Table] = {
    str: _STRING,
    dict: _MAP,
    list: {**_LIST, **table(("toJSONString", lambda items: json_smart.to_json(items, for_web=True), ()))},
    JavaList: _LIST,
    JavaArray: _ARRAY,
    Entry: {**_OBJECT, **table(("getKey", lambda entry: entry.key, ()), ("getValue", lambda entry: entry.value, ()))},
    int: {**_NUMBER, **table(("hashCode", int, ()))},
    float: _NUMBER,
    Decimal: _NUMBER,
    bool: {**_OBJECT, **table(("booleanValue", bool, ()))},
    Char: {**_OBJECT, **table(("toString", "".join, ()))},
}
