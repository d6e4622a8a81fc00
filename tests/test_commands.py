from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from storage_first import commands
from storage_first.sample import demo


@pytest.mark.parametrize(("kept", "code"), [(True, 0), (False, 1)])
def test_the_demo_fails_when_an_answer_is_not_the_contract_s(monkeypatch, kept, code):
    cloud = SimpleNamespace(not_emulated=["WAF: no request is inspected"])
    monkeypatch.setattr(commands.LocalCloud, "start", lambda **_: nullcontext(cloud))
    monkeypatch.setattr(demo, "run", lambda *_: kept)

    result = CliRunner().invoke(commands.cli, ["demo"])

    assert result.exit_code == code
    assert "not emulated: WAF: no request is inspected" in result.stdout
