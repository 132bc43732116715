"""The common form of errors about a table."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 60  # characters of a cell or name that a message shows
MOST = 10  # names that a message lists


class DataError(ValueError):
    """An error in the user's table, in one line: the place, the expected and the actual text, and the way out."""


def shown(value: str) -> str:
    """Return a cell or name as a message shows it.

    Examples
    --------
    >>> shown("Oslo")
    "'Oslo'"
    """
    return repr(value if len(value) <= LONGEST else value[:LONGEST] + "...")


def listed(names: Iterable[str]) -> str:
    """Return the first ten names, and how many more there are.

    Examples
    --------
    >>> listed("abcdefghijkl")
    "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j' and 2 more"
    """
    names = list(names)
    more = f" and {len(names) - MOST} more" if names[MOST:] else ""
    return ", ".join(map(shown, names[:MOST])) + more


def hint(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like this one, in brackets; nothing if none is like it."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
