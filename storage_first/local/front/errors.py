"""Why a request ends before its integration answers: API Gateway's response types, with its own wording."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class ResponseType:
    """One of API Gateway's gateway response types.

    Attributes:
        name: The type as templates and `$context.error.responseType` name it.
        status: Its status unless the API changes it.
        error_type: What `x-amzn-ErrorType` says. Where AWS documents none, the type's usual name is used.
        message: What `$context.error.message` says unless the error brings its own.
    """

    name: str
    status: int
    error_type: str
    message: str

    @property
    def fallback(self) -> str:
        """The type whose customization holds where this one has none."""
        return "DEFAULT_4XX" if self.status < 500 else "DEFAULT_5XX"  # noqa: PLR2004 - where server errors start


_TYPES = (
    ResponseType("ACCESS_DENIED", 403, "AccessDeniedException", "User is not authorized to access this resource"),
    ResponseType("API_CONFIGURATION_ERROR", 500, "InternalServerErrorException", "Internal server error"),
    ResponseType("AUTHORIZER_CONFIGURATION_ERROR", 500, "AuthorizerConfigurationException", "Internal server error"),
    ResponseType("AUTHORIZER_FAILURE", 500, "AuthorizerFailureException", "Internal server error"),
    ResponseType("BAD_REQUEST_BODY", 400, "BadRequestException", "Invalid request body"),
    ResponseType("BAD_REQUEST_PARAMETERS", 400, "BadRequestException", "Missing required request parameters"),
    ResponseType("DEFAULT_4XX", 400, "BadRequestException", "Bad Request"),
    ResponseType("DEFAULT_5XX", 500, "InternalServerErrorException", "Internal server error"),
    ResponseType(
        "EXPIRED_TOKEN", 403, "ExpiredTokenException", "The security token included in the request is expired"
    ),
    ResponseType(
        "INTEGRATION_FAILURE", 504, "InternalServerErrorException", "Network error communicating with endpoint"
    ),
    ResponseType("INTEGRATION_TIMEOUT", 504, "InternalServerErrorException", "Endpoint request timed out"),
    ResponseType("INVALID_API_KEY", 403, "ForbiddenException", "Forbidden"),
    ResponseType("INVALID_SIGNATURE", 403, "InvalidSignatureException", "Forbidden"),
    ResponseType(
        "MISSING_AUTHENTICATION_TOKEN", 403, "MissingAuthenticationTokenException", "Missing Authentication Token"
    ),
    ResponseType("QUOTA_EXCEEDED", 429, "LimitExceededException", "Limit Exceeded"),
    ResponseType("REQUEST_TOO_LARGE", 413, "RequestTooLargeException", "HTTP content length exceeded 10485760 bytes."),
    ResponseType("RESOURCE_NOT_FOUND", 404, "NotFoundException", "Not Found"),
    ResponseType("THROTTLED", 429, "TooManyRequestsException", "Too Many Requests"),
    ResponseType("UNAUTHORIZED", 401, "UnauthorizedException", "Unauthorized"),
    ResponseType("UNSUPPORTED_MEDIA_TYPE", 415, "BadRequestException", "Unsupported Media Type"),
    ResponseType("WAF_FILTERED", 403, "ForbiddenException", "Forbidden"),
)

RESPONSE_TYPES: Mapping[str, ResponseType] = MappingProxyType({type_.name: type_ for type_ in _TYPES})


class GatewayError(Exception):
    """Ends a request with a gateway response.

    Attributes:
        response_type: Which one.
        message: What `$context.error.message` says.
        validation_error: What `$context.error.validationErrorString` says, if a body failed its model.
        status: Where it differs from the type's own.
    """

    def __init__(
        self,
        name: str,
        *,
        message: str | None = None,
        validation_error: str | None = None,
        status: int | None = None,
        log: str | None = None,
    ) -> None:
        """Describe why a request ends.

        Args:
            name: The gateway response type.
            message: Replaces the type's usual wording.
            validation_error: How the body breaks its model.
            status: Replaces the type's usual status.
            log: What the developer should read, and the caller must not.
        """
        self.response_type = RESPONSE_TYPES[name]
        self.message = self.response_type.message if message is None else message
        self.validation_error = validation_error
        self.status = self.response_type.status if status is None else status
        self.log = log
        super().__init__(f"{name}: {log or self.message}")
