from pathlib import Path

import pytest

from pipeline import faults
from sevenfold.channel_log import ChannelLog


def test_both_faults_happen_and_are_logged_with_their_exceptions(channel_log: ChannelLog, tmp_path: Path) -> None:
    faults.provoke(tmp_path)
    records = channel_log.channel("errors")
    assert [(record.fields["fault"], type(record.exception)) for record in records] == [
        ("division_by_zero", ZeroDivisionError),
        ("missing_file", FileNotFoundError),
    ]


def test_the_functions_that_fail_work_when_nothing_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.txt"
    path.write_text("approve = 0.5\n\nreview=0.4\n", encoding="utf-8")
    assert faults.read_thresholds(path) == {"approve": 0.5, "review": 0.4}
    assert faults.error_rate(1, 4) == 0.25
    with pytest.raises(ZeroDivisionError):
        faults.error_rate(0, 0)
