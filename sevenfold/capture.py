"""A pytest plugin: the fixture `channel_log`, which captures the records that would stand in the log files.

Where Sevenfold is installed, pytest finds it by itself. Use it as you use caplog::

    def test_a_prediction_is_logged(channel_log):
        score({"income": 0.12})
        (record,) = channel_log.channel("predictions")
        assert record.fields["decision"] == "approve"

No file is opened, even where the code under test calls ``sinks.configure()``. Routing is strict: a channel that the
table lacks raises ValueError in the call, and if the code under test swallows that, the test fails at its end.

Only pytest is imported here, since pytest loads this module in every project whose environment has Sevenfold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sevenfold.channel_log import ChannelLog
    from sevenfold.channels import Channel

_LOG: pytest.StashKey[ChannelLog] = pytest.StashKey()
_N_SHOWN = pytest.StashKey[int]()  # characters


@pytest.fixture
def channel_table() -> tuple[Channel, ...]:
    """Return the table of channels to route by; override it to test with a table of your own."""
    from sevenfold.channels import CHANNELS  # noqa: PLC0415 - see above

    return CHANNELS


@pytest.fixture
def channel_log(request: pytest.FixtureRequest, channel_table: tuple[Channel, ...]) -> Iterator[ChannelLog]:
    """Capture the records of a test, by channel; afterwards the logger is as it was before."""
    from sevenfold.channel_log import capturing  # noqa: PLC0415 - see above

    with capturing(channel_table) as log:
        request.node.stash[_LOG] = log
        yield log


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Show the records captured while the fixtures were made."""
    return (yield from _shown(item, "setup"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Show the test's records, and fail it if it passed although a call named an unknown channel."""
    result = yield from _shown(item, "call")
    log = item.stash.get(_LOG, None)
    if log is not None and log.unknown:
        pytest.fail(log.unknown[0], pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Show the records captured while the fixtures were ended."""
    return (yield from _shown(item, "teardown"))


def _shown(item: pytest.Item, when: str) -> Generator[None, object, object]:
    """Add the records captured meanwhile to the report, as a section that pytest prints if the test fails."""
    try:
        return (yield)
    finally:
        log = item.stash.get(_LOG, None)
        text = "" if log is None else log.text
        item.add_report_section(when, "channel log", text[item.stash.get(_N_SHOWN, 0) :])
        item.stash[_N_SHOWN] = len(text)
