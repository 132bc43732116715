import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.table import Table
from pipeline.model.logistic import LogisticModel, SavedModel
from pipeline.service.application import MAX_BODY_BYTES, Settings, load, make_app
from pipeline.service.payload import MAX_ROWS
from pipeline.service.scoring import INLINE_BYTES
from sevenfold.asgi.types import App, Message
from sevenfold.channel_log import ChannelLog
from tests.support.asgi_client import body, header, http, talk
from tests.support.log_files import told
from tests.support.small_model import ROW, SCHEMA, save_trained, trained

KNOWN = "expected one of /predict, /health, /schema, /openapi.json, got"
KINDS = {400: "not_json", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 422: "wrong_fields"}


@pytest.fixture
def saved(tmp_path: Path) -> SavedModel:
    return load(str(save_trained(tmp_path)))


@pytest.fixture
def app(saved: SavedModel, channel_log: ChannelLog) -> App:  # noqa: ARG001 - nothing reaches a terminal
    return make_app(saved, Settings(drift_rows=0))


def ask(app: App, method: str, path: str, content: Any = None, **headers: str) -> tuple[int, Any, Message]:
    """Send a request in parts, and return status, content and the head of its answer."""
    data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    given = {"content_type": "application/json", "content_length": str(len(data))} if data else {}
    parts = [body(data[:7], more=True), body(data[7:])] if data else [body(b"")]
    start, *rest = talk(app, http(path, method, headers={"x_request_id": "r", **given, **headers}), parts)
    content = b"".join(message.get("body", b"") for message in rest)
    assert header(start, b"content-type") == b"application/json"
    assert header(start, b"x-request-id") == b"r"
    return start["status"], json.loads(content), start


def predict(app: App, content: Any, **headers: str) -> tuple[int, Any]:
    return ask(app, "POST", "/predict", content, **headers)[:2]


def test_a_good_request_is_answered_and_stands_in_two_channels_under_one_id(app: App, channel_log: ChannelLog) -> None:
    status, answer = predict(app, ROW)
    (prediction,) = channel_log.channel("predictions")
    (api,) = channel_log.channel("api")
    names = ("prediction_id", "model_version", "probability", "decision", "confidence")
    assert (status, answer) == (200, {name: prediction.fields[name] for name in names})
    assert prediction.fields["features"] == ROW
    assert prediction.fields["request_id"] == api.fields["request_id"] == "r"
    assert 0 < api.fields.pop("duration_ms") < 10_000
    assert api.fields == {
        "request_id": "r",
        "http_request_method": "POST",
        "http_route": "/predict",
        "url_path": "/predict",
        "http_response_status_code": 200,
        "client_address": "192.0.2.7",
        "decision": answer["decision"],
        "confidence": answer["confidence"],
    }


def test_the_model_decides_as_it_does_on_a_table(app: App) -> None:
    (probability,) = trained()[0].predict_probability(Table({name: np.array([value]) for name, value in ROW.items()}))
    _, answer = predict(app, ROW)
    assert (answer["probability"], answer["decision"]) == (probability, "approve" if probability >= 0.5 else "deny")


def test_a_list_of_rows_is_answered_with_a_list_and_counted_as_one_request(app: App, channel_log: ChannelLog) -> None:
    _, answer = predict(app, [ROW, list(ROW.values()), dict.fromkeys(ROW)])
    first, second, third = answer["predictions"]
    assert first | {"prediction_id": 0} == second | {"prediction_id": 0}
    assert [one["prediction_id"] for one in (first, second, third)] == ["r-0000000", "r-0000001", "r-0000002"]
    assert len(channel_log.channel("predictions")) == 3
    (api,) = channel_log.channel("api")
    assert sum(api.fields["decision"].values()) == 3
    assert api.fields["confidence"] == pytest.approx(np.mean([one["confidence"] for one in answer["predictions"]]))
    _, alone = predict(app, [ROW])
    assert alone["predictions"][0]["probability"] == first["probability"]


