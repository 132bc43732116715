import contextlib
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from loguru import logger

import sinks
from sevenfold.channel_log import CapturedRecord, ChannelLog
from sevenfold.loguru_internals import borrowed_logger

ROOT = Path(__file__).parents[1]
CORE: Any = logger._core  # type: ignore[attr-defined]
KNOWN = "training, predictions, drift, monitoring, api, audit, errors"
UNKNOWN = f"unknown channel 'predictons'; known: {KNOWN}"


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Set loguru's default handler aside, so that whatever stands on stderr is ours."""
    with borrowed_logger(set_aside=tuple(CORE.handlers)):
        yield
    assert capfd.readouterr().err == ""


def summary(records: list[CapturedRecord]) -> list[tuple[str, str | None, str, tuple[str, ...]]]:
    return [(record.level, record.channel, record.message, record.channels) for record in records]


# What a test sees


def test_a_call_is_captured_as_plain_values(channel_log: ChannelLog) -> None:
    features = np.array([0.1, np.nan], np.float32)
    log = logger.bind(channel="predictions", run_id="r1")
    log.info("prediction of {n} rows", n=np.int64(2), features=features, odd={(1, 2): {3}})
    features[0] = 9
    (record,) = channel_log.records
    assert record == CapturedRecord(
        time=record.time,
        level="INFO",
        level_no=20,
        channel="predictions",
        message="prediction of 2 rows",
        fields={"run_id": "r1", "n": 2, "features": [0.1, "NaN"], "odd": {"[1,2]": [3]}},
        exception=None,
        channels=("predictions",),
    )
    assert [type(item) for item in record.fields["features"]] == [float, str]


def test_a_call_is_in_the_channels_whose_files_would_get_it(channel_log: ChannelLog) -> None:
    error = ValueError("bad")
    for channel in ("training", "predictions", "drift", "monitoring", "api", "audit", "errors"):
        logger.bind(channel=channel).info(channel)
    logger.bind(channel="drift").debug("dropped")
    logger.bind(channel="drift").error("an error")
    logger.bind(channel="api").opt(exception=error).info("an exception")
    logger.bind(channel="api").opt(exception=error).debug("dropped")
    logger.info("no channel")
    logger.debug("dropped")
    logger.error("an error of none")
    assert summary(channel_log.records) == [
        ("INFO", "training", "training", ("training",)),
        ("INFO", "predictions", "predictions", ("predictions",)),
        ("INFO", "drift", "drift", ("drift",)),
        ("INFO", "monitoring", "monitoring", ("monitoring",)),
        ("INFO", "api", "api", ("api",)),
        ("INFO", "audit", "audit", ("audit",)),
        ("INFO", "errors", "errors", ("errors",)),
        ("ERROR", "drift", "an error", ("drift", "errors")),
        ("INFO", "api", "an exception", ("api", "errors")),
        ("INFO", None, "no channel", ()),
        ("ERROR", None, "an error of none", ("errors",)),
    ]
    assert [record.message for record in channel_log.channel("drift")] == ["drift", "an error"]
    assert [record.message for record in channel_log.channel("errors")] == [
        "errors",
        "an error",
        "an exception",
        "an error of none",
    ]
    assert [record.exception for record in channel_log.channel("api")] == [None, error]


def test_messages_and_text_are_those_of_all_records(channel_log: ChannelLog) -> None:
    logger.bind(channel="training").info("epoch", epoch=1)
    with contextlib.suppress(ZeroDivisionError), logger.catch(reraise=True, message="it failed"):
        _ = 1 / 0
    first, second = channel_log.records
    assert channel_log.messages == ["epoch", "it failed"]
    assert channel_log.text == (
        f"{first.time.strftime('%Y-%m-%dT%H:%M:%S.%fZ')} | INFO     | training | epoch | epoch=1\n"
        f"{second.time.strftime('%Y-%m-%dT%H:%M:%S.%fZ')} | ERROR    | - | it failed"
        ' | exception_type=ZeroDivisionError exception_message="division by zero"\n'
    )


