"""What a template is made of once parsed: nodes that render, have a value, or decide an `#if`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from storage_first.local.velocity import _java as java
from storage_first.local.velocity import _numbers as numbers
from storage_first.local.velocity._errors import JavaError, TemplateError

# API Gateway's limit on the iterations of one #foreach.
MAX_ITERATIONS = 1000
# Velocity's own limits on recursion.
_MAX_MACRO_DEPTH = 20
_MAX_DEFINE_DEPTH = 2

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


class Scope:
    """The variables of one rendering.

    Attributes:
        macros: The template's macros, by name.
        empty_nulls: Whether a reference that has no value is an empty string, as in API Gateway.
        depth: How many macro calls this scope is inside.
    """

    __slots__ = ("_variables", "depth", "empty_nulls", "macros")

    def __init__(self, variables: dict[str, object], macros: "Mapping[str, Macro]", *, empty_nulls: bool) -> None:
        self._variables = variables
        self.macros = macros
        self.empty_nulls = empty_nulls
        self.depth = 0

    def get(self, name: str) -> object:
        return self._variables.get(name)

    def put(self, name: str, value: object) -> None:
        self._variables[name] = value

    def restore(self, name: str, value: object) -> None:
        """Give a variable back the value that it had before a loop, or take it away."""
        if value is None:
            self._variables.pop(name, None)
        else:
            self._variables[name] = value

    def literal(self, text: str) -> str:
        """Say what a reference without a value prints: itself."""
        return text


class MacroScope(Scope):
    """The variables inside a macro: its arguments, which are evaluated anew at each use, and all of the caller's."""

    __slots__ = ("_arguments", "_caller", "_own")

    def __init__(self, caller: Scope, arguments: "Mapping[str, Node]") -> None:
        super().__init__({}, caller.macros, empty_nulls=caller.empty_nulls)
        self._caller = caller
        self._arguments = arguments
        self._own: dict[str, object] = {}
        self.depth = caller.depth + 1

    def get(self, name: str) -> object:
        if (own := self._own.get(name)) is not None:
            return own
        if argument := self._arguments.get(name):
            return argument.value(self._caller)
        return self._caller.get(name)

    def put(self, name: str, value: object) -> None:
        self._own[name] = value
        self._caller.put(name, value)

    def restore(self, name: str, value: object) -> None:
        self._own.pop(name, None)
        self._caller.restore(name, value)

    def literal(self, text: str) -> str:
        argument = self._arguments.get(text[1:])
        return argument.text if argument else text


class Stop(Exception):  # noqa: N818 -- no error, but how #stop and #break leave
    """Leaves the rendering up to the loop that it names, or altogether.

    Attributes:
        loop: The loop to leave; the innermost when None.
        everything: Whether to leave the whole template.
    """

    def __init__(self, loop: "Loop | None" = None, *, everything: bool = False) -> None:
        super().__init__()
        self.loop = loop
        self.everything = everything


class Node:
    """A part of a template."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The node as it is written in the template."""
        return ""

    def render(self, scope: Scope, write: Write, /) -> None:
        """Write what the node stands for."""
        raise NotImplementedError

    def value(self, _scope: Scope, /) -> object:
        """Compute the node's value; null for what has none."""
        return None

    def test(self, _scope: Scope, /) -> bool:
        """Decide an #if: in Velocity 1.7 a literal other than `true` is false, even `1` and `"x"`."""
        return False


# --- Text and references ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text as it is."""

    content: str

    def render(self, _scope: Scope, write: Write, /) -> None:
        write(self.content)


@dataclass(frozen=True, slots=True)
class Block(Node):
    """A sequence of nodes."""

    children: Sequence[Node]

    def render(self, scope: Scope, write: Write, /) -> None:
        for child in self.children:
            child.render(scope, write)


