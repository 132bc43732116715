from collections.abc import Iterator

import pytest

pytest_plugins = ["sevenfold.capture", "pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests of large sizes, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="large: needs --slow"))


@pytest.fixture
def own_logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a test configure real sinks, and give the logger back as it was found."""
    from sevenfold import handle  # noqa: PLC0415 - pytest must be the first to import its plugin
    from sevenfold.loguru_internals import borrowed_logger  # noqa: PLC0415

    monkeypatch.setattr(handle, "_active", None)
    with borrowed_logger():
        yield
