"""The cells of a column, packed as they stand in the file; by their distinct texts; or, if they are that, as numbers.

Plain numbers are read ten times as quickly as cell by cell: a block of them is a list in JSON. `plain` and `arrow` have
blocks that are quicker still.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

# The usual spellings of a gap; others take the slow way.
GAPS = ("null", "", "NA", "NaN", "nan", "NULL", "None", "none", "?", "-", ".", "#N/A", "N/A")  # JSON's own first

_END, _START = "\x1e", "\x1f"
JOINER = _END + _START


class Block(Protocol):
    """Cells of some rows of a column."""

    def __len__(self) -> int:
        """Return the number of cells."""

    def texts(self) -> list[str]:
        """Return the cells."""

    def packed(self) -> str | None:
        """Return the cells as one text, with control characters between; None where a cell holds such characters."""

    def distinct(self) -> tuple[list[str], NDArray[np.intp]]:
        """Return the distinct cells, as they come, and which of them each cell is."""

    def numbers(self) -> tuple[NDArray[np.float64], Counter[str]] | None:
        """Return the numbers as `quick_numbers` does; None where only the packed text can say whether they are some."""


class PackedBlock:
    """Cells in one text, in a tenth of the memory of separate texts."""

    def __init__(self, cells: Sequence[str]) -> None:
        packed = JOINER.join(cells)
        self._cells: str | tuple[str, ...] = packed if packed.count(JOINER) == len(cells) - 1 else tuple(cells)
        self._n_cells = len(cells)

    def __len__(self) -> int:
        return self._n_cells

    def texts(self) -> list[str]:
        """Return the cells."""
        return self._cells.split(JOINER) if isinstance(self._cells, str) else list(self._cells)

    def packed(self) -> str | None:
        """Return the cells as one text; None where that isn't possible."""
        return self._cells if isinstance(self._cells, str) else None

    def distinct(self) -> tuple[list[str], NDArray[np.intp]]:
        """Return the distinct cells, and which of them each cell is."""
        texts = self.texts()
        position = {cell: i for i, cell in enumerate(dict.fromkeys(texts))}
        return list(position), np.fromiter(map(position.__getitem__, texts), np.intp, len(texts))

    def numbers(self) -> None:
        """Return None: the packed text has to say it."""


class Cells:
    """The cells of one column, in blocks."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.blocks: list[Block] = []

    def append(self, block: Block) -> None:
        """Add the cells of some more rows."""
        self.blocks.append(block)
        self.n_rows += len(block)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(block.texts() for block in self.blocks)

    def cell(self, row: int) -> str:
        """Return the cell of one row."""
        return next(islice(self, row, None))


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
        for block in cells.blocks:
            distinct, codes_in_block = block.distinct()
            places = [position.setdefault(cell, len(position)) for cell in distinct]
            parts.append(np.array(places, np.int32)[codes_in_block])
        trimmed: dict[str, int] = {}
        new = [trimmed.setdefault(cell.strip(), len(trimmed)) for cell in position]
        codes = np.concatenate(parts)
        return cls(list(trimmed), codes if len(trimmed) == len(position) else np.array(new, np.int32)[codes])

    def counts(self) -> list[int]:
        """Return how often each value comes."""
        return np.bincount(self.codes, minlength=len(self.values)).tolist()  # type: ignore[no-any-return]

    def first(self, matches: Callable[[str], bool]) -> int:
        """Return the first row whose cell matches; there must be one."""
        is_match = np.fromiter(map(matches, self.values), np.bool_, len(self.values))
        return int(np.argmax(is_match[self.codes]))

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
    for block in cells.blocks:
        found = (block.numbers() if decimal == "." else None) or _numbers(block, decimal)
        if found is None:
            return None
        parts.append(found[0])
        words.update(found[1])
    numbers = np.concatenate(parts)
    return None if np.isnan(numbers).all() else (numbers, words)


def _numbers(block: Block, decimal: str) -> tuple[NDArray[np.float64], Counter[str]] | None:
    packed = block.packed()
    if packed is None or (decimal == "," and "." in packed):
        return None
    if not may_be_numbers(packed):
        return None
    text, words = f"{_START}{packed}{_END}".replace(decimal, "."), Counter[str]()
    values = None if "null" in text else _unpacked(text)
    if values is None:
        for word in GAPS:
            cell = f"{_START}{word}{_END}"
            if count := text.count(cell):
                words[word] += count
                text = text.replace(cell, f"{_START}null{_END}")
        values = _unpacked(text)
    if values is None or len(values) != len(block):  # a cell with a comma would count as two
        return None
    del words[""]
    return np.array(values, dtype=np.float64), words


def _unpacked(text: str) -> list[Any] | None:
    return json_list(text[1:-1].replace(_END + _START, ","))


def may_be_numbers(text: str) -> bool:
    """Whether what JSON finds in a text is numbers and null: text, lists, objects, true and false can't be there."""
    return not any(mark in text for mark in '"[{rf')


def json_list(items: str) -> list[Any] | None:
    """Return what stands between commas as JSON has it; None if that is no JSON."""
    try:
        values: list[Any] = orjson.loads(f"[{items}]")
    except orjson.JSONDecodeError:
        return None
    return values
