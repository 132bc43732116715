"""The table of channels: any channel may be serialized or sealed, or collect the errors."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

from sevenfold.audit.verify import verify
from sevenfold.channel_log import ChannelLog
from sevenfold.channels import CHANNELS, Channel, checked
from sevenfold.reading.folder import read
from sinks import configure
from tests.support.log_files import read_json

OTHERS = CHANNELS[:-1]


def fail(password: str) -> float:
    return 1 / len(password[:0])


def log_a_failure(channel: str, message: str = "failed", **fields: Any) -> None:
    try:
        fail("hunter2-hunter2")
    except ZeroDivisionError:
        logger.bind(channel=channel, **fields).exception(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "a channel's name must be a string, not empty and not '-', got ''"),
        ({"name": "-"}, "a channel's name must be a string, not empty and not '-', got '-'"),
        ({"file": "channels.json"}, "the file of channel 'a' can't be channels.json, which lists the channels"),
        ({"sealed": True}, "channel 'a' is sealed, which needs serialize=True"),
        (
            {"diagnose": True},
            "channel 'a' holds no tracebacks: backtrace and diagnose go with collects_errors=True",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="channel") as raised:
        Channel(**{"name": "a", "file": "a.log", **options})
    assert str(raised.value) == message


STAMP = "2026-11-23_08-36-11_096123"


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize(
    ("file", "taken"),
    [
        ("app_json.head", "the head of a sealed file"),
        ("Other.HEAD", "the head of a sealed file"),
        (f"errors.{STAMP}.log", "a rotated file"),
        (f"errors.{STAMP}", "a rotated file"),
        (f"errors.{STAMP}.log.gz", "a rotated file"),
        ("x.log.gz", "a compressed file"),
        (".errors.lock", "a lock"),
        (".channels.json.7.tmp", "a file that isn't finished"),
    ],
)
def test_a_file_that_would_be_taken_for_another_is_refused_before_anything_is_made(
    tmp_path: Path, file: str, taken: str
) -> None:
    with pytest.raises(ValueError, match="log file") as raised:
        configure(tmp_path / "logs", channels=(*CHANNELS, Channel("x", file)))
    assert str(raised.value) == f"a log file can't be called {file!r}, as {taken} is; end it with .log"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("own_logger")
def test_the_longest_name_that_is_taken_can_be_rotated_and_compressed(tmp_path: Path) -> None:
    longest = "ü" * 108 + ".log"
    with pytest.raises(ValueError, match=r"^a log file's name may have 220 bytes, so that it can be rotated; got 221"):
        configure(tmp_path, channels=(*CHANNELS, Channel("x", f"x{longest}")))
    with configure(tmp_path, channels=(*CHANNELS, Channel("x", longest)), console=None, rotation=200):
        for _ in range(5):
            logger.bind(channel="x").info("a line of some length, so that each second one is in another file")
    assert len(list(read(tmp_path, channel="x"))) == 5
    assert len(list(tmp_path.glob("ü*.log*"))) > 2


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("name", ["audit", "head.log", "app_json.header", "lock", "x.lock", "x.tmp", ".x.log"])
def test_a_name_that_is_nobody_elses_is_taken(tmp_path: Path, name: str) -> None:
    with configure(tmp_path, channels=(*CHANNELS, Channel("x", name)), console=None):
        logger.bind(channel="x").info("line")


def test_a_table_has_exactly_one_collector_of_errors() -> None:
    assert checked(CHANNELS) == CHANNELS
    with pytest.raises(ValueError, match=r"^exactly one channel must have collects_errors=True, got none$"):
        checked(OTHERS)
    with pytest.raises(ValueError, match=r"got 'errors', 'failures'$"):
        checked((*CHANNELS, Channel("failures", "failures.log", collects_errors=True)))


def test_the_heads_of_two_sealed_files_are_two_files() -> None:
    first, second = (Channel(name, f"a.{name}", serialize=True, sealed=True) for name in ("json", "log"))
    with pytest.raises(ValueError, match="each channel needs a sealed file that differs before its suffix of its own"):
        checked((CHANNELS[-1], first, second))


@pytest.mark.usefixtures("own_logger")
def test_a_second_channel_of_json_holds_what_loguru_dumps(tmp_path: Path) -> None:
    table = (*CHANNELS, Channel("events", "events.json", serialize=True))
    batch = {"n": np.arange(2), "name": ["a", "b"]}
    with configure(tmp_path, console=None, channels=table) as handle:
        logger.bind(channel="events").info("stored", array=np.arange(3), loss=float("nan"))
        log_a_failure("events")
        logger.bind(channel="events").info("rows", batch=batch)
    stored, failed, rows = read_json(tmp_path / "events.json")
    assert stored["record"]["extra"] == {"channel": "events", "array": [0, 1, 2], "loss": "NaN"}
    assert failed["record"]["exception"]["type"] == "ZeroDivisionError"
    assert rows["record"]["extra"]["batch"] == {"n": [0, 1], "name": ["a", "b"]}
    assert not any("chain" in line for line in (stored, failed, rows))
    assert handle.events["events.json"] == 3
    assert [(event.message, event.exception is None) for event in read(tmp_path)] == [
        ("stored", True),
        ("failed", False),
        ("rows", True),
    ]


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("sealed", [False, True])
def test_errors_may_be_collected_as_json_with_their_tracebacks_and_without_secrets(
    tmp_path: Path, *, sealed: bool
) -> None:
    collector = Channel(
        "failures", "failures.json", serialize=True, sealed=sealed, collects_errors=True, backtrace=True, diagnose=True
    )
    with configure(tmp_path, console=None, channels=(*OTHERS, collector)):
        log_a_failure("training", epoch=3)
        log_a_failure("audit")
        log_a_failure("failures")
        logger.opt(raw=True, exception=ZeroDivisionError("raw")).error("raw\n")
        logger.bind(channel="misspelt").info("kept")
    lines = read_json(tmp_path / "failures.json")
    assert [line["record"]["message"] for line in lines] == ["failed", "failed", "failed", "raw\n", "kept"]
    text = lines[0]["text"]
    assert text.partition("\n")[0].endswith(
        '| training | failed | epoch=3 exception_type=ZeroDivisionError exception_message="division by zero"'
    )
    assert "return 1 / len(password[:0])" in text
    assert "└" in text
    assert "hunter2" not in (tmp_path / "failures.json").read_text(encoding="utf-8")
    events = list(read(tmp_path, channel="failures"))
    assert [event.exception is None for event in events] == [False, False, False, False, True]
    assert [(event.channel, event.exception is None) for event in read(tmp_path)][:3] == [
        ("training", False),
        ("audit", False),
        ("failures", False),
    ]
    if sealed:
        assert verify(tmp_path / "failures.json").proved
    assert verify(tmp_path / "app_json.log").proved


@pytest.mark.usefixtures("own_logger")
def test_lines_of_json_that_could_not_be_written_are_counted_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sevenfold.files.rotating import RotatingFile  # noqa: PLC0415 - only here

    table = (*CHANNELS, Channel("events", "events.json", serialize=True))
    real = RotatingFile.append

    def full(_file: RotatingFile, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with configure(tmp_path, console=None, channels=table):
        monkeypatch.setattr(RotatingFile, "append", full)
        logger.bind(channel="events").info("lost")
        monkeypatch.setattr(RotatingFile, "append", real)
        logger.bind(channel="events").info("kept")
    assert "lines are lost, 1 so far" in capsys.readouterr().err
    assert [(event.message, event.fields) for event in read(tmp_path / "events.json")] == [
        ("lines could not be written", {"n_lost": 1}),
        ("kept", {}),
    ]
    for line in (tmp_path / "events.json").read_text(encoding="utf-8").splitlines():
        json.loads(line)


class TestCapture:
    """The fixture goes by the same table."""

    @pytest.fixture
    def channel_table(self) -> tuple[Channel, ...]:
        return (*OTHERS, Channel("failures", "failures.json", serialize=True, collects_errors=True))

    def test_errors_are_those_of_the_channel_that_collects_them(self, channel_log: ChannelLog) -> None:
        logger.bind(channel="drift").error("an error")
        logger.bind(channel="predictions").error("rows", batch={"n": [1, 2]})
        assert [record.message for record in channel_log.channel("failures")] == ["an error", "rows", "rows"]
        logger.bind(channel="failures").info("rows", batch={"n": [1, 2]})
        assert channel_log.records[-1].fields == {"batch": {"n": [1, 2]}}
