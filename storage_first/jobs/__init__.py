"""The jobs of an API, as whoever runs it sees them: `storage-first jobs`."""
