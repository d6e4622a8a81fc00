"""The sample as a CDK app."""

from aws_cdk import App

from storage_first.sample.stack import GopherHolesStack


def build_app() -> App:
    """Build the app with its one stack."""
    app = App()
    GopherHolesStack(app, "GopherHoles")
    return app