class Step:
    """One step of a reference, after its variable."""

    __slots__ = ()

    def follow(self, receiver: object, scope: Scope, /) -> object:
        """Go from a value to the next."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Property(Step):
    """`.name`."""

    name: str

    def follow(self, receiver: object, _scope: Scope, /) -> object:
        return java.get_property(receiver, self.name)


@dataclass(frozen=True, slots=True)
class Call(Step):
    """`.name(arguments)`."""

    name: str
    arguments: Sequence[Node]

    def follow(self, receiver: object, scope: Scope, /) -> object:
        return java.call_method(receiver, self.name, [argument.value(scope) for argument in self.arguments])


@dataclass(frozen=True, slots=True)
class Index(Step):
    """`[index]`."""

    index: Node

    def follow(self, receiver: object, scope: Scope, /) -> object:
        index = java.adjust_index(receiver, self.index.value(scope))
        return java.call_method(receiver, "get", [index])


@dataclass(frozen=True, slots=True)
class Reference(Node):
    r"""`$name.step`, with what stands before it.

    Attributes:
        name: The variable.
        steps: What follows it.
        span: The reference without the backslashes before it.
        quiet: Whether it prints nothing when it has no value.
        escapes: How many backslashes stand before it.
        prefix: Further `$` and `!` before it, which print as they are.
        assigned: The variable that `#set` assigns: Velocity gets the name wrong unless it is written plainly.
    """

    name: str
    steps: Sequence[Step]
    span: Span
    quiet: bool = False
    escapes: int = 0
    prefix: str = ""
    assigned: str = ""

    @property
    def text(self) -> str:
        return self.span.text

    def value(self, scope: Scope, /) -> object:
        value = scope.get(self.name)
        try:
            for step in self.steps:
                if value is None:
                    break
                value = step.follow(value, scope)
        except JavaError as error:
            raise self.span.error(error) from None
        return "" if value is None and scope.empty_nulls else value

    def test(self, scope: Scope, /) -> bool:
        value = self.value(scope)
        return value if isinstance(value, bool) else java.to_string(value) is not None

    def render(self, scope: Scope, write: Write, /) -> None:
        value = self.value(scope)
        kept = "\\" * (self.escapes // 2)
        if self.escapes % 2:
            write(kept + ("\\" if value is None else "") + scope.literal(self.text))
        elif (printed := java.to_string(value)) is not None:
            write(kept + self.prefix + printed)
        else:
            write(kept + kept + self.prefix + ("" if self.quiet else scope.literal(self.text)))

    def assign(self, scope: Scope, value: object) -> None:
        """Set what the reference names; nothing happens when there is no such place."""
        if not self.steps:
            scope.put(self.assigned, value)
            return
        *path, last = self.steps
        receiver = scope.get(self.name)
        try:
            for step in path:
                if receiver is None:
                    return
                receiver = step.follow(receiver, scope)
            if isinstance(last, Index):
                java.set_index(receiver, last.index.value(scope), value)
            elif isinstance(last, Property):
                java.set_property(receiver, last.name, value)
        except JavaError as error:
            raise self.span.error(error) from None


@dataclass(frozen=True, slots=True)
class Slashed(Node):
    r"""`$\!name`, which is no reference: it prints without one of its backslashes."""

    content: str

    def render(self, scope: Scope, write: Write, /) -> None:
        write("" if scope.empty_nulls else self.content)


# --- Expressions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a string without references, or null."""

    content: object

    def value(self, _scope: Scope, /) -> object:
        return self.content


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    """`true` or `false`."""

    content: bool

    def value(self, _scope: Scope, /) -> object:
        return self.content

    def test(self, _scope: Scope, /) -> bool:
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

    def value(self, scope: Scope, /) -> object:
        written: list[str] = []
        self.block.render(scope, written.append)
        text = "".join(written)
        return text[:-1] if self.padded else text


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    """`[a, b]`."""

    items: Sequence[Node]

    def value(self, scope: Scope, /) -> object:
        return java.JavaList(item.value(scope) for item in self.items)


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    """`{a: b}`."""

    entries: Sequence[tuple[Node, Node]]

    def value(self, scope: Scope, /) -> object:
        entries: dict[object, object] = {}
        for name, item in self.entries:
            java.set_property(entries, name.value(scope), item.value(scope))
        return entries


@dataclass(frozen=True, slots=True)
class Range(Node):
    """`[1..3]`."""

    first: Node
    last: Node

    def value(self, scope: Scope, /) -> object:
        first, last = self.first.value(scope), self.last.value(scope)
        if not (numbers.is_number(first) and numbers.is_number(last)):
            return None
        start, end = int(first), int(last)
        step = -1 if start >= end else 1
        if abs(end - start) > _LONGEST_RANGE:
            raise TemplateError(f"the range [{start}..{end}] is too long for any #foreach")
        return java.JavaList(range(start, end + step, step))


# Far beyond what a #foreach may visit, but enough to keep a template from filling the memory.
_LONGEST_RANGE = 100_000


