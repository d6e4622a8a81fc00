"""Synthesizes an app with cdk-nag's packs: `python with_nag.py APP`."""

import runpy
import sys

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

synth = App.synth


def synth_with_nag(self, **options):
    Validations.of(self).add_plugins(AwsSolutionsChecks(), ServerlessChecks())
    return synth(self, **options)


App.synth = synth_with_nag
runpy.run_path(sys.argv[1], run_name="__main__")
