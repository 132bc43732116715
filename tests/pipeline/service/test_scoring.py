import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from pipeline.data.table import Table
from pipeline.model.logistic import LogisticModel
from pipeline.service.monitoring import Monitor
from pipeline.service.payload import MAX_BODY_BYTES
from pipeline.service.scoring import Request, Response, ScoringService
from sevenfold.channel_log import ChannelLog
from tests.support.log_files import told
from tests.support.small_model import ROW, SCHEMA, trained

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
KINDS = {400: "not_json", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 422: "wrong_fields"}


@pytest.fixture
def service(channel_log: ChannelLog) -> ScoringService:  # noqa: ARG001 - nothing reaches a terminal
    return ScoringService(trained()[0], Monitor())


def post(body: Any, **more: Any) -> Request:
    return Request("POST", "/predict", body if isinstance(body, bytes) else json.dumps(body).encode(), **more)


def test_a_good_request_is_answered_and_stands_in_two_channels_under_one_id(
    service: ScoringService, channel_log: ChannelLog
) -> None:
    response = service.handle(post(ROW, request_id="req-1", client_address="192.0.2.7"))
    (prediction,) = channel_log.channel("predictions")
    (api,) = channel_log.channel("api")
    names = ("prediction_id", "model_version", "probability", "decision", "confidence")
    assert response == Response(200, {name: prediction.fields[name] for name in names}, "req-1")
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


def test_the_model_decides_as_it_does_on_a_table(service: ScoringService) -> None:
    (probability,) = trained()[0].predict_probability(Table({name: np.array([value]) for name, value in ROW.items()}))
    body = service.handle(post(ROW)).body
    assert (body["probability"], body["decision"]) == (probability, "approve" if probability >= 0.5 else "deny")


def test_a_list_of_rows_is_answered_with_a_list_and_counted_as_one_request(channel_log: ChannelLog) -> None:
    monitor = Monitor()
    service = ScoringService(trained()[0], monitor)
    response = service.handle(post([ROW, list(ROW.values()), dict.fromkeys(ROW)], request_id="r"))
    first, second, third = response.body["predictions"]
    assert first | {"prediction_id": 0} == second | {"prediction_id": 0}
    assert [one["prediction_id"] for one in (first, second, third)] == ["r-0000000", "r-0000001", "r-0000002"]
    assert len(channel_log.channel("predictions")) == 3
    assert len(channel_log.channel("api")) == monitor.request_count == 1
    assert service.handle(post([ROW])).body["predictions"][0]["probability"] == first["probability"]


def test_health_and_schema_say_what_there_is_and_what_is_expected(service: ScoringService) -> None:
    health = service.handle(Request("GET", "/health")).body
    assert 0 <= health.pop("uptime_s") < 60
    assert health == {"status": "ok", "model_version": "0123456789ab"}
    features = [{"name": name, "kind": kind} for name, kind in SCHEMA.items()]
    expected = {"model_version": "0123456789ab", "features": features}
    assert service.handle(Request("HEAD", "/schema")).body == service.handle(Request("GET", "/schema")).body == expected


@pytest.mark.parametrize(
    ("request_", "status", "error", "headers"),
    [
        (post(b"{"), 400, "the body isn't JSON: see line 1, column 2", {}),
        (Request("GET", "/x"), 404, "expected one of /predict, /health, /schema, got /x", {}),
        (Request("GET", "/predict"), 405, "/predict takes POST, got GET", {"Allow": "POST"}),
        (Request("PUT", "/health"), 405, "/health takes GET, got PUT", {"Allow": "GET, HEAD"}),
        (
            post(b" " * (MAX_BODY_BYTES + 1)),
            413,
            f"expected at most {MAX_BODY_BYTES} bytes, got {MAX_BODY_BYTES + 1}",
            {},
        ),
        (post({"feature_01": 1, "feature_02": 2}), 422, "feature_03: missing", {}),
        (post([ROW, ROW | {"more": 1}]), 422, "row 1: more: unknown", {}),
    ],
    ids=lambda value: None if isinstance(value, Request) else str(value)[:30],
)
def test_a_bad_request_gets_one_sentence_and_one_api_line(
    service: ScoringService,
    channel_log: ChannelLog,
    request_: Request,
    status: int,
    error: str,
    headers: dict[str, str],
) -> None:
    response = service.handle(request_)
    body = {"error": error, "request_id": response.request_id}
    assert response == Response(status, body, response.request_id, headers)
    (record,) = channel_log.records
    del record.fields["duration_ms"]
    api = {
        "request_id": response.request_id,
        "http_request_method": request_.method,
        "http_route": None if status == 404 else request_.path,
        "url_path": request_.path,
        "http_response_status_code": status,
        "client_address": "in-process",
        "error_type": KINDS[status],
    }
    assert told(channel_log) == [("INFO", "api", "request", api)]


@pytest.mark.parametrize("request_id", ["a", "x" * 128, "4bf92f35-77b3:4da6/a3ce@host+1=", "A.b_c"])
def test_a_request_id_that_is_short_and_harmless_is_kept(service: ScoringService, request_id: str) -> None:
    assert service.handle(post(ROW, request_id=request_id)).request_id == request_id


@pytest.mark.parametrize(
    "request_id", ["", "x" * 129, "a b", "a\r\nSet-Cookie: b", "a\n", 'a"', "{}", "é", "\x1b[31m", "a|b", "a,b", "\0"]
)
def test_any_other_is_replaced(service: ScoringService, channel_log: ChannelLog, request_id: str) -> None:
    made = service.handle(post(ROW, request_id=request_id)).request_id
    assert made.removeprefix("req-").isalnum()
    assert {record.fields["request_id"] for record in channel_log.records} == {made}


