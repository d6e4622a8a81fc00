r"""Reads a template of the Velocity Template Language, version 1.7.

A scanner without tokens: each method reads one construct at the current place. What surprises in it is Velocity's:
`1 -1` is two numbers and an error, `$a-b` is one name, a `$` or `#` that ends a template is an error, directives
swallow the line break after them, `#set` also the blanks before it, and `\` counts only before `$` and `#name`.

Directives are those that API Gateway runs. LocalStack's airspeed recorded its answers to some 200 templates
(tests/test_templating.snapshot.json there), and they are Velocity 1.7's with #evaluate taken out and inline macros
forbidden: #define, #foreach and #stop run, a #macro prints nothing, its calls, #evaluate and #return print as they
are. #break runs and #include and #parse fail by users' reports; of #literal nothing is known, so it stays Velocity's.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import groupby

from storage_first.local.velocity import _nodes as nodes
from storage_first.local.velocity._errors import TemplateError
from storage_first.local.velocity._nodes import Block, Node, Span

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]*")
# Inside braces Velocity takes further dollars for a part of the name, and so finds no such variable.
_BRACED_NAME = re.compile(r"(?:\$!?)*[a-zA-Z_][a-zA-Z0-9_-]*")
_TEXT = re.compile(r"[^$#\\]+")
_BACKSLASHES = re.compile(r"\\+")
_SET = re.compile(r"[ \t]*#(?:set|\{set\}) *\(")
_DOLLARS = re.compile(r"(?:\\*\$(?:\\*!)?)+")
_LAST_DOLLAR = re.compile(r"\$(\\*)(!?)$")
_UNPRINTED = re.compile(r"\\*!")
_STEP_NAME = re.compile(r"\.(?=[a-zA-Z])")
_EMPTY_INDEX = re.compile(r"[\[.{}]")
_DIRECTIVE = re.compile(r"#(?:([a-zA-Z_@][a-zA-Z0-9_@]*)|\{([a-zA-Z_][a-zA-Z0-9_@]*)\})")
_LINE_COMMENT = re.compile(r"##[^\r\n]*(?:\r\n|\r|\n)?")
# Without its end, everything is the comment.
_BLOCK_COMMENT = re.compile(r"#(?:\*\*(?!#)|\*).*?(?:\*#|\Z)", re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\n]*")
_END_OF_LINE = re.compile(r"[ \t]*(?:\r\n|\r|\n)|")
_STRING = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'")
_ESCAPED_UNIT = re.compile(r"\\u(.{0,4})", re.DOTALL)
_FLOAT = re.compile(r"-?\d+\.(?!\.)\d*(?:[eE][+-]?\d+)?|-?\.\d+(?:[eE][+-]?\d+)?|-?\d+[eE][+-]?\d+", re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_BOOLEAN = re.compile(r"(true|false)(?![a-zA-Z0-9_@])")
_WORD = re.compile(r"[a-zA-Z_@][a-zA-Z0-9_@]*")
_NOT = re.compile(r"!(?!=)|not(?![a-zA-Z0-9_@])")

# The operators from the loosest to the tightest; all of them bind to the left.
_OPERATORS = (
    re.compile(r"\|\||or(?![a-zA-Z0-9_@])"),
    re.compile(r"&&|and(?![a-zA-Z0-9_@])"),
    re.compile(r"==|!=|(?:eq|ne)(?![a-zA-Z0-9_@])"),
    re.compile(r"<=|>=|<|>|(?:lt|le|gt|ge)(?![a-zA-Z0-9_@])"),
    # A minus before a digit belongs to the number.
    re.compile(r"\+|-(?!\.?\d)", re.ASCII),
    re.compile(r"[*/%]"),
)
_PLUGGABLE = frozenset({"foreach", "include", "parse", "macro", "literal", "break", "define", "stop"})
_ENDINGS = frozenset({"elseif", "else", "end"})
_BUILT_IN = _ENDINGS | {"if"}
_KEYWORDS = _PLUGGABLE | _BUILT_IN | {"set"}


def parse(source: str) -> Block:
    """Parse a template.

    Raises:
        TemplateError: If the template is not well formed.
    """
    return _Parser(source).template()


class _Word(nodes.Literal):
    """A bare word among a directive's arguments, whose value is null."""


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        # How many calls the current place is an argument in: only there a bare word is a value, which is null.
        self._calls = 0

    # --- Statements ---------------------------------------------------------------------------------------------

    def template(self) -> Block:
        block, ending = self._statements()
        if ending:
            raise self._error(f"#{ending} without #if or another block to end", self._at)
        return block

    def _statements(self) -> tuple[Block, str]:
        """Read up to an #else, #elseif or #end, which stays unread and is named in the answer, or to the very end."""
        children: list[Node | str] = []
        while (start := self._at) < len(self._source):
            if self._take(_SET):
                children.append(self._set(start))
            elif found := self._take(_TEXT):
                children.append(found[0])
            elif self._source[start] == "#":
                name = self._directive_name()
                if name in _ENDINGS:
                    return _block(children), name
                children.append(self._hash(name))
            else:
                children.append(self._dollars() if _DOLLARS.match(self._source, start) else self._backslashes())
        return _block(children), ""

    def _body(self, opened: int) -> Block:
        """Read the block of a directive, and its #end."""
        block, ending = self._statements()
        self._end(ending, opened)
        return block

    def _end(self, ending: str, opened: int) -> None:
        if ending != "end":
            raise self._error("expected #end" + (f", not #{ending}" if ending else ""), opened)
        self._take(_DIRECTIVE)
        self._take(_END_OF_LINE)

    def _directive_name(self) -> str:
        found = _DIRECTIVE.match(self._source, self._at)
        return (found[1] or found[2]) if found else ""

    # --- Backslashes and dollars --------------------------------------------------------------------------------

    def _backslashes(self) -> str:
        r"""Read backslashes that stand before no `$`: they count only before a directive."""
        start = self._at
        self._take(_BACKSLASHES)
        count = self._at - start
        directive = _DIRECTIVE.match(self._source, self._at)
        if not directive:
            return "\\" * count
        name = directive[1] or directive[2]
        if count % 2:
            self._at = directive.end()
            return "\\" * (count // 2 if name in _KEYWORDS else count) + directive[0]
        known = name in _BUILT_IN or directive[1] in _PLUGGABLE
        return "\\" * (count // 2 if known else count)

    def _dollars(self) -> Node | str:
        """Read what starts with `$`: a reference, or text."""
        start = self._at
        self._take(_DOLLARS)
        before = self._source[start : self._at]
        braced = self._source.startswith("{", self._at)
        if (_BRACED_NAME if braced else _NAME).match(self._source, self._at + braced):
            return self._statement_reference(start, before)
        if self._at == len(self._source):
            raise self._error("a $ cannot be the last character", start)
        if found := self._take(_EMPTY_INDEX):
            return before + found[0]
        # Velocity loses what stands between a $ and a directive, and a ! that belongs to no reference.
        return "" if self._directive_name() in _KEYWORDS else _UNPRINTED.sub("", before)

    def _statement_reference(self, start: int, before: str) -> Node | str:
        last = _LAST_DOLLAR.search(before)
        dollar = last.start() if last else 0
        if last and last[1] and last[2]:
            # Velocity prints nothing of `$\!name`.
            self._chain(self._name(_NAME, "a name after !"))
            return ""
        self._at = start + dollar
        escapes = dollar - len(before[:dollar].lstrip("\\"))
        escaped = escapes % 2 == 1
        kept = "\\" * (escapes // 2)
        return self._reference(before=kept if escaped else kept + before[escapes:dollar], escaped=escaped)

    def _reference(self, *, before: str = "", escaped: bool = False) -> nodes.Reference:
        """Read a reference, from its `$` on."""
        start = self._at
        self._at += 1
        quiet = self._skip("!")
        braced = self._skip("{")
        name = self._name(_BRACED_NAME if braced else _NAME, "a name after $")
        steps = self._chain(name)
        if braced:
            self._expect("}", start)
        return nodes.Reference(
            name,
            steps,
            Span(self._source, start, self._at),
            before=before,
            escaped=escaped,
            # Velocity assigns to a variable called `!a` or `{` unless the reference is written plainly.
            assigned=("!" if quiet else "") + ("{" if braced else name),
        )

    def _chain(self, name: str) -> Sequence[nodes.Step]:
        """Read the steps after a reference's name."""
        start = self._at - len(name)
        steps: list[nodes.Step] = []
        while True:
            if self._skip("["):
                steps.append(nodes.Index(self._index()))
                self._expect("]", start)
            elif self._take(_STEP_NAME):
                name = self._name(_NAME, "a name")
                steps.append(self._call(name) if self._skip("(") else nodes.Property(name))
            else:
                return steps

    def _call(self, name: str) -> nodes.Call:
        self._calls += 1
        arguments = self._values(")")
        self._calls -= 1
        return nodes.Call(name, arguments)

    def _name(self, pattern: re.Pattern[str], expected: str) -> str:
        start = self._at
        found = self._take(pattern)
        if not found or found[0] in ("true", "false"):
            raise self._error(f"expected {expected}", start)
        return found[0]

    def _index(self) -> Node:
        self._take(_BLANKS)
        index = self._scalar()
        if index is None:
            raise self._error("expected an index", self._at)
        self._take(_BLANKS)
        return index

    # --- Directives ---------------------------------------------------------------------------------------------

    def _hash(self, name: str) -> Node | str:
        """Read what starts with `#`, apart from what ends or continues a block."""
        start = self._at
        if self._take(_LINE_COMMENT):
            return ""
        if self._skip("#[["):
            end = self._source.find("]]#", self._at)
            if end < 0:
                raise self._error("expected ]]#", start)
            self._at = end + len("]]#")
            return self._source[start + len("#[[") : end]
        if self._take(_BLOCK_COMMENT):
            return ""
        if name:
            return self._if() if name == "if" else self._directive(name)
        self._at += 1
        if self._at == len(self._source):
            raise self._error("a # cannot be the last character", start)
        return "#"

    def _set(self, start: int) -> Node:
        self._take(_BLANKS)
        if not self._source.startswith("$", self._at):
            raise self._error("expected a reference", start)
        target = self._reference()
        self._take(_BLANKS)
        self._expect("=", start)
        value = self._expression()
        self._close(start)
        return nodes.Set(target, value)

    def _close(self, start: int) -> None:
        """Read the `)` of a directive, and the rest of a line that is blank from there on."""
        self._take(_BLANKS)
        self._expect(")", start)
        self._take(_END_OF_LINE)

    def _if(self) -> Node:
        start = self._at
        branches: list[tuple[Node, Block]] = []
        name = "if"
        while name in ("if", "elseif"):
            condition = self._condition()
            block, name = self._statements()
            branches.append((condition, block))
        if name == "else":
            self._take(_DIRECTIVE)
            self._take(_END_OF_LINE)
            block, name = self._statements()
            branches.append((nodes.Literal(content=True), block))
        self._end(name, start)
        return nodes.If(branches)

    def _condition(self) -> Node:
        start = self._at
        self._take(_DIRECTIVE)
        self._take(_BLANKS)
        self._expect("(", start)
        condition = self._expression()
        self._close(start)
        return condition

    def _directive(self, name: str) -> Node | str:
        start = self._at
        self._take(_DIRECTIVE)
        after = self._at
        self._take(_BLANKS)
        arguments = None
        if self._skip("("):
            arguments = self._arguments(start)
        else:
            self._at = after
        span = Span(self._source, start, self._at)
        readers: dict[str, Callable[[list[Node] | None, Span], Node | str]] = {
            "foreach": self._foreach,
            "macro": self._macro,
            "define": self._define,
            "literal": self._literal,
            "break": self._leave,
            "stop": self._leave,
        }
        if name in readers:
            return readers[name](arguments, span)
        if name in _PLUGGABLE:
            raise span.error("a mapping template has no other files")
        if name.startswith("@") and arguments is not None:
            self._body(start)
        return self._source[start : self._at]

    def _arguments(self, start: int) -> list[Node]:
        arguments: list[Node] = []
        while True:
            self._take(_BLANKS)
            if self._skip(")"):
                self._take(_END_OF_LINE)
                return arguments
            if self._skip(","):
                self._take(_BLANKS)
            argument = self._operand() or (_Word(None) if self._take(_WORD) else None)
            if argument is None:
                raise self._error("expected an argument or )", start)
            arguments.append(argument)

    def _foreach(self, arguments: list[Node] | None, span: Span) -> Node:
        match arguments:
            case [nodes.Reference() as variable, _Word(), *values] if not any(isinstance(v, _Word) for v in values):
                items = values[0] if values else None
                return nodes.Foreach(variable.name, items, self._body(span.start), span)
            case _:
                raise span.error("expected #foreach($item in $items)")

    def _macro(self, arguments: list[Node] | None, span: Span) -> str:
        match arguments:
            case [_Word(), *parameters] if all(isinstance(p, nodes.Reference) for p in parameters):
                self._body(span.start)
                return ""
            case _:
                raise span.error("expected #macro(name $parameter)")

    def _define(self, arguments: list[Node] | None, span: Span) -> Node:
        match arguments:
            case [nodes.Reference() as variable]:
                return nodes.Define(variable.name, self._body(span.start))
            case _:
                raise span.error("expected #define($name)")

    def _literal(self, arguments: list[Node] | None, span: Span) -> str:
        if arguments is None:
            raise span.error("expected #literal()")
        start = self._at
        _, ending = self._statements()
        text = self._source[start : self._at]
        self._end(ending, span.start)
        return text

    def _leave(self, arguments: list[Node] | None, span: Span) -> Node:
        if len(arguments or []) > 1:
            raise span.error("expected one argument at most")
        return nodes.Leave(self._source.startswith("stop", span.start + 1), arguments[0] if arguments else None, span)

    # --- Expressions --------------------------------------------------------------------------------------------

    def _expression(self, level: int = 0) -> Node:
        if level == len(_OPERATORS):
            return self._unary()
        self._take(_BLANKS)
        start = self._at
        left = self._expression(level + 1)
        while True:
            self._take(_BLANKS)
            if not (sign := self._take(_OPERATORS[level])):
                return left
            right = self._expression(level + 1)
            left = nodes.operation(sign[0], left, right, Span(self._source, start, self._at))

    def _unary(self) -> Node:
        self._take(_BLANKS)
        start = self._at
        if self._take(_NOT):
            return nodes.Not(self._unary())
        if self._skip("("):
            inner = self._expression()
            self._take(_BLANKS)
            self._expect(")", start)
            return inner
        if (operand := self._operand()) is None:
            raise self._error("expected a value", start)
        return operand

    def _operand(self) -> Node | None:
        if found := self._take(_FLOAT):
            return nodes.Literal(float(Decimal(found[0])))
        if (scalar := self._scalar()) is not None:
            return scalar
        if self._skip("["):
            return self._list()
        if self._skip("{"):
            return self._map()
        return nodes.Literal(None) if self._calls and self._take(_NAME) else None

    def _scalar(self) -> Node | None:
        """Read what may also be an index."""
        if self._source.startswith(('"', "'"), self._at):
            return self._string()
        if found := self._take(_INTEGER):
            return nodes.Literal(int(found[0]))
        if found := self._take(_BOOLEAN):
            return nodes.Literal(found[0] == "true")
        return self._reference() if self._source.startswith("$", self._at) else None

    def _string(self) -> Node:
        start = self._at
        found = self._take(_STRING)
        if not found:
            raise self._error("a string without its closing quote", start)
        quote, content = found[0][0], found[0][1:-1]
        interpolated = quote == '"' and ("$" in content or "#" in content)
        if quote == '"':
            content = _ESCAPED_UNIT.sub(self._unescape, content)
        content = content.replace(quote * 2, quote)
        if not interpolated:
            return nodes.Literal(content)
        padded = "##" not in content
        try:
            return nodes.Interpolated(parse(content + " " * padded), padded)
        except TemplateError as error:
            raise self._error(f"in the string {found[0]}: {error}", start) from None

    def _unescape(self, found: re.Match[str]) -> str:
        try:
            return chr(int(found[1].ljust(4, "?"), 16))
        except ValueError:
            raise self._error(f"\\u{found[1]} is not a character", self._at) from None

    def _list(self) -> Node:
        start = self._at
        if self._skip("]"):
            return nodes.ListLiteral(())
        first = self._value()
        if self._skip(".."):
            last = self._value()
            self._expect("]", start)
            if not (_can_end_range(first) and _can_end_range(last)):
                raise self._error("expected whole numbers or references around ..", start)
            return nodes.Range(first, last)
        return nodes.ListLiteral(self._values("]", first))

    def _map(self) -> Node:
        start = self._at - 1
        entries: list[tuple[Node, Node]] = []
        self._take(_BLANKS)
        if self._skip("}"):
            return nodes.MapLiteral(entries)
        while not entries or self._skip(","):
            name = self._value()
            self._expect(":", start)
            entries.append((name, self._value()))
        self._expect("}", start)
        return nodes.MapLiteral(entries)

    def _values(self, closing: str, *read: Node) -> list[Node]:
        """Read values with commas between them, after those already read, and what closes them."""
        start = self._at
        values = list(read)
        if not values and self._skip(closing):
            return values
        while not values or self._skip(","):
            values.append(self._value())
        self._expect(closing, start)
        return values

    def _value(self) -> Node:
        self._take(_BLANKS)
        value = self._operand()
        if value is None:
            raise self._error("expected a value", self._at)
        self._take(_BLANKS)
        return value

    # --- Characters ---------------------------------------------------------------------------------------------

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what matches a pattern, if it does."""
        if found := pattern.match(self._source, self._at):
            self._at = found.end()
        return found

    def _skip(self, text: str) -> bool:
        """Read a text, if it is there."""
        found = self._source.startswith(text, self._at)
        self._at += len(text) * found
        return found

    def _expect(self, character: str, opened: int) -> None:
        if not self._skip(character):
            got = self._source[self._at : self._at + 10]
            raise self._error(f"expected {character} before {got!r}" if got else f"expected {character}", opened)

    def _error(self, problem: str, start: int) -> TemplateError:
        return Span(self._source, start, min(start + 40, len(self._source))).error(problem)


def _can_end_range(node: Node) -> bool:
    return isinstance(node, nodes.Reference) or (isinstance(node, nodes.Literal) and type(node.content) is int)


def _block(children: Sequence[Node | str]) -> Block:
    """Join neighbouring texts, and drop empty ones."""
    joined: list[Node] = []
    for is_text, group in groupby(children, lambda child: isinstance(child, str)):
        if not is_text:
            joined.extend(child for child in group if isinstance(child, Node))
        elif text := "".join(map(str, group)):
            joined.append(nodes.Text(text))
    return Block(joined)
