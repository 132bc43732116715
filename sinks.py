"""One loguru logger, seven files: the channel table, the filters and `configure`.

A record goes where the string bound to it as ``channel`` says::

    import sinks
    from loguru import logger

    with sinks.configure("logs"):
        logger.bind(channel="predictions").info("prediction", decision="approve", confidence=0.93)

This module and ``sevenfold.capture`` alone add or remove handlers. Loguru has one logger for the whole process, so
this module keeps one piece of global state: the handlers that the last call of `configure` added.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from loguru import logger

from sevenfold.audit.chain import read_key
from sevenfold.files.policies import parse_compression, parse_retention, parse_rotation
from sevenfold.files.rotating import RotatingFile
from sevenfold.handlers.console import Console
from sevenfold.handlers.filters import (
    AUDIT,
    ERRORS,
    Filter,
    Gate,
    OnConsole,
    Route,
    is_known,
    level_no,
    make_routes,
    unknown_channel,
)
from sevenfold.handlers.sinks import AuditFormat, AuditSink, ErrorsSink, Interceptor, LineFormat, LineSink, nowhere
from sevenfold.intercept import LOGGERS, Interception, install
from sevenfold.lines.grammar import NO_CHANNEL
from sevenfold.redaction.redactor import SECRETS, Redactor, Rule
from sevenfold.rendering.renderer import Renderer


class _Inherit(Enum):
    INHERIT = "inherit"

    def __repr__(self) -> str:
        return "INHERIT"


INHERIT: Final = _Inherit.INHERIT


@dataclass(frozen=True, slots=True)
class Channel:
    """A row of the channel table: where the records of one channel go.

    Attributes
    ----------
    name : str
        What a logger is bound to: ``logger.bind(channel=name)``.
    file : str
        Name of its file in the log folder.
    level : str or int
        The least level that the file keeps.
    console_level : str or int
        The least level that the console shows.
    rotation, retention, compression
        As `configure` takes them, instead of what it was given; None switches one off.

    Raises
    ------
    ValueError
        If the name is empty or ``-``, or the file isn't a bare file name.
    """

    name: str
    file: str
    level: str | int = "INFO"
    console_level: str | int = "INFO"
    rotation: Any = INHERIT
    retention: Any = INHERIT
    compression: Any = INHERIT

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name in {"", NO_CHANNEL}:
            raise ValueError(f"a channel's name must be a string, not empty and not '-', got {self.name!r}")
        if not isinstance(self.file, str) or not self.file.strip(".") or set(self.file) & set('/\\:*?"<>|{}\0'):
            raise ValueError(f"the file of channel {self.name!r} must be a bare file name, got {self.file!r}")


CHANNELS: Final = (
    Channel("training", "ml_pipeline.log"),
    Channel("predictions", "predictions.log", console_level="WARNING"),
    Channel("drift", "data_drift.log"),
    Channel("monitoring", "monitoring.log"),
    Channel("api", "api_requests.log", console_level="WARNING"),
    Channel(AUDIT, "app_json.log", retention=None),  # evidence isn't deleted unless somebody says so
    Channel(ERRORS, "errors.log"),
)


def configure(
    log_dir: str | Path = "logs",
    *,
    channels: tuple[Channel, ...] = CHANNELS,
    level: str | int | None = None,
    rotation: Any = "10 MB",
    retention: Any = "30 days",
    compression: Any = "gz",
    console: str | int | None = "INFO",
    strict: bool = False,
    intercept: bool | Mapping[str, str | None] = False,
    redact: Iterable[Rule] = SECRETS,
    audit_key: str | Path | None = None,
) -> "Sinks":
    """Add the handlers of all channels to loguru's logger.

    They replace those of an earlier call and loguru's default one; handlers that others added stay.

    Parameters
    ----------
    log_dir : str or Path
        The folder of the files; made if need be.
    channels : tuple of Channel
        The table. One row more is one file more; the row ``errors`` must be there.
    level : str or int, optional
        The least level kept by every file, instead of the rows' own.
    rotation
        When a file is rotated: a size ("10 MB", bytes), a time ("00:00", "monday at 12:00"), an interval ("1 day", a
        timedelta), a tuple of these, or None; see `sevenfold.files.policies.parse_rotation`.
    retention
        Which rotated files are kept: so many, for so long ("30 days"), up to a total size ("1 GB"), a tuple of these,
        or None for all; see `sevenfold.files.policies.parse_retention`.
    compression : "gz" or None
        Whether rotated files are gzipped.
    console : str or int, optional
        The least level shown on stderr; None shows nothing.
    strict : bool
        Raise ValueError in the caller for a channel that the table lacks, instead of a notice on stderr.
    intercept : bool or mapping
        Whether what the standard library logs, warnings and uncaught exceptions are logged here, too; see
        `sevenfold.intercept`. A mapping is its table: channels by name of a stdlib logger, instead of
        ``sevenfold.intercept.LOGGERS``. Under the fixture ``channel_log`` nothing is intercepted.
    redact : iterable of str and re.Pattern
        What is written as ``[redacted]``: values under such names, and texts that match such a pattern; see
        `sevenfold.redaction.SECRETS`. ``()`` switches redaction off.
    audit_key : str or Path, optional
        A key file, which seals the audit chain; see `sevenfold.audit`. It must lie outside the log folder, and others
        must not be able to read it.

    Returns
    -------
    Sinks
        A handle whose ``close()`` removes exactly these handlers; also a context manager.

    Raises
    ------
    OSError
        If the folder or a file in it can't be written; it names the folder, and the handlers are as they were.
    ValueError
        If an argument can't be understood; the handlers are as they were.
    """
    table = _checked(channels)
    console_level = None if console is None else level_no(console)
    loggers = _loggers(intercept, table)
    line = LineFormat(Renderer(Redactor(redact)))
    defaults = {"rotation": rotation, "retention": retention, "compression": compression}
    options = {row.name: _options(row, defaults) for row in table}
    if _capture is not None:
        return _capture(table, level, line, Path(log_dir))
    routes = make_routes(table, level, console_level)
    key = None if audit_key is None else read_key(Path(audit_key), Path(log_dir))
    others = [route for route in routes if route.channel.name != ERRORS]
    errors = partial(ErrorsSink, redactor=line.renderer.redactor, others=others)
    sinks = _open_sinks(Path(log_dir), table, options, errors, key)
    _remove_replaced()
    ids = _add_handlers(routes, sinks, line, console_level, strict=strict)
    interception = None if loggers is None else _intercept(loggers, routes, console_level)
    return _activate(Sinks(Path(log_dir), sinks, ids, interception))


class Sinks:
    """The handlers that one call of `configure` added.

    Attributes
    ----------
    log_dir : Path
        The folder of the files.
    """

    def __init__(
        self,
        log_dir: Path,
        sinks: Mapping[str, LineSink],
        handler_ids: tuple[int, ...],
        interception: Interception | None = None,
    ) -> None:
        self.log_dir = log_dir
        self._interception = interception
        self._sinks = sinks
        self._handler_ids = handler_ids

    @property
    def events(self) -> dict[str, int]:
        """Events that this process wrote through these handlers, by file name."""
        return {sink.file.path.name: sink.events for sink in self._sinks.values()}

    def close(self) -> None:
        """Remove these handlers and close their files; what was removed already doesn't matter."""
        if self._interception is not None:
            self._interception.close()
        for handler_id in self._handler_ids:
            with contextlib.suppress(ValueError):
                logger.remove(handler_id)
        self._handler_ids = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._interception is not None:
            self._interception.__exit__(kind, error, trace)  # logs an error that leaves the block
        self.close()


