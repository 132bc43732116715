"""Blocks of lines as pyarrow cuts and holds them: it takes a third of the time, and every cell is the same text.

Only what is surely the same goes this way: lines without quotes, and numbers whose spelling JSON has, too. Pandas isn't
asked: to give cells as text, which their meaning is read from, takes it longer than everything here. Nor is it
imported, as pyarrow does for its `to_numpy` and its scalars.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from pipeline.data.reader.cells import GAPS, JOINER

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 1 << 22  # characters
LEAST = 4096  # cells from which its own numbers are quicker than JSON's

_NUMBER = r"^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$"  # as JSON has it


class ArrowBlock:
    """Cells in an array of pyarrow's."""

    def __init__(self, cells: pa.StringArray) -> None:
        self._cells = cells

    def __len__(self) -> int:
        return len(self._cells)

    def texts(self) -> list[str]:
        """Return the cells."""
        texts: list[str] = self._cells.to_pylist()
        return texts

    def packed(self) -> str | None:
        """Return the cells as one text; None where a cell holds what stands between them."""
        packed = JOINER.join(self.texts())
        return packed if packed.count(JOINER) == len(self) - 1 else None

    def distinct(self) -> tuple[list[str], NDArray[np.intp]]:
        """Return the distinct cells, and which of them each cell is."""
        found = self._cells.dictionary_encode()
        return found.dictionary.to_pylist(), np.from_dlpack(found.indices).astype(np.intp)

    def numbers(self) -> tuple[NDArray[np.float64], Counter[str]] | None:
        """Return the numbers and how gaps are spelled; None where only JSON can say whether they are numbers."""
        if len(self) < LEAST:
            return None
        spelled = pc.match_substring_regex(self._cells, _NUMBER)
        words = self._cells.filter(pc.invert(spelled)).value_counts()
        gaps = dict(zip(words.field("values").to_pylist(), words.field("counts").to_pylist(), strict=True))
        if not gaps.keys() <= set(GAPS):
            return None
        numbers = np.full(len(self), np.nan)
        is_number = np.from_dlpack(spelled.cast(pa.uint8())) == 1
        numbers[is_number] = np.from_dlpack(self._cells.filter(spelled).cast(pa.float64()))
        gaps.pop("", None)
        # JSON has no infinity, and -0 is 0 there.
        is_beyond_json = np.isinf(numbers).any() or np.signbit(numbers[numbers == 0]).any()
        return None if is_beyond_json else (numbers, Counter(gaps))


def cut(text: str, width: int, separator: str) -> list[ArrowBlock] | None:
    """Return the columns of lines without quotes; None unless each line has `width` cells."""
    # To pyarrow, a blank line is a row of empty cells, and U+FEFF at the start the mark of an encoding.
    if text.startswith(("\n", "\ufeff")) or text.endswith("\n") or "\n\n" in text:
        return None
    names = [str(number) for number in range(width)]
    data = pa.py_buffer(text.encode())
    try:
        table = pa_csv.read_csv(
            data,
            pa_csv.ReadOptions(use_threads=False, block_size=data.size + 1, column_names=names),
            pa_csv.ParseOptions(delimiter=separator, quote_char=False, double_quote=False, ignore_empty_lines=False),
            pa_csv.ConvertOptions(
                check_utf8=False, column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return [ArrowBlock(column.chunk(0)) for column in table.columns]  # of one block there is one chunk
