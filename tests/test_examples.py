"""The examples, as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# What each prints; its log goes to stderr.
PRINTED = {
    "five_lines.py": ["predictions approve 0.93"],
    "own_channels.py": [
        "{'training.log': 2, 'features.log': 2, 'decisions.log': 1, 'failures.log': 1}",
        "training training failed ZeroDivisionError",
        "decisions proved: True",
    ],
    "pool.py": ["5,000 rows scored, 5,000 lines logged"],
}
SERVED = {"fastapi_app.py"}  # tests.asgi.test_frameworks has uvicorn run it


def test_each_example_is_known() -> None:
    assert sorted(path.name for path in (ROOT / "examples").glob("*.py")) == sorted({*PRINTED, *SERVED})


@pytest.mark.whole
@pytest.mark.parametrize("name", PRINTED)
def test_an_example_does_what_it_says(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "examples" / name)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=100, check=False
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, PRINTED[name]), done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith(("sevenfold:", "---"))] == []
