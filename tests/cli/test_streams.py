import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]


def run_unread(*arguments: str) -> tuple[int, bytes]:
    """Run main.py with a standard output that nobody reads any more."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as nobody:
        command = [sys.executable, str(ROOT / "main.py"), *arguments]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stderr


def test_a_reader_that_has_left_changes_no_verdict_and_gets_no_complaint(tmp_path: Path) -> None:
    (tmp_path / "app_json.log").write_text('{"not": "sealed"}\n', encoding="utf-8")
    assert run_unread("verify", "--log-dir", str(tmp_path)) == (1, b"")
