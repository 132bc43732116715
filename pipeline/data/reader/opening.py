"""The form of a file, detected from its first bytes and lines: compression, encoding and separator."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from pipeline.data.messages import DataError, hint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLE = 50  # records that show which character separates the columns
UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)  # the first begins as UTF-16's mark does
_OTHERS = {
    b"PK\x03\x04": "a workbook or an archive; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook; save the sheet as CSV",
    b"PAR1": "a Parquet file; write the table as CSV",
    b"BZh": "a bzip2 file; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "an xz file; unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "a zstd file; unpack it, or pack it with gzip",
    b"%PDF-": "a PDF; save the table as CSV",
}
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """Open a file, and say whether it is gzipped."""
    if path.is_dir():
        raise DataError(f"{path}: expected a CSV file, got a folder; name a file in it")
    with path.open("rb") as raw:
        if not raw.seekable():
            raise DataError(f"{path}: expected a file, got a pipe; save what comes out of it, and read that")
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        yield raw, packed


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Turn errors of reading a file into a DataError of one line that names it."""
    try:
        yield
    except FileNotFoundError:
        beside = [one.name for one in path.parent.iterdir() if one.exists()] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file{hint(path.name, beside)}; check the path") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is damaged or cut off; copy it again") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; check the path and who may read it") from error


def require_text(path: Path, head: bytes) -> None:
    """Raise DataError with the kind of a file, if it doesn't begin like a text."""
    for start, what in _OTHERS.items():
        if head.startswith(start):
            raise DataError(f"{path}: expected a CSV file, got {what}")
    if head.startswith(UTF32):
        raise DataError(f"{path}: expected a text file in UTF-8, got one in UTF-32; save it as CSV with UTF-8")
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        what = "expected a text file in UTF-8, UTF-16 with its mark or Windows-1252, got one with NUL bytes"
        raise DataError(f"{path}: {what}; save it as CSV with UTF-8")


def encodings(head: bytes) -> tuple[str, ...]:
    """Return the encodings that a file may have, by its first bytes, the likeliest first."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    return "utf-8-sig", "cp1252"


def undecodable(path: Path, binary: BinaryIO | gzip.GzipFile, encoding: str) -> DataError:
    """Return an error about a file in no known encoding: the first line that isn't in the likeliest one."""
    with io.TextIOWrapper(binary, encoding, errors="replace") as lines:
        line = next((number for number, text in enumerate(lines, start=1) if "\ufffd" in text), 1)
    what = "expected a text file in UTF-8, UTF-16 or Windows-1252, got bytes that are none of them"
    return DataError(f"{path}, line {line}: {what}; save it as CSV with UTF-8")


def excel_says(block: str) -> str:
    """Return the line with the separator for Excel, such as ``sep=;``, if the file begins with one."""
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