def test_a_long_body_is_scored_in_a_thread_under_the_same_id(app: App, channel_log: ChannelLog) -> None:
    rows = [list(ROW.values())] * (INLINE_BYTES // 15)
    assert len(json.dumps(rows)) > INLINE_BYTES
    _, answer = predict(app, rows)
    assert len(answer["predictions"]) == len(channel_log.channel("predictions")) == len(rows)
    assert {record.fields["request_id"] for record in channel_log.records} == {"r"}


def test_health_and_schema_say_what_there_is_and_what_is_expected(app: App, channel_log: ChannelLog) -> None:
    _, health, _ = ask(app, "GET", "/health")
    version = health.pop("model_version")
    assert 0 <= health.pop("uptime_s") < 60
    assert (health, len(version)) == ({"status": "ok"}, 12)
    features = [{"name": name, "kind": kind} for name, kind in SCHEMA.items()]
    expected = {"model_version": version, "features": features}
    for method in ("GET", "HEAD"):
        assert ask(app, method, "/schema")[:2] == (200, expected)
    assert [record.fields["url_path"] for record in channel_log.records] == ["/schema"] * 2  # health is quiet


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "error", "headers"),
    [
        ("POST", "/predict", b"{", 400, "the body isn't JSON: see line 1, column 2", {}),
        ("POST", "/predict", b"[NaN, 1, 2]", 400, "the body isn't JSON: it has the word NaN", {}),
        ("GET", "/x", None, 404, f"{KNOWN} /x", {}),
        ("GET", "/predict/", None, 404, f"{KNOWN} /predict/", {}),
        ("GET", "/" + "\ud800" * 100, None, 404, f"{KNOWN} /" + "\ud800" * 79, {}),
        ("GET", "/predict", None, 405, "/predict takes POST, got GET", {b"allow": b"POST"}),
        ("HEAD", "/predict", None, 405, "/predict takes POST, got HEAD", {b"allow": b"POST"}),
        ("PUT", "/health", None, 405, "/health takes GET, got PUT", {b"allow": b"GET, HEAD"}),
        ("POST", "/predict", b" " * (MAX_BODY_BYTES + 1), 413, "expected at most 1000000 bytes, got 1000001", {}),
        ("POST", "/predict", [[1, 2, 3]] * (MAX_ROWS + 1), 413, "expected at most 10000 rows, got 10001", {}),
        ("POST", "/predict", {"feature_01": 1, "feature_02": 2}, 422, "feature_03: missing", {}),
        ("POST", "/predict", [ROW, ROW | {"more": 1}], 422, "row 1: more: unknown", {}),
        ("POST", "/predict", ROW | {"\ud800": 1}, 422, "\ud800: unknown", {}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_request_gets_one_sentence_and_one_line(
    app: App,
    channel_log: ChannelLog,
    method: str,
    path: str,
    content: Any,
    status: int,
    error: str,
    headers: dict[bytes, bytes],
) -> None:
    code, answer, start = ask(app, method, path, content)
    assert (code, answer) == (status, {"error": error, "request_id": "r"})
    assert header(start, b"allow") == headers.get(b"allow")
    (record,) = channel_log.records
    del record.fields["duration_ms"]
    api = {
        "request_id": "r",
        "http_request_method": method,
        "http_route": None if status == 404 or len(str(content)) > 1_000_000 else path,
        "url_path": path.replace("\ud800", "\\ud800"),
        "http_response_status_code": status,
        "client_address": "192.0.2.7",
        "error_type": KINDS[status],
    }
    assert told(channel_log) == [("INFO", "api", "request", api)]


def test_a_body_that_is_packed_is_refused_by_its_name(app: App, channel_log: ChannelLog) -> None:
    code, answer, start = ask(app, "POST", "/predict", b"\x1f\x8b", content_encoding="GZIP")
    assert (code, answer["error"]) == (415, "expected no Content-Encoding, got 'GZIP'")
    assert header(start, b"accept-encoding") == b"identity"
    assert channel_log.records[0].fields["error_type"] == "unsupported_encoding"
    assert predict(app, ROW, content_encoding="identity")[0] == 200


def test_values_that_would_overflow_the_model_are_422_and_no_error(app: App, channel_log: ChannelLog) -> None:
    status, answer = predict(app, [ROW, ROW | {"feature_01": -1.6e240}])
    error = "row 1: feature_01: expected a number from -1e+150 to 1e+150, got -1.6e+240"
    assert (status, answer["error"]) == (422, error)
    (record,) = channel_log.records
    assert (record.level, record.exception, record.fields["error_type"]) == ("INFO", None, "wrong_fields")
    assert predict(app, dict.fromkeys(ROW, 1e150))[0] == predict(app, dict.fromkeys(ROW, -1e150))[0] == 200


class Broken(LogisticModel):
    """A model that fails."""

    def predict_probability(self, _table: Table) -> Any:
        raise FloatingPointError("expected a finite score for every row; the model's weights aren't")


def test_a_model_that_fails_is_a_500_with_its_traceback_in_errors(saved: SavedModel, channel_log: ChannelLog) -> None:
    broken = Broken(*(getattr(saved.model, field.name) for field in fields(LogisticModel)))
    app = make_app(SavedModel(broken, saved.model_hash, "", b""), Settings(drift_rows=0))
    assert predict(app, ROW) == (500, {"error": "the model failed on this request", "request_id": "r"})
    (error,) = channel_log.channel("errors")
    assert channel_log.channel("api") == [error]
    assert isinstance(error.exception, FloatingPointError)
    assert (error.level, error.fields["error_type"]) == ("ERROR", "FloatingPointError")


def test_a_mounted_service_is_asked_for_the_path_below_its_own(app: App) -> None:
    (start, *_) = talk(app, http("/models/a/health", root_path="/models/a"))
    assert start["status"] == 200
    (_, answer) = talk(app, http("/models/a/x", root_path="/models/a"))
    assert json.loads(answer["body"])["error"] == f"{KNOWN} /x"