@dataclass(frozen=True, slots=True)
class Calculation(Node):
    """`left + right` and the like: null unless both are numbers, but `+` also joins strings."""

    operator: str
    left: Node
    right: Node
    span: Span

    @property
    def text(self) -> str:
        return self.span.text

    def value(self, scope: Scope, /) -> object:
        left, right = self.left.value(scope), self.right.value(scope)
        if self.operator == "+" and (isinstance(left, str) or isinstance(right, str)):
            return _concatenate(self.left, left) + _concatenate(self.right, right)
        if not (numbers.is_number(left) and numbers.is_number(right)):
            return None
        try:
            return _CALCULATIONS[self.operator](left, right)
        except JavaError as error:
            raise self.span.error(error) from None


def _concatenate(node: Node, value: object) -> str:
    text = java.to_string(value)
    return node.text if value is None else "null" if text is None else text


_CALCULATIONS: Mapping[str, Callable[[numbers.Number, numbers.Number], object]] = {
    "+": numbers.add,
    "-": numbers.subtract,
    "*": numbers.multiply,
    "/": numbers.divide,
    "%": numbers.modulo,
}


class Condition(Node):
    """Whatever is true or false by itself."""

    __slots__ = ()

    def value(self, scope: Scope, /) -> object:
        return self.test(scope)


@dataclass(frozen=True, slots=True)
class Equal(Condition):
    """`left == right`."""

    left: Node
    right: Node

    def test(self, scope: Scope, /) -> bool:
        return java.compare(self.left.value(scope), self.right.value(scope))


@dataclass(frozen=True, slots=True)
class Ordered(Condition):
    """`left < right` and the like: false unless both are numbers."""

    accepted: frozenset[int]
    left: Node
    right: Node

    def test(self, scope: Scope, /) -> bool:
        left, right = self.left.value(scope), self.right.value(scope)
        return numbers.is_number(left) and numbers.is_number(right) and numbers.compare(left, right) in self.accepted


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """`!operand`."""

    operand: Node

    def test(self, scope: Scope, /) -> bool:
        return not self.operand.test(scope)


@dataclass(frozen=True, slots=True)
class And(Condition):
    """`left && right`."""

    left: Node
    right: Node

    def test(self, scope: Scope, /) -> bool:
        return self.left.test(scope) and self.right.test(scope)


@dataclass(frozen=True, slots=True)
class Or(Condition):
    """`left || right`."""

    left: Node
    right: Node

    def test(self, scope: Scope, /) -> bool:
        return self.left.test(scope) or self.right.test(scope)


# --- Directives -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Set(Node):
    """`#set`, which leaves the variable alone when the value is null."""

    target: Reference
    source: Node

    def render(self, scope: Scope, _write: Write, /) -> None:
        value = self.source.value(scope)
        if value is not None:
            self.target.assign(scope, value)


@dataclass(frozen=True, slots=True)
class If(Node):
    """`#if`, with its `#elseif`s, and `#else` as a condition that is always true."""

    branches: Sequence[tuple[Node, Block]]

    def render(self, scope: Scope, write: Write, /) -> None:
        for condition, block in self.branches:
            if condition.test(scope):
                block.render(scope, write)
                return


@dataclass(frozen=True, slots=True)
class Foreach(Node):
    """`#foreach`."""

    variable: str
    items: Node
    block: Block
    span: Span

    def render(self, scope: Scope, write: Write, /) -> None:
        items = java.iterate(self.items.value(scope))
        if items is None:
            return
        if len(items) > MAX_ITERATIONS:
            raise self.span.error(f"{len(items)} iterations, API Gateway allows {MAX_ITERATIONS}")
        outer = scope.get("foreach")
        loop = Loop(outer)
        names = (self.variable, "velocityCount", "velocityHasNext")
        before = [scope.get(name) for name in names]
        scope.put("foreach", loop)
        try:
            for index, item in enumerate(items):
                loop.go_to(index, has_next=index + 1 < len(items))
                for name, value in zip(names, (item, index + 1, loop.has_next), strict=True):
                    scope.put(name, value)
                self.block.render(scope, write)
        except Stop as stop:
            if stop.everything or stop.loop not in (None, loop):
                raise
        finally:
            for name, value in zip(names, before, strict=True):
                scope.restore(name, value)
            scope.restore("foreach", outer)


