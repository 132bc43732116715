"""What is shown on stderr: the exact line in a pipe, a shorter and coloured one on a terminal."""

import contextlib
import os
import sys
from typing import Any, TextIO

from sevenfold.handlers.formats import RENDERED
from sevenfold.lines.grammar import channel_text, escape, value_text
from sevenfold.lines.record import Record
from sevenfold.notices import PREFIX, takes_text, write_in_time
from sevenfold.redaction.redactor import Redactor

WIDTH = 60  # characters of a value on a terminal; the file has it whole
DIGITS = 5  # significant ones of a number there
_RESET, _DIM, _BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
_LEVEL_COLOURS = ((50, "\x1b[1;31m"), (40, "\x1b[31m"), (30, "\x1b[33m"), (25, "\x1b[32m"), (20, ""), (0, _DIM))


class Console:
    """Show records on stderr, which is looked up at each call.

    In a pipe a record is the line that its file has. On a terminal it is for people: local time, numbers of five
    digits, long values cut if a file has them whole, colours unless ``NO_COLOR`` (https://no-color.org) is set, and
    a tqdm bar that stands there is moved down.

    Where stderr takes nothing for a second (a full pipe, a terminal after Ctrl-S), records are dropped until it takes
    some again, and then their number is told: the program and its files go on.

    Parameters
    ----------
    channels : tuple of str
        Those that have a file.
    redactor : Redactor
        Takes secrets out.
    """

    handler: Any = None  # loguru's, once there is one

    def __init__(self, channels: tuple[str, ...], redactor: Redactor) -> None:
        self._channels = channels
        self._redactor = redactor
        self._n_dropped = 0
        if sys.platform == "win32":  # pragma: no cover
            import colorama  # noqa: PLC0415 - loguru installs it on Windows, where a console must be told of colours

            colorama.just_fix_windows_console()

    def write(self, message: Any) -> None:
        """Show a record; a terminal that is gone is none of the program's business."""
        self._show(message.record)

    def _show(self, record: Record) -> None:
        stream = sys.stderr
        with contextlib.suppress(Exception):
            if takes_text(stream):
                with _beside_progress_bars(stream):
                    shown = self._write(stream, record)
            else:
                shown = False
            self._n_dropped = 0 if shown else self._n_dropped + 1

    def _write(self, stream: TextIO, record: Record) -> bool:
        text = (self._for_people(record) if stream.isatty() else record[RENDERED].line) + "\n"
        if self._n_dropped:
            text = f"{PREFIX}{self._n_dropped} records weren't shown here, since nobody read them\n{text}"
        return write_in_time(stream, text)

    def rescue(self, record: Record) -> bool:
        """Show the line of a record whose exception loguru could not render."""
        if record is None or RENDERED not in record:
            return False
        self._show(record)
        return True

    def lose(self, error: BaseException) -> None:
        """Say nothing: where the console fails, stderr is gone or busy."""

    def _for_people(self, record: Record) -> str:
        rows = record[RENDERED].rows
        channel, message, fields = self._redactor.contents_of(record if rows is None else rows.summary)
        width = WIDTH if channel in self._channels else None
        time = f"{record['time']:%H:%M:%S}"
        level = f"{escape(record['level'].name):8}"
        colour = next(code for least, code in _LEVEL_COLOURS if record["level"].no >= least)
        parts = [(_DIM, time), (colour, level), ("", f"{channel_text(channel):11}"), (_BOLD, escape(message))]
        parts += [(_DIM, f"{escape(key)}={_short(value, width)}") for key, value in fields.items()]
        if "NO_COLOR" in os.environ:
            return " ".join(text for _, text in parts)
        return " ".join(f"{code}{text}{_RESET}" if code else text for code, text in parts)


def _short(value: Any, width: int | None) -> str:
    text = value_text(_rounded(value))
    return text if width is None or len(text) <= width else text[: width - 3] + "..."


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value


def _beside_progress_bars(stream: Any) -> contextlib.AbstractContextManager[Any]:
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    # Without a bar on the screen, tqdm isn't asked: its first lock starts a helper process on some systems.
    if bars is None or not getattr(bars, "_instances", None):
        return contextlib.nullcontext()
    mode: contextlib.AbstractContextManager[Any] = bars.external_write_mode(file=stream)
    return mode
