import pytest

from tests.lifecycle.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=range(len(MUTANTS)))
def test_every_mutant_can_still_be_made(mutant):
    assert mutant.code not in mutant.text or mutant.code in mutant.instead