def test_the_options_of_loguru_are_captured_as_files_have_them(channel_log: ChannelLog) -> None:
    with logger.contextualize(request_id="q", channel="api"):
        logger.opt(raw=True).info("raw\n")
        logger.opt(lazy=True).info("lazy {}", lambda: 1)
        logger.opt(colors=True).info("<red>red</red>")
        logger.patch(lambda record: record["extra"].update(patched=True)).info("patched")
        logger.bind(channel="drift").info("keyword wins", channel="training")
        logger.exception("no exception")
    assert summary(channel_log.records) == [
        ("INFO", "api", "raw\n", ("api",)),
        ("INFO", "api", "lazy 1", ("api",)),
        ("INFO", "api", "red", ("api",)),
        ("INFO", "api", "patched", ("api",)),
        ("INFO", "training", "keyword wins", ("training",)),
        ("ERROR", "api", "no exception", ("api", "errors")),
    ]
    assert [record.fields for record in channel_log.records] == [
        {"request_id": "q"},
        {"request_id": "q"},
        {"request_id": "q"},
        {"request_id": "q", "patched": True},
        {"request_id": "q"},
        {"request_id": "q"},
    ]
    assert channel_log.records[-1].exception is None


def test_a_value_whose_repr_logs_is_captured_and_so_is_what_it_logs(channel_log: ChannelLog) -> None:
    class Talkative:
        def __repr__(self) -> str:
            logger.info("asked")
            return "talkative"

    logger.info("outer", value=Talkative())
    outer = channel_log.records.pop()
    assert (outer.message, outer.fields) == ("outer", {"value": "talkative"})
    assert channel_log.messages == ["asked"]


def test_records_of_many_threads_are_all_captured(channel_log: ChannelLog) -> None:
    def work(number: int) -> None:
        for i in range(50):
            logger.bind(channel="training").info("step", number=number, i=i)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    steps = [(record.fields["number"], record.fields["i"]) for record in channel_log.channel("training")]
    assert sorted(steps) == [(number, i) for number in range(4) for i in range(50)]
    assert [f"number={number} i={i}" for number, i in steps] == [
        line.rsplit(" | ", 1)[1] for line in channel_log.text.splitlines()
    ]


def test_clear_forgets_what_was_captured(channel_log: ChannelLog) -> None:
    logger.info("a")
    channel_log.clear()
    assert (channel_log.records, channel_log.messages, channel_log.text) == ([], [], "")
    logger.info("b")
    assert channel_log.messages == ["b"]


def test_asking_for_an_unknown_channel_names_the_known_ones(channel_log: ChannelLog) -> None:
    with pytest.raises(ValueError, match=f"^{UNKNOWN}$"):
        channel_log.channel("predictons")


@pytest.mark.parametrize("channel", ["predictons", "", "-", 5, ["training"], {}, b"training"])
def test_an_unknown_channel_raises_in_the_call(channel_log: ChannelLog, channel: Any) -> None:
    with pytest.raises(ValueError, match=r"^unknown channel .*; known: training, "):
        logger.bind(channel=channel).debug("x")
    assert channel_log.records == []
    channel_log.clear()


# at_level


def test_at_level_is_the_list_of_the_records_of_that_level_or_above(channel_log: ChannelLog) -> None:
    logger.bind(channel="api").info("i")
    logger.warning("w")
    logger.error("e")
    assert channel_log.at_level("WARNING") == channel_log.records[1:]
    assert channel_log.at_level(31) == channel_log.records[2:]
    assert channel_log.at_level("CRITICAL") == []
    with pytest.raises(ValueError, match="Level 'LOUD' does not exist"):
        channel_log.at_level("LOUD")


