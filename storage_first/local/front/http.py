"""What comes in and what goes out: requests, responses, and the rules by which AWS reads them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote, unquote_plus

Headers = Sequence[tuple[str, str]]

DEFAULT_MEDIA_TYPE = "application/json"
"""What API Gateway takes a request without a Content-Type to carry."""

# "The semicolon character is not supported for any request URL query string and results in the data being split."
_QUERY_SEPARATORS = re.compile("[&;]")
_CONTROL_CHARACTERS = dict.fromkeys([*range(32), 127], " ")


def media_type(content_type: str | None) -> str:
    """Tell the media type that API Gateway looks up: without parameters such as the charset."""
    return (content_type or "").partition(";")[0].strip().lower() or DEFAULT_MEDIA_TYPE


def header(headers: Headers, name: str) -> str | None:
    """Find a header's value whatever its spelling; the last one counts, as in the events of API Gateway."""
    wanted = name.lower()
    return next((value for key, value in reversed(headers) if key.lower() == wanted), None)


def safe_value(value: str) -> str:
    """Make sure that a header's value stays one: a line break in it would start another header."""
    return value.translate(_CONTROL_CHARACTERS).strip()


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Collect the values of each name, in order."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request as it came in.

    Attributes:
        raw_path: The path as on the wire, percent-encoded, with the stage.
        headers: Every header, its name spelt as the client did where the server could keep that.
        too_large: The body was longer than API Gateway takes, and is not kept.
    """

    method: str
    raw_path: str
    raw_query: str = ""
    headers: Headers = ()
    body: bytes = b""
    too_large: bool = False
    client: str = "127.0.0.1"
    port: int = 80
    scheme: str = "http"
    protocol: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """Find a header's value whatever its spelling."""
        return header(self.headers, name)

    @cached_property
    def header_map(self) -> Mapping[str, str]:
        """Headers by the client's spelling; of a repeated one the last value, as AWS keeps it."""
        return dict(self.headers)

    @cached_property
    def query(self) -> Mapping[str, list[str]]:
        """Every value of every query parameter, decoded."""
        pairs = (part.partition("=") for part in _QUERY_SEPARATORS.split(self.raw_query) if part)
        return grouped((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)

    @cached_property
    def query_map(self) -> Mapping[str, str]:
        """Query parameters, of a repeated one the last value, as AWS keeps it."""
        return {name: values[-1] for name, values in self.query.items()}

    @cached_property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    @cached_property
    def media_type(self) -> str:
        """The media type that decides over models and templates."""
        return media_type(self.header("content-type"))


@dataclass(frozen=True, kw_only=True)
class Response:
    """One HTTP response: of an integration's backend, or the one that goes out."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Find a header's value whatever its spelling."""
        return header(self.headers, name)

    @cached_property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


def with_header(headers: Headers, name: str, *values: str) -> list[tuple[str, str]]:
    """Set a header, replacing what stands under any spelling of its name."""
    wanted = name.lower()
    return [*(pair for pair in headers if pair[0].lower() != wanted), *((name, value) for value in values)]


def decoded(path_parameters: Mapping[str, str]) -> dict[str, str]:
    """Decode path parameters once.

    "REST APIs decode URL-encoded request parameters before passing them to backend integrations" (API Gateway's
    important notes). Events of Lambda proxies keep them as they came, so decoding is left to whoever needs it.
    """
    return {name: unquote(value) for name, value in path_parameters.items()}
