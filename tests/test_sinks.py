"""Where each record goes, seen in real files and on the real stderr."""

import contextvars
import io
import itertools
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

import sinks
from sevenfold.audit.verify import verify
from sevenfold.files.rotating import LOOK_S
from sevenfold.handlers.filters import make_routes
from sevenfold.handlers.formats import JsonFormat, LineFormat
from sevenfold.reading.folder import read
from sevenfold.redaction.redactor import Redactor
from sevenfold.rendering.renderer import Renderer
from sinks import CHANNELS, Channel, configure
from tests.conftest import Clock
from tests.support.log_files import read_events, read_json
from tests.support.loggers import in_a_thread

pytestmark = pytest.mark.usefixtures("own_logger")

FILES = {row.name: row.file for row in CHANNELS}
SEVEN = list(FILES)
UNKNOWN = ["predictons", 5, ["predictions"], np.zeros(2)]
LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
EXCEPTIONS = ["none", "active", "absent"]  # absent: an exception was asked for, but none is active
QUIET_ON_CONSOLE = {"predictions", "api"}


def log_with(exception: str, level: str, message: str, **extra: Any) -> None:
    bound = logger.bind(**extra)
    if exception == "active":
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            bound.opt(exception=True).log(level, message)
    else:
        bound.opt(exception=exception == "absent").log(level, message)


def expected_places(channel: Any, level: int, exception: str, *, console: bool) -> set[str]:
    """The rules of the README, said once more in the plainest way."""
    places: set[str] = set()
    known = isinstance(channel, str) and channel in FILES
    unknown = channel is not None and not known
    if level < 20:
        return places
    if known:
        places.add(FILES[channel])
    if console and (level >= 30 or not (known and channel in QUIET_ON_CONSOLE)):
        places.add("console")
    warns_nobody = channel is None and level >= 30 and not console
    if level >= 40 or exception == "active" or (unknown and not console) or warns_nobody:
        places.add("errors.log")
    return places


@pytest.mark.parametrize("console", ["INFO", None])
def test_the_truth_table_of_channel_level_and_exception(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], console: str | None
) -> None:
    cases = list(itertools.product([*SEVEN, None, *UNKNOWN], LEVELS, EXCEPTIONS))

    def log_all() -> None:
        for number, (channel, level, exception) in enumerate(cases):
            extra = {} if channel is None else {"channel": channel}
            log_with(exception, level, f"case{number:04d}", **extra)

    with configure(tmp_path, console=console):
        in_a_thread(log_all)
    shown = capsys.readouterr().err.splitlines()
    texts = {file: (tmp_path / file).read_text(encoding="utf-8") for file in FILES.values()}
    for number, (channel, level, exception) in enumerate(cases):
        case = f"case{number:04d}"
        places = {file for file, text in texts.items() if case in text}
        places |= {"console"} if any(case in line for line in shown) else set()
        assert places == expected_places(channel, LEVELS[level], exception, console=console is not None), cases[number]
    tracebacks = {event.message for event in read_events(tmp_path / "errors.log") if event.exception}
    active = [f"case{i:04d}" for i, (_, level, kind) in enumerate(cases) if kind == "active" and level != "DEBUG"]
    assert tracebacks == set(active)
    assert [line for line in shown if line.startswith("sevenfold:")] == [
        f"sevenfold: unknown channel {name}; known: training, predictions, drift, monitoring, api, audit, errors"
        for name in ("'predictons'", "5", "['predictions']", "[0.0, 0.0]")
    ]


@pytest.mark.parametrize("console", ["INFO", None])
@pytest.mark.parametrize("channel", UNKNOWN, ids=str)
def test_in_strict_mode_an_unknown_channel_raises_at_any_level_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], channel: Any, console: str | None
) -> None:
    with configure(tmp_path, strict=True, console=console):
        for level, exception in itertools.product(LEVELS, EXCEPTIONS):
            with pytest.raises(ValueError, match=r"^unknown channel .*; known: training, predictions, "):
                log_with(exception, level, "lost", channel=channel)
        for channel_ in [*SEVEN, None]:
            log_with("none", "INFO", "kept", **({} if channel_ is None else {"channel": channel_}))
    assert (
        "lost" not in "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir()) + capsys.readouterr().err
    )
    assert all((tmp_path / file).read_text(encoding="utf-8").count("kept") >= 1 for file in FILES.values())


