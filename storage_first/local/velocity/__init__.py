"""Renders API Gateway's mapping templates: Apache Velocity 1.7 with API Gateway's variables.

Conforms to the Java originals (Velocity 1.7, Jayway JsonPath, json-smart, commons-lang 2), set up as API Gateway does
it: the tests compare it with them. A template is parsed once, whatever the number of renderings.
"""

from storage_first.local.velocity._errors import TemplateError
from storage_first.local.velocity._gateway import Rendered, TemplateInput, render

__all__ = ["Rendered", "TemplateError", "TemplateInput", "render"]
