"""The app that `cdk deploy` deploys: the sample, Gopher Holes."""

from storage_first.sample.app import build_app

build_app().synth()
