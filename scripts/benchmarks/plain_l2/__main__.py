"""Synthesizes: `python -m scripts.benchmarks.plain_l2 HANDLERS`.

HANDLERS is a zip of the functions that track jobs, built before: by hand, a build step would do that.
"""

import sys
from pathlib import Path

from aws_cdk import App

from scripts.benchmarks.plain_l2.stack import PlainStack

app = App()
PlainStack(app, "GopherHoles", handlers=Path(sys.argv[1]))
app.synth()
