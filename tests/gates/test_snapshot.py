import json
import re

import pytest
from syrupy.extensions.json import JSONSnapshotExtension

# Hashes of assets change with every line of a handler: what ships is told by the other tests.
HASH = re.compile(r"\b[0-9a-f]{64}\b")


@pytest.mark.xdist_group("gates")
@pytest.mark.parametrize("app", ["sample"], indirect=True)
def test_the_sample_s_template_changes_only_on_purpose(app, snapshot):
    template = json.loads(HASH.sub("<hash>", (app.directory / "GopherHoles.template.json").read_text()))

    assert template == snapshot.use_extension(JSONSnapshotExtension)
