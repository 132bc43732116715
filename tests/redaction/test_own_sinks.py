"""A user's own sinks get records without secrets, and without a live exception."""

import asyncio
import contextlib
import io
import json
import logging
import logging.handlers
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from sevenfold.redaction import SECRETS, Redactor
from sevenfold.redaction.own_sinks import RedactedException, redacted
from sinks import configure

SECRET = "Zebra77kite"  # noqa: S105 - made up
WORD = "sesame"
R = "[redacted]"


class Client:
    def __init__(self, key: str) -> None:
        self.api_key = key

    def call(self) -> None:
        raise ConnectionError("refused " + self.api_key)


def log_everything() -> None:
    log = logger.bind(channel="api", password=WORD, nested={"cookie": SECRET, "n": [1]})
    log.info("plain message {n}", n=3)
    log.info(f"api_key={SECRET} in the message")
    try:
        Client(SECRET).call()
    except ConnectionError:
        log.exception("failed")


def log_a_failure() -> None:
    try:
        Client(SECRET).call()
    except ConnectionError:
        logger.bind(password="missing", nested={}).exception("failed")  # noqa: S106 - formats name them


@contextlib.contextmanager
def added(sink: Any, **options: Any) -> Iterator[None]:
    handler = logger.add(sink, **{"level": 0, "catch": False, **options})
    try:
        yield
    finally:
        logger.remove(handler)


FORMATS = [
    {},
    {"format": "{message} {extra}"},
    {"format": "{message} {extra[password]} {extra[nested]}"},
    {"format": lambda _: "{message} {extra[password]}\n{exception}"},
    {"serialize": True},
    {"serialize": True, "format": "{extra}"},
    {"colorize": True},
    {"backtrace": True, "diagnose": True},
    {"diagnose": False},
]


@pytest.mark.parametrize("options", FORMATS, ids=",".join)
def test_a_function_gets_nothing_secret_and_nothing_alive(options: dict[str, Any]) -> None:
    got: list[Any] = []
    with added(redacted(got.append), **options):
        log_everything()
    assert len(got) == 3
    for message in got:
        record = message.record
        everything = str(message) + repr(record)
        assert SECRET not in everything
        assert WORD not in everything
        assert record["extra"] | {"n": 3} == {
            "channel": "api",
            "password": "[redacted]",
            "nested": {"cookie": "[redacted]", "n": [1]},
            "n": 3,
        }
        assert not [key for key in record if key.startswith("sevenfold")]
    assert [message.record["message"] for message in got] == [
        "plain message 3",
        "api_key=[redacted] in the message",
        "failed",
    ]
    error = got[2].record["exception"]
    assert (error.type, error.value) == (ConnectionError, "refused [redacted]")
    if "{exception}" in str(got[2]) or "Traceback" in str(got[2]):
        assert error.traceback.startswith("Traceback")
    assert got[0].record["exception"] is None


def test_what_is_serialized_stays_json_and_loses_nothing_else() -> None:
    got: list[Any] = []
    raw: list[Any] = []
    with added(redacted(got.append), serialize=True), added(raw.append, serialize=True):
        log_everything()
    for clean, whole in zip(map(json.loads, got), map(json.loads, raw), strict=True):
        assert clean.keys() == whole.keys()
        assert clean["record"].keys() == whole["record"].keys()
        for key in clean["record"].keys() - {"extra", "message", "exception", "elapsed"}:
            assert clean["record"][key] == whole["record"][key]
    assert json.loads(got[2])["record"]["exception"] == {
        "type": "ConnectionError",
        "value": "refused [redacted]",
        "traceback": True,
    }


