"""The console, stderr or stdout: the exact line in a pipe, a shorter and coloured one on a terminal, or JSON."""

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from sevenfold.channels import FormatArgument
from sevenfold.handlers.formats import RENDERED
from sevenfold.handlers.sinks import Unrendered, traceback_of
from sevenfold.handlers.terminal import Terminal, columns_of
from sevenfold.lines.flat_json import to_flat_json
from sevenfold.lines.grammar import NO_CHANNEL, indent, timestamp
from sevenfold.lines.record import Record, has_exception
from sevenfold.loguru_internals import contextualized
from sevenfold.notices import PREFIX, notice, takes_text, write_in_time
from sevenfold.redaction.redactor import Redactor


class Console:
    """Show records on stderr or stdout, which is looked up at each call.

    In a pipe a record is the line of its file. On a terminal and in a notebook, `sevenfold.handlers.terminal` lays it
    out for people, with the traceback and with colours, unless ``NO_COLOR`` (https://no-color.org) is set; a tqdm bar
    is moved down. ``FORCE_COLOR`` makes any stream a terminal. Flat JSON includes the traceback.

    If the stream takes nothing for a second (a full pipe, a terminal after Ctrl-S), records are dropped until it takes
    some again; then a line gives their number. The program and its files go on.

    Parameters
    ----------
    channels : tuple of str
        The channels that have a file; if there are none, batches are shown row by row, and tracebacks always.
    redactor : Redactor
        Removes secrets.
    format : "text" or "json"
        The format of the lines.
    stream : "stderr" or "stdout"
        The stream.
    traceback : bool, optional
        Whether tracebacks stand below text; by default for people, and if no file has them.
    unsealed : frozenset of str
        Sealed channels of the table without a file: the first record of one causes a notice.
    """

    encoding = "utf-8"  # loguru draws the arrows of diagnose by it
    handler: Any = None  # loguru's, once there is one

    def __init__(
        self,
        channels: tuple[str, ...],
        redactor: Redactor,
        *,
        format: FormatArgument = "text",  # noqa: A002 - as configure has it
        stream: str = "stderr",
        traceback: bool | None = None,
        unsealed: frozenset[str] = frozenset(),
    ) -> None:
        self._channels = channels
        self._redactor = redactor
        self._is_json = format == "json"
        self._stream = stream
        self._traceback = traceback
        self._unsealed = unsealed
        self._n_dropped = 0
        self._terminal = Terminal(channels)
        if sys.platform == "win32":  # pragma: no cover
            import colorama  # noqa: PLC0415 - loguru installs it on Windows, where a console must be told of colours

            colorama.just_fix_windows_console()

    def write(self, message: Any) -> None:
        """Show a record; a terminal that is gone doesn't disturb the program."""
        if self._unsealed:
            self._warn_of_unsealed(message.record)
        stream = getattr(sys, self._stream)
        with contextlib.suppress(Exception):
            if takes_text(stream):
                with _beside_progress_bars(stream):
                    shown = all(self._write(stream, text) for text in self._texts(stream, message))
            else:
                shown = False
            self._n_dropped = 0 if shown else self._n_dropped + 1

    def _write(self, stream: TextIO, text: str) -> bool:
        if self._n_dropped:
            text = f"{self._dropped_line()}{text}"
        return write_in_time(stream, text)

    def _dropped_line(self) -> str:
        warning = f"{self._n_dropped} records weren't shown here, since nobody read them"
        line = f"{timestamp(datetime.now(UTC))} | WARNING  | {NO_CHANNEL} | {warning}"
        return to_flat_json(line) if self._is_json else f"{PREFIX}{warning}\n"

    def _texts(self, stream: TextIO, message: Any) -> Iterator[str]:
        """Yield the text of a record, or the rows of a batch that no file has."""
        record = message.record
        rendered = record[RENDERED]
        if rendered.rows is not None and not self._channels:
            for text, _ in rendered.rows.texts():
                yield "".join(map(to_flat_json, text.splitlines())) if self._is_json else text
            return
        for_people = not self._is_json and _is_for_people(stream)
        line = self._for_people(record, stream) if for_people else rendered.line
        text = f"{line}\n{self._below(message, for_people=for_people)}"
        yield to_flat_json(text) if self._is_json else text

    def _below(self, message: Any, *, for_people: bool) -> str:
        """Return the traceback as it stands below a line; "" if none is shown."""
        shows = for_people or not self._channels if self._traceback is None else self._traceback
        if not has_exception(message.record) or not (shows or self._is_json):
            return ""
        return indent(traceback_of(message, message.record, self._redactor))

    def _warn_of_unsealed(self, record: Record) -> None:
        channel = record["extra"].get("channel")
        if isinstance(channel, str) and channel in self._unsealed:
            self._unsealed = frozenset()
            notice(f"{channel}: no file, so nothing is sealed here, and verify can prove nothing")

    def rescue(self, record: Record) -> bool:
        """Show the line of a record whose exception loguru could not render."""
        if record is None or RENDERED not in record:
            return False
        self.write(Unrendered(record))
        return True

    def lose(self, error: BaseException) -> None:
        """Do nothing: if the console fails, stderr is gone or busy."""

    def _for_people(self, record: Record, stream: TextIO) -> str:
        rows = record[RENDERED].rows
        contents = self._redactor.contents_of(record if rows is None else rows.summary)
        return self._terminal.line(record, contents, contextualized(), columns_of(stream))


def _is_for_people(stream: TextIO) -> bool:
    """Return whether a stream is a terminal, a notebook's cell, or made one by ``FORCE_COLOR``."""
    in_notebook = type(stream).__module__.partition(".")[0] == "ipykernel"
    return stream.isatty() or in_notebook or bool(os.environ.get("FORCE_COLOR"))


def _beside_progress_bars(stream: Any) -> contextlib.AbstractContextManager[Any]:
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    # Without a bar on the screen, tqdm isn't asked: its first lock starts a helper process on some systems.
    if bars is None or not getattr(bars, "_instances", None):
        return contextlib.nullcontext()
    mode: contextlib.AbstractContextManager[Any] = bars.external_write_mode(file=stream)
    return mode
