"""The main job, as a user starts it."""

import contextlib
import csv
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import main
import sinks
from sevenfold.cli.parser import WRONG_INPUT
from sevenfold.lines.parsing import Event
from tests.support.log_files import read_events, read_json
from tests.support.loggers import own_logger

ROOT = Path(main.__file__).parent
FILES = [row.file for row in sinks.CHANNELS]
TEXT_FILES = [file for file in FILES if file != "app_json.log"]
SMALL = ["--rows", "300", "--epochs", "3", "--batches", "2", "--requests", "10"]

in_own_folder = pytest.mark.usefixtures("own_logger", "own_folder")


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Run:
    """What a run left behind and printed."""

    folder: Path
    out: str
    err: str

    def events(self, file: str) -> list[Event]:
        return read_events(self.folder / "logs" / file)

    def audit(self) -> list[dict[str, Any]]:
        return [line["record"]["extra"] for line in read_json(self.folder / "logs" / "app_json.log")]


@pytest.fixture(scope="module")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The main job without any option; it is looked at from all sides, and run once."""
    folder, out, err = tmp_path_factory.mktemp("run"), io.StringIO(), io.StringIO()
    with own_logger(), contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main.main([]) == main.OK
    return Run(folder, out.getvalue(), err.getvalue())


def write_applicants(path: Path, n_rows: int = 400, seed: int = 1, **constant: str) -> None:
    """Write a table with text columns, quotes, gaps and an identifier; the target depends on two of the columns."""
    rng = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["applicant_id", "income", "age", "owner", "city", "currency", "card"])
        rows.writeheader()
        for number in range(n_rows):
            income, owner = rng.gauss(3, 1), rng.choice(["yes", "no"])
            accepted = rng.random() < 1 / (1 + 2.7 ** -(2 * income - 6 + (owner == "yes")))
            row = {
                "applicant_id": f"A{number:05d}",
                "income": f"{income:.3f}" if rng.random() > 0.1 else "",
                "age": rng.choice(["", "NA", str(rng.randrange(18, 90))]),
                "owner": owner,
                "city": rng.choice(["Bern", 'the "City"', "Paris, TX", "Köln", ""]),
                "currency": "EUR",
                "card": "yes" if accepted else "no",
            }
            rows.writerow(row | constant)


def test_the_main_job_fills_seven_files_and_tells_how_many_events_are_in_each(default_run: Run) -> None:
    logs = default_run.folder / "logs"
    assert sorted(path.name for path in logs.iterdir()) == sorted(
        [*FILES, "app_json.head", "channels.json", ".channels.lock", "report.html"]
    )
    events = {file: default_run.events(file) for file in TEXT_FILES}
    counts = {file: len(found) for file, found in events.items()} | {"app_json.log": len(default_run.audit())}
    *_, printed, told = default_run.out.strip().split("\n\n")
    assert told == f"report: {Path('logs', 'report.html')}"
    table = [line.split() for line in printed.splitlines()[1:]]
    assert {file: int(count.replace(",", "")) for file, count, *_ in table} == counts
    assert all(counts.values())
    run_ids = {event.fields["run_id"] for found in events.values() for event in found}
    assert run_ids == {fields["run_id"] for fields in default_run.audit()}
    assert len(run_ids) == 1
    said = default_run.err.splitlines()
    assert [line for line in said if "Loguru" in line or line.startswith("sevenfold:")] == []
    assert all(" | " in line for line in said)


def test_each_file_says_what_it_is_there_for(default_run: Run) -> None:
    training = default_run.events("ml_pipeline.log")
    stages = [event.fields["stage"] for event in training if event.message == "stage"]
    assert stages == ["train", "score", "serve", "learn outcomes", "provoke faults"]
    training = [event for event in training if event.message != "stage"]
    data, epoch = training[0].fields, training[1].fields
    assert len(data["feature_mean"]) == len(data["feature_std"]) == data["n_features"] == 8
    assert {"epoch", "train_loss", "val_loss", "val_accuracy", "val_auc"} <= set(epoch)
    assert training[-1].fields["val_accuracy"] > data["baseline_accuracy"] + 0.2

    predictions = [e.fields for e in default_run.events("predictions.log") if e.message == "prediction"]
    assert {row["decision"] for row in predictions} == {"approve", "deny"}
    assert all(len(row["features"]) == 8 and 0.5 <= row["confidence"] <= 1 for row in predictions)

    verdicts = [event for event in default_run.events("data_drift.log") if event.message == "batch"]
    assert [event.level for event in verdicts] == ["INFO"] * 6
    assert [event.fields["drift_detected"] for event in verdicts] == [False] * 4 + [True] * 2
    monitored = [event for event in default_run.events("data_drift.log") if event.message == "monitor"]
    assert [(event.level, event.fields["alarm"]) for event in monitored] == [("INFO", False)] * 4 + [
        ("WARNING", True)
    ] * 2

    outcomes = {e.fields["prediction_id"] for e in default_run.events("predictions.log") if e.message == "outcome"}
    assert len(outcomes) == 2000
    assert outcomes == {row["prediction_id"] for row in predictions if "batch" in row["prediction_id"]}

    monitoring = default_run.events("monitoring.log")
    assert Counter(event.message for event in monitoring) == {
        "calibration": 1,
        "window": 4,
        "performance_alarm": 6,
        "labels": 1,
        "performance": 18,
    }
    windows = [event.fields for event in monitoring if event.message == "window"]
    assert sum(window["request_count"] for window in windows) == 200
    assert sum(window["error_count"] for window in windows) == 0
    assert all(0 < w["latency_ms_p50"] <= w["latency_ms_p95"] <= w["latency_ms_max"] for w in windows)

    statuses = [event.fields["http_response_status_code"] for event in default_run.events("api_requests.log")]
    assert len(statuses) == 200
    assert set(statuses) == {200, 400, 404, 405, 415, 422}

    errors = default_run.events("errors.log")
    assert [error.fields["exception_type"] for error in errors] == [
        "ZeroDivisionError",
        "FileNotFoundError",
    ]
    assert all(error.exception and "Traceback (most recent call last):" in error.exception for error in errors)

    audit = default_run.audit()
    assert [(event["event"], event["outcome"]) for event in audit] == [
        ("ml_pipeline_started", "started"),
        ("model_trained", "success"),
        ("drift_detected", "detected"),
        ("drift_detected", "detected"),
        ("service_started", "started"),
        ("service_stopped", "success"),
        ("ml_pipeline_completed", "success"),
    ]
    assert audit[1]["model_hash"] == audit[-1]["model_hash"]
    assert audit[-1]["duration_s"] > 0


def test_a_request_can_be_followed_through_its_files(default_run: Run) -> None:
    api, predictions = (
        {e.fields["request_id"]: e.fields for e in default_run.events(file) if "request_id" in e.fields}
        for file in ("api_requests.log", "predictions.log")
    )
    by_status: dict[int, set[str]] = {}
    for request_id, fields in api.items():
        by_status.setdefault(fields["http_response_status_code"], set()).add(request_id)
    assert len(api) == 200
    assert set(predictions) == by_status[200]
    assert set(by_status) >= {200, 422}


@pytest.mark.whole
@in_own_folder
def test_the_same_seed_gives_the_same_numbers_and_the_same_model() -> None:
    runs = []
    for name in ("first", "second"):
        assert main.main([*SMALL, "--log-dir", name, "--model", f"{name}.npz"]) == main.OK
        runs.append([_numbers(event) for file in TEXT_FILES[:3] for event in read_events(Path(name, file))])
    assert runs[0] == runs[1]
    assert Path("first.npz").read_bytes() == Path("second.npz").read_bytes()
    assert main.main([*SMALL, "--log-dir", "third", "--seed", "8", "--requests", "0"]) == main.OK
    assert runs[0] != [_numbers(event) for file in TEXT_FILES[:3] for event in read_events(Path("third", file))]


def _numbers(event: Any) -> tuple[str, dict[str, Any]]:
    varying = {"run_id", "request_id", "prediction_id", "epoch_duration_s", "model_version"}
    return event.message, {name: value for name, value in event.fields.items() if name not in varying}


@pytest.mark.whole
@in_own_folder
def test_a_table_of_ones_own_with_text_and_gaps(capsys: pytest.CaptureFixture[str]) -> None:
    write_applicants(Path("applicants.csv"))
    table = ["--data", "applicants.csv", "--target", "card", "--positive", "yes", "--requests", "5"]
    assert main.main(table) == main.OK
    training = read_events(Path("logs", "ml_pipeline.log"))
    left_out = {e.fields["column"]: e.level for e in training if e.message == "column left out"}
    assert left_out == {"applicant_id": "WARNING", "currency": "WARNING"}
    (finished,) = [event.fields for event in training if event.message == "training finished"]
    assert finished["val_auc"] > 0.75
    assert read_events(Path("logs", "errors.log")) == []  # faults are provoked for made-up data only
    features = read_events(Path("logs", "predictions.log"))[0].fields["features"]
    assert set(features) == {"income", "age", "owner", "city"}
    assert main.main([*table, "--drop", "city,age", "--epochs", "1"]) == main.OK
    predictions = [e for e in read_events(Path("logs", "predictions.log")) if e.message == "prediction"]
    features = predictions[-1].fields["features"]
    assert set(features) == {"income", "owner"}
    assert "sevenfold:" not in capsys.readouterr().err


@pytest.mark.whole
@in_own_folder
def test_a_second_table_is_scored_and_compared_with_the_first() -> None:
    write_applicants(Path("applicants.csv"), 600)
    write_applicants(Path("new.csv"), 200, seed=2, owner="yes", city="Rome")
    table = ["--data", "applicants.csv", "--target", "card", "--score", "new.csv", "--batches", "1"]
    assert main.main([*table, "--requests", "0"]) == main.OK
    (verdict,) = [e.fields for e in read_events(Path("logs", "data_drift.log")) if e.message == "batch"]
    assert (verdict["batch_size"], sorted(verdict["drifted_features"])) == (200, ["city", "owner"])
    assert [e.message for e in read_events(Path("logs", "predictions.log"))] == ["prediction"] * 200


@in_own_folder
@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, ["--target", "card"], "no such file"),
        ("income,card\n1,yes\n", ["--target", "cards"], "card"),
        ("income,card\n" + "1,yes\n2,yes\n" * 20, ["--target", "card"], "class"),
        ("income,card\n" + "1,yes\n1,no\n" * 20, ["--target", "card"], "column"),
        ("income,card\n1,yes\n2\n", ["--target", "card"], "line 3"),
        ("", ["--target", "card"], "empty"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line_and_nothing_is_logged(
    capsys: pytest.CaptureFixture[str], content: str | None, arguments: list[str], message: str
) -> None:
    if content is not None:
        Path("t.csv").write_text(content, encoding="utf-8")
    assert main.main(["--data", "t.csv", *arguments]) == WRONG_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("main.py: ")
    assert message in line.lower()
    assert not Path("logs").exists()


@in_own_folder
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rows", "12"], "main.py: argument --rows: expected at least 100, got 12; see main.py --help"),
        (["--epochs", "x"], "main.py: argument --epochs: expected a whole number, got 'x'; see main.py --help"),
        (["--target", "y"], "main.py: --target goes with --data FILE.csv; see main.py --help"),
        (
            ["--data", "t.csv"],
            "main.py: --data needs --target COLUMN, the column to predict; see main.py --help",
        ),
        (["--colour"], "main.py: unrecognized arguments: --colour; see main.py --help"),
    ],
)
def test_what_is_wrong_with_an_option_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main(arguments)
    assert stopped.value.code == WRONG_INPUT
    assert capsys.readouterr().err == line + "\n"


@in_own_folder
def test_a_log_folder_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("logs").write_text("a file", encoding="utf-8")
    assert main.main([]) == WRONG_INPUT
    captured = capsys.readouterr()
    said = "main.py: logs: the log folder can't be written: it is a file; without files: configure(None, "
    assert captured.err.startswith(said)
    assert len(captured.err.splitlines()) == 1
    assert Path("logs").read_text(encoding="utf-8") == "a file"


@in_own_folder
def test_a_pipeline_that_fails_is_audited_with_its_traceback_in_errors_log(capsys: pytest.CaptureFixture[str]) -> None:
    Path("artifacts").write_text("a file where the model's folder should be", encoding="utf-8")
    assert main.main(SMALL) == main.FAILED
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("main.py: the pipeline failed: ")
    assert last.endswith(f"the traceback is in {Path('logs', 'errors.log')}")
    failed = read_json(Path("logs", "app_json.log"))[-1]["record"]
    assert (failed["message"], failed["extra"]["outcome"], failed["level"]["name"]) == (
        "ml_pipeline_failed",
        "failure",
        "ERROR",
    )
    (error,) = read_events(Path("logs", "errors.log"))
    assert error.channel == "audit"
    assert error.exception is not None
    assert "save(model, settings.model_path, detector)" in error.exception


WAITING = """
import sys, time
import main, pipeline.run

