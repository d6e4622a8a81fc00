"""Request bodies against their models: JSON Schema draft 4, and the words in which API Gateway says what is wrong.

API Gateway validates with a well-known Java validator, whose messages callers get to see through
`$context.error.validationErrorString`; so the front speaks as that one does. Like it, it says nothing of what is
inside an object or an array that is wrong itself.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft4Validator, FormatChecker, SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4

from storage_first.local.front.values import Json

UNPARSABLE = "[Unknown error parsing request body]"
"""What API Gateway says of a body that is not JSON."""

_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,12})?(Z|[+-]\d{2}:?\d{2})")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_DATE_TIME_FORMATS = "[yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,12}Z]"
_FORMATS: Mapping[str, str] = {
    "date-time": f"is invalid against requested date format(s) {_DATE_TIME_FORMATS}",
    "email": "is not a valid email address",
    "ipv4": "is not a valid IPv4 address",
    "ipv6": "is not a valid IPv6 address",
    "regex": "is not a valid ECMA 262 regular expression",
}

_formats = FormatChecker(formats=("ipv4", "ipv6", "regex"))
_formats.checks("date-time")(lambda value: not isinstance(value, str) or bool(_DATE_TIME.fullmatch(value)))
_formats.checks("email")(lambda value: not isinstance(value, str) or bool(_EMAIL.fullmatch(value)))


class InvalidModelError(ValueError):
    """A model is no JSON Schema of draft 4; AWS refuses to deploy it."""


class BodyModel:
    """A model, ready to validate bodies."""

    def __init__(self, schema: Mapping[str, Any], *, others: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Prepare a model.

        Args:
            schema: The model's JSON Schema.
            others: Schemas that this one may refer to, by URI.

        Raises:
            InvalidModelError: If `schema` is not valid.
        """
        try:
            Draft4Validator.check_schema(schema)
        except SchemaError as error:
            raise InvalidModelError(error.message) from error
        # An "id" would become the base of every reference; API Gateway takes references literally.
        schema = {key: value for key, value in schema.items() if key != "id"}
        registry: Registry[Any] = Registry().with_resources(
            (uri, DRAFT4.create_resource(contents)) for uri, contents in {**(others or {}), "": schema}.items()
        )
        _look_up_references(schema, registry)
        self._validator = Draft4Validator(schema, registry=registry, format_checker=_formats)

    def complaint(self, body: str) -> str | None:
        """Tell what is wrong with a body, in API Gateway's format, or None.

        An absent body is validated as an empty object.
        """
        try:
            document = json.loads(body or "{}", parse_constant=_refuse)
            errors = _outermost(list(self._validator.iter_errors(document)))
        except (ValueError, RecursionError):
            return UNPARSABLE
        violations = (_Violation(error) for error in errors)
        messages = dict.fromkeys(map(self._describe, violations))  # one for all missing properties, not one for each
        return f"[{', '.join(messages)}]" if messages else None

    def _describe(self, violation: "_Violation") -> str:
        if violation.keyword == "oneOf":
            schemas = violation.wanted
            matched = sum(self._validator.evolve(schema=schema).is_valid(violation.found) for schema in schemas)
            return f"instance failed to match exactly one schema (matched {matched} out of {len(schemas)})"
        describe = _DESCRIPTIONS.get(violation.keyword)
        return describe(violation) if describe else violation.message


class _Violation:
    """A keyword of a schema, what it wants, and what was found."""

    def __init__(self, error: ValidationError) -> None:
        self.keyword = str(error.validator)
        self.wanted: Json = error.validator_value
        self.found: Json = error.instance
        self.schema: Json = error.schema
        self.message = error.message


def _look_up_references(schema: Json, registry: Registry[Any]) -> None:
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            try:
                registry.resolver().lookup(reference)
            except Unresolvable as error:
                raise InvalidModelError(f"{reference} leads nowhere") from error
        for part in schema.values():
            _look_up_references(part, registry)
    elif isinstance(schema, list):
        for part in schema:
            _look_up_references(part, registry)


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")


