"""Read back what was logged: a file with its rotated ones, or a whole folder."""

from sevenfold.reading.folder import read

__all__ = ["read"]
