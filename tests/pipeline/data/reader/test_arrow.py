"""Every table reads the same with pyarrow as without: the same cells, lines, columns and errors."""

import gzip
import importlib
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.columns import Options, read_columns
from pipeline.data.reader import text as reader
from pipeline.data.reader.cells import PackedBlock
from tests.pipeline.data.reader.drawn import WORDS, found, tables

pytestmark = pytest.mark.whole("pyarrow")


@pytest.fixture(autouse=True)
def arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask pyarrow for every file, some lines at a time, as it is asked for long ones."""
    monkeypatch.setattr(reader, "ARROW_BYTES", 0)
    monkeypatch.setattr("pipeline.data.reader.arrow.BLOCK", 100)
    monkeypatch.setattr("pipeline.data.reader.arrow.LEAST", 0)
    monkeypatch.setattr(reader, "_ROWS", 1)


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "t.csv"


def both(path: Path, content: bytes, options: Options = Options()) -> tuple[Any, Any]:  # noqa: B008
    path.write_bytes(content)
    with_arrow = found(path, options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "ARROW_BYTES", 1 << 60)
        patch.setattr(reader, "BLOCK", 64)
        return with_arrow, found(path, options)


@settings(max_examples=600, deadline=None)
@given(
    tables,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\n\n", "\n  \n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from(["", "\n", "\n\n", ";", ",1\n"]),
    st.booleans(),
)
def test_every_table_is_read_as_without_it(
    path: Path, table: list[list[str]], separator: str, end: str, encoding: str, tail: str, packed: bool
) -> None:
    header = separator.join(f"c{number}" for number in range(len(table)))
    lines = [header, *[separator.join(row) for row in zip(*table, strict=True)] * 4]
    content = (end.join(lines) + tail).encode(encoding, "replace")
    with_arrow, without = both(path, gzip.compress(content) if packed else content)
    assert with_arrow == without


@pytest.mark.parametrize("options", [Options(), Options(na=("x",)), Options(decimal=","), Options(separator="a")])
def test_long_tables_of_every_kind_are_read_as_without_it(path: Path, options: Options) -> None:
    rng = random.Random(5)
    kinds: dict[str, list[str]] = {
        "gaps": ["1.5", "NA", "", "null", "2"],
        "codes": ["01001", "2"],
        "few": ["1", "2", "?"],
    }
    kinds |= {
        "text": WORDS[:7],
        "big": ["9007199254740993", "1"],
        "mixed": ["1"] * 50 + ["n/k"],
        "zero": ["-0", "0", "1"],
    }
    rows = [[rng.choice(some) for some in kinds.values()] + [repr(rng.gauss(0, 1e9))] for _ in range(3000)]
    content = "\n".join(map(",".join, [[*kinds, "float"], *rows]))
    with_arrow, without = both(path, content.encode(), options)
    assert with_arrow == without


def test_it_is_pyarrow_that_cuts_long_files_and_nobody_imports_it_for_short_ones(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrow = importlib.import_module("pipeline.data.reader.arrow")
    path.write_bytes(b"a,b\n" + b"1,x\n" * 100)
    assert {type(block) for block in reader.read_text(path).columns["a"].blocks} == {arrow.ArrowBlock}
    monkeypatch.setattr(reader, "ARROW_BYTES", 405)
    assert {type(block) for block in reader.read_text(path).columns["a"].blocks} == {PackedBlock}


def test_numbers_of_a_plain_column_need_no_json(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.data.reader.cells.orjson.loads", None)
    path.write_bytes(b"a,b\n" + b"1.25,NA\n,3\n" * 50)
    text = reader.read_text(path)
    read = read_columns(text, ["a", "b"], Options())
    np.testing.assert_array_equal(read["a"].values, [1.25, np.nan] * 50)
    assert read["b"].said == "missing where it says 'NA' (50)"
