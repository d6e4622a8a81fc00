"""What the local cloud raises."""


class LocalCloudError(Exception):
    """The local cloud cannot go on; the message is one sentence that says why."""
