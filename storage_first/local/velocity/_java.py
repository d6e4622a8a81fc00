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

Reflection (`getClass()`), static methods and iterators are left out on purpose.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a map's `entrySet()`."""

    key: object
    value: object


class Bean:
    """An object of ours that templates reach into, such as `$input`."""

    __slots__ = ()

    def java_methods(self) -> "Mapping[str, Sequence[Overload]]":
        """List what templates may call."""
        raise NotImplementedError

    def java_string(self) -> str | None:
        """Say how it prints; None for what prints as if it were null."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Overload:
    """One method: the types of its parameters (`object` takes anything), and what it does.

    Attributes:
        parameters: Java's types, as listed in this module's docstring; `int` stands for the primitive, which takes
            no null.
        call: Gets the receiver and the arguments.
        void: Whether the method returns nothing, which a template prints as nothing.
    """

    parameters: tuple[type, ...]
    call: Callable[..., object]
    void: bool = False

    def accepts(self, arguments: Sequence[object]) -> bool:
        """Tell whether Velocity would find this method for these arguments."""
        return len(arguments) == len(self.parameters) and all(map(_is_convertible, self.parameters, arguments))


def call_method(receiver: object, name: str, arguments: Sequence[object]) -> object:
    """Call a Java method; null (None) when the receiver has none that takes these arguments.

    Raises:
        JavaError: If the method throws.
    """
    overloads = _methods(receiver).get(name, ())
    for overload in overloads:
        if overload.accepts(arguments):
            result = overload.call(receiver, *arguments)
            return "" if overload.void else result
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


def to_string(value: object) -> str | None:
    """Convert to a string as `toString()` does; None for null and for what prints as nothing."""
    match value:
        case str():
            return value
        case None:
            return None
        case Bean():
            return value.java_string()
        case _:
            return _print(value)


def _print(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict | Entry):
        return _print_container(value)
    if isinstance(value, Bean):
        return value.java_string() or "null"
    if isinstance(value, float):
        return numbers.double_to_string(value)
    return json_smart.to_json(value) if value is None or isinstance(value, bool) else str(value)


def _print_container(value: list[object] | dict[object, object] | Entry) -> str:
    match value:
        case Entry():
            return f"{_print(value.key)}={_print(value.value)}"
        case dict():
            return "{" + ", ".join(f"{_print(name)}={_print(item)}" for name, item in value.items()) + "}"
        case JavaList():
            return "[" + ", ".join(map(_print, value)) + "]"
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
    return same_class(left, right) and left == right


def same_class(left: object, right: object) -> bool:
    """Tell whether one value's Java class is, or extends, the other's."""
    if isinstance(left, list) and isinstance(right, list):
        # A JSONArray is an ArrayList, too; an array is neither.
        return isinstance(left, JavaArray) == isinstance(right, JavaArray)
    return type(left) is type(right)


def compare(left: object, right: object) -> bool:
    """Compare as Velocity's `==` does: numbers by value, equal classes by `equals`, the rest by what they print."""
    if numbers.is_number(left) and numbers.is_number(right):
        return numbers.compare(left, right) == 0
    if left is not None and right is not None and same_class(left, right):
        return equals(left, right)
    return to_string(left) == to_string(right)


def iterate(value: object) -> list[object] | None:
    """List what `#foreach` visits: a list's items, a map's values; None for what cannot be iterated."""
    match value:
        case dict():
            return list(value.values())
        case list():
            return list(value)
        case _:
            return None


def set_property(receiver: object, name: object, value: object) -> None:
    """Assign `receiver.name = value`, which does nothing but on what has a `put` method."""
    if receiver is not None:
        call_method(receiver, "put", (name, value))


def set_index(receiver: object, index: object, value: object) -> None:
    """Assign `receiver[index] = value`, which does nothing but on a list or a map."""
    if isinstance(receiver, list):
        call_method(receiver, "set", (adjust_index(receiver, index), value))
    else:
        set_property(receiver, index, value)


def adjust_index(receiver: object, index: object) -> object:
    """Count a negative index from the end."""
    if isinstance(index, int) and not isinstance(index, bool) and index < 0:
        if not isinstance(receiver, list | dict):
            raise JavaError("VelocityException: a negative index needs a size() method")
        return index + len(receiver)
    return index


def _is_convertible(parameter: type, argument: object) -> bool:
    if parameter is object:
        return True
    if parameter is int:
        return type(argument) is int and argument in _INT
    if parameter is str:
        return argument is None or type(argument) is str
    return argument is None or isinstance(argument, parameter)


def _methods(receiver: object) -> Mapping[str, Sequence[Overload]]:
    if isinstance(receiver, Bean):
        return receiver.java_methods()
    return _METHODS.get(type(receiver)) or (_MAP if isinstance(receiver, dict) else _OBJECT)


# --- String -----------------------------------------------------------------------------------------------------


