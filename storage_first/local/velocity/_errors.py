"""What goes wrong with a template."""


class TemplateError(Exception):
    """The template cannot be rendered; the message says where and why."""


class JavaError(Exception):
    """A Java method refused its arguments; the message starts with the Java exception's name."""
