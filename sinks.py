"""One loguru logger, seven files: `configure` adds the handlers.

A record goes where the string bound to it as ``channel`` says::

    import sinks

    with sinks.configure("logs"):
        logger.bind(channel="predictions").info("prediction", decision="approve", confidence=0.93)

It has more than 300 lines since half of them say what the options of `configure` do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sevenfold import handle, workers
from sevenfold.audit.keys import read_key
from sevenfold.channels import (
    CHANNELS,
    INHERIT,
    Channel,
    CompressionArgument,
    FormatArgument,
    Inherit,
    LevelArgument,
    RetentionArgument,
    RotationArgument,
    checked,
    level_no,
    require_format,
)
from sevenfold.files.channel_list import list_channels
from sevenfold.files.rotating import RotatingFile
from sevenfold.handle import Sinks
from sevenfold.handlers.console import Console
from sevenfold.handlers.filters import (
    Filter,
    GiveChannel,
    OnConsole,
    RaiseOnUnknown,
    Route,
    is_known,
    make_routes,
    unknown_channel,
)
from sevenfold.handlers.formats import JsonFormat, LineFormat
from sevenfold.handlers.making import make_sink
from sevenfold.handlers.options import file_options
from sevenfold.handlers.serializer import Serializer
from sevenfold.handlers.sinks import LineSink, discard
from sevenfold.intercept import LOGGERS, ROOT, Interception, install
from sevenfold.loguru_internals import attach, new_handlers, serialize_with
from sevenfold.notices import redacting
from sevenfold.redaction.redactor import SECRETS, Redactor, Rule
from sevenfold.rendering.renderer import Renderer

if TYPE_CHECKING:
    from loguru import Logger

__all__ = ["CHANNELS", "INHERIT", "SECRETS", "Channel", "Sinks", "configure"]

workers.begin()


def configure(
    log_dir: str | Path | Inherit | None = INHERIT,
    *,
    channels: tuple[Channel, ...] = CHANNELS,
    level: LevelArgument | None = None,
    rotation: RotationArgument = "10 MB",
    retention: RetentionArgument = "30 days",
    compression: CompressionArgument = "gz",
    max_total: float | str | None = None,
    mode: int | None = None,
    console: LevelArgument | Inherit | None = INHERIT,
    console_format: FormatArgument | None = None,
    console_stream: str = "stderr",
    console_traceback: bool | None = None,
    diagnose: bool | None = None,
    strict: bool = False,
    intercept: bool | Mapping[str, str | None] = False,
    redact: Iterable[Rule] = SECRETS,
    keep: Iterable[str] = (),
    pseudonymize: Iterable[str] = (),
    pseudonym_key: str | Path | None = None,
    audit_key: str | Path | None = None,
    audit_wait: float = 10.0,
    unbound: str | None = None,
) -> Sinks:
    """Add the handlers of all channels to loguru's logger.

    They replace those of an earlier call and loguru's default one; handlers that others added stay.

    Parameters
    ----------
    log_dir : str or Path, optional
        The folder of the files; made if need be. By default what the environment variable ``SEVENFOLD_LOG_DIR`` says,
        or ``logs``. None writes no files: the console is all there is, and shows what the files would keep.
    channels : tuple of Channel
        The table. One channel more is one file more; exactly one must collect errors.
    level : str or int, optional
        The least level kept by every file, instead of the channels' own. Where the call says none,
        ``SEVENFOLD_LEVEL`` does, for the console, too.
    rotation
        When a file is rotated: a size ("10 MB", bytes), a time ("00:00", "monday at 12:00"), an interval ("1 day", a
        timedelta), a tuple of these, or None; see `sevenfold.files.policies.parse_rotation`.
    retention
        Which rotated files each channel keeps: a number of files, an age ("30 days"), a total size ("1 GB"), a tuple of
        these, or None for all; see `sevenfold.files.policies.parse_retention`.
    compression : "gz" or None
        Whether rotated files are gzipped.
    max_total : int, float or str, optional
        The total size of the files of all channels but the sealed ones, "10 GB" or bytes: the oldest rotated files are
        deleted first, and files are rotated while they are small enough for it, even before `rotation` says so.
    mode : int, optional
        The permissions of all files, such as 0o640 for a group that reads them and 0o660 for one that writes them, too;
        a folder that is made lets the group in, and gives it to the files. By default new files are for their owner
        alone.
    console : str or int, optional
        The least level shown on the console, by default INFO; None shows nothing.
    console_format : "text" or "json", optional
        What the console shows: text, shorter on a terminal than in a pipe, or flat JSON, an event a line with its
        traceback in it. By default what ``SEVENFOLD_CONSOLE_FORMAT`` says, or text.
    console_stream : "stderr" or "stdout"
        Where the console is.
    console_traceback : bool, optional
        Whether text there has tracebacks below it; by default on a terminal, in a notebook, and without files.
    diagnose : bool, optional
        Whether tracebacks show the values of variables, instead of what the channels say.
    strict : bool
        Raise ValueError in the caller for a channel that the table lacks, instead of a notice on stderr.
    intercept : bool or mapping
        Whether the standard library's records, warnings and uncaught exceptions are logged here, too; see
        `sevenfold.intercept`. A mapping gives the channels of stdlib loggers by name, ahead of the table
        ``sevenfold.intercept.LOGGERS``. Under the fixture ``channel_log`` nothing is intercepted.
    redact : iterable of str and re.Pattern
        The rules for ``[redacted]``: `SECRETS`, names of your own (whole words, anywhere in a name), whose values are
        secrets, and patterns of texts; see `sevenfold.Redactor`. ``()`` switches redaction off.
    keep : iterable of str
        Names that are no secrets, in any style: ``("session_token",)``.
    pseudonymize : iterable of str
        Names of personal values, written as pseudonyms: the same value gives the same, so that lines can be joined.
    pseudonym_key : str or Path, optional
        The key file of the pseudonyms, as `audit_key` takes one; once it is erased, they can't be linked to people.
    audit_key : str or Path, optional
        A key file, which seals the audit chain; see `sevenfold.audit`. It must lie outside the log folder, and others
        must not be able to read it.
    audit_wait : float
        Seconds that an audit event waits at most while another process keeps the chain locked; a notice says so after
        one second. Then `AuditError` is raised.
    unbound : str, optional
        The channel of records that are bound to none. By default they are shown on the console; the file that collects
        errors keeps their errors, and the warnings that no console shows.

    Returns
    -------
    Sinks
        A handle whose ``close()`` removes exactly these handlers; also a context manager, which brings back what was
        in force before.

    Raises
    ------
    OSError
        If the folder or a file in it can't be written; it names the folder, and the handlers are as they were.
    ValueError
        If an argument can't be understood; the handlers are as they were.

    Examples
    --------
    >>> import tempfile
    >>> from loguru import logger
    >>> from sevenfold import read
    >>> with tempfile.TemporaryDirectory() as folder, configure(folder, console=None):
    ...     logger.bind(channel="predictions").info("prediction", decision="approve")
    ...     [event.fields for event in read(folder, channel="predictions")]
    [{'decision': 'approve'}]
    """
    where = _or_environment(log_dir, "LOG_DIR", "logs")
    level = _or_environment(INHERIT if level is None else level, "LEVEL", None)
    least_shown = _or_environment(console, "LEVEL", "INFO")
    shown = _Shown(
        _or_environment(console_format or INHERIT, "CONSOLE_FORMAT", "text"), console_stream, console_traceback
    )
    table = _diagnosing(checked(channels), diagnose)
    console_level = None if least_shown is None else level_no(least_shown)
    loggers = _loggers(intercept, table)
    if not is_known(unbound, tuple(channel.name for channel in table)):
        raise ValueError(f"unbound: {unknown_channel(unbound, tuple(channel.name for channel in table))}")
    if not isinstance(audit_wait, int | float) or isinstance(audit_wait, bool) or not audit_wait >= 0:
        raise ValueError(f"audit_wait must be seconds, from 0 on, got {audit_wait!r}")
    log_dir = None if where is None else Path(where)
    folder = None if log_dir is None else log_dir.absolute()  # wherever the program goes
    key = b"" if pseudonym_key is None else read_key(Path(pseudonym_key), folder)
    redactor = Redactor(redact, keep=keep, pseudonymize=pseudonymize, key=key)
    line = LineFormat(Renderer(redactor))
    kept: dict[str, Any] = {"rotation": rotation, "retention": retention, "compression": compression}
    options = file_options(table, folder or Path(), **kept, mode=mode, max_total=max_total)
    stand_in = handle.stand_in()
    if stand_in is not None:
        return stand_in(table, level, unbound, line, log_dir)
    seal = None if audit_key is None else read_key(Path(audit_key), folder)
    routes = make_routes(table, level, console_level)
    sinks: dict[str, LineSink] = {}
    if log_dir is not None and folder is not None:
        with _naming(log_dir), redacting(redactor):
            sinks = _open_sinks(folder, routes, options, redactor, seal, audit_wait)
            list_channels(folder, table, mode)
    elif console_level is None:
        raise ValueError("without a log folder the console is all there is: console can't be None, too")
    add = partial(
        _add_handlers, routes, sinks, line, shown, console_level=console_level, unbound=unbound, strict=strict
    )
    handlers = new_handlers(add)
    interception = None if loggers is None else partial(_intercept, loggers, routes, console_level)
    return handle.activate(Sinks(log_dir, sinks, handlers, interception, redactor))


def _open_sinks(  # noqa: PLR0917
    folder: Path,
    routes: tuple[Route, ...],
    options: Mapping[str, dict[str, Any]],
    redactor: Redactor,
    key: bytes | None,
    wait_s: float,
) -> dict[str, LineSink]:
    """Open the file of each channel, and return the sinks by the channel's name, in the order of the table."""
    other_routes = [route for route in routes if not route.channel.collects_errors]
    sinks: dict[str, LineSink] = {}
    with contextlib.ExitStack() as opened:
        for name, file_options in options.items():
            channel = next(route.channel for route in routes if route.channel.name == name)
            file = RotatingFile(folder / channel.file, **file_options)
            opened.callback(file.stop)
            sinks[name] = make_sink(channel, file, redactor, other_routes, key, wait_s)
        opened.pop_all()  # all are well: they stay open
    return sinks


