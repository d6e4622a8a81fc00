r"""Reads a template of the Velocity Template Language, version 1.7.

A scanner without tokens: each method reads one construct at the current place. What surprises in it is Velocity's:
`1 -1` is two numbers and an error, `$a-b` is one name, a `$` or `#` that ends a template is an error, directives
swallow the line break after them, `#set` also the blanks before it, and `\` counts only before `$` and `#name`.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

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
_BLANKS = re.compile(r"[ \t\r\n]*")
_END_OF_LINE = re.compile(r"[ \t]*(?:\r\n|\r|\n)|")
_STRING = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'")
_ESCAPED_UNIT = re.compile(r"\\u(.{0,4})", re.DOTALL)
_FLOAT = re.compile(r"-?\d+\.(?!\.)\d*(?:[eE][+-]?\d+)?|-?\.\d+(?:[eE][+-]?\d+)?|-?\d+[eE][+-]?\d+", re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_BOOLEAN = re.compile(r"(true|false)(?![a-zA-Z0-9_@])")
_WORD = re.compile(r"[a-zA-Z_@][a-zA-Z0-9_@]*")
_NOT = re.compile(r"!(?!=)|not(?![a-zA-Z0-9_@])")
_COMMA = re.compile(r",")

# The operators from the loosest to the tightest; all of them bind to the left.
_OR = re.compile(r"\|\||or(?![a-zA-Z0-9_@])")
_AND = re.compile(r"&&|and(?![a-zA-Z0-9_@])")
_EQUALITY = re.compile(r"==|!=|(?:eq|ne)(?![a-zA-Z0-9_@])")
_RELATION = re.compile(r"<=|>=|<|>|(?:lt|le|gt|ge)(?![a-zA-Z0-9_@])")
# A minus before a digit belongs to the number.
_SUM = re.compile(r"\+|-(?!\.?\d)", re.ASCII)
_PRODUCT = re.compile(r"[*/%]")

_RELATIONS = {
    "<": frozenset({-1}),
    "lt": frozenset({-1}),
    "<=": frozenset({-1, 0}),
    "le": frozenset({-1, 0}),
    ">": frozenset({1}),
    "gt": frozenset({1}),
    ">=": frozenset({0, 1}),
    "ge": frozenset({0, 1}),
}
_PLUGGABLE = frozenset({"foreach", "include", "parse", "macro", "literal", "evaluate", "break", "define", "stop"})
_BRANCHES = frozenset({"if", "elseif", "else", "end"})
_KEYWORDS = _PLUGGABLE | _BRANCHES | {"set"}


def parse(source: str, macros: dict[str, nodes.Macro]) -> Block:
    """Parse a template, and add the macros that it defines to `macros`.

    Raises:
        TemplateError: If the template is not well formed.
    """
    return _Parser(source, macros).template()


class _Word(Node):
    """A bare word among a directive's arguments."""

    def __init__(self, word: str) -> None:
        self.word = word