def wait(*_):
    print("scored", flush=True)
    time.sleep(60)

pipeline.run._serve = wait
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.mark.whole
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_ends_the_run_cleanly_and_audited(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, *SMALL],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "scored\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == main.INTERRUPTED
    assert err.splitlines()[-1] == "main.py: interrupted; what was logged is kept"
    assert "Traceback" not in err
    last = read_json(tmp_path / "logs" / "app_json.log")[-1]["record"]["extra"]
    assert (last["event"], last["outcome"]) == ("ml_pipeline_failed", "interrupted")
    assert len(read_events(tmp_path / "logs" / "predictions.log")) > 10


@pytest.mark.whole
@pytest.mark.skipif(os.name != "posix", reason="closes streams as a shell does")
@pytest.mark.parametrize(
    "redirection", [">&- 2>&-", "| true", *(pytest.param(one, marks=pytest.mark.slow) for one in ("2>&-", ">&-"))]
)
def test_a_run_does_not_depend_on_who_reads_what_it_prints(tmp_path: Path, redirection: str) -> None:
    command = f'"{sys.executable}" "{ROOT}/main.py" --rows 300 --epochs 2 --requests 5 {redirection}'
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert read_json(tmp_path / "logs" / "app_json.log")[-1]["record"]["extra"]["event"] == "ml_pipeline_completed"


@pytest.mark.whole
def test_the_model_of_a_run_is_a_plain_file_whose_hash_is_audited(default_run: Run) -> None:
    trained = default_run.audit()[1]
    model = default_run.folder / "artifacts" / "model.npz"
    assert hashlib.sha256(model.read_bytes()).hexdigest() == trained["model_hash"]
    assert json.loads(json.dumps(trained)) == trained