def _substring(text: str, start: int, end: int | None = None) -> str:
    last = len(text) if end is None else end
    if not 0 <= start <= last <= len(text):
        raise JavaError(f"StringIndexOutOfBoundsException: begin {start}, end {last}, length {len(text)}")
    return text[start:last]


def _char_at(text: str, index: int) -> Char:
    return Char(_substring(text, index, index + 1))


def _code_point_at(text: str, index: int) -> int:
    _substring(text, index, index + 1)
    return ord(to_characters(text[index : index + 2])[0])


def _index_of(text: str, part: str | int, start: int = 0) -> int:
    wanted = _text_of(part)
    # Python finds "" nowhere beyond the end, Java at the end.
    return text.find(wanted, min(max(start, 0), len(text)))


def _last_index_of(text: str, part: str | int, start: int | None = None) -> int:
    wanted = _text_of(part)
    if start is None:
        return text.rfind(wanted)
    return -1 if start < 0 else text.rfind(wanted, 0, start + len(wanted))


def _text_of(part: str | int) -> str:
    return to_units(chr(part)) if isinstance(part, int) else _not_null(part)


def _not_null(text: str | None) -> str:
    if text is None:
        raise JavaError("NullPointerException")
    return text


def _starts_with(text: str, prefix: str, start: int = 0) -> bool:
    return 0 <= start <= len(text) and text.startswith(_not_null(prefix), start)


def _compare_to(left: str, right: str) -> int:
    for one, other in zip(left, _not_null(right), strict=False):
        if one != other:
            return ord(one) - ord(other)
    return len(left) - len(right)


def _fold(character: str) -> str:
    upper = character.upper()
    upper = upper if len(upper) == 1 else character
    lower = upper.lower()
    return lower if len(lower) == 1 else upper


def _compare_ignoring_case(left: str, right: str) -> int:
    return _compare_to("".join(map(_fold, left)), "".join(map(_fold, _not_null(right))))


def _equals_ignoring_case(left: str, right: str | None) -> bool:
    return right is not None and len(left) == len(right) and _compare_ignoring_case(left, right) == 0


def _hash_code(text: str) -> int:
    code = 0
    for unit in text:
        code = (code * 31 + ord(unit)) & 0xFFFFFFFF
    return code - (1 << 32) if code >= 1 << 31 else code


def _matches(text: str, pattern: str) -> bool:
    return compile_pattern(to_characters(_not_null(pattern))).fullmatch(to_characters(text)) is not None


