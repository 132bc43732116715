"""The cells of a column, packed as they stand in the file; by their distinct texts; or, if they are that, as numbers.

Plain numbers are read ten times as quickly as cell by cell: a block of them is a list in JSON.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

# The usual spellings of a gap; what is spelled otherwise isn't quick.
GAPS = ("null", "", "NA", "NaN", "nan", "NULL", "None", "none", "?", "-", ".", "#N/A", "N/A")  # JSON's own first

_END, _START = "\x1e", "\x1f"
_JOINER = _END + _START


class Cells:
    """The cells of one column, each block of them packed into one text: a tenth of what the cells would take apart."""

    def __init__(self) -> None:
        self.n_rows = 0
        self._blocks: list[tuple[str | tuple[str, ...], int]] = []

    def append(self, cells: Sequence[str]) -> None:
        """Add the cells of some more rows."""
        packed = _JOINER.join(cells)
        self._blocks.append((packed if packed.count(_JOINER) == len(cells) - 1 else tuple(cells), len(cells)))
        self.n_rows += len(cells)

    def blocks(self) -> Iterator[list[str]]:
        """Yield the cells of some rows at a time."""
        for block, _ in self._blocks:
            yield block.split(_JOINER) if isinstance(block, str) else list(block)

    def packed(self) -> Iterator[tuple[str | None, int]]:
        """Yield each block as one text, with control characters between the cells, and the number of cells.

        None instead of the text where a cell holds such characters.
        """
        return ((block if isinstance(block, str) else None, n_rows) for block, n_rows in self._blocks)

    def cell(self, row: int) -> str:
        """Return the cell of one row."""
        return next(islice(chain.from_iterable(self.blocks()), row, None))


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """A column by its distinct cells, trimmed: cell `i` is ``values[codes[i]]``."""

    values: list[str]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, cells: Cells) -> Distinct:
        """Find the distinct cells of a column."""
        position: dict[str, int] = {}
        parts = []
        for block in cells.blocks():
            for cell in dict.fromkeys(block):
                position.setdefault(cell, len(position))
            parts.append(np.fromiter(map(position.__getitem__, block), np.int32, len(block)))
        trimmed: dict[str, int] = {}
        new = [trimmed.setdefault(cell.strip(), len(trimmed)) for cell in position]
        codes = np.concatenate(parts)
        return cls(list(trimmed), codes if len(trimmed) == len(position) else np.array(new, np.int32)[codes])

    def counts(self) -> list[int]:
        """Return how often each value comes."""
        return np.bincount(self.codes, minlength=len(self.values)).tolist()  # type: ignore[no-any-return]

    def first(self, is_meant: Callable[[str], bool]) -> int:
        """Return the first row whose cell is meant; there must be one."""
        meant = np.fromiter(map(is_meant, self.values), np.bool_, len(self.values))
        return int(np.argmax(meant[self.codes]))

    def words(self, na: Iterable[str] = (), spelling: dict[str, str] | None = None) -> NDArray[np.object_]:
        """Return the column as text, None where it is empty or `na`."""
        missing, spelling = {"", *na}, spelling or {}
        values = [None if value in missing else spelling.get(value.lower(), value) for value in self.values]
        return np.array([*values, None], dtype=object)[self.codes]  # with one more it is an array of one dimension


def quick_numbers(cells: Cells, decimal: str = ".") -> tuple[NDArray[np.float64], Counter[str]] | None:
    """Return a column's numbers, NaN for a gap, and the words that gaps were spelled with and how often each came.

    None if not all cells are numbers as JSON spells them, which knows no leading zeros, but for the `decimal`, or gaps.
    """
    words: Counter[str] = Counter()
    parts = []
    for block, n_rows in cells.packed():
        if block is None or (decimal == "," and "." in block):
            return None
        values = _numbers(f"{_START}{block}{_END}".replace(decimal, "."), n_rows, words)
        if values is None:
            return None
        parts.append(values)
    numbers = np.concatenate(parts)
    return None if np.isnan(numbers).all() else (numbers, words)


def _numbers(block: str, n_rows: int, words: Counter[str]) -> NDArray[np.float64] | None:
    """Return the numbers of a block whose cells each have a start and an end."""
    if any(mark in block for mark in '"[{rf'):  # text, lists, true and false are JSON, too
        return None
    values = _loaded(block)
    if values is None:
        for word in GAPS:
            cell = f"{_START}{word}{_END}"
            if count := block.count(cell):
                words[word] += count
                block = block.replace(cell, f"{_START}null{_END}")
        values = _loaded(block)
    if values is None or len(values) != n_rows:  # a cell with a comma would count as two
        return None
    del words[""]
    return np.array(values, dtype=np.float64)


def _loaded(block: str) -> list[Any] | None:
    try:
        values: list[Any] = orjson.loads(f"[{block[1:-1].replace(_END + _START, ',')}]")
    except orjson.JSONDecodeError:
        return None
    return values
