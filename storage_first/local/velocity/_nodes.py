"""What a template is made of once parsed: nodes that render or have a value."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from storage_first.local.velocity import _java as java
from storage_first.local.velocity import _numbers as numbers
from storage_first.local.velocity._errors import JavaError, TemplateError

# API Gateway's limit on the iterations of one #foreach.
MAX_ITERATIONS = 1000
# Far beyond what a #foreach may visit, but enough to keep a template from filling the memory.
_LONGEST_RANGE = 100_000

Variables = dict[str, object]
Write = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the template a node stands."""

    source: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """The node as it is written in the template."""
        return self.source[self.start : self.end]

    def error(self, problem: object) -> TemplateError:
        """Describe a problem with this node, and its place."""
        line = self.source.count("\n", 0, self.start) + 1
        column = self.start - self.source.rfind("\n", 0, self.start)
        shown = self.text.strip().partition("\n")[0]
        return TemplateError(f"line {line}, column {column}: {shown}{': ' if shown else ''}{problem}")


class Stop(Exception):  # noqa: N818 -- no error, but how #stop and #break leave
    """Leaves a loop, or the whole template.

    Attributes:
        loop: The loop to leave; None for the whole template.
    """

    def __init__(self, loop: object) -> None:
        super().__init__()
        self.loop = loop


class Node:
    """A part of a template."""

    __slots__ = ()

    def render(self, variables: Variables, write: Write, /) -> None:
        """Write what the node stands for."""
        raise NotImplementedError

    def value(self, _variables: Variables, /) -> object:
        """Compute the node's value; None is Java's null."""
        raise NotImplementedError

    def test(self, variables: Variables, /) -> bool:
        """Decide an #if: in Velocity 1.7 a literal other than `true` is false, even `1` and `"x"`."""
        return self.value(variables) is True


# --- Text and references ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text as it is."""

    content: str

    def render(self, _variables: Variables, write: Write, /) -> None:
        write(self.content)


@dataclass(frozen=True, slots=True)
class Block(Node):
    """A sequence of nodes."""

    children: Sequence[Node]

    def render(self, variables: Variables, write: Write, /) -> None:
        for child in self.children:
            child.render(variables, write)

    def value(self, variables: Variables, /) -> str:
        written: list[str] = []
        self.render(variables, written.append)
        return "".join(written)


class Step:
    """One step of a reference, after its variable."""

    __slots__ = ()

    def follow(self, receiver: object, variables: Variables, /) -> object:
        """Go from a value to the next."""
        raise NotImplementedError

    def assign(self, receiver: object, variables: Variables, value: object, /) -> None:
        """Set what the step leads to; nothing happens when there is no such place."""


@dataclass(frozen=True, slots=True)
class Property(Step):
    """`.name`."""

    name: str

    def follow(self, receiver: object, _variables: Variables, /) -> object:
        return java.get_property(receiver, self.name)

    def assign(self, receiver: object, _variables: Variables, value: object, /) -> None:
        java.call_method(receiver, "put", (self.name, value))


@dataclass(frozen=True, slots=True)
class Call(Step):
    """`.name(arguments)`."""

    name: str
    arguments: Sequence[Node]

    def follow(self, receiver: object, variables: Variables, /) -> object:
        return java.call_method(receiver, self.name, [argument.value(variables) for argument in self.arguments])


@dataclass(frozen=True, slots=True)
class Index(Step):
    """`[index]`."""

    index: Node

    def follow(self, receiver: object, variables: Variables, /) -> object:
        index = java.adjust_index(receiver, self.index.value(variables))
        return java.call_method(receiver, "get", (index,))

    def assign(self, receiver: object, variables: Variables, value: object, /) -> None:
        index = self.index.value(variables)
        if isinstance(receiver, list):
            java.call_method(receiver, "set", (java.adjust_index(receiver, index), value))
        else:
            java.call_method(receiver, "put", (index, value))


