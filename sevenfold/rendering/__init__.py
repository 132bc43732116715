"""From a loguru record, or a whole table of rows, to lines of text."""