def test_an_unknown_channel_below_the_level_of_the_console_is_kept_in_errors_log(tmp_path: Path) -> None:
    with configure(tmp_path, console="ERROR"):
        logger.bind(channel="predictons").info("kept all the same")
    assert [event.message for event in read_events(tmp_path / "errors.log")] == ["kept all the same"]


def test_a_keyword_channel_wins_over_a_bound_one_and_the_bound_over_the_context(tmp_path: Path) -> None:
    with configure(tmp_path, console=None), logger.contextualize(channel="drift"):
        logger.info("by context")
        logger.bind(channel="api").info("by bind")
        logger.bind(channel="api").info("by keyword", channel="training")
    assert {row.name: [e.message for e in read_events(tmp_path / row.file)] for row in CHANNELS[:5]} == {
        "training": ["by keyword"],
        "predictions": [],
        "drift": ["by context"],
        "monitoring": [],
        "api": ["by bind"],
    }


def test_a_misspelt_channel_below_the_levels_of_others_is_kept_where_one_row_keeps_as_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with configure(tmp_path, channels=(*CHANNELS, Channel("embeddings", "embeddings.log", level="DEBUG"))):
        logger.bind(channel="embedings").debug("built")
        logger.bind(channel="errors").debug("not kept")
    assert [event.message for event in read_events(tmp_path / "errors.log")] == ["built"]
    assert "unknown channel 'embedings'" in capsys.readouterr().err


def test_an_eighth_channel_is_one_more_row(tmp_path: Path) -> None:
    with configure(tmp_path, channels=(*CHANNELS, Channel("embeddings", "embeddings.log", level="DEBUG"))) as handle:
        logger.bind(channel="embeddings").debug("stored", n_vectors=3)
        logger.bind(channel="embeddings").error("lost", n_vectors=0)
    (stored, lost) = read_events(tmp_path / "embeddings.log")
    assert (stored.level, stored.message, stored.fields) == ("DEBUG", "stored", {"n_vectors": 3})
    assert read_events(tmp_path / "errors.log") == [lost]
    assert handle.events == {**dict.fromkeys(FILES.values(), 0), "embeddings.log": 2, "errors.log": 1}


def test_a_second_call_replaces_the_first_and_leaves_the_handlers_of_others(tmp_path: Path) -> None:
    others: list[str] = []
    other_id = logger.add(others.append, format="{message}")
    first = configure(tmp_path / "first")
    with configure(tmp_path / "second"):
        logger.bind(channel="training").info("epoch")
        first.close()
        logger.bind(channel="training").info("epoch")
    logger.bind(channel="training").info("after")
    logger.remove(other_id)
    assert (tmp_path / "first" / "ml_pipeline.log").read_text(encoding="utf-8") == ""
    assert len(read_events(tmp_path / "second" / "ml_pipeline.log")) == 2
    assert others == ["epoch\n", "epoch\n", "after\n"]


def test_the_folder_stays_the_same_wherever_the_program_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with configure("logs", console=None, rotation=300):
        for number in range(3):
            logger.bind(channel="api").info("x" * 200, n=number)
            logger.bind(channel="audit").info("done", n=number)
            monkeypatch.chdir(tmp_path / "there")
            clock.now += LOOK_S
    assert list((tmp_path / "there").iterdir()) == []
    assert verify(tmp_path / "here" / "logs" / "app_json.log").findings == ()
    assert [event.fields["n"] for event in read(tmp_path / "here" / "logs" / "api_requests.log")] == [0, 1, 2]


class BrokenGroup(ExceptionGroup[ValueError]):
    password = property(lambda _: 1 / 0)