@dataclass(frozen=True, slots=True)
class Reference(Node):
    r"""`$name.step`, with what stands before it.

    A reference without a value is an empty string, which is true: so API Gateway has been observed to do.

    Attributes:
        name: The variable.
        steps: What follows it.
        span: The reference without the backslashes before it.
        before: What of the backslashes and further `$` before it prints.
        escaped: Whether it prints as it is written.
        assigned: The variable that `#set` assigns: Velocity gets the name wrong unless it is written plainly.
    """

    name: str
    steps: Sequence[Step]
    span: Span
    before: str = ""
    escaped: bool = False
    assigned: str = ""

    def value(self, variables: Variables, /) -> object:
        value = self._follow(self.steps, variables)
        return "" if value is None else value

    def test(self, variables: Variables, /) -> bool:
        return self.value(variables) is not False

    def render(self, variables: Variables, write: Write, /) -> None:
        # Even an escaped reference is evaluated: it fails where it would fail.
        printed = java.to_string(self.value(variables))
        write(self.before + (self.span.text if self.escaped else printed))

    def assign(self, variables: Variables, value: object) -> None:
        """Set what the reference names; nothing happens when there is no such place."""
        if not self.steps:
            variables[self.assigned] = value
            return
        *path, last = self.steps
        receiver = self._follow(path, variables)
        if receiver is not None:
            try:
                last.assign(receiver, variables, value)
            except JavaError as error:
                raise self.span.error(error) from None

    def _follow(self, steps: Sequence[Step], variables: Variables) -> object:
        value = variables.get(self.name)
        try:
            for step in steps:
                if value is None:
                    break
                value = step.follow(value, variables)
        except JavaError as error:
            raise self.span.error(error) from None
        return value


# --- Expressions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a string without references, `true`, `false` or null."""

    content: object

    def value(self, _variables: Variables, /) -> object:
        return self.content


@dataclass(frozen=True, slots=True)
class Interpolated(Node):
    """A string in double quotes that is a template itself.

    Attributes:
        block: The string, parsed.
        padded: Whether a space was added at its end, so that a `$` or `#` there is not an error.
    """

    block: Block
    padded: bool

    def value(self, variables: Variables, /) -> object:
        text = self.block.value(variables)
        return text[:-1] if self.padded else text


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    """`[a, b]`."""

    items: Sequence[Node]

    def value(self, variables: Variables, /) -> object:
        return java.JavaList(item.value(variables) for item in self.items)


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    """`{a: b}`."""

    entries: Sequence[tuple[Node, Node]]

    def value(self, variables: Variables, /) -> object:
        entries: dict[object, object] = {}
        for name, item in self.entries:
            java.call_method(entries, "put", (name.value(variables), item.value(variables)))
        return entries


