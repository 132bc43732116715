import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole("uvicorn")

ROOT = Path(__file__).parents[2]
# The peers need not name their encodings, as we do.
ENV = {name: value for name, value in os.environ.items() if name != "PYTHONWARNDEFAULTENCODING"}
TITLES = ["", "requests/s", "without logging", "ratio", "CPU a request", "without", "requests"]
TITLES += ["lines missing or too many"]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")[1:-1]]


@pytest.mark.whole("uvicorn")
@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--workers", "1", "--only", "serve"], ["serve, 1 worker"]),
        pytest.param(
            ["--workers", "2"],
            ["serve, 1 worker", "serve, 2 workers", "FastAPI, textbook loguru"],
            marks=[pytest.mark.slow, pytest.mark.whole("fastapi")],
        ),
    ],
)
def test_the_benchmark_of_the_service_prints_its_table_and_misses_no_line(options: list[str], names: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.service", "--quick", *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, env=ENV, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (table,) = [block.splitlines() for block in done.stdout.split("\n\n") if block.startswith("|")]
    rows = [dict(zip(cells(table[0]), cells(row), strict=True)) for row in table[2:]]
    assert [list(row) for row in rows] == [TITLES] * len(names)
    assert [(row[""], row["requests"], row["lines missing or too many"]) for row in rows] == [
        (name, "264", "0") for name in names
    ]
    assert done.stdout.splitlines()[-1].startswith("Throughput with logging, to that without: at least ")
