import hashlib
import json
from pathlib import Path

import pytest

from pipeline.service.lifecycle import serving
from pipeline.service.scoring import Request
from sevenfold.channel_log import ChannelLog
from tests.support.log_files import told
from tests.support.small_model import ROW, save_trained, trained

REQUEST = Request("POST", "/predict", json.dumps(ROW).encode())


def test_a_service_is_audited_from_its_start_to_its_end_and_leaves_nothing_unsaid(
    tmp_path: Path, channel_log: ChannelLog
) -> None:
    path = save_trained(tmp_path)
    with serving(path, window_requests=20, drift_batch_rows=30, worker_id="pid-7") as service:
        statuses = [service.handle(REQUEST).status for _ in range(30)]
    assert statuses == [200] * 30
    assert [record.fields["request_count"] for record in channel_log.channel("monitoring")] == [20, 10]
    assert {record.fields["worker_id"] for record in channel_log.channel("monitoring")} == {"pid-7"}
    (verdict,) = (record for record in channel_log.channel("drift") if record.message == "batch")
    assert verdict.fields["drifted_features"] == list(ROW)  # thirty times the same row
    started, drifted, stopped = (record.fields for record in channel_log.channel("audit"))
    common = {
        "actor": started["actor"],
        "resource": str(path),
        "model_hash": hashlib.sha256(path.read_bytes()).hexdigest(),
        "worker_id": "pid-7",
    }
    assert started == {"event": "service_started", "outcome": "started", **common}
    assert drifted["resource"] == verdict.fields["batch_id"] == "live-pid-7-000001"
    assert stopped.pop("duration_s") > 0
    assert stopped == {"event": "service_stopped", "outcome": "success", **common, "request_count": 30}
    assert told(channel_log)[-1][2] == "service_stopped"


def serve_and_break(path: Path) -> None:
    with serving(path, window_s=None) as service:
        service.handle(REQUEST)
        raise ZeroDivisionError


def test_a_service_that_breaks_is_audited_as_a_failure(tmp_path: Path, channel_log: ChannelLog) -> None:
    with pytest.raises(ZeroDivisionError):
        serve_and_break(save_trained(tmp_path))
    assert [record.fields["outcome"] for record in channel_log.channel("audit")] == ["started", "failure"]
    assert len(channel_log.channel("monitoring")) == 1


def test_a_model_without_a_reference_is_served_without_live_drift(tmp_path: Path, channel_log: ChannelLog) -> None:
    with serving(save_trained(tmp_path, with_reference=False), drift_batch_rows=30) as service:
        for _ in range(30):
            service.handle(REQUEST)
    (record,) = channel_log.channel("drift")
    assert (record.level, record.message) == ("INFO", "no live drift: the model's file has no reference")


def test_live_drift_can_be_switched_off(tmp_path: Path, channel_log: ChannelLog) -> None:
    with serving(save_trained(tmp_path), drift_batch_rows=None) as service:
        for _ in range(30):
            service.handle(REQUEST)
    assert channel_log.channel("drift") == []


def test_the_same_rows_as_in_training_are_no_drift(tmp_path: Path, channel_log: ChannelLog) -> None:
    body = json.dumps(list(trained()[1].rows())).encode()
    with serving(save_trained(tmp_path), drift_batch_rows=200) as service:
        service.handle(Request("POST", "/predict", body))
    verdicts = [record.fields["drift_detected"] for record in channel_log.channel("drift") if record.message == "batch"]
    assert verdicts == [False, False]


def test_a_missing_model_says_how_to_make_one_and_nothing_is_logged(channel_log: ChannelLog) -> None:
    message = f"{Path('artifacts', 'none.npz')} isn't there; make it with: python main.py"
    with pytest.raises(FileNotFoundError) as caught, serving(Path("artifacts", "none.npz")):
        pass
    assert str(caught.value) == message
    assert channel_log.records == []


def test_a_file_that_is_no_model_is_named(tmp_path: Path, channel_log: ChannelLog) -> None:
    (tmp_path / "model.npz").write_text("no model")
    with pytest.raises(ValueError, match=r"model\.npz: expected a saved model"), serving(tmp_path / "model.npz"):
        pass
    assert channel_log.records == []
