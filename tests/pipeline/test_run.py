import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.table import Dataset, make_synthetic
from pipeline.model.logistic import load_saved
from pipeline.run import Settings, run
from sevenfold.channel_log import ChannelLog

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
    windows = [record.fields["request_count"] for record in channel_log.channel("monitoring")]
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


def test_the_model_of_a_run_knows_the_rows_it_was_trained_on(tmp_path: Path, channel_log: ChannelLog) -> None:
    run(dataset(), settings(tmp_path, 0))
    reference = load_saved(tmp_path / "model.npz").reference()
    assert reference is not None
    trained = channel_log.channel("training")[0].fields
    assert reference.n_rows == trained["n_train"]
    means = {name: float(column.mean()) for name, column in reference.columns.items()}
    assert means == pytest.approx(trained["feature_mean"])


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
