"""The standard library's logging, its warnings, and uncaught exceptions -> loguru.

`install` hooks in where each of them passes, and undoes it on close:

- ``logging.Logger.callHandlers``, which every record passes once, after levels and filters, under any ``propagate`` and
  ``dictConfig``. A handler on the root logger misses uvicorn's records, and a handler on each logger that doesn't
  propagate is lost to the next ``dictConfig``. The stdlib's handlers are called as ever, but those that the loggers of
  the table have on stdout or stderr are passed over, as loguru has a console. A logger that was silenced (``propagate =
  False`` and no handler, or a ``NullHandler``) stays silent. The root logger gets a ``NullHandler``: then
  ``hasHandlers()`` is true, which uvicorn asks, and the stdlib's last resort is quiet.
- ``warnings.showwarning``.
- ``sys.excepthook``, ``threading.excepthook``, ``sys.unraisablehook``: an exception is logged as if by a logger of the
  module that raised it, and then given to the hook found there: a terminal still shows its traceback. KeyboardInterrupt
  and SystemExit are only passed on. asyncio's messages about tasks come through the stdlib's logging.

All of these are global to the process, and so is the one interception in force, the only state of this module.

It has more than 300 lines since each way into the logs that it hooks is undone beside where it is made.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from loguru import logger

from sevenfold.channels import INFO
from sevenfold.lines.values import plain
from sevenfold.notebooks import KERNEL_LOGGER, log_cells
from sevenfold.notices import describe, notice

if TYPE_CHECKING:
    from sevenfold.lines.record import Record

LOGGERS: Final[Mapping[str, str | None]] = MappingProxyType(
    {"root": None, "uvicorn": None, "uvicorn.access": "api", "gunicorn.error": None, "gunicorn.access": "api"}
)
WARNINGS = "py.warnings"  # the logger of warnings, by the stdlib's own name for it; a table may route it, too

# By number first: programs rename the stdlib's levels, to colour them for instance.
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
ROOT = logging.root.name  # stands above all others, though no name begins with it
_LOGGED = "__sevenfold_logged__"  # on an exception whose traceback is logged already, as sevenfold.asgi.ApiLog does
_COLOURED = "color_message"  # uvicorn's second copy of a message, with the codes of colours in it
_NOT_FIELDS = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "message", "asctime", "taskName", _COLOURED}
_Hook = Callable[..., None]
_here = threading.local()  # how deep this thread is in handing records over


def install(loggers: Mapping[str, str | None] = LOGGERS, *, level: int = INFO, console: bool = True) -> Interception:
    """Send the standard library's log records and warnings, and uncaught exceptions, to loguru.

    Parameters
    ----------
    loggers : mapping
        Channels by name of a stdlib logger, for it and those below it (the longest name counts; all are below
        ``root``); None is no channel, as for all others. These are also the loggers whose handlers on stdout and
        stderr are passed over.
    level : int
        The root logger is opened down to this level, if it isn't that open.
    console : bool
        Whether loguru has a console. Without one, no handler is passed over.

    Returns
    -------
    Interception
        A handle whose ``close()`` undoes it; also a context manager. A second call closes the first's.
    """
    global _installed  # noqa: PLW0603
    if _installed is not None:
        _installed.close()
    _installed = Interception(loggers, level, console=console)
    return _installed


class Interception:
    """What one call of `install` hooked in.

    A stdlib record keeps the time, place, process, thread, exception and level of its call (a standard level by
    number, another by name if loguru knows that, else by number). Its fields are ``logger``, ``stack_info`` if there
    is one, and what was given as ``extra``; a key ``channel`` among these is written ``extra_channel``, since the
    table alone routes. A message whose arguments don't fit is logged as it is, with ``args`` and ``format_error``.
    """

    def __init__(self, loggers: Mapping[str, str | None], level: int, *, console: bool) -> None:
        self._loggers = dict(loggers)
        self._console = console
        self._active = True
        self._undo = contextlib.ExitStack()
        self._open_root(level)
        self._replace(logging.Logger, "callHandlers", self._call_handlers)
        self._replace(warnings, "showwarning", self._showwarning)
        self._replace(sys, "excepthook", self._excepthook)
        self._replace(threading, "excepthook", self._thread_hook)
        self._replace(sys, "unraisablehook", self._unraisable_hook)
        self._undo.callback(log_cells(self._cell_crashed))

    def close(self) -> None:
        """Put everything back; hooks that others put on top since then stay, and reach what was there before."""
        self._active = False
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log an error that leaves the block, since no hook will be there any more when it ends the program."""
        if kind is not None and issubclass(kind, Exception):
            self._crashed(logging.CRITICAL, "uncaught exception", (kind, error, trace))
        self.close()

    def _open_root(self, level: int) -> None:
        root, handler, found = logging.root, logging.NullHandler(), logging.root.level
        root.addHandler(handler)
        self._undo.callback(root.removeHandler, handler)
        if found > level:
            root.setLevel(level)
            self._undo.callback(lambda: root.setLevel(found) if root.level == level else None)

    def _replace(self, owner: Any, name: str, wrap: Callable[[_Hook], _Hook]) -> None:
        found = getattr(owner, name)
        ours = wrap(found)
        setattr(owner, name, ours)
        self._undo.callback(lambda: setattr(owner, name, found) if getattr(owner, name) is ours else None)

    def _call_handlers(self, found: _Hook) -> _Hook:
        def call_handlers(origin: logging.Logger, source: logging.LogRecord) -> None:
            if self._active and _is_heard(origin) and origin.name != KERNEL_LOGGER:
                self._pass_over_consoles(origin)
                if not _is_logged(source):
                    self._take(source)
            found(origin, source)

        return call_handlers

    def _pass_over_consoles(self, origin: logging.Logger) -> None:
        """Filter handlers when they are first met: a ``dictConfig`` may bring new ones at any time."""
        path = _path(origin) if self._console else []
        for handler in [handler for passed in path if passed.name in self._loggers for handler in passed.handlers]:
            if _is_console(handler) and self._is_closed not in handler.filters:
                handler.addFilter(self._is_closed)
                self._undo.callback(handler.removeFilter, self._is_closed)

    def _is_closed(self, _source: logging.LogRecord) -> bool:
        return not self._active

    def _showwarning(self, found: _Hook) -> _Hook:
        def showwarning(message: Any, category: type, filename: str, lineno: int, *file_and_line: Any) -> None:
            if not self._active or (file_and_line and file_and_line[0] is not None):
                return found(message, category, filename, lineno, *file_and_line)
            function = _function_at(filename, lineno)
            source = logging.LogRecord(WARNINGS, logging.WARNING, filename, lineno, message, (), None, function)
            place = {"code_file_path": filename, "code_line_number": lineno}
            return self._take(source, warning_category=category.__name__, **place)

        return showwarning

    def _excepthook(self, found: _Hook) -> _Hook:
        def excepthook(*crash: Any) -> None:
            self._crashed(logging.CRITICAL, "uncaught exception", crash)
            found(*crash)

        return excepthook

    def _thread_hook(self, found: _Hook) -> _Hook:
        def thread_hook(args: Any) -> None:
            name = getattr(args.thread, "name", None)
            self._crashed(logging.ERROR, "uncaught exception in a thread", args[:3], thread_name=name)
            found(args)

        return thread_hook

    def _unraisable_hook(self, found: _Hook) -> _Hook:
        def unraisable_hook(args: Any) -> None:
            crash = args.exc_type, args.exc_value, args.exc_traceback
            # As text at once: the object may be dying.
            self._crashed(logging.ERROR, args.err_msg or "exception ignored", crash, object=plain(args.object))
            found(args)

        return unraisable_hook

    def _cell_crashed(self, crash: tuple[Any, ...]) -> None:
        self._crashed(logging.ERROR, "uncaught exception in a cell", crash)

    def _crashed(self, level: int, message: str, crash: tuple[Any, ...], **fields: Any) -> None:
        if self._active and not issubclass(crash[0], KeyboardInterrupt | SystemExit):
            name, path, line, function = _raised_at(crash[2])
            self._take(logging.LogRecord(name, level, path, line, message, (), crash, function), **fields)  # type: ignore[arg-type]

    def _take(self, source: logging.LogRecord, **fields: Any) -> None:
        """Give a record to loguru; a notice reports a record that is logged meanwhile (by a sink, by stderr), once."""
        message, troubles = _message(source)
        with _nested() as depth:
            if depth == 0:
                self._log(source, message, fields | troubles)
            elif depth == 1:
                notice(f"logged while logging, so in no file: {source.name}: {message}")

    def _log(self, source: logging.LogRecord, message: str, fields: dict[str, Any]) -> None:
        try:
            rewrite = partial(_rewrite, source, self._channel(source.name), _fields(source) | fields)
            patched = logger.patch(rewrite).opt(exception=_exception(source))
            patched.log(_level(source), message)  # without arguments, so loguru formats nothing
        except Exception as error:
            notice(f"a record of {source.name} is lost: {describe(error)}: {message}")

    def _channel(self, name: str) -> str | None:
        while name and name not in self._loggers:
            name = name.rpartition(".")[0]
        return self._loggers.get(name or ("" if "" in self._loggers else ROOT))


