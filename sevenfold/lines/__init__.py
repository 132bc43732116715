"""The format of a line, both ways: from a record to a line of text, and from a line to an event."""

from sevenfold.lines.grammar import LineError
from sevenfold.lines.parsing import Event, parse

__all__ = ["Event", "LineError", "parse"]
