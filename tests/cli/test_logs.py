"""The command `logs`, in this process and as a user starts it."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

import main
import sinks
from sevenfold.cli.parser import WRONG_INPUT, moment
from sevenfold.cli.showing import as_text
from sevenfold.lines.grammar import timestamp
from sevenfold.lines.parsing import parse
from sevenfold.loguru_internals import borrowed_logger
from sevenfold.reading.folder import read

ROOT = Path(main.__file__).parent
NOW = datetime.now(UTC)

pytestmark = pytest.mark.usefixtures("own_logger")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log what two requests do, the second of which fails, and put an old event into a rotated file."""
    logs = tmp_path_factory.mktemp("filled")
    with borrowed_logger(), sinks.configure(logs, console=None):
        for request_id, x in (("98", 0.5), ("a1", 2.0)):
            with logger.contextualize(request_id=request_id):
                predictions = logger.bind(channel="predictions", features={"income": x, "home.town": "Köln"})
                predictions.info("prediction", decision="approve", confidence=(x + 1) / 2 % 1)
                try:
                    _ = 1 / (x - 2)
                except ZeroDivisionError:
                    logger.bind(channel="api").exception("request | failed", status=500)
                else:
                    logger.bind(channel="api").info("request", status=200)
        logger.bind(channel="drift").warning("batch", drift_detected=True)
        logger.bind(channel="audit").info("model_trained", event="model_trained")
    old = logs / f"api_requests.{NOW - timedelta(hours=3):%Y-%m-%d_%H-%M-%S_%f}.log"
    old.write_text(f"{timestamp(NOW - timedelta(hours=3))} | INFO     | api | old | n=0\n", encoding="utf-8")
    return logs


@pytest.fixture
def folder(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(filled, tmp_path / "logs"))


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str], folder: Path) -> Any:  # noqa: ARG001 - it has been filled
    def show(*arguments: str) -> str:
        assert main.main(["logs", *arguments]) == main.OK
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return show


def messages(out: str) -> list[str]:
    return [line.split(" | ")[3] for line in out.splitlines() if not line.startswith("    ")]


def start(*arguments: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "main.py"), "logs", *arguments]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | variables
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def test_the_events_of_all_files_are_shown_as_they_stand_there_by_time(shown: Any, folder: Path) -> None:
    out = shown()
    failed = r"request \u007c failed"
    assert messages(out) == ["old", "prediction", "request", "prediction", failed, "batch", "model_trained"]
    errors = (folder / "errors.log").read_text(encoding="utf-8")
    assert errors.count("\n") > 5
    assert errors in out
    for file in ("predictions.log", "data_drift.log"):
        assert set((folder / file).read_text(encoding="utf-8").splitlines()) <= set(out.splitlines())
    assert shown("--log-dir", str(folder)) == out


def test_a_request_is_followed_through_its_channels(shown: Any) -> None:
    assert messages(shown("--where", "request_id=98")) == ["prediction", "request"]
    out = shown("--where", "request_id=a1")
    assert messages(out) == ["prediction", r"request \u007c failed"]
    assert "    ZeroDivisionError: float division by zero" in out


@pytest.mark.parametrize(
    ("where", "n_found"),
    [
        (["status=200"], 1),
        (["status=200.0"], 1),
        (['request_id="98"'], 2),
        (["request_id=98", "status=200"], 1),
        (["request_id=98", "status=500"], 0),
        (["drift_detected=true"], 1),
        (["features.income=0.5"], 1),
        (["features.home.town=Köln"], 2),
        (['features={"income":2.0,"home.town":"Köln"}'], 1),
        (["status>=500"], 1),
        (["status != 200"], 1),
        (["features.income<=0.5", "message=prediction"], 1),
        (["level>=WARNING"], 2),
        (["level=ERROR"], 1),
        (["channel~^(api|drift)$"], 4),
        (["line.channel=api"], 3),
        (["time>=2026-01-01"], 7),
        (["exception_message~^float.*zero$"], 1),
        (["exception_type=ZeroDivisionError"], 1),
        (["exception_message=float division by zero"], 1),
    ],
)
def test_fields_are_compared_as_a_line_writes_them(shown: Any, where: list[str], n_found: int) -> None:
    assert len(messages(shown(*(part for one in where for part in ("--where", one))))) == n_found


