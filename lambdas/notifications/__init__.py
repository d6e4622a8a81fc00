"""The handlers behind `constructs_lib.JobNotifications`, and the table that they share."""
