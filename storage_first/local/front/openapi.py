"""Read a REST API's parts from its OpenAPI document (`Body`), with API Gateway's extensions.

Read are: paths and methods with their parameters, request bodies, security and `x-amazon-apigateway-integration`
(also `-any-method`, `-request-validator(s)`, `-auth(orizer)`, `-gateway-responses`, `-binary-media-types`,
`-api-key-source`), from OpenAPI 3 and Swagger 2 alike. Not read: servers and base paths, documentation, policies,
endpoint configurations, and references other than to schemas.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from storage_first.local.front.raw import Props, RawApi
from storage_first.local.front.values import Json

_EXTENSION = "x-amazon-apigateway-"
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", f"{_EXTENSION}any-method"})
_LOCATIONS = {"query": "querystring", "header": "header", "path": "path"}
_TYPES = {"aws": "AWS", "aws_proxy": "AWS_PROXY", "http": "HTTP", "http_proxy": "HTTP_PROXY", "mock": "MOCK"}


def add_document(raw: RawApi, document: Props) -> None:
    """Add what an OpenAPI document says to an API's other parts."""
    reader = _Reader(raw, document)
    reader.read()


class _Reader:
    def __init__(self, raw: RawApi, document: Props) -> None:
        self._raw = raw
        self._document = document
        self._schemes: Props = document.get("securityDefinitions") or document.get("components", {}).get(
            "securitySchemes", {}
        )

    def read(self) -> None:
        document = self._document
        raw = self._raw
        raw.props = {
            "Name": document.get("info", {}).get("title", raw.logical_id),
            "ApiKeySourceType": document.get(f"{_EXTENSION}api-key-source", "HEADER"),
            "BinaryMediaTypes": document.get(f"{_EXTENSION}binary-media-types", ()),
            **raw.props,
        }
        schemas = document.get("definitions") or document.get("components", {}).get("schemas", {})
        raw.models |= {name: self._with_model_references(schema) for name, schema in schemas.items()}
        raw.validators |= {
            name: {
                "ValidateRequestBody": validator.get("validateRequestBody", False),
                "ValidateRequestParameters": validator.get("validateRequestParameters", False),
            }
            for name, validator in document.get(f"{_EXTENSION}request-validators", {}).items()
        }
        raw.authorizers |= dict(self._authorizers())
        raw.gateway_responses |= {
            name: {
                "ResponseType": name,
                "StatusCode": response.get("statusCode"),
                "ResponseParameters": response.get("responseParameters", {}),
                "ResponseTemplates": response.get("responseTemplates", {}),
            }
            for name, response in document.get(f"{_EXTENSION}gateway-responses", {}).items()
        }
        for path, item in document.get("paths", {}).items():
            self._read_path(path.rstrip("/"), item)

    def _read_path(self, path: str, item: Props) -> None:
        resource_id = f"{self._raw.id}{path or '/'}"
        self._raw.paths[resource_id] = path
        shared = item.get("parameters", [])
        self._raw.methods[resource_id] = [
            self._method(name, operation, [*shared, *operation.get("parameters", [])])
            for name, operation in item.items()
            if name in _METHODS
        ]

    def _method(self, name: str, operation: Props, parameters: list[Props]) -> Props:
        props: dict[str, Any] = {
            "HttpMethod": "ANY" if name.startswith("x-") else name.upper(),
            "RequestParameters": {
                f"method.request.{_LOCATIONS[parameter['in']]}.{parameter['name']}": parameter.get("required", False)
                for parameter in parameters
                if parameter.get("in") in _LOCATIONS
            },
            "RequestModels": self._request_models(operation, parameters),
            "RequestValidatorId": operation.get(
                f"{_EXTENSION}request-validator", self._document.get(f"{_EXTENSION}request-validator", "")
            ),
            **self._security(operation),
        }
        if integration := operation.get(f"{_EXTENSION}integration"):
            props["Integration"] = _integration(integration)
        return props

    def _request_models(self, operation: Props, parameters: list[Props]) -> Mapping[str, str]:
        content = operation.get("requestBody", {}).get("content", {})
        schemas = {media_type: body.get("schema", {}) for media_type, body in content.items()}
        consumes = operation.get("consumes") or self._document.get("consumes") or ["application/json"]
        for parameter in parameters:
            if parameter.get("in") == "body":
                schemas |= dict.fromkeys(consumes, parameter.get("schema", {}))
        return {media_type: self._model_name(schema) for media_type, schema in schemas.items()}

    def _model_name(self, schema: Props) -> str:
        if "$ref" in schema:
            return str(schema["$ref"]).rpartition("/")[2]
        name = f"inline{len(self._raw.models)}"
        self._raw.models[name] = self._with_model_references(schema)
        return name

    def _with_model_references(self, schema: Json) -> Json:
        if isinstance(schema, Mapping):
            return {
                key: f"https://apigateway.amazonaws.com/restapis/{self._raw.id}/models/{value.rpartition('/')[2]}"
                if key == "$ref" and isinstance(value, str)
                else self._with_model_references(value)
                for key, value in schema.items()
            }
        return [self._with_model_references(item) for item in schema] if isinstance(schema, list) else schema

    def _authorizers(self) -> Iterator[tuple[str, Props]]:
        for name, scheme in self._schemes.items():
            authorizer = scheme.get(f"{_EXTENSION}authorizer")
            if authorizer is None:
                continue
            yield (
                name,
                {
                    "Type": authorizer["type"].upper(),
                    "AuthorizerUri": authorizer.get("authorizerUri", ""),
                    "IdentitySource": authorizer.get("identitySource") or f"method.request.header.{scheme['name']}",
                    "IdentityValidationExpression": authorizer.get("identityValidationExpression"),
                    "AuthorizerResultTtlInSeconds": authorizer.get("authorizerResultTtlInSeconds", 300),
                    "ProviderARNs": authorizer.get("providerARNs", ()),
                },
            )

    def _security(self, operation: Props) -> Props:
        props: dict[str, Any] = {"AuthorizationType": "NONE"}
        for requirement in operation.get("security", self._document.get("security", ())):
            for name, scopes in requirement.items():
                scheme = self._schemes.get(name, {})
                if name in self._raw.authorizers:
                    is_cognito = self._raw.authorizers[name]["Type"] == "COGNITO_USER_POOLS"
                    props["AuthorizationType"] = "COGNITO_USER_POOLS" if is_cognito else "CUSTOM"
                    props["AuthorizerId"] = name
                    props["AuthorizationScopes"] = scopes
                elif scheme.get(f"{_EXTENSION}authtype") == "awsSigv4":
                    props["AuthorizationType"] = "AWS_IAM"
                elif scheme.get("type") == "apiKey" and scheme.get("name", "").lower() == "x-api-key":
                    props["ApiKeyRequired"] = True
        return props


def _integration(integration: Props) -> Props:
    return {
        "Type": _TYPES.get(integration["type"].lower(), integration["type"]),
        "Uri": integration.get("uri", ""),
        "IntegrationHttpMethod": integration.get("httpMethod", "POST"),
        "RequestParameters": integration.get("requestParameters", {}),
        "RequestTemplates": integration.get("requestTemplates", {}),
        "PassthroughBehavior": integration.get("passthroughBehavior", "WHEN_NO_MATCH").upper(),
        "ContentHandling": integration.get("contentHandling"),
        "TimeoutInMillis": integration.get("timeoutInMillis", 29_000),
        "ConnectionType": integration.get("connectionType"),
        "IntegrationResponses": [
            {
                "StatusCode": response["statusCode"],
                "SelectionPattern": "" if pattern == "default" else pattern,
                "ResponseParameters": response.get("responseParameters", {}),
                "ResponseTemplates": response.get("responseTemplates", {}),
                "ContentHandling": response.get("contentHandling"),
            }
            for pattern, response in integration.get("responses", {}).items()
        ],
    }
