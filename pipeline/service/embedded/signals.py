"""Waiting for whoever wants the program to end."""

from __future__ import annotations

import contextlib
import signal
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")  # Windows alone has the third, which Ctrl-Break sends


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], None]]:
    """Give a function that waits for Ctrl-C or SIGTERM, which do nothing else inside; for the main thread.

    Nothing is logged, locked or raised in a handler, since it may have interrupted whoever is writing a line. The
    handlers that were found are put back.
    """
    listening, waking = socket.socketpair()
    waking.setblocking(False)
    numbers = {getattr(signal, name) for name in _NAMES if hasattr(signal, name)}
    previous = {number: signal.signal(number, _ignore) for number in numbers}
    previous_fd = signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        while numbers.isdisjoint(listening.recv(64)):
            pass  # another signal, which somebody else has a handler for

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        listening.close()
        waking.close()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Leave it to the wake-up socket, which also works where a signal doesn't interrupt a wait."""
