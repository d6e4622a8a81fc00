"""The handlers that hand what a queue or stream holds to a state machine."""
