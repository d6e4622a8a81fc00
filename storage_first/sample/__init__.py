"""Gopher Holes, the sample application."""
