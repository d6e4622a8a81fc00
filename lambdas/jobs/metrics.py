"""Counts jobs, for CloudWatch."""

from __future__ import annotations

import os

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

_metrics = Metrics(namespace="StorageFirst")


def count(**numbers: int) -> None:
    """Add to the metrics of these names, which are about the jobs of one table; no number is not a zero."""
    if not numbers:
        return
    _metrics.add_dimension(name="JobsTable", value=os.environ["JOBS_TABLE"])
    for name, number in numbers.items():
        _metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)
    _metrics.flush_metrics()
