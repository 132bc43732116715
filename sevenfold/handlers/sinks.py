"""What Sevenfold hands to ``logger.add``: the formats, and the sinks that write what they rendered.

A format function puts the line on the record, and a sink takes it from there: what loguru formats itself isn't the
line, since ``opt(raw=True)`` bypasses formats. All of this pickles, so that a logger can be an argument of a process.
"""

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from time import monotonic
from types import SimpleNamespace
from typing import Any

import numpy as np

from sevenfold.audit.chain import Chain
from sevenfold.files.rotating import RotatingFile
from sevenfold.handlers.filters import Route
from sevenfold.lines.grammar import LINE, Record, escape, has_exception, indent, timestamp
from sevenfold.lines.values import escape_json
from sevenfold.notices import describe, notice
from sevenfold.redaction.redactor import Redactor
from sevenfold.rendering.batches import BATCH, ROWS, rows_of
from sevenfold.rendering.renderer import Renderer

NOTICE_S = 10.0  # between two notices about the same file
_ORIGINAL = "sevenfold_original"
_NOT_PLAIN = frozenset({np.ndarray, np.float64})  # what is written the quick way all the same


@dataclass(frozen=True, slots=True)
class LineFormat:
    """Render the line once, for whichever handler comes first.

    Attributes
    ----------
    renderer : Renderer
        Writes it.
    template : str
        What loguru itself is left to format: nothing, or ``{exception}`` for the traceback, which it renders with its
        backtrace and diagnose.
    """

    renderer: Renderer
    template: str = ""

    def __call__(self, record: Record) -> str:
        """Put the line on the record, and its rows where it is a batch."""
        if LINE not in record:
            rows = rows_of(self.renderer, record) if BATCH in record["extra"] else None
            record[ROWS] = rows
            record[LINE] = self.renderer(record if rows is None else rows.summary)
        return self.template


@dataclass(frozen=True, slots=True)
class AuditFormat:
    """Give the record plain values, which loguru's ``serialize=True`` then dumps as strict JSON.

    The record is every handler's, so its members are rebound, never changed, and the sink puts them back.
    """

    line: LineFormat

    def __call__(self, record: Record) -> str:
        """Rebind extra, message and exception, unless they are plain already."""
        if not self._is_plain(record):
            self.line(record)
            channel, message, fields = self.line.renderer.redactor.contents_of(record)
            record[_ORIGINAL] = {key: record[key] for key in ("extra", "message", "exception")}
            exception = _PlainException(fields, record["exception"][2]) if has_exception(record) else None
            extra = {"channel": channel, **fields}
            record.update(extra=extra, message=message, exception=exception)
        return "{" + LINE + "}"

    def _is_plain(self, record: Record) -> bool:
        """Put the line on the record, if it says all and nothing else than what loguru would dump."""
        extra = record["extra"]
        if BATCH in extra or not _NOT_PLAIN.isdisjoint(map(type, extra.values())):
            return False
        line = self.line.renderer.quick_line(record)
        if line is not None:
            record[LINE], record[ROWS] = line, None
        return line is not None


def nowhere(message: Any) -> None:
    """Write nothing: the sink of a handler that is there for its filter."""


class Interceptor:
    """What loguru calls when a handler fails, instead of its own, which prints the whole raw record to stderr.

    A handler fails where the file can't be written, and where it is called while it is at work: loguru's handlers
    aren't re-entrant, so a call from a signal handler, a ``__del__`` or a sink loses its own record.

    Parameters
    ----------
    lose : callable
        Is given the exception.
    """

    def __init__(self, lose: Callable[[BaseException], None]) -> None:
        self._lose = lose

    def should_catch(self) -> bool:
        """Whether a failure is kept from the caller: yes."""
        return True

    def print(self, record: Record = None, *, exception: BaseException | None = None) -> None:  # noqa: ARG002
        """Take note of the failure that is being handled."""
        error = exception or sys.exception()
        if error is not None:
            self._lose(error)


class _PlainException:
    """An exception as loguru's serializer reads it; false, so that loguru renders no traceback of it."""

    def __init__(self, fields: dict[str, Any], trace: Any) -> None:
        self.type = SimpleNamespace(__name__=fields["exception_type"])
        self.value = fields["exception_message"]
        self.traceback = trace is not None

    def __bool__(self) -> bool:
        return False


