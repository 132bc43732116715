"""The log that a test looks at, and the handlers that fill it in place of real files."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from sevenfold import handle
from sevenfold.channel_log.levels import AtLevel
from sevenfold.channel_log.records import CapturedCall, CapturedRecord, unpacked
from sevenfold.channel_log.spool import Spool, spooling
from sevenfold.channels import CHANNELS, INFO, WARNING, Channel, LevelArgument
from sevenfold.handle import Sinks, Written
from sevenfold.handlers.filters import GiveChannel, RaiseOnUnknown, make_routes
from sevenfold.handlers.formats import RENDERED, LineFormat
from sevenfold.handlers.sinks import discard
from sevenfold.lines.record import Contents, Record, has_exception, render
from sevenfold.loguru_internals import borrowed_logger
from sevenfold.redaction.redactor import Redactor
from sevenfold.rendering.batches import BATCH, rows_of
from sevenfold.rendering.renderer import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

_NO_PROCESS = -1  # the id of no process


@dataclass(frozen=True, slots=True)
class _Rendered:
    """A record once it is rendered: its contents and its line; of a batch, those of each row."""

    contents: list[Contents]
    lines: list[str]


class ChannelLog:
    """What was logged during one test.

    Attributes
    ----------
    records : list of CapturedRecord
        Every record that a file or, without a channel, the console would get, in order; of a batch every row. Records
        of child processes are sorted in by their time.
    batches : list of list of CapturedRecord
        The rows of each call with ``batch=``.

    Parameters
    ----------
    table : tuple of Channel
        The table of channels.
    spool : Spool, optional
        Where child processes leave their records.
    owner : int
        The id of the process that the test runs in, this one if 0; any other process sends its records to the spool.

    Examples
    --------
    >>> with capturing(CHANNELS) as log:  # in a test, the fixture ``channel_log``
    ...     logger.bind(channel="predictions").info("prediction", decision="deny")
    >>> [record.fields for record in log.channel("predictions")]
    [{'decision': 'deny'}]
    """

    def __init__(self, table: tuple[Channel, ...], spool: Spool | None = None, owner: int = 0) -> None:
        self._spool = spool
        self._owner = owner or os.getpid()
        self._records: list[CapturedRecord] = []
        self._batches: list[list[CapturedRecord]] = []
        self._lines: list[str] = []
        self._unknown: list[str] = []
        self._least: int | None = None  # the level of `at_level`, which overrides all tables
        self._unbound: str | None = None
        self.use(table, None, LineFormat(Renderer(Redactor())))

    def use(self, table: tuple[Channel, ...], level: LevelArgument | None, line: LineFormat) -> None:
        """Route by this table from now on; ``level`` overrides the levels of its channels, ``line`` renders."""
        self._routes = make_routes(table, level if self._least is None else self._least, INFO)
        self._table, self._level, self._line = table, level, line

    @property
    def records(self) -> list[CapturedRecord]:  # noqa: D102 - documented in the class
        self._take_from_children()
        return self._records

    @property
    def batches(self) -> list[list[CapturedRecord]]:  # noqa: D102 - documented in the class
        self._take_from_children()
        return self._batches

    @property
    def unknown(self) -> list[str]:
        """A sentence for each call that named an unknown channel."""
        self._take_from_children()
        return list(self._unknown)

    @property
    def messages(self) -> list[str]:
        """The messages alone."""
        return [record.message for record in self.records]

    @property
    def text(self) -> str:
        """The lines as the text files have them, without tracebacks."""
        self._take_from_children()
        return "".join(f"{line}\n" for line in self._lines)

    def channel(self, name: str) -> list[CapturedRecord]:
        """Return the records that the file of a channel would hold; for ``errors``, the errors of all channels.

        Raises
        ------
        ValueError
            If the table has no such channel.
        """
        names = tuple(row.name for row in self._table)
        if name not in names:
            raise ValueError(f"unknown channel {name!r}; known: {', '.join(names)}")
        return [record for record in self.records if name in record.channels]

    def at_level(self, level: LevelArgument) -> AtLevel:
        """Return the records of a level or above; in a ``with`` statement, capture from that level on instead.

        ``channel_log.at_level("WARNING")`` is a list; ``with channel_log.at_level("DEBUG"):`` captures inside the
        block what the table's own levels would drop.
        """
        least = level if isinstance(level, int) else logger.level(level).no
        return AtLevel(self, least, [record for record in self.records if record.level_no >= least])

    def _capture_from(self, level: int | None) -> None:
        self._least = level
        self.use(self._table, self._level, self._line)

    def clear(self) -> None:
        """Forget the captured records and unknown channels: for a test that expects an unknown channel."""
        self._take_from_children()
        for items in (self._records, self._batches, self._lines, self._unknown):
            items.clear()

    def _gate(self, record: Mapping[str, Any]) -> bool:
        if self._unbound is not None:
            GiveChannel(self._unbound).accepts(record)
        try:
            return RaiseOnUnknown(tuple(row.name for row in self._table)).accepts(record)
        except ValueError as error:
            place = f"{record['file'].name}:{record['line']}"
            message = f"{error} (raised at {place} and swallowed; expected? call channel_log.clear())"
            self._add(CapturedCall(unknown=message))
            raise

    def _channels(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(route.channel.name for route in self._routes if route.accepts(record))

    def _keeps(self, record: Mapping[str, Any]) -> bool:
        no = record["level"].no
        if record["extra"].get("channel") is None and no >= (INFO if self._least is None else self._least):
            return True  # the console's
        return no >= (self._least or 0) and bool(self._channels(record))

    def _format(self, record: Any) -> str:
        # Here, outside of the handler's lock: somebody's ``repr`` may log, too.
        contents = [self._line.renderer.redactor.contents_of(row) for row in self._rows(record)]
        record[RENDERED] = _Rendered(contents, [render(record, row) for row in contents])
        return ""

    def _rows(self, record: Record) -> Iterable[Record]:
        """Return the records of a call, one for each line that a channel's file would get: of a batch its rows."""
        rows = rows_of(self._line.renderer, record) if BATCH in record["extra"] else None
        if rows is None:
            return [record]
        kept = [channel for channel in self._table if channel.name in self._channels(record)]
        if not kept:
            return [rows.summary]
        return [record] if all(channel.serialize for channel in kept) else rows.records()

    def _write(self, message: Any) -> None:
        record = message.record
        rendered: _Rendered = record[RENDERED]
        exception_fields = ("exception_type", "exception_message") if has_exception(record) else ()
        records = [
            CapturedRecord(
                time=record["time"],
                level=record["level"].name,
                level_no=record["level"].no,
                channel=record["extra"].get("channel"),
                message=text,
                fields={key: value for key, value in fields.items() if key not in exception_fields},
                exception=record["exception"].value if has_exception(record) else None,
                channels=self._channels(record),
            )
            for _, text, fields in rendered.contents
        ]
        self._add(CapturedCall(records, rendered.lines, is_batch=BATCH in record["extra"]))

    def _add(self, call: CapturedCall) -> None:
        if self._spool is not None and os.getpid() != self._owner:
            self._spool.send(call.packed())
            return
        self._records += call.records
        self._lines += call.lines
        if call.is_batch:
            self._batches.append(call.records)
        if call.unknown:
            self._unknown.append(call.unknown)

    def _take_from_children(self) -> None:
        """Add the calls of child processes, in the order of time."""
        if self._spool is None or os.getpid() != self._owner:
            return
        calls = [unpacked(packed) for packed in self._spool.take()]
        for call in calls:
            self._add(call)
        if calls and len(self._lines) == len(self._records):  # unless the test has removed some
            pairs = sorted(zip(self._records, self._lines, strict=True), key=lambda pair: pair[0].time)
            self._records[:], self._lines[:] = [record for record, _ in pairs], [line for _, line in pairs]

    def _configure(
        self,
        table: tuple[Channel, ...],
        level: LevelArgument | None,
        unbound: str | None,
        line: LineFormat,
        log_dir: Path | None,
    ) -> Sinks:
        self._unbound = unbound
        self.use(table, level, line)
        return _CapturedSinks(self, table, log_dir)


