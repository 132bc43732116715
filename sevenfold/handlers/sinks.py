"""The sinks that are handed to ``logger.add``: they write what the formats have rendered, each to its file."""

import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Self

from sevenfold.channels import WARNING
from sevenfold.files.rotating import RotatingFile
from sevenfold.handlers.filters import Route
from sevenfold.handlers.formats import RENDERED, Rendered
from sevenfold.lines.flat_json import to_flat_json
from sevenfold.lines.grammar import escape, indent, timestamp
from sevenfold.lines.record import Record, has_exception
from sevenfold.loguru_internals import once_idle
from sevenfold.notices import describe, notice
from sevenfold.redaction.redactor import Redactor

LOST = "lines could not be written"
NOTICE_S = 10.0  # between two notices about the same file


def discard(message: Any) -> None:
    """Write nothing: the sink of a handler that only filters."""


class LineSink:
    """Write the line of each record to a file.

    A line that can't be written (a full disk, a folder that is gone) doesn't stop the program: stderr says so, every
    ten seconds at most, and once there is room again a line in the file says how many are missing.

    Parameters
    ----------
    file : RotatingFile
        Where the lines go.
    channel : str
        The file's own channel.
    is_flat : bool
        Whether a line is written as flat JSON.

    Attributes
    ----------
    events : int
        Events written so far by this process; of a batch, each row is one.
    warnings : int
        Those of level WARNING or above among them.
    """

    encoding = "utf-8"  # loguru asks, and draws the arrows of diagnose with it
    handler: Any = None  # loguru's, once there is one

    def __init__(self, file: RotatingFile, channel: str, *, is_flat: bool = False) -> None:
        self.file = file
        self.channel = channel
        self.events = self.warnings = 0
        self._is_flat = is_flat
        self._lost = 0
        self._notice_from = 0.0

    def write(self, message: Any) -> None:
        """Append the line of the message's record, or the lines of a batch."""
        record = message.record
        rendered: Rendered = record[RENDERED]
        before = self.events
        if rendered.rows is None:
            self._append(self._as_written(rendered.data + b"\n"))
        else:
            for text, n_lines in rendered.rows.texts():
                self._write_lines(text, n_lines)
        if record["level"].no >= WARNING:
            self.warnings += self.events - before

    def lose(self, error: BaseException, n_lines: int = 1) -> None:
        """Count lines that couldn't be written, with a notice every `NOTICE_S` seconds at most."""
        self._lost += n_lines
        now = monotonic()
        if now >= self._notice_from:
            self._notice_from = now + NOTICE_S
            notice(f"{self.file.path}: lines are lost, {self._lost} so far: {describe(error)}")

    def rescue(self, record: Record) -> bool:
        """Write the line of a record whose exception loguru could not render, with Python's own traceback."""
        if record is None or RENDERED not in record:
            return False
        self.write(Unrendered(record))
        return True

    def suspend(self) -> None:
        """Close the file until `resume`; a call that began before still writes its line, and closes the file again."""
        once_idle(self.handler, self._suspend)

    def resume(self) -> None:
        """Open the file again with the next line."""
        vars(self).pop("write", None)

    def _suspend(self) -> None:
        self.write = self._write_late  # type: ignore[method-assign]
        self.stop()

    def _write_late(self, message: Any) -> None:
        type(self).write(self, message)
        self.stop()

    def stop(self) -> None:
        """Close the file; a notice says how many lines it is missing for good."""
        self.file.stop()
        if self._lost:
            notice(f"{self.file.path}: closed with {self._lost} lines lost")

    def _as_written(self, event: bytes) -> bytes:
        """Return a line, and what stands below it, as the file has them."""
        return to_flat_json(event.decode()).encode() if self._is_flat else event

    def _append(self, data: bytes) -> None:
        lost = self._lost
        if lost:
            data = self._lost_line(lost) + data
        self.file.append(data)
        self.events += 1
        if lost:
            self._lost -= lost  # not 0: a call from inside this one may have been lost meanwhile

    def _write_lines(self, text: str, n_lines: int) -> None:
        lost = self._lost
        lines = text.encode("utf-8", "backslashreplace")
        if self._is_flat:
            lines = b"".join(map(self._as_written, lines.splitlines(keepends=True)))
        lines = self._lost_line(lost) + lines if lost else lines
        try:
            while lines:
                lines = self.file.append_some(lines)
                n_left = min(n_lines, lines.count(b"\n"))
                self.events += n_lines - n_left
                self._lost -= lost
                n_lines, lost = n_left, 0
        except OSError as error:
            self.lose(error, n_lines)

    def _lost_line(self, lost: int) -> bytes:
        return self._as_written(lost_text(self.channel, lost).encode())


class ErrorsSink(LineSink):
    """Write the line, and the full traceback below it, without the secrets in it.

    Parameters
    ----------
    file, channel, is_flat
        As for `LineSink`.
    redactor : Redactor
        Takes secrets out of the traceback, which is rendered after the line.
    routes : sequence of Route
        The routes to the other files.
    """

    def __init__(
        self, file: RotatingFile, channel: str, redactor: Redactor, routes: Sequence[Route], *, is_flat: bool = False
    ) -> None:
        super().__init__(file, channel, is_flat=is_flat)
        self._redactor = redactor
        self._routes = routes

    def write(self, message: Any) -> None:
        """Append the line and the traceback; of a batch its rows, too, unless another file has them."""
        record = message.record
        rendered: Rendered = record[RENDERED]
        if rendered.rows is not None and not any(route.accepts(record) for route in self._routes):
            super().write(message)
            if not has_exception(record):
                return
        below = indent(traceback_of(message, record, self._redactor)) if has_exception(record) else ""
        self._append(self._as_written(b"%b\n%b" % (rendered.data, below.encode("utf-8", "backslashreplace"))))
        self.warnings += record["level"].no >= WARNING


def lost_text(channel: str, lost: int) -> str:
    """Write the line that says how many lines a file is missing."""
    return f"{timestamp(datetime.now(UTC))} | WARNING  | {escape(channel)} | {LOST} | n_lost={lost}\n"


class Unrendered(str):  # noqa: SLOT000 - it carries a record
    """A message that loguru could not render: the text that there is, with its record."""

    record: Record

    def __new__(cls, record: Record, text: str = "") -> Self:
        """Make a message of the text that there is."""
        unrendered = super().__new__(cls, text)
        unrendered.record = record
        return unrendered


def traceback_of(message: str, record: Record, redactor: Redactor) -> str:
    """Return a record's traceback without secrets, as loguru rendered it, or else as Python's `traceback` does."""
    if not isinstance(message, Unrendered) and message != record["message"]:
        return redactor.traceback(message, record)
    try:  # opt(raw=True), or an exception that is too much for loguru
        return redactor.traceback("".join(traceback.format_exception(*record["exception"])), record)
    except Exception as error:
        return f"(the traceback can't be rendered: {describe(error)})"
