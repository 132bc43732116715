"""The commands that prove an audit trail, as a user calls them."""

import re
import stat
import sys
import time
from pathlib import Path

import pytest
from loguru import logger

import main
import sinks
from sevenfold.channels import CHANNELS, Channel
from sevenfold.files.locks import lock
from sevenfold.files.systems import system


@pytest.fixture
def folder(tmp_path: Path, own_logger: None, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001 - it is in force
    monkeypatch.chdir(tmp_path)
    return tmp_path


def log_events(count: int, key: Path | None = None) -> None:
    with sinks.configure("logs", console=None, rotation="5 kB", audit_key=key):
        for number in range(count):
            logger.bind(channel="audit").info("event", number=number)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    status = main.main(["verify", *arguments])
    captured = capsys.readouterr()
    return status, captured.out.splitlines(), captured.err


def test_a_trail_is_proved_and_its_head_proves_the_next_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_events(20)
    status, out, err = call(capsys)
    assert (status, err, len(out)) == (0, "", 2)
    assert out[0].startswith("20 events in ")
    assert out[0].endswith(" files: proved")
    log_events(5)
    assert call(capsys, "--against", out[1])[0] == 0
    assert call(capsys, "--log-dir", str(folder / "logs"))[1][0].startswith("25 events in ")


def test_what_was_done_to_a_trail_is_told_with_file_and_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_events(3)
    path = folder / "logs" / "app_json.log"
    path.write_bytes(path.read_bytes().replace(b'"number": 1', b'"number": 7'))
    status, out, _ = call(capsys)
    assert status == 1
    assert out[0] == f"{Path('logs', 'app_json.log')}:2: edited: event 2"
    assert out[1].endswith(": NOT proved")


def test_a_restored_old_copy_is_found_by_the_checkpoint_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_events(3)
    old = {path: path.read_bytes() for path in (folder / "logs").iterdir()}
    log_events(3)
    checkpoint = call(capsys)[1][-1]
    for path in (folder / "logs").iterdir():
        path.unlink()
    for path, data in old.items():
        path.write_bytes(data)
    assert call(capsys)[0] == 0
    assert call(capsys, "--against", checkpoint)[0] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="modes are those of POSIX")
def test_a_key_is_made_once_and_needed_to_verify(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["audit-key", "key"]) == 0
    made = (folder / "key").read_bytes()
    assert (len(made), stat.S_IMODE((folder / "key").stat().st_mode)) == (32, 0o600)
    assert main.main(["audit-key", "key"]) == 2
    assert (folder / "key").read_bytes() == made
    log_events(3, Path("key"))
    capsys.readouterr()
    assert call(capsys, "--key", "key")[0] == 0
    status, out, err = call(capsys)
    assert (status, out) == (2, [])
    assert "--key PATH" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "abc"], "a checkpoint must be id:seq:mac as verify printed it, got 'abc'"),
        (["--channel", "adit"], "unknown sealed channel 'adit'; did you mean 'audit'? known: audit"),
        (["--key", "none"], "none: No such file or directory; make a key with: sevenfold audit-key none"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    log_events(1)
    assert folder.is_dir()
    status, out, err = call(capsys, *arguments)
    err = err.replace("File not found", "No such file or directory")  # as Windows has it
    assert (status, out, err) == (2, [], f"main.py verify: {message}\n")


def test_where_there_is_nothing_to_prove_that_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "logs").mkdir()
    message = f"main.py verify: {Path('logs', 'app_json.log')}: no audit file, so there is nothing to prove\n"
    assert call(capsys) == (2, [], message)
    with sinks.configure("other", console=None, channels=(Channel("errors", "errors.log", collects_errors=True),)):
        logger.error("failed")
    message = "main.py verify: other has no sealed channel, so there is nothing to prove\n"
    assert call(capsys, "--log-dir", "other") == (2, [], message)
    log_events(0)
    assert call(capsys) == (2, ["0 events in 1 file: nothing to prove"], "")
    assert call(capsys, "--copy") == (2, ["0 events in 1 file: nothing to prove; the original said 0"], "")


