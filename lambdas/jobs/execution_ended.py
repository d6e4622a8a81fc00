"""Close the job of an execution that has ended, when the workflow itself could not.

Time-outs, aborts and runtime errors pass every Catch of a workflow by; Step Functions tells of them all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from lambdas.jobs import executions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


class NotEndedYetError(Exception):
    """Step Functions does not show the end that it told of; ask again later."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], _context: LambdaContext) -> None:
    """Handle one `Step Functions Execution Status Change` event.

    Raises:
        NotEndedYetError: If the event leaves out what is needed, and Step Functions still shows a running execution.
    """
    execution = _complete(event["detail"])
    job = executions.job_of(execution)
    if job is None:
        logger.info("An execution that was not started for a job.", execution=execution["executionArn"])
        return
    with logger.append_context_keys(correlation_id=job.id):
        if executions.close(job, execution):
            logger.info("Closed a job for its workflow.", status=execution["status"], error=execution.get("error"))


def _complete(detail: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fetch what an event leaves out because it is too large."""
    has_output = detail["status"] != "SUCCEEDED" or detail.get("output") is not None
    if detail.get("input") is not None and has_output:
        return detail
    execution = executions.describe(detail["executionArn"])
    if execution is None or not executions.has_ended(execution):
        raise NotEndedYetError(detail["executionArn"])
    return execution
