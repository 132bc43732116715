"""If nothing reads a program's stderr, the program and its files go on."""

import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sevenfold.reading.folder import read

pytestmark = pytest.mark.whole
ROOT = Path(__file__).parents[2]
PROGRAM = """
import signal, sys, time
import sinks
from loguru import logger
from sevenfold.notices import notice

sinks.configure("logs")
log = logger.bind(channel="training")
for number in range(300):
    log.info("line", n=number, padding="x" * {width})
notice("told")
print("written", flush=True)
sys.stdin.readline()
log.info("after", n=-1)
print("shown", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(select, "poll"), reason="without poll() a console is written as it is")
@pytest.mark.parametrize("width", [1_000, 20_000])
def test_a_program_whose_stderr_is_a_full_pipe_goes_on_and_tells_later_how_much_was_dropped(
    tmp_path: Path, width: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(width=width)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        started = time.monotonic()
        assert process.stdout.readline() == "written\n"
        assert time.monotonic() - started < 30  # it would be for ever
        found = [process.stderr.readline() for _ in range(3)]  # somebody reads: a page is free
        process.stdin.write("\n")
        process.stdin.flush()
        while "n=-1" not in found[-1]:
            found.append(process.stderr.readline())
        assert process.stdout.readline() == "shown\n"
        process.communicate("\n", timeout=30)
    finally:
        process.kill()
    assert [event.fields["n"] for event in read(tmp_path / "logs" / "ml_pipeline.log")] == [*range(300), -1]
    shown = [line for line in found if line.endswith("=" + "x" * width + "\n")]
    (told,) = [line for line in found if "weren't shown" in line]
    n_dropped = int(told.split()[1])
    assert told == f"sevenfold: {n_dropped} records weren't shown here, since nobody read them\n"
    assert n_dropped > 100
    assert n_dropped + len(shown) == 300
