"""Writes the part of a mapping template that finds, checks and escapes the values of a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import says
from constructs_lib.storage_first_api.problems import Problem, bad_request
from constructs_lib.storage_first_api.route import SINGLE_TENANT
from constructs_lib.storage_first_api.templates import (
    Raw,
    Value,
    Vtl,
    client_text,
    concat,
    document,
    either,
    form_text,
    fragment,
    string_literal,
    text_document,
)
from constructs_lib.storage_first_api.values import (
    Joined,
    RequestValue,
    Source,
    Text,
    Type,
    body,
    join,
    parts_of,
    request_id,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aws_cdk import Size

    from constructs_lib.storage_first_api.route import Route

ID_PATTERN = "[A-Za-z0-9_-]{1,64}"
IDEMPOTENCY_KEY = "Idempotency-Key"

# Neither the separator of keys nor that of object names may be in a tenant, or one could write under another's keys.
# And `default` is the tenant of routes that have no other.
TENANT_PATTERN = "(?!default$)[A-Za-z0-9_.:@|+=,-]{1,128}"
_NUMBER = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?"
_ASCII = r"[\t\x20-\x7E]*"
# What text cannot be given back: half a surrogate pair, and what stands for bytes that were not UTF-8.
_NOT_TEXT = r"(?s).*[\p{Cs}\x{FFFD}].*"
# Numbers in JSON that a double may not hold exactly: an exponent of three digits, or a fraction in many digits.
_INEXACT = r"(?s).*[\[:,\s]-?([0-9.]+[eE][+-]?[0-9]{3}|(?=[0-9.]{16})[0-9]+[.][0-9]|[0-9.]{16,}[eE]).*"
# Made by the template itself, or checked to be letters and digits.
_PLAIN = {Source.ARRIVAL, Source.ARRIVAL_DIGIT, Source.EXPIRY, Source.IDEMPOTENCY_KEY}
_PLACES = {Source.PATH: "path", Source.QUERY: "querystring", Source.HEADER: "header"}
_SCHEMAS: Mapping[Type, Mapping[str, Any]] = {
    Type.STRING: {"minLength": 1},
    Type.NUMBER: {"type": "number"},
    Type.BOOL: {"type": "boolean"},
}
_REQUEST_ID = '"$context.requestId"'
# Numbers with an exponent that Java's BigDecimal cannot hold.
_UNREADABLE = r"(?s).*[\[:,\s]-?[0-9][0-9.]*[eE][+-]?[0-9]{10}.*"
_NOT_READABLE = bad_request("The body has a number with an exponent of ten digits or more.")
_NOT_UTF_8 = bad_request("The body must be text in UTF-8.")
_KINDS = {
    Type.STRING: "a text",
    Type.NUMBER: "a number",
    Type.BOOL: "true or false",
    Type.JSON: "an object or a list",
}

# The time of arrival as ISO 8601, built from text: `21/Nov/2026:20:12:29 +0000` and the epoch's milliseconds.
_CLOCK = """
#set($months = {'Jan':'01','Feb':'02','Mar':'03','Apr':'04','May':'05','Jun':'06',
'Jul':'07','Aug':'08','Sep':'09','Oct':'10','Nov':'11','Dec':'12'})
#set($clock = "$context.requestTime")
#set($month = $months.get($clock.substring(3,6)))
#set($day = "${clock.substring(7,11)}-${month}-${clock.substring(0,2)}")
#set($now = "${day}T${clock.substring(12,20)}.${epoch.substring(10,13)}Z")"""