class Loop(java.Bean):
    """`$foreach`: where a loop is, and a place for the template's own values."""

    __slots__ = ("_index", "_values", "has_next", "outer")

    def __init__(self, outer: object) -> None:
        self.outer = outer
        self.has_next = False
        self._index = -1
        self._values: dict[object, object] = {}

    def go_to(self, index: int, *, has_next: bool) -> None:
        """Move on to the next item."""
        self._index = index
        self.has_next = has_next

    def java_methods(self) -> Mapping[str, Sequence[java.Overload]]:
        return _LOOP_METHODS

    def java_string(self) -> str | None:
        return java.to_string(self._values)

    @property
    def index(self) -> int:
        """How many items came before this one."""
        return self._index

    @property
    def topmost(self) -> "Loop":
        """The outermost loop."""
        return self.outer.topmost if isinstance(self.outer, Loop) else self

    def get(self, name: object) -> object:
        """Read a value that the template has put here, or in a loop around this one."""
        if name in self._values or not isinstance(self.outer, Loop):
            return self._values.get(name)
        return self.outer.get(name)

    def put(self, name: object, value: object) -> None:
        """Keep a value of the template's."""
        self._values[name] = value


def _getter(read: Callable[[Loop], object]) -> tuple[java.Overload]:
    return (java.Overload((), read),)


_LOOP_METHODS: Mapping[str, Sequence[java.Overload]] = {
    "getIndex": _getter(lambda loop: loop.index),
    "getCount": _getter(lambda loop: loop.index + 1),
    "hasNext": _getter(lambda loop: loop.has_next),
    "getHasNext": _getter(lambda loop: loop.has_next),
    "isFirst": _getter(lambda loop: loop.index == 0),
    "getFirst": _getter(lambda loop: loop.index == 0),
    "isLast": _getter(lambda loop: not loop.has_next),
    "getLast": _getter(lambda loop: not loop.has_next),
    "getParent": _getter(lambda loop: loop.outer if isinstance(loop.outer, Loop) else None),
    "getTopmost": _getter(lambda loop: loop.topmost),
    "get": (java.Overload((object,), Loop.get),),
    "put": (java.Overload((object, object), Loop.put),),
}


@dataclass(frozen=True, slots=True)
class Leave(Node):
    """`#break` and `#stop`."""

    everything: bool
    loop: Node | None
    span: Span

    def render(self, scope: Scope, _write: Write, /) -> None:
        if self.everything or self.loop is None:
            raise Stop(everything=self.everything)
        loop = self.loop.value(scope)
        if not isinstance(loop, Loop):
            raise self.span.error("not a loop that can be left")
        raise Stop(loop)


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro: what it is called with, and what it does."""

    parameters: Sequence[str]
    block: Block


@dataclass(frozen=True, slots=True)
class MacroCall(Node):
    """`#name(arguments)`, which prints as it is when there is no such macro."""

    name: str
    arguments: Sequence[Node]
    body: Block | None
    span: Span

    def render(self, scope: Scope, write: Write, /) -> None:
        macro = scope.macros.get(self.name)
        if macro is None:
            write(self.span.text)
            return
        if scope.depth >= _MAX_MACRO_DEPTH:
            raise self.span.error(f"more than {_MAX_MACRO_DEPTH} macro calls inside each other")
        inner = MacroScope(scope, dict(zip(macro.parameters, self.arguments, strict=False)))
        if self.body is not None:
            inner._own["bodyContent"] = Defined(self.body, scope)  # noqa: SLF001 -- a variable of the macro only
        macro.block.render(inner, write)


@dataclass(frozen=True, slots=True)
class Define(Node):
    """`#define($name)`: a block that renders where its name is used."""

    name: str
    block: Block

    def render(self, scope: Scope, _write: Write, /) -> None:
        scope.put(self.name, Defined(self.block, scope))


@dataclass(slots=True, eq=False)
class Defined(java.Bean):
    """The value of a name that `#define` gave to a block."""

    block: Block
    scope: Scope
    depth: int = field(default=0)

    def java_methods(self) -> Mapping[str, Sequence[java.Overload]]:
        return {"toString": (java.Overload((), Defined.java_string),)}

    def java_string(self) -> str | None:
        if self.depth >= _MAX_DEFINE_DEPTH:
            return None
        written: list[str] = []
        self.depth += 1
        try:
            self.block.render(self.scope, written.append)
        finally:
            self.depth -= 1
        return "".join(written)


@dataclass(frozen=True, slots=True)
class Evaluate(Node):
    """`#evaluate(text)`: renders text as a template.

    Attributes:
        argument: The text.
        parse: Parses it, with this template's macros.
    """

    argument: Node
    parse: Callable[[str], Block]

    def render(self, scope: Scope, write: Write, /) -> None:
        self.parse(java.to_string(self.argument.value(scope)) or "").render(scope, write)
