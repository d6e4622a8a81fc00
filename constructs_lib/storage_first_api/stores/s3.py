"""Store the bodies of requests as objects of an S3 bucket."""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib._acknowledge import acknowledge
from constructs_lib.storage_first_api import problems
from constructs_lib.storage_first_api.errors import AWS_XML, is_type, refused
from constructs_lib.storage_first_api.integrations import Answer, ServiceCall, accepted, always
from constructs_lib.storage_first_api.problems import Problem, bad_request
from constructs_lib.storage_first_api.route import SINGLE_TENANT
from constructs_lib.storage_first_api.stores.reach import require_reachable
from constructs_lib.storage_first_api.values import (
    RequestValue,
    Source,
    Text,
    Type,
    claim,
    context,
    parts_of,
    request_id,
    tenant,
    values_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_s3 as s3

    from constructs_lib.storage_first_api.api import StorageFirstApi
    from constructs_lib.storage_first_api.route import Route

# API Gateway has one list for the whole API, and takes bodies of all other types as text in UTF-8. JSON must not be in
# it: API Gateway renders no template for a binary body.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html
BINARY_MEDIA_TYPES = (
    "application/gzip",
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "audio/*",
    "font/*",
    "image/*",
    "multipart/*",
    "text/*",
    "video/*",
)

# What a request may tell S3, whose checks it then gets.
_PASSED_ON = ("Content-MD5", "Content-Type", "If-None-Match")
_LITERAL = re.compile(r"[\w!.*'()/ -]*", re.ASCII)  # the safe characters of object names
_DAMAGED = bad_request("The body does not have the checksum that the request gives.")
_CONDITION = bad_request("If-None-Match takes nothing but an asterisk.")
_BAD_NAME = bad_request("S3 does not allow this name, or none of this length.")
_CONFLICT = Problem(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    detail="Another request is storing something under this name. Send this one again later.",
    retry=True,
)


class S3Store:
    """Stores the body of each request of a route as one object, byte for byte.

    A caller who sends `If-None-Match: *` replaces nothing: where there is an object of this name, the answer is 412.
    S3 checks a `Content-MD5`. The object's metadata have the request's id; the answer has S3's `ETag`, and the version
    in `X-Version-Id`.
    """

    def __init__(
        self,
        bucket: s3.IBucket,
        *,
        key: Text,
        overwrite: bool = True,
        binary_media_types: Sequence[str] = BINARY_MEDIA_TYPES,
    ) -> None:
        """Store requests in `bucket`.

        Args:
            bucket: The bucket; a versioned one keeps what is replaced.
            key: The object's name: literals and `path`, `query`, `header`, `claim` and `context` values, such as
                `path("name")` or `join("photos/", path("name"))`. Where the route's access gives a tenant, the name is
                `<tenant>/<key>`, and has no values but `request_id()`: `..` could lead to another tenant's objects.
                Such a tenant must be `claim("sub")`, or an id that AWS gives: no template can check another.
            overwrite: Whether a request may replace an object. If not, it is as if each sent `If-None-Match: *`.
            binary_media_types: The media types, such as `image/*`, whose bodies are bytes. Bodies of all others must be
                text in UTF-8: other bytes are not kept, unless a `Content-MD5` makes S3 refuse them. The list is the
                whole API's.

        Raises:
            ValueError: If `key` can be empty or has a value that is not passed on as it is (of the body, with a
                default or a type), or `binary_media_types` would take JSON from the API's other routes.
        """
        for media_type in binary_media_types:
            if media_type in {"*/*", "application/*", "application/json"}:
                raise ValueError(
                    f"binary_media_types must not have {media_type!r}: API Gateway renders no template for a binary "
                    "body, so every route that stores JSON would fail"
                )
        for part in parts_of(key):
            _check_part(part)
        if not any(map(_is_never_empty, parts_of(key))):
            raise ValueError(f"key must have a part that is never empty, such as a literal or path(...); got {key!r}")
        self.bucket = bucket
        self._key = key
        self._overwrite = overwrite
        self._binary_media_types = binary_media_types

    @property
    def target(self) -> str:
        """Name what requests are stored in."""
        return self.bucket.node.path

    def metrics(self) -> Sequence[cloudwatch.IMetric]:
        """Tell nothing: CloudWatch has no metrics of it without a charge."""
        return ()

    def grant_store(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` put objects, and nothing else."""
        if self.bucket.encryption_key:
            self.bucket.encryption_key.grant(grantee, "kms:GenerateDataKey")
        resource = self.bucket.node.default_child
        arn = (
            f"<{Stack.of(resource).get_logical_id(resource)}.Arn>"
            if isinstance(resource, CfnElement)
            else self.bucket.bucket_arn
        )
        if isinstance(grantee, Construct):
            acknowledge(
                grantee,
                f"AwsSolutions::AwsSolutions-IAM5[Resource::{arn}/*]",
                reason="Requests name the objects, so no one knows the names before.",
            )
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["s3:PutObject"], resource_arns=[self.bucket.arn_for_objects("*")]
        )

    def bind(self, api: StorageFirstApi, route: Route) -> None:
        """Check that `api` reaches the bucket.

        Raises:
            ValueError: If it is in another Region.
        """
        del route
        require_reachable("bucket", self.bucket, api, other_accounts=True)

    def call(self, route: Route) -> ServiceCall:
        """Describe the call that stores a request to `route`."""
        key = self._object_name(route)
        values = {f"k{index}": part for index, part in enumerate(key) if isinstance(part, RequestValue)}
        path = "".join(
            f"{{k{index}}}" if isinstance(part, RequestValue) else quote(part, safe="/")
            for index, part in enumerate(key)
        )
        condition = {} if self._overwrite else {"header.If-None-Match": "'*'"}
        return ServiceCall(
            service="s3",
            action="PutObject",
            path=f"{self.bucket.bucket_name}/{path}",
            http_method="PUT",
            template=None,
            parameters={
                **{f"path.{name}": _source(value, route) for name, value in values.items()},
                **{f"header.{name}": f"method.request.header.{name}" for name in _PASSED_ON},
                "header.x-amz-meta-request-id": _source(request_id(), route),
                **condition,
            },
            headers=dict.fromkeys(_PASSED_ON, False) | _required(values.values(), Source.HEADER),
            query_parameters=_required(values.values(), Source.QUERY),
            binary_media_types=self._binary_media_types,
            documentation={"parameters": {"header.If-None-Match": {"enum": ["*"]}}},
            answers=[
                _stored(),
                refused(
                    [
                        (is_type("BadDigest"), _DAMAGED),
                        (is_type("InvalidDigest"), _DAMAGED),
                        (is_type("KeyTooLong"), _BAD_NAME),
                        (is_type("InvalidURI"), _BAD_NAME),
                        (is_type("EntityTooLarge"), problems.TOO_LARGE),
                        (is_type("RequestTimeout"), problems.UNAVAILABLE),
                    ],
                    outcome=r"(?!409|412)[34]\d{2}",
                    error_format=AWS_XML,
                ),
                always("409", _CONFLICT),
                always("412", problems.ALREADY_THERE),
                always("501", _CONDITION),
                refused(
                    [(is_type("SlowDown"), problems.THROTTLED)],
                    outcome="503",
                    error_format=AWS_XML,
                    otherwise=problems.UNAVAILABLE,
                ),
            ],
        )

    def _object_name(self, route: Route) -> tuple[str | RequestValue, ...]:
        for value in values_of(self._key):
            if value.source is Source.PATH:
                route.require_path_parameter(value.name)
        if route.access.tenant is None:
            return parts_of(self._key)
        if route.access.tenant not in _SAFE_TENANTS:
            raise ValueError(
                f"access of {route.name} must give a tenant that is an id of AWS's making, because no template checks "
                f"what is part of an object's name: {', '.join(tenant.label for tenant in _SAFE_TENANTS)}; "
                f"got the {route.access.tenant.label}"
            )
        for value in values_of(self._key):
            if value not in {request_id(), tenant()}:
                raise ValueError(
                    f"key of {route.name} cannot take the {value.label}, because its access gives a tenant: a name "
                    'such as ".." could lead to another tenant\'s objects. Use request_id()'
                )
        return parts_of(route.scoped(self._key, separator="/"))


def _stored() -> Answer:
    """Answer with the request's id, by which the object's metadata and the access log know it too.

    A template cannot read the version, which S3 gives in a header: it is passed on in one.
    """
    answer = accepted("$context.extendedRequestId")
    return replace(answer, passed_on={"ETag": "ETag", "X-Version-Id": "x-amz-version-id"})


def _check_part(part: str | RequestValue) -> None:
    if isinstance(part, str):
        if not _LITERAL.fullmatch(part):
            raise ValueError(
                f"key must have only letters, digits and any of ! - _ . * ' ( ) / besides values; got {part!r}"
            )
        return
    passed_on = {*_SOURCES, Source.TENANT}
    if part.source not in passed_on or part.type is not Type.STRING or part.default is not None:
        raise ValueError(
            f"key cannot take the {part.label}: API Gateway passes a body of any media type on without a template, and "
            "maps path, query, header, claim and context values as they are, without a type or a default"
        )


def _is_never_empty(part: str | RequestValue) -> bool:
    if isinstance(part, str):
        return bool(part)
    return part.source not in {Source.QUERY, Source.HEADER}


_SAFE_TENANTS = (
    claim("sub"),
    context("identity.apiKeyId"),
    context("identity.accountId"),
    context("identity.cognitoIdentityId"),
)
_SOURCES = {
    Source.PATH: "method.request.path.{}",
    Source.QUERY: "method.request.querystring.{}",
    Source.HEADER: "method.request.header.{}",
    Source.CLAIM: "context.authorizer.claims.{}",
    Source.CONTEXT: "context.{}",
}


def _source(value: RequestValue, route: Route) -> str:
    found = route.access.tenant if value.source is Source.TENANT else value
    if found is None:
        return f"'{SINGLE_TENANT}'"
    route.access.require(found, route.name)
    return _SOURCES[found.source].format(found.name)


def _required(values: Iterable[RequestValue], source: Source) -> dict[str, bool]:
    return {value.name: True for value in values if value.source is source}
