"""Which states an execution enters, and how often, read from its definition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from jsonata import Jsonata
from jsonata.jexception import JException

from scripts.benchmarks.figures import MeasurementError

State = Mapping[str, Any]

_LEFT, _RIGHT = "{%", "%}"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A state that an execution enters.

    Attributes:
        state: Its definition.
        times: How often it is entered. "A state transition is counted each time a step of your workflow is executed"
            (https://aws.amazon.com/step-functions/pricing/).
        of_item: Whether it works on one item of a Map, not on all of the execution's input.
    """

    state: State
    times: int = 1
    of_item: bool = False


def visits_to_success(definition: Mapping[str, Any], items: int = 1) -> Sequence[Visit]:
    """List the states that an execution enters at least until it succeeds. Nothing is retried.

    Args:
        definition: The definition.
        items: How many items a Map has, in all of its rounds: a Choice after it may lead back to it for the next ones.

    Raises:
        MeasurementError: If no way through the definition leads to a success, or it cannot be told how many items a Map
            has in a round.
    """
    way = _way(definition["States"], definition["StartAt"], frozenset())
    if way is None:
        raise MeasurementError(f"No way from the state {definition['StartAt']!r} leads to a success.")
    return list(_visits(definition["States"], way, items))


def transitions_to_failure(definition: Mapping[str, Any]) -> int:
    """Count the states of the way from a failure within the first state, the work, to the end, and the first itself."""
    states: Mapping[str, State] = definition["States"]
    (first, *_), entered = states[definition["StartAt"]].get("Catch", [{}]), 1
    name = first.get("Next")
    while name:
        entered, name = entered + 1, states[name].get("Next")
    return entered


def transitions_to_success(definition: Mapping[str, Any]) -> int:
    """Count the states of the way to a success, those within its first state left out: that is the work."""
    visits = visits_to_success(definition)
    return len(visits) - len(list(_inside(definition["States"][definition["StartAt"]], 1)))


def _way(states: Mapping[str, State], name: str, before: frozenset[str]) -> Sequence[str] | None:
    """Find the shortest way to a success, if there is one: from a Fail state nothing follows."""
    state = states[name]
    if name in before:
        return None
    if state.get("End") or state["Type"] == "Succeed":
        return [name]
    ways = [_way(states, following, before | {name}) for following in _following(state)]
    possible = [way for way in ways if way is not None]
    rest = min(possible, key=lambda way: len(list(_visits(states, way, 1))), default=None)
    return None if rest is None else [name, *rest]


def _visits(states: Mapping[str, State], way: Sequence[str], items: int) -> Iterator[Visit]:
    rounds = 1
    for position, name in enumerate(way):
        state = states[name]
        if state["Type"] == "Map" and _leads_back(states, way[position:]):
            rounds = _rounds([states[before] for before in way[:position]], state, items)
        yield Visit(state=state, times=rounds)
        yield from _inside(state, items)
        if state["Type"] == "Choice":
            rounds = 1


def _inside(state: State, items: int) -> Iterator[Visit]:
    for branch in state.get("Branches", ()):
        yield from visits_to_success(branch, items)
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            for visit in visits_to_success(state[key]):
                yield replace(visit, times=visit.times * items, of_item=True)


def _leads_back(states: Mapping[str, State], way: Sequence[str]) -> bool:
    """Tell whether the first Choice on a way leads back to where that begins."""
    choice = next((states[name] for name in way if states[name]["Type"] == "Choice"), None)
    return choice is not None and way[0] in _following(choice)


def _rounds(before: Sequence[State], of_items: State, items: int) -> int:
    """Tell in how many rounds a Map works on its items, from how many it has in the first."""
    if items == 1:
        return 1
    known: dict[str, Any] = {"states": {"context": {"Execution": {"Input": {"input": {"items": [{}] * items}}}}}}
    for state in before:
        known |= {name: _evaluated(text, known) for name, text in state.get("Assign", {}).items()}
    first = _evaluated(of_items.get("Items", ""), known)
    if not first:
        raise MeasurementError("How many items a Map works on in a round cannot be told from its items.")
    return ceil(items / len(first))


def _evaluated(text: str, known: Mapping[str, Any]) -> Any:  # noqa: ANN401  (a JSON value)
    expression = Jsonata(text.removeprefix(_LEFT).removesuffix(_RIGHT))
    frame = expression.create_frame()
    for name, value in known.items():
        frame.bind(name, value)
    try:
        return expression.evaluate(None, frame)
    except JException as error:
        raise MeasurementError(f"{text!r} cannot be evaluated: {error}.") from error


def _following(state: State) -> Iterator[str]:
    for holder in (state, *state.get("Choices", ())):
        if "Next" in holder:
            yield holder["Next"]
    if "Default" in state:
        yield state["Default"]
