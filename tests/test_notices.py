import io
import sys
from typing import NoReturn

import pytest

from sevenfold.notices import MAX_LENGTH, describe, notice


class MuteError(Exception):
    def __str__(self) -> NoReturn:
        raise RuntimeError


class BrokenStream(io.StringIO):
    def write(self, _text: str) -> NoReturn:
        raise OSError("no space left on device")


def test_a_notice_is_one_escaped_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    notice("disk | full\nsevenfold: forged\x1b[31m\u2028\ud800 é")
    assert capsys.readouterr() == (
        "",
        "sevenfold: disk \\u007c full\\nsevenfold: forged\\u001b[31m\\u2028\\\\ud800 é\n",
    )


def test_a_long_notice_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    notice("x" * 10_000)
    assert capsys.readouterr() == ("", f"sevenfold: {'x' * MAX_LENGTH}\n")


def test_a_notice_goes_to_whatever_stderr_is_at_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    notice("a")
    assert stream.getvalue() == "sevenfold: a\n"


def closed_stream() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {"none at all": None, "no stream": object(), "closed": closed_stream(), "broken": BrokenStream()}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_notice_never_raises(monkeypatch: pytest.MonkeyPatch, stream: object) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    notice("a")


def test_a_notice_reaches_a_stderr_that_knows_ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii", newline="\n"))
    notice("é is lost")
    assert raw.getvalue() == b"sevenfold: \\xe9 is lost\n"


def test_an_error_is_described_by_its_type_and_message() -> None:
    assert [describe(error) for error in (ValueError("bad"), KeyError("k"), OSError(28, "full"), ValueError())] == [
        "ValueError: bad",
        "KeyError: 'k'",
        "OSError: [Errno 28] full",
        "ValueError",
    ]


def test_an_error_whose_str_raises_is_described_all_the_same() -> None:
    assert describe(MuteError()) == "MuteError: (no message: its str() raised)"