def _checked(channels: Iterable[Channel]) -> tuple[Channel, ...]:
    table = tuple(channels)
    odd = next((row for row in table if not isinstance(row, Channel)), None)
    if odd is not None:
        raise ValueError(f"channels must be rows of class Channel, got {odd!r}")
    names = [row.name for row in table]
    for what, values in (("name", names), ("file", [row.file.casefold() for row in table])):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ValueError(f"each channel needs a {what} of its own, got {twice!r} twice")
    if ERRORS not in names:
        raise ValueError(f"channels must have a row named {ERRORS!r}, got {', '.join(names) or 'none at all'}")
    return table


def _loggers(intercept: bool | Mapping[str, str | None], table: tuple[Channel, ...]) -> Mapping[str, str | None] | None:
    known = tuple(row.name for row in table)
    if intercept is False:
        return None
    if intercept is True:
        return {name: channel if channel in known else None for name, channel in LOGGERS.items()}
    if not isinstance(intercept, Mapping):
        raise ValueError(f"intercept must be True, False or a mapping of loggers, got {intercept!r}")  # noqa: TRY004 - as for all arguments
    for channel in intercept.values():
        if not is_known(channel, known):
            raise ValueError(f"intercept: {unknown_channel(channel, known)}")
    return intercept


def _intercept(loggers: Mapping[str, str | None], routes: tuple[Route, ...], console_level: int | None) -> Interception:
    levels = [route.level for route in routes if route.channel.name in {ERRORS, *loggers.values()}]
    levels += [] if console_level is None else [console_level]
    return install(loggers, level=min(levels), console=console_level is not None)


