"""Tables of any width read the same both ways: the same cells, columns, words and errors."""

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.columns import Options, read_columns
from pipeline.data.reader import plain
from pipeline.data.reader.text import read_text
from tests.pipeline.data.reader.drawn import NUMBERS, WORDS, found, tables


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "t.csv"


def wide_and_narrow(path: Path, content: str, options: Options = Options()) -> tuple[Any, Any]:  # noqa: B008
    path.write_text(content, "utf-8", "surrogatepass", newline="")
    read = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.data.reader.text.BLOCK", 64)
        patch.setattr("pipeline.data.reader.text._ROWS", 1)
        for wide in (1, 1 << 60):
            patch.setattr(plain, "WIDE", wide)
            read.append(found(path, options))
    return read[0], read[1]


numbers = st.lists(st.lists(st.sampled_from([*NUMBERS[:7], ""]), min_size=9, max_size=9), min_size=1, max_size=4)
ODD = ["NA", "null", "true", "1,5", " ", '"', "[1]", "{}", "01", "-", "x", "1e999", "Infinity"]


@settings(deadline=None)
@given(
    st.one_of(tables, st.tuples(tables, numbers, tables).map(lambda parts: [*chain.from_iterable(parts)])),
    st.sampled_from(",;\t"),
    st.sampled_from([Options(), Options(na=("NA",)), Options(decimal=",")]),
)
def test_a_wide_table_is_read_as_a_narrow_one(
    path: Path, table: list[list[str]], separator: str, options: Options
) -> None:
    lines = [[f"c{number}" for number in range(len(table))], *zip(*table, strict=True)]
    wide, narrow = wide_and_narrow(path, "\n".join(separator.join(line) for line in lines), options)
    assert wide == narrow


@pytest.mark.parametrize("cell", ODD)
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("column", [0, 1, 2, 3])
def test_one_odd_cell_is_read_as_in_a_narrow_table(path: Path, cell: str, separator: str, column: int) -> None:
    lines = [["a", "b", "c", "d"], *[["1", "2.5", "", "no"] for _ in range(30)]]
    lines[17] = [*lines[17][:column], cell, *lines[17][column + 1 :]]
    wide, narrow = wide_and_narrow(path, "\n".join(separator.join(line) for line in lines))
    assert wide == narrow


def test_a_cell_too_many_and_one_too_few_are_told(path: Path) -> None:
    wide, narrow = wide_and_narrow(path, "a,b,c\n1,2,3\n1,2,3,4\n1,2\n")
    assert wide == narrow
    assert "line 3: expected 3 values" in wide


def test_numbers_between_words_are_read_as_one_list(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_columns = 2 * plain.WIDE
    lines = [["city", *[f"c{j}" for j in range(n_columns)], "y"]]
    lines += [
        [WORDS[0], *[f"{i}.{j}" if i % 2 or j not in {3, 4} else "" for j in range(n_columns)], "no"] for i in range(20)
    ]
    path.write_text("\n".join(map(",".join, lines)), "utf-8")
    text = read_text(path)
    assert {type(block) for block in text.columns["c7"].blocks} == {plain.NumberBlock}
    monkeypatch.setattr(plain._Lines, "columns", None)  # no cell is asked for as text
    read = read_columns(text, list(text.columns), Options())
    np.testing.assert_array_equal(read["c7"].values, [float(f"{i}.7") for i in range(20)])
    assert read["city"].values.tolist() == [WORDS[0]] * 20
