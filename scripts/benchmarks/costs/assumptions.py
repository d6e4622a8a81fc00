"""What a template does not tell, and a cost depends on."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What is assumed of every request.

    Attributes:
        body_bytes: The size of a body.
        around_bytes: What is stored around it: keys, attributes, the workflow's result.
        result_bytes: What that result has besides.
        items: How many items a Map has; each has its share of the body.
        lambda_seconds: How long a function runs, its share of cold starts included.
        lambda_megabytes: The memory of the function that a route could go through, which is on Arm.
        lambda_log_bytes: What the platform itself logs of an invocation.
        traced: The share of requests that X-Ray's default rule records, besides the first of each second.
        express_seconds: How long an Express execution runs, within 64 MB.
    """

    body_bytes: int = 1024
    around_bytes: int = 512
    result_bytes: int = 0
    items: int = 1
    lambda_seconds: float = 0.05
    lambda_megabytes: int = 512
    lambda_log_bytes: int = 300
    traced: float = 0.05
    express_seconds: float = 1.0

    @property
    def of_item(self) -> "Assumptions":
        """The same of one item, which is alone."""
        return replace(self, body_bytes=self.body_bytes // self.items, result_bytes=0, items=1)

    @property
    def stored_bytes(self) -> int:
        """The size of an item, a message, a record or an event."""
        return self.body_bytes + self.around_bytes