class _CapturedSinks(Sinks):
    """The handle that `configure` returns to the code under test."""

    def __init__(self, log: ChannelLog, table: tuple[Channel, ...], log_dir: Path | None) -> None:
        super().__init__(log_dir, {}, {})
        self._log = log
        self._table = table

    @property
    def written(self) -> dict[str, Written]:
        """The number of events and warnings that each file would have, by file name, with 0 bytes."""
        return {channel.file: _written(self._log.records, channel.name) for channel in self._table}


def _written(records: Iterable[CapturedRecord], channel: str) -> Written:
    kept = [record for record in records if channel in record.channels]
    return Written(len(kept), sum(record.level_no >= WARNING for record in kept), 0)


def capturing(table: tuple[Channel, ...]) -> AbstractContextManager[ChannelLog]:
    """Capture what is logged to the channels of a table, and restore the logger at the end.

    Examples
    --------
    >>> with capturing(CHANNELS) as log:
    ...     logger.bind(channel="training").info("epoch", epoch=1)
    >>> log.messages
    ['epoch']
    """
    return _capturing(table)


@contextlib.contextmanager
def _capturing(table: tuple[Channel, ...]) -> Iterator[ChannelLog]:
    with spooling(table) as spool, _captured_by(ChannelLog(table, spool)) as log:
        yield log


@contextlib.contextmanager
def _captured_by(log: ChannelLog) -> Iterator[ChannelLog]:
    options: Any = {"level": 0, "catch": False, "backtrace": False, "diagnose": False}
    with handle.captured(by=log._configure) as sinks, borrowed_logger(set_aside=sinks) as keep:  # noqa: SLF001
        keep(logger.add(discard, filter=log._gate, format="", **options))  # noqa: SLF001
        keep(logger.add(log._write, filter=log._keeps, format=log._format, **options))  # noqa: SLF001
        yield log


def capture_worker(folder: str) -> None:
    """Send the records of this process, until it ends, to the test that started it.

    Examples
    --------
    >>> import subprocess, sys, tempfile
    >>> code = "import sys; from sevenfold.channel_log.log import *; capture_worker(sys.argv[1]); logger.info('scored')"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = subprocess.run([sys.executable, "-c", code, folder], check=True)
    ...     [unpacked(sent).records[0].message for sent in Spool(Path(folder)).take()]
    ['scored']
    """
    spool = Spool(Path(folder))
    _of_this_process.enter_context(_captured_by(ChannelLog(spool.settings() or CHANNELS, spool, owner=_NO_PROCESS)))


_of_this_process = contextlib.ExitStack()
