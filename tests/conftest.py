from collections.abc import Iterator

import pytest

pytest_plugins = ["sevenfold.capture", "pytester"]


@pytest.fixture
def own_logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test configure real sinks, and give the logger back as it was found."""
    import sinks  # noqa: PLC0415 - pytest must be the first to import its plugin
    from sevenfold import capture  # noqa: PLC0415

    monkeypatch.setattr(sinks, "_active", None)
    with capture._borrowed_logger(set_aside=()):
        yield
