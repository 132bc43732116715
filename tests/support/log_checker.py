"""Lines with their writer and number in them, and counts of those that are lost, torn or doubled.

A writer notes after each call how many have returned, in a file of its own that survives a ``kill -9``.
"""

import gzip
import mmap
import re
import struct
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 3
TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
LINE = re.compile(TIME + rb" \| INFO     \| predictions \| line \| writer=(\d+) number=(\d+) padding=([A-Z]+)\n")
TOLD = re.compile(TIME + rb" \| WARNING  \| predictions \| lines could not be written \| n_lost=(\d+)\n")


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the lines.

    Attributes
    ----------
    lost : int
        Calls that returned and whose line is nowhere.
    torn : int
        Lines that nobody wrote like that.
    twice : int
        Lines too many.
    told : int
        How many are missing, as the files themselves say.
    """

    lost: int = 0
    torn: int = 0
    twice: int = 0
    told: int = 0


def padding(number: int) -> str:
    """Letters by which lines differ in length and content."""
    return LETTERS[number % 26 : number % 26 + 1 + number % 47]


def log_line(writer: int, number: int, log: Any = logger) -> None:
    log.bind(channel="predictions").info("line", writer=writer, number=number, padding=padding(number))


def log_lines(
    work: str | Path, writer: int, count: int, *, begin: int = 0, pause_s: float = 0.0, log: Any = logger
) -> None:
    """Log numbered lines, and note in the folder ``work`` how many calls have returned."""
    note_returned(work, writer, begin)
    with _note(work, writer).open("r+b") as file, mmap.mmap(file.fileno(), 8) as returned:
        for number in range(begin, begin + count):
            log_line(writer, number, log)
            struct.pack_into("<Q", returned, 0, number + 1)
            if pause_s:
                time.sleep(pause_s)


def write_lines(path: Path, work: Path, writer: int, count: int) -> None:
    """Write a file as it were logged, without taking the time."""
    line = "2026-01-01T00:00:00.000000Z | INFO     | predictions | line | writer={} number={} padding={}\n"
    path.parent.mkdir(exist_ok=True)
    lines = (line.format(writer, number, padding(number)) for number in range(count))
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    note_returned(work, writer, count)


def note_returned(work: str | Path, writer: int, calls: int) -> None:
    """Note how many calls of a writer have returned."""
    _note(work, writer).write_bytes(struct.pack("<Q", calls))


def returned_calls(work: Path) -> dict[int, int]:
    """Return the number of calls that returned, by writer."""
    notes = {int(path.name.split("-")[1]): path.read_bytes() for path in work.glob("returned-*")}
    return {writer: struct.unpack("<Q", note)[0] for writer, note in notes.items() if len(note) == 8}


def log_files(folder: Path) -> list[Path]:
    """List the live, moved, rotated and compressed files of the channel predictions; by plain glob, on purpose.

    A file that stands beside its archive counts alone: whoever compressed it was ended before it was deleted.
    """
    found = sorted(folder.glob("predictions*"))
    return [path for path in found if path.suffix != ".gz" or path.with_suffix("") not in found]


def count_lines(files: Iterable[Path], returned: Mapping[int, int]) -> Count:
    """Compare what stands in files with the calls that returned; the line of a call that didn't may be there."""
    seen: Counter[tuple[int, int]] = Counter()
    torn = told = 0
    for line in _lines(files):
        if found := LINE.fullmatch(line):
            writer, number = int(found[1]), int(found[2])
            seen[writer, number] += 1
            torn += found[3].decode() != padding(number) or number > returned.get(writer, -1)
        elif found := TOLD.fullmatch(line):
            told += int(found[1])
        else:
            torn += line != b"\n"  # what is left of a write that failed
    lost = sum((writer, number) not in seen for writer, calls in returned.items() for number in range(calls))
    return Count(lost, torn, sum(seen.values()) - len(seen), told)


def rotated_sizes(folder: Path) -> list[int]:
    """Return the sizes of the rotated files in bytes, oldest first, before they were compressed."""
    return [sum(map(len, _lines([path]))) for path in log_files(folder) if path.name != "predictions.log"]


def _note(work: str | Path, writer: int) -> Path:
    return Path(work, f"returned-{writer}")


def _lines(files: Iterable[Path]) -> Iterator[bytes]:
    for path in files:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file
