import gzip
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.files import tally
from tests.support.systems import unix

ROOT = Path(__file__).parents[2]
SMALL = ["--quick", "--events", "500", "--processes", "2", "--calls", "2000"]
LINE = (
    "2026-11-23T08:36:11.096123Z | INFO     | predictions | prediction | "
    'prediction_id=w0-{:07} features={{"income":0.1}} confidence=0.9 decision=deny\n'
)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")[1:-1]]


@unix("asks /proc for the memory in use")
@pytest.mark.whole
def test_the_benchmark_of_files_prints_its_tables_and_loses_no_line_of_ours() -> None:
    command = [sys.executable, "-m", "benchmarks.files", *SMALL]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    tables = [block.splitlines() for block in done.stdout.split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    counts = ["lines lost", "torn", "duplicated", "of them tiny", "lines on stderr", "on disk at return"]
    for titles, _, ours, *_ in tables[:2]:
        row = dict(zip(cells(titles), cells(ours), strict=True))
        assert row[""] == "Sevenfold"
        assert [row[title] for title in counts] == ["0", "0", "0", "0", "0", "yes"]


def test_the_checker_counts_what_is_lost_torn_and_twice_there_in_all_files(tmp_path: Path) -> None:
    live, rotated, packed = (tmp_path / f"predictions.{name}" for name in ("log", "1.log", "2.log.gz"))
    live.write_text(LINE.format(0) + LINE.format(1)[:-9], encoding="utf-8", newline="\n")
    torn = LINE.format(3)[:40] + LINE.format(4)
    rotated.write_text(LINE.format(2) * 2 + torn, encoding="utf-8", newline="\n")
    packed.write_bytes(gzip.compress((LINE.format(5) * 2).encode()))
    found = asdict(tally(tmp_path, n_events=7, max_bytes=600))
    del found["bytes_per_line"]
    expected = {"lost": 4, "torn": 2, "duplicated": 2, "rotated_files": 2, "tiny_files": 1, "plain_files": 1}
    assert found == expected


def test_of_a_broken_archive_the_checker_reads_what_can_be_read(tmp_path: Path) -> None:
    whole = "".join(LINE.format(number) for number in range(10_000))
    (tmp_path / "predictions.log.1.gz").write_bytes(gzip.compress(whole.encode())[:-2000])
    found = tally(tmp_path, n_events=10_000, max_bytes=100)
    assert 0 < found.lost < 10_000
    assert found.duplicated == 0