class Stream(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def flush(self) -> None:
        self.calls.append("flush")

    def stop(self) -> None:
        self.calls.append("stop")

    def isatty(self) -> bool:
        return True


def test_a_stream_is_flushed_stopped_and_asked_for_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI", "TERM", "PYCHARM_HOSTED"):
        monkeypatch.delenv(name, raising=False)
    stream = Stream()
    with added(redacted(stream)):
        log_everything()
    text = stream.getvalue()
    assert SECRET not in text
    assert WORD not in text
    assert "\x1b[" in text
    assert stream.calls == ["flush"] * 3 + ["stop"]


class Remembering(logging.handlers.BufferingHandler):
    def __init__(self) -> None:
        super().__init__(100)
        self.is_closed = False

    def shouldFlush(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - as the base class has it
        return False

    def close(self) -> None:
        self.is_closed = True


def test_a_handler_of_the_standard_library_gets_what_loguru_gives_it_without_secrets() -> None:
    clean, raw = Remembering(), Remembering()
    with added(redacted(clean)), added(raw):
        log_everything()
    formatter = logging.Formatter("%(levelname)s %(name)s %(funcName)s %(message)s")
    for one, other in zip(clean.buffer, raw.buffer, strict=True):
        assert (one.levelno, one.levelname, one.name, one.lineno) == (
            other.levelno,
            other.levelname,
            other.name,
            other.lineno,
        )
        assert one.exc_info is None
        text = formatter.format(one) + repr(one.__dict__)
        assert SECRET not in text
        assert WORD not in text
    assert formatter.format(clean.buffer[0]) == formatter.format(raw.buffer[0])
    assert "ConnectionError: refused [redacted]" in formatter.format(clean.buffer[2])
    assert clean.is_closed


def test_a_coroutine_function_is_awaited() -> None:
    got: list[Any] = []

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        got.append(message)

    class Sender:
        async def __call__(self, message: Any) -> None:
            got.append(message)

    async def run() -> None:
        with added(redacted(send)), added(redacted(Sender())):
            log_everything()
            await logger.complete()

    asyncio.run(run())
    assert len(got) == 6
    assert not [message for message in got if SECRET in str(message) or WORD in str(message)]


def test_a_sink_may_be_behind_a_queue() -> None:
    got: list[Any] = []
    with added(redacted(got.append), enqueue=True, format="{message} {extra[password]}"):
        log_everything()
    assert [message.record["message"] for message in got][2] == "failed"
    assert not [message for message in got if SECRET in str(message) or WORD in str(message)]


@pytest.mark.parametrize("options", FORMATS, ids=",".join)
def test_behind_a_queue_an_exception_without_frames_is_not_told(options: dict[str, Any]) -> None:
    got: list[Any] = []
    with added(redacted(got.append), enqueue=True, **options):
        log_a_failure()
    (message,) = got
    assert SECRET not in str(message) + repr(message.record)
    assert message.record["exception"].type is ConnectionError
    assert message.record["exception"].value.startswith("[redacted]: enqueue=True leaves out")


@pytest.mark.usefixtures("own_logger")
def test_behind_a_queue_an_exception_is_told_whose_frames_were_looked_at(tmp_path: Path) -> None:
    got: list[Any] = []
    with configure(tmp_path, console=None), added(redacted(got.append), enqueue=True):
        log_a_failure()
    (message,) = got
    assert SECRET not in str(message) + repr(message.record)
    assert str(message).endswith("ConnectionError: refused [redacted]\n")
    assert message.record["exception"].value == "refused [redacted]"


def test_a_redactor_of_ones_own_is_asked() -> None:
    got: list[Any] = []
    redactor = Redactor((*SECRETS, "iban", re.compile(r"(?P<keep>customer )\d+")), keep=["session_token"])
    with added(redacted(got.append, redactor), format="{message} {extra}"):
        logger.bind(iban="DE02", session_token="spring").info("customer 4711 pays")  # noqa: S106
    assert str(got[0]) == "customer [redacted] pays {'iban': '[redacted]', 'session_token': 'spring'}\n"


def test_what_a_patcher_adds_is_redacted_and_an_untelling_word_that_is_said_elsewhere_stays() -> None:
    got: list[Any] = []
    with added(redacted(got.append), format="{message} {name} {extra[password]}"):
        request = {"token": SECRET, "path": "/x"}
        patched = logger.patch(lambda record: record.update(request=request))  # type: ignore[call-arg]
        patched.bind(password="visit").info("visit")  # noqa: S106
    assert got[0].record["request"] == {"token": "[redacted]", "path": "/x"}
    assert str(got[0]).startswith("visit ")
    assert got[0].record["extra"] == {"password": "[redacted]"}


def test_a_wrapped_sink_says_what_it_wraps_and_pickles() -> None:
    wrapped = redacted(print)
    assert repr(wrapped) == "redacted(<built-in function print>)"
    assert repr(pickle.loads(pickle.dumps(wrapped))) == repr(wrapped)  # noqa: S301
    stream = pickle.loads(pickle.dumps(redacted(Picklable())))  # noqa: S301
    assert stream.flush() == "flushed"
    error = RedactedException(ValueError, "x", None)
    assert pickle.loads(pickle.dumps(error)) == error  # noqa: S301


class Picklable:
    def write(self, message: Any) -> None:
        """Write nothing."""

    def flush(self) -> str:
        return "flushed"


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        ("alerts.log", r"got 'alerts.log'; open it: redacted\(open\('alerts.log', 'a'\)\)"),
        (5, "got 5; see logger.add"),
        (None, "got None; see logger.add"),
    ],
)
def test_what_is_no_sink_is_refused(sink: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        redacted(sink)


def test_a_sink_that_fails_fails_as_any(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(message: Any) -> None:
        raise OSError(f"no route, {message.record['message']}")

    with pytest.raises(OSError, match="no route, x"), added(redacted(fail)):
        logger.info("x")
    assert "password" not in capsys.readouterr().err


def call_with(made: Callable[[Any], Any]) -> None:
    with added(made(lambda _: None)):
        logger.bind(password=WORD).info("x")


def test_the_record_of_the_other_handlers_is_left_alone() -> None:
    raw: list[Any] = []
    with added(raw.append):
        call_with(redacted)
        log_everything()
    assert raw[1].record["extra"]["password"] == WORD
    assert isinstance(raw[3].record["exception"].value, ConnectionError)
