"""The command `metrics`: what it says where it can't serve."""

import importlib.util
from pathlib import Path

import pytest

from sevenfold import cli


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert cli.main(["metrics", "--log-dir", str(tmp_path)]) == 2
    needs = "sevenfold metrics: needs prometheus-client: pip install 'sevenfold[metrics]'\n"
    assert capsys.readouterr() == ("", needs)


@pytest.mark.whole("prometheus_client")
def test_a_port_that_is_taken_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket  # noqa: PLC0415

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["metrics", "--log-dir", str(tmp_path), "--port", str(port)]) == 1
    assert capsys.readouterr() == ("", "sevenfold metrics: Address already in use\n")
