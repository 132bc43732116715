"""What a line is, both ways: a record becomes a line of text, and a line becomes an event again."""

from sevenfold.lines.grammar import Event, LineError, parse

__all__ = ["Event", "LineError", "parse"]
