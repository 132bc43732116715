"""A folder of seven channels stays within its bound while several processes write it as quickly as they can."""

import contextlib
import time
from pathlib import Path

import pytest

from sevenfold.audit.verify import verify
from sevenfold.channels import CHANNELS
from sevenfold.files.names import Names
from tests.support.audit_files import processes

pytestmark = pytest.mark.whole
SEALED = {"app_json.log", "app_json.head", "channels.json"}
BOUND = 20_000_000
WRITER = """
import random, sys
from pathlib import Path
import sinks
from loguru import logger
folder, n_events, written = Path(sys.argv[1]), 0, 0
loggers = [logger.bind(channel=channel.name) for channel in sinks.CHANNELS if not channel.sealed]
texts = ["".join(random.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=4_000)) for _ in range(50)]
with sinks.configure(folder, console=None, max_total="20 MB", retention=None):
    while written < 24_000_000:
        for _ in range(20):
            for number, log in enumerate(loggers):
                log.info("line", text=texts[number], other=random.choice(texts))
                written += 8_000
        logger.bind(channel="audit").info("event", n=n_events)
        n_events += 1
print(n_events, written)
"""


def unsealed(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # compressed or deleted meanwhile
            total += 0 if path.name in SEALED or path.name.startswith("app_json.2") else path.stat().st_size
    return total


def test_a_folder_under_load_is_never_beyond_its_bound_and_the_trail_is_whole(tmp_path: Path) -> None:
    logs, most = tmp_path / "logs", 0
    logs.mkdir()
    with processes() as start:
        writers = [start(WRITER, logs) for _ in range(3)]
        while any(writer.poll() is None for writer in writers):
            most = max(most, unsealed(logs))
            time.sleep(0.005)
        said = [writer.communicate(timeout=60) for writer in writers]
    assert [err for _, err in said] == [""] * 3
    counts, written = zip(*(map(int, out.split()) for out, _ in said), strict=True)
    assert sum(written) > 3 * BOUND
    assert BOUND / 2 < most <= 1.1 * BOUND
    assert unsealed(logs) <= BOUND
    verdict = verify(logs / "app_json.log")
    assert (verdict.findings, verdict.n_events) == ((), sum(counts))
    for channel in CHANNELS:
        if not channel.sealed and not channel.collects_errors:
            assert Names(logs / channel.file).rotated(), channel.name
