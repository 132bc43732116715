import io
import os
import re
import sys
from pathlib import Path
from typing import NoReturn

import pytest

import sinks
from sevenfold.notices import MAX_LENGTH, describe, notice
from sevenfold.redaction.redactor import SECRETS


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
        "sevenfold: disk \\u007c full\\nsevenfold: forged\\u001b[31m\\u2028\\ud800 é\n",
    )


@pytest.mark.parametrize("text", [r"C:\logs\new", r"\\server\share", "\\", r"[Errno 13] denied: 'C:\\logs'"])
def test_a_backslash_stays_single(capsys: pytest.CaptureFixture[str], text: str) -> None:
    notice(text)
    assert capsys.readouterr().err == f"sevenfold: {text}\n"


@pytest.mark.usefixtures("own_logger")
def test_notices_are_redacted_as_the_configuration_in_force_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, token = "db-17.internal", "ghp_" + "aB3dE5" * 6

    def told() -> str:
        notice(f"{host} {token}")
        return capsys.readouterr().err.removeprefix("sevenfold: ").strip()

    assert told() == f"{host} [redacted]"
    with sinks.configure(tmp_path, console=None, redact=(*SECRETS, re.compile(r"db-\d+\.internal"))):
        assert told() == "[redacted] [redacted]"
        with sinks.configure(tmp_path / "inner", console=None, redact=()):
            assert told() == f"{host} {token}"
        assert told() == "[redacted] [redacted]"
    assert told() == f"{host} [redacted]"
    sinks.configure(tmp_path, console=None, redact=()).close()
    assert told() == f"{host} [redacted]"


@pytest.mark.usefixtures("own_logger")
def test_what_is_told_while_a_configuration_is_made_is_redacted_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "customer-4711"
    folder.mkdir()
    (folder / "channels.json").write_text("no list", encoding="utf-8")
    rule = re.compile(r"customer-\d+")
    with sinks.configure(folder, console=None, redact=(rule,)):
        assert f"[redacted]{os.sep}channels.json: left as it is: " in capsys.readouterr().err
    with pytest.raises(OSError, match="customer"):
        sinks.configure(folder / "channels.json", console=None, redact=(rule,))
    notice("customer-4711")
    assert capsys.readouterr().err == "sevenfold: customer-4711\n"


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


def test_a_path_of_windows_can_be_pasted_from_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    path = r"C:\logs\new|app.log"
    error = OSError(2, "is gone", path)
    error.filename2 = path
    notice(f"{path}: {describe(error)}")
    shown = path.replace("|", r"\u007c")
    assert (
        capsys.readouterr().err == f"sevenfold: {shown}: FileNotFoundError: [Errno 2] is gone: '{shown}' -> '{shown}'\n"
    )


def test_an_error_whose_str_raises_is_described_all_the_same() -> None:
    assert describe(MuteError()) == "MuteError: (no message: its str() raised)"
