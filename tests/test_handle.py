"""Which configuration is in force: replaced in one step, brought back when a block is left, closed whatever happens."""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from sevenfold.audit.verify import verify
from sevenfold.channels import CHANNELS, Channel
from sevenfold.files.rotating import RotatingFile
from sevenfold.loguru_internals import new_handlers, swap_handlers
from sevenfold.reading.folder import read
from sinks import configure
from tests.support.log_files import read_events

pytestmark = pytest.mark.usefixtures("own_logger")

TRAINING, AUDIT = "ml_pipeline.log", "app_json.log"


def messages(folder: Path, file: str = TRAINING) -> list[str]:
    return [event.message for event in read(folder / file)] if (folder / file).exists() else []


def log(message: str) -> None:
    logger.bind(channel="training").info(message)
    logger.bind(channel="audit").info(message)


def test_a_block_brings_back_the_configuration_that_it_replaced(tmp_path: Path) -> None:
    configure(tmp_path / "host", console=None)
    log("before")
    with configure(tmp_path / "library", console=None):
        log("inside")
        with configure(tmp_path / "deeper", console=None):
            log("deep")
        log("inside again")
    log("after")
    for file in (TRAINING, AUDIT):
        assert messages(tmp_path / "host", file) == ["before", "after"]
        assert messages(tmp_path / "library", file) == ["inside", "inside again"]
        assert messages(tmp_path / "deeper", file) == ["deep"]
    assert all(verify(tmp_path / name / AUDIT).proved for name in ("host", "library", "deeper"))


