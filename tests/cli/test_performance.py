from pathlib import Path

import pytest
from loguru import logger

import sinks
from sevenfold.cli import main
from sevenfold.performance import Calibration, log_calibration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with sinks.configure(tmp_path, console=None):
        log = logger.bind(channel="predictions")
        for number in range(40):
            region = {"region": "north" if number % 4 else "south"}
            told = {"decision": "approve", "probability": 0.9, "features": region}
            log.info("prediction", prediction_id=f"p{number}", **told)
        for number in range(0, 40, 2):
            log.info("outcome", prediction_id=f"p{number}", actual=int(number % 4 > 0))
        log.info("outcome", prediction_id="p0", actual=1)
        log.info("outcome", prediction_id="other", actual=1)
        log.info("outcome", of="another kind")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    assert main(["performance", *arguments]) == 0
    return [line.split("  ") for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("own_logger")
def test_it_prints_what_the_labels_of_a_folder_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [" ".join(part.split()) for part in map(" ".join, printed(capsys, "--log-dir", str(folder)))]
    assert lines[1] == "all accuracy 0.500 0.299 to 0.701 40 20"
    assert lines[-3:] == [
        "labelled, by decision: approve 50%; where that differs, what is measured is biased",
        "1 labels came again, 1 are of no prediction that is here",
        "nothing is estimated, and no alarm: no line 'calibration' on channel monitoring",
    ]


@pytest.mark.usefixtures("own_logger")
def test_it_tells_segments_apart_and_estimates_by_the_last_calibration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sinks.configure(folder, console=None):
        for n_wrong in (900, 100):
            log_calibration(Calibration(1.0, 0.0, (0.0, 0.0, 0.0), 1000, n_wrong), "v1")
    lines = [
        " ".join(" ".join(line).split())
        for line in printed(capsys, "--log-dir", str(folder), "--by", "features.region")
    ]
    assert lines[1] == "north accuracy 1.000 0.722 to 1.000 0.900 +0.100 30 10"
    assert lines[4] == "south accuracy 0.000 0.000 to 0.278 0.900 -0.900 10 10"
    assert lines[-2] == "estimated: assumes no concept drift, which labels alone show"
    assert "more than 12.7% wrong, which is what the validation rows allow" in lines[-1]


@pytest.mark.usefixtures("own_logger")
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--channel", "prediction"], 2, "unknown channel 'prediction'; did you mean 'predictions'?"),
        (["--channel", "training"], 1, "no line 'prediction' with a prediction_id on channel training"),
        (["--since", "2099-01-01"], 1, "no line 'prediction' with a prediction_id on channel predictions"),
    ],
)
def test_what_is_wrong_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    assert main(["performance", "--log-dir", str(folder), *arguments]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sevenfold performance: {message}")


@pytest.mark.usefixtures("own_logger")
def test_a_label_that_is_no_class_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with sinks.configure(folder, console=None):
        logger.bind(channel="predictions").info("outcome", prediction_id="p1", actual=7)
    assert main(["performance", "--log-dir", str(folder)]) == 1
    assert capsys.readouterr().err == (
        "sevenfold performance: actual: expected 1, 0, true, false or a decision, got 7\n"
    )