def _replace_all(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    compiled = compile_pattern(to_characters(_not_null(pattern)))
    template = _not_null(replacement)
    return to_units(compiled.sub(lambda found: expand(found, template), to_characters(text), count))


def _split(text: str, pattern: str, limit: int = 0) -> JavaArray:
    pieces: list[object] = []
    whole = to_characters(text)
    at = 0
    for found in compile_pattern(to_characters(_not_null(pattern))).finditer(whole):
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


def _in_characters(convert: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: to_units(convert(to_characters(text)))


# --- List and Map -----------------------------------------------------------------------------------------------


def _at(items: list[object], index: int, *, to: int = 0) -> int:
    if not 0 <= index < len(items) + to:
        raise JavaError(f"IndexOutOfBoundsException: Index {index} out of bounds for length {len(items)}")
    return index


def _get(items: list[object], index: int) -> object:
    return items[_at(items, index)]


def _set(items: list[object], index: int, value: object) -> object:
    before = items[_at(items, index)]
    items[index] = value
    return before


def _add(items: list[object], value: object) -> bool:
    items.append(value)
    return True


def _insert(items: list[object], index: int, value: object) -> None:
    items.insert(_at(items, index, to=1), value)


def _add_all(items: list[object], more: Iterable[object]) -> bool:
    before = len(items)
    items.extend(list(more))
    return len(items) > before


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


def _contains_all(items: Sequence[object], wanted: Iterable[object]) -> bool:
    return all(_find(items, value) >= 0 for value in wanted)


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


def _replace(entries: dict[object, object], name: object, value: object) -> object:
    return _put(entries, name, value) if _has(entries, name) else None


def _put_all(entries: dict[object, object], more: Mapping[object, object]) -> None:
    for name, value in more.items():
        _put(entries, name, value)


def _remove_key(entries: dict[object, object], name: object) -> object:
    return entries.pop(name, None) if _has(entries, name) else None


def _entries(entries: dict[object, object]) -> JavaList:
    return JavaList(Entry(name, value) for name, value in entries.items())


def _has_value(entries: dict[object, object], value: object) -> bool:
    return _find(list(entries.values()), value) >= 0


# --- The tables -------------------------------------------------------------------------------------------------

_Table = dict[str, tuple[Overload, ...]]


def _table(*methods: "tuple[str, tuple[type, ...], Callable[..., Any]]", void: Iterable[str] = ()) -> _Table:
    table: dict[str, list[Overload]] = {}
    for name, parameters, call in methods:
        table.setdefault(name, []).append(Overload(parameters, call, name in void))
    return {name: tuple(overloads) for name, overloads in table.items()}


_OBJECT = _table(("toString", (), to_string), ("equals", (object,), equals))

_STRING = _OBJECT | _table(
    ("length", (), len),
    ("isEmpty", (), lambda text: not text),
    ("charAt", (int,), _char_at),
    ("codePointAt", (int,), _code_point_at),
    ("substring", (int,), _substring),
    ("substring", (int, int), _substring),
    ("indexOf", (str,), _index_of),
    ("indexOf", (int,), _index_of),
    ("indexOf", (str, int), _index_of),
    ("indexOf", (int, int), _index_of),
    ("lastIndexOf", (str,), _last_index_of),
    ("lastIndexOf", (int,), _last_index_of),
    ("lastIndexOf", (str, int), _last_index_of),
    ("lastIndexOf", (int, int), _last_index_of),
    ("contains", (str,), lambda text, part: _not_null(part) in text),
    ("startsWith", (str,), _starts_with),
    ("startsWith", (str, int), _starts_with),
    ("endsWith", (str,), lambda text, end: text.endswith(_not_null(end))),
    ("equalsIgnoreCase", (str,), _equals_ignoring_case),
    ("compareTo", (str,), _compare_to),
    ("compareToIgnoreCase", (str,), _compare_ignoring_case),
    ("concat", (str,), lambda text, more: text + _not_null(more)),
    ("toLowerCase", (), _in_characters(str.lower)),
    ("toUpperCase", (), _in_characters(str.upper)),
    # Java's trim takes off everything up to the space.
    ("trim", (), lambda text: text.strip("".join(map(chr, range(33))))),
    ("replace", (str, str), lambda text, old, new: text.replace(_not_null(old), _not_null(new))),
    ("replaceAll", (str, str), _replace_all),
    ("replaceFirst", (str, str), lambda text, old, new: _replace_all(text, old, new, 1)),
    ("matches", (str,), _matches),
    ("split", (str,), _split),
    ("split", (str, int), _split),
    ("hashCode", (), _hash_code),
    ("intern", (), str),
)

_ARRAY = _OBJECT | _table(
    ("size", (), len),
    ("isEmpty", (), lambda items: not items),
    ("get", (int,), _get),
    ("set", (int, object), _set),
    ("contains", (object,), lambda items, value: _find(items, value) >= 0),
    ("indexOf", (object,), _find),
    ("lastIndexOf", (object,), _find_last),
    ("containsAll", (list,), _contains_all),
    ("subList", (int, int), _sub_list),
)

_LIST = _ARRAY | _table(
    ("add", (object,), _add),
    ("add", (int, object), _insert),
    ("addAll", (list,), _add_all),
    ("addAll", (int, list), _insert_all),
    ("remove", (int,), lambda items, index: items.pop(_at(items, index))),
    ("remove", (object,), _remove),
    ("clear", (), list.clear),
    void=("clear",),
)
# Only inserting at an index returns nothing.
_LIST["add"] = (_LIST["add"][0], Overload((int, object), _insert, void=True))

_JSON_ARRAY = _LIST | _table(("toJSONString", (), lambda items: json_smart.to_json(items, for_web=True)))

_MAP = _OBJECT | _table(
    ("size", (), len),
    ("isEmpty", (), lambda entries: not entries),
    ("get", (object,), _entry),
    ("getOrDefault", (object, object), _entry),
    ("containsKey", (object,), _has),
    ("containsValue", (object,), _has_value),
    ("keySet", (), JavaList),
    ("values", (), lambda entries: JavaList(entries.values())),
    ("entrySet", (), _entries),
    ("put", (object, object), _put),
    ("putIfAbsent", (object, object), _put_if_absent),
    ("replace", (object, object), _replace),
    ("putAll", (dict,), _put_all),
    ("remove", (object,), _remove_key),
    ("clear", (), dict.clear),
    void=("putAll", "clear"),
)

_ENTRY = _OBJECT | _table(
    ("getKey", (), lambda entry: entry.key),
    ("getValue", (), lambda entry: entry.value),
)

_NUMBER = _OBJECT | _table(
    ("intValue", (), int),
    ("longValue", (), int),
    ("doubleValue", (), float),
    ("compareTo", (object,), numbers.compare),
)
_INTEGER = _NUMBER | _table(("hashCode", (), lambda number: number))

_BOOLEAN = _OBJECT | _table(("booleanValue", (), lambda value: value))

_METHODS: dict[type, _Table] = {
    str: _STRING,
    dict: _MAP,
    list: _JSON_ARRAY,
    JavaList: _LIST,
    JavaArray: _ARRAY,
    Entry: _ENTRY,
    int: _INTEGER,
    float: _NUMBER,
    Decimal: _NUMBER,
    bool: _BOOLEAN,
    Char: _OBJECT | _table(("toString", (), "".join)),
}
