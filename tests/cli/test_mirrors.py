"""The commands on a mirror of many hosts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from sevenfold import cli
from tests.support.made_mirror import make_mirror

pytestmark = pytest.mark.whole  # each makes folders of several hosts

Run: TypeAlias = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def mirror(tmp_path: Path, own_logger: None) -> Path:  # noqa: ARG001 - in force while it is made
    return make_mirror(tmp_path / "mirror")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, list[str], str]:
        try:
            status = cli.main(list(map(str, arguments)))
        except SystemExit as stopped:
            status = int(str(stopped.code))
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def test_logs_shows_lines_with_their_host_that_can_be_read_again(mirror: Path, run: Run) -> None:
    status, lines, err = run("logs", mirror, "--channel", "api", "--host", "web-1", "-n", 2)
    assert (status, err) == (0, "")
    assert [line.partition(" | api ")[2] for line in lines] == [
        "| request | host=client-2 n=2 host=web-1",
        "| request | host=null n=3 host=web-1",
    ]
    status, lines, _ = run("logs", mirror, "--where", "host=db.example.org", "--count-by", "host")
    assert (status, lines) == (0, ["       1 db.example.org"])


def test_the_last_of_a_mirror_are_the_last_of_all(mirror: Path, run: Run) -> None:
    _, lines, _ = run("logs", mirror, "--channel", "audit", "-n", 1)
    assert len(lines) == 1
    assert lines[0].endswith("n=3 host=web-1")


def test_a_channel_that_one_host_has_is_known(mirror: Path, run: Run) -> None:
    assert run("logs", mirror, "--channel", "own")[0] == 0
    status, _, err = run("logs", mirror, "--channel", "others")
    assert status == 2
    assert "unknown channel 'others'" in err


def test_logs_tells_a_host_that_isnt_there(mirror: Path, run: Run) -> None:
    status, _, err = run("logs", mirror, "--host", "web-3")
    assert (status, err) == (2, "sevenfold logs: unknown host 'web-3'; known: db.example.org, web-1, web-2\n")


def test_verify_proves_each_host_on_its_line(mirror: Path, run: Run) -> None:
    status, lines, err = run("verify", mirror)
    assert (status, err) == (0, "")
    assert [re.sub(r"; s[0-9a-f:]+$", "; ...", line) for line in lines] == [
        "db.example.org: 0 events in 1 file: nothing to prove; the original said 0",
        "web-1: 3 events in 1 file: proved up to 3; the original said 3; ...",
        "web-2: 3 events in 1 file: proved up to 3; the original said 3; ...",
    ]
    path = mirror / "web-2" / "app_json.log"
    path.write_bytes(path.read_bytes().replace(b'"n": 2', b'"n": 7'))
    status, lines, _ = run("verify", mirror)
    assert status == 1
    assert lines[-1].startswith("web-2: 3 events in 1 file: NOT proved; s")
    assert run("verify", mirror, "--host", "web-1")[0] == 0


@pytest.mark.parametrize("arguments", [["--from", "2"], ["--channel", "audit"], ["--against", "s:1:a"]])
def test_what_is_for_one_trail_is_refused_of_a_mirror(mirror: Path, run: Run, arguments: list[str]) -> None:
    status, _, err = run("verify", mirror, *arguments)
    assert (status, err) == (
        2,
        f"sevenfold verify: {arguments[0]} is for the folder of one host, such as {mirror / 'db.example.org'}\n",
    )


def test_the_overview_of_a_mirror_verifies_the_trail_of_each_host(mirror: Path, run: Run) -> None:
    status, lines, err = run("summary", mirror)
    assert (status, err) == (0, "")
    for said in (
        "web-1 audit: 3 events in 1 file: proved",
        "db.example.org audit: 0 events in 1 file: nothing to prove",
    ):
        assert said in "\n".join(lines)
    status, lines, err = run("report", mirror)
    assert (status, err) == (0, "")
    page = (mirror / "report.html").read_text(encoding="utf-8")
    assert "web-1 audit" in page
    assert "nothing was audited" not in page
