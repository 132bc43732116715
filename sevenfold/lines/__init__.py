"""What a line is, both ways: a record becomes a line of text, and a line becomes an event again."""

from sevenfold.lines.grammar import LineError
from sevenfold.lines.parsing import Event, parse

__all__ = ["Event", "LineError", "parse"]