def test_a_sealed_file_without_an_event_spoils_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert folder
    with sinks.configure("logs", console=None, channels=(*CHANNELS, PAYMENTS)):
        logger.bind(channel="audit").info("event")
    status, out, _ = call(capsys)
    assert (status, out[0], out[2:]) == (
        0,
        "audit: 1 event in 1 file: proved",
        ["payments: 0 events in 1 file: nothing to prove"],
    )


def test_a_copy_is_proved_as_far_as_it_goes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_events(40)
    rotated = sorted((folder / "logs").glob("app_json.2*"))
    rotated[1].unlink()
    assert call(capsys)[0] == 1
    status, out, err = call(capsys, "--copy")
    found = re.fullmatch(r".*:1: not copied: events (\d+) to \d+", out[0])
    assert found
    assert (status, err) == (0, "")
    assert out[1].endswith(f": proved up to {int(found[1]) - 1}; the original said 40")
    assert out[2].split(":")[1] == str(int(found[1]) - 1)
    (folder / "logs" / "app_json.head").unlink()
    assert call(capsys, "--copy")[1][1].endswith("; the copy has no head")
    rotated[0].write_bytes(b"")
    assert call(capsys, "--copy")[:2] != (0, [])


@pytest.mark.whole
def test_a_foreign_lock_on_the_head_is_told_and_waited_for_as_long_as_is_said(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log_events(1)
    head = Path("logs", "app_json.head")
    with (folder / head).open("rb") as file:
        assert lock(file.fileno(), exclusive=True)
        begun = time.monotonic()
        assert main.main(["verify", "--wait", "1.2"]) == 2
        assert 1.2 <= time.monotonic() - begun < 10
    assert capfd.readouterr().err.splitlines() == [
        f"sevenfold: {head}: locked by another process: waiting for it, up to 1.2 s; {system.FINDER} names it",
        f"main.py verify: {head}: another process has held the lock for 1.2 s",
    ]
    for text in ("-1", "soon", "inf"):
        with pytest.raises(SystemExit):
            main.main(["verify", "--wait", text])


PAYMENTS = Channel("payments", "payments.json", serialize=True, sealed=True)


def test_each_sealed_file_is_proved_in_a_block_of_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sinks.configure("logs", console=None, rotation="5 kB", channels=(*CHANNELS, PAYMENTS)):
        for number in range(20):
            logger.bind(channel="audit").info("event", number=number)
            logger.bind(channel="payments").info("paid", number=number)
    status, out, err = call(capsys)
    assert (status, err, len(out)) == (0, "", 4)
    assert out[0].startswith("audit: 20 events in ")
    assert out[2].startswith("payments: 20 events in ")
    assert call(capsys, "--channel", "payments", "--against", out[3])[0] == 0
    for option, value in (("--key", "k"), ("--against", out[3]), ("--from", "2")):
        message = f"main.py verify: {option} needs --channel NAME, one of audit, payments\n"
        assert call(capsys, option, value) == (2, [], message)
    path = folder / "logs" / "payments.json"
    path.write_bytes(path.read_bytes().replace(b'"paid"', b'"Paid"'))
    status, out, _ = call(capsys)
    assert (status, out[0][:6], "NOT proved" in "".join(out)) == (1, "audit:", True)
    assert call(capsys, "--channel", "audit")[0] == 0


def test_a_list_of_channels_that_was_edited_hides_no_trail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_events(3)
    listed = folder / "logs" / "channels.json"
    listed.write_text(listed.read_text(encoding="utf-8").replace('"sealed": true', '"sealed": false'), encoding="utf-8")
    assert call(capsys)[1][0] == "3 events in 1 file: proved"


@pytest.mark.parametrize("first", ["0", "-5", "x"])
def test_the_first_event_is_a_number_from_1(first: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call(capsys, "--from", first)
    assert f"expected the number of an event, from 1, got {first!r}" in capsys.readouterr().err


def test_events_removed_on_purpose_are_accepted_if_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_events(40)
    oldest = min((folder / "logs").glob("app_json.*.log*"))
    oldest.unlink()
    status, out, _ = call(capsys)
    first = int(out[0].rsplit(" ", 1)[1]) + 1
    assert (status, ": missing: events 1 to " in out[0]) == (1, True)
    assert call(capsys, "--from", str(first))[0] == 0
