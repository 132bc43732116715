"""A server on the standard library alone."""