def test_a_channel_is_what_its_file_holds(shown: Any, folder: Path) -> None:
    assert messages(shown("--channel", "api")) == ["old", "request", r"request \u007c failed"]
    assert shown("--channel", "predictions") == (folder / "predictions.log").read_text(encoding="utf-8")
    assert shown("--channel", "errors") == (folder / "errors.log").read_text(encoding="utf-8")
    assert messages(shown("--channel", "audit")) == ["model_trained"]
    assert shown("--channel", "training") == ""


def test_levels_messages_and_times_narrow_it_down(shown: Any, folder: Path) -> None:
    (folder / "custom.log").write_text(
        f"{timestamp(NOW)} | NOTICE   | x | custom\n{timestamp(NOW)} | Level 25 | x | number\n", encoding="utf-8"
    )
    assert messages(shown("--level", "warning")) == ["custom", r"request \u007c failed", "batch"]
    assert messages(shown("--level", "25")) == ["custom", "number", r"request \u007c failed", "batch"]
    assert messages(shown("--message", "request | f")) == [r"request \u007c failed"]
    assert "old" in messages(shown("--since", "4 h"))
    assert "old" not in messages(shown("--since", "2 hours ago"))
    assert "old" in messages(shown("--since", (NOW - timedelta(hours=3)).isoformat()))
    assert shown("--since", "2999-01-01") == ""
    assert messages(shown("--level", "ERROR", "--channel", "api", "--since", "1 day")) == [r"request \u007c failed"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T08:36:11.096123Z", datetime(2026, 11, 23, 8, 36, 11, 96123, UTC)),
        ("2026-11-23 08:36", datetime(2026, 11, 23, 8, 36, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T08:36+02:00", datetime(2026, 11, 23, 6, 36, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc_unless_it_says_otherwise(text: str, expected: datetime) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 min", 600),
        ("2 h", 7200),
        ("1 day", 86_400),
        ("1 h 30 min ago", 5400),
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("1 h 5 m", 3900),
    ],
)
def test_how_long_ago_is_said_as_a_retention_is(text: str, seconds: float) -> None:
    assert abs((datetime.now(UTC) - moment(text)).total_seconds() - seconds) < 5