def _outermost(errors: Sequence[ValidationError]) -> Iterator[ValidationError]:
    places = {tuple(error.absolute_path) for error in errors}
    for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path]):
        place = tuple(error.absolute_path)
        if not any(place[:depth] in places for depth in range(len(place))):
            yield error


def _json(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _required(violation: _Violation) -> str:
    missing = sorted(name for name in violation.wanted if name not in violation.found)
    return f"object has missing required properties ({_json(missing)})"


def _type(violation: _Violation) -> str:
    allowed = violation.wanted
    names = {allowed} if isinstance(allowed, str) else set(allowed)
    if "number" in names:
        names.add("integer")
    return (
        f"instance type ({_type_name(violation.found)}) does not match any allowed primitive type "
        f"(allowed: {_json(sorted(names))})"
    )


def _type_name(value: Json) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _additional_properties(violation: _Violation) -> str:
    properties = violation.schema.get("properties", {})
    patterns = violation.schema.get("patternProperties", {})
    extra = sorted(
        name
        for name in violation.found
        if name not in properties and not any(re.search(pattern, name) for pattern in patterns)
    )
    return f"object instance has properties which are not allowed by the schema: {_json(extra)}"


def _maximum(violation: _Violation) -> str:
    if violation.schema.get("exclusiveMaximum") and violation.found == violation.wanted:
        return f"numeric instance is not strictly lower than the required maximum {_json(violation.wanted)}"
    return (
        "numeric instance is greater than the required maximum "
        f"(maximum: {_json(violation.wanted)}, found: {_json(violation.found)})"
    )


def _minimum(violation: _Violation) -> str:
    if violation.schema.get("exclusiveMinimum") and violation.found == violation.wanted:
        return f"numeric instance is not strictly greater than the required minimum {_json(violation.wanted)}"
    return (
        "numeric instance is lower than the required minimum "
        f"(minimum: {_json(violation.wanted)}, found: {_json(violation.found)})"
    )


def _format(violation: _Violation) -> str:
    return f'string "{violation.found}" {_FORMATS[violation.wanted]}'


_DESCRIPTIONS: Mapping[str, Callable[[_Violation], str]] = {
    "additionalProperties": _additional_properties,
    "anyOf": lambda violation: f"instance failed to match at least one required schema among {len(violation.wanted)}",
    "enum": lambda violation: (
        f"instance value ({_json(violation.found)}) not found in enum (possible values: {_json(violation.wanted)})"
    ),
    "format": _format,
    "maximum": _maximum,
    "maxItems": lambda violation: (
        f"array is too long: must have at most {violation.wanted} elements "
        f"but instance has {len(violation.found)} elements"
    ),
    "maxLength": lambda violation: (
        f'string "{violation.found}" is too long (length: {len(violation.found)}, maximum allowed: {violation.wanted})'
    ),
    "maxProperties": lambda violation: (
        f"object has too many properties (found {len(violation.found)} but schema requires at most {violation.wanted})"
    ),
    "minimum": _minimum,
    "minItems": lambda violation: (
        f"array is too short: must have at least {violation.wanted} elements "
        f"but instance has {len(violation.found)} elements"
    ),
    "minLength": lambda violation: (
        f'string "{violation.found}" is too short '
        f"(length: {len(violation.found)}, required minimum: {violation.wanted})"
    ),
    "minProperties": lambda violation: (
        f"object has too few properties (found {len(violation.found)} but schema requires at least {violation.wanted})"
    ),
    "multipleOf": lambda violation: (
        f"remainder of division is not zero ({_json(violation.found)} / {_json(violation.wanted)})"
    ),
    "not": lambda _: "instance matched a schema which it should not have",
    "pattern": lambda violation: f'ECMA 262 regex "{violation.wanted}" does not match input string "{violation.found}"',
    "required": _required,
    "type": _type,
    "uniqueItems": lambda _: "array must not contain duplicate elements",
}
