"""Synthesizes the sample: `python -m storage_first.sample`."""

from storage_first.sample.app import build_app

build_app().synth()