_installed: Interception | None = None


def _path(origin: logging.Logger) -> list[logging.Logger]:
    """List the loggers whose handlers a record meets."""
    path = [origin]
    while path[-1].propagate and path[-1].parent:
        path.append(path[-1].parent)
    return path


def _is_heard(origin: logging.Logger) -> bool:
    """Whether the stdlib would have a record handled, rather than silenced."""
    path = _path(origin)
    handlers = [handler for passed in path for handler in passed.handlers]
    return path[-1] is logging.root or any(not isinstance(handler, logging.NullHandler) for handler in handlers)


def _is_console(handler: logging.Handler) -> bool:
    stream = handler.stream if isinstance(handler, logging.StreamHandler) else None
    return stream is not None and any(
        stream is console for console in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    )


@contextlib.contextmanager
def _nested() -> Iterator[int]:
    depth = getattr(_here, "depth", 0)
    _here.depth = depth + 1
    try:
        yield depth
    finally:
        _here.depth = depth


def _function_at(path: str, line: int) -> str:
    """Name the function on the stack that a warning points at."""
    frame = inspect.currentframe()
    while frame is not None and (frame.f_code.co_filename, frame.f_lineno) != (path, line):
        frame = frame.f_back
    return "<unknown>" if frame is None else frame.f_code.co_name