def _add_handlers(
    routes: tuple[Route, ...],
    sinks: Mapping[str, LineSink],
    line: LineFormat,
    shown: _Shown,
    logger: Logger,
    *,
    console_level: int | None,
    unbound: str | None,
    strict: bool,
) -> None:
    """Add to a logger the handlers of the options that need one, of the console, and of each channel's file."""
    names = tuple(route.channel.name for route in routes)
    if strict:
        logger.add(discard, level=0, filter=RaiseOnUnknown(names).accepts, format="", catch=False)
    if unbound is not None:
        least = min(route.level for route in routes)
        logger.add(discard, level=least, filter=GiveChannel(unbound).accepts, format="", catch=False)
    if console_level is not None:
        _add_console(logger, routes, sinks, line, shown, console_level)
    for route in routes:
        channel = route.channel
        if not sinks:
            if channel.collects_errors:  # tells of channels that the table lacks
                logger.add(discard, level=route.level, filter=route.filter, format="", catch=False)
            continue
        _add(
            logger,
            sinks[channel.name],
            route.level,
            route.filter,  # on the bound extra `channel`
            format=_format(channel, line),
            serialize=channel.serialize,
            backtrace=channel.backtrace,
            diagnose=channel.diagnose,
            catch=not channel.sealed,
        )


