"""Store requests as items of a DynamoDB table, at most once for each Idempotency-Key."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from aws_cdk import Size
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam

from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.dynamodb_errors import is_type, refused, says
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall
from constructs_lib.storage_first_api.templates import Value, Vtl, client_text, concat, document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs_lib.storage_first_api.api import StorageFirstApi

ID_PATTERN = "[A-Za-z0-9_-]{1,64}"
TENANT = "default"

_TYPE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_LARGEST_BODY_KIB = 350
_INVALID_KEY = "InvalidIdempotencyKey"
_TOO_LARGE = "RequestTooLarge"

# The id is the caller's key or the request's. Header names are compared without case: they arrive as the client spelt
# them.
_ID = """
#set($id = "$context.requestId")
#foreach($name in $input.params().header.keySet())
#if($name.equalsIgnoreCase("Idempotency-Key"))#set($id = $input.params().header.get($name))#end
#end"""

# The time of arrival as ISO 8601, built from text: `21/Nov/2026:20:12:29 +0000` and the epoch's milliseconds.
_NOW = """
#set($months = {"Jan":"01","Feb":"02","Mar":"03","Apr":"04","May":"05","Jun":"06",
"Jul":"07","Aug":"08","Sep":"09","Oct":"10","Nov":"11","Dec":"12"})
#set($clock = "$context.requestTime")
#set($epoch = "$context.requestTimeEpoch")
#set($month = $months.get($clock.substring(3,6)))
#set($day = "${clock.substring(7,11)}-${month}-${clock.substring(0,2)}")
#set($now = "${day}T${clock.substring(12,20)}.${epoch.substring(10,13)}Z")"""

# A request that must not be stored asks for impossible return values: DynamoDB refuses it before it writes, and names
# them in its answer, by which the response template knows why. A mapping template has no other way to refuse. The
# length in bytes is known from base64, which makes four characters of every three bytes.
_REFUSALS = """
#set($returnValues = "ALL_NEW")
#if(!$id.matches("{id_pattern}"))#set($returnValues = "{invalid_key}")#end
#if($util.base64Encode($input.body).length() > {base64_limit})#set($returnValues = "{too_large}")#end"""


def require_type_name(argument: str, value: str) -> None:
    """Check that `value` can be the type of requests, and part of names.

    Raises:
        ValueError: If it cannot; the message names `argument`.
    """
    if not _TYPE_NAME.fullmatch(value):
        raise ValueError(
            f"{argument} must be 1 to 64 letters, digits, dots, dashes and underscores, and start with a letter; "
            f"got {value!r}"
        )


