"""What `ship` and `collect` refuse, before there is any server."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sevenfold import cli
from sevenfold.files.shipped.notes import Progress, Shipping


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a command; give its exit status and the last line on stderr."""

    def run(*arguments: object) -> tuple[int, str]:
        try:
            status = cli.main(list(map(str, arguments)))
        except SystemExit as stopped:
            status = int(str(stopped.code))
        return status, capsys.readouterr().err.splitlines()[-1]

    return run


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--to", "http://a:1"], "expected a URL such as nats://127.0.0.1:4222, got 'http://a:1'"),
        (
            ["--to", "nats://joe:secret@a:1"],
            "a URL with a password can be read by all users of the machine: use --creds",
        ),
        (["--to", "joe:secret@a"], "expected a URL such as nats://127.0.0.1:4222, got 'a'"),
        (["--to", "nats://a", "--stream", "a.b"], "expected letters, digits, - and _, got 'a.b'"),
        (["--to", "nats://a", "--max-bytes", "10"], "expected a size from '1 MB' on, such as '10 GB', got '10'"),
        (["--to", "nats://a", "--replicas", "2"], "argument --replicas: invalid choice: "),
        ([], "where is the server? give its URL with --to"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    refused: Callable[..., tuple[int, str]], tmp_path: Path, arguments: list[str], why: str
) -> None:
    status, told = refused("ship", tmp_path, *arguments)
    assert status == 2
    assert told.startswith("sevenfold ship: ")
    assert why in told
    assert "secret" not in told


def test_the_url_that_collect_lacks_is_named(refused: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    assert refused("collect", tmp_path) == (2, "sevenfold collect: where is the server? give its URL with --from")


def test_a_missing_extra_is_told(
    refused: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_nats(name: str, *args: Any, **options: Any) -> Any:
        if name == "sevenfold.shipping.nats_broker":
            raise ModuleNotFoundError("No module named 'nats'", name="nats")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_nats)
    why = "needs the package nats-py: pip install 'sevenfold[fleet]'"
    assert refused("ship", tmp_path, "--to", "nats://127.0.0.1:1") == (1, f"sevenfold ship: {why}")


def test_a_key_that_isnt_there_is_told_before_anything_begins(
    refused: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    pytest.importorskip("nats")
    status, told = refused("ship", tmp_path, "--to", "nats://127.0.0.1:1", "--nkey", tmp_path / "none")
    assert status == 1
    assert told == f"sevenfold ship: {tmp_path}/none: No such file or directory"


def test_the_status_of_a_folder_that_nobody_ships_is_told(
    refused: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    status, told = refused("ship", tmp_path, "--status")
    assert status == 1
    assert told == f"sevenfold ship: {tmp_path}: isn't shipped: nobody has run sevenfold ship on it"


def test_the_status_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "api.log").write_bytes(b"2026-11-23T08:36:11.096123Z | INFO     | api | request |\n" * 100)
    Shipping("5a", "web-1", {"api.log": Progress(offset=5700, mirrored_offset=57)}).save(tmp_path)
    assert cli.main(["ship", str(tmp_path), "--status"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "host web-1",
        "file                      bytes behind  seconds behind  bytes unmirrored",
        "api.log                              0             0.0             5,643",
    ]