def _add_console(  # noqa: PLR0917
    logger: Logger,
    routes: tuple[Route, ...],
    sinks: Mapping[str, LineSink],
    line: LineFormat,
    shown: _Shown,
    level: int,
) -> None:
    """Add the console's handler; without files it shows what they would keep."""
    least = {one.channel.name: level_no(one.channel.console_level) if sinks else one.level for one in routes}
    omitted = {one.channel.name: one.channel.console_omits for one in routes if sinks and one.channel.console_omits}
    (collector,) = (one.channel for one in routes if one.channel.collects_errors)
    console = Console(
        tuple(sinks),
        line.renderer.redactor,
        format=shown.format,
        stream=shown.stream,
        traceback=shown.traceback,
        unsealed=frozenset() if sinks else frozenset(one.channel.name for one in routes if one.channel.sealed),
    )
    _add(
        logger,
        console,
        level,
        OnConsole({name: max(level, no) for name, no in least.items()}, level, omitted).accepts,
        format=replace(line, template="{exception}"),
        backtrace=collector.backtrace,
        diagnose=collector.diagnose,
    )


def _format(channel: Channel, line: LineFormat) -> LineFormat | JsonFormat:
    if channel.serialize:
        return JsonFormat(line, tracebacks=channel.collects_errors)
    return replace(line, template="{exception}") if channel.collects_errors else line


