"""The main job on a real terminal."""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.whole

fcntl: Any = pytest.importorskip("fcntl", reason="Windows has no pseudo-terminals in the standard library")
termios: Any = pytest.importorskip("termios")
ROOT = Path(__file__).parents[2]


def on_a_terminal(folder: Path, columns: int, *arguments: str) -> tuple[int, list[str]]:
    """Run main.py on a terminal so wide; return its exit status and all that was shown, line by line, uncoloured."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *arguments], cwd=folder, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:  # Linux's way to say that the other side is closed
        pass
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    return process.wait(60), [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


@pytest.mark.parametrize("columns", [60, 100])
def test_a_run_on_a_terminal(columns: int, tmp_path: Path) -> None:
    status, screen = on_a_terminal(tmp_path, columns, "--requests", "20")
    assert status == 0
    shown = [line for line in screen if re.match(r"\d\d:\d\d:\d\dZ ", line)]
    assert max(map(len, shown)) < columns
    kinds = [line[10:].split(maxsplit=3)[1:3] for line in shown]
    assert kinds.count(["training", "stage"]) == 5
    assert kinds.count(["training", "epoch"]) == 6
    assert (kinds.count(["drift", "batch"]), kinds.count(["drift", "monitor"])) == (6, 2)
    assert ["drift", "feature"] not in kinds
    assert 30 <= len(shown) <= 40
    assert not any(line.startswith("    ") for line in screen if "Traceback" in line)
    assert sum("run_id" in line for line in screen) == 2  # at the start, and in the summary
    stages = "train:", "score:", "serve:", "learn outcomes:", "provoke faults:"
    bars = "".join(screen)
    assert all(f"{stage}" in bars for stage in stages)
    assert {"training:", "scoring:", "asking:"} <= set(re.findall(r"\w+:", bars))
    table = [line.split() for line in screen if re.match(r"\w+\.log ", line)]
    assert len(table) == 7
    assert {file: warnings for file, _, warnings, *_ in table if warnings != "0"} == {
        "data_drift.log": "2",
        "errors.log": "2",
    }


def test_a_second_run_tells_what_it_wrote_itself_and_provokes_nothing_if_asked(tmp_path: Path) -> None:
    for _ in range(2):
        status, screen = on_a_terminal(tmp_path, 100, "--requests", "0", "--rows", "1000", "--no-faults")
        assert status == 0
    table = {line.split()[0]: line.split()[1:] for line in screen[-7:]}
    assert table["errors.log"] == ["0", "0", "0", "B"]
    both = (tmp_path / "logs" / "predictions.log").stat().st_size
    assert float(table["predictions.log"][2]) == pytest.approx(both / 2000, abs=0.1)
    assert "provoke" not in "".join(screen)
