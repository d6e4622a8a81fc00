"""Which states an execution enters, read from its definition."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.benchmarks.figures import MeasurementError

State = Mapping[str, Any]


def states_to_success(definition: Mapping[str, Any]) -> Sequence[State]:
    """List the states that an execution enters at least until it succeeds.

    Each is one transition: "a state transition is counted each time a step of your workflow is executed"
    (https://aws.amazon.com/step-functions/pricing/). Nothing is retried, and a Map has one item.

    Raises:
        MeasurementError: If no way through the definition leads to a success.
    """
    path = _path(definition["States"], definition["StartAt"], frozenset())
    if path is None:
        raise MeasurementError(f"No way from the state {definition['StartAt']!r} leads to a success.")
    return path


def _path(states: Mapping[str, State], name: str, before: frozenset[str]) -> Sequence[State] | None:
    """Find the shortest way to a success, if there is one: from a Fail state nothing follows."""
    state = states[name]
    if name in before:
        return None
    entered = [state, *_inside(state)]
    if state.get("End") or state["Type"] == "Succeed":
        return entered
    ways = [_path(states, following, before | {name}) for following in _following(state)]
    rest = min((way for way in ways if way is not None), key=len, default=None)
    return None if rest is None else [*entered, *rest]


def _inside(state: State) -> Iterator[State]:
    inner = [*state.get("Branches", ()), *(state[key] for key in ("ItemProcessor", "Iterator") if key in state)]
    for definition in inner:
        yield from states_to_success(definition)


def _following(state: State) -> Iterator[str]:
    for holder in (state, *state.get("Choices", ())):
        if "Next" in holder:
            yield holder["Next"]
    if "Default" in state:
        yield state["Default"]
