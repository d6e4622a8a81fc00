"""What describing an API raises."""


class OpenApiError(Exception):
    """There is nothing to describe, or too much; the message is one sentence that says what to do."""
