"""Standard streams as they are found: closed, missing, or with a reader that leaves early; and errors in one line."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

_NOBODY_READS = {errno.EPIPE, errno.EINVAL if sys.platform == "win32" else errno.EPIPE}  # EINVAL of a pipe of Windows


def need_streams() -> None:
    """Make up for standard streams that were closed, or that a windowed Python lacks: a progress bar needs one."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """End the block quietly when nobody reads standard output any more, as after ``head``."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in _NOBODY_READS:
            raise
        with contextlib.suppress(OSError, ValueError):
            # The interpreter flushes once more at its end, and would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def one_line(error: BaseException) -> str:
    """Return what an error says, on one line, with the file where it names one."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:  # str() begins with the number
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return " ".join(text.split()) or type(error).__name__
