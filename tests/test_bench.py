import json
from collections import Counter

import pytest
from rich.console import Console

from scripts.benchmarks import processes
from scripts.benchmarks.figures import Figure, MeasurementError, Times, tabulate
from scripts.benchmarks.rounds import interleave


def shown(*figures):
    console = Console(width=120)
    with console.capture() as capture:
        console.print(tabulate(figures))
    return capture.get()


def test_a_median_is_told_with_the_fastest_and_the_slowest_run():
    assert str(Times([0.010, 0.002, 0.0034])) == "3.4 ms (2.0 to 10.0; runs: 3)"
    assert str(Times([12.0, 14.5])) == "13.25 s (12.00 to 14.50; runs: 2)"


def test_no_runs_have_no_median():
    with pytest.raises(ValueError, match="at least one run"):
        Times([])


def test_an_overhead_is_taken_from_every_run():
    assert Times([3.0, 5.0]).minus(1.0) == Times([2.0, 4.0])


def test_a_ratio_is_of_medians():
    figure = Figure(what="slow", times=Times([9.0, 6.0, 100.0]), against="fast", baseline=Times([1.0, 3.0, 3.0]))

    assert figure.ratio == 3.0


@pytest.mark.parametrize(("most", "met"), [(3, True), (2.9, False), (None, None)])
def test_an_aim_is_for_the_ratio(most, met):
    figure = Figure(what="slow", times=Times([9.0]), against="fast", baseline=Times([3.0]), most=most)

    assert figure.met is met


@pytest.mark.parametrize(("most", "met"), [(60, True), (59, False)])
def test_an_aim_is_for_the_seconds_where_nothing_is_compared(most, met):
    figure = Figure(what="slow", times=Times([60.0]), most=most)

    assert figure.met is met


def test_the_table_tells_ratio_aim_and_verdict():
    good = Figure(what="front", times=Times([9.0]), against="emulator", baseline=Times([3.0]), most=3)
    bad = Figure(what="demo", times=Times([61.0]), most=60)

    table = shown(good, bad)

    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines() if "│" in line]
    assert lines == [
        ["front", "9.00 s (9.00 to 9.00; runs: 1)", "3.00", "at most 3", "yes"],
        ["to emulator", "3.00 s (3.00 to 3.00; runs: 1)", "", "", ""],
        ["demo", "61.00 s (61.00 to 61.00; runs: 1)", "", "at most 60 s", "no"],
    ]


def test_actions_are_timed_in_turns_and_none_is_always_first():
    order = []

    times = interleave(range(2), {"a": lambda: order.append("a"), "b": lambda: order.append("b")})

    assert order == ["a", "b", "b", "a"]
    assert {name: len(of_one.seconds) for name, of_one in times.items()} == {"a": 2, "b": 2}


def test_a_program_that_fails_is_no_measurement(monkeypatch):
    monkeypatch.setattr(processes, "_HANDLERS", ("nothing_of_the_kind",))

    with pytest.raises(MeasurementError, match=r"ModuleNotFoundError: .*nothing_of_the_kind"):
        list(processes.measure_imports(processes.Plan(requests=1, jobs=1, synths=1, imports=1, demos=1), track))


def track(rounds, text):
    return range(rounds)


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """The sample's template, and that of the same resources written with plain L2 constructs."""
    sample, plain = (tmp_path_factory.mktemp(name) for name in ("sample", "plain"))
    processes.synth_sample(sample)
    processes.synth_plain(plain, processes.asset_of(sample))
    return [json.loads((output / "GopherHoles.template.json").read_text()) for output in (sample, plain)]


def test_the_plain_app_has_the_sample_s_resources(templates):
    sample, plain = (Counter(resource["Type"] for resource in template["Resources"].values()) for template in templates)

    assert plain == sample


def test_the_plain_app_has_the_sample_s_states(templates):
    sample, plain = (sorted(map(state_types, machines(template))) for template in templates)

    assert plain == sample


def machines(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            separator, parts = resource["Properties"]["DefinitionString"]["Fn::Join"]
            yield json.loads(separator.join(part if isinstance(part, str) else "token" for part in parts))


def state_types(value):
    """The types of all states of a machine, sorted, however deep they are."""
    if isinstance(value, list):
        return sorted(found for item in value for found in state_types(item))
    if not isinstance(value, dict):
        return []
    states = value.get("States", {})
    own = [state["Type"] for state in states.values()]
    inner = [found for name, item in value.items() if name != "States" for found in state_types(item)]
    return sorted([*own, *inner, *(found for state in states.values() for found in state_types(state))])
