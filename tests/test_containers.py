"""Logging as in containers: without a folder, as JSON, set by environment variables."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

from sevenfold.channels import CHANNELS, Channel
from sevenfold.handlers.console import Console
from sevenfold.handlers.formats import LineFormat
from sevenfold.reading.folder import read
from sevenfold.redaction.redactor import Redactor
from sevenfold.rendering.renderer import Renderer
from sinks import configure

pytestmark = pytest.mark.usefixtures("own_logger")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Cell(io.StringIO):
    __module__ = "ipykernel.iostream"  # a notebook's streams are known by it


def fail(**fields: Any) -> None:
    secret = "Zebra77kite"  # noqa: S105 - made up
    try:
        raise ConnectionError(f"refused password={secret}")
    except ConnectionError:
        logger.bind(channel="api").exception("request failed", **fields)


def shown_as_json(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEVENFOLD_LOG_DIR", "SEVENFOLD_LEVEL", "SEVENFOLD_CONSOLE_FORMAT", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_folder_all_that_files_would_keep_is_json_on_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with configure(None, console="INFO", console_format="json", console_stream="stdout"):
        logger.bind(channel="predictions").info("scored", batch={"score": np.array([0.5, np.nan]), "ok": [True, False]})
        logger.bind(channel="training").debug("not kept")
        logger.bind(channel="audit").info("model_deployed", password="Zebra77kite")  # noqa: S106 - made up
        logger.bind(channel="audit").info("again")
        fail(status=500)
    out, err = capsys.readouterr()
    first, second, audit, _, failed = map(json.loads, out.splitlines())
    assert (first["channel"], first["score"], second["score"], second["ok"]) == ("predictions", 0.5, "NaN", False)
    assert (audit["message"], audit["password"]) == ("model_deployed", "[redacted]")
    assert failed["exception_stacktrace"].splitlines()[0] == "Traceback (most recent call last):"
    assert "Zebra77kite" not in out
    assert err == "sevenfold: audit: no file, so nothing is sealed here, and verify can prove nothing\n"
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_text_has_its_traceback_and_an_unknown_channel_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handle = configure(None)
    fail()
    logger.bind(channel="predictons").info("misspelt")
    assert repr(handle) == "<Sinks on the console, in force: no files>"
    handle.close()
    err = capsys.readouterr().err
    assert "\n    Traceback (most recent call last):\n" in err
    assert "sevenfold: unknown channel 'predictons'; known: training," in err
    assert "| predictons | misspelt" in err


def test_without_a_folder_and_a_console_there_would_be_nothing() -> None:
    with pytest.raises(ValueError, match="the console is all there is"):
        configure(None, console=None)


def test_a_folder_that_cannot_be_written_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(OSError, match=r'it is a file; without files: configure\(None, console_format="json"'):
        configure(tmp_path / "logs")


def test_any_channel_may_be_flat_json_and_is_read_as_ever(tmp_path: Path) -> None:
    table = (
        Channel("predictions", "predictions.json", format="json"),
        Channel("errors", "errors.json", format="json", collects_errors=True, backtrace=True, diagnose=True),
    )
    with configure(tmp_path, channels=table, console=None):
        log = logger.bind(channel="predictions")
        log.info("prediction", decision="approve", time="noon", score=np.float32(0.5))
        log.info("prediction", batch={"decision": ["approve", "deny"]})
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            log.exception("failed")
    said = [json.loads(line) for line in (tmp_path / "predictions.json").read_text(encoding="utf-8").splitlines()]
    assert [one.get("decision") for one in said] == ["approve", "approve", "deny", None]
    assert (said[0]["extra_time"], said[0]["score"]) == ("noon", 0.5)
    error = json.loads((tmp_path / "errors.json").read_text(encoding="utf-8"))
    assert "_ = 1 / 0" in error["exception_stacktrace"]
    events = list(read(tmp_path))
    assert [event.fields.get("decision") for event in events] == ["approve", "approve", "deny", None]
    assert (events[-1].exception or "").endswith("ZeroDivisionError: division by zero")


def test_flat_json_and_that_of_loguru_are_not_both_possible() -> None:
    with pytest.raises(ValueError, match="serialize=True is loguru's JSON and format='json' flat: take one"):
        Channel("x", "x.json", serialize=True, format="json")
    with pytest.raises(ValueError, match="format of channel 'x' must be 'text' or 'json', got 'xml'"):
        Channel("x", "x.json", format="xml")  # type: ignore[arg-type]


def test_the_environment_says_what_the_call_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEVENFOLD_LOG_DIR", str(tmp_path / "said"))
    monkeypatch.setenv("SEVENFOLD_LEVEL", "DEBUG")
    monkeypatch.setenv("SEVENFOLD_CONSOLE_FORMAT", "json")
    with configure(console_stream="stdout"):
        logger.bind(channel="training").debug("kept")
        logger.bind(channel="training").info("shown")
    assert [event.message for event in read(tmp_path / "said" / "ml_pipeline.log")] == ["kept", "shown"]
    assert [one["message"] for one in shown_as_json(capsys)] == ["shown"]
    with configure(tmp_path / "own", level="INFO", console_format="text", console_stream="stdout"):
        logger.bind(channel="training").debug("not kept")
        logger.bind(channel="training").info("kept")
    assert [event.message for event in read(tmp_path / "own" / "ml_pipeline.log")] == ["kept"]
    assert capsys.readouterr().out.endswith("| training | kept\n")


@pytest.mark.parametrize(("name", "value"), [("LEVEL", "LOUD"), ("CONSOLE_FORMAT", "xml")])
def test_a_wrong_word_in_the_environment_is_named(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SEVENFOLD_{name}", value)
    with pytest.raises(ValueError, match=value):
        configure(tmp_path)


@pytest.mark.parametrize(
    ("stream", "options", "shows"),
    [
        (Terminal, {}, True),
        (Cell, {}, True),
        (io.StringIO, {}, False),
        (Terminal, {"console_traceback": False}, False),
        (io.StringIO, {"console_traceback": True}, True),
    ],
)
def test_a_traceback_is_shown_to_people(
    stream: type[io.StringIO], options: dict[str, Any], shows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = stream()
    monkeypatch.setattr(sys, "stderr", terminal)
    with configure(tmp_path, **options):
        fail()
    text = terminal.getvalue()
    assert ("    Traceback (most recent call last):" in text.splitlines()) == shows
    assert "Zebra77kite" not in text
    assert ("\x1b[31m" in text) == (stream is not io.StringIO)


@pytest.mark.parametrize(("variables", "coloured"), [(["FORCE_COLOR"], True), (["FORCE_COLOR", "NO_COLOR"], False)])
def test_colours_can_be_asked_for(
    variables: list[str], coloured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in variables:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    with configure(tmp_path):
        logger.bind(channel="training").warning("slow")
    assert ("\x1b[33m" in stream.getvalue()) == coloured


@pytest.mark.parametrize("diagnose", [None, True, False])
def test_values_of_variables_can_be_left_out_of_tracebacks(diagnose: bool | None, tmp_path: Path) -> None:
    income = 51234.5
    with configure(tmp_path, console=None, diagnose=diagnose):
        try:
            _ = income / 0
        except ZeroDivisionError:
            logger.bind(channel="training").exception("failed")
    assert ("└ 51234.5" in (tmp_path / "errors.log").read_text(encoding="utf-8")) == (diagnose is not False)


def test_a_handle_says_what_it_wrote_where(tmp_path: Path) -> None:
    handle = configure(tmp_path, channels=CHANNELS[-2:], console=None)
    logger.bind(channel="audit").info("started")
    assert repr(handle) == f"<Sinks {tmp_path}, in force: app_json.log 1, errors.log 0>"
    other = configure(tmp_path / "other", console=None)
    assert repr(handle).startswith(f"<Sinks {tmp_path}, replaced: ")
    other.close()
    assert repr(other).startswith(f"<Sinks {tmp_path / 'other'}, closed: ")


def test_json_tells_in_json_how_many_records_nobody_read(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console((), Redactor(), format="json", stream="stdout")
    console._n_dropped = 3
    handler = logger.add(console, format=LineFormat(Renderer(Redactor())))
    logger.bind(channel="api").info("request")
    logger.remove(handler)
    told, after = shown_as_json(capsys)
    assert (told["level"], told["message"][:9], after["message"]) == ("WARNING", "3 records", "request")
