"""What the sinks have to say themselves: one line on stderr, and never an exception."""

import contextlib
import sys
from functools import cache

from sevenfold.lines.grammar import escape
from sevenfold.redaction.redactor import Redactor

PREFIX = "sevenfold: "
MAX_LENGTH = 500  # characters; a notice may quote what somebody logged
_redactor = cache(Redactor)  # made when there is something to say: most programs never have


def notice(text: str) -> None:
    """Write one line to stderr, escaped and cut, whatever state stderr is in.

    A notice is the last resort of a logging call, so it must neither raise nor log. ``sys.stderr`` is looked up at
    each call, since programs and test runners replace it, and is None in a windowed Python.
    """
    with contextlib.suppress(Exception):
        if sys.stderr is not None:
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"  # a StringIO has none
            line = PREFIX + escape(_redactor().text(text))[:MAX_LENGTH] + "\n"
            sys.stderr.write(line.encode(encoding, "backslashreplace").decode(encoding))
            sys.stderr.flush()


def describe(error: BaseException) -> str:
    """Name an exception with its message, or without it where its ``str`` raises."""
    try:
        message = str(error)
    except Exception:
        message = "(no message: its str() raised)"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
