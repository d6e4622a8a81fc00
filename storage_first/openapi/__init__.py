"""The API as a document: OpenAPI 3.1 of a StorageFirstApi, read from what the app synthesizes."""

from storage_first.openapi.apis import SynthesizedApi, choose, read_apis
from storage_first.openapi.document import describe, written
from storage_first.openapi.errors import OpenApiError
from storage_first.openapi.synthesis import synthesized

__all__ = ["OpenApiError", "SynthesizedApi", "choose", "describe", "read_apis", "synthesized", "written"]