def test_an_error_is_kept_whatever_its_frames_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Model:
        pass

    model = Model()
    gone = weakref.proxy(model)
    del model
    with configure(tmp_path, console=None):
        for channel in ("training", "audit"):
            try:
                _ = gone.x
            except ReferenceError:
                logger.bind(channel=channel).exception("the model is gone")
            try:
                raise BrokenGroup("all", [ValueError("one")])
            except BrokenGroup:
                logger.bind(channel=channel).exception("all failed")
    assert [event.message for event in read_events(tmp_path / "ml_pipeline.log")] == ["the model is gone", "all failed"]
    assert len(read_events(tmp_path / "errors.log")) == 4
    assert len(read_json(tmp_path / "app_json.log")) == 2
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("channel", ["api", "audit"])
def test_a_time_without_a_zone_is_local(tmp_path: Path, channel: str) -> None:
    moment = datetime(2026, 1, 1, 12)  # noqa: DTZ001
    with configure(tmp_path, console=None):
        logger.bind(channel=channel).patch(lambda record: record.update(time=moment)).info("imported", n=1)  # type: ignore[call-arg]
    (event,) = read(tmp_path)
    assert event.time == moment.astimezone(UTC)


def test_closing_after_everything_was_removed_is_no_error(tmp_path: Path) -> None:
    handle = configure(tmp_path)
    logger.remove()
    handle.close()
    handle.close()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"level": "LOUD"}, ValueError, "a level must be a name such as 'INFO' or a number from 0, got 'LOUD'"),
        ({"console": -1}, ValueError, "a level must be a name such as 'INFO' or a number from 0, got -1"),
        ({"console": False}, ValueError, "a level must be a name such as 'INFO' or a number from 0, got False"),
        ({"redact": "iban"}, ValueError, "redact takes a tuple of names and patterns, got 'iban'"),
        ({"redact": None}, ValueError, "redact takes a tuple of names and patterns, got None"),
        ({"intercept": "yes"}, ValueError, "intercept must be True, False or a mapping of loggers, got 'yes'"),
        (
            {"channels": CHANNELS[:3]},
            ValueError,
            "exactly one channel must have collects_errors=True, got none",
        ),
        ({"channels": ()}, ValueError, "exactly one channel must have collects_errors=True, got none"),
        (
            {"channels": (*CHANNELS, Channel("api", "more.log"))},
            ValueError,
            "each channel needs a name of its own, got 'api' twice",
        ),
        (
            {"channels": (*CHANNELS, Channel("more", "ERRORS.log"))},
            ValueError,
            "each channel needs a file of its own, got 'errors.log' twice",
        ),
    ],
)
def test_a_bad_argument_is_named_and_the_handlers_in_force_stay(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with configure(tmp_path / "good", console=None):
        with pytest.raises(error) as raised:
            configure(tmp_path / "bad", **arguments)
        logger.bind(channel="training").info("still logged")
    assert str(raised.value) == message
    assert not (tmp_path / "bad").exists()
    assert len(read_events(tmp_path / "good" / "ml_pipeline.log")) == 1


@pytest.mark.parametrize("option", ["rotation", "retention", "compression"])
def test_an_option_of_the_files_that_cannot_be_understood_is_an_error_and_the_handlers_in_force_stay(
    tmp_path: Path, option: str
) -> None:
    with configure(tmp_path / "good", console=None):
        with pytest.raises(ValueError, match="nonsense"):
            configure(tmp_path / "bad", **{option: "nonsense"})  # type: ignore[arg-type]
        logger.bind(channel="training").info("still logged")
    assert len(read_events(tmp_path / "good" / "ml_pipeline.log")) == 1


def test_a_log_folder_that_is_a_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file", encoding="utf-8")
    with configure(tmp_path / "good", console=None):
        with pytest.raises(OSError, match="the log folder can't be written") as raised:
            configure(tmp_path / "logs")
        logger.bind(channel="training").info("still logged")
    assert raised.value.filename == str(tmp_path / "logs")
    assert (tmp_path / "logs").read_text(encoding="utf-8") == "a file"
    assert len(read_events(tmp_path / "good" / "ml_pipeline.log")) == 1


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        ("", "a.log", "a channel's name must be a string, not empty and not '-', got ''"),
        ("-", "a.log", "a channel's name must be a string, not empty and not '-', got '-'"),
        ("a", "../a.log", "the file of channel 'a' must be a bare file name, got '../a.log'"),
        ("a", "..", "the file of channel 'a' must be a bare file name, got '..'"),
        ("a", "c:a.log", "the file of channel 'a' must be a bare file name, got 'c:a.log'"),
        ("a", "", "the file of channel 'a' must be a bare file name, got ''"),
    ],
)
def test_a_row_of_the_table_says_what_is_wrong_with_it(name: str, file: str, message: str) -> None:
    with pytest.raises(ValueError, match="channel") as raised:
        Channel(name, file)
    assert str(raised.value) == message