def test_a_block_brings_back_the_default_handler(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logger.remove()
    swap_handlers([], new_handlers_of_stderr())
    with configure(tmp_path, console=None):
        log("inside")
        assert capsys.readouterr().err == ""
    logger.info("outside")
    assert "outside" in capsys.readouterr().err


def new_handlers_of_stderr() -> dict[int, object]:
    """The handler that loguru adds when it is imported."""
    (handler,) = new_handlers(lambda aside: aside.add(sys.stderr)).values()
    return {0: handler}


def test_after_a_plain_close_nothing_is_logged(tmp_path: Path) -> None:
    configure(tmp_path / "first", console=None)
    second = configure(tmp_path / "second", console=None)
    second.close()
    log("nowhere")
    assert messages(tmp_path / "first") == messages(tmp_path / "second") == []


def test_a_plain_call_closes_what_it_replaced_for_good(tmp_path: Path) -> None:
    first = configure(tmp_path / "first", console=None)
    configure(tmp_path / "second", console=None)
    third = configure(tmp_path / "third", console=None)
    first.close()
    log("kept")
    third.close()
    log("nowhere")
    assert [messages(tmp_path / name) for name in ("first", "second", "third")] == [[], [], ["kept"]]


def test_leaving_a_block_ends_what_was_configured_in_it_without_one(tmp_path: Path) -> None:
    configure(tmp_path / "host", console=None)
    with configure(tmp_path / "block", console=None):
        configure(tmp_path / "inner", console=None)
        configure(tmp_path / "inner again", console=None)
        log("inner")
    log("host")
    assert messages(tmp_path / "host") == ["host"]
    assert messages(tmp_path / "inner again") == ["inner"]


def test_what_was_closed_in_a_block_is_not_brought_back(tmp_path: Path) -> None:
    host = configure(tmp_path / "host", console=None)
    with configure(tmp_path / "block", console=None):
        host.close()
        log("block")
    log("nowhere")
    assert messages(tmp_path / "host") == []
    assert messages(tmp_path / "block") == ["block"]


def test_blocks_of_two_threads_that_overlap_end_in_what_was_there_before_both(tmp_path: Path) -> None:
    configure(tmp_path / "host", console=None)
    first = configure(tmp_path / "first", console=None).__enter__()
    second = configure(tmp_path / "second", console=None).__enter__()
    log("second")
    first.__exit__(None, None, None)
    log("second again")
    second.__exit__(None, None, None)
    log("host")
    assert messages(tmp_path / "second") == ["second", "second again"]
    assert messages(tmp_path / "host") == ["host"]
    assert messages(tmp_path / "first") == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_configuration_that_waits_holds_no_descriptors(tmp_path: Path) -> None:
    def open_files(name: str) -> list[str]:
        links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [str(link) for link in links if str(tmp_path / name) in str(link)]

    configure(tmp_path / "host", console=None)
    log("host")
    assert open_files("host")
    with configure(tmp_path / "block", console=None):
        log("block")
        assert open_files("host") == []
    log("host")
    assert open_files("block") == []
    assert messages(tmp_path / "host") == ["host", "host"]


def test_interception_comes_back_with_the_configuration(tmp_path: Path) -> None:
    configure(tmp_path / "host", console=None, intercept={"vendor": "training"})
    with configure(tmp_path / "block", console=None):
        logging.getLogger("vendor").warning("not taken")
    logging.getLogger("vendor").warning("taken")
    assert messages(tmp_path / "host") == ["taken"]
    assert messages(tmp_path / "block") == []


@contextlib.contextmanager
def logging_beside() -> Iterator[list[int]]:
    """Log in another thread, an audit event and a line each; the list has what was logged."""
    done = threading.Event()
    logged: list[int] = []

    def work() -> None:
        number = 0
        while not done.is_set():
            logger.bind(channel="audit").info("event", n=number)
            logger.bind(channel="training").info("line", n=number)
            logged.append(number)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield logged
    finally:
        done.set()
        thread.join()


@pytest.mark.whole
def test_no_line_is_lost_or_doubled_between_two_configurations(tmp_path: Path) -> None:
    configure(tmp_path, console=None)
    with logging_beside() as logged:
        while len(logged) < 50:
            time.sleep(0.001)
        for _ in range(20):
            configure(tmp_path, console=None)
            time.sleep(0.005)
    for file in (TRAINING, AUDIT):
        assert sorted(event.fields["n"] for event in read(tmp_path / file)) == logged
    assert verify(tmp_path / AUDIT).proved


@pytest.mark.whole
def test_no_line_is_lost_or_doubled_when_blocks_begin_and_end(tmp_path: Path) -> None:
    configure(tmp_path, console=None)
    with logging_beside() as logged:
        for _ in range(15):
            with configure(tmp_path, console=None):
                time.sleep(0.005)
    for file in (TRAINING, AUDIT):
        assert sorted(event.fields["n"] for event in read(tmp_path / file)) == logged


@pytest.mark.whole
def test_threads_that_configure_at_once_leave_one_configuration(tmp_path: Path) -> None:
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        for _ in range(5):
            configure(tmp_path, console=None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log("once")
    assert messages(tmp_path) == messages(tmp_path, AUDIT) == ["once"]


def test_close_closes_all_that_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sinks = configure(tmp_path, console=None)
    real, broken = RotatingFile.stop, tmp_path / "predictions.log"

    def stop(file: RotatingFile) -> None:
        real(file)
        if file.path == broken:
            raise RuntimeError("cannot join thread before it is started")

    monkeypatch.setattr(RotatingFile, "stop", stop)
    sinks.close()
    assert capsys.readouterr().err == ("sevenfold: not closed: RuntimeError: cannot join thread before it is started\n")
    log("nowhere")
    assert messages(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGALRM")
def test_ctrl_c_while_it_closes_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sinks = configure(tmp_path, console=None)
    real = RotatingFile.stop
    interrupted: list[RotatingFile] = []

    def stop(file: RotatingFile) -> None:
        if file.path.name == "data_drift.log" and not interrupted:
            interrupted.append(file)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        real(file)

    monkeypatch.setattr(RotatingFile, "stop", stop)
    with pytest.raises(KeyboardInterrupt):
        sinks.close()
    assert len(interrupted) == 1
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert [link for link in links if str(tmp_path) in str(link)] == []


# Records without a channel


def test_a_warning_without_a_channel_is_kept_where_no_console_shows_it(tmp_path: Path) -> None:
    with configure(tmp_path, console=None):
        logger.info("dropped")
        logger.warning("kept")
        logger.bind(chanel="training").warning("misspelt")
    assert [(event.message, event.channel) for event in read(tmp_path)] == [("kept", None), ("misspelt", None)]


def test_a_warning_without_a_channel_is_not_kept_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with configure(tmp_path):
        logger.warning("shown")
    assert "shown" in capsys.readouterr().err
    assert read_events(tmp_path / "errors.log") == []
    with configure(tmp_path, console="ERROR"):
        logger.warning("kept")
    assert [event.message for event in read_events(tmp_path / "errors.log")] == ["kept"]


def test_records_without_a_channel_may_be_given_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with configure(tmp_path, unbound="training", strict=True):
        logger.info("no channel", n=1)
        logger.bind(channel="drift").info("its own")
        with pytest.raises(ValueError, match="unknown channel 'dirft'"):
            logger.bind(channel="dirft").info("misspelt")
    (event,) = read_events(tmp_path / TRAINING)
    assert (event.channel, event.message, event.fields) == ("training", "no channel", {"n": 1})
    assert "| training | no channel | n=1" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"^unbound: unknown channel 'trainig'; known: training, "):
        configure(tmp_path, unbound="trainig")


# Exceptions that loguru can't render


def too_long_a_chain() -> Exception:
    error = ValueError("the first")
    for number in range(1000):
        following = ValueError(f"number {number}")
        following.__cause__ = error
        error = following
    return error


@pytest.mark.parametrize("channel", ["training", "audit", "errors"])
def test_an_exception_that_loguru_cannot_render_loses_no_record(
    tmp_path: Path, channel: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with configure(tmp_path):
        logger.bind(channel=channel).opt(exception=too_long_a_chain()).error("failed")
    file = next(one.file for one in CHANNELS if one.name == channel)
    assert messages(tmp_path, file) == ["failed"]
    (error,) = read_events(tmp_path / "errors.log")
    assert error.fields["exception_message"] == "number 999"
    assert error.exception is not None
    assert error.exception.count("ValueError: ") > 1 or "can't be rendered" in error.exception
    shown = capsys.readouterr().err
    assert shown.count("failed") == 1
    assert "lines are lost" not in shown


def test_nor_does_it_where_errors_are_collected_as_json(tmp_path: Path) -> None:
    collector = Channel("failures", "failures.json", serialize=True, collects_errors=True, diagnose=True)
    with configure(tmp_path, console=None, channels=(*CHANNELS[:-1], collector)):
        logger.bind(channel="training", epoch=3).opt(exception=too_long_a_chain()).error("failed")
        logger.bind(channel="training").error("after")
    first, second = read(tmp_path / "failures.json")
    assert (first.message, first.fields["epoch"], first.exception is None) == ("failed", 3, False)
    assert second.message == "after"
