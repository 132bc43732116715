import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# As many test processes as cores: threads of BLAS would only be in each other's way, and cost each program its start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Text has its encoding named: what leaves it to the locale is an error in the processes that pytest -n starts, and told
# on stderr by the programs that tests start. These write UTF-8, as the tests read it.
os.environ["PYTHONWARNDEFAULTENCODING"] = os.environ["PYTHONUTF8"] = "1"

pytest_plugins = ["sevenfold.capture", "pytester"]

FLAGS = {
    "slow": "run the tests of large sizes, too",
    "whole": "run the tests that start programs or need packages, too (requirements-whole.txt)",
}
WHOLE_MODULE = re.compile(r"^pytestmark = (\[\s+)?pytest\.mark\.whole\b", re.MULTILINE)
# Drawing examples may take its time on a machine that is busy.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in each run: what was green stays so. New ones are for who has the time.
settings.register_profile("quick", settings.get_profile("any"), max_examples=24, derandomize=True)
settings.register_profile("whole", settings.get_profile("quick"), max_examples=60)
settings.register_profile("slow", settings.get_profile("any"), max_examples=400)


def pytest_addoption(parser: pytest.Parser) -> None:
    for name, text in FLAGS.items():
        parser.addoption(f"--{name}", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    # A shell has what it starts in the background ignore Ctrl-C, and the programs that tests start inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile(next((name for name in FLAGS if config.getoption(f"--{name}")), "quick"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Don't import a module of which nothing was asked for: to rewrite its assertions takes longer than most tests."""
    left_out = collection_path.suffix == ".py" and not config.getoption("--whole")
    return (left_out and WHOLE_MODULE.search(collection_path.read_text(encoding="utf-8")) is not None) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what wasn't asked for."""
    unasked = [name for name in FLAGS if not config.getoption(f"--{name}")]
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in unasked)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        kept = set(items) - set(left_out)
        items[:] = [item for item in items if item in kept]
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(600))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip with a reason what lacks a package that its marker names."""
    for mark in item.iter_markers("whole"):
        for package in mark.args:
            pytest.importorskip(package, reason=f"needs {package}: pip install -r requirements-whole.txt")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let a test move the clock that says how long ago something was, instead of waiting."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setattr("sevenfold.audit.chain.monotonic", clock)
    return clock


@pytest.fixture
def own_logger() -> Iterator[None]:
    """Let a test configure real sinks, and give the logger back as it was found."""
    from tests.support.loggers import own_logger  # noqa: PLC0415 - pytest must be the first to import its plugin

    with own_logger():
        yield
