"""Read the body of an operation from an OpenAPI document.

openapi-spec-validator reads and checks the document; it comes with `storage-first[openapi]`.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from constructs_lib.storage_first_api.models.nodes import Dialect, Documents, Json, Node

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_DIALECTS: Mapping[str, Dialect] = {
    "3.0": Dialect(name="OpenAPI 3.0", siblings=False, nullable=True, read_only=True),
    "3.1": Dialect(name="OpenAPI 3.1"),
}


@dataclass(frozen=True, kw_only=True)
class OpenApiBody:
    """The JSON body of an operation.

    Attributes:
        operation: The operation, as its caller named it.
        schema: Where the body's schema is.
        dialect: What the document's version makes of it.
        examples: Bodies that the document shows.
    """

    operation: str
    schema: Node
    dialect: Dialect
    examples: tuple[Json, ...] = ()


def from_openapi(document: str | Path | Mapping[str, Any], operation: str) -> OpenApiBody:
    """Take the JSON body of an operation from an OpenAPI 3.0 or 3.1 document.

    Args:
        document: The path of the document, JSON or YAML, or the document itself. References lead to other files
            relative to its path; what is on the network is not fetched.
        operation: Its `operationId`, or its method and path, such as `POST /orders`.

    Raises:
        ImportError: If `storage-first[openapi]` is not installed.
        ValueError: If the document is no valid OpenAPI 3.0 or 3.1, has no such operation, or the operation takes no
            JSON.
    """
    documents = _open(document)
    root = documents.node()
    dialect = _dialect(root)
    _library().check(documents)
    content = _json_content(_operation(root, operation), operation)
    if "schema" not in content.value:
        raise ValueError(f"operation: the body of {operation!r} has no schema at {content}")
    return OpenApiBody(
        operation=operation, schema=content.child("schema"), dialect=dialect, examples=tuple(_examples(content))
    )


def _open(document: str | Path | Mapping[str, Any]) -> Documents:
    if isinstance(document, Mapping):
        # As it would be in a file: no tuples, and no numbers as keys.
        return Documents(label="document", load=_library().read, opened={"": json.loads(json.dumps(document))})
    path = Path(document).resolve()
    if not path.is_file():
        raise ValueError(f"document: there is no file {str(document)!r}")
    documents = Documents(label=path.name, base=path.as_uri(), load=_library().read)
    documents.read(documents.base)
    return documents


def _library() -> ModuleType:
    """Import what needs the extra, only now: constructs are used without it."""
    try:
        from constructs_lib.storage_first_api.models import openapi_documents  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise ImportError(
            f"from_openapi needs the package {error.name!r}: pip install 'storage-first[openapi]'"
        ) from error
    return openapi_documents


def _dialect(root: Node) -> Dialect:
    version = root.value.get("openapi") if isinstance(root.value, Mapping) else None
    dialect = _DIALECTS.get(".".join(str(version).split(".")[:2]))
    if dialect is None:
        raise ValueError(f"document: {root} must be of OpenAPI 3.0 or 3.1; its version is {version!r}")
    return dialect


def _operation(root: Node, name: str) -> Node:
    operations = list(_operations(root))
    for names, node in operations:
        if name in names:
            return node
    known = [names[0] for names, _ in operations]
    (closest,) = difflib.get_close_matches(name, [each for names, _ in operations for each in names], n=1) or ("",)
    hint = f"; did you mean {closest!r}?" if closest else "."
    raise ValueError(f"operation: {root} has no {name!r}{hint} It has {', '.join(known) or 'none'}")


def _operations(root: Node) -> Iterator[tuple[list[str], Node]]:
    """Find each operation, with what it may be called."""
    for path, item in root.named("paths").items():
        resolved = item.resolved()
        for method in (key for key in resolved.value if key in _METHODS):
            node = resolved.child(method)
            names = [f"{method.upper()} {path}"]
            if "operationId" in node.value:
                names.insert(0, node.value["operationId"])
            yield names, node


def _json_content(operation: Node, name: str) -> Node:
    if "requestBody" not in operation.value:
        raise ValueError(f"operation: {name!r} takes no body at {operation}")
    contents = operation.child("requestBody").resolved().named("content")
    for media_type, content in contents.items():
        if media_type.partition(";")[0].strip().lower() == "application/json":
            return content
    raise ValueError(f"operation: {name!r} takes no application/json at {operation}; it takes {', '.join(contents)}")


def _examples(content: Node) -> Iterator[Json]:
    if "example" in content.value:
        yield content.value["example"]
    for example in content.named("examples").values():
        shown = example.resolved().value
        if "value" in shown:
            yield shown["value"]
