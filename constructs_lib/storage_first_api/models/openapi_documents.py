"""Reads and checks OpenAPI documents with openapi-spec-validator, which is optional: imported where it is needed."""

from typing import NoReturn
from urllib.parse import urlsplit

from jsonschema_path import SchemaPath
from jsonschema_path.handlers import all_urls_handler
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from referencing.exceptions import Unresolvable
from yaml import YAMLError

from constructs_lib.storage_first_api.models.nodes import Documents, Json, Node


def read(uri: str) -> Json:
    """Read a file, JSON or YAML.

    Raises:
        ValueError: If it is neither, or `uri` is no file's.
    """
    if urlsplit(uri).scheme != "file":
        _refuse(uri)
    try:
        return all_urls_handler(uri)
    except YAMLError as error:
        raise ValueError(f"document: {uri} is neither JSON nor YAML: {error}") from error


def check(documents: Documents) -> None:
    """Check that a document is valid.

    Raises:
        ValueError: If it is not; the message has the place.
    """
    document = documents.opened[documents.base]
    validator = OpenAPIV30SpecValidator if document["openapi"].startswith("3.0") else OpenAPIV31SpecValidator
    handlers = {"file": read, "http": _refuse, "https": _refuse, "": _refuse}
    paths = SchemaPath.from_dict(document, base_uri=documents.base, handlers=handlers)
    try:
        error = next(iter(validator(paths).iter_errors()), None)
    except (OSError, ValueError, Unresolvable) as problem:
        raise ValueError(f"document: {documents.label} cannot be read whole: {_root(problem)}") from problem
    if error:
        place = Node(documents, documents.base, None, tuple(map(str, error.absolute_path)))
        raise ValueError(f"document: {place} is not valid: {error.message}")


def _root(problem: BaseException) -> BaseException:
    """Find what went wrong first: the library wraps it in errors that only name a URI."""
    while problem.__cause__:
        problem = problem.__cause__
    return problem


def _refuse(uri: str) -> NoReturn:
    raise ValueError(
        f"{uri} is no file; a synth reads nothing from the network. Keep a copy beside the document, and give "
        "from_openapi the document's path"
    )
