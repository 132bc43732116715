import argparse
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import drift
from benchmarks.common import OURS

ROOT = Path(__file__).parents[2]
BARS = [
    *(f"False alarms, {n_rows} rows: 0.06" for n_rows in ("50", "100", "500", "5,000")),
    "Found, shift of .25 sd: 0.95",
    "Found, variance x 1.5: 0.9",
    "Found, shift of 1 sd and a NaN: 1",
    "Found, all NaN: 1",
    "SciPy ks_2samp, to Sevenfold: 20",
    "SciPy ks_2samp, to Sevenfold: 8",
]


def broken(*_: object) -> drift.Check:
    raise ImportError("no module named broken\nnor anything else")


def refuses_nan(*_: object) -> drift.Check:
    def check(batch: drift.Columns) -> set[str]:
        if np.isnan(batch["f3"]).any():
            raise ValueError("expected numbers, got NaN")
        return {"f3"}

    return check


def flags_all(reference: drift.Columns, _: int) -> drift.Check:
    return lambda _: set(reference)


@pytest.mark.whole("scipy")
def test_the_benchmark_of_drift_prints_its_tables_and_every_bar() -> None:
    command = [sys.executable, "-m", "benchmarks.drift", "--quick", "--peers", "SciPy ks_2samp"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    tables = [block.splitlines() for block in done.stdout.split("\n\n") if block.startswith("|")]
    firsts = [[row.split("|")[1].strip() for row in rows[2:]] for rows in tables]
    both = [OURS, "SciPy ks_2samp"]
    assert firsts == [both, both, [case.title for case in drift.OTHER_KINDS], both, both]
    found = re.findall(r"^(.*): [\d.]+; the bar of ([\d.]+) is (?:held|missed)\.$", done.stdout, re.MULTILINE)
    assert [f"{what}: {bar}" for what, bar in found] == BARS


def test_a_peer_that_is_absent_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drift, "PEERS", {"gone": broken, "there": flags_all})
    assert drift.installed(["gone", "there"]) == {"there": flags_all}
    hint = "(pip install -r benchmarks/requirements-drift.txt)"
    assert capsys.readouterr().out == f"without gone: ImportError: no module named broken {hint}\n\n"


def test_a_peer_that_raises_is_shown_so_in_its_cell(capsys: pytest.CaptureFixture[str]) -> None:
    scale = argparse.Namespace(seed=7, batches=1, peer_batches=1)
    drift.answers("Found", drift.ONE_CHANGED, {"fragile": refuses_nan}, scale)
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| fragile"))
    assert row == "| fragile | 1 | 1.000 | 1.000 | raises ValueError | raises ValueError |"


def test_a_share_counts_any_flagged_feature_or_else_the_changed_one() -> None:
    none, one = drift.NONE_DRIFTED[0], drift.ONE_CHANGED[0]
    assert [drift.share(flags_all, case, 7, 2) for case in (none, one)] == [1.0, 1.0]
    flags_another = lambda *_: lambda _: {"f4"}  # noqa: E731
    assert [drift.share(flags_another, case, 7, 2) for case in (none, one)] == [1.0, 0.0]


def test_a_verdict_names_the_bar_and_says_whether_it_is_held() -> None:
    none, one = drift.NONE_DRIFTED[0], drift.ONE_CHANGED[0]
    assert [none.verdict(share) for share in (0.06, 0.061)] == ["the bar of 0.06 is held", "the bar of 0.06 is missed"]
    assert [one.verdict(share) for share in (0.95, 0.94)] == ["the bar of 0.95 is held", "the bar of 0.95 is missed"]
