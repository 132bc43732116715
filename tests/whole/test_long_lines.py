"""A line without an end costs readers bounded memory, and is reported."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sevenfold.files.opening import LONGEST_LINE
from tests.support.audit_files import ENVIRONMENT, Trail

PROGRAM = """
import json, resource, sys
from pathlib import Path
from sevenfold import read, verify

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
folder, told = Path(sys.argv[1]), []
events = [event.message for event in read(folder / "api.log", on_bad=lambda *bad: told.append(list(map(str, bad))))]
findings = list(map(str, verify(folder / "app_json.log").findings))
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(json.dumps([events, told, findings, grown]))
"""
LINE = b"2026-11-23T08:36:11.096123Z | INFO     | api | %s\n"
CHUNK = b"x" * 10**6


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
@pytest.mark.parametrize("packed", [False, True])
def test_a_line_of_half_a_gigabyte_is_told_and_never_held(tmp_path: Path, packed: bool) -> None:
    name = "api.2026-11-23_08-36-11_000001.log"
    with gzip.open(tmp_path / f"{name}.gz", "wb", 1) if packed else (tmp_path / name).open("wb") as file:
        file.write(LINE % b"before")
        for _ in range(500):
            file.write(CHUNK)
        file.write(b"\n" + LINE % b"after")
    (tmp_path / "api.log").write_bytes(LINE % b"last")
    trail = Trail(tmp_path / "app_json.log")
    trail.log(range(1, 4))
    with trail.path.open("ab") as file:
        for _ in range(500):
            file.write(CHUNK)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    events, told, findings, grown = json.loads(done.stdout)
    assert events == ["before", "after", "last"]
    assert [(Path(path).name.removesuffix(".gz"), number, why) for path, number, why in told] == [
        (name, "2", f"expected a line's end within {LONGEST_LINE} bytes")
    ]
    assert findings == [f"{trail.path}:4: inserted: a line of more than {LONGEST_LINE} bytes"]
    assert grown < 4 * LONGEST_LINE
