import bz2
import gzip
import lzma
import random
from pathlib import Path

import pytest

from pipeline.data.reader.text import BLOCK, Text, read_text
from tests.support.tables import message_of


def cells(text: Text) -> dict[str, list[str]]:
    return {name: list(column) for name, column in text.columns.items()}


def read(path: Path, content: str | bytes, separator: str | None = None) -> Text:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_text(path, separator)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(path: Path, separator: str) -> None:
    rows = [("a", "b, c" if separator != "," else "b; c", "y"), ("1", "2", "no"), ("3", "", "yes")]
    text = read(path, "\n".join(map(separator.join, rows)))
    assert text.separator == separator
    assert list(cells(text).values()) == [["1", "3"], ["2", ""], ["no", "yes"]]


def test_decimal_commas_do_not_make_the_comma_the_separator(path: Path) -> None:
    text = read(path, "a;b\n1,5;2,5\n2,25;3,5\n")
    assert cells(text) == {"a": ["1,5", "2,25"], "b": ["2,5", "3,5"]}


def test_the_separator_can_be_told_and_excel_tells_it(path: Path) -> None:
    assert cells(read(path, "a:b,c\n1:2,3", ":")) == {"a": ["1"], "b,c": ["2,3"]}
    text = read(path, "sep=|\r\na,b|c\r\n1,2|3\r\n")
    assert cells(text) == {"a,b": ["1,2"], "c": ["3"]}
    assert text.lines.tolist() == [3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_found(path: Path, encoding: str) -> None:
    text = read(path, "größe;ort\n1;Köln\n".encode(encoding))
    assert text.encoding == encoding.removesuffix("-sig")
    assert cells(text) == {"größe": ["1"], "ort": ["Köln"]}


def test_a_letter_that_is_not_utf_8_far_down_the_file_is_read_too(path: Path) -> None:
    text = read(path, b"a,b\n" + b"1,x\n" * BLOCK + b"2,\xe9\n")
    assert (text.encoding, cells(text)["b"][-1], len(text.lines)) == ("cp1252", "é", BLOCK + 1)


def test_a_gzipped_file_is_read(path: Path) -> None:
    assert cells(read(path, gzip.compress(b"a,b\n1,2\n"))) == {"a": ["1"], "b": ["2"]}
    path.write_bytes(gzip.compress(b"a,b\n1,2\n" * 1000)[:-20])
    assert message_of(read_text, path) == f"{path}: the gzip file is damaged or cut off; copy it again"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04...", "got a workbook or an archive; save the sheet as CSV"),
        (b"PAR1...", "got a Parquet file; write the table as CSV"),
        (bz2.compress(b"a,b\n1,2\n"), "got a bzip2 file; unpack it, or pack it with gzip"),
        (lzma.compress(b"a,b\n1,2\n"), "got an xz file; unpack it, or pack it with gzip"),
        ("a,b\n1,2\n".encode("utf-32"), "got one in UTF-32; save it as CSV with UTF-8"),
        ("a,b".encode("utf-16-le"), "got one with NUL bytes; save it as CSV with UTF-8"),
    ],
)
def test_what_is_no_text_is_named(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    message = message_of(read_text, path)
    assert message.startswith(f"{path}: expected a ")
    assert message.endswith(said)


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n" + b"1,2\n" * 5000 + b"1,\x81\n2,3\n",
        ("a,b\n" + "1,\u00e9\n" * 5000).encode() + b"1,\x81\n",  # of which Windows-1252 has the bytes before
        ("a,b\n" + "1,2\n" * 5000).encode("utf-16") + b"1\0,\0\0\xd8A\0",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_bytes_that_are_no_text_in_any_encoding_are_named_by_their_line(
    path: Path, content: bytes, packed: bool
) -> None:
    path.write_bytes(gzip.compress(content) if packed else content)
    what = "expected a text file in UTF-8, UTF-16 or Windows-1252, got bytes that are none of them"
    assert message_of(read_text, path) == f"{path}, line 5002: {what}; save it as CSV with UTF-8"


@pytest.mark.parametrize("quoted", ["", '"'])
def test_a_nul_character_far_down_is_named_by_line_and_column(path: Path, quoted: str) -> None:
    path.write_bytes(b"a,b\n" + b"1,2\n" * 200_000 + f"{quoted}3{quoted},x\0y\n4,5\n".encode())
    what = "expected text, got a NUL character; remove it"
    assert message_of(read_text, path) == f"{path}, line 200002, column 'b': {what}"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_across_blocks_with_quotes_blank_lines_and_every_end_of_line(path: Path, end: str) -> None:
    rng = random.Random(end)
    rows = [[str(i), rng.choice(["x", "", "long " * 9])] for i in range(4 * BLOCK // 20)]
    plain = end.join(["a,b", *map(",".join, rows)]) + end
    for content in (plain, plain + end + "  " + end, plain.replace("x", '"x"')):
        text = read(path, content)
        assert [list(row) for row in zip(*cells(text).values(), strict=True)] == rows
        assert text.lines.tolist() == [*range(2, len(rows) + 2)]


def test_lines_are_counted_past_blank_ones_and_breaks_in_quotes(path: Path) -> None:
    text = read(path, '\na,b\n1,2\n\n3,"x\ny"\n   \n5,6')
    assert text.lines.tolist() == [3, 5, 8]
    assert cells(text) == {"a": ["1", "3", "5"], "b": ["2", "x\ny", "6"]}


def test_cells_with_control_characters_are_kept(path: Path) -> None:
    kept = ["\x1e\x1f", "a\x1e", "\x1fb", "\x0b\x1c\u2028"]
    text = read(path, "a,b\n" + "".join(f"{one},{i}\n" for i, one in enumerate(kept)))
    assert cells(text)["a"] == kept
    assert text.columns["a"].cell(2) == "\x1fb"


def test_a_row_with_a_cell_too_many_beside_one_with_too_few_is_named(path: Path) -> None:
    path.write_text("a,b\n1,2\n1\n1,2,3\n", encoding="utf-8")
    message = "line 3: expected 2 values, as in the header, got 1; put a value that contains a comma in quotes"
    assert message_of(read_text, path) == f"{path}, {message}"


def test_a_cell_of_any_length_is_read(path: Path) -> None:
    assert len(cells(read(path, f'a,b\n1,"{"x" * 140_000}"\n'))["b"][0]) == 140_000
