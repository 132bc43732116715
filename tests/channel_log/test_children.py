"""The fixture of a test sees the records of the child processes that the test starts."""

import contextlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

import sinks
from sevenfold.channel_log import ChannelLog, capturing
from sevenfold.channels import Channel
from sevenfold.reading.folder import read

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
METHODS = [pytest.param("fork", marks=needs_fork), *(pytest.param(one, marks=pytest.mark.whole) for one in ("spawn",))]


class Odd(Exception):  # noqa: N818
    def __reduce__(self) -> Any:
        raise TypeError


def score(number: int) -> None:
    logger.bind(channel="predictions").info("scored", number=number, features=np.array([number, np.nan]))


def configure_and_score(folder: str) -> None:
    with sinks.configure(folder) as handle:
        score(1)
        assert handle.events["predictions.log"] == 0  # what is captured is the test's


def fail(error: Exception) -> None:
    try:
        raise error
    except Exception:
        logger.bind(channel="api").exception("failed")


def fail_oddly() -> None:
    fail(Odd("bad"))


def score_a_batch() -> None:
    logger.bind(channel="predictions").info("prediction", batch={"row": [1, 2]})


def misspell() -> None:
    with contextlib.suppress(ValueError):
        logger.bind(channel="predictons").info("x")


def run(method: str, target: Callable[..., None], *arguments: Any) -> None:
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.parametrize("method", METHODS)
def test_records_of_children_are_there_in_the_order_of_time(method: str, channel_log: ChannelLog) -> None:
    logger.bind(channel="training").info("before")
    run(method, score, 1)
    logger.bind(channel="training").info("between")
    run(method, score, 2)
    logger.bind(channel="training").info("after")
    assert channel_log.messages == ["before", "scored", "between", "scored", "after"]
    assert [record.fields for record in channel_log.channel("predictions")] == [
        {"number": 1, "features": [1.0, "NaN"]},
        {"number": 2, "features": [2.0, "NaN"]},
    ]
    assert [line.split(" | ")[3] for line in channel_log.text.splitlines()] == channel_log.messages


@pytest.mark.parametrize("method", METHODS)
def test_children_that_configure_open_no_file(method: str, channel_log: ChannelLog, tmp_path: Path) -> None:
    run(method, configure_and_score, str(tmp_path / "logs"))
    assert (channel_log.messages, list(tmp_path.iterdir())) == (["scored"], [])


@pytest.mark.parametrize("method", METHODS)
def test_the_exceptions_of_children_are_there(method: str, channel_log: ChannelLog) -> None:
    run(method, fail, KeyError("income"))
    run(method, fail_oddly)
    first, second = channel_log.channel("errors")
    assert isinstance(first.exception, KeyError)
    assert str(second.exception) == "Odd: bad (in a child process; it doesn't pickle)"


@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_channel_of_a_child_is_told(method: str, channel_log: ChannelLog) -> None:
    run(method, misspell)
    (told,) = channel_log.unknown
    assert "unknown channel 'predictons'" in told
    channel_log.clear()


@pytest.mark.parametrize("method", METHODS)
def test_batches_are_there_call_by_call(method: str, channel_log: ChannelLog) -> None:
    logger.bind(channel="predictions").info("prediction", model="a", batch={"row": np.arange(3), "ok": [True] * 3})
    logger.bind(channel="predictions").info("single")
    run(method, score_a_batch)
    first, second = channel_log.batches
    assert [record.fields for record in first] == [{"model": "a", "row": row, "ok": True} for row in range(3)]
    assert [record.fields for record in second] == [{"row": 1}, {"row": 2}]
    assert len(channel_log.records) == 6
    channel_log.clear()
    assert channel_log.batches == []


class TestWithATableOfOnesOwn:
    @pytest.fixture
    def channel_table(self) -> tuple[Channel, ...]:
        return (Channel("predictions", "p.log", level="WARNING"), sinks.CHANNELS[-1])

    @pytest.mark.parametrize("method", METHODS)
    def test_children_are_routed_by_it(self, method: str, channel_log: ChannelLog) -> None:
        run(method, score, 1)
        assert channel_log.records == []


@needs_fork
def test_a_worker_that_is_kept_from_test_to_test_has_its_records_in_the_one_that_it_works_for() -> None:
    context = multiprocessing.get_context("fork")
    with capturing(sinks.CHANNELS) as first:
        pool = context.Pool(1)
        pool.map(score, [1])
        assert len(first.records) == 1
    pool.map(score, [2])
    with capturing(sinks.CHANNELS) as second:
        pool.map(score, [3])
        assert [record.fields["number"] for record in second.records] == [3]
    pool.close()
    pool.join()
    assert "SEVENFOLD_CAPTURED_IN" not in os.environ


@needs_fork
def test_captures_within_captures_are_apart(channel_log: ChannelLog) -> None:
    outer = os.environ["SEVENFOLD_CAPTURED_IN"]
    with capturing(sinks.CHANNELS) as inner:
        assert os.environ["SEVENFOLD_CAPTURED_IN"] != outer
        run("fork", score, 1)
        assert len(inner.records) == 1
    assert os.environ["SEVENFOLD_CAPTURED_IN"] == outer
    run("fork", score, 2)
    assert [record.fields["number"] for record in channel_log.records] == [1, 2]  # as without children


PROGRAM = """
import multiprocessing
from functools import partial
import sinks
from loguru import logger

def work(number):
    logger.bind(channel="api").info("request", number=number)

if __name__ == "__main__":
    configure = partial(sinks.configure, "logs", console=None)
    configure()
    work(0)
    with multiprocessing.get_context("spawn").Pool(1, initializer=configure) as pool:
        pool.map(work, [1])
"""


@pytest.mark.whole
def test_a_program_that_a_test_starts_writes_its_files_as_ever_and_so_do_its_workers(
    channel_log: ChannelLog, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(sinks.__file__).parent)}
    subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert channel_log.records == []
    assert [event.fields["number"] for event in read(tmp_path / "logs" / "api_requests.log")] == [0, 1]


def test_where_there_is_no_folder_for_temporary_files_a_test_captures_what_it_logs_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mkdtemp(**_: str) -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.mkdtemp", mkdtemp)
    monkeypatch.setattr("sevenfold.channel_log.spool._unused", [])
    with capturing(sinks.CHANNELS) as log:
        score(1)
    assert log.messages == ["scored"]
