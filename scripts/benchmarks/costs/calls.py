"""What one call of an AWS service costs, by service and action."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from scripts.benchmarks.costs.assumptions import Assumptions
from scripts.benchmarks.costs.lines import Line, times
from scripts.benchmarks.costs.prices import GB, UnknownPriceError
from scripts.benchmarks.costs.stack import Stack
from scripts.benchmarks.costs.workflows import Visit, visits_to_success

TABLES = ("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table")
FUNCTION = "AWS::Lambda::Function"
MACHINE = "AWS::StepFunctions::StateMachine"

_KB = 1024
_CHUNK = 64 * _KB
_PUT_UNIT = 25 * _KB
_EXPRESS_GB = 64 / 1024
_HOURS_A_MONTH = 730
# What SNS delivers to them costs nothing: https://aws.amazon.com/sns/pricing/
_FREE_PROTOCOLS = {"sqs", "lambda"}
# Of an update's expression: what gets a value whether it had one or not. API Gateway's template has a name for a hash.
_CHANGED = re.compile(r"(?:#|\$\{hash\})(?P<name>\w+) = :")
_TASK = re.compile(r"arn:[^:]*:states:::(?:aws-sdk:)?(?P<service>\w+):(?P<action>\w+)")
# Of jobs that wait for a slot, or are worked on by an existing state machine: other jobs are not in these indexes.
_RARE = frozenset({"waitingFor", "execution"})
# Of jobs that have not ended: only a tracker's table has this index.
_OPEN = frozenset({"open", "checkAt"})


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of an AWS service.

    Attributes:
        by: What makes it, for errors.
        service: As ARNs name it.
        action: As the API names it.
        request: All that it says, resolved; it names what is called.
    """

    by: str
    service: str
    action: str
    request: object

    @property
    def name(self) -> str:
        """Such as `sqs:SendMessage`."""
        return f"{self.service}:{self.action}"