class LineSink:
    """Write the line of each record to a file.

    What can't be written (a full disk, a folder that is gone) doesn't stop the program: it is told on stderr, every
    ten seconds at most, and once there is room again a line in the file says how many are missing.

    Parameters
    ----------
    file : RotatingFile
        Where the lines go.
    channel : str
        The file's own channel.

    Attributes
    ----------
    events : int
        Records written so far by this process.
    """

    encoding = "utf-8"  # loguru asks, and draws the arrows of diagnose with it

    def __init__(self, file: RotatingFile, channel: str) -> None:
        self.file = file
        self.channel = channel
        self.events = 0
        self._lost = 0
        self._notice_from = 0.0

    def write(self, message: Any) -> None:
        """Append what the message's record says: a line, or the lines of a batch."""
        record = message.record
        if record[ROWS] is None:
            self._write_line(record[LINE] + "\n")
        else:
            for text, n_lines in record[ROWS].texts():
                self._write_lines(text, n_lines)

    def lose(self, error: BaseException, n_lines: int = 1) -> None:
        """Count lines that couldn't be written, and tell it unless that was done just now."""
        self._lost += n_lines
        now = monotonic()
        if now >= self._notice_from:
            self._notice_from = now + NOTICE_S
            notice(f"{self.file.path}: lines are lost, {self._lost} so far: {describe(error)}")

    def stop(self) -> None:
        """Close the file, and tell what it is missing for good."""
        self.file.stop()
        if self._lost:
            notice(f"{self.file.path}: closed with {self._lost} lines lost")

    def _write_line(self, text: str) -> None:
        lost = self._lost
        if lost:
            text = self._lost_line(lost) + text
        self.file.append(text.encode("utf-8", "backslashreplace"))
        self.events += 1
        if lost:
            self._lost -= lost  # not 0: a call from inside this one may have been lost meanwhile

    def _write_lines(self, text: str, n_lines: int) -> None:
        lost = self._lost
        lines = (self._lost_line(lost) + text if lost else text).encode("utf-8", "backslashreplace")
        try:
            while lines:
                lines = self.file.append_some(lines)
                n_left = min(n_lines, lines.count(b"\n"))
                self.events += n_lines - n_left
                self._lost -= lost
                n_lines, lost = n_left, 0
        except OSError as error:
            self.lose(error, n_lines)

    def _lost_line(self, lost: int) -> str:
        now = timestamp(datetime.now(UTC))
        return f"{now} | WARNING  | {escape(self.channel)} | lines could not be written | n_lost={lost}\n"


class ErrorsSink(LineSink):
    """Write the line, and the full traceback below it, without the secrets in it.

    Parameters
    ----------
    file, channel
        As for `LineSink`.
    redactor : Redactor
        Takes secrets out of the traceback, which is rendered after the line.
    others : sequence of Route
        The ways to the other files.
    """

    def __init__(self, file: RotatingFile, channel: str, redactor: Redactor, others: Sequence[Route]) -> None:
        super().__init__(file, channel)
        self._redactor = redactor
        self._others = others

    def write(self, message: Any) -> None:
        """Append the line and the traceback; of a batch its rows, too, unless another file has them."""
        record = message.record
        if record[ROWS] is not None and not any(route.accepts(record) for route in self._others):
            super().write(message)
            if not has_exception(record):
                return
        self._write_line(self._text(message))

    def _text(self, message: Any) -> str:
        record = message.record
        line = str(record[LINE]) + "\n"
        if not has_exception(record):
            return line
        rendered = str(message)
        if rendered == record["message"]:  # opt(raw=True): loguru rendered no traceback
            rendered = "".join(traceback.format_exception(*record["exception"]))
        return line + indent(self._redactor.traceback(rendered, record))


def _encoded(text: str, icon: str) -> bytes:
    """Encode loguru's JSON with everything escaped that a terminal or a reader might obey; ``icon`` is its level's."""
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return escape_json(text).encode()
    # The icon alone makes nearly all of loguru's JSON non-ASCII: lengths tell that in a tenth of the time of a search.
    if len(data) - len(text) == _surplus_bytes(icon) and b"\x7f" not in data:
        return data
    return escape_json(text).encode()


@lru_cache
def _surplus_bytes(icon: str) -> int:
    """Give how many bytes more than characters an icon has; -1 if it must be escaped itself."""
    return len(icon.encode()) - len(icon) if escape_json(icon) == icon else -1


class AuditSink(LineSink):
    """Write loguru's JSON, sealed; an event that can't be written raises in the caller: it must not go on unseen.

    Parameters
    ----------
    file, channel
        As for `LineSink`.
    key : bytes, optional
        Seals the chain.
    """

    def __init__(self, file: RotatingFile, channel: str, key: bytes | None = None) -> None:
        super().__init__(file, channel)
        self._chain = Chain(file, key)

    def write(self, message: Any) -> None:
        """Append the JSON line, and give the record its own members back."""
        record = message.record
        if _ORIGINAL in record:
            record.update(record.pop(_ORIGINAL))
        self._chain.append(_encoded(str(message), str(record["level"].icon)))
        self.events += 1

    def stop(self) -> None:
        """Close the file and the head."""
        self._chain.close()
        super().stop()