class DynamoDbStore:
    """Stores each request of a route as one item, in one conditional write.

    An item has `pk` (the table's partition key: tenant and id), `id`, `tenant`, `type`, `status` (`Pending`),
    `attempt`, `version`, `createdAt`, `updatedAt`, `requestId` and `input`, the body exactly as it came; `open` and
    `checkAt` are for an index of the unfinished. The id is the caller's `Idempotency-Key`, or else the request's id.

    The same key with the same body answers with the item as it is now, and changes nothing.
    """

    def __init__(
        self,
        table: dynamodb.ITable,
        *,
        type: str,
        status_resource: str | None = None,
        max_body: Size | None = None,
    ) -> None:
        """Store requests in `table`.

        Args:
            table: A table whose partition key is `pk`, a string, and which has no sort key.
            type: The kind of request: 1 to 64 letters, digits, `.`, `_` and `-`, the first a letter.
            status_resource: The path under which `GET {status_resource}/{id}` shows an item; the answer links to it.
            max_body: The largest body that is stored; by default 300 KiB, which leaves room in DynamoDB's 400 KB item.

        Raises:
            ValueError: If `type` or `max_body` is not as described.
        """
        require_type_name("type", type)
        self.max_body = max_body or Size.kibibytes(300)
        if not 1 <= self.max_body.to_kibibytes() <= _LARGEST_BODY_KIB:
            raise ValueError(
                f"max_body must be 1 to {_LARGEST_BODY_KIB} KiB, because a DynamoDB item has at most 400 KB; "
                f"got {self.max_body.to_kibibytes()} KiB"
            )
        self.table = table
        self.type = type
        self.status_resource = status_resource

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` store requests, and nothing else."""
        if self.table.encryption_key:
            self.table.encryption_key.grant_encrypt_decrypt(grantee)
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["dynamodb:UpdateItem"], resource_arns=[self.table.table_arn]
        )

    def bind(self, api: StorageFirstApi) -> None:
        """Add nothing: what shows the items is up to the app."""

    def call(self, path: str) -> ServiceCall:
        """Describe the call that stores a request to the route `path`."""
        stored = Answer(
            outcome="200",
            status=HTTPStatus.ACCEPTED,
            template=self._accepted(path),
            headers={"Content-Type": "application/json", "Retry-After": str(problems.RETRY_AFTER_SECONDS)},
        )
        refusal = refused(
            [
                (is_type("ConditionalCheckFailed"), problems.KEY_REUSED),
                (says(_INVALID_KEY), problems.INVALID_KEY),
                (says(_TOO_LARGE), problems.TOO_LARGE),
                (says("maximum allowed size"), problems.TOO_LARGE),
            ]
        )
        return ServiceCall(
            service="dynamodb", action="UpdateItem", template=self._update_item(), answers=[stored, refusal]
        )

    def _update_item(self) -> str:
        attributes: Mapping[str, Mapping[str, Value]] = {
            "id": {"S": client_text("$id")},
            "tenant": {"S": TENANT},
            "type": {"S": self.type},
            "status": {"S": "Pending"},
            "attempt": {"N": "1"},
            "version": {"N": "1"},
            "createdAt": {"S": Vtl("$now")},
            "updatedAt": {"S": Vtl("$now")},
            "requestId": {"S": Vtl("$context.extendedRequestId")},
            "input": {"S": client_text("$input.body")},
            # The last digit of the arrival's milliseconds spreads the index over ten partitions.
            "open": {"S": Vtl("${epoch.substring(12,13)}")},
            "checkAt": {"S": Vtl("$now")},
        }
        names = {f"#{name}": name for name in (*attributes, "pk", "expiresAt")}
        assignments = ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in attributes)
        request: Mapping[str, Value] = {
            "TableName": self.table.table_name,
            "Key": {"pk": {"S": concat(f"{TENANT}#", client_text("$id"))}},
            "UpdateExpression": f"SET {assignments}",
            "ConditionExpression": (
                "attribute_not_exists(#pk) OR (#input = :input AND #type = :type "
                "AND (attribute_not_exists(#expiresAt) OR #expiresAt > :now))"
            ),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                **{f":{name}": value for name, value in attributes.items()},
                ":now": {"N": Vtl("${epoch.substring(0,10)}")},
            },
            "ReturnValues": Vtl("$returnValues"),
        }
        refusals = (
            _REFUSALS.replace("{id_pattern}", ID_PATTERN)
            .replace("{invalid_key}", _INVALID_KEY)
            .replace("{too_large}", _TOO_LARGE)
            .replace("{base64_limit}", str(self.max_body.to_bytes() // 3 * 4))
        )
        return document(request, setup=_ID + _NOW + refusals)

    def _accepted(self, path: str) -> str:
        links: list[Value] = []
        setup = "\n#set($item = $input.path('$.Attributes'))"
        if self.status_resource:
            # The stage, or the base path of a custom domain, is what stands before the route's own segments.
            segments = path.strip("/").count("/") + 1
            setup += (
                '\n#set($base = "$context.path")'
                f'\n#foreach($segment in [1..{segments}])#set($base = $base.substring(0, $base.lastIndexOf("/")))#end'
                f'\n#set($href = "$base{self.status_resource}/$item.id.S")'
                "\n#set($context.responseOverride.header.Location = $href)"
            )
            links = [{"rel": "job", "href": Vtl("$href")}]
        body: Mapping[str, Value] = {"id": client_text("$item.id.S"), "status": Vtl("$item.status.S"), "links": links}
        return document(body, setup=setup)
