"""Cut blocks of lines without quotes into columns; of a wide table, read the numbers of a block in one step.

To read a wide table column by column costs more than its numbers do: 2,000 columns would be 2,000 lists in JSON.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pipeline.data.reader.cells import PackedBlock, json_list, may_be_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.data.reader.cells import Block


WIDE = 25  # columns from which that pays


class _Lines:
    """Lines of a file, which are cut only if the text of a cell is asked for."""

    def __init__(self, text: str, width: int, separator: str) -> None:
        self._text, self._width, self._separator = text, width, separator

    @cached_property
    def columns(self) -> list[PackedBlock]:
        """The cells, by columns."""
        cells = self._text.replace("\n", self._separator).split(self._separator)
        return [PackedBlock(cells[j :: self._width]) for j in range(self._width)]


class NumberBlock:
    """Cells that are all numbers or empty: read as numbers, and cut as text only if that is asked for."""

    def __init__(self, numbers: NDArray[np.float64], lines: _Lines, column: int) -> None:
        self._numbers, self._lines, self._column = numbers, lines, column

    def __len__(self) -> int:
        return len(self._numbers)

    def texts(self) -> list[str]:
        """Return the cells."""
        return self._lines.columns[self._column].texts()

    def packed(self) -> str | None:
        """Return the cells as one text; None where that isn't possible."""
        return self._lines.columns[self._column].packed()

    def distinct(self) -> tuple[list[str], NDArray[np.intp]]:
        """Return the distinct cells, and which of them each cell is."""
        return self._lines.columns[self._column].distinct()

    def numbers(self) -> tuple[NDArray[np.float64], Counter[str]]:
        """Return the numbers, NaN for an empty cell, and no words: gaps are empty here."""
        return self._numbers, Counter()


def cut(text: str, width: int, separator: str) -> list[Block] | None:
    """Return the columns of lines without quotes; None unless each line has `width` cells."""
    columns = _around_numbers(text, width, separator) if width >= WIDE else None
    return columns or _cut_all(text, width, separator)


def _cut_all(text: str, width: int, separator: str) -> list[Block] | None:
    # Each line's end becomes a cell, which then has to come at equal distances.
    cells = text.replace("\n", f"{separator}\n{separator}").split(separator)
    ends = cells[width :: width + 1]
    n_rows = text.count("\n") + 1
    if len(cells) != n_rows * (width + 1) - 1 or ends.count("\n") != n_rows - 1:
        return None
    return [PackedBlock(cells[j :: width + 1]) for j in range(width)]


def _around_numbers(text: str, width: int, separator: str) -> list[Block] | None:
    """Cut only what is before and behind the longest run of numbers; None if that is less than half of the columns."""
    lines = text.split("\n")
    start, stop = _longest_run(lines[0].split(separator))
    if 2 * (stop - start) < width or any(line.count(separator) != width - 1 for line in lines):
        return None
    before = [line.split(separator, start) for line in lines]
    behind = [cells.pop().rsplit(separator, width - stop) for cells in before]
    numbers = _numbers([cells.pop(0) for cells in behind], stop - start, separator)
    if numbers is None:
        return None
    kept = _Lines(text, width, separator)
    middle = [NumberBlock(column, kept, j) for j, column in enumerate(numbers, start)]
    return [*map(PackedBlock, zip(*before, strict=True)), *middle, *map(PackedBlock, zip(*behind, strict=True))]


def _longest_run(cells: list[str]) -> tuple[int, int]:
    """Return where the most cells in a row begin and end that don't begin with a letter."""
    edges = [-1, *[j for j, cell in enumerate(cells) if cell[:1].isalpha()], len(cells)]
    return max(((a + 1, b) for a, b in pairwise(edges)), key=lambda run: run[1] - run[0])


def _numbers(lines: list[str], width: int, separator: str) -> NDArray[np.float64] | None:
    """Return cells as numbers, (columns, rows), NaN where one is empty; None if one is neither."""
    text = separator.join(lines)
    # JSON's commas are between cells alone, and where a gap is spelled "null" that has to be told.
    if not may_be_numbers(text) or "null" in text or (separator != "," and "," in text):
        return None
    text = text.replace(separator, ",")
    if ",," in (text := f",{text},"):
        text = text.replace(",,", ",null,").replace(",,", ",null,")  # twice, since gaps share commas
    values = json_list(text[1:-1])
    return None if values is None else np.array(values, dtype=np.float64).reshape(len(lines), width).T.copy()