class Calls:
    """Prices calls to the resources of one stack."""

    def __init__(self, stack: Stack, assumptions: Assumptions, *, of_item: bool = False) -> None:
        """Price calls to what `stack` has.

        Args:
            stack: The stack.
            assumptions: What is assumed of each request.
            of_item: Whether they are about an item of a Map. Where that is an item of a batch, it has a record beside
                the jobs, which is in none of their indexes.
        """
        self._stack = stack
        self._assumed = assumptions
        self._of_item = of_item
        self._prices: Mapping[str, Callable[[Call], Iterator[Line]]] = {
            "dynamodb:PutItem": self._write,
            "dynamodb:UpdateItem": self._write,
            "dynamodb:DeleteItem": self._write,
            "dynamodb:BatchWriteItem": self._write_batch,
            "dynamodb:GetItem": self._read,
            "dynamodb:Query": self._read,
            "events:PutEvents": self._put_events,
            "kinesis:PutRecord": self._put_record,
            "lambda:Invoke": self._invoke,
            "s3:GetObject": self._get_object,
            "s3:PutObject": self._put_object,
            "sns:Publish": self._publish,
            "sqs:SendMessage": self._send_message,
            "states:StartExecution": self._start_execution,
        }

    def price(self, call: Call) -> Sequence[Line]:
        """List what `call` costs.

        Raises:
            UnknownPriceError: If there is no price for it, or what it calls is not in the template.
        """
        price = self._prices.get(call.name)
        if price is None:
            raise UnknownPriceError(
                f"{call.by} calls {call.name}, which has no price in the table: add it to scripts/benchmarks/costs."
            )
        return list(price(call))

    def month(self, call: Call) -> Sequence[Line]:
        """List what is paid each month for what is called, even if no request comes."""
        if call.service != "kinesis":
            return []
        stream = self._target(call, "AWS::Kinesis::Stream")
        if _on_demand(stream):
            return [Line("Kinesis on-demand, stream", _HOURS_A_MONTH)]
        return [Line("Kinesis provisioned, shard", _HOURS_A_MONTH * int(stream["ShardCount"]))]

    def table(self, call: Call) -> str:
        """Return the logical id of the table that a call of DynamoDB names."""
        return self._target_id(call, *TABLES)

    def index_writes(self, table: str, changed: Collection[str] = ()) -> int:
        """Count the write units that the indexes of `table` take if a write changes all their entries.

        Args:
            table: Its logical id.
            changed: Attributes that get another value. An entry whose key has one of them moves within its index: it is
                deleted, and put again.
        """
        indexes = self._stack.properties(table).get("GlobalSecondaryIndexes", ())
        keys = [{part["AttributeName"] for part in index.get("KeySchema", ())} for index in indexes]
        if self._of_item and _OPEN in keys:
            return 0
        return sum(1 if key.isdisjoint(changed) else 2 for key in keys if key.isdisjoint(_RARE))

    def item_writes(self, *, has_result: bool = False) -> int:
        """Count the write units of an item, which may have the result of a job in it."""
        return ceil((self._assumed.stored_bytes + (self._assumed.result_bytes if has_result else 0)) / _KB)

    def invocations(self, function: Mapping[str, Any], count: float = 1) -> Iterator[Line]:
        """Price invocations of a function with these properties."""
        arm = "arm64" in function.get("Architectures", ())
        gigabytes = int(function.get("MemorySize", 128)) / 1024
        yield Line("Lambda requests", count)
        yield Line("Lambda time, Arm" if arm else "Lambda time, x86", count * gigabytes * self._assumed.lambda_seconds)
        yield Line("logs", count * self._assumed.lambda_log_bytes / GB)
        if function.get("TracingConfig", {}).get("Mode") == "Active":
            yield Line("traces", count * self._assumed.traced)

    def execution(self, machine_id: str) -> Iterator[Line]:
        """Price one execution, from its start to its success, with all that its tasks call."""
        machine = self._stack.properties(machine_id)
        if machine.get("TracingConfiguration", {}).get("Enabled"):
            yield Line("traces", self._assumed.traced)
        visits = self.visits(machine_id)
        if machine.get("StateMachineType") == "EXPRESS":
            yield Line("Step Functions Express", 1)
            yield Line("Step Functions Express, time", _EXPRESS_GB * self._assumed.express_seconds)
        else:
            yield Line("Step Functions", sum(visit.times for visit in visits))
        for visit in visits:
            if visit.state["Type"] == "Task":
                calls = self.of_items if visit.of_item else self
                yield from times(visit.times, calls.price(self.task(machine_id, visit.state)))

    @property
    def of_items(self) -> "Calls":
        """The prices of calls about an item of a Map."""
        return Calls(self._stack, self._assumed.of_item, of_item=True)

    def visits(self, machine_id: str) -> Sequence[Visit]:
        """List the states that an execution enters until its success."""
        return visits_to_success(self.definition(machine_id), self._assumed.items)

    def machine(self, call: Call) -> str:
        """Return the logical id of the state machine that a call starts."""
        return self._target_id(call, MACHINE)

    def definition(self, machine_id: str) -> Mapping[str, Any]:
        """Read the definition of a state machine.

        Raises:
            UnknownPriceError: If it is not in the template.
        """
        text = self._stack.properties(machine_id).get("DefinitionString")
        if text is None:
            raise UnknownPriceError(f"The definition of {machine_id} is not in the template, so its cost is not known.")
        definition: Mapping[str, Any] = json.loads(text)
        return definition

    def task(self, machine_id: str, state: Mapping[str, Any]) -> Call:
        """Read what a Task state calls."""
        resource = state["Resource"]
        by = f"The task {resource} of {machine_id}"
        found = _TASK.match(resource)
        if found is None:
            action = "Invoke" if ":lambda:" in resource else "?"
            return Call(by=by, service=resource.split(":")[2], action=action, request=state)
        action = found["action"]
        return Call(by=by, service=found["service"], action=action[0].upper() + action[1:], request=state)

    @property
    def _chunks(self) -> int:
        return ceil(self._assumed.stored_bytes / _CHUNK)

    def _write(self, call: Call) -> Iterator[Line]:
        table = self._target_id(call, *TABLES)
        self._require_on_demand(call, table)
        changed = [found["name"] for found in _CHANGED.finditer(str(call.request))]
        writes = self.item_writes(has_result="result" in changed)
        yield Line("DynamoDB writes", writes + self.index_writes(table, changed))

    def _write_batch(self, call: Call) -> Iterator[Line]:
        """Price one item. A workflow may learn only as it runs where to: then the indexes there are not counted."""
        if self._stack.named_in(call.request, *TABLES):
            yield from self._write(call)
        else:
            yield Line("DynamoDB writes", self.item_writes())

    def _read(self, call: Call) -> Iterator[Line]:
        self._require_on_demand(call, self._target_id(call, *TABLES))
        yield Line("DynamoDB reads", ceil(self._assumed.stored_bytes / (4 * _KB)))

    def _require_on_demand(self, call: Call, table: str) -> None:
        if self._stack.properties(table).get("BillingMode") != "PAY_PER_REQUEST":
            raise UnknownPriceError(
                f"{call.by} calls {call.name} on {table}, whose capacity is provisioned: it has no price per request."
            )

    def _put_events(self, call: Call) -> Iterator[Line]:
        del call
        yield Line("EventBridge", self._chunks)

    def _put_record(self, call: Call) -> Iterator[Line]:
        if _on_demand(self._target(call, "AWS::Kinesis::Stream")):
            yield Line("Kinesis on-demand", ceil(self._assumed.body_bytes / _KB) * _KB / GB)
        else:
            yield Line("Kinesis provisioned", ceil(self._assumed.body_bytes / _PUT_UNIT))

    def _invoke(self, call: Call) -> Iterator[Line]:
        yield from self.invocations(self._target(call, FUNCTION))

    def _put_object(self, call: Call) -> Iterator[Line]:
        yield Line("S3", 1)
        yield from self._key_of(self._target(call, "AWS::S3::Bucket"))

    def _get_object(self, call: Call) -> Iterator[Line]:
        yield Line("S3 reads", 1)
        # What the CDK uploads is in a bucket of its own, which the template does not define, and which has no key.
        for bucket_id in self._stack.named_in(call.request, "AWS::S3::Bucket"):
            yield from self._key_of(self._stack.properties(bucket_id))

    def _key_of(self, bucket: Mapping[str, Any]) -> Iterator[Line]:
        rules = bucket.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", ())
        # All other services keep a data key for minutes; S3 asks for one for each object, unless the bucket has a key.
        if any(
            rule.get("ServerSideEncryptionByDefault", {}).get("SSEAlgorithm") == "aws:kms"
            and not rule.get("BucketKeyEnabled")
            for rule in rules
        ):
            yield Line("KMS", 1)

    def _publish(self, call: Call) -> Iterator[Line]:
        topic_id = self._target_id(call, "AWS::SNS::Topic")
        if self._stack.properties(topic_id).get("FifoTopic"):
            yield Line("SNS FIFO", 1)
            yield Line("SNS FIFO data", self._assumed.stored_bytes / GB)
        else:
            yield Line("SNS", self._chunks)
        for subscription in self._stack.of_type("AWS::SNS::Subscription"):
            if topic_id in self._stack.named_in(subscription["TopicArn"], "AWS::SNS::Topic"):
                yield from self._delivery(call, subscription["Protocol"])

    def _delivery(self, call: Call, protocol: str) -> Iterator[Line]:
        if protocol in {"http", "https"}:
            yield Line("SNS to HTTP", self._chunks)
        elif protocol not in _FREE_PROTOCOLS:
            raise UnknownPriceError(
                f"{call.by} publishes to a subscriber over {protocol}, which has no price in the table."
            )

    def _send_message(self, call: Call) -> Iterator[Line]:
        queue = self._target(call, "AWS::SQS::Queue")
        yield Line("SQS FIFO" if queue.get("FifoQueue") else "SQS", self._chunks)

    def _start_execution(self, call: Call) -> Iterator[Line]:
        yield from self.execution(self.machine(call))

    def _target(self, call: Call, *types: str) -> Mapping[str, Any]:
        return self._stack.properties(self._target_id(call, *types))

    def _target_id(self, call: Call, *types: str) -> str:
        found = self._stack.named_in(call.request, *types)
        if len(found) != 1:
            kind = types[0].rpartition("::")[2]
            raise UnknownPriceError(
                f"{call.by} calls {call.name}, and the template has {len(found)} resources of the kind {kind} that it "
                "could mean: what it costs depends on which one it is."
            )
        return found[0]


def _on_demand(stream: Mapping[str, Any]) -> bool:
    return bool(stream.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND")
