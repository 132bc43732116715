import json
from typing import Any

import numpy as np
import pytest

from pipeline import training
from pipeline.data import make_synthetic, split
from pipeline.model import LogisticModel
from pipeline.monitoring import Monitor
from pipeline.service import MAX_BODY_BYTES, Request, Response, ScoringService
from sevenfold.capture import ChannelLog

ROW = {"feature_01": 0.1, "feature_02": -0.2, "feature_03": 1.5}


@pytest.fixture(scope="module")
def model() -> LogisticModel:
    rng = np.random.default_rng(3)
    train, val, _ = split(make_synthetic(400, 3, rng), rng)
    return training.train(train, val, epochs=3, rng=rng)[0]


@pytest.fixture
def service(model: LogisticModel, channel_log: ChannelLog) -> ScoringService:  # noqa: ARG001 - nothing reaches a terminal
    return ScoringService(model, Monitor())


def post(body: Any, **more: Any) -> Request:
    return Request("POST", "/predict", body if isinstance(body, bytes) else json.dumps(body).encode(), **more)


def test_a_good_request_is_answered_and_stands_in_two_channels_under_one_id(
    service: ScoringService, channel_log: ChannelLog
) -> None:
    response = service.handle(post(ROW, request_id="req-1", client_address="192.0.2.7"))
    (prediction,) = channel_log.channel("predictions")
    (api,) = channel_log.channel("api")
    assert response.status == 200
    assert response.request_id == "req-1"
    told = ("prediction_id", "model_version", "probability", "decision", "confidence")
    assert response.body == {name: prediction.fields[name] for name in told}
    assert prediction.fields["features"] == ROW
    assert prediction.fields["request_id"] == api.fields["request_id"] == "req-1"
    duration_ms = api.fields.pop("duration_ms")
    assert 0 < duration_ms < 10_000
    assert api.fields == {
        "request_id": "req-1",
        "http_request_method": "POST",
        "http_route": "/predict",
        "url_path": "/predict",
        "http_response_status_code": 200,
        "client_address": "192.0.2.7",
    }


def test_the_model_decides_as_it_does_on_a_table(service: ScoringService, model: LogisticModel) -> None:
    response = service.handle(post(ROW))
    assert response.body["decision"] == ("approve" if response.body["probability"] >= model.threshold else "deny")


def test_a_missing_value_is_null(service: ScoringService) -> None:
    assert service.handle(post(ROW | {"feature_01": None})).status == 200


def test_health_names_the_model(service: ScoringService, model: LogisticModel) -> None:
    response = service.handle(Request("GET", "/health"))
    assert (response.status, response.body) == (200, {"status": "ok", "model_version": model.version})


@pytest.mark.parametrize(
    ("request_", "status", "error_type", "error"),
    [
        (post(b"{"), 400, "not_json", "the body isn't JSON"),
        (post(b"\xff"), 400, "not_json", "the body isn't JSON"),
        (post(b"[" * 100_000), 400, "not_json", "the body isn't JSON"),
        (Request("GET", "/x"), 404, "not_found", "expected one of /predict, /health, got /x"),
        (Request("GET", "/predict"), 405, "method_not_allowed", "/predict takes POST, got GET"),
        (
            post(b" " * (MAX_BODY_BYTES + 1)),
            413,
            "too_large",
            f"expected at most {MAX_BODY_BYTES} bytes, got {MAX_BODY_BYTES + 1}",
        ),
        (
            post(ROW, content_type="text/plain"),
            415,
            "unsupported_media_type",
            "expected application/json, got text/plain",
        ),
        (post([1]), 422, "wrong_fields", "expected an object of features by name, got list"),
        (post({"feature_01": 1, "feature_02": 2}), 422, "wrong_fields", "feature_03: missing"),
        (post(ROW | {"more": 1}), 422, "wrong_fields", "more: unknown"),
        (
            post(b'{"feature_01": NaN, "feature_02": "x", "feature_03": true}'),
            422,
            "wrong_fields",
            "; ".join(
                f"feature_0{n}: expected a number, got {value}" for n, value in ((1, "nan"), (2, "'x'"), (3, "True"))
            ),
        ),
        (
            post(ROW | {"feature_01": 10**400}),
            422,
            "wrong_fields",
            f"feature_01: expected a number, got 1{'0' * 36}...",
        ),
    ],
    ids=lambda value: None if isinstance(value, Request) else str(value)[:30],
)
def test_a_bad_request_gets_one_sentence_and_one_api_line(
    service: ScoringService, channel_log: ChannelLog, request_: Request, status: int, error_type: str, error: str
) -> None:
    response = service.handle(request_)
    (api,) = channel_log.records
    assert response == Response(status, {"error": error, "request_id": response.request_id}, response.request_id)
    assert (api.channel, api.level, api.fields["http_response_status_code"]) == ("api", "INFO", status)
    assert api.fields["error_type"] == error_type


def test_a_request_that_makes_the_model_fail_is_a_500_with_its_traceback_in_errors(
    service: ScoringService, channel_log: ChannelLog
) -> None:
    response = service.handle(post(dict.fromkeys(ROW, 1.7e308), request_id="req-2"))
    (error,) = channel_log.channel("errors")
    assert channel_log.channel("api") == [error]
    assert response.status == 500
    assert response.body == {"error": "the model failed on this request", "request_id": "req-2"}
    assert isinstance(error.exception, FloatingPointError)
    assert (error.level, error.fields["error_type"], error.fields["request_id"]) == (
        "ERROR",
        "FloatingPointError",
        "req-2",
    )


def test_each_request_is_counted(model: LogisticModel, channel_log: ChannelLog) -> None:
    monitor = Monitor()
    service = ScoringService(model, monitor)
    for request in (post(ROW), post(b""), post(dict.fromkeys(ROW, 1.7e308))):
        service.handle(request)
    monitor.flush()
    window = channel_log.channel("monitoring")[0].fields
    assert [window[f"status_{kind}_count"] for kind in ("2xx", "4xx", "5xx")] == [1, 1, 1]
    assert window["mean_confidence"] >= 0.5
