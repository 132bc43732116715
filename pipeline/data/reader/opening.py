"""What a file is, found from its first bytes and lines: packed or not, its encoding, what separates its columns."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from pipeline.data.messages import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLE = 50  # records that show which character separates the columns
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """Open a file, and say whether it is gzipped."""
    if path.is_dir():
        raise DataError(f"{path}: expected a CSV file, got a folder")
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        yield raw, packed


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Name the file in what goes wrong with it, in one line."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is damaged or cut off; copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def require_text(path: Path, head: bytes) -> None:
    """Raise DataError that says what a file is, if its first bytes aren't those of a text."""
    if head.startswith(b"PK\x03\x04"):
        raise DataError(f"{path}: expected a CSV file, got a workbook or an archive; save the sheet as CSV")
    if head.startswith(b"PAR1"):
        raise DataError(f"{path}: expected a CSV file, got a Parquet file; write the table as CSV")
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        what = "expected a text file in UTF-8, UTF-16 with its mark or Windows-1252, got one with NUL bytes"
        raise DataError(f"{path}: {what}; save it as CSV with UTF-8")


def encodings(head: bytes) -> tuple[str, ...]:
    """Return the encodings that a file may have, by its first bytes, the likeliest first."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    return "utf-8-sig", "cp1252"


def excel_says(block: str) -> str:
    """Return the line by which Excel is told the separator, such as ``sep=;``, if the file begins with one."""
    line = io.StringIO(block, newline="").readline()
    word = line.strip("\r\n")
    return line if word[:4].lower() == "sep=" and len(word) == len("sep=;") else ""


def separator_of(block: str) -> str:
    """Return the character by which most records have as many cells as the header, and the more the better."""
    fits = {separator: _fit(block, separator) for separator in SEPARATORS}
    return max(fits, key=fits.__getitem__)


def _fit(block: str, separator: str) -> tuple[float, int]:
    records = csv.reader(io.StringIO(block, newline=""), delimiter=separator)
    widths = [len(record) for record in islice((one for one in records if "".join(one).strip()), SAMPLE)]
    if not widths or widths[0] == 1:
        return 0.0, 1
    return widths.count(widths[0]) / len(widths), widths[0]