def _add(logger: Logger, sink: LineSink | Console, level: int, accepts: Filter, **options: Any) -> None:
    # All options are given, since loguru takes its defaults from environment variables.
    defaults = {"serialize": False, "backtrace": False, "diagnose": False, "colorize": False, "enqueue": False}
    options = {"catch": True, **defaults, **options}
    handler_id = logger.add(sink, level=level, filter=accepts, **options)
    attach(sink, handler_id, logger, report_failures=options["catch"])
    if options["serialize"]:
        serialize_with(handler_id, logger, Serializer())


def _loggers(intercept: bool | Mapping[str, str | None], table: tuple[Channel, ...]) -> Mapping[str, str | None] | None:
    known = tuple(channel.name for channel in table)
    if intercept is False:
        return None
    if intercept is True:
        intercept = {}
    if not isinstance(intercept, Mapping):
        raise ValueError(f"intercept must be True, False or a mapping of loggers, got {intercept!r}")  # noqa: TRY004 - as for all arguments
    for channel in intercept.values():
        if not is_known(channel, known):
            raise ValueError(f"intercept: {unknown_channel(channel, known)}")
    by_logger = {name or ROOT: channel for name, channel in intercept.items()}
    return {name: channel if channel in known else None for name, channel in LOGGERS.items()} | by_logger


def _intercept(loggers: Mapping[str, str | None], routes: tuple[Route, ...], console_level: int | None) -> Interception:
    taken = set(loggers.values())
    levels = [route.level for route in routes if route.channel.collects_errors or route.channel.name in taken]
    levels += [] if console_level is None else [console_level]
    return install(loggers, level=min(levels), console=console_level is not None)


@contextlib.contextmanager
def _naming(log_dir: Path) -> Iterator[None]:
    """Name the folder in the error of a file that can't be opened."""
    try:
        yield
    except OSError as error:
        why = "it is a file" if log_dir.is_file() else error.strerror
        way_out = 'without files: configure(None, console_format="json", console_stream="stdout")'
        raise OSError(error.errno, f"the log folder can't be written: {why}; {way_out}", str(log_dir)) from error


@dataclass(frozen=True, slots=True)
class _Shown:
    """How the console shows records."""

    format: FormatArgument
    stream: str
    traceback: bool | None

    def __post_init__(self) -> None:
        require_format(self.format, "console_format")
        if self.stream not in {"stderr", "stdout"}:
            raise ValueError(f"console_stream must be 'stderr' or 'stdout', got {self.stream!r}")


def _or_environment(value: Any, name: str, default: Any) -> Any:
    """Return the value of a call; if it is `INHERIT`, the environment's value or else the default."""
    return os.environ.get(f"SEVENFOLD_{name}") or default if value is INHERIT else value


def _diagnosing(table: tuple[Channel, ...], diagnose: bool | None) -> tuple[Channel, ...]:
    if diagnose is None:
        return table
    return tuple(replace(one, diagnose=diagnose) if one.collects_errors else one for one in table)
