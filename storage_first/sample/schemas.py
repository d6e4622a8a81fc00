"""The bodies that Gopher Holes takes, as JSON Schemas that API Gateway enforces."""

from typing import Any

_NAME = {"type": "string", "minLength": 1, "maxLength": 100}
_LOCATION = {"type": "string", "minLength": 1, "maxLength": 100, "description": "Where on the golf course"}

ADD_HOLE: dict[str, Any] = {
    "title": "AddHole",
    "type": "object",
    "required": ["location"],
    "properties": {"location": _LOCATION, "depth": {"type": "number", "minimum": 0, "description": "In centimetres"}},
    "additionalProperties": False,
}

ADD_GOPHER: dict[str, Any] = {
    "title": "AddGopher",
    "type": "object",
    "required": ["name", "location"],
    "properties": {"name": _NAME, "location": _LOCATION},
    "additionalProperties": False,
}

_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}

ADD_SIGHTING: dict[str, Any] = {
    "title": "AddSighting",
    "type": "object",
    "required": ["gopherId", "location"],
    "properties": {"gopherId": _ID, "location": _LOCATION},
    "additionalProperties": False,
}

ADD_READING: dict[str, Any] = {
    "title": "AddReading",
    "type": "object",
    "required": ["holeId", "temperature"],
    "properties": {"holeId": _ID, "temperature": {"type": "number", "description": "In degrees Celsius"}},
    "additionalProperties": False,
}
