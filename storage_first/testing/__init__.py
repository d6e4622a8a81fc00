"""What your own tests import: mapping templates rendered as API Gateway does, with no AWS account and no deployment."""

from storage_first.local.velocity import Rendered, TemplateError, TemplateInput
from storage_first.testing.templates import EventError, load_event, render_template

__all__ = ["EventError", "Rendered", "TemplateError", "TemplateInput", "load_event", "render_template"]
