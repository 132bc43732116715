"""The README and the pages of docs/ are true: each of their blocks runs, and its output is the one shown."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sevenfold.reading import read
from sevenfold.reading.mirrors import hosts_of
from tests.support.fleet import Fleet, contents, nats_server
from tests.support.log_files import read_events
from tests.support.pages import PAGES, ROOT, Block, blocks, commands, shows

# Blocks that don't run here, by how they begin, and why.
NOT_RUN = {
    "python3 -m venv .venv && ": "README: .ci/run runs them, in a fresh copy; the second would run this test",
    "[[tool.mypy.overrides]]": "README: test_package has mypy read it",
    "time | level | channel": "line-format: the shape of a line, not one",
    "line   = time": "line-format: the grammar; a test of its own compares it with the code's",
    "# service.py": "production: a pool of processes, in a test of its own",
    "SELECT ": "reading: DuckDB runs them in a test of its own",
    "# with ": "reading: they need pandas, polars, pyarrow and DuckDB, in a test of its own",
    "lnav -i docs": "reading: test_lnav installs it",
    "flowchart TB": "architecture: a picture; test_pages holds that its files are there",
    "main       -> sinks": "architecture: test_architecture has these arrows as a table",
    "2026-11-25T20:10:03.857945Z | INFO     | api": "api-log: test_frameworks has FastAPI write it",
    "python main.py serve --workers 4": "http: test_serve starts several workers",
    "rsync -ac ": "production: test_copies does it with a folder that is being written",
    "$ sevenfold verify --against": "audit: a session after a forgery, in a test of its own",
    "1,240 events in": "audit: what a copy of another day would give; test_verify has one of its own",
    "uvicorn main:create_app": "http: test_serve starts this, too",
    "$ python main.py serve": "http: a session with a server, in a test of its own",
    "$ tail -n 1": "http: the end of that session",
    "from loguru import logger\nfrom opentelemetry": "recipes: test_recipes has a span for it",
    "pip install 'sevenfold[metrics]'": "metrics: test_prometheus has it serve",
    "[Service]": "recipes: a unit of systemd",
    "python3 -m venv .venv && . ": "fleet: requirements-whole.txt has it",
    "nats-server -js ": "fleet: it goes on running; a test of its own runs this and what follows",
    "$ sevenfold verify mirror": "fleet: in that test",
    'from sevenfold import read_table\n\ntable = read_table("mirror"': "fleet: in that test",
    "sevenfold ship logs --metrics": "fleet: in that test",
    "mkdir -p mirror/web-2": "fleet: in that test",
    "# /etc/systemd/system/": "fleet: units of systemd",
    "umask 077\npython -c": "fleet: in that test",
    "# /etc/nats/nats.conf": "fleet: test_fleet starts a server with it",
    "services:": "fleet: a file of compose",
    "FROM python": "fleet: an image for that",
}
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a POSIX shell")


def why_not(block: Block) -> str | None:
    return next((why for start, why in NOT_RUN.items() if block.text.startswith(start)), None)


class Reader:
    """Somebody who does what a page says, block by block, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self.files: list[str] = []
        self.namespace: dict[str, object] = {}
        tools = folder / "bin"
        tools.mkdir()
        for name, arguments in (("python", ""), ("sevenfold", "-m sevenfold ")):
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n', encoding="utf-8")
            (tools / name).chmod(0o755)
        self.environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}

    def follow(self, block: Block) -> None:
        getattr(self, f"_{block.language}")(self._at_home(block.text))

    def _at_home(self, text: str) -> str:
        """Put what lies elsewhere into the folder, and name a request that there was."""
        return re.sub(r"\breq-[0-9a-f]{32}", self._request_id, text.replace("/etc/sevenfold", str(self.folder)))

    def _request_id(self, _: re.Match[str]) -> str:
        answers = (event.fields for event in read(self.folder / "logs", channel="predictions"))
        return str(next(one["request_id"] for one in answers if "request_id" in one and one["decision"] == "deny"))

    def _python(self, code: str) -> None:
        name = re.match(r"# (\w+\.py)\n", code)
        if name is None:
            exec(code, self.namespace)  # noqa: S102 - the page's own
            return
        (self.folder / name[1]).write_text(code, encoding="utf-8")
        self.files.append(name[1])

    def run_tests(self) -> None:
        """Run the tests that a page had put into files; where no conftest.py names the plugin, it is installed."""
        if tests := [name for name in self.files if name.startswith("test_")]:
            options = [] if "conftest.py" in self.files else ["-p", "sevenfold.capture"]
            self.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *tests)
            assert f"{len(tests)} passed" in self.printed

    def _sh(self, script: str) -> None:
        self.run("bash", "-e", "-c", script)

    def _console(self, transcript: str) -> None:
        for command, expected in commands(transcript):
            self._sh(command)
            self._text(expected)

    def _text(self, expected: str) -> None:
        written = "".join(path.read_text(encoding="utf-8") for path in (self.folder / "logs").glob("*.log"))
        assert shows(expected, self.printed) or shows(expected, written)

    def run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self.printed = done.stdout


