"""What a process that another one started, a worker or a program under test, does when it imports `sinks`."""

import os

from sevenfold import handle
from sevenfold.handlers.workers import CAPTURED_IN, is_worker, tell_unconfigured_worker


def begin() -> None:
    """Send a worker's records to the test that captures them, or have it say that it was never configured."""
    owner, _, folder = os.environ.get(CAPTURED_IN, "").partition(":")
    if not is_worker():
        if owner and int(owner) != os.getpid():  # a program that a test has started, which writes files as ever
            del os.environ[CAPTURED_IN]
    elif handle.stand_in() is not None:  # forked by the test
        return
    elif folder:
        from sevenfold.channel_log import capture_worker  # noqa: PLC0415 - in tests alone

        capture_worker(folder)
    else:
        tell_unconfigured_worker()
