"""Jobs: stored requests, tracked from accepted to finished."""

from constructs_lib.job_tracker.tracker import JobTracker

__all__ = ["JobTracker"]