@dataclass(frozen=True, slots=True)
class Range(Node):
    """`[1..3]`."""

    first: Node
    last: Node

    def value(self, variables: Variables, /) -> object:
        first, last = self.first.value(variables), self.last.value(variables)
        if not (numbers.is_number(first) and numbers.is_number(last)):
            return None
        start, end = int(first), int(last)
        step = -1 if start >= end else 1
        if abs(end - start) > _LONGEST_RANGE:
            raise TemplateError(f"the range [{start}..{end}] is too long for any #foreach")
        return java.JavaList(range(start, end + step, step))


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`!operand`."""

    operand: Node

    def value(self, variables: Variables, /) -> object:
        return not self.operand.test(variables)


@dataclass(frozen=True, slots=True)
class Junction(Node):
    """`left && right`, or `left || right`, whose right side only counts when the left one leaves it open."""

    undecided: bool
    left: Node
    right: Node

    def value(self, variables: Variables, /) -> object:
        left = self.left.test(variables)
        return self.right.test(variables) if left is self.undecided else left


@dataclass(frozen=True, slots=True)
class Operation(Node):
    """`left + right`, `left == right` and the like."""

    compute: Callable[[object, object], object]
    left: Node
    right: Node
    span: Span

    def value(self, variables: Variables, /) -> object:
        try:
            return self.compute(self.left.value(variables), self.right.value(variables))
        except JavaError as error:
            raise self.span.error(error) from None


def operation(sign: str, left: Node, right: Node, span: Span) -> Node:
    """Put two operands together."""
    if sign in ("&&", "and", "||", "or"):
        return Junction(sign in ("&&", "and"), left, right)
    return Operation(_OPERATIONS[sign], left, right, span)


def _order(accept: Callable[[int, int], bool]) -> Callable[[object, object], bool]:
    def ordered(left: object, right: object) -> bool:
        return numbers.is_number(left) and numbers.is_number(right) and accept(numbers.compare(left, right), 0)

    return ordered


def _calculate(sign: str, left: object, right: object) -> object:
    return numbers.calculate(sign, left, right) if numbers.is_number(left) and numbers.is_number(right) else None


def _add(left: object, right: object) -> object:
    if isinstance(left, str) or isinstance(right, str):
        return java.to_string(left) + java.to_string(right)
    return _calculate("+", left, right)


def _differ(left: object, right: object) -> bool:
    return not java.compare(left, right)


_OPERATIONS: Mapping[str, Callable[[object, object], object]] = {
    **dict.fromkeys(("==", "eq"), java.compare),
    **dict.fromkeys(("!=", "ne"), _differ),
    **dict.fromkeys(("<", "lt"), _order(operator.lt)),
    **dict.fromkeys(("<=", "le"), _order(operator.le)),
    **dict.fromkeys((">", "gt"), _order(operator.gt)),
    **dict.fromkeys((">=", "ge"), _order(operator.ge)),
    "+": _add,
    **{sign: partial(_calculate, sign) for sign in "-*/%"},
}


# --- Directives -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Set(Node):
    """`#set`, which leaves the variable alone when the value is null."""

    target: Reference
    source: Node

    def render(self, variables: Variables, _write: Write, /) -> None:
        value = self.source.value(variables)
        if value is not None:
            self.target.assign(variables, value)


@dataclass(frozen=True, slots=True)
class If(Node):
    """`#if`, with its `#elseif`s, and `#else` as a condition that is always true."""

    branches: Sequence[tuple[Node, Block]]

    def render(self, variables: Variables, write: Write, /) -> None:
        for condition, block in self.branches:
            if condition.test(variables):
                block.render(variables, write)
                return


@dataclass(frozen=True, slots=True)
class Foreach(Node):
    """`#foreach`."""

    variable: str
    items: Node | None
    block: Block
    span: Span

    def render(self, variables: Variables, write: Write, /) -> None:
        items = java.iterate(self.items.value(variables)) if self.items else None
        if items is None:
            return
        if len(items) > MAX_ITERATIONS:
            raise self.span.error(f"{len(items)} iterations, API Gateway allows {MAX_ITERATIONS}")
        loop = Loop(variables.get("foreach"))
        names = ("foreach", self.variable, "velocityCount", "velocityHasNext")
        before = [variables.get(name) for name in names]
        variables["foreach"] = loop
        try:
            for index, item in enumerate(items):
                loop.index, loop.has_next = index, index + 1 < len(items)
                variables |= zip(names[1:], (item, index + 1, loop.has_next), strict=True)
                self.block.render(variables, write)
        except Stop as stop:
            if stop.loop is not loop:
                raise
        finally:
            for name, value in zip(names, before, strict=True):
                variables[name] = value


class Loop:
    """`$foreach`: where a loop is, and a place for the template's own values."""

    __slots__ = ("has_next", "index", "outer", "values")

    def __init__(self, outer: object) -> None:
        self.outer = outer if isinstance(outer, Loop) else None
        self.index = 0
        self.has_next = False
        self.values: dict[object, object] = {}

    def __str__(self) -> str:
        return java.to_string(self.values)

    def topmost(self) -> "Loop":
        """Go to the outermost loop."""
        return self.outer.topmost() if self.outer else self

    def get(self, name: object) -> object:
        """Read a value that the template has put here, or in a loop around this one."""
        if name in self.values or not self.outer:
            return self.values.get(name)
        return self.outer.get(name)


java.METHODS[Loop] = java.table(
    ("getIndex", lambda loop: loop.index, ()),
    ("getCount", lambda loop: loop.index + 1, ()),
    ("hasNext", lambda loop: loop.has_next, ()),
    ("getHasNext", lambda loop: loop.has_next, ()),
    ("isFirst", lambda loop: loop.index == 0, ()),
    ("getFirst", lambda loop: loop.index == 0, ()),
    ("isLast", lambda loop: not loop.has_next, ()),
    ("getLast", lambda loop: not loop.has_next, ()),
    ("getParent", lambda loop: loop.outer, ()),
    ("getTopmost", Loop.topmost, ()),
    ("get", Loop.get, (object,)),
    ("put", lambda loop, name, value: loop.values.update({name: value}), (object, object)),
)


@dataclass(frozen=True, slots=True)
class Leave(Node):
    """`#stop`, and `#break` of the innermost loop or, with an argument, of that one."""

    everything: bool
    loop: Node | None
    span: Span

    def render(self, variables: Variables, _write: Write, /) -> None:
        if self.everything:
            raise Stop(None)
        loop = self.loop.value(variables) if self.loop else variables.get("foreach")
        if isinstance(loop, Loop) or not self.loop:
            raise Stop(loop)
        raise self.span.error("not a loop that can be left")


@dataclass(frozen=True, slots=True)
class Define(Node):
    """`#define($name)`: a block that renders where its name is used."""

    name: str
    block: Block

    def render(self, variables: Variables, _write: Write, /) -> None:
        variables[self.name] = Defined(self.block, variables)


@dataclass(frozen=True, slots=True, eq=False)
class Defined:
    """The value of a name that `#define` gave to a block."""

    block: Block
    variables: Variables

    def __str__(self) -> str:
        return self.block.value(self.variables)