def test_a_trace_id_stands_in_every_record_of_its_request_and_in_no_other(
    service: ScoringService, channel_log: ChannelLog
) -> None:
    service.handle(post(ROW, traceparent=f"00-{TRACE_ID}-00f067aa0ba902b7-01"))
    assert [record.fields["trace_id"] for record in channel_log.records] == [TRACE_ID] * 2
    channel_log.clear()
    for traceparent in (
        None,
        "",
        TRACE_ID,
        f"00-{TRACE_ID}-00f067aa0ba902b7-01\n",
        f"00-{TRACE_ID.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-00f067aa0ba902b7-01",
    ):
        service.handle(post(ROW, traceparent=traceparent))
    assert len(channel_log.records) == 16
    assert not any("trace_id" in record.fields for record in channel_log.records)


def test_a_request_that_makes_the_model_fail_is_a_500_with_its_traceback_in_errors(
    service: ScoringService, channel_log: ChannelLog
) -> None:
    response = service.handle(post(dict.fromkeys(ROW, 1.7e308), request_id="req-2"))
    (error,) = channel_log.channel("errors")
    assert channel_log.channel("api") == [error]
    assert response == Response(500, {"error": "the model failed on this request", "request_id": "req-2"}, "req-2")
    assert isinstance(error.exception, FloatingPointError)
    assert (error.level, error.fields["error_type"], error.fields["request_id"]) == (
        "ERROR",
        "FloatingPointError",
        "req-2",
    )


def test_what_a_server_refuses_is_logged_and_counted_as_any_other(channel_log: ChannelLog) -> None:
    monitor = Monitor()
    service = ScoringService(trained()[0], monitor)
    request = Request("_OTHER", "", client_address="192.0.2.7", request_id="r 1")
    response = service.refuse(request, 408, "too_slow", "too slow", {"X-Y": "z"})
    assert response == Response(
        408, {"error": "too slow", "request_id": response.request_id}, response.request_id, {"X-Y": "z"}
    )
    (record,) = channel_log.records
    del record.fields["duration_ms"]
    assert record.fields == {
        "request_id": response.request_id,
        "http_request_method": "_OTHER",
        "http_route": None,
        "url_path": None,
        "http_response_status_code": 408,
        "client_address": "192.0.2.7",
        "error_type": "too_slow",
    }
    window = monitor.flush()
    assert window is not None
    assert (window.request_count, window.status_4xx_count) == (1, 1)


def test_an_answer_is_sent_as_strict_json() -> None:
    assert Response(200, {"text": "é\ud800", "n": 1.5}, "r").content() == rb'{"text":"\u00e9\ud800","n":1.5}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        Response(200, {"n": float("nan")}, "r").content()


class Waiting(LogisticModel):
    """A model that is asked and doesn't answer until it may."""

    asked, may = threading.Semaphore(0), threading.Event()

    def predict_probability(self, table: Table) -> Any:
        self.asked.release()
        assert self.may.wait(30)
        return super().predict_probability(table)


@contextmanager
def two_at_work(service: ScoringService) -> Iterator[list[Response]]:
    Waiting.may.clear()
    answers: list[Response] = []
    threads = [threading.Thread(target=lambda: answers.append(service.handle(post(ROW)))) for _ in range(2)]
    for thread in threads:
        thread.start()
        assert Waiting.asked.acquire(timeout=30)
    try:
        yield answers
    finally:
        Waiting.may.set()
        for thread in threads:
            thread.join()


def test_more_requests_at_once_than_it_can_score_are_answered_503_and_those_before_200(
    channel_log: ChannelLog,
) -> None:
    model = trained()[0]
    waiting = Waiting(*(getattr(model, field.name) for field in fields(LogisticModel)))
    service = ScoringService(waiting, Monitor(), max_in_flight=2)
    for _ in range(2):  # and again, once there is room
        with two_at_work(service) as answers:
            refused = service.handle(post(ROW, request_id="r"))
            assert service.handle(Request("GET", "/health")).status == 200
        error = "too many requests at once, try again in a moment"
        assert refused == Response(503, {"error": error, "request_id": "r"}, "r", {"Retry-After": "1"})
        assert [answer.status for answer in answers] == [200, 200]
    types = [record.fields.get("error_type") for record in channel_log.channel("api")]
    assert sorted(filter(None, types)) == ["overloaded"] * 2
    assert service.handle(post(b"{")).status == 400  # no slot is lost to a request that fails
    assert [service.handle(post(ROW)).status for _ in range(3)] == [200] * 3


def test_a_service_needs_room_for_a_request() -> None:
    with pytest.raises(ValueError, match=r"^max_in_flight must be at least 1, got 0$"):
        ScoringService(trained()[0], Monitor(), max_in_flight=0)


def test_each_request_is_counted(channel_log: ChannelLog) -> None:
    monitor = Monitor()
    service = ScoringService(trained()[0], monitor)
    for request in (post(ROW), post(b""), post(dict.fromkeys(ROW, 1.7e308))):
        service.handle(request)
    monitor.flush()
    window = channel_log.channel("monitoring")[0].fields
    assert [window[f"status_{kind}_count"] for kind in ("2xx", "4xx", "5xx")] == [1, 1, 1]
    assert window["mean_confidence"] >= 0.5