def _raised_at(trace: TracebackType | None) -> tuple[str | None, str, int, str]:
    """Return the module, file, line and function in which an exception was raised."""
    if trace is None:
        return None, "<unknown>", 0, "<unknown>"
    frame, line = list(traceback.walk_tb(trace))[-1]
    return frame.f_globals.get("__name__"), frame.f_code.co_filename, line, frame.f_code.co_name


def _message(source: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    try:
        return source.getMessage(), {}
    except Exception as error:
        return str(plain(source.msg)), {"args": source.args, "format_error": describe(error)}


def _exception(source: logging.LogRecord) -> Any:
    is_one = isinstance(source.exc_info, tuple) and source.exc_info[0] is not None
    return source.exc_info if is_one else None


def _is_logged(source: logging.LogRecord) -> bool:
    exception = _exception(source)
    with contextlib.suppress(Exception):  # a class may raise anything
        return exception is not None and getattr(exception[1], _LOGGED, False) is True
    return False


def _level(source: logging.LogRecord) -> str | int:
    try:
        return logger.level(_LEVELS.get(source.levelno, source.levelname)).name
    except (ValueError, TypeError):
        return max(0, source.levelno)


def _fields(source: logging.LogRecord) -> dict[Any, Any]:
    fields: dict[Any, Any] = {"logger": source.name}
    if source.stack_info:
        fields["stack_info"] = source.stack_info
    if source.exc_text and not source.exc_info:  # from another process, with its traceback as text
        fields["exception_stacktrace"] = source.exc_text
    extra = {key: value for key, value in vars(source).items() if key not in _NOT_FIELDS}
    return fields | {("extra_channel" if key == "channel" else key): value for key, value in extra.items()}


def _rewrite(source: logging.LogRecord, channel: str | None, fields: dict[Any, Any], record: Record) -> None:
    """Make a loguru record say what the stdlib's says, which may come from another thread, process and time."""
    record.update(name=source.name, function=source.funcName, line=source.lineno, module=source.module)
    record["file"] = type(record["file"])(source.filename, source.pathname)
    record["time"] = type(record["time"]).fromtimestamp(source.created, record["time"].tzinfo)
    if source.process is not None:  # the stdlib can be told not to ask, here and below
        record["process"] = type(record["process"])(source.process, source.processName)
    if source.thread is not None:
        record["thread"] = type(record["thread"])(source.thread, source.threadName)
    record["extra"].update(fields)
    record["extra"].pop("channel", None)  # of a context that the stdlib's call happens to be in
    if channel is not None:
        record["extra"]["channel"] = channel