def test_at_level_as_a_context_captures_from_that_level_on(channel_log: ChannelLog) -> None:
    def log_all() -> None:
        for log in (logger, logger.bind(channel="drift")):
            log.trace("t")
            log.debug("d")
            log.info("i")
            log.warning("w")
        logger.bind(channel="drift").opt(exception=ValueError()).info("x")

    def captured() -> list[tuple[str, str | None]]:
        log_all()
        result = [(record.message, record.channel) for record in channel_log.records]
        channel_log.clear()
        return result

    normal = [("i", None), ("w", None), ("i", "drift"), ("w", "drift"), ("x", "drift")]
    assert captured() == normal
    with channel_log.at_level("DEBUG"):
        debug = [("d", None), *normal[:2], ("d", "drift"), *normal[2:]]
        assert captured() == debug
        with channel_log.at_level("WARNING"):
            assert captured() == [("w", None), ("w", "drift")]
        assert captured() == debug
    with contextlib.suppress(KeyError), channel_log.at_level(0):
        assert len(captured()) == 9
        raise KeyError
    assert captured() == normal


def test_at_level_holds_for_a_program_that_configures_inside(channel_log: ChannelLog, tmp_path: Path) -> None:
    table = (*sinks.CHANNELS, sinks.Channel("features", "features.log"))
    with channel_log.at_level("DEBUG"):
        sinks.configure(tmp_path, channels=table)
        logger.bind(channel="features").debug("captured")
    logger.bind(channel="features").debug("dropped")
    logger.bind(channel="features").info("captured as well")
    assert [record.message for record in channel_log.channel("features")] == ["captured", "captured as well"]


# The code under test configures, adds and removes


def test_configure_opens_no_files(channel_log: ChannelLog, tmp_path: Path) -> None:
    with sinks.configure(tmp_path / "logs", rotation="1 MB") as handle:
        logger.bind(channel="training").error("epoch")
        logger.bind(channel="audit").info("event")
    logger.bind(channel="training").info("after close")
    assert list(tmp_path.iterdir()) == []
    assert handle.log_dir == tmp_path / "logs"
    assert handle.events == {
        "ml_pipeline.log": 2,
        "predictions.log": 0,
        "data_drift.log": 0,
        "monitoring.log": 0,
        "api_requests.log": 0,
        "app_json.log": 1,
        "errors.log": 1,
    }
    assert channel_log.messages == ["epoch", "event", "after close"]


