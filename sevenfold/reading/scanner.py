"""One open log file, block by block, as Events; lines that are no events are reported and skipped."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

from sevenfold.files.gzipped import DAMAGED
from sevenfold.files.opening import LONGEST_LINE
from sevenfold.lines.flat_json import is_flat_json, parse_flat_json
from sevenfold.lines.grammar import INDENT, LineError
from sevenfold.lines.loguru_json import parse_json
from sevenfold.lines.parsing import Event, parse, parse_all
from sevenfold.notices import notice
from sevenfold.reading.blocks import BlockReader
from sevenfold.reading.portions import Portion
from sevenfold.reading.selection import Selection

# Called for a line that is no event: the file, the line's number from 1, and what is wrong with it.
OnBad: TypeAlias = Callable[[Path, int, str], object]

BLOCK_BYTES = 1 << 17
BATCH_LINES = 64
PATIENCE = 5  # looks at a last line that has no end: somebody may be writing it
PAUSE_S = 0.01
_NEWLINE = ord("\n")
_INDENT = INDENT.encode()
_BOM = b"\xef\xbb\xbf"
_EVERYTHING = Selection()
NEVER = 1 << 62  # an offset that no file reaches


class Scanner:
    """Read the events of an open file, in batches.

    Parameters
    ----------
    path : Path
        The name of the file, for reports.
    file : binary file
        The file at its start; the scanner closes it.
    on_bad : callable, optional
        Called for each line that is no event; by default a notice on stderr names the first of a file and their number.
    selection : Selection
        Parts of the file that it leaves out are neither parsed nor checked. With `lined`, only selected events are
        yielded.

    Attributes
    ----------
    offset : int
        Bytes read so far; of a compressed file, uncompressed bytes.
    """

    def __init__(
        self, path: Path, file: IO[bytes], on_bad: OnBad | None = None, selection: Selection = _EVERYTHING
    ) -> None:
        self.path = path
        self._selection = selection
        self.file = file
        self.offset = 0
        self._on_bad = on_bad
        self._n_lines = self._n_bad = 0
        self._broken = False
        self._n_pending = 0  # bytes
        self._pending: list[bytes] = []  # the beginning of an event
        self._too_long = False  # whether that event is too long: then only its last block is kept

    def read(self, end: int = NEVER) -> Iterator[Portion]:
        """Read the events that begin before an offset, and close the file.

        If the last one is still being written, wait a moment for its end.
        """
        try:
            yield from self.until(end)
            while self._pending and (block := self._block_of_last()):
                at = _boundary(block, first=True, after=self._pending)
                self._keep(block if at < 0 else block[:at])
                if at >= 0:
                    break
            yield from self._flush()
        finally:
            self.close()

    def until(self, end: int) -> Iterator[Portion]:
        """Read up to an offset, without the last event, which may go on behind it."""
        while self.offset < end and (block := self._block(min(BLOCK_BYTES, end - self.offset))):
            yield from self._feed(block)

    def more(self, *, rotated: bool = False) -> Iterator[Portion]:
        """Read what was appended since; the last event of an unrotated file only once the file stops growing."""
        before = self.offset
        yield from self.until(NEVER)
        if (rotated or self.offset == before) and self._ends_line():
            yield from self._flush()

    def close(self) -> None:
        """Close the file, and report the number of bad lines, unless each was reported."""
        if not self.file.closed:
            self.file.close()
            if self._on_bad is None and self._n_bad > 1:
                notice(f"{self.path}: {self._n_bad} lines in all that are no events")

    def _block(self, n_bytes: int) -> bytes:
        if self._broken:
            return b""
        try:
            block = self.file.read(n_bytes)
        except DAMAGED as error:
            self._broken = True
            self._report(self._n_lines + 1, f"expected a whole gzip file: {error}")
            return b""
        self.offset += len(block)
        return block

    def _block_of_last(self) -> bytes:
        """Read on behind the offset, where the last event may still be being written."""
        for _ in range(PATIENCE):
            block = self._block(BLOCK_BYTES)
            if block or self._ends_line() or self._broken:
                return block
            time.sleep(PAUSE_S)
        return b""

    def _ends_line(self) -> bool:
        return not self._pending or self._pending[-1].endswith(b"\n")

    def _feed(self, block: bytes) -> Iterator[Portion]:
        at = _boundary(block, first=False, after=self._pending)
        if at < 0:
            self._keep(block)
            return
        if self._too_long:
            first = _boundary(block, first=True, after=self._pending)
            self._keep(block[:first])
            block, at = block[first:], at - first
        data = b"".join([*self._take_pending(), block[:at]])
        self._keep(block[at:])
        yield from self._events(data)

    def _keep(self, block: bytes) -> None:
        """Keep more of the event that is being read; only the last block of an event that is too long."""
        self._pending.append(block)
        self._n_pending += len(block)
        if self._n_pending > LONGEST_LINE and not self._too_long:
            self._too_long = True
            self._report(self._n_lines + 1, f"expected a line's end within {LONGEST_LINE} bytes")
        if self._too_long:
            self._n_lines += sum(one.count(b"\n") for one in self._pending[:-1])
            self._pending = self._pending[-1:]

    def _take_pending(self) -> list[bytes]:
        """Return the pending blocks and forget them; nothing if the event is too long."""
        pending, too_long = self._pending, self._too_long
        self._pending, self._n_pending, self._too_long = [], 0, False
        if not too_long:
            return pending
        self._n_lines += sum(one.count(b"\n") for one in pending)
        return []

    def _flush(self) -> Iterator[Portion]:
        data = b"".join(self._take_pending())
        whole = data.rfind(b"\n") + 1
        yield from self._events(data[:whole])
        if data[whole:]:
            self._report(self._n_lines + 1, f"torn: expected a line's end after {data[whole:][-40:]!r}")

    def _events(self, data: bytes) -> Iterator[Portion]:
        """Read whole events."""
        if not self._n_lines:
            data = data.removeprefix(_BOM)
        first = self._n_lines + 1
        if self._selection.needles and self._selection.leaves_out(data):
            self._n_lines += int(np.count_nonzero(np.frombuffer(data, np.uint8) == _NEWLINE))  # count() takes longer
            return
        lines, bad = self._decode(data.replace(b"\r\n", b"\n") if b"\r" in data else data, first)
        self._n_lines += len(lines)
        if bad or data.startswith(_INDENT) or b"\n" + _INDENT in data:
            yield self._one_by_one([numbered for numbered in _grouped(lines, first) if numbered[0] not in bad])
            return
        if self._selection.needles:
            numbers = [number for number, line in enumerate(lines, first) if self._selection.may_hold(line)]
            yield from self._parsed([lines[number - first] for number in numbers], numbers)
        elif self._selection.blocks is None or not lines:
            yield from self._parsed(lines, range(first, first + len(lines)))
        else:
            yield from self._blocks(self._selection.blocks, lines, first)

    def _blocks(self, reader: BlockReader, lines: list[str], first: int) -> Iterator[Portion]:
        """Read lines as blocks where they are alike, and as events elsewhere."""
        for start, end, block in reader.parts(lines):
            selected = block and self._selection.of_block(block)
            if selected is None:
                yield from self._parsed(lines[start:end], range(first + start, first + end))
            elif selected:
                yield selected

    def _parsed(self, lines: list[str], numbers: Sequence[int]) -> Iterator[list[Event]]:
        """Read lines without tracebacks as events, many at once if they are good."""
        for i in range(0, len(lines), BATCH_LINES):
            batch = lines[i : i + BATCH_LINES]
            try:
                events = parse_all(batch)
            except ValueError:
                yield self._one_by_one(zip(numbers[i:], batch, strict=False))
            else:
                yield self._selection.with_texts(events, batch) if self._selection.lined else events

    def _one_by_one(self, texts: Iterable[tuple[int, str]]) -> list[Event]:
        """Read events from texts, each with the number of its first line."""
        pairs = [(event, text) for number, text in texts for event in self._event(number, text)]
        events = [event for event, _ in pairs]
        return self._selection.with_texts(events, [text for _, text in pairs]) if self._selection.lined else events

    def _decode(self, data: bytes, first: int) -> tuple[list[str], set[int]]:
        """Split into lines; report those that aren't UTF-8, and return their numbers."""
        try:
            return data.decode().split("\n")[:-1], set()
        except UnicodeDecodeError:
            lines = [line.decode(errors="backslashreplace") for line in data.split(b"\n")[:-1]]
        bad = set()
        for number, line in enumerate(data.split(b"\n")[:-1], first):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                bad.add(number)
                self._report(number, f"expected UTF-8, got {line[error.start : error.start + 10]!r}")
        return lines, bad

    def _event(self, number: int, text: str) -> tuple[Event, ...]:
        if not text:
            return ()  # RotatingFile leaves an empty line where a write failed
        try:
            if is_flat_json(text):
                return (parse_flat_json(text),)
            return (parse_json(text) if text.startswith("{") else parse(text),)
        except LineError as error:
            self._report(number, str(error))
            return ()

    def _report(self, number: int, reason: str) -> None:
        self._n_bad += 1
        if self._on_bad is not None:
            self._on_bad(self.path, number, reason)
        elif self._n_bad == 1:
            notice(f"{self.path}, line {number}: {reason}")


def _boundary(block: bytes, *, first: bool, after: list[bytes]) -> int:
    """Find the first or last place in a block at which an event begins; -1 if there is none."""
    at_start = block[:1] != b" " and bool(after) and after[-1].endswith(b"\n")
    if first and at_start:
        return 0
    at = block.find(b"\n") if first else block.rfind(b"\n", 0, -1)
    while at >= 0 and (at + 1 == len(block) or block[at + 1] == ord(" ")):
        at = block.find(b"\n", at + 1) if first else block.rfind(b"\n", 0, at)
    return at + 1 if at >= 0 else 0 if at_start else -1


def _grouped(lines: list[str], first: int) -> Iterator[tuple[int, str]]:
    """Put the lines of a traceback to the line above them, and number the events by their first lines."""
    start = 0
    for i in range(1, len(lines) + 1):
        if i == len(lines) or not lines[i].startswith(INDENT):
            if i > start:
                yield first + start, "\n".join(lines[start:i])
            start = i
