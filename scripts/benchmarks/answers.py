"""Answers that are no measurement."""

import httpx

from scripts.benchmarks.figures import MeasurementError


def expect(answer: httpx.Response, status: int) -> None:
    """Check the status of an answer.

    Raises:
        MeasurementError: If it is another one.
    """
    if answer.status_code != status:
        raise MeasurementError(f"{answer.request.url} answered {answer.status_code}, not {status}: {answer.text}")
