"""lnav reads our files with the format in docs/lnav."""

from __future__ import annotations

import csv
import gzip
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from loguru import logger

import sinks
from sevenfold.reading.folder import read

FORMAT = Path(__file__).parents[2] / "docs" / "lnav" / "sevenfold.json"

pytestmark = [
    pytest.mark.whole,
    pytest.mark.usefixtures("own_logger"),
    pytest.mark.skipif(shutil.which("lnav") is None, reason="needs lnav, Debian's package of that name"),
]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Log on several channels, and put an older file beside one, compressed."""
    logs = tmp_path / "logs"
    with sinks.configure(logs, console=None):
        for i in range(5):
            logger.bind(channel="predictions").info("prediction", features={"income": i / 7}, decision="approve")
        logger.bind(channel="api").warning("slow | request", duration_ms=3.5)
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logger.bind(channel="api").exception("failed", status=500)
        for event in ("model_trained", "model_saved"):
            logger.bind(channel="audit").info(event, event=event)
        logger.warning("no channel")
    old = "".join(f"2026-01-01T00:00:0{i}.000000Z | SUCCESS  | predictions | older | n={i}\n" for i in range(3))
    (logs / "predictions.2026-01-01_00-00-09_000000.log.gz").write_bytes(gzip.compress(old.encode()))
    return logs


@pytest.fixture
def lnav(tmp_path: Path) -> Lnav:
    return Lnav(tmp_path)


class Lnav:
    """Lnav in a home of its own, with the format installed."""

    def __init__(self, home: Path) -> None:
        self._environment = os.environ | {"HOME": str(home)}
        self._run("-i", str(FORMAT))

    def query(self, query: str, *files: Path) -> list[list[str]]:
        printed = self._run("-n", "-c", f";{query}", "-c", ":write-csv-to -", *map(str, files))
        return list(csv.reader(printed.splitlines(keepends=True)))[1:]

    def _run(self, *arguments: str) -> str:
        command = ["lnav", *arguments]
        done = subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        assert "error" not in done.stderr
        return done.stdout


def test_channels_and_levels_are_counted_in_live_and_compressed_files(logs: Path, lnav: Lnav) -> None:
    files = sorted(path for path in logs.glob("*.log*") if path.name != "errors.log" and path.stat().st_size)
    rows = lnav.query("select channel, log_level, count(*) from sevenfold_log group by 1, 2", *files)
    severity = {"SUCCESS": "info"}
    expected = Counter(
        (event.channel, severity.get(event.level, event.level.lower()))
        for event in read(logs)
        if event.channel not in {"audit", None}
    )
    assert {(channel, level): int(n) for channel, level, n in rows} == expected


def test_a_traceback_is_one_message_with_its_line(logs: Path, lnav: Lnav) -> None:
    rows = lnav.query("select log_level, channel, log_body, fields, log_text from sevenfold_log", logs / "errors.log")
    assert [row[:3] for row in rows] == [["error", "api", "failed"], ["warning", "-", "no channel"]]
    assert rows[0][3].startswith("status=500 exception_type=ZeroDivisionError ")
    assert rows[0][4].endswith("    ZeroDivisionError: division by zero")


def test_the_audit_trail_is_read_by_its_events(logs: Path, lnav: Lnav) -> None:
    rows = lnav.query('select log_level, log_body, "record/extra/event" from sevenfold_audit', logs / "app_json.log")
    assert rows == [["info", event, event] for event in ("model_trained", "model_saved")]
