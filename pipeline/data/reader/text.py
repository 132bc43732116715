"""From the bytes of a file to the cells of its columns, as they stand there; `columns` finds their meaning.

Blocks without a quote are cut in one step, which is several times as quick as a row at a time, and by pyarrow where it
is installed and the file is long; the first block that isn't plain and all behind it go through the csv module.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import os
import sys
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn

import numpy as np
from tqdm import tqdm

from pipeline.data.messages import DataError, hint, listed
from pipeline.data.reader import plain
from pipeline.data.reader.cells import Cells, PackedBlock
from pipeline.data.reader.opening import (
    SEPARATORS,
    encodings,
    excel_says,
    naming_file,
    opened,
    require_text,
    separator_of,
    undecodable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.data.reader.cells import Block

BLOCK = 1 << 16  # characters: what is cut from one block stays in the processor's cache

UNNAMED = "unnamed column"

ARROW_BYTES = 4_000_000  # of a file from which pyarrow is asked: to import it takes as long as to read so much
ARROW_COLUMNS = 100  # at most: a block of more has too few rows for each column to be worth a call

_ROWS = 256  # that are turned into columns at a time, at least


@dataclass(frozen=True, slots=True)
class Text:
    """A file as read.

    Attributes
    ----------
    path : Path
        The file.
    columns : dict[str, Cells]
        The cells by the columns' names, which are trimmed.
    lines : np.ndarray
        (n,), the line that each row starts on, from 1.
    separator : str
        The character between the columns.
    encoding : str
        "utf-8", "utf-16" or "cp1252".
    header_line : int
        The line that the header starts on, from 1.
    """

    path: Path
    columns: dict[str, Cells]
    lines: NDArray[np.int64]
    separator: str
    encoding: str
    header_line: int

    @property
    def listed(self) -> str:
        """The first ten names, for a message."""
        return listed(self.columns)

    def require(self, name: str) -> None:
        """Raise DataError if there is no such column."""
        if name not in self.columns:
            what = f"no column {name!r}{hint(name, self.columns)}; there are {self.listed}"
            way_out = f", with {self.separator!r} between the columns: see --sep" if len(self.columns) == 1 else ""
            raise DataError(f"{self.path}, line {self.header_line}: {what}{way_out}")


def read_text(path: Path, separator: str | None = None) -> Text:
    """Read a file with a header line, plain or gzipped, in UTF-8, UTF-16 or Windows-1252.

    Parameters
    ----------
    path : Path
        The file.
    separator : str, optional
        The character between the columns; the one of comma, semicolon, tab and bar that fits best, if not given.

    Raises
    ------
    DataError
        If the file can't be read, or isn't one header and rows of as many cells.
    """
    csv.field_size_limit(sys.maxsize if sys.maxsize < 1 << 32 else 1 << 31)  # a cell of any length
    with naming_file(path), opened(path) as (raw, packed):
        head = (gzip.GzipFile(fileobj=raw) if packed else raw).read(1 << 12)
        require_text(path, head)
        for encoding in encodings(head):
            raw.seek(0)
            stream = io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, encoding, newline="")
            try:
                return _Parser(path, stream, raw, encoding.removesuffix("-sig")).parse(separator)
            except UnicodeDecodeError:
                continue
            finally:
                stream.detach()
        raw.seek(0)
        raise undecodable(path, gzip.GzipFile(fileobj=raw) if packed else raw, encodings(head)[0])


class _Header(NamedTuple):
    names: list[str]
    line: int  # it starts on
    next_line: int
    rest: str  # of the first block


@dataclass(slots=True)
class _Parser:
    path: Path
    stream: io.TextIOWrapper
    raw: BinaryIO
    encoding: str
    separator: str = ","
    columns: list[Cells] = field(default_factory=list)
    lines: list[NDArray[np.int64]] = field(default_factory=list)

    def parse(self, separator: str | None) -> Text:
        first = next(self._blocks(), "")
        skipped = excel_says(first)
        self.separator = separator or (skipped and skipped.strip()[4]) or separator_of(first)
        header = self._header(first[len(skipped) :], 1 + bool(skipped))
        self.columns = [Cells() for _ in header.names]
        self._rows(header)
        if not self.lines:
            raise DataError(f"{self.path}, line {header.line}: expected rows below the header, found none; add some")
        where = f"{self.path}, line {header.line}"
        columns = dict(zip(_named(where, header.names), self.columns, strict=True))
        return Text(self.path, columns, np.concatenate(self.lines), self.separator, self.encoding, header.line)

    def _blocks(self, least: int = BLOCK) -> Iterator[str]:
        """Yield whole lines, `least` characters at a time, or more where the lines are long."""
        size = least
        while block := self.stream.read(size):
            yield (block := block + self.stream.readline())
            size = max(least, _ROWS * len(block) // (1 + block.count("\n")))

    def _header(self, first: str, line: int) -> _Header:
        source = io.StringIO(first, newline="")
        records = self._records(source, line)
        start, names, next_line = next(records, (0, [], 0))
        if not names:
            raise DataError(f"{self.path}: the file is empty; expected a header line and rows")
        return _Header([name.strip() for name in names], start, next_line, source.read())

    def _rows(self, header: _Header) -> None:
        line, width = header.next_line, len(header.names)
        cut, least = _cutter(self.raw, width, self.separator)
        with _bar(self.raw) as bar:
            for block in chain([header.rest] if header.rest else [], self._blocks(least)):
                bar.update(self.raw.tell() - bar.n)
                text = (block.replace("\r\n", "\n") if "\r" in block else block).removesuffix("\n")
                is_plain = '"' not in text and "\r" not in text and "\0" not in text and width > 1
                columns = cut(text, width, self.separator) if is_plain else None
                if columns is None:
                    self._slow_rows(io.StringIO(block, newline=""), line, header, bar)
                    return
                n_rows = len(columns[0])
                self._append(columns, np.arange(line, line + n_rows))
                line += n_rows

    def _slow_rows(self, block: io.StringIO, line: int, header: _Header, bar: tqdm[NoReturn]) -> None:
        """Read a block and all behind it, quotes, blank lines and all."""
        records, width = self._records(chain(block, self.stream), line), len(header.names)
        while batch := list(islice(records, _ROWS)):
            for start, record, _ in batch:
                if len(record) != width:
                    separator = SEPARATORS.get(self.separator, repr(self.separator))
                    what = f"expected {width} value{'s'[: width - 1]}, as in the header, got {len(record)}"
                    way_out = f"put a value that contains a {separator} in quotes"
                    raise DataError(f"{self.path}, line {start}: {what}; {way_out}")
                if "\0" in "".join(record):
                    name = header.names[next(j for j, cell in enumerate(record) if "\0" in cell)]
                    what = "expected text, got a NUL character; remove it"
                    raise DataError(f"{self.path}, line {start}, column {name!r}: {what}")
            columns = [PackedBlock(cells) for cells in zip(*[record for _, record, _ in batch], strict=True)]
            self._append(columns, np.array([row[0] for row in batch]))
            bar.update(self.raw.tell() - bar.n)

    def _append(self, columns: Sequence[Block], lines: NDArray[np.int64]) -> None:
        for kept, cells in zip(self.columns, columns, strict=True):
            kept.append(cells)
        self.lines.append(lines)

    def _records(self, file: Iterator[str] | io.StringIO, first: int) -> Iterator[tuple[int, list[str], int]]:
        """Yield each record that isn't blank, with the line that it starts on, and the line behind it."""
        reader = csv.reader(file, strict=True, delimiter=self.separator)
        while True:
            line = first + reader.line_num
            try:
                record = next(reader, None)
            except csv.Error as error:
                raise DataError(f"{self.path}, line {line}: {error}; check the quotes") from error
            if record is None:
                return
            if len(record) > 1 or (record and record[0].strip()):
                yield line, record, first + reader.line_num


def _cutter(raw: BinaryIO, width: int, separator: str) -> tuple[Callable[[str, int, str], Sequence[Block] | None], int]:
    """Return what cuts blocks of a file into columns, and how long they are to be."""
    is_long = os.fstat(raw.fileno()).st_size >= ARROW_BYTES
    if is_long and width <= ARROW_COLUMNS and separator.isascii() and importlib.util.find_spec("pyarrow"):
        from pipeline.data.reader import arrow  # noqa: PLC0415 - if it is there

        return arrow.cut, arrow.BLOCK
    return plain.cut, BLOCK


def _bar(raw: BinaryIO) -> tqdm[NoReturn]:
    size = os.fstat(raw.fileno()).st_size
    return tqdm(total=size, desc="reading", unit="B", unit_scale=True, leave=False, disable=None)


def _named(where: str, header: list[str]) -> list[str]:
    """Return the names of the columns, those that have none named by where they stand."""
    names = [name or f"{UNNAMED} {number}" for number, name in enumerate(header, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{where}: {names.count(name)} columns are named {name!r}; rename all but one")
    return names