def _options(row: Channel, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Give how the file of a row is rotated and kept; raise ValueError where that can't be understood."""
    own = {key: getattr(row, key) for key in defaults if getattr(row, key) is not INHERIT}
    options = {**defaults, **own}
    parse_rotation(options["rotation"])
    parse_retention(options["retention"])
    parse_compression(options["compression"])
    return options


def _open_sinks(
    log_dir: Path,
    table: tuple[Channel, ...],
    options: Mapping[str, Mapping[str, Any]],
    errors: Callable[[RotatingFile, str], ErrorsSink],
    key: bytes | None,
) -> dict[str, LineSink]:
    sinks: dict[str, LineSink] = {}
    with contextlib.ExitStack() as opened, _naming(log_dir):
        for row in table:
            file = RotatingFile((log_dir / row.file).absolute(), **options[row.name])  # wherever the program goes
            opened.callback(file.stop)
            if row.name == ERRORS:
                sinks[row.name] = errors(file, row.name)
            elif row.name == AUDIT:
                sinks[row.name] = AuditSink(file, row.name, key)
            else:
                sinks[row.name] = LineSink(file, row.name)
        opened.pop_all()  # all are well: they stay open
    return sinks


@contextlib.contextmanager
def _naming(log_dir: Path) -> Iterator[None]:
    """Name the folder in the error of a file that can't be opened."""
    try:
        yield
    except OSError as error:
        why = "it is a file" if log_dir.is_file() else error.strerror
        raise OSError(error.errno, f"the log folder can't be written: {why}", str(log_dir)) from error


def _add_handlers(
    routes: tuple[Route, ...],
    sinks: Mapping[str, LineSink],
    line: LineFormat,
    console_level: int | None,
    *,
    strict: bool,
) -> tuple[int, ...]:
    ids = []
    rows = [route.channel for route in routes]
    if strict:
        ids.append(_add(nowhere, 0, Gate(tuple(row.name for row in rows)).accepts, format="", catch=False))
    if console_level is not None:
        shown = {row.name: max(console_level, level_no(row.console_level)) for row in rows}
        console = Console(tuple(row.name for row in rows), line.renderer.redactor)
        ids.append(_add(console, console_level, OnConsole(shown, console_level).accepts, format=line))
    for route in routes:
        name = route.channel.name
        options: dict[str, Any] = {"format": line}
        if name == ERRORS:
            options = {"format": replace(line, template="{exception}"), "backtrace": True, "diagnose": True}
        elif name == AUDIT:
            options = {"format": AuditFormat(line), "serialize": True, "catch": False}
        ids.append(_add(sinks[name], route.level, route.filter, **options))
    return tuple(ids)


def _add(sink: Any, level: int, accepts: Filter, **options: Any) -> int:
    # All options are said, since loguru takes its defaults from environment variables.
    said = {"serialize": False, "backtrace": False, "diagnose": False, "colorize": False, "enqueue": False}
    options = {"catch": True, **said, **options}
    handler_id = logger.add(sink, level=level, filter=accepts, **options)
    if options["catch"]:
        handler = logger._core.handlers[handler_id]  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
        handler._error_interceptor = Interceptor(sink.lose)  # noqa: SLF001
    return handler_id


# The global state, and its only writers: the handlers in force, and what stands in for configure() under pytest.
_active: Sinks | None = None
_capture: Callable[[tuple[Channel, ...], str | int | None, LineFormat, Path], Sinks] | None = None


def _activate(sinks: Sinks) -> Sinks:
    global _active  # noqa: PLW0603 - see the module's docstring
    _active = sinks
    return sinks


def _remove_replaced() -> None:
    if _active is not None:
        _active.close()
    with contextlib.suppress(ValueError):
        logger.remove(0)  # loguru's default handler
