"""Random tables, drawn cell by cell, and the whole result of reading one."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pipeline.data.columns import Options, read_columns
from pipeline.data.messages import DataError
from pipeline.data.reader.text import read_text

NUMBERS = ["0", "-0", "-0.0", "1.5", "-2", "1e3", "1E-3", "0.1", "007", "01001", ".5", "5.", "+1", "1_000", "1e999"]
NUMBERS += ["9007199254740993", "123456789012345678", "12345678901234567890123", "0.30000000000000004", "5e-324", " 7 "]
NUMBERS += ["2.2250738585072011e-308", "179769313486231580793e289", "1,5", "1.234,5", "1 234", "12%", "1e5", "-0e0"]
GAPS = ["", "NA", "null", "nan", "NaN", "None", "?", "-", ".", "#N/A", " NA", "NULL"]
WORDS = [
    "a",
    "Yes",
    "yes",
    "true",
    "TRUE",
    "Zürich",
    "x y",
    "a\x00b",
    "\x1e\x1f",
    "\ufeffb",
    "\u2028",
    "inf",
    "2024-03-05",
]
ODD = ['"q"', '"a, b"', '"a""b"', 'a"b', '"two\nlines"', "\r", "'", "\\n", "\x0b"]
columns = st.one_of(
    *[st.lists(st.sampled_from(some), min_size=9, max_size=9) for some in (NUMBERS, GAPS + NUMBERS, WORDS + GAPS)],
    st.lists(st.floats(allow_nan=False).map(repr), min_size=9, max_size=9),
    st.lists(st.integers(-(2**70), 2**70).map(str), min_size=9, max_size=9),
    st.lists(st.text(max_size=4), min_size=9, max_size=9),
    st.lists(st.sampled_from(ODD + NUMBERS + WORDS), min_size=9, max_size=9),
)
tables = st.lists(columns, min_size=1, max_size=5)


def found(path: Path, options: Options) -> Any:
    """Return all that is read of a file, to the last bit, or the error."""
    try:
        text = read_text(path, options.separator)
        cells = {name: list(column) for name, column in text.columns.items()}
        read = read_columns(text, list(text.columns), options)
    except DataError as error:
        return str(error)
    values = {
        name: one.values.tobytes() if one.values.dtype.kind == "f" else one.values.tolist()
        for name, one in read.items()
    }
    said = {name: (one.meaning, one.said, one.mixed) for name, one in read.items()}
    return cells, text.lines.tolist(), text.separator, text.encoding, text.header_line, values, said
