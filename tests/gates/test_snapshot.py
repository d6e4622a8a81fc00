import json
import re

import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from tests.gates.conftest import APPS, synthesize

# Hashes of assets change with every line of a handler: what ships is told by the other tests.
HASH = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.fixture
def template(tmp_path):
    synthesize(APPS["sample"], tmp_path)
    return json.loads(HASH.sub("<hash>", (tmp_path / "GopherHoles.template.json").read_text()))


@pytest.mark.xdist_group("gates")
def test_the_sample_s_template_changes_only_on_purpose(template, snapshot):
    assert template == snapshot.use_extension(JSONSnapshotExtension)
