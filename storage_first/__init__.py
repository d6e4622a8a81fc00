"""Storage First: the sample, the local cloud, and what tests import."""
