"""A writer that is stopped at any system call of an append causes no false finding, and loses no acknowledged event."""

import json
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest

from tests.support.audit_files import run

pytest.importorskip("fcntl", reason="stops writers that it forks")
from tests.support.fault_injection import Case

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(sys.platform == "win32", reason="stops writers that it forks"),
]

PROGRAM = """
import json, sys
from pathlib import Path
from tests.support.fault_injection import Case, failures
sys.unraisablehook = lambda _: None  # of what an exception interrupts in a __del__
n_points, found = failures(Path(sys.argv[1]), Case(**json.loads(sys.argv[2])))
print(n_points, *found, sep="\\n")
"""
FEW = [
    Case("kill", 1, rotation=True, second=True),  # the line fills the file, and the next event rotates it
    Case("raise", 2, rotation=True, key=True),
    Case("kill", 3, rotation=True, every=9),
    Case("kill", 2, rotation=True, packed=True, key=True, second=True, every=10),
    Case("raise", 3, rotation=True, packed=True, every=11),
    Case("kill", 0, every=11),
]
YES_OR_NO = (False, True)
ALL = [
    Case(how, stop_at, rotation=rotation, packed=packed, key=key, second=second)
    for how in ("kill", "raise")
    for stop_at in range(4)
    for rotation, packed, key, second in product(YES_OR_NO, repeat=4)
    if rotation or not packed
]


@pytest.mark.timeout(600)  # all points of a case, on a busy machine
@pytest.mark.parametrize("case", [*FEW, *(pytest.param(case, marks=pytest.mark.slow) for case in ALL)], ids=str)
def test_a_writer_that_is_stopped_at_any_system_call_leaves_a_trail_that_is_proved(tmp_path: Path, case: Case) -> None:
    n_points, *failures = run(PROGRAM, tmp_path, json.dumps(asdict(case)), timeout_s=500).splitlines()
    assert failures == []
    assert int(n_points) >= 10
