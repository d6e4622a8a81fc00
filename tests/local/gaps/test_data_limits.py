KIB = 1024


def machine(kib, *, text="x"):
    """A machine whose work puts out so much, which it would like to catch."""
    output = f"{{% $join($map([1..{kib}], function() {{ '{text * KIB}' }})) %}}"
    large = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": output, "End": True}
    work = {
        "Type": "Parallel",
        "Branches": [{"StartAt": "Large", "States": {"Large": large}}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    return {"StartAt": "Work", "States": {"Work": work, "Caught": {"Type": "Pass", "End": True}}}


def test_the_bare_emulator_has_no_limit(bare):
    assert bare.execution(machine(300))["status"] == "SUCCEEDED"


def test_an_output_of_more_than_256_kib_ends_the_execution_and_nothing_catches_it(closed):
    execution = closed.execution(machine(300))

    assert (execution["status"], execution["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert "'Work' returned a result with a size exceeding" in execution["cause"]


def test_the_limit_is_of_bytes(closed):
    assert closed.execution(machine(100, text="€"))["error"] == "States.DataLimitExceeded"


def test_less_passes(closed):
    assert closed.execution(machine(250))["status"] == "SUCCEEDED"
    assert closed.execution(machine(80, text="€"))["status"] == "SUCCEEDED", "though it is more with its escapes"
