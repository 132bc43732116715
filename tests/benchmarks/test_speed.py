import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import PARTS
from tests.support.systems import unix

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
# The peers need not name their encodings, as we do.
ENV = {name: value for name, value in os.environ.items() if name != "PYTHONWARNDEFAULTENCODING"}


def run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, env=ENV, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "it isn't installed" not in line]) == (0, [])
    return done.stdout


def rows(output: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in output.splitlines() if line.startswith("|")]


@unix("CPU time comes in steps of 16 ms there")
def test_the_benchmark_of_calls_prints_its_tables_and_loses_no_line() -> None:
    found = rows(run("benchmarks.speed", "--quick", "--events", "60", "--rounds", "1", "--only", "one-thread"))
    ours = [row for row in found if row[0] == "Sevenfold"]
    assert [(row[2], row[3]) for row in ours] == [("1.00", "0")] * 2


def test_the_benchmark_of_whole_tables_reads_back_what_it_logged() -> None:
    output = run("benchmarks.bulk", "--quick")
    assert "every line read back equals the arrays" in output
    assert [row[0] for row in rows(output) if "µs a row" in row[1]] == ["as lists", "by name"]


@pytest.mark.slow
@pytest.mark.whole("uvicorn")
def test_one_command_prints_all_tables() -> None:
    output = run("benchmarks", "--quick")
    assert [line for line in output.splitlines() if line.startswith("## ")] == [f"## {part}" for part in PARTS]
