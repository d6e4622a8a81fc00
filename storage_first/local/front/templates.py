"""Render mapping templates with what an exchange knows."""

from storage_first.local.front.errors import GatewayError
from storage_first.local.front.exchange import Exchange
from storage_first.local.velocity import Rendered, TemplateError, TemplateInput, render


def render_template(template: str, body: str, exchange: Exchange, what: str) -> Rendered:
    """Render one mapping template.

    Args:
        template: The template.
        body: What `$input.body` is.
        exchange: The request, whose parameters and `$context` the template sees.
        what: Which template this is, for the developer.

    Raises:
        GatewayError: API_CONFIGURATION_ERROR, where the template cannot be rendered.
    """
    request = exchange.request
    try:
        return render(
            template,
            TemplateInput(
                body=body,
                path=exchange.path_parameters,
                querystring=request.query_map,
                header=request.header_map,
                context=exchange.context,
                stage_variables=exchange.stage.variables,
            ),
        )
    except TemplateError as error:
        raise GatewayError("API_CONFIGURATION_ERROR", log=f"{what}: {error}") from error
