"""A logger for a test alone, and calls of it that are cheap."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sevenfold import handle
from sevenfold.loguru_internals import borrowed_logger


@contextlib.contextmanager
def own_logger() -> Iterator[None]:
    """Let real sinks be configured, and give the logger back as it was found."""
    with pytest.MonkeyPatch.context() as patch, borrowed_logger():
        patch.setattr(handle, "_active", None)
        try:
            yield
        finally:
            if handle._active is not None:
                handle._active.close()  # with what it intercepts


def in_a_thread(call: Callable[[], object]) -> None:
    """Log from the bottom of a stack: with a test's fifty frames below, each traceback shows the values of them all."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()
