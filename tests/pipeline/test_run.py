import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.table import Dataset, make_synthetic
from pipeline.model.logistic import load_saved
from pipeline.run import Settings, run
from sevenfold.channel_log import ChannelLog
from sevenfold.drift import DriftMonitor

ROOT = Path(__file__).parents[2]


def dataset() -> Dataset:
    return make_synthetic(300, 3, np.random.default_rng(1))


def settings(folder: Path, requests: int) -> Settings:
    return Settings(epochs=2, batches=2, requests=requests, model_path=folder / "model.npz")


def test_the_requests_of_a_run_come_over_http(tmp_path: Path, channel_log: ChannelLog) -> None:
    report = run(dataset(), settings(tmp_path, 60))
    api = [record.fields for record in channel_log.channel("api")]
    assert report.n_requests == len(api) == 60
    assert {(one["run_id"], one["client_address"]) for one in api} == {(report.run_id, "127.0.0.1")}
    assert [one["http_response_status_code"] for one in api][-1] == 422
    windows = [one.fields["request_count"] for one in channel_log.channel("monitoring") if one.message == "window"]
    assert windows == [50, 10]
    events = [(record.message, record.fields.get("model_hash")) for record in channel_log.channel("audit")]
    assert [event for event, _ in events] == [
        "ml_pipeline_started",
        "model_trained",
        "service_started",
        "service_stopped",
        "ml_pipeline_completed",
    ]
    assert [digest for _, digest in events] == [None, *[report.model_hash] * 4]
    assert {record.fields["run_id"] for record in channel_log.records} == {report.run_id}


def test_the_model_of_a_run_knows_the_rows_it_was_trained_on_and_its_scores_of_others(
    tmp_path: Path, channel_log: ChannelLog
) -> None:
    run(dataset(), settings(tmp_path, 0))
    saved = load_saved(tmp_path / "model.npz")
    detector = saved.detector()
    assert detector is not None
    (trained,) = [one.fields for one in channel_log.channel("training") if one.message == "data"]
    assert (detector.reference_size, detector.outputs) == (trained["n_train"], ("probability",))
    batch = dataset().table
    probability = saved.model.predict_probability(batch)
    assert not detector.check(batch.columns | {"probability": probability}, batch_id="b").drift_detected
    found = detector.check(batch.columns | {"probability": probability / 2}, batch_id="b")
    assert (found.drifted_features, found.drifted_outputs) == ((), ("probability",))


@pytest.mark.whole
def test_a_run_goes_on_watching_where_the_last_one_of_the_same_model_stopped(
    tmp_path: Path, channel_log: ChannelLog
) -> None:
    for _ in range(2):
        run(dataset(), settings(tmp_path, 0))
    verdicts = [record.fields for record in channel_log.channel("drift") if record.message == "monitor"]
    assert [one["batch_id"] for one in verdicts] == ["batch-001", "batch-002"] * 2
    assert [one["status"] for one in verdicts] == ["ok"] * 4
    detector = load_saved(tmp_path / "model.npz").detector()
    assert detector is not None
    again = DriftMonitor.load(tmp_path / "model.monitor.npz", detector)
    assert [None if one is None else one.n_rows for one in again._held[:3]] == [None, None, 120]
    run(make_synthetic(300, 3, np.random.default_rng(2)), settings(tmp_path, 0))
    assert "drift is watched anew" in {record.message for record in channel_log.channel("drift")}


def test_drift_in_a_run_is_told_once_by_the_monitor_and_audited(tmp_path: Path, channel_log: ChannelLog) -> None:
    shifted = replace(settings(tmp_path, 0), shift_some=True)
    assert run(make_synthetic(2000, 3, np.random.default_rng(1)), shifted).n_drifted == 1
    drift = channel_log.channel("drift")
    assert {record.level for record in drift if record.message != "monitor"} == {"INFO"}
    assert [record.level for record in drift if record.message == "monitor"] == ["INFO", "WARNING"]
    (audited,) = (record.fields for record in channel_log.channel("audit") if record.message == "drift_detected")
    told = drift[-1].fields
    assert told["alarm"]
    assert (audited["resource"], audited["drifted_features"]) == ("batch-002", told["features"])


def test_a_run_that_cannot_serve_fails_and_says_why(
    tmp_path: Path, channel_log: ChannelLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.run.LOOPBACK", "192.0.2.7")  # an address that nobody has
    with pytest.raises(OSError, match=r"can't listen on 192\.0\.2\.7:0: "):
        run(dataset(), settings(tmp_path, 1))
    audit = [(record.message, record.fields["outcome"]) for record in channel_log.channel("audit")][-2:]
    assert audit == [("model_trained", "success"), ("ml_pipeline_failed", "failure")]


@pytest.mark.whole
def test_a_run_without_requests_starts_no_server_and_imports_none(tmp_path: Path) -> None:
    program = f"""
import sys, threading, numpy, pathlib
from loguru import logger
logger.remove()
from pipeline.data.table import make_synthetic
from pipeline.run import Settings, run
settings = Settings(epochs=1, requests=0, model_path=pathlib.Path({str(tmp_path / "model.npz")!r}))
run(make_synthetic(200, 2, numpy.random.default_rng(1)), settings)
assert not {{"uvicorn", "starlette", "pipeline.service.server", "main"}} & set(sys.modules)
import main
assert not {{"uvicorn", "starlette", "pipeline.service.server"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
