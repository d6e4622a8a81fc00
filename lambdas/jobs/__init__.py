"""The handlers behind `constructs_lib.JobTracker`, and the modules that they share."""
