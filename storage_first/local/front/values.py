"""What JSON and template values are to the type checker."""

from typing import Any

Json = Any
"""Whatever `json.loads` gives: its shape is up to whoever wrote it."""
