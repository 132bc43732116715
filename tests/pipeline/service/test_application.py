import asyncio
import hashlib
import json
import math
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from pipeline.service.application import Settings, load, make_app
from sevenfold.asgi import ApiLog
from sevenfold.asgi.types import Message
from sevenfold.channel_log import ChannelLog
from tests.support.asgi_client import body, conversation, http
from tests.support.log_files import told
from tests.support.small_model import ROW, save_trained, trained


def live(app: ApiLog, *contents: Any) -> list[str]:
    """Have a service live, and answer these in between; return what it says of its life."""
    phases: asyncio.Queue[Message] = asyncio.Queue()
    said: list[str] = []

    async def send(message: Message) -> None:
        said.append(message["type"])

    async def run() -> None:
        life = asyncio.create_task(app({"type": "lifespan", "state": {}}, phases.get, send))
        await phases.put({"type": "lifespan.startup"})
        for content in contents:
            scope = http("/predict", "POST", headers={"content_type": "application/json"})
            (start, *_) = await conversation(app, scope, [body(json.dumps(content).encode())])
            assert start["status"] == 200
        await phases.put({"type": "lifespan.shutdown"})
        await life

    asyncio.run(run())
    return said


def service(folder: Path, *, reference: bool = True, **more: Any) -> ApiLog:
    path = str(save_trained(folder, with_reference=reference))
    options = {name: more.pop(name) for name in ("worker_id", "at_end", "accept_id") if name in more}
    return make_app(load(path), Settings(model=path, **more), **options)


def test_a_service_is_audited_from_its_start_to_its_end_and_leaves_nothing_unsaid(
    tmp_path: Path, channel_log: ChannelLog
) -> None:
    ended: list[int] = []
    app = service(
        tmp_path,
        window_requests=20,
        drift_rows=30,
        worker_id="pid-7",
        at_end=lambda: ended.append(len(channel_log.records)),
    )
    assert live(app, *[ROW] * 30) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert [record.fields["request_count"] for record in channel_log.channel("monitoring")] == [20, 10]
    for channel in ("monitoring", "api", "audit"):
        assert {one.fields["worker_id"] for one in channel_log.channel(channel) if one.message != "drift_detected"} == {
            "pid-7"
        }
    (verdict,) = (record for record in channel_log.channel("drift") if record.message == "batch")
    assert verdict.fields["drifted_features"] == list(ROW)  # thirty times the same row
    started, drifted, stopped = (record.fields for record in channel_log.channel("audit"))
    path = tmp_path / "model.npz"
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
    assert ended == [len(channel_log.records)]


def test_windows_have_decisions_by_row_and_the_mean_confidence(tmp_path: Path, channel_log: ChannelLog) -> None:
    live(service(tmp_path, drift_rows=0), ROW, [ROW, ROW])
    (window,) = channel_log.channel("monitoring")
    confidences = [record.fields["confidence"] for record in channel_log.channel("predictions")]
    assert window.fields["decision_counts"] == {"approve": 3}
    assert window.fields["mean_confidence"] == pytest.approx(confidences[0])


def test_a_model_without_a_reference_is_served_without_live_drift(tmp_path: Path, channel_log: ChannelLog) -> None:
    live(service(tmp_path, reference=False, drift_rows=30), *[ROW] * 30)
    (record,) = channel_log.channel("drift")
    assert (record.level, record.message) == ("INFO", "no live drift: the model's file has no reference")


def test_live_drift_can_be_switched_off(tmp_path: Path, channel_log: ChannelLog) -> None:
    live(service(tmp_path, drift_rows=0), *[ROW] * 30)
    assert channel_log.channel("drift") == []


def test_the_same_rows_as_in_training_are_no_drift(tmp_path: Path, channel_log: ChannelLog) -> None:
    live(service(tmp_path, drift_rows=200), list(trained()[1].rows()))
    verdicts = [one.fields["drift_detected"] for one in channel_log.channel("drift") if one.message == "batch"]
    assert verdicts == [False, False]


def test_what_is_wrong_is_said_before_anything_is_logged(tmp_path: Path, channel_log: ChannelLog) -> None:
    with pytest.raises(FileNotFoundError, match=r"^none\.npz isn't there; make it with: python main\.py$"):
        load("none.npz")
    (tmp_path / "model.npz").write_text("no model", encoding="utf-8")
    with pytest.raises(ValueError, match=r"model\.npz: expected a saved model"):
        load(str(tmp_path / "model.npz"))
    with pytest.raises(ValueError, match=r"^drift is found in batches of at least 30 rows, got 3$"):
        service(tmp_path, drift_rows=3)
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/99' does not appear to be"):
        service(tmp_path, trusted_proxies="10.0.0.0/99")
    assert channel_log.records == []


def test_ids_that_are_not_accepted_are_replaced_in_answer_and_log(tmp_path: Path, channel_log: ChannelLog) -> None:
    app = service(tmp_path, drift_rows=0, accept_id=lambda one: one != "secret")
    for request_id in ("secret", "order-1"):
        scope = http("/schema", headers={"x_request_id": request_id})
        asyncio.run(conversation(app, scope))
    first, second = (record.fields["request_id"] for record in channel_log.records)
    assert (first[:4], second) == ("req-", "order-1")


def test_proxies_that_are_trusted_are_told_with_commas(tmp_path: Path, channel_log: ChannelLog) -> None:
    app = service(tmp_path, drift_rows=0, trusted_proxies="192.0.2.0/24, 10.0.0.1")
    asyncio.run(conversation(app, http("/schema", headers={"x_forwarded_for": "198.51.100.1, 10.0.0.1"})))
    assert channel_log.records[0].fields["client_address"] == "198.51.100.1"


def test_settings_come_from_the_environment_or_from_options() -> None:
    told = {
        "SEVENFOLD_LOG_DIR": "/var/log/scoring",
        "SEVENFOLD_WINDOW_REQUESTS": "50",
        "SEVENFOLD_WINDOW_SECONDS": "2.5",
        "SEVENFOLD_TRUSTED_PROXIES": "10.0.0.0/8",
        "SEVENFOLD_WORKERS": "4",
    }
    expected = Settings("/var/log/scoring", "artifacts/model.npz", 50, 2.5, trusted_proxies="10.0.0.0/8", workers=4)
    assert Settings.read(told) == expected
    assert Settings.read({}) == Settings()
    given = {"log_dir": Path("a"), "model": Path("b"), "window_requests": 1, "window_seconds": 2, "drift_rows": 3}
    settings = Settings.of(Namespace(**given, trusted_proxies="", more=1))
    assert (settings, type(settings.window_seconds)) == (Settings("a", "b", 1, 2.0, 3), float)
    assert Settings.read({"SEVENFOLD_WINDOW_SECONDS": "inf"}).window_seconds == math.inf
    with pytest.raises(ValueError, match=r"^SEVENFOLD_DRIFT_ROWS must be a number, got 'all'$"):
        Settings.read({"SEVENFOLD_DRIFT_ROWS": "all"})