def test_level_overrides_the_rows_but_not_the_rule_for_errors(tmp_path: Path) -> None:
    with configure(tmp_path, level="CRITICAL", console=None):
        logger.bind(channel="training").error("an error")
        log_with("active", "INFO", "a caught one", channel="training")
        logger.bind(channel="training").critical("the end")
    assert [event.message for event in read_events(tmp_path / "ml_pipeline.log")] == ["the end"]
    assert [e.message for e in read_events(tmp_path / "errors.log")] == ["an error", "a caught one", "the end"]


def test_the_channels_own_file_and_the_console_keep_one_line_of_an_exception(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with configure(tmp_path):
        log_with("active", "ERROR", "failed", channel="training", step=3)
    text = (tmp_path / "ml_pipeline.log").read_text(encoding="utf-8")
    (event,) = read_events(tmp_path / "ml_pipeline.log")
    assert capsys.readouterr().err == text
    assert event.fields == {"step": 3, "exception_type": "ZeroDivisionError", "exception_message": "division by zero"}
    (error,) = read_events(tmp_path / "errors.log")
    assert (error.fields, error.exception is None) == (event.fields, False)


def test_errors_log_shows_the_values_of_variables_and_the_frames_above_the_catch(tmp_path: Path) -> None:
    def fails(denominator: int) -> float:
        return 1 / denominator

    with configure(tmp_path, console=None):
        try:
            fails(0)
        except ZeroDivisionError:
            logger.bind(channel="errors").exception("failed")
    (error,) = read_events(tmp_path / "errors.log")
    assert error.exception is not None
    assert "return 1 / denominator" in error.exception
    assert "└ 0" in error.exception
    assert "test_errors_log_shows_the_values" in error.exception
    assert "pytest" in error.exception  # backtrace: the frames above the one that caught it


def test_raw_messages_get_their_line_and_their_traceback_too(tmp_path: Path) -> None:
    with configure(tmp_path, console=None):
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logger.bind(channel="training", step=1).opt(raw=True, exception=True).info("raw {}\n", 1)
    (event,) = read_events(tmp_path / "ml_pipeline.log")
    (error,) = read_events(tmp_path / "errors.log")
    assert (event.message, event.fields["step"]) == ("raw 1\n", 1)
    assert error.exception is not None
    assert error.exception.endswith("ZeroDivisionError: division by zero")


def test_values_that_json_lacks_are_whole_and_strict_in_all_files(tmp_path: Path) -> None:
    extra = {"array": np.arange(2000) / 3, "nan": float("nan"), "f4": np.float32(0.1), "n": np.int64(3), 5: np.inf}
    with configure(tmp_path, console=None):
        for row in CHANNELS:
            logger.bind(channel=row.name, nested=extra, array=extra["array"], nan=np.nan).error("values")
    nested = {"array": (np.arange(2000) / 3).tolist(), "nan": "NaN", "f4": 0.1, "n": 3, "5": "Infinity"}
    fields = {"nested": nested, "array": nested["array"], "nan": "NaN"}
    for row in CHANNELS:
        if row.name == "audit":
            (line,) = read_json(tmp_path / row.file)
            assert line["record"]["extra"] == {"channel": "audit", **fields}
        else:
            assert [event.fields for event in read_events(tmp_path / row.file)] == [fields] * (
                7 if row.name == "errors" else 1
            )


def test_the_audit_file_has_the_schema_of_loguru_and_no_traceback(tmp_path: Path) -> None:
    with configure(tmp_path, console=None):
        logger.bind(channel="audit").info("model_trained", event="model_trained", outcome="success")
        log_with("active", "ERROR", "ml_pipeline_failed", channel="audit")
    trained, failed = read_json(tmp_path / "app_json.log")
    assert set(trained) == {"text", "record", "chain"}
    assert set(trained["record"]) == {
        *("elapsed", "exception", "extra", "file", "function", "level", "line"),
        *("message", "module", "name", "process", "thread", "time"),
    }
    assert trained["text"].endswith("model_trained | event=model_trained outcome=success")
    assert trained["record"]["exception"] is None
    assert failed["record"]["exception"] == {
        "type": "ZeroDivisionError",
        "value": "division by zero",
        "traceback": True,
    }
    assert "\n" not in failed["text"]


def test_handlers_that_come_after_get_the_audit_record_as_it_was(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    array = np.arange(3)
    with configure(tmp_path, console=None):
        other_id = logger.add(lambda message: seen.append(dict(message.record)), format="{message} {exception}")
        try:
            _ = 1 / 0
        except ZeroDivisionError as error:
            logger.bind(channel="audit", array=array).exception("event")
            caught = error
        logger.remove(other_id)
    (record,) = seen
    assert record["extra"] == {"channel": "audit", "array": array}
    assert record["extra"]["array"] is array
    assert record["exception"].value is caught


def test_the_console_is_coloured_on_a_terminal_alone_and_respects_no_color(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with configure(tmp_path):
        logger.bind(channel="training").warning("over \x1b[31mred", loss=1 / 3)
        monkeypatch.setenv("NO_COLOR", "1")
        logger.bind(channel="training").warning("plain")
    coloured, plain = terminal.getvalue().splitlines()
    assert re.sub(r"\d\d:\d\d:\d\dZ", "*", coloured) == (
        "\x1b[2m*\x1b[0m \x1b[33mWARNING \x1b[0m training    \x1b[1mover \\u001b[31mred\x1b[0m"
        " \x1b[2mloss=0.33333\x1b[0m"
    )
    assert plain.endswith(" WARNING  training    plain")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone is the system's there")
def test_a_terminal_shows_the_time_in_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        with configure(tmp_path):
            logger.bind(channel="training").info("shown")
    finally:
        monkeypatch.undo()
        time.tzset()
    (written,) = read_events(tmp_path / "ml_pipeline.log")
    assert terminal.getvalue().startswith(f"{written.time:%H:%M:%S}Z INFO ")


def test_a_terminal_shows_a_long_value_whole_only_where_no_file_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    with configure(tmp_path):
        logger.bind(channel="training").info("kept", value="x" * 100)
        logger.info("shown alone", value="x" * 100)
    kept, alone = terminal.getvalue().splitlines()
    assert kept.endswith("value=" + "x" * 57 + "...")
    assert alone.endswith("value=" + "x" * 100)


def test_without_a_stderr_the_files_are_written_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with configure(tmp_path):
        logger.bind(channel="training").info("epoch")
        logger.bind(channel="unknown").info("epoch")
    assert len(read_events(tmp_path / "ml_pipeline.log")) == 1


@pytest.mark.whole
def test_the_environment_variables_of_loguru_change_nothing(tmp_path: Path) -> None:
    program = """
import sys, sinks
from loguru import logger
with sinks.configure(sys.argv[1]):
    logger.bind(channel="training").info("epoch", n=1)
"""
    environment = os.environ | {
        "LOGURU_SERIALIZE": "1",
        "LOGURU_ENQUEUE": "1",
        "LOGURU_FORMAT": "{message}",
        "LOGURU_LEVEL": "ERROR",
        "PYTHONPATH": str(Path(sinks.__file__).parent),
    }
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment, timeout=60)
    (event,) = read_events(tmp_path / "ml_pipeline.log")
    assert (event.message, event.fields) == ("epoch", {"n": 1})


def test_nothing_that_loguru_offers_on_a_call_breaks_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with configure(tmp_path, console=None):
        log = logger.bind(channel="training")
        log.opt(colors=True).info("<red>red</red> {}", 1)
        log.opt(lazy=True).info("lazy {x}", x=lambda: np.float32(0.5))
        log.opt(record=True).info("{record[level].name}")
        log.opt(capture=False).info("not captured {x}", x=1)
        log.info('{"json": 1} <b>{</b>')
        log.log(15, "below") or log.log(25, "by number")
        log.patch(lambda record: record["extra"].update({7: "a key that is no string"})).info("patched")
        logger.bind(channel="training", **{"": 1, "a b": 2, "a=b": 3}).info("odd keys")
    events = read_events(tmp_path / "ml_pipeline.log")
    assert [(event.level, event.message, event.fields) for event in events] == [
        ("INFO", "red 1", {}),
        ("INFO", "lazy 0.5", {"x": 0.5}),
        ("INFO", "INFO", {}),
        ("INFO", "not captured 1", {}),
        ("INFO", '{"json": 1} <b>{</b>', {}),
        ("Level 25", "by number", {}),
        ("INFO", "patched", {"7": "a key that is no string"}),
        ("INFO", "odd keys", {"": 1, "a b": 2, "a=b": 3}),
    ]
    assert capsys.readouterr().err == ""


def test_a_sealed_file_comes_last_since_it_alone_raises_and_json_before_it() -> None:
    sealed, plain, errors = (
        Channel("a", "a.log", serialize=True, sealed=True),
        Channel("b", "b.log"),
        Channel("c", "c.log", collects_errors=True),
    )
    routes = make_routes((sealed, Channel("d", "d.log", serialize=True), errors, plain), None, None)
    assert [route.channel.name for route in routes] == ["b", "c", "d", "a"]


def test_filters_and_formats_pickle() -> None:
    for route in make_routes(CHANNELS, None, 20):
        again = pickle.loads(pickle.dumps(route))  # noqa: S301
        assert (again.channel, again.level) == (route.channel, route.level)
        for channel in ("training", "audit", "no such channel", None):
            record = {"extra": {"channel": channel}, "level": logger.level("INFO"), "exception": None}
            assert again.accepts(record) is route.accepts(record) is (channel == route.channel.name)
    for format_ in (
        LineFormat(Renderer(Redactor()), "{exception}"),
        JsonFormat(LineFormat(Renderer(Redactor(("password",))))),
    ):
        assert type(pickle.loads(pickle.dumps(format_))) is type(format_)  # noqa: S301


def test_the_json_of_the_audit_file_is_one_line_whatever_names_and_threads_hold(tmp_path: Path) -> None:
    with configure(tmp_path, console=None):
        thread = threading.Thread(target=logger.bind(channel="audit").info, args=("event",), name="odd\u2028\ud800\x85")
        thread.start()
        thread.join()
    text = (tmp_path / "app_json.log").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1
    assert json.loads(text)["record"]["thread"]["name"] == "odd\u2028\\ud800\x85"


def test_what_the_standard_library_logs_lands_in_the_channel_that_is_asked_for(tmp_path: Path) -> None:
    with configure(tmp_path, console=None, intercept={"vendor.client": "training"}):
        logging.getLogger("vendor.client.part").warning("told %s", "once", extra={"n": 2})
        logging.getLogger("other").error("no channel")
    logging.getLogger("vendor.client.part").warning("after the end")
    (event,) = read_events(tmp_path / "ml_pipeline.log")
    assert (event.level, event.message) == ("WARNING", "told once")
    assert event.fields == {"logger": "vendor.client.part", "n": 2}
    assert [event.message for event in read_events(tmp_path / "errors.log")] == ["no channel"]


def test_an_unknown_channel_for_a_library_is_named_and_the_handlers_in_force_stay(tmp_path: Path) -> None:
    with configure(tmp_path / "good", console=None):
        with pytest.raises(ValueError, match=r"^intercept: unknown channel 'trainig'; known: training, "):
            configure(tmp_path / "bad", intercept={"vendor.client": "trainig"})
        logger.bind(channel="training").info("still logged")
    assert len(read_events(tmp_path / "good" / "ml_pipeline.log")) == 1


def test_a_context_reaches_the_lines_of_a_pool_through_a_copy_of_it(tmp_path: Path) -> None:
    log = logger.bind(channel="training")
    with configure(tmp_path, console=None), ThreadPoolExecutor(2) as pool, logger.contextualize(run_id="run-1"):
        for item in range(3):
            pool.submit(contextvars.copy_context().run, log.info, "item", item=item).result()
        pool.submit(log.info, "without", item=3).result()
    events = read_events(tmp_path / "ml_pipeline.log")
    assert [event.fields for event in events] == [*({"run_id": "run-1", "item": n} for n in range(3)), {"item": 3}]
