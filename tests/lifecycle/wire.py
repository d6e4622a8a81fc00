"""The way from the handlers to AWS, on which everything can go wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError
from botocore.validate import validate_parameters

from lambdas import clients
from tests.lifecycle.clock import Clock
from tests.lifecycle.executions import refusal

Arguments = Mapping[str, Any]
Answer = Mapping[str, Any]
Service = Callable[[str, Arguments], Answer]

FAULTS = (
    "refused",  # the service takes the call for now, nor its repetitions
    "unanswered",  # it has done what was asked, and the answer is lost for good
    "repeated",  # the answer is lost, the client asks again
    "killed before",  # the function dies
    "killed after",
    "partly refused",  # some of the entries of a batch, or else all
    "not seen yet",  # what was just made is not there for who reads it
)


class KilledError(BaseException):
    """The function was killed: no handler sees this coming, or can do anything about it."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the n-th call of one invocation: one of `FAULTS`, or what others do just before.

    Queries are not counted: who fails there has done nothing yet.
    """

    at: int
    kind: str | Callable[[], None]


@dataclass
class Invocation:
    """One run of a handler.

    Attributes:
        disturbed: Whether any of its faults has come true.
    """

    faults: Sequence[Fault] = ()
    calls: int = 0
    disturbed: bool = False

    def next_faults(self) -> Sequence[str | Callable[[], None]]:
        """Tell what happens to the next call."""
        number, self.calls = self.calls, self.calls + 1
        return [fault.kind for fault in self.faults if fault.at == number]


class Wire:
    """Carries the calls of botocore's clients to the services, and does to them what it is told.

    Attributes:
        now: The invocation that is running.
    """

    def __init__(self, clock: Clock, **services: Service) -> None:
        self._clock = clock
        self._services = services
        self.now = Invocation()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Send what the handlers' clients are asked over this wire."""
        opened: list[Any] = [clients.dynamodb(), clients.stepfunctions(), clients.eventbridge()]
        for client in opened:
            client._make_api_call = self._line(client)
        try:
            yield
        finally:
            for client in opened:
                del client._make_api_call

    @contextmanager
    def invocation(self, faults: Sequence[Fault] = ()) -> Iterator[Invocation]:
        """Count calls from here on, and let `faults` happen; those of the invocation around it wait meanwhile."""
        outer, self.now = self.now, Invocation(faults)
        try:
            yield self.now
        finally:
            self.now = outer

    def _call(self, service: str, operation: str, arguments: Arguments) -> Answer:
        self._clock.tick()
        invocation, send = self.now, self._services[service]
        for kind in () if operation == "Query" else invocation.next_faults():
            if callable(kind):
                with self.invocation():
                    kind()
            else:
                invocation.disturbed = True
                return _faulty(kind, send, operation, arguments)
        return send(operation, arguments)

    def _line(self, client: Any) -> Service:
        service = client.meta.service_model

        def call(operation: str, arguments: Arguments) -> Answer:
            validate_parameters(arguments, service.operation_model(operation).input_shape)
            return self._call(service.service_name, operation, arguments)

        return call


def _faulty(kind: str, send: Service, operation: str, arguments: Arguments) -> Answer:
    match kind:
        case "killed before":
            raise KilledError
        case "refused":
            raise refusal("ThrottlingException")
        case "partly refused" if operation == "PutEvents":
            _, *rest = arguments["Entries"]
            taken = send(operation, {**arguments, "Entries": rest})["Entries"] if rest else []
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": ""}, *taken]}
        case "partly refused":
            raise refusal("InternalServerError")
        case "not seen yet" if operation == "DescribeExecution":
            raise refusal("ExecutionDoesNotExist")
    answer = send(operation, arguments)
    match kind:
        case "killed after":
            raise KilledError
        case "unanswered":
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
        case "repeated":
            return send(operation, arguments)
        case _:
            return answer
