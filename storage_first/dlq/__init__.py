"""What was given up, and the way to send it again: `storage-first dlq`."""
