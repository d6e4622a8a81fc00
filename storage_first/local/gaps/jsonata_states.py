"""JSONata states do what they say: Parallel's Arguments, Output and Assign, and Succeed's Output.

The emulator ignores these. It also lets all branches of a Parallel state share one context object, so that they
overwrite each other's `$states.context.State` and task token, and leak their variables to the states that follow.
"""

from typing import Any

from ministack.services import stepfunctions


def close() -> None:
    """Evaluate the fields, and give each branch a context of its own."""
    run_branches = stepfunctions._run_parallel_branches
    run_states = stepfunctions._run_sub_machine
    apply_output_path = stepfunctions._apply_output_path

    def run_parallel(state: dict[str, Any], data: Any, execution: Any, context: dict[str, Any]) -> Any:
        if stepfunctions._state_query_language(state, context) != "JSONata":
            return run_branches(state, data, execution, context)
        argument = stepfunctions._apply_jsonata_arguments(state, data, context)
        bare = {key: state[key] for key in ("Type", "Branches", "Next", "End") if key in state}
        results, following = run_branches(bare, argument, execution, context)
        output = stepfunctions._apply_jsonata_output(state, data, context, result=results, default=results)
        stepfunctions._apply_state_assign(state, data, context, result=results)
        return output, following

    def run_branch(states: Any, start_at: str, data: Any, execution: Any, context: dict[str, Any]) -> Any:
        own = {**context, "variables": dict(context.get("variables", {}))}
        return run_states(states, start_at, data, execution, own)

    def output_of(state: dict[str, Any], data: Any, context: Any = None) -> Any:
        if state.get("Type") == "Succeed" and stepfunctions._state_query_language(state, context) == "JSONata":
            return stepfunctions._apply_jsonata_output(state, data, context, default=data)
        return apply_output_path(state, data, context)

    stepfunctions._run_parallel_branches = run_parallel
    stepfunctions._run_sub_machine = run_branch
    stepfunctions._apply_output_path = output_of
