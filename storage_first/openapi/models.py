"""Body models of API Gateway (JSON Schema draft 4) as OpenAPI 3.1 has schemas (draft 2020-12)."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_COMPONENTS: Final = "#/components/schemas/"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_DEFINITIONS: Final = "#/definitions/"
_OTHER_MODEL: Final = re.compile(r"https://apigateway\.amazonaws\.com/restapis/[^/]+/models/(?P<name>[^/#]+)")

_SCHEMAS_BY_NAME: Final = frozenset({"properties", "patternProperties"})
_SCHEMA_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf"})
_SCHEMAS: Final = frozenset({"additionalProperties", "not", "items"})
_DROPPED: Final = frozenset({"$schema", "id", "definitions"})  # what a component has no use for

Schema = dict[str, Any]


class Models:
    """The schemas of an API's models, each a component.

    Attributes:
        components: The schemas by component name.
    """

    def __init__(self, models: Mapping[str, Any], *, taken: Iterable[str] = ()) -> None:
        """Prepare the models of one API.

        Args:
            models: The models by name, as templates have them.
            taken: Names of components that are something else.
        """
        self.components: dict[str, Schema] = {}
        self._models = {name: json.loads(it) if isinstance(it, str) else it for name, it in models.items()}
        self._names: dict[str, str] = {}
        self._taken = frozenset(taken)

    def source(self, model: str) -> Mapping[str, Any]:
        """A model's schema of draft 4; an unknown model and AWS's own `Empty` allow everything."""
        schema: Mapping[str, Any] = self._models.get(model, {})
        return schema

    def reference(self, model: str, name: str) -> Schema:
        """Refer to a model's component.

        Args:
            model: The model.
            name: What the component is called if the model has no title.
        """
        source = self.source(model)
        if not source:
            return {}
        if model not in self._names:
            self._names[model] = self._add(str(source.get("title") or name), source)
        return {"$ref": f"{_COMPONENTS}{self._names[model]}"}

    def _add(self, wanted: str, source: Mapping[str, Any]) -> str:
        """Make a component of a schema, and of each of its definitions, and say what it is called."""
        name = self._free(wanted)
        self.components[name] = {}  # taken, before a definition wants it
        definitions: dict[str, str] = {}
        for definition in source.get("definitions", {}):
            definitions[definition] = self._free(definition)
            self.components[definitions[definition]] = {}
        convert = _Converter(self, name, definitions)
        for definition, schema in source.get("definitions", {}).items():
            self.components[definitions[definition]] = convert.schema(schema)
        self.components[name] = convert.schema(source)
        return name

    def _free(self, wanted: str) -> str:
        wanted = _UNFIT.sub("", wanted) or "Body"
        name, number = wanted, 1
        while name in self.components or name in self._taken:
            number += 1
            name = f"{wanted}{number}"
        return name


class _Converter:
    """Writes the schemas of one model in draft 2020-12."""

    def __init__(self, models: Models, name: str, definitions: Mapping[str, str]) -> None:
        self._models = models
        self._name = name
        self._definitions = definitions

    def schema(self, source: Any) -> Any:  # noqa: ANN401 - `additionalProperties` may be a boolean
        if not isinstance(source, Mapping):
            return source
        if isinstance(source.get("$ref"), str):
            return {"$ref": self._reference(source["$ref"])}  # whatever stands beside it does not count in draft 4
        converted: Schema = {}
        for keyword, value in source.items():
            if keyword not in _DROPPED:
                converted |= self._keyword(keyword, value, source)
        return converted

    def _keyword(self, keyword: str, value: Any, source: Mapping[str, Any]) -> Schema:  # noqa: ANN401 - any JSON
        if keyword in _SCHEMAS_BY_NAME:
            return {keyword: {name: self.schema(schema) for name, schema in value.items()}}
        if keyword in _SCHEMA_LISTS:
            return {keyword: [self.schema(schema) for schema in value]}
        if keyword == "items" and isinstance(value, list):
            rest = {"items": self.schema(source["additionalItems"])} if "additionalItems" in source else {}
            return {"prefixItems": [self.schema(schema) for schema in value], **rest}
        if keyword in _SCHEMAS:
            return {keyword: self.schema(value)}
        if keyword == "dependencies":
            return self._dependencies(value)
        return _plain(keyword, value, source)

    def _dependencies(self, value: Mapping[str, Any]) -> Schema:
        names = {name: needed for name, needed in value.items() if isinstance(needed, list)}
        schemas = {name: self.schema(needed) for name, needed in value.items() if name not in names}
        return {
            **({"dependentRequired": names} if names else {}),
            **({"dependentSchemas": schemas} if schemas else {}),
        }

    def _reference(self, reference: str) -> str:
        if other := _OTHER_MODEL.fullmatch(reference):
            return str(self._models.reference(other["name"], other["name"]).get("$ref", _COMPONENTS))
        if reference.startswith(_DEFINITIONS):
            name, _, rest = reference.removeprefix(_DEFINITIONS).partition("/")
            return f"{_COMPONENTS}{self._definitions.get(name, name)}{rest and '/'}{rest}"
        return f"{_COMPONENTS}{self._name}{reference.removeprefix('#')}"


def _plain(keyword: str, value: Any, source: Mapping[str, Any]) -> Schema:  # noqa: ANN401 - any JSON
    """Write a keyword that holds no schema; draft 4 says with a boolean that a limit itself is not allowed."""
    match keyword:
        case "minimum" | "maximum" if source.get(_exclusive(keyword)) is True:
            return {_exclusive(keyword): value}
        case "exclusiveMinimum" | "exclusiveMaximum" if isinstance(value, bool):
            return {}
        case "additionalItems":
            return {}
    return {keyword: value}


def _exclusive(limit: str) -> str:
    return f"exclusive{limit.capitalize()}"
