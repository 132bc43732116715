"""A logger for a test alone."""

import contextlib
from collections.abc import Iterator

import pytest

import sinks
from sevenfold import capture


@contextlib.contextmanager
def own_logger() -> Iterator[None]:
    """Let real sinks be configured, and give the logger back as it was found."""
    with pytest.MonkeyPatch.context() as patch, capture._borrowed_logger(set_aside=()):
        patch.setattr(sinks, "_active", None)
        yield