class _Parser:
    def __init__(self, source: str, macros: dict[str, nodes.Macro]) -> None:
        self._source = source
        self._macros = macros
        self._at = 0

    # --- Statements ---------------------------------------------------------------------------------------------

    def template(self) -> Block:
        block, ending = self._statements()
        if ending:
            raise self._error(f"#{ending} without #if or another block to end", self._at)
        return block

    def _statements(self) -> tuple[Block, str]:
        """Read up to an #else, #elseif or #end, which stays unread and is named in the answer, or to the very end."""
        children: list[Node] = []
        while self._at < len(self._source):
            if found := _SET.match(self._source, self._at):
                self._at = found.end()
                children.append(self._set(found.start()))
            elif found := _TEXT.match(self._source, self._at):
                self._at = found.end()
                children.append(nodes.Text(found[0]))
            elif self._source[self._at] == "#":
                directive = self._directive_name()
                if directive in ("else", "elseif", "end"):
                    return Block(_joined(children)), directive
                children.append(self._hash(directive))
            else:
                children.append(self._dollars() if self._dollars_follow() else self._backslashes())
        return Block(_joined(children)), ""

    def _block(self, opened: int) -> Block:
        """Read the block of a directive, and its #end."""
        block, ending = self._statements()
        if ending != "end":
            raise self._error("expected #end" + (f", not #{ending}" if ending else ""), opened)
        self._directive_end()
        return block

    def _directive_name(self) -> str:
        found = _DIRECTIVE.match(self._source, self._at)
        return (found[1] or found[2]) if found else ""

    def _directive_end(self) -> None:
        """Read `#end` or the like, and the rest of a line that is blank from there on."""
        found = _DIRECTIVE.match(self._source, self._at)
        self._at = found.end() if found else self._at
        self._end_of_line()

    def _end_of_line(self) -> None:
        found = _END_OF_LINE.match(self._source, self._at)
        self._at = found.end() if found else self._at

    # --- Backslashes and dollars --------------------------------------------------------------------------------

    def _dollars_follow(self) -> bool:
        return _DOLLARS.match(self._source, self._at) is not None

    def _backslashes(self) -> Node:
        r"""Read backslashes that stand before no `$`: they count only before a directive."""
        start = self._at
        found = _BACKSLASHES.match(self._source, start)
        count = found.end() - start if found else 0
        self._at = start + count
        directive = _DIRECTIVE.match(self._source, self._at)
        if not directive:
            return nodes.Text("\\" * count)
        name = directive[1] or directive[2]
        if count % 2:
            self._at = directive.end()
            known = name in _KEYWORDS or name in self._macros
            return nodes.Text("\\" * (count // 2 if known else count) + directive[0])
        known = name in _BRANCHES or (directive[1] is not None and (name in _PLUGGABLE or name in self._macros))
        return nodes.Text("\\" * (count // 2 if known else count))

    def _dollars(self) -> Node:
        """Read what starts with `$`: a reference, or text."""
        start = self._at
        found = _DOLLARS.match(self._source, start)
        after = found.end() if found else start
        before = self._source[start:after]
        braced = self._source.startswith("{", after)
        if (_BRACED_NAME if braced else _NAME).match(self._source, after + braced):
            return self._statement_reference(start, after, braced=braced)
        self._at = after
        following = self._source[after : after + 1]
        if not following:
            raise self._error("a $ cannot be the last character", start)
        if _EMPTY_INDEX.match(following):
            self._at += 1
            return nodes.Text(before + following)
        if self._directive_name() in _KEYWORDS:
            # Velocity loses what stands between a $ and a directive.
            return nodes.Text("")
        # Velocity loses a ! that belongs to no reference.
        return nodes.Text(_UNPRINTED.sub("", before))

    def _statement_reference(self, start: int, after: int, *, braced: bool) -> Node:
        before = self._source[start:after]
        last = _LAST_DOLLAR.search(before)
        dollar = start + (last.start() if last else 0)
        if last and last[1] and last[2]:
            return self._slashed(f"{before[: last.start()]}${last[1][1:]}!", after)
        prefix = self._source[start:dollar]
        escapes = len(prefix) - len(prefix.lstrip("\\"))
        self._at = dollar
        return self._reference(escapes=escapes, prefix=prefix[escapes:], braced=braced)

    def _slashed(self, before: str, after: int) -> Node:
        r"""Read `$\!name`, of whose steps Velocity prints nothing."""
        self._at = after
        name = self._match(_NAME, "a name after !")
        self._chain(name, after)
        return nodes.Slashed(before + name)

    def _reference(self, *, escapes: int = 0, prefix: str = "", braced: bool | None = None) -> nodes.Reference:
        """Read a reference, from its `$` on."""
        start = self._at
        quiet = self._source.startswith("!", start + 1)
        self._at += 2 if quiet else 1
        if braced is None:
            braced = self._source.startswith("{", self._at)
        self._at += braced
        name = self._match(_BRACED_NAME if braced else _NAME, "a name after $")
        if name in ("true", "false"):
            raise self._error(f"${name} is not a reference", start)
        steps = self._chain(name, start)
        if braced:
            self._expect("}", start)
        return nodes.Reference(
            name,
            steps,
            Span(self._source, start, self._at),
            quiet=quiet,
            escapes=escapes,
            prefix=prefix,
            # Velocity assigns to a variable called `!a` or `{` unless the reference is written plainly.
            assigned=("!" if quiet else "") + ("{" if braced else name),
        )

    def _chain(self, name: str, start: int) -> Sequence[nodes.Step]:
        """Read the steps after a reference's name."""
        steps: list[nodes.Step] = []
        while True:
            if self._source.startswith("[", self._at):
                self._at += 1
                steps.append(nodes.Index(self._index()))
                self._expect("]", start)
            elif found := _STEP_NAME.match(self._source, self._at):
                self._at = found.end()
                name = self._match(_NAME, "a name")
                if name in ("true", "false"):
                    raise self._error(f".{name} is not a property", start)
                if self._source.startswith("(", self._at):
                    self._at += 1
                    steps.append(nodes.Call(name, self._parameters(")", bare=True)))
                else:
                    steps.append(nodes.Property(name))
            else:
                return steps

    def _index(self) -> Node:
        self._blanks()
        for read in (self._string, self._integer, self._boolean, self._maybe_reference):
            if (node := read()) is not None:
                self._blanks()
                return node
        raise self._error("expected an index", self._at)

    # --- Directives ---------------------------------------------------------------------------------------------

    def _hash(self, directive: str) -> Node:
        """Read what starts with `#`, apart from what ends or continues a block."""
        start = self._at
        if self._source.startswith("##", start):
            found = _LINE_COMMENT.match(self._source, start)
            self._at = found.end() if found else start
            return nodes.Text("")
        if self._source.startswith("#[[", start):
            return nodes.Text(self._textblock(start + 3))
        if self._source.startswith("#*", start):
            self._block_comment(start)
            return nodes.Text("")
        if directive == "if":
            return self._if()
        if directive:
            return self._directive(directive)
        self._at += 1
        if self._at == len(self._source):
            raise self._error("a # cannot be the last character", start)
        return nodes.Text("#")

    def _textblock(self, start: int) -> str:
        end = self._source.find("]]#", start)
        if end < 0:
            raise self._error("expected ]]#", self._at)
        self._at = end + len("]]#")
        return self._source[start:end]

    def _block_comment(self, start: int) -> None:
        """Read `#* … *#`; without its end, everything is the comment."""
        formal = self._source.startswith("*", start + 2) and not self._source.startswith("#", start + 3)
        end = self._source.find("*#", start + (3 if formal else 2))
        self._at = len(self._source) if end < 0 else end + len("*#")

    def _set(self, start: int) -> Node:
        self._blanks()
        if not self._source.startswith("$", self._at):
            raise self._error("expected a reference", start)
        target = self._reference()
        self._blanks()
        if self._source.startswith("==", self._at):
            raise self._error("expected =", start)
        self._expect("=", start)
        value = self._expression()
        self._close(start)
        return nodes.Set(target, value)

    def _close(self, start: int) -> None:
        """Read the `)` of a directive, and the rest of a line that is blank from there on."""
        self._blanks()
        self._expect(")", start)
        self._end_of_line()

    def _if(self) -> Node:
        start = self._at
        branches: list[tuple[Node, Block]] = []
        directive = "if"
        while directive in ("if", "elseif"):
            condition = self._condition()
            block, directive = self._statements()
            branches.append((condition, block))
        if directive == "else":
            self._directive_end()
            block, directive = self._statements()
            branches.append((nodes.Boolean(content=True), block))
        if directive != "end":
            raise self._error("expected #end" + (f", not #{directive}" if directive else ""), start)
        self._directive_end()
        return nodes.If(branches)

    def _condition(self) -> Node:
        start = self._at
        found = _DIRECTIVE.match(self._source, start)
        self._at = found.end() if found else start
        self._blanks()
        self._expect("(", start)
        condition = self._expression()
        self._close(start)
        return condition

    def _directive(self, name: str) -> Node:
        start = self._at
        found = _DIRECTIVE.match(self._source, start)
        self._at = after = found.end() if found else start
        self._blanks()
        arguments: list[Node] | None = None
        if self._source.startswith("(", self._at):
            self._at += 1
            arguments = self._arguments(start)
        else:
            self._at = after
        span = Span(self._source, start, self._at)
        if name in _PLUGGABLE:
            return self._pluggable(name, arguments, span)
        if name.startswith("@") and arguments is not None:
            body = self._block(start)
            return nodes.MacroCall(name[1:], arguments, body, Span(self._source, start, self._at))
        return nodes.MacroCall(name, arguments or [], None, span)

    def _pluggable(self, name: str, arguments: list[Node] | None, span: Span) -> Node:
        readers = {
            "foreach": self._foreach,
            "macro": self._macro,
            "define": self._define,
            "evaluate": self._evaluate,
            "literal": self._literal,
            "break": self._leave,
            "stop": self._leave,
        }
        if name not in readers:
            raise span.error("a mapping template has no other files")
        return readers[name](arguments, span)

    def _arguments(self, start: int) -> list[Node]:
        arguments: list[Node] = []
        while True:
            self._blanks()
            if self._source.startswith(")", self._at):
                self._at += 1
                self._end_of_line()
                return arguments
            if self._source.startswith(",", self._at):
                self._at += 1
                self._blanks()
            argument = self._operand(bare=False) or self._word()
            if argument is None:
                raise self._error("expected an argument or )", start)
            arguments.append(argument)

    def _word(self) -> Node | None:
        found = _WORD.match(self._source, self._at)
        if not found:
            return None
        self._at = found.end()
        return _Word(found[0])

    def _foreach(self, arguments: list[Node] | None, span: Span) -> Node:
        match arguments:
            case [nodes.Reference() as variable, _Word(), *values] if not any(isinstance(v, _Word) for v in values):
                items = values[0] if values else nodes.Literal(None)
                return nodes.Foreach(variable.name, items, self._block(span.start), span)
            case _:
                raise span.error("expected #foreach($item in $items)")

    def _macro(self, arguments: list[Node] | None, span: Span) -> Node:
        match arguments:
            case [_Word(word=name), *parameters] if all(isinstance(p, nodes.Reference) for p in parameters):
                names = [p.name for p in parameters if isinstance(p, nodes.Reference)]
                self._macros.setdefault(name, nodes.Macro(names, self._block(span.start)))
                return nodes.Text("")
            case _:
                raise span.error("expected #macro(name $parameter)")

    def _define(self, arguments: list[Node] | None, span: Span) -> Node:
        match arguments:
            case [nodes.Reference() as variable]:
                return nodes.Define(variable.name, self._block(span.start))
            case _:
                raise span.error("expected #define($name)")

    def _evaluate(self, arguments: list[Node] | None, span: Span) -> Node:
        match arguments:
            case [(nodes.Reference() | nodes.Literal() | nodes.Interpolated()) as argument]:
                return nodes.Evaluate(argument, lambda text: parse(text, self._macros))
            case _:
                raise span.error("expected #evaluate with one string")

    def _literal(self, arguments: list[Node] | None, span: Span) -> Node:
        if arguments is None:
            raise span.error("expected #literal()")
        start = self._at
        _, ending = self._statements()
        if ending != "end":
            raise span.error("expected #end")
        text = self._source[start : self._at]
        self._directive_end()
        return nodes.Text(text)

    def _leave(self, arguments: list[Node] | None, span: Span) -> Node:
        if len(arguments or []) > 1:
            raise span.error("expected one argument at most")
        return nodes.Leave(self._source.startswith("stop", span.start + 1), arguments[0] if arguments else None, span)

    # --- Expressions --------------------------------------------------------------------------------------------

    def _expression(self) -> Node:
        return self._binary(_OR, self._conjunction, lambda _, left, right, __: nodes.Or(left, right))

    def _conjunction(self) -> Node:
        return self._binary(_AND, self._equality, lambda _, left, right, __: nodes.And(left, right))

    def _equality(self) -> Node:
        return self._binary(_EQUALITY, self._relation, _equality)

    def _relation(self) -> Node:
        return self._binary(
            _RELATION, self._sum, lambda sign, left, right, _: nodes.Ordered(_RELATIONS[sign], left, right)
        )

    def _sum(self) -> Node:
        return self._binary(_SUM, self._product, nodes.Calculation)

    def _product(self) -> Node:
        return self._binary(_PRODUCT, self._unary, nodes.Calculation)

    def _binary(
        self,
        operator: re.Pattern[str],
        operand: Callable[[], Node],
        combine: Callable[[str, Node, Node, Span], Node],
    ) -> Node:
        self._blanks()
        start = self._at
        left = operand()
        while True:
            self._blanks()
            if not (found := operator.match(self._source, self._at)):
                return left
            self._at = found.end()
            right = operand()
            left = combine(found[0], left, right, Span(self._source, start, self._at))

    def _unary(self) -> Node:
        self._blanks()
        if found := _NOT.match(self._source, self._at):
            self._at = found.end()
            return nodes.Not(self._unary())
        start = self._at
        if self._source.startswith("(", start):
            self._at += 1
            inner = self._expression()
            self._blanks()
            self._expect(")", start)
            return inner
        operand = self._operand(bare=False)
        if operand is None:
            raise self._error("expected a value", start)
        return operand

    def _operand(self, *, bare: bool) -> Node | None:
        """Read one value; `bare` names, which only the arguments of methods may hold, are null."""
        for read in (self._string, self._float, self._integer, self._boolean, self._maybe_reference):
            if (node := read()) is not None:
                return node
        if self._source.startswith("[", self._at):
            return self._list(bare=bare)
        if self._source.startswith("{", self._at):
            return self._map(bare=bare)
        if bare and (found := _NAME.match(self._source, self._at)):
            start = self._at
            self._at = found.end()
            self._chain(found[0], start)
            return nodes.Literal(None)
        return None

    def _maybe_reference(self) -> Node | None:
        return self._reference() if self._source.startswith("$", self._at) else None

    def _boolean(self) -> Node | None:
        found = _BOOLEAN.match(self._source, self._at)
        if not found:
            return None
        self._at = found.end()
        return nodes.Boolean(content=found[1] == "true")

    def _integer(self) -> Node | None:
        found = _INTEGER.match(self._source, self._at)
        if not found:
            return None
        self._at = found.end()
        return nodes.Literal(int(found[0]))

    def _float(self) -> Node | None:
        found = _FLOAT.match(self._source, self._at)
        if not found:
            return None
        self._at = found.end()
        return nodes.Literal(float(Decimal(found[0])))

    def _string(self) -> Node | None:
        found = _STRING.match(self._source, self._at)
        if not found:
            if self._source.startswith(('"', "'"), self._at):
                raise self._error("a string without its closing quote", self._at)
            return None
        start, self._at = self._at, found.end()
        quote, content = found[0][0], found[0][1:-1]
        interpolated = quote == '"' and ("$" in content or "#" in content)
        if quote == '"':
            content = _ESCAPED_UNIT.sub(self._unescape, content)
        content = content.replace(quote * 2, quote)
        if not interpolated:
            return nodes.Literal(content)
        padded = "##" not in content
        try:
            return nodes.Interpolated(parse(content + " " * padded, self._macros), padded)
        except TemplateError as error:
            raise self._error(f"in the string {found[0]}: {error}", start) from None

    def _unescape(self, found: re.Match[str]) -> str:
        try:
            return chr(int(found[1].ljust(4, "?"), 16))
        except ValueError:
            raise self._error(f"\\u{found[1]} is not a character", self._at) from None

    def _list(self, *, bare: bool) -> Node:
        start = self._at
        self._at += 1
        self._blanks()
        first = self._integer() or self._maybe_reference()
        if first is not None:
            self._blanks()
            if self._source.startswith("..", self._at):
                self._at += 2
                self._blanks()
                last = self._integer() or self._maybe_reference()
                if last is None:
                    raise self._error("expected a number or a reference after ..", start)
                self._blanks()
                self._expect("]", start)
                return nodes.Range(first, last)
        self._at = start + 1
        return nodes.ListLiteral(self._parameters("]", bare=bare))

    def _map(self, *, bare: bool) -> Node:
        start = self._at
        self._at += 1
        entries: list[tuple[Node, Node]] = []
        self._blanks()
        if self._source.startswith("}", self._at):
            self._at += 1
            return nodes.MapLiteral(entries)
        while True:
            name = self._parameter(bare=bare)
            self._expect(":", start)
            entries.append((name, self._parameter(bare=bare)))
            if not _COMMA.match(self._source, self._at):
                self._expect("}", start)
                return nodes.MapLiteral(entries)
            self._at += 1

    def _parameters(self, closing: str, *, bare: bool) -> list[Node]:
        start = self._at
        if self._source.startswith(closing, start):
            self._at += 1
            return []
        parameters = [self._parameter(bare=bare)]
        while _COMMA.match(self._source, self._at):
            self._at += 1
            parameters.append(self._parameter(bare=bare))
        self._expect(closing, start)
        return parameters

    def _parameter(self, *, bare: bool) -> Node:
        self._blanks()
        parameter = self._operand(bare=bare)
        if parameter is None:
            raise self._error("expected a value", self._at)
        self._blanks()
        return parameter

    # --- Characters ---------------------------------------------------------------------------------------------

    def _blanks(self) -> None:
        found = _BLANKS.match(self._source, self._at)
        self._at = found.end() if found else self._at

    def _match(self, pattern: re.Pattern[str], expected: str) -> str:
        found = pattern.match(self._source, self._at)
        if not found:
            raise self._error(f"expected {expected}", self._at)
        self._at = found.end()
        return found[0]

    def _expect(self, character: str, opened: int) -> None:
        if not self._source.startswith(character, self._at):
            got = self._source[self._at : self._at + 10]
            raise self._error(f"expected {character} before {got!r}" if got else f"expected {character}", opened)
        self._at += 1

    def _error(self, problem: str, start: int) -> TemplateError:
        return Span(self._source, start, min(start + 40, len(self._source))).error(problem)


def _joined(children: list[Node]) -> list[Node]:
    """Join neighbouring texts, and drop empty ones."""
    joined: list[Node] = []
    for child in children:
        if isinstance(child, nodes.Text) and joined and isinstance(joined[-1], nodes.Text):
            joined[-1] = nodes.Text(joined[-1].content + child.content)
        elif not isinstance(child, nodes.Text) or child.content:
            joined.append(child)
    return joined


def _equality(sign: str, left: Node, right: Node, span: Span) -> Node:
    del span
    equal = nodes.Equal(left, right)
    return equal if sign in ("==", "eq") else nodes.Not(equal)
