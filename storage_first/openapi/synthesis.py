"""Synthesizes an app as the local cloud does, for its templates alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage_first.local.cdk import Cdk, last_words
from storage_first.local.errors import LocalCloudError
from storage_first.local.tools import find_node
from storage_first.local.workplace import workplace

_TIMEOUT: Final = 300.0
_NO_EMULATOR: Final = "http://127.0.0.1:9"  # the port that nobody answers: a synthesis calls no service


@contextmanager
def synthesized(app: str, project: Path) -> Iterator[Path]:
    """Synthesize an app to a directory that is there until the context ends.

    Args:
        app: The command that synthesizes it.
        project: Where the command runs, and where cdk.json is.

    Raises:
        LocalCloudError: If the command fails, or takes longer than five minutes.
    """
    with workplace(None) as place:
        node = find_node()
        # Of the CDK's tools only the app itself runs: there is no CLI to find.
        tools = Cdk(node=node, cdk=node, project=project.resolve(), work=place.path, endpoint=_NO_EMULATOR)
        synth = tools.synth(app)
        if synth.finish(timeout=_TIMEOUT, healthy=lambda: None):
            raise LocalCloudError(f"The app failed: {last_words(synth.log)} (all of its output is in {synth.log}).")
        yield place.path / "cdk.out"
