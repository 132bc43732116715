"""The colours of a line on a terminal: of its time, and of its level."""

from typing import Final

RESET: Final = "\x1b[0m"
DIM: Final = "\x1b[2m"
BOLD: Final = "\x1b[1m"
_OF_LEVELS: Final = ((50, "\x1b[1;31m"), (40, "\x1b[31m"), (30, "\x1b[33m"), (25, "\x1b[32m"), (20, ""), (0, DIM))


def colour_of(level_no: int) -> str:
    """Return the code of a level's colour, empty for INFO."""
    return next(code for least, code in _OF_LEVELS if level_no >= least)
