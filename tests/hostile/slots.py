"""Every place of a request that reaches a store, and what a text there must become."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.hostile.calls import BENIGN, Content, Routes

Event = dict[str, Any]

TOKEN = "fine"


@dataclass(frozen=True)
class Slot:
    """One place.

    Attributes:
        route: The route that reads it.
        place: What to call it.
        event: Makes the part of a request that holds a text.
        takes: Whether a text is to be stored; all others are to be refused.
        default: What stands for an empty text.
    """

    route: str
    place: str
    event: Callable[[str], Event]
    takes: Callable[[str], bool]
    default: str = ""

    def __str__(self) -> str:
        return f"{self.route.split('/')[1]} {self.place}"

    def body(self, text: str) -> str:
        """Make the body of a request with a text at this place."""
        return str(Routes.event(self.route, **self.event(text))["body"])

    def expected(self, harmless: Content, text: str) -> Content:
        """Tell what the store is to be asked: what it is asked for a harmless text, with nothing but that replaced.

        Args:
            harmless: What the store is asked for the harmless text, `TOKEN`.
            text: The text.
        """
        before, after = _derived(self.body(TOKEN)), _derived(self.body(text))
        return _replaced(harmless, dict(zip(before, after, strict=True)) | {TOKEN: text or self.default})


def _derived(body: str) -> list[str]:
    """List what is made of a body as a whole."""
    return [body, base64.b64encode(body.encode()).decode()]


def _replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """Replace texts within the strings of a call, all at once."""
    pattern = re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))
    match value:
        case str():
            return pattern.sub(lambda found: texts[found[0]], value)
        case dict():
            return {name: _replaced(member, texts) for name, member in value.items()}
        case list():
            return [_replaced(item, texts) for item in value]
        case _:
            return value


# --- What the places take ---------------------------------------------------------------------------------------------


def unicode_text(text: str) -> bool:
    """Whether it is text that can be given back."""
    return not re.search("[\ud800-\udfff\ufffd]", text)


def some_text(text: str) -> bool:
    """Whether it is such text, and not empty."""
    return text != "" and unicode_text(text)


def text_up_to(limit: int) -> Callable[[str], bool]:
    """Whether it is such text of up to so many characters."""
    return lambda text: some_text(text) and len(text) <= limit


def header_text(text: str) -> bool:
    """Whether a header can hold it, so that it is the same for everybody."""
    return bool(re.fullmatch(r"[\t\x20-\x7e]+", text))


def id_text(longest: int) -> Callable[[str], bool]:
    """Whether SQS takes it as an id of a group or a message."""
    return lambda text: bool(re.fullmatch(rf"[!-~]{{1,{longest}}}", text))


def key_text(text: str) -> bool:
    """Whether it is an `Idempotency-Key`."""
    return bool(re.fullmatch("[A-Za-z0-9_-]{1,64}", text))


def anything(_text: str) -> bool:
    """Whatever it is."""
    return True


# --- The places -------------------------------------------------------------------------------------------------------


def in_body(text: str) -> Event:
    return {"body": json.dumps({"text": text})}


def in_depth(text: str) -> Event:
    return {"body": json.dumps({"text": "-", "deep": [{"name": text}]})}


def in_whole_body(text: str) -> Event:
    name = f"n {text}"
    return {"body": json.dumps({"text": "-", "more": [text], name: {name: 1}}, ensure_ascii=not unicode_text(text))}


def in_path(name: str) -> Callable[[str], Event]:
    return lambda text: {"path": {name: text}}


def in_query(name: str) -> Callable[[str], Event]:
    return lambda text: {"query": {name: text}}


def in_header(name: str) -> Callable[[str], Event]:
    return lambda text: {"headers": {name: text}}


def in_request_id(text: str) -> Event:
    return {"headers": {"Idempotency-Key": None}, "context": {"requestId": text}}


DYNAMODB = "POST /dynamodb/{part}"

SLOTS = [
    *(Slot(route, "body", in_whole_body, anything) for route in BENIGN),
    Slot(DYNAMODB, "$.text", in_body, some_text),
    Slot(DYNAMODB, "$.deep[0].name", in_depth, unicode_text, default='it\'s "$x" #end'),
    Slot(DYNAMODB, "key", in_path("part"), some_text),
    Slot(DYNAMODB, "query", in_query("q"), unicode_text, default="none"),
    Slot(DYNAMODB, "header", in_header("x-tEXT"), lambda text: not text or header_text(text), default="none"),
    Slot(DYNAMODB, "Idempotency-Key", in_header("idempotency-key"), key_text),
    Slot(DYNAMODB, "request id", in_request_id, key_text),
    Slot("POST /jobs", "Idempotency-Key", in_header("Idempotency-Key"), key_text),
    Slot("POST /jobs", "request id", in_request_id, key_text),
    Slot("POST /sqs", "group", in_query("group"), id_text(128)),
    Slot("POST /fifo", "group", in_body, id_text(128)),
    Slot("POST /fifo", "deduplication", in_header("X-Text"), id_text(92)),
    Slot("POST /topics/{group}", "group", in_path("group"), id_text(128)),
    Slot("POST /topics/{group}", "Idempotency-Key", in_header("Idempotency-Key"), key_text),
    Slot("POST /kinesis/{key}", "partition key", in_path("key"), text_up_to(256)),
    Slot("POST /events/{kind}", "detail type", in_path("kind"), text_up_to(128)),
    Slot("POST /events/{kind}", "source", in_header("X-Text"), lambda text: header_text(text) and len(text) <= 248),
    Slot("POST /states", "Idempotency-Key", in_header("Idempotency-Key"), key_text),
    Slot("POST /states", "request id", in_request_id, key_text),
]
