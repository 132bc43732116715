import pytest

from benchmarks import tables

pytestmark = pytest.mark.whole("pandas")


def test_each_shape_has_a_row_that_says_what_reading_and_the_whole_run_took(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SHAPES", [tables.Shape(10_000, 6, 20.0)])
    tables.main(["--quick"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 200 x 6 |")]
    assert len(rows) == 1
    assert rows[0].count("times pandas: the bar of ") >= 1
    assert rows[0].count(" s") >= 3
