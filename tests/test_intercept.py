"""Each way into the log files besides loguru, in programs of their own, with real files."""

import importlib
import json
import logging
import logging.config
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from loguru import logger

import sinks
from sevenfold import intercept
from sevenfold.lines.parsing import Event
from tests.support.log_files import read_events
from tests.support.systems import unix

ROOT = Path(sinks.__file__).parent
INTERRUPTED = 0xC000013A if sys.platform == "win32" else -signal.SIGINT  # STATUS_CONTROL_C_EXIT
PRELUDE = """
import asyncio, json, logging, logging.config, logging.handlers, os, queue, sys, threading, warnings
import sinks
from loguru import logger
from sevenfold import intercept

def note(message):  # what the text files don't show
    r = message.record
    place = {"name": r["name"], "function": r["function"], "line": r["line"], "module": r["module"]}
    place |= {"file": r["file"].name, "path": r["file"].path, "thread": r["thread"].name, "process": r["process"].id}
    with open(sys.argv[1] + "/places", "a", encoding="utf-8") as file:
        print(json.dumps(place), file=file)

UVICORN = json.loads(sys.argv[2])
sinks.configure(sys.argv[1])
logger.add(note, level=0, format="")
"""
INSTALL = "interception = intercept.install()\n"
DIVISION = {"exception_type": "ZeroDivisionError", "exception_message": "division by zero"}
# uvicorn.config.LOGGING_CONFIG of uvicorn 0.54, with the stdlib's formatters instead of its own.
UVICORN: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"default": {"format": "%(levelname)s: %(message)s"}, "access": {"format": "%(message)s"}},
    "handlers": {
        "default": {"formatter": "default", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"},
        "access": {"formatter": "access", "class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}


@dataclass(frozen=True)
class Outcome:
    files: dict[str, list[Event]]
    places: list[dict[str, Any]]
    stdout: str
    stderr: str
    code: int
    line: int  # of the comment "# here"

    def __getitem__(self, file: str) -> list[tuple[str, str | None, str, dict[str, Any]]]:
        return [(event.level, event.channel, event.message, event.fields) for event in self.files.get(file, [])]

    @property
    def shown(self) -> list[str]:
        """What the console shows: the lines without their times."""
        return [line.split(" | ", 1)[1] for line in self.stderr.splitlines() if line[:2] == "20" and " | " in line]

    def place(self, name: str, function: str) -> dict[str, Any]:
        """The one place that was noted, checked against the program's own file."""
        (place,) = self.places
        expected = {"name": name, "function": function, "line": self.line, "module": "program", "file": "program.py"}
        assert {key: place[key] for key in expected} == expected
        assert Path(place["path"]).name == "program.py"
        return place


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(program: str, *, install: str = INSTALL) -> Outcome:
        text = PRELUDE + install + program
        path = tmp_path / "program.py"
        path.write_text(text, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        arguments = [sys.executable, str(path), str(tmp_path / "logs"), json.dumps(UVICORN)]
        done = subprocess.run(
            arguments,
            env=environment | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        logs = tmp_path / "logs"
        files = {file.name: read_events(file) for file in logs.glob("*.log") if file.name != "app_json.log"}
        assert (logs / "app_json.log").read_text(encoding="utf-8") == ""
        places = logs / "places"
        return Outcome(
            files={name: events for name, events in files.items() if events},
            places=[json.loads(line) for line in places.read_text(encoding="utf-8").splitlines()]
            if places.exists()
            else [],
            stdout=done.stdout,
            stderr=done.stderr,
            code=done.returncode,
            line=next((i for i, line in enumerate(text.splitlines(), 1) if line.endswith("# here")), 0),
        )

    return run


@pytest.mark.whole
def test_a_stdlib_error_reaches_errors_log_once_with_its_place_fields_and_exception(run: Run) -> None:
    outcome = run("""
def compute(denominator):
    try:
        1 / denominator
    except ZeroDivisionError:
        log = logging.getLogger("lib.part")
        extra = {"step": 3, "message_id": "{x}", "time": "noon", "record": "r", 5: "five"}
        log.exception("%s of {0} {x} <red>%d%%", "part", 7, stack_info=True, extra=extra)  # here
compute(0)
""")
    ((level, channel, message, fields),) = outcome["errors.log"]
    assert (level, channel, message) == ("ERROR", None, "part of {0} {x} <red>7%")
    stack = fields.pop("stack_info")
    assert fields == {
        "logger": "lib.part",
        "step": 3,
        "message_id": "{x}",
        "time": "noon",
        "record": "r",
        "5": "five",
        **DIVISION,
    }
    assert stack.startswith("Stack (most recent call last):\n")
    (event,) = outcome.files["errors.log"]
    assert event.exception is not None
    assert event.exception.endswith("ZeroDivisionError: division by zero")
    assert "└ 0" in event.exception  # diagnose: the very exception, with its frames
    assert list(outcome.files) == ["errors.log"]
    assert len(outcome.shown) == 1
    assert outcome.place("lib.part", "compute")["thread"] == "MainThread"
    assert (len(outcome.stderr.splitlines()), outcome.code) == (1, 0)


@pytest.mark.whole
def test_levels_are_mapped_by_name_where_loguru_knows_it_and_by_number_otherwise(run: Run) -> None:
    outcome = run("""
logging.addLevelName(25, "SUCCESS")
logging.addLevelName(33, "NOTICE")
logging.addLevelName(30, "coloured WARNING")
logging.root.setLevel(1)
for level in (10, 20, 25, 30, 33, 40, 50):
    logging.log(level, str(level))
""")
    assert [(level, message) for level, _, message, _ in outcome["errors.log"]] == [("ERROR", "40"), ("CRITICAL", "50")]
    assert [line.split(" | ")[0].strip() for line in outcome.shown] == [
        *("INFO", "SUCCESS", "WARNING", "Level 33", "ERROR", "CRITICAL")
    ]


@pytest.mark.whole
def test_the_root_logger_is_opened_down_to_the_level_asked_for_and_no_further(run: Run) -> None:
    outcome = run("""
logging.getLogger("lib").info("shown")
logging.getLogger("lib").debug("not shown")
print(logging.root.level)
interception.close()
print(logging.root.level)
""")
    assert outcome.shown == ["INFO     | - | shown | logger=lib"]
    assert outcome.stdout.split() == ["20", "30"]


@pytest.mark.whole
def test_the_table_routes_a_logger_and_those_below_it_and_the_longest_name_counts(run: Run) -> None:
    outcome = run(
        """
for name in ("a", "a.b", "a.b.c", "a.bc", "b", "py"):
    logging.getLogger(name).info("by %s", name)
with logger.contextualize(channel="predictions", run_id="run-1"):
    logging.getLogger("a.b").info("in a context", extra={"channel": "audit"})
    logging.getLogger("b").error("in a context", extra={"channel": "drift"})
""",
        install='intercept.install({"a": "training", "a.b": "api", "a.b.c": None})',
    )
    assert [message for *_, message, _ in outcome["ml_pipeline.log"]] == ["by a", "by a.bc"]
    assert outcome["api_requests.log"] == [
        ("INFO", "api", "by a.b", {"logger": "a.b"}),
        ("INFO", "api", "in a context", {"run_id": "run-1", "logger": "a.b", "extra_channel": "audit"}),
    ]
    fields = {"run_id": "run-1", "logger": "b", "extra_channel": "drift"}
    assert outcome["errors.log"] == [("ERROR", None, "in a context", fields)]
    assert sorted(outcome.files) == ["api_requests.log", "errors.log", "ml_pipeline.log"]


SERVED = """
error, access = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.access")
error.info("Started server process [%d]", 7, extra={"color_message": "\\x1b[36m7\\x1b[0m"})
access.info('%s - "%s %s HTTP/%s" %d', "::1", "GET", "/{id}", "1.1", 200)
try:
    raise ValueError("in the application")
except ValueError as caught:
    error.error("Exception in ASGI application\\n", exc_info=caught)
"""
CONFIGURED = "logging.config.dictConfig(UVICORN)\n"


@pytest.mark.whole
@pytest.mark.parametrize(
    ("install", "program"),
    [
        (CONFIGURED + INSTALL, SERVED),
        (INSTALL, CONFIGURED + SERVED),
        pytest.param(INSTALL, SERVED, marks=pytest.mark.slow),
    ],
    ids=["configured before", "configured after", "not configured"],
)
def test_what_uvicorn_logs_arrives_once_whenever_it_configures_its_loggers(
    run: Run, install: str, program: str
) -> None:
    outcome = run("print(logging.getLogger('uvicorn.access').hasHandlers())\n" + program, install=install)
    access = {"logger": "uvicorn.access"}
    assert outcome["api_requests.log"] == [("INFO", "api", '::1 - "GET /{id} HTTP/1.1" 200', access)]
    crash = {"exception_type": "ValueError", "exception_message": "in the application"}
    assert outcome["errors.log"] == [
        ("ERROR", None, "Exception in ASGI application\n", {"logger": "uvicorn.error", **crash})
    ]
    failed = 'logger=uvicorn.error exception_type=ValueError exception_message="in the application"'
    assert outcome.shown == [
        "INFO     | - | Started server process [7] | logger=uvicorn.error",
        rf"ERROR    | - | Exception in ASGI application\n | {failed}",
    ]
    assert (outcome.stdout, len(outcome.stderr.splitlines()), len(outcome.places)) == ("True\n", 2, 3)


@pytest.mark.whole
def test_a_warning_arrives_once_with_its_file_line_and_function(run: Run) -> None:
    outcome = run(
        """
def old():
    warnings.warn("old is {gone}", FutureWarning, stacklevel=2)
def caller():
    old()  # here
caller()
""",
        install='intercept.install({"py.warnings": "monitoring"})',
    )
    ((level, channel, message, fields),) = outcome["monitoring.log"]
    place = outcome.place("py.warnings", "caller")
    assert (level, channel, message) == ("WARNING", "monitoring", "old is {gone}")
    assert fields == {
        "logger": "py.warnings",
        "warning_category": "FutureWarning",
        "code_file_path": place["path"],
        "code_line_number": outcome.line,
    }
    assert (list(outcome.files), len(outcome.stderr.splitlines())) == (["monitoring.log"], 1)


@pytest.mark.whole
def test_a_warning_that_the_stdlib_captures_too_arrives_once(run: Run) -> None:
    outcome = run("warnings.warn('first')", install="logging.captureWarnings(True);" + INSTALL)
    assert [place["name"] for place in outcome.places] == ["py.warnings"]
    outcome = run("logging.captureWarnings(True); warnings.warn('second')")
    assert [place["name"] for place in outcome.places] == ["py.warnings"] * 2


@pytest.mark.whole
def test_a_warning_about_a_place_that_is_not_on_the_stack_arrives(run: Run) -> None:
    outcome = run("warnings.warn_explicit('gone', UserWarning, 'config.toml', 3)")
    (place,) = outcome.places
    assert (place["path"], place["line"], place["function"]) == ("config.toml", 3, "<unknown>")


def crashed(outcome: Outcome, level: str, message: str, **fields: Any) -> None:
    ((*head, found),) = outcome["errors.log"]
    assert head == [level, None, message]
    assert found == {"logger": "__main__", **fields, **DIVISION}
    (event,) = outcome.files["errors.log"]
    assert event.exception is not None
    assert "└ 0" in event.exception
    assert list(outcome.files) == ["errors.log"]
    assert len(outcome.shown) == 1


FAILS = """
def fails(denominator):
    1 / denominator  # here
"""


@pytest.mark.whole
def test_an_uncaught_exception_is_logged_once_and_ends_the_program_as_ever(run: Run) -> None:
    outcome = run(FAILS + "fails(0)")
    crashed(outcome, "CRITICAL", "uncaught exception")
    outcome.place("__main__", "fails")
    assert outcome.code == 1
    assert outcome.stderr.count("Traceback (most recent call last):") == 1
    assert outcome.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.whole
def test_an_exception_that_leaves_the_block_is_logged_once_though_the_hooks_are_gone(run: Run) -> None:
    outcome = run(FAILS + "with interception: fails(0)")
    crashed(outcome, "CRITICAL", "uncaught exception")
    assert outcome.code == 1
    assert outcome.stderr.count("Traceback (most recent call last):") == 1


@pytest.mark.whole
def test_an_uncaught_exception_in_a_thread_is_logged_once_from_that_thread(run: Run) -> None:
    outcome = run(FAILS + "t = threading.Thread(target=fails, args=(0,), name='worker'); t.start(); t.join()")
    crashed(outcome, "ERROR", "uncaught exception in a thread", thread_name="worker")
    assert outcome.place("__main__", "fails")["thread"] == "worker"
    assert outcome.code == 0
    assert outcome.stderr.count("Exception in thread worker:") == 1


@pytest.mark.whole
def test_an_exception_that_cannot_be_raised_is_logged_once(run: Run) -> None:
    outcome = run(FAILS + "class Dying:\n    def __del__(self): fails(0)\nDying()")
    ((*_, fields),) = outcome["errors.log"]
    assert fields["object"].startswith("<function Dying.__del__ at 0x")
    crashed(outcome, "ERROR", "exception ignored", object=fields["object"])
    outcome.place("__main__", "fails")
    assert (outcome.code, outcome.stderr.count("Exception ignored in: ")) == (0, 1)


@pytest.mark.whole
def test_the_exception_of_an_asyncio_task_that_nobody_awaits_is_logged_once(run: Run) -> None:
    outcome = run(
        FAILS
        + """
async def task(): fails(0)
async def main():
    future = asyncio.ensure_future(task())
    await asyncio.sleep(0.01)
asyncio.run(main())
"""
    )
    ((level, channel, message, fields),) = outcome["errors.log"]
    assert (level, channel) == ("ERROR", None)
    assert message.startswith("Task exception was never retrieved\nfuture: <Task finished ")
    assert fields["logger"] == "asyncio"
    assert fields["exception_type"] == "ZeroDivisionError"
    (event,) = outcome.files["errors.log"]
    assert event.exception is not None
    assert "└ 0" in event.exception
    assert (len(outcome.shown), len(outcome.stderr.splitlines()), outcome.code) == (1, 1, 0)


@pytest.mark.whole
@pytest.mark.parametrize(
    ("program", "code", "shown"),
    [
        ("raise KeyboardInterrupt", INTERRUPTED, "Traceback (most recent call last):"),
        pytest.param("sys.exit(3)", 3, "", marks=pytest.mark.slow),
        ("with interception: sys.exit(3)", 3, ""),
        ("t = threading.Thread(target=sys.exit); t.start(); t.join()", 0, ""),
    ],
)
def test_interrupts_and_exits_are_left_alone(run: Run, program: str, code: int, shown: str) -> None:
    outcome = run(program)
    assert (outcome.files, outcome.places, outcome.code) == ({}, [], code)
    assert outcome.stderr.startswith(shown)
    assert bool(outcome.stderr) == bool(shown)


@pytest.mark.whole
def test_records_of_other_threads_and_of_queues_keep_their_own_place_and_time(run: Run, tmp_path: Path) -> None:
    outcome = run("""
import time
records = queue.Queue()
def work():
    record = logging.root.makeRecord("worker", 40, __file__, 11, "from %s", ("afar",), None, "work", {"k": 1})
    record.exc_text = "Traceback: text"
    records.put(record)
t = threading.Thread(target=work, name="afar"); t.start(); t.join()
record = records.get()
record.created, record.process = 86400.25, 99
logging.getLogger(record.name).handle(record)
""")
    (event,) = outcome.files["errors.log"]
    assert event.time.isoformat() == "1970-01-02T00:00:00.250000+00:00"
    assert event.fields == {"logger": "worker", "exception_stacktrace": "Traceback: text", "k": 1}
    (place,) = outcome.places
    assert place == {
        "name": "worker",
        "function": "work",
        "line": 11,
        "module": "program",
        "file": "program.py",
        "path": str(tmp_path / "program.py"),
        "thread": "afar",
        "process": 99,
    }


@unix("forks")
@pytest.mark.whole
def test_a_child_process_goes_on_after_a_fork(run: Run) -> None:
    outcome = run("""
logging.getLogger("lib").error("parent")
child = os.fork()
logging.getLogger("lib").error("after")
if not child:
    raise ValueError("in the child")
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
""")
    messages = [message for *_, message, _ in outcome["errors.log"]]
    assert sorted(messages) == ["after", "after", "parent", "uncaught exception"]
    assert outcome.stdout == "1\n"
    processes = [place["process"] for place in outcome.places]
    assert len(set(processes)) == 2
    assert sorted(processes.count(process) for process in set(processes)) == [2, 2]


@pytest.mark.whole
def test_a_sink_or_a_stderr_that_logs_through_the_stdlib_ends(run: Run) -> None:
    outcome = run("""
class Talking:
    texts = []
    def write(self, text):
        self.texts.append(text)
        logging.getLogger("stderr").error(text.rstrip()) if text.strip() else None
    def flush(self): pass
    def isatty(self): return False
logger.add(lambda message: logging.getLogger("sink").error("in the sink"), format="", catch=False)
logging.getLogger("lib").error("once")
stderr, sys.stderr = sys.stderr, Talking()
logging.getLogger("lib").error("twice")
sys.stderr = stderr
print(len(Talking.texts))
""")
    assert [message for *_, message, _ in outcome["errors.log"]] == ["once", "twice"]
    assert [line for line in outcome.stderr.splitlines() if line.startswith("sevenfold:")] == [
        "sevenfold: logged while logging, so in no file: sink: in the sink"
    ]
    assert (outcome.stdout, outcome.code) == ("3\n", 0)  # the line, and a notice of what each of the two said


# In this process from here on.


@pytest.fixture
def seen(own_logger: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:  # noqa: ARG001
    """What loguru gets, with nothing else listening."""
    records: list[Any] = []
    logger.remove()
    logger.add(lambda message: records.append(message.record), level=0, format="", catch=False)
    monkeypatch.setattr(intercept, "_installed", None)
    yield records
    if intercept._installed is not None:
        intercept._installed.close()


class Kept(logging.Handler):
    """Keeps what the stdlib hands to a handler."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.msg)


@pytest.fixture
def lib() -> logging.Logger:
    """A logger on no tree, out of reach of pytest's own handlers, which raise."""
    lib = logging.Logger("test_intercept.lib")  # noqa: LOG001 - for that very reason
    lib.addHandler(Kept())
    return lib


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("mute")

    __repr__ = __str__


@pytest.mark.parametrize(
    ("message", "args", "logged", "error"),
    [
        ("%d rows", ("three",), "%d rows", "TypeError: %d format: a real number is required, not str"),
        ("%s and %s", ("one",), "%s and %s", "TypeError: not enough arguments for format string"),
        ("one", (1, 2), "one", "TypeError: not all arguments converted during string formatting"),
        ("%(a)s", ({"b": 1},), "%(a)s", "KeyError: 'a'"),
        (Mute(), (), "<unprintable Mute object>", "RuntimeError: mute"),
        ("%s", (Mute(),), "%s", "RuntimeError: mute"),
    ],
)
def test_a_message_whose_arguments_do_not_fit_is_logged_as_it_is(
    seen: list[Any], lib: logging.Logger, message: Any, args: tuple[Any, ...], logged: str, error: str
) -> None:
    with intercept.install():
        lib.warning(message, *args)
    (record,) = seen
    given = args[0] if args and isinstance(args[0], dict) else args
    assert (record["level"].name, record["message"]) == ("WARNING", logged)
    assert record["extra"] == {"logger": lib.name, "args": given, "format_error": error}


@pytest.mark.parametrize(
    ("attributes", "lost"),
    [
        ({"created": "noon"}, "TypeError: 'str' object cannot be interpreted as an integer"),
        ({"name": 5}, "AttributeError: 'int' object has no attribute 'rpartition'"),
        ({"exc_info": True}, None),
        ({"exc_info": (None, None, None)}, None),
        ({"name": None, "pathname": None, "filename": None, "process": None, "thread": None}, None),
        ({"levelno": -5, "levelname": "LOW"}, None),
    ],
    ids=str,
)
def test_a_record_that_makes_no_sense_never_raises_in_the_caller(
    seen: list[Any],
    lib: logging.Logger,
    capsys: pytest.CaptureFixture[str],
    attributes: dict[str, Any],
    lost: str | None,
) -> None:
    with intercept.install():
        lib.handle(logging.makeLogRecord({"msg": "odd", "levelno": 30, "levelname": "WARNING", **attributes}))
    assert [(each["message"], each["exception"]) for each in seen] == ([] if lost else [("odd", None)])
    assert [each["process"].id for each in seen] == ([] if lost else [os.getpid()])
    name = attributes.get("name")
    assert capsys.readouterr().err == (f"sevenfold: a record of {name} is lost: {lost}: odd\n" if lost else "")


def test_the_handlers_of_others_are_called_as_ever(seen: list[Any], lib: logging.Logger) -> None:
    with intercept.install({lib.name: "training"}):
        lib.warning("one")
    assert ([record["message"] for record in seen], lib.handlers[0].messages) == (["one"], ["one"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("handlers", [[], [logging.NullHandler()]], ids=["none", "null"])
def test_a_logger_that_was_silenced_stays_silent(
    seen: list[Any], lib: logging.Logger, handlers: list[logging.Handler]
) -> None:
    lib.handlers = handlers
    with intercept.install({lib.name: "training"}):
        lib.info("not heard")
        logging.disable()
        logging.getLogger("root").critical("disabled")
        logging.disable(logging.NOTSET)
    assert seen == []


@pytest.mark.parametrize(("name", "console", "shown"), [("lib", True, 0), ("lib", False, 1), ("other", True, 1)])
def test_handlers_on_the_console_are_passed_over_for_loggers_of_the_table_if_loguru_has_one(
    seen: list[Any], lib: logging.Logger, capsys: pytest.CaptureFixture[str], *, name: str, console: bool, shown: int
) -> None:
    lib.handlers += [logging.StreamHandler(sys.stdout), logging.StreamHandler()]
    with intercept.install({f"test_intercept.{name}": None}, console=console):
        lib.warning("once")
        lib.warning("again")
    lib.warning("afterwards")
    expected = ["once", "again"] * shown + ["afterwards"]
    assert [stream.split() for stream in capsys.readouterr()] == [expected, expected]
    assert [handler.filters for handler in lib.handlers] == [[], [], []]
    assert len(seen) == 2


STATE: dict[str, Callable[[], object]] = {
    "handlers": lambda: list(logging.root.handlers),
    "level": lambda: logging.root.level,
    "filters": lambda: [list(handler.filters) for handler in logging.root.handlers],
    "callHandlers": lambda: vars(logging.Logger)["callHandlers"],
    "showwarning": lambda: warnings.showwarning,
    "excepthook": lambda: sys.excepthook,
    "threading.excepthook": lambda: threading.excepthook,
    "unraisablehook": lambda: sys.unraisablehook,
}


def state() -> dict[str, object]:
    return {name: read() for name, read in STATE.items()}


def test_everything_is_put_back_as_it_was_found(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "level", 35)
    console = logging.StreamHandler()
    logging.root.addHandler(console)
    found = state()
    for _ in range(2):
        interception = intercept.install()
        logging.root.warning("one")
        assert [name for name, value in state().items() if value == found[name]] == []
        interception.close()
        assert state() == found
        interception.close()
        assert state() == found
    logging.root.removeHandler(console)
    logging.root.warning("not heard")
    assert len(seen) == 2


def test_a_level_that_is_open_enough_or_was_changed_since_is_left_alone(
    seen: list[Any],  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.root, "level", 5)
    with intercept.install():
        assert logging.root.level == 5
    monkeypatch.setattr(logging.root, "level", 30)
    with intercept.install(level=15):
        assert logging.root.level == 15
        logging.root.setLevel(25)
    assert logging.root.level == 25


def test_what_was_installed_on_top_stays_and_is_passed_through_to_what_was_found(
    seen: list[Any], lib: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    def under(name: str) -> Callable[..., None]:
        return lambda *_: heard.append(f"{name} below")

    def over(name: str, owner: Any, attribute: str) -> None:
        below = getattr(owner, attribute)

        def hook(*args: Any) -> None:
            heard.append(f"{name} above")
            below(*args)

        monkeypatch.setattr(owner, attribute, hook)

    places = {
        "exception": (sys, "excepthook"),
        "thread": (threading, "excepthook"),
        "unraisable": (sys, "unraisablehook"),
        "warning": (warnings, "showwarning"),
        "record": (logging.Logger, "callHandlers"),
    }
    for name, (owner, attribute) in places.items():
        monkeypatch.setattr(owner, attribute, under(name))
    interception = intercept.install()
    for name, (owner, attribute) in places.items():
        over(name, owner, attribute)
    on_top = [getattr(owner, attribute) for owner, attribute in places.values()]
    interception.close()
    assert [getattr(owner, attribute) for owner, attribute in places.values()] == on_top
    error = ValueError()
    unraisable: Any = SimpleNamespace(exc_type=ValueError, exc_value=error, exc_traceback=None, err_msg=None, object=1)
    sys.excepthook(ValueError, error, None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, error, None, None)))
    sys.unraisablehook(unraisable)
    warnings.showwarning("w", UserWarning, "f", 1)
    lib.warning("r")
    assert heard == [f"{name} {where}" for name in places for where in ("above", "below")]
    assert seen == []


def test_a_second_interception_replaces_the_first(seen: list[Any], lib: logging.Logger) -> None:
    found = state()
    first = intercept.install({lib.name: "training"})
    second = intercept.install({lib.name: "api"})
    lib.warning("once")
    first.close()
    lib.warning("again")
    second.close()
    lib.warning("no more")
    assert [(record["message"], record["extra"]["channel"]) for record in seen] == [("once", "api"), ("again", "api")]
    assert state() == found


def test_a_warning_meant_for_a_file_or_recorded_goes_there(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[Any, ...]] = []
    monkeypatch.setattr(warnings, "showwarning", lambda *warning: shown.append(warning))
    with intercept.install():
        warnings.showwarning("into the file", UserWarning, "f.py", 1, sys.stdout, "source()")
        with pytest.warns(UserWarning, match="recorded"):
            warnings.warn("recorded", stacklevel=1)
    assert shown == [("into the file", UserWarning, "f.py", 1, sys.stdout, "source()")]
    assert seen == []


def test_an_exception_without_a_traceback_or_a_value_is_logged(
    seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda *crash: passed.append(crash))
    with intercept.install():
        sys.excepthook(ValueError, ValueError("no traceback"), None)
        sys.excepthook(ValueError, None, None)  # type: ignore[arg-type]
    assert [record["exception"][0] for record in seen] == [ValueError, ValueError]
    assert [(record["function"], record["line"]) for record in seen] == [("<unknown>", 0)] * 2
    assert len(passed) == 2


def test_the_object_of_an_exception_that_cannot_be_raised_is_told_and_not_kept(
    seen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    crash: Any = SimpleNamespace(exc_type=OSError, exc_value=OSError(), exc_traceback=None, err_msg="ignored in {}")
    crash.object = Mute()
    with intercept.install():
        sys.unraisablehook(crash)
    (record,) = seen
    assert record["message"] == "ignored in {}"
    assert record["extra"] == {"logger": None, "object": "<unprintable Mute object>"}


def test_a_block_that_is_left_by_what_is_no_error_logs_nothing(seen: list[Any]) -> None:
    def block() -> Iterator[None]:
        with intercept.install():
            yield

    left = block()
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert seen == []


def test_what_a_message_logs_while_it_is_made_is_logged_too(seen: list[Any], lib: logging.Logger) -> None:
    class Lazy:
        def __str__(self) -> str:
            lib.warning("fetched")
            return "lazy"

    with intercept.install():
        lib.warning("%s", Lazy())
    assert [record["message"] for record in seen] == ["fetched", "lazy"]


@pytest.mark.whole("uvicorn")
def test_uvicorns_own_configuration_is_what_these_tests_emulate() -> None:
    config = importlib.import_module("uvicorn.config").LOGGING_CONFIG
    for part in ("version", "disable_existing_loggers", "handlers", "loggers"):
        assert config[part] == UVICORN[part]


@pytest.mark.whole
def test_the_root_loggers_channel_is_that_of_all_others(run: Run) -> None:
    program = """
logging.getLogger("lightgbm.basic").warning("below")
logging.getLogger().warning("at")
logging.getLogger("uvicorn.error").warning("named")
"""
    outcome = run(program, install='intercept.install({"root": "training", "uvicorn": "api"})\n')
    assert [message for _, _, message, _ in outcome["ml_pipeline.log"]] == ["below", "at"]
    assert [message for _, _, message, _ in outcome["api_requests.log"]] == ["named"]


@pytest.mark.whole
def test_an_exception_that_is_logged_with_its_request_is_left_out_and_others_are_not(run: Run) -> None:
    program = """
class Guarded(Exception):
    def __getattr__(self, name):
        raise RuntimeError if name == "__sevenfold_logged__" else AttributeError(name)

class Marked(Exception):
    __sevenfold_logged__ = True

for error in (Marked("logged"), ValueError("new"), Guarded("odd")):
    try:
        raise error
    except Exception:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
"""
    outcome = run(program)
    assert [fields["exception_message"] for *_, fields in outcome["errors.log"]] == ["new", "odd"]


@pytest.mark.parametrize("root", ["", "root"])
@pytest.mark.usefixtures("own_logger")
def test_a_mapping_adds_to_the_table(root: str, tmp_path: Path) -> None:
    with sinks.configure(tmp_path, console=None, intercept={"sqlalchemy": "training", root: "monitoring"}):
        for name in ("sqlalchemy.engine", "uvicorn.access", "another"):
            logging.getLogger(name).warning(name)
    found = {file: [event.message for event in read_events(tmp_path / file)] for file in ROUTED}
    assert found == ROUTED


ROUTED = {
    "ml_pipeline.log": ["sqlalchemy.engine"],
    "api_requests.log": ["uvicorn.access"],
    "monitoring.log": ["another"],
}