def test_configure_opens_no_files_after_the_test_undid_its_patches(
    channel_log: ChannelLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    sinks.configure(tmp_path).close()
    assert (list(tmp_path.iterdir()), channel_log.records) == ([], [])


def test_configure_still_checks_its_arguments(channel_log: ChannelLog, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^a level must be a name such as 'INFO' or a number from 0, got 'LOUD'$"):
        sinks.configure(tmp_path, level="LOUD")
    wrong: list[dict[str, Any]] = [{"rotation": "soon"}, {"retention": "soon"}, {"compression": "soon"}]
    for options in wrong:
        with pytest.raises(ValueError, match="soon"):
            sinks.configure(tmp_path, **options)
    logger.bind(channel="training").info("still captured")
    assert channel_log.messages == ["still captured"]


def test_configure_says_the_level_and_the_channels(channel_log: ChannelLog, tmp_path: Path) -> None:
    sinks.configure(tmp_path, channels=(sinks.Channel("etl", "etl.log"), sinks.CHANNELS[-1]), level="DEBUG")
    logger.bind(channel="etl").debug("d")
    logger.bind(channel="etl").trace("dropped")
    logger.debug("the console wouldn't show it")
    with pytest.raises(ValueError, match=r"^unknown channel 'training'; known: etl, errors$"):
        logger.bind(channel="training").info("x")
    with pytest.raises(ValueError, match=r"^unknown channel 'training'; known: etl, errors$"):
        channel_log.channel("training")
    assert summary(channel_log.channel("etl")) == [("DEBUG", "etl", "d", ("etl",))]
    assert channel_log.messages == ["d"]
    channel_log.clear()


class TestWithAnEighthChannel:
    @pytest.fixture
    def channel_table(self) -> tuple[sinks.Channel, ...]:
        rows = tuple(replace(row, level="WARNING") if row.name == "drift" else row for row in sinks.CHANNELS)
        return (*rows, sinks.Channel("features", "features.log", level="DEBUG"))

    def test_the_table_of_the_fixture_is_routed_by(self, channel_log: ChannelLog) -> None:
        logger.bind(channel="features").debug("d")
        logger.bind(channel="features").error("e")
        logger.bind(channel="drift").info("dropped")
        assert summary(channel_log.records) == [
            ("DEBUG", "features", "d", ("features",)),
            ("ERROR", "features", "e", ("features", "errors")),
        ]


def test_capture_survives_code_that_removes_handlers(channel_log: ChannelLog) -> None:
    shown: list[str] = []
    own = logger.add(lambda message: shown.append(message.record["message"]), level="DEBUG")
    logger.info("one")
    logger.remove(own)
    with pytest.raises(ValueError, match=f"There is no existing handler with id {own}"):
        logger.remove(own)
    with pytest.raises(ValueError, match="There is no existing handler with id 0"):
        logger.remove(0)
    with pytest.raises(TypeError, match="Invalid handler id"):
        logger.remove("0")  # type: ignore[arg-type]
    logger.info("two")
    logger.add(lambda message: shown.append(message.record["message"]), level="ERROR")
    logger.remove()
    logger.error("three")
    logger.configure(handlers=[{"sink": lambda message: shown.append(message.record["message"])}])
    logger.info("four")
    assert channel_log.messages == ["one", "two", "three", "four"]
    assert shown == ["one", "four"]


# The logger afterwards


IMPORTED_ALREADY = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
PREAMBLE = """
import threading
import pytest
import sinks
from loguru import logger

def swallow(channel="predictons"):
    try:
        logger.bind(channel=channel).info("x")
    except ValueError:
        pass

"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[tuple[str, str, str, str]]]:
    """Give a function that runs tests inside this process and says each one's name, phase, outcome and last line."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str) -> list[tuple[str, str, str, str]]:
        pytester.makepyfile(test_app=PREAMBLE + source)
        recorder = pytester.inline_run("-p", "sevenfold.capture", "-W", "error", *IMPORTED_ALREADY)
        reports: Any = recorder.getreports("pytest_runtest_logreport")
        return [
            (report.head_line or "", report.when, report.outcome, last_line(report))
            for report in reports
            if report.when == "call" or report.outcome != "passed"
        ]

    return run


def last_line(report: Any) -> str:
    if isinstance(report.longrepr, tuple):  # the place and the reason of a skip
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr or "").removeprefix("Failed: ")


Run = Callable[[str], list[tuple[str, str, str, str]]]


def state() -> dict[str, Any]:
    names = ("min_level", "extra", "patcher", "activation_list", "activation_none", "enabled")
    tables = ("levels", "levels_lookup", "levels_ansi_codes", "handlers")
    return {name: copy(getattr(CORE, name)) for name in (*names, *tables)}


def test_the_logger_is_given_back_as_it_was_found(run: Run) -> None:
    logger.add(lambda _: None, level="WARNING")
    logger.configure(extra={"app": "x"}, patcher=lambda record: record["extra"].update(patched=1))
    logger.level("NOTICE", no=22)
    logger.disable("somewhere")
    before = state()
    assert run("""
def test_a(channel_log, tmp_path):
    class Stubborn:
        def write(self, message): pass
        def stop(self): raise RuntimeError
    logger.remove()
    logger.configure(handlers=[{"sink": tmp_path / "x.log"}], extra={"other": 1}, patcher=lambda record: None,
                     levels=[{"name": "LOUD", "no": 45}, {"name": "INFO", "color": "<red>"}],
                     activation=[("somewhere", True), ("elsewhere", False)])
    logger.level("NOTICE", icon="!")
    logger.add(Stubborn(), level=0)
    logger.add(Stubborn(), level=0)
    logger.add(lambda message: None, enqueue=True)
    logger.log("LOUD", "x")
    logger.log(23, "x")
    sinks.configure(tmp_path / "logs")
    assert channel_log.messages == ["x", "x"]
def test_b(channel_log):
    assert channel_log.records == []
""") == [("test_a", "call", "passed", ""), ("test_b", "call", "passed", "")]
    assert state() == before
    assert logger.remove.__qualname__ == "borrowed_logger.<locals>.remove"  # of the fixture `silent`


def test_the_colours_of_handlers_are_given_back(run: Run) -> None:
    shown: list[str] = []
    logger.add(shown.append, format="<level>{message}</level>", colorize=True)
    assert run("""
def test_a(channel_log):
    logger.level("INFO", color="<red>")
    logger.info("red")
""") == [("test_a", "call", "passed", "")]
    logger.info("bold")
    assert shown == ["\x1b[31mred\x1b[0m\n", "\x1b[1mbold\x1b[0m\n"]


def test_handlers_of_others_work_in_the_test_until_it_removes_them_and_afterwards(run: Run) -> None:
    shown: list[str] = []
    handler = logger.add(shown.append, format="{message}")
    assert run(f"""
def test_a(channel_log):
    logger.info("one")
    logger.remove({handler})
    logger.info("two")
    with pytest.raises(ValueError, match="There is no existing handler with id {handler}"):
        logger.remove({handler})
def test_b(channel_log):
    logger.info("three")
    logger.remove()
    logger.info("four")
""") == [("test_a", "call", "passed", ""), ("test_b", "call", "passed", "")]
    logger.info("five")
    logger.remove(handler)
    logger.info("six")
    assert shown == ["one\n", "three\n", "five\n"]


@pytest.mark.usefixtures("own_logger")
def test_real_files_get_nothing_during_a_test_and_everything_afterwards(run: Run, tmp_path: Path) -> None:
    with sinks.configure(tmp_path, console=None) as handle:
        logger.bind(channel="training").info("before")
        sinks.leaked = handle  # type: ignore[attr-defined]
        before = state()
        assert run("""
def test_a(channel_log, tmp_path):
    logger.bind(channel="training").error("during")
    sinks.leaked.close()
    sinks.configure(tmp_path).close()
    logger.bind(channel="training").error("during")
    logger.remove()
    logger.bind(channel="audit").error("during")
def test_b(channel_log):
    swallow()
    channel_log.clear()
""") == [("test_a", "call", "passed", ""), ("test_b", "call", "passed", "")]
        assert state() == before
        logger.bind(channel="training").info("after")
    del sinks.leaked  # type: ignore[attr-defined]
    logger.bind(channel="training").info("closed")
    lines = {path.name: path.read_text(encoding="utf-8").splitlines() for path in tmp_path.glob("*.log")}
    assert [line[28:] for line in lines.pop("ml_pipeline.log")] == [
        "| INFO     | training | before",
        "| INFO     | training | after",
    ]
    assert lines == {row.file: [] for row in sinks.CHANNELS if row.file != "ml_pipeline.log"}


# A channel that the table lacks


SWALLOWED = f"{UNKNOWN} (raised at test_app.py:8 and swallowed; expected? call channel_log.clear())"


def test_a_swallowed_unknown_channel_fails_the_test_at_its_end(run: Run) -> None:
    assert run("""
reached = []
def test_swallowed(channel_log):
    swallow()
    reached.append(1)
def test_reached():
    assert reached == [1]
def test_the_next_one_is_clean(channel_log):
    logger.bind(channel="api").info("x")
def test_cleared(channel_log):
    swallow()
    channel_log.clear()
def test_swallowed_twice_and_cleared_between(channel_log):
    swallow("first")
    channel_log.clear()
    swallow()
def test_in_a_setup(request):
    channel_log = request.getfixturevalue("channel_log")
    swallow()
def test_without_the_fixture():
    swallow()
@pytest.fixture
def app(channel_log):
    swallow()
def test_in_another_fixture(app):
    pass
""") == [
        ("test_swallowed", "call", "failed", SWALLOWED),
        ("test_reached", "call", "passed", ""),
        ("test_the_next_one_is_clean", "call", "passed", ""),
        ("test_cleared", "call", "passed", ""),
        ("test_swallowed_twice_and_cleared_between", "call", "failed", SWALLOWED),
        ("test_in_a_setup", "call", "failed", SWALLOWED),
        ("test_without_the_fixture", "call", "passed", ""),
        ("test_in_another_fixture", "call", "failed", SWALLOWED),
    ]


@pytest.mark.whole
def test_a_test_that_fails_anyway_is_reported_once_with_its_own_reason(run: Run) -> None:
    assert run("""
def test_not_swallowed(channel_log):
    logger.bind(channel="predictons").info("x")
def test_of_another_reason(channel_log):
    swallow()
    raise KeyError("own")
def test_skipped(channel_log):
    swallow()
    pytest.skip("own")
@pytest.mark.xfail(strict=True)
def test_expected_to_fail(channel_log):
    swallow()
""") == [
        ("test_not_swallowed", "call", "failed", f"ValueError: {UNKNOWN}"),
        ("test_of_another_reason", "call", "failed", "KeyError: 'own'"),
        ("test_skipped", "call", "skipped", "Skipped: own"),
        ("test_expected_to_fail", "call", "skipped", SWALLOWED),
    ]


def test_an_unknown_channel_in_a_thread_fails_the_test(run: Run) -> None:
    assert run("""
def test_swallowed(channel_log):
    thread = threading.Thread(target=swallow)
    thread.start()
    thread.join()
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_not_swallowed(channel_log):
    def work():
        logger.bind(channel="predictons").info("x")
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
""") == [
        ("test_swallowed", "call", "failed", SWALLOWED),
        ("test_not_swallowed", "call", "failed", SWALLOWED.replace(":8", ":20")),
    ]


def test_it_stands_beside_caplog_capsys_asyncio_and_unittest(run: Run) -> None:
    outcomes = run("""
import asyncio, logging, unittest

def test_caplog_and_capsys(channel_log, caplog, capsys):
    logging.getLogger("lib").warning("of the stdlib")
    logger.bind(channel="training").info("own")
    print("printed")
    assert (caplog.messages, channel_log.messages) == (["of the stdlib"], ["own"])
    assert capsys.readouterr() == ("printed\\n", "")

def test_asyncio(channel_log):
    async def work(number):
        with logger.contextualize(task=number):
            await asyncio.sleep(0)
            logger.bind(channel="api").info("done")
    async def all_of_them():
        await asyncio.gather(*map(work, range(3)))
    asyncio.run(all_of_them())
    assert [record.fields["task"] for record in channel_log.records] == [0, 1, 2]

class TestUnittest(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def take(self, channel_log):
        self.log = channel_log
    def test_case(self):
        logger.bind(channel="drift").info("x")
        self.assertEqual(self.log.messages, ["x"])
""")
    assert [outcome for *_, outcome, _ in outcomes] == ["passed"] * 3


def test_what_a_failing_test_logged_is_shown_by_phase(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        test_app=PREAMBLE
        + """
@pytest.fixture
def prepared(channel_log):
    logger.bind(channel="drift").info("prepared")
    yield
    logger.bind(channel="drift").info("put away")
def test_failing(prepared):
    logger.bind(channel="training").info("epoch", epoch=1)
    assert False
def test_passing(channel_log):
    logger.bind(channel="training").info("not shown")
"""
    )
    recorder = pytester.inline_run("-p", "sevenfold.capture", "-W", "error", *IMPORTED_ALREADY)
    reports: Any = recorder.getreports("pytest_runtest_logreport")
    sections = {
        title: text for report in reports if report.head_line == "test_failing" for title, text in report.sections
    }
    assert {title: [line.split(" | ")[3] for line in text.splitlines()] for title, text in sections.items()} == {
        "Captured channel log setup": ["prepared"],
        "Captured channel log call": ["epoch"],
        "Captured channel log teardown": ["put away"],
    }


@pytest.mark.slow
def test_a_project_loads_the_plugin_in_its_conftest_and_runs_it_in_parallel(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest('pytest_plugins = ["sevenfold.capture"]')
    pytester.makepyfile(
        test_app=PREAMBLE
        + """
@pytest.mark.parametrize("n", range(4))
def test_a(channel_log, n):
    logger.bind(channel="training").info("epoch", epoch=n)
    (record,) = channel_log.channel("training")
    assert record.fields == {"epoch": n}

def test_b(channel_log):
    swallow()
"""
    )
    result = pytester.runpytest_subprocess("-p", "xdist", "-n", "2", "-W", "error")
    result.assert_outcomes(passed=4, failed=1)
    assert SWALLOWED in result.outlines
