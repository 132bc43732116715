"""A logger for a test alone, and calls of it that are cheap."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import sinks
from sevenfold import capture


@contextlib.contextmanager
def own_logger() -> Iterator[None]:
    """Let real sinks be configured, and give the logger back as it was found."""
    with pytest.MonkeyPatch.context() as patch, capture._borrowed_logger(set_aside=()):
        patch.setattr(sinks, "_active", None)
        yield


def in_a_thread(call: Callable[[], object]) -> None:
    """Log from the bottom of a stack: with a test's fifty frames below, each traceback shows the values of them all."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()
