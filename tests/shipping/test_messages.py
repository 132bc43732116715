"""Messages decode to what was encoded, and no path in them leads out of a folder."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.audit.seals import HEAD_BYTES
from sevenfold.files.names import MOST_BYTES
from sevenfold.shipping.messages import (
    CHUNK_BYTES,
    LINE_BYTES,
    Piece,
    Position,
    Report,
    Sender,
    check_name,
    pack,
    print_of,
    unpack,
)

STAMP = "2026-11-23_08-00-00_000000"
NAMES = st.text(st.characters(exclude_characters="/\\\x7f", exclude_categories=["C"]), min_size=1, max_size=40).filter(
    lambda name: not name.startswith(".")
)


@given(NAMES, NAMES, st.binary(max_size=200), st.integers(0, 1 << 50), st.sampled_from(["", STAMP]))
def test_a_piece_comes_back_as_it_was(host: str, file: str, data: bytes, offset: int, stamp: str) -> None:
    sender = Sender(host, "5a4b", "01")
    piece = Piece("data", file, Position(stamp, offset, print_of(data)), data, stamp, head="é\n", mode=0o640, mtime=1.5)
    assert unpack(pack(sender, piece)) == (sender, piece)


def test_the_largest_piece_is_less_than_a_server_takes_in_one_message() -> None:
    name = "é" * (MOST_BYTES // 2)
    data = bytes(CHUNK_BYTES + LINE_BYTES)
    piece = Piece("data", name, Position(STAMP, 1 << 50, "f" * 16), data, STAMP, "x" * HEAD_BYTES, 0o640, time.time())
    assert len(pack(Sender(name, "5a" * 8, "5a" * 8), piece)) < 1 << 20


def test_a_report_comes_back_as_it_was() -> None:
    report = Report("api.log", Position(STAMP, 7, "5a"), "5b", there=False, gap=True, idle=True, late={STAMP: 8})
    assert Report.of(report.to_bytes()) == report


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"7", b'{"file": "a", "more": 1}', b'{"position": {"offset": -1}, "file": "a"}']
)
def test_what_is_no_report_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Report.of(data)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "a\\b", "a\nb", "a\0b", "x" * 230, 7, None, "\ud800"]
)
def test_a_name_that_is_none_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_name("host", name)


def test_a_print_is_of_the_first_bytes_alone() -> None:
    assert print_of(b"a" * 4096) == print_of(b"a" * 5000)
    assert print_of(b"a" * 4095) != print_of(b"a" * 4096)
