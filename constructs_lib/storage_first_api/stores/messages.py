"""What SQS and SNS have in common: messages sent as forms, with attributes, in order or not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import AWS_QUERY, is_type, refused, says
from constructs_lib.storage_first_api.integrations import ServiceCall, accepted
from constructs_lib.storage_first_api.problems import Problem, bad_request
from constructs_lib.storage_first_api.reader import RequestReader
from constructs_lib.storage_first_api.values import Text, body, idempotency_key, join, request_id, tenant, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Size

    from constructs_lib.storage_first_api.route import Route


# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_GROUP = "[!-~]{1,128}"
_KEY = "[!-~]{1,92}"  # leaves room for a fingerprint
_BAD_GROUP = bad_request("The group of the message must be 1 to 128 printable ASCII characters without blanks.")
_BAD_KEY = bad_request("The key of the message must be 1 to 92 printable ASCII characters without blanks.")
_UNSENDABLE = bad_request("The body has a character that a message cannot hold, such as U+FFFE.")


class Order:
    """The place of messages in order: the group of each, and what tells a repetition."""

    def __init__(self, name: str, *, fifo: bool, group_id: Text | None, deduplication_id: Text | None) -> None:
        """Check that a FIFO resource gets a group, and a standard one no deduplication.

        Args:
            name: What errors call the resource.
            fifo: Whether it keeps order.
            group_id: What has one group is kept in order.
            deduplication_id: Messages of one id within five minutes are one.

        Raises:
            ValueError: If not.
        """
        if fifo and group_id is None:
            raise ValueError(
                f"group_id must be given, because {name} is FIFO: messages of one group keep their order. "
                'For example group_id=body("$.customerId")'
            )
        if not fifo and deduplication_id is not None:
            raise ValueError(f"deduplication_id must not be given, because {name} is not FIFO and has no use for it")
        if isinstance(group_id, str) and not re.fullmatch(_GROUP, group_id):
            raise ValueError(f"group_id must be 1 to 128 printable ASCII characters without blanks; got {group_id!r}")
        if deduplication_id is not None and not values_of(deduplication_id):
            raise ValueError(
                "deduplication_id must hold a value of the request, or equal requests would all be one; "
                f"got {deduplication_id!r}"
            )
        self._fifo = fifo
        self._group_id = group_id
        self._deduplication_id = idempotency_key() if deduplication_id is None else deduplication_id

    def fields(self, reader: RequestReader, route: Route) -> dict[str, str]:
        """Write the fields of a message that put it in order."""
        fields: dict[str, str] = {}
        group: Text = ""
        if self._group_id is not None:
            group = route.scoped(self._group_id)
            reader.require(group, _GROUP, _BAD_GROUP)
            fields["MessageGroupId"] = reader.form_text(group)
        if self._fifo:
            # Of two messages with one id the second is dropped and yet confirmed: what was asked is part of the id, so
            # that another request under the same key is another message.
            key = route.scoped(self._deduplication_id)
            reader.require(key, _KEY, _BAD_KEY)
            asked = reader.fingerprint(join(group, " ", route.called, " "))
            fields["MessageDeduplicationId"] = f"{reader.form_text(key)}.{asked}"
        return fields

    def any_fields(self) -> dict[str, str]:
        """Write the same fields for a message that is refused in any case."""
        group = {"MessageGroupId": "-"} if self._group_id is not None else {}
        return group | ({"MessageDeduplicationId": "-"} if self._fifo else {})


def send(
    route: Route,
    order: Order,
    *,
    service: str,
    action: str,
    path: str,
    fields: Mapping[str, str],
    body_field: str,
    attributes: str,
    max_body: Size,
    id_path: str,
) -> ServiceCall:
    """Describe the call that sends a request to `route` as a message.

    Args:
        route: The route.
        order: The place of the message in order.
        service: `sqs` or `sns`.
        action: The action.
        path: The path of the call.
        fields: The fields that every message has.
        body_field: The field that holds the body.
        attributes: What the fields of attributes begin with.
        max_body: The largest body that is sent.
        id_path: The JSONPath of the message's id in the answer.
    """
    reader = RequestReader(route)
    reader.refuse_body_over(max_body)
    message = {"Action": action, **fields}
    template = reader.form(
        {
            **message,
            body_field: reader.form_text(body()),
            **order.fields(reader, route),
            **_attributes(reader, route, prefix=attributes),
        },
        # There is no such type of attributes: the refusal names the attribute.
        impossible={
            **message,
            body_field: "-",
            **order.any_fields(),
            **_attribute(f"{attributes}.1", "$refused", "Refused", "-"),
        },
    )
    return ServiceCall(
        service=service,
        action=action,
        path=path,
        template=template,
        parameters={"header.Content-Type": "'application/x-www-form-urlencoded'"},
        headers=reader.headers,
        query_parameters=reader.query_parameters,
        documentation=reader.documentation,
        answers=[accepted(f"$!input.path('{id_path}')"), refused(_refusals(reader), error_format=AWS_QUERY)],
    )


def _attributes(reader: RequestReader, route: Route, *, prefix: str) -> dict[str, str]:
    """Write the attributes of a message: the request's id, and the tenant where the route's access gives one."""
    values: dict[str, Text] = {"requestId": request_id()}
    if route.access.tenant:
        values["tenant"] = tenant()
    fields: dict[str, str] = {}
    for number, (name, value) in enumerate(values.items(), start=1):
        fields |= _attribute(f"{prefix}.{number}", name, "String", reader.form_text(value))
    return fields


def _refusals(reader: RequestReader) -> Sequence[tuple[str, Problem]]:
    """List what the service refuses on account of the caller."""
    return [
        *reader.refusals,
        (is_type("InvalidMessageContents"), _UNSENDABLE),
        (says("must be shorter than"), problems.TOO_LARGE),
        (says("too long"), problems.TOO_LARGE),
    ]


def _attribute(prefix: str, name: str, type: str, value: str) -> dict[str, str]:
    return {f"{prefix}.Name": name, f"{prefix}.Value.DataType": type, f"{prefix}.Value.StringValue": value}
