"""Where a schema stands in a document, and what its references lead to."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

Json = Any
"""Any JSON value."""

Load = Callable[[str], Json]
"""Reads the document at a URI; raises ValueError if there is none."""


def _no_other_documents(uri: str) -> Json:
    raise ValueError(f"{uri} is another document; put what it refers to under $defs of this one")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What the dialects of JSON Schema disagree on, where the keyword itself does not tell.

    Attributes:
        name: What messages call it.
        siblings: Whether keywords beside `$ref` apply.
        nullable: Whether `nullable` is a keyword.
        read_only: Whether a `readOnly` property has no place in a request.
    """

    name: str
    siblings: bool = True
    nullable: bool = False
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Documents:
    """A document, and the other documents that it may refer to.

    Attributes:
        label: What messages call the document.
        base: Its URI; empty for one that is not in a file.
        load: Reads another document.
        opened: Documents by URI.
    """

    label: str
    base: str = ""
    load: Load = _no_other_documents
    opened: dict[str, Json] = field(default_factory=dict)

    def node(self, *path: str) -> "Node":
        """Find the node of the document at `path`."""
        node = Node(self, self.base, self.opened[self.base])
        for key in path:
            node = node.child(key)
        return node

    def read(self, uri: str) -> Json:
        """Read a document once."""
        if uri not in self.opened:
            self.opened[uri] = self.load(uri)
        return self.opened[uri]


@dataclass(frozen=True)
class Node:
    """A value of a document, and its place."""

    documents: Documents = field(repr=False, compare=False)
    document: str
    value: Json = field(compare=False)
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        pointer = "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in self.path)
        if self.document == self.documents.base:
            return f"{self.documents.label}#{pointer}"
        return f"{self.document.rpartition('/')[2]}#{pointer}"

    def child(self, key: str | int) -> "Node":
        """Step into an object or an array.

        Raises:
            KeyError: If there is nothing.
        """
        try:
            value = self.value[int(key)] if isinstance(self.value, list) else self.value[key]
        except (IndexError, TypeError, ValueError):
            raise KeyError(key) from None
        return Node(self.documents, self.document, value, (*self.path, str(key)))

    def children(self, key: str) -> list["Node"]:
        """Step into each element of an array.

        Raises:
            ValueError: If there is no array.
        """
        node = self.child(key)
        if not isinstance(node.value, list):
            raise ValueError(f"body: {key} must be a list at {self}; got {node.value!r}")  # noqa: TRY004
        return [node.child(index) for index in range(len(node.value))]

    def named(self, key: str) -> dict[str, "Node"]:
        """Step into each member of an object, by name; of none if there is no such object.

        Raises:
            ValueError: If there is something else.
        """
        if key not in self.value:
            return {}
        node = self.child(key)
        if not isinstance(node.value, Mapping):
            raise ValueError(f"body: {key} must be an object at {self}; got {node.value!r}")  # noqa: TRY004
        return {name: node.child(name) for name in node.value}

    def follow(self, reference: str) -> "Node":
        """Find what `reference`, which stands in this node, leads to.

        Raises:
            ValueError: If it leads nowhere.
        """
        uri, fragment = urldefrag(urljoin(self.document, reference))
        self._refuse_inner_id(reference)
        try:
            root = Node(self.documents, uri, self.documents.read(uri))
            if not fragment or fragment.startswith("/"):
                return _at_pointer(root, unquote(fragment))
            return next(_anchors(root, unquote(fragment)))
        except (KeyError, StopIteration):
            raise ValueError(f"body: the $ref {reference!r} at {self} leads nowhere") from None
        except (OSError, ValueError) as error:
            raise ValueError(f"body: the $ref {reference!r} at {self} cannot be followed: {error}") from error

    @property
    def is_reference(self) -> bool:
        """Whether this is a reference, whatever may stand beside it."""
        return isinstance(self.value, Mapping) and isinstance(self.value.get("$ref"), str)

    def resolved(self) -> "Node":
        """Follow references to what is none; a circle of them ends where it closes."""
        node, seen = self, set[Node]()
        while node.is_reference and node not in seen:
            seen.add(node)
            node = node.follow(node.value["$ref"])
        return node

    def _refuse_inner_id(self, reference: str) -> None:
        """Refuse a reference that an inner schema gives another base; few mean that, and its place would be lost."""
        around = self.documents.opened[self.document]
        for key in self.path:
            around = around[int(key)] if isinstance(around, list) else around[key]
            if isinstance(around, Mapping):
                for keyword in ("$id", "id"):
                    own = around.get(keyword)
                    if isinstance(own, str) and not own.startswith("#"):
                        raise ValueError(
                            f"body: the $ref {reference!r} at {self} is relative to the {keyword} {own!r} of an inner "
                            f"schema. Remove that {keyword}"
                        )


def _at_pointer(root: Node, pointer: str) -> Node:
    node = root
    for key in pointer.split("/")[1:]:
        node = node.child(key.replace("~1", "/").replace("~0", "~"))
    return node


def _anchors(node: Node, name: str) -> Iterator[Node]:
    """Find the schemas that are called `#name`; older drafts write that as an id."""
    if isinstance(node.value, Mapping):
        if name in (node.value.get("$anchor"), node.value.get("$dynamicAnchor")) or f"#{name}" in (
            node.value.get("$id"),
            node.value.get("id"),
        ):
            yield node
        for key in node.value:
            yield from _anchors(node.child(key), name)
    elif isinstance(node.value, list):
        for index in range(len(node.value)):
            yield from _anchors(node.child(index), name)