class RequestReader:
    """Reads the values that a store takes from a request, each once.

    A value that is missing or of another type refuses the request: the store's call then becomes one that the service
    must refuse before it stores anything, and that names the reason, by which the response template knows it. A
    mapping template has no other way to refuse.

    Attributes:
        headers: The request headers that are read, each with whether API Gateway refuses a request without it.
        query_parameters: The same of the query string.
    """

    def __init__(self, route: Route) -> None:
        """Read requests to `route`."""
        self._route = route
        self._variables: dict[Text, str] = {}
        self._header_variables: list[tuple[str, str, str]] = []
        self._clock: list[str] = []
        self._steps: list[str] = []
        self._refusals: list[Problem] = []
        self.reads_json = False
        self._measures = ""
        self.headers: dict[str, bool] = {}
        self.query_parameters: dict[str, bool] = {}

    @property
    def refusals(self) -> Sequence[tuple[str, Problem]]:
        """The reasons for which requests are refused, each with the condition by which a response tells it."""
        return [(says(_marker(index)), problem) for index, problem in enumerate(self._refusals)]

    @property
    def documentation(self) -> Mapping[str, Any]:
        """What an OpenAPI document says of the parameters that are read, where they are more than any text."""
        schemas = {
            f"{_PLACES[value.source]}.{value.name}": _SCHEMAS[value.type]
            for value in self._variables
            if isinstance(value, RequestValue) and value.source in _PLACES
        }
        return {"parameters": schemas} if schemas else {}

    @property
    def epoch(self) -> str:
        """The variable that holds the milliseconds of the epoch at arrival, as text of 13 digits."""
        self._add_clock('\n#set($epoch = "$context.requestTimeEpoch")')
        return "$epoch"

    def text(self, text: Text) -> Vtl:
        """Read `text` into the inside of a JSON string."""
        return concat(*(self._inside(part) if isinstance(part, RequestValue) else part for part in parts_of(text)))

    def _inside(self, value: RequestValue) -> Vtl:
        """Escape `value`, unless it can be nothing but digits, letters and the like."""
        if value.source is Source.TENANT and not self._route.access.tenant:
            return Vtl(SINGLE_TENANT)
        variable = self.variable(value)
        plain = value.source in _PLAIN or value.type in {Type.NUMBER, Type.BOOL}
        return Vtl(f"${{{variable[1:]}}}") if plain else client_text(variable)

    def form_text(self, text: Text) -> str:
        """Read `text` into the value of a form's field."""
        return form_text(self.variable(text))

    def base64(self, text: Text) -> Vtl:
        """Read `text` into the inside of a JSON string that holds its bytes (UTF-8) in base64."""
        return Vtl(f"$util.base64Encode({self.variable(text)})")

    def bare(self, value: RequestValue) -> Raw:
        """Read a Boolean as it is: it was checked to be nothing else."""
        return Raw(self.variable(value))

    def variable(self, text: Text) -> str:
        """Read `text` into a variable, unescaped: only for conditions, and for `$util` functions that make it safe.

        Raises:
            ValueError: If the route has no such value.
        """
        if text == body():
            return self._whole_body()
        if text not in self._variables:
            variable = self._variables[text] = f"$v{len(self._variables)}"
            if isinstance(text, RequestValue):
                self._read(variable, text)
            else:
                self._join(variable, text)
        return self._variables[text]

    def require(self, text: Text, pattern: str, problem: Problem) -> None:
        """Refuse a request in which `text` does not match the regular expression `pattern`."""
        variable = self.variable(text)  # reading it may have refused the request already, for a better reason
        self.refuse(f"$refused == \"\" && !{variable}.matches('{pattern}')", problem)

    def match(self, value: RequestValue, pattern: str, problem: Problem) -> str:
        """Read a parameter of the path or the query into a variable; refuse it unless it matches `pattern`."""
        variable = self._variables[value] = f"$v{len(self._variables)}"
        self._read_parameter(variable, value)
        self.refuse(f"!{variable}.matches('{pattern}')", problem)
        return variable

    def fingerprint(self, text: Text) -> str:
        """Read what tells `text` and the body from any others: a length and two hash codes, up to 35 characters."""
        variable = self.variable(join(text, body()))[1:]
        encoded = f"$f{variable}"
        self._steps.append("\n" + _set(encoded, f"$util.base64Encode(${variable})"))
        return f"${{{variable}.length()}}.${{{variable}.hashCode()}}.${{{encoded[1:]}.hashCode()}}"

    def refuse(self, condition: str, problem: Problem) -> None:
        """Refuse a request for which `condition` holds; of several refusals the last counts."""
        self._steps.append("\n" + self._refusal(condition, problem))

    def refuse_body_over(self, size: Size) -> None:
        """Refuse a body of more bytes than `size`."""
        # The length in bytes is known from base64, which makes four characters of every three bytes.
        limit = int(size.to_bytes()) // 3 * 4
        self._measures = "\n" + self._refusal(f"$util.base64Encode($input.body).length() > {limit}", problems.TOO_LARGE)

    def document(self, request: Mapping[str, Value], *, impossible: Callable[[Vtl], Mapping[str, Value]]) -> str:
        """Write the template of a request in JSON.

        Args:
            request: The request, with what this reader has read.
            impossible: Makes the request which the service refuses with a message that contains the given text.
        """
        if not self._refusals:
            return document(request, setup=self._setup())
        refusal = fragment(impossible(Vtl("$refused")))
        return document(either('$refused == ""', fragment(request), refusal), setup=self._setup())

    def form(self, fields: Mapping[str, str], *, impossible: Mapping[str, str]) -> str:
        """Write the template of a request in a form.

        Args:
            fields: Names and values, encoded already.
            impossible: The fields, in which `$refused` stands for the reason, that make the service refuse.
        """
        request = _form(fields)
        if self._refusals:
            request = f'#if($refused == ""){request}#{{else}}{_form(impossible)}#end'
        return text_document(request, setup=self._setup())

    def _whole_body(self) -> str:
        """Refer to the body, which must have been UTF-8: API Gateway hands over U+FFFD for bytes that were not."""
        if body() not in self._variables:
            self._variables[body()] = "$input.body"
            self.refuse(f'$input.body.matches("{_NOT_TEXT}")', _NOT_UTF_8)
        return self._variables[body()]

    def _setup(self) -> str:
        refused = '\n#set($refused = "")' if self._refusals else ""
        steps = self._readable("".join(self._steps))
        if self._measures:
            steps = f'{self._measures}\n#if($refused == ""){steps}\n#end'
        return "".join([*self._clock, self._header_loop(), refused, steps])

    def _readable(self, steps: str) -> str:
        """Run `steps` only where `$input.path` can read the body; anywhere else the template would fail, with a 500."""
        if not self.reads_json:
            return steps
        return f"\n#if($input.body.matches('{_UNREADABLE}')){self._refused(_NOT_READABLE)}#{{else}}{steps}\n#end"

    def _header_loop(self) -> str:
        """Read all headers at once: their names arrive as the client spelt them."""
        if not self._header_variables:
            return ""
        variables = self._header_variables
        unset = "".join(f"\n{_set(variable, absent)}" for _, variable, absent in variables)
        found = "".join(
            f'\n#if($name.equalsIgnoreCase("{name}"))#set({variable} = $input.params().header.get($name))#end'
            for name, variable, _ in variables
        )
        return f"{unset}\n#foreach($name in $input.params().header.keySet()){found}\n#end"

    def _refusal(self, condition: str, problem: Problem) -> str:
        if problem not in self._refusals:
            self._refusals.append(problem)
        return f"#if({condition}){self._refused(problem)}#end"

    def _refused(self, problem: Problem) -> str:
        if problem not in self._refusals:
            self._refusals.append(problem)
        return f"#set($refused = '{_marker(self._refusals.index(problem))}')"

    def _settle(self, variable: str, value: RequestValue, checks: str, missing: Problem) -> None:
        """Take the default of a value that is not there, or refuse; check one that is."""
        absent = self._refused(missing) if value.default is None else _set(variable, string_literal(value.default))
        present = f"#{{else}}{checks}" if checks else ""
        self._steps.append(f'\n#if({variable} == ""){absent}{present}#end')

    def _join(self, variable: str, text: str | Joined) -> None:
        parts = [
            f"${{{self.variable(part)[1:]}}}" if isinstance(part, RequestValue) else string_literal(part)[1:-1]
            for part in parts_of(text)
        ]
        self._steps.append("\n" + _set(variable, f'"{"".join(parts)}"'))

    def _read(self, variable: str, value: RequestValue) -> None:
        match value.source:
            case Source.BODY:
                self._read_body(variable, value)
            case Source.HEADER:
                self._read_header(variable, value.name, required=value.default is None)
                self._check_parameter(variable, value)
            case Source.PATH | Source.QUERY:
                self._read_parameter(variable, value)
                self._check_parameter(variable, value)
            case Source.CLAIM | Source.CONTEXT:
                self._route.access.require(value, self._route.name)
                self._steps.append("\n" + _set(variable, _context(value)))
                if value != request_id():
                    missing = Problem(status=HTTPStatus.FORBIDDEN, detail=f"The caller has no {value.label}.")
                    self._settle(variable, value, "", missing)
            case Source.TENANT:
                self._read_tenant(variable)
            case Source.IDEMPOTENCY_KEY:
                self._read_idempotency_key(variable)
            case _:
                self._steps.append("\n" + _set(variable, self._derived(value)))

    def _derived(self, value: RequestValue) -> str:
        """Write the expression of a value that is found nowhere in the request."""
        match value.source:
            case Source.ARRIVAL_DIGIT:
                return f"{self.epoch}.substring(12,13)"
            case Source.ARRIVAL:
                _ = self.epoch
                self._add_clock(_CLOCK)
                return "$now"
            case _:
                seconds = f'$util.parseJson("[{self.epoch}]").get(0) / 1000 + {value.name}'
                self._steps.append("\n" + _set("$seconds", seconds))
                return '"$seconds"'

    def _add_clock(self, directives: str) -> None:
        if directives not in self._clock:
            self._clock.append(directives)

    def _read_tenant(self, variable: str) -> None:
        self._steps.append("\n" + _set(variable, tenant_of(self._route)))
        if self._route.access.tenant:
            self.refuse(f'!{variable}.matches("{TENANT_PATTERN}")', problems.FORBIDDEN)

    def _read_idempotency_key(self, variable: str) -> None:
        self._read_header(variable, IDEMPOTENCY_KEY, required=False, absent=_REQUEST_ID)
        self.refuse(f'!{variable}.matches("{ID_PATTERN}")', problems.INVALID_KEY)

    def _read_header(self, variable: str, name: str, *, required: bool, absent: str = '""') -> None:
        self._header_variables.append((name, variable, absent))
        self.headers[name] = self.headers.get(name, False) or required

    def _read_parameter(self, variable: str, value: RequestValue) -> None:
        if value.source is Source.PATH:
            self._route.require_path_parameter(value.name)
        else:
            required = value.default is None
            self.query_parameters[value.name] = self.query_parameters.get(value.name, False) or required
        place = "path" if value.source is Source.PATH else "querystring"
        self._steps.append("\n" + _set(variable, f"\"$!input.params().{place}.get('{value.name}')\""))

    def _check_parameter(self, variable: str, value: RequestValue) -> None:
        match value.type:
            case Type.BOOL:
                wrong, condition = "must be true or false", f'!{variable}.matches("true|false")'
            case Type.NUMBER:
                wrong, condition = "must be a number", f'!{variable}.matches("{_NUMBER}")'
            case _ if value.source is Source.HEADER:
                wrong, condition = "must be ASCII", f'!{variable}.matches("{_ASCII}")'
            case _:
                wrong, condition = "must be text in UTF-8", f'{variable}.matches("{_NOT_TEXT}")'
        check = self._refusal(condition, bad_request(f"The {value.label} {wrong}."))
        self._settle(variable, value, check, bad_request(f"The {value.label} is missing or empty."))

    def _read_body(self, variable: str, value: RequestValue) -> None:
        self.reads_json = True
        path = value.name
        as_json = f"$input.json('{path}')"
        needed = bad_request(f"The body must have {_KINDS[value.type]} at {path}.")
        self._steps.append("\n" + _set(variable, f"\"$!input.path('{path}')\""))
        match value.type:
            case Type.STRING:
                checks = self._refusal(f"!{as_json}.startsWith('\"')", needed) + self._refusal(
                    f'{variable}.matches("{_NOT_TEXT}")', bad_request(f"The text at {path} is not Unicode.")
                )
            case Type.BOOL:
                checks = self._refusal(f'!{as_json}.matches("true|false")', needed)
            case Type.NUMBER:
                checks = self._number(variable, path, needed)
            case Type.JSON:
                inexact = bad_request(f"The numbers at {path} have more digits than can be kept exactly.")
                checks = (
                    self._refusal(f'!{as_json}.matches("(?s)[{{\\[].*")', needed)
                    + self._refusal(f"$input.body.matches('{_INEXACT}')", inexact)
                    + _set(variable, as_json)
                    + self._refusal(
                        f'{variable}.matches("{_NOT_TEXT}")', bad_request(f"The text at {path} is not Unicode.")
                    )
                )
        self._settle(variable, value, checks, needed)

    def _number(self, variable: str, path: str, needed: Problem) -> str:
        """Take a number as it was written.

        Whole numbers are exact as API Gateway parses them. Others it may round: they are taken from the body's text,
        from the last member of that name, which must parse to the very number that the path leads to.
        """
        name = path.rpartition(".")[2]
        written = f"$input.body.replaceAll('(?s)\\A.*\"{name}\"\\s*:\\s*(-?[0-9][0-9.eE+-]*)\\s*[,}}].*', '$1')"
        ambiguous = bad_request(f"The number at {path} could not be read exactly. Write it once, without escapes.")
        return (
            f"#if(!$input.json('{path}').matches('-?[0-9].*|null')){self._refused(needed)}"
            f'#elseif(!{variable}.matches("-?[0-9]+"))#set($parsed = {variable}){_set(variable, written)}'
            f'#if({variable}.matches("{_NUMBER}"))#set($again = $util.parseJson("[{variable}]").get(0))'
            f"{self._refusal(chr(34) + '$again' + chr(34) + ' != $parsed', ambiguous)}"
            f"#{{else}}{self._refused(ambiguous)}#end#end"
        )


def tenant_of(route: Route) -> str:
    """Write the Velocity expression of the tenant whose a request to `route` is."""
    tenant = route.access.tenant
    return _context(tenant) if tenant else f'"{SINGLE_TENANT}"'


def _marker(index: int) -> str:
    return f"Refused_{index}_"


def _set(variable: str, expression: str) -> str:
    return f"#set({variable} = {expression})"


def _context(value: RequestValue) -> str:
    """Refer to a claim or a context variable as text, empty where there is none."""
    name = value.name
    if value.source is Source.CLAIM:
        name = f"authorizer.claims['{name}']"
    return f'"$!context.{name}"'


def _form(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in fields.items())