@pytest.mark.parametrize("text", ["", "soon", "03:00", "10", "10 MB", "-1 h", "2026-13-01", "99999999999 years", "ago"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a time with its day, such as"):
        moment(text)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("staus>=400", "unknown field 'staus'; did you mean 'status'? known: "),
        ("features.incom=1", "unknown field 'features.incom'; did you mean 'features.income'? known: "),
        ("status>=many", "no value of 'status' can be compared as 'status>=many' asks"),
        ("decision>5", "no value of 'decision' can be compared as 'decision>5' asks"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_field_that_no_event_has_is_told_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str], where: str, told: str
) -> None:
    assert main.main(["logs", "--where", where, "--where", "request_id~."]) == main.OK
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert captured.err.startswith(f"main.py logs: {told}")


def test_a_known_field_whose_value_none_has_is_not_told(shown: Any) -> None:
    assert shown("--where", "request_id=98", "--where", "status>=600") == ""
    assert shown("--where", "status>=600", "--where", "request_id=nobody") == ""


def test_several_channels_the_last_ones_and_counts(shown: Any, folder: Path) -> None:
    assert messages(shown("--channel", "api", "--channel", "drift", "-n", "2")) == [r"request \u007c failed", "batch"]
    assert messages(shown("--channel", "errors", "--channel", "audit")) == [r"request \u007c failed", "model_trained"]
    assert shown("-n", "0") == ""
    assert shown("--count-by", "channel") == "       3 api\n       2 predictions\n       1 audit\n       1 drift\n"
    assert shown("--count-by", "status", "--channel", "api") == "       1 -\n       1 200\n       1 500\n"
    counted = shown("--count-by", "status", "--channel", "api", "--json")
    assert [json.loads(line) for line in counted.splitlines()] == [
        {"value": value, "n": 1} for value in (None, 200, 500)
    ]
    (folder / "x.log").write_text(
        f'{timestamp(NOW)} | INFO     | x | m | v="-"\n{timestamp(NOW)} | INFO     | x | m | v=y\n', encoding="utf-8"
    )
    assert shown("--where", "channel=x", "--count-by", "v") == '       1 "-"\n       1 y\n'


def test_case_may_be_ignored(shown: Any) -> None:
    assert messages(shown("-i", "--message", "REQUEST |")) == [r"request \u007c failed"]
    assert messages(shown("-i", "--where", "decision=APPROVE")) == ["prediction"] * 2
    assert messages(shown("-i", "--where", "exception_type~^ZERO")) == [r"request \u007c failed"]
    assert messages(shown("--where", "decision=APPROVE")) == []


def test_until_leaves_out_what_is_later(shown: Any) -> None:
    assert messages(shown("--until", "1h")) == ["old"]
    assert messages(shown("--since", "4h", "--until", "2h")) == ["old"]


def test_a_line_is_printed_as_it_stands_in_the_file(shown: Any, folder: Path) -> None:
    lines = (
        f'{timestamp(NOW)} | INFO     | x | older | id="5a4b41eb" n=1.50 o={{"a": 1}}\n'
        f"{timestamp(NOW)} | ERROR    | x | failed | n=2.00\n    Traceback\n      a \\ b\n"
    )
    (folder / "x.log").write_text(lines, encoding="utf-8")
    assert shown("--where", "channel=x") == lines
    assert shown("--where", "n>=2", "--where", "channel=x") == "".join(lines.splitlines(keepends=True)[1:])
    (folder / "x.log").write_text(lines.replace("older", "\x1b[31mold"), encoding="utf-8")
    assert "\x1b" not in shown("--where", "channel=x")


def test_what_json_prints_is_read_back(shown: Any, folder: Path, tmp_path: Path) -> None:
    printed = tmp_path / "printed.log"
    printed.write_text(shown("--json"), encoding="utf-8")
    assert list(read(printed)) == list(read(folder))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("folder")
def test_a_terminal_shows_colours_unless_they_are_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for variables, colours in ({}, True), ({"NO_COLOR": "1"}, False):
        monkeypatch.setattr(sys, "stdout", terminal := Terminal())
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert main.main(["logs", "--channel", "api"]) == main.OK
        text = terminal.getvalue()
        assert (" | \x1b[31mERROR   \x1b[0m | api | " in text) is colours
        assert ("\x1b" in text) is colours


def test_json_has_one_object_a_line(shown: Any) -> None:
    objects = [json.loads(line) for line in shown("--json", "--where", "request_id=a1").splitlines()]
    assert [one.pop("exception") is not None for one in objects] == [False, True]
    assert all(parse(f"{one.pop('time')} | INFO     | - | m").time > NOW - timedelta(hours=1) for one in objects)
    features = {"income": 2.0, "home.town": "Köln"}
    assert objects[0] == {
        "level": "INFO",
        "channel": "predictions",
        "message": "prediction",
        "fields": {"request_id": "a1", "features": features, "decision": "approve", "confidence": 0.5},
    }
    assert objects[1]["message"] == "request | failed"


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23T08:36:11.096123Z | INFO     | - | m",
        '2026-11-23T08:36:11.096123Z | Level 25 | \\u002d |  | a=-0.0 "b c"=x d="x y" e=18446744073709551616',
        '2026-11-23T08:36:11.096123Z | CRITICAL | a\\u007c | \\u001b "m" | a=[1,"é\\u2028",{}] b=1e+300 c="true"',
        "2026-11-23T08:36:11.096123Z | ERROR    | api | m\n    Traceback\n    \n      \\u001b[0m é",
    ],
)
def test_a_line_is_written_as_it_was_read(line: str) -> None:
    assert as_text(parse(line)) == line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--level", "LOUD"], "argument --level: expected one of TRACE, "),
        (["--since", "soon"], "argument --since: expected a time with its day, such as 2026-11-23T08:36, "),
        (["--where", "request_id"], "argument --where: expected KEY and one of = != > >= < <= ~ and VALUE, "),
        (["--where", "status>="], "argument --where: expected a value behind >=, got 'status>='"),
        (["--where", "status=>500"], "argument --where: expected one of = != > >= < <= ~, got 'status=>500'"),
        (["--where", "status==500"], "argument --where: expected one of = != > >= < <= ~, got 'status==500'"),
        (["--where", "x~("], "argument --where: expected a regular expression behind ~, got 'x~('"),
        (["--where", ">5"], "argument --where: expected KEY and one of"),
        (["--until", "soon"], "argument --until: expected a time with its day, such as 2026-11-23T08:36, "),
        (["-n", "many"], "argument -n/--last: expected how many, such as 10, got 'many'"),
        (["--count-by", "status", "--follow"], "--count-by counts what is there: not with --follow"),
        (["--log-dir", "nowhere"], "argument --log-dir: expected a folder, got 'nowhere'"),
        (["more"], "argument FOLDER: expected a folder, got 'more'"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert folder.is_dir()
    try:
        status: Any = main.main(["logs", *arguments])
    except SystemExit as caught:
        status = caught.code
    captured = capsys.readouterr()
    assert (status, captured.out, captured.err.count("\n")) == (WRONG_INPUT, "", 1)
    assert captured.err.startswith(f"main.py logs: {told}")


def test_an_unknown_channel_is_told_with_the_one_that_may_be_meant(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder.is_dir()
    assert main.main(["logs", "--channel", "apis"]) == WRONG_INPUT
    captured = capsys.readouterr()
    known = "training, predictions, drift, monitoring, api, audit, errors"
    assert captured == ("", f"main.py logs: unknown channel 'apis'; did you mean 'api'? known: {known}\n")


def test_an_unknown_command_is_told_and_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["lgos"])
    assert caught.value.code == WRONG_INPUT
    assert capsys.readouterr().err.startswith("main.py: unknown command 'lgos'; did you mean 'logs'? known: run")
    for arguments in (["--help"], ["logs", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main.main(arguments)
        assert caught.value.code == 0
    out = capsys.readouterr().out
    assert re.search(r"^  logs +print what was logged", out, re.MULTILINE)
    assert "--follow" in out


def test_a_bad_line_is_told_on_stderr_and_the_rest_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "data_drift.log").open("a", encoding="utf-8") as file:
        file.write("torn")
    assert main.main(["logs"]) == main.OK
    captured = capsys.readouterr()
    assert len(messages(captured.out)) == 7
    path = Path("logs", "data_drift.log")
    assert captured.err == f"sevenfold: {path}, line 2: torn: expected a line's end after b'torn'\n"


def test_a_file_that_cannot_be_read_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "predictions.log").unlink()
    (folder / "predictions.log").mkdir()
    assert main.main(["logs"]) == main.FAILED
    assert capsys.readouterr().err == f"main.py logs: {Path('logs', 'predictions.log')}: Is a directory\n"


@pytest.mark.whole
def test_a_reader_of_stdout_may_leave(folder: Path) -> None:
    lines = (folder / "predictions.log").read_text(encoding="utf-8")
    (folder / "predictions.log").write_text(lines * 5000, encoding="utf-8")
    for arguments in ((), ("--follow",)):
        process = start(*arguments, cwd=folder.parent)
        assert process.stdout is not None
        assert process.stderr is not None
        assert " | " in process.stdout.readline()
        process.stdout.close()
        assert (process.wait(20), process.stderr.read()) == (main.OK, "")
        process.stderr.close()


@pytest.mark.whole
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C can't be sent to another process there")
def test_following_shows_what_comes_through_a_rotation_until_ctrl_c(folder: Path) -> None:
    process = start("--follow", "--channel", "api", "--since", "1 h", cwd=folder.parent)
    assert process.stdout is not None
    found = [process.stdout.readline()]
    with sinks.configure(folder, console=None, rotation="300 B"):
        for n in range(10):
            logger.bind(channel="api").info("request", n=n)
            logger.bind(channel="drift").info("not this")
            time.sleep(0.02)
        while "n=9" not in found[-1]:
            found.append(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (main.INTERRUPTED, "", "")
    assert [line for line in found if " n=" in line] == [line for line in found if " | request | n=" in line]
    assert [int(line.split(" n=")[1]) for line in found if " n=" in line] == list(range(10))


@pytest.mark.whole
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C can't be sent to another process there")
def test_following_begins_with_the_last_ones_and_tells_a_field_that_none_has(folder: Path) -> None:
    process = start("--follow", "-n", "1", "--where", "channel=api", "--where", "stats>=0", cwd=folder.parent)
    assert process.stderr is not None
    assert "unknown field 'stats'; did you mean 'status'?" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    process = start("--follow", "-n", "1", "--channel", "api", cwd=folder.parent)
    assert process.stdout is not None
    assert r"request \u007c failed" in process.stdout.readline()
    while not process.stdout.readline().startswith("    ZeroDivisionError: "):
        pass
    with sinks.configure(folder, console=None):
        logger.bind(channel="api").info("later")
    assert " | later" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")


@pytest.mark.whole
def test_text_that_a_terminal_cannot_show_is_escaped(folder: Path) -> None:
    process = start("--where", "request_id=98", cwd=folder.parent, PYTHONIOENCODING="ascii")
    out, err = process.communicate(timeout=60)
    assert err == ""
    assert r'"home.town":"K\xf6ln"' in out
