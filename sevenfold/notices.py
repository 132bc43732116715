"""Sevenfold's own messages: one line on stderr, and never an exception, nor a call that waits for ever."""

import contextlib
import os
import select
import sys
import threading
from collections.abc import Iterator
from functools import cache
from typing import TextIO

from sevenfold.lines.grammar import escape
from sevenfold.lines.values import clean
from sevenfold.redaction.redactor import Redactor

PREFIX = "sevenfold: "
MAX_LENGTH = 500  # characters; a notice may quote a logged text
PATIENCE_S = 1.0  # for a stream that takes nothing, such as a full pipe or a terminal after Ctrl-S
_PIECE_BYTES = 4096  # which a pipe that can be written takes at once (PIPE_BUF of Linux; elsewhere 512 or more)
_usual = cache(Redactor)  # made when there is something to say: most programs never have
_configured: Redactor | None = None
_writing = threading.RLock()
_stuck: set[int] = set()  # descriptors of streams that took nothing
_torn: set[int] = set()  # and of those that took the beginning of a line


def notice(text: str) -> None:
    """Write one line to stderr, escaped and cut, in any state of stderr.

    A notice is the last resort of a logging call, so it must neither raise nor log. ``sys.stderr`` is looked up at
    each call, since programs and test runners replace it, and is None in a windowed Python.
    """
    with contextlib.suppress(Exception):
        if sys.stderr is not None:
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"  # a StringIO has none
            line = PREFIX + _escaped((_configured or _usual()).text(text))[:MAX_LENGTH] + "\n"
            write_in_time(sys.stderr, line.encode(encoding, "backslashreplace").decode(encoding))


def redact_with(redactor: Redactor | None) -> None:
    """Take secrets out of notices as the configuration in force does; None stands for the default rules."""
    global _configured  # noqa: PLW0603 - there is one stderr, and one configuration in force
    _configured = redactor


@contextlib.contextmanager
def redacting(redactor: Redactor) -> Iterator[None]:
    """Redact notices with another redactor while a configuration is being made, and then as before."""
    before = _configured
    redact_with(redactor)
    try:
        yield
    finally:
        redact_with(before)


def describe(error: BaseException) -> str:
    """Name an exception with its message, or without it where its ``str`` raises; paths can be pasted."""
    try:
        message = str(error)
    except Exception:
        message = "(no message: its str() raised)"
    if isinstance(error, OSError):
        for path in filter(None, (error.filename, error.filename2)):
            message = message.replace(repr(path), f"'{path}'")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def write_in_time(stream: TextIO, text: str) -> bool:
    """Write text, unless the stream takes nothing for a second; one that took nothing last time isn't waited for.

    A stream without a descriptor, such as a StringIO, is written as it is.

    Returns
    -------
    bool
        Whether all was written.
    """
    fd = _descriptor(stream)
    if fd is None:
        stream.write(text)
        stream.flush()
        return True
    if not _writing.acquire(timeout=PATIENCE_S):
        return False
    try:
        for number, piece in enumerate(_pieces(f"\n{text}" if fd in _torn else text)):
            if not _takes(fd):
                _torn.update({fd} if number else ())
                return False
            stream.write(piece)
            stream.flush()
        _torn.discard(fd)
        return True
    finally:
        _writing.release()


def takes_text(stream: TextIO) -> bool:
    """Return whether `write_in_time` would write now, or within a second if it has not been refused yet."""
    fd = _descriptor(stream)
    return fd is None or _takes(fd)


def _escaped(text: str) -> str:
    """Escape text for one line; backslashes stay single, for the paths and messages that it quotes."""
    return "\\".join(map(escape, clean(text).split("\\")))


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno() if hasattr(select, "poll") else None
    except (OSError, ValueError, AttributeError):
        return None


def _takes(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    ready = bool(poll.poll(0 if fd in _stuck else PATIENCE_S * 1000))  # an error is ready, too: writing then tells
    if ready:
        _stuck.discard(fd)
    else:
        _stuck.add(fd)
    return ready


def _pieces(text: str) -> Iterator[str]:
    if len(text.encode("utf-8", "backslashreplace")) <= _PIECE_BYTES:
        yield text
        return
    step = _PIECE_BYTES // 4  # no character takes more bytes
    for start in range(0, len(text), step):
        yield text[start : start + step]


def _after_fork() -> None:
    """Give a child a lock that no thread of its parent holds."""
    global _writing  # noqa: PLW0603
    _writing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