@pytest.fixture(scope="session")
def main_job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the main job once; give the folder that it filled, and what it printed."""
    folder = tmp_path_factory.mktemp("main_job")
    command = [sys.executable, str(ROOT / "main.py")]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=100, check=True)
    return folder, done.stdout


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Reader(folder)


@pytest.fixture
def reader_of_logs(reader: Reader, main_job: tuple[Path, str]) -> Reader:
    """Return a reader in a folder where the main job has run, with a table of data beside it."""
    filled, reader.printed = main_job
    shutil.copytree(filled, reader.folder, dirs_exist_ok=True)
    (reader.folder / "main.py").symlink_to(ROOT / "main.py")
    draw = random.Random(1)
    rows = [f"{x:.3f},{'yes' if draw.gauss(x, 1) > 0 else 'no'}" for x in (draw.gauss(0, 1) for _ in range(300))]
    (reader.folder / "applicants.csv").write_text("\n".join(["income,card", *rows]), encoding="utf-8")
    return reader


def starts_programs(page: Path) -> bool:
    return any(block.language in {"sh", "console"} or block.text.startswith("# ") for block in blocks(page))


@pytest.mark.whole
@posix_only
@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("page", [one for one in PAGES if starts_programs(one)], ids=lambda page: page.name)
def test_each_block_of_a_page_with_programs_runs_and_shows_what_comes(page: Path, reader_of_logs: Reader) -> None:
    for block in blocks(page):
        if why_not(block) is None:
            reader_of_logs.follow(block)
    reader_of_logs.run_tests()


@posix_only
@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize("page", [one for one in PAGES if not starts_programs(one)], ids=lambda page: page.name)
def test_each_block_of_a_page_runs_and_shows_what_comes(page: Path, reader: Reader) -> None:
    for block in blocks(page):
        if why_not(block) is None:
            reader.follow(block)


def test_what_is_not_run_is_there() -> None:
    texts = [block.text for page in PAGES for block in blocks(page)]
    assert [start for start in NOT_RUN if not any(text.startswith(start) for text in texts)] == []


@pytest.mark.whole
@posix_only
def test_the_forgery_of_the_page_is_told_as_it_shows(reader_of_logs: Reader) -> None:
    ((command, expected),) = commands(blocks(ROOT / "docs" / "audit.md", "console")[1].text)
    trail = reader_of_logs.folder / "logs" / "app_json.log"
    reader_of_logs._sh("sevenfold verify")
    checkpoint = reader_of_logs.printed.splitlines()[-1]
    lines = trail.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[2] = lines[2].replace("detected", "rejected")
    trail.write_text("".join(lines), encoding="utf-8")
    reader_of_logs._sh(re.sub(r"\S+:7:\S+", checkpoint, command).rstrip() + " || test $? = 1")
    assert shows(expected, reader_of_logs.printed)


@pytest.mark.whole
@posix_only
def test_the_workers_of_a_pool_write_the_same_folder(reader: Reader) -> None:
    (block,) = (one for one in blocks(ROOT / "docs" / "production.md", "python") if "__main__" in one.text)
    reader.follow(block)
    reader.run(sys.executable, *reader.files)
    scored = [one for one in read_events(reader.folder / "logs" / "predictions.log") if one.message == "scored"]
    assert sorted(event.fields["batch_number"] for event in scored) == list(range(8))


@pytest.mark.whole("duckdb")
@posix_only
def test_the_queries_give_what_was_logged(reader_of_logs: Reader) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    queries = [block.text for block in blocks(ROOT / "docs" / "reading.md", "sql")]
    audit, predictions = (duckdb.sql(query).fetchall() for query in queries)
    logs = reader_of_logs.folder / "logs"
    assert {row[0]: row[1] for row in audit} == Counter(event.message for event in read(logs, channel="audit"))
    logged = [event.fields for event in read(logs / "predictions.log") if event.message == "prediction"]
    assert predictions == [
        (decision, len(found), pytest.approx(sum(found) / len(found)))
        for decision in ("approve", "deny")
        for found in [[one["confidence"] for one in logged if one["decision"] == decision]]
    ]


@pytest.mark.whole("pandas", "polars", "pyarrow", "duckdb")
@posix_only
def test_pandas_polars_parquet_and_duckdb_take_a_table(
    reader_of_logs: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = reader_of_logs.folder / "logs"
    everything = list(read(logs, channel="predictions"))
    logged = [event.fields for event in everything if event.message == "prediction"]
    assert logged
    means = {
        decision: sum(found) / len(found)
        for decision in ("approve", "deny")
        for found in [[one["confidence"] for one in logged if one["decision"] == decision]]
    }
    names = {}
    for block in (one for one in blocks(ROOT / "docs" / "reading.md", "python") if one.text.startswith("# with ")):
        reader_of_logs.namespace = {}
        exec(block.text, reader_of_logs.namespace)  # noqa: S102 - the page's own
        printed = capsys.readouterr().out
        names[block.text.splitlines()[0]] = printed
        if "Parquet" not in block.text:
            assert all(str(mean)[:5] in printed for mean in means.values())
    assert list(names) == ["# with pandas", "# with polars", "# with pyarrow, to Parquet", "# with DuckDB"]
    assert str(len(everything)) in names["# with DuckDB"]


@contextlib.contextmanager
def served(reader: Reader) -> Iterator[tuple[str, str]]:
    """Serve what the main job has trained, until Ctrl-C; yield the port, and the line that says so."""
    command = [sys.executable, "main.py", "serve", "--port", "0"]
    with (reader.folder / "stderr").open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(command, cwd=reader.folder, stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8")
    with process, contextlib.ExitStack() as at_end:
        at_end.callback(process.kill)
        assert process.stdout is not None
        line = process.stdout.readline()
        yield re.sub(r".*:(\d+),.*\n", r"\1", line), line
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


@pytest.mark.whole
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@posix_only
def test_the_session_with_a_server_is_what_happens(reader_of_logs: Reader) -> None:
    session, ends = (block.text for block in blocks(ROOT / "docs" / "http.md", "console"))
    (_, announced), *asked = commands(session)
    with served(reader_of_logs) as (port, line):
        assert shows(announced.replace("8000", port), line)
        for command, answer in asked:
            reader_of_logs._sh(command.replace("8000", port))
            assert shows(answer, reader_of_logs.printed)
    ((command, expected),) = commands(ends)
    reader_of_logs._sh(command)
    # The page breaks lines that are too long for it.
    for part in expected.strip().split("\n\n"):
        _, line = part.split("\n", 1)
        assert shows(line.replace("\n", " "), reader_of_logs.printed)


@contextlib.contextmanager
def in_background(reader: Reader) -> Iterator[Callable[[str], None]]:
    """Start commands that go on running, and end them."""
    started: list[subprocess.Popen[bytes]] = []

    def start(command: str) -> None:
        line = f"exec {command}"
        with (reader.folder / "background").open("ab") as out:
            process = subprocess.Popen(
                ["bash", "-c", line],  # noqa: S607 - as the reader does
                cwd=reader.folder,
                env=reader.environment,
                stdout=out,
                stderr=out,
            )
        started.append(process)

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait(10)


@pytest.mark.whole("nats", "duckdb")
@posix_only
def test_the_page_of_the_fleet_does_what_it_shows(reader_of_logs: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    reader, page = reader_of_logs, ROOT / "docs" / "fleet.md"
    reader.environment["PATH"] += f"{os.pathsep}{Path(nats_server()).parent}"
    monkeypatch.chdir(reader.folder)
    one = Fleet(reader.folder)
    with in_background(reader) as start:
        for block in blocks(page, "sh", "console", "python", "sql"):
            text = block.text.replace("4222", str(one.port))
            if text.startswith("python3 -m venv") or (text.startswith("mkdir") and shutil.which("rsync") is None):
                continue
            for line in re.findall(r"^(.*) &$", text, flags=re.MULTILINE):
                start(line)
            text = re.sub(r"^.* &\n", "", text, flags=re.MULTILINE)
            if block.language == "sql":
                (row,) = duckdb.sql(text).fetchall()
                assert row[:2] == ("web-1", sum(one.message == "prediction" for one in read("logs")))
            else:
                reader.follow(Block(block.language, text))
            one.await_that(lambda: contents(reader.folder / "mirror" / "web-1") == contents(reader.folder / "logs"))
    assert (reader.folder / "ship.nk").stat().st_mode & 0o077 == 0
    assert "sevenfold_ship_behind_bytes{" in (reader.folder / "sevenfold.prom").read_text(encoding="utf-8")
    if shutil.which("rsync"):
        assert hosts_of(reader.folder / "mirror") == ["web-1", "web-2"]
