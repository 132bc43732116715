"""The embedded server, asked over real connections on the loopback."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import fields
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger

from pipeline.data.table import Table
from pipeline.model.logistic import LogisticModel
from pipeline.service.embedded.http11 import MAX_HEAD_BYTES
from pipeline.service.embedded.server import SPARE_CONNECTIONS, Server
from pipeline.service.monitoring import Monitor
from pipeline.service.payload import MAX_BODY_BYTES
from pipeline.service.scoring import ScoringService
from sevenfold.channel_log import ChannelLog
from tests.support.small_model import ROW, trained

GOOD = json.dumps(ROW).encode()
JSON = {"Content-Type": "application/json"}
LOOPBACK = "127.0.0.1"


@pytest.fixture
def server(channel_log: ChannelLog) -> Iterator[Server]:  # noqa: ARG001 - nothing reaches a terminal
    with serve() as server:
        yield server


def serve(model: LogisticModel | None = None, **limits: Any) -> Server:
    return Server(ScoringService(model or trained()[0], Monitor(10_000)), LOOPBACK, 0, **limits)


@contextmanager
def connected(server: Server) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection(LOOPBACK, server.port, timeout=30)) as connection:
        yield connection


def ask(
    connection: HTTPConnection, method: str, path: str, body: bytes | None = None, headers: Any = JSON
) -> tuple[int, dict[str, Any], HTTPResponse]:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    assert response.headers["Content-Type"] == "application/json"
    return response.status, json.loads(content) if content else {}, response


@contextmanager
def raw(server: Server, data: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection((LOOPBACK, server.port), timeout=30) as connection:
        connection.sendall(data)
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


def answers(received: bytes) -> list[tuple[int, dict[str, Any]]]:
    """Split what was received into statuses and bodies."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        length = next(int(line[16:]) for line in lines if line.startswith("Content-Length: "))
        found.append((int(lines[0][9:12]), json.loads(rest[:length])))
        received = rest[length:]
    return found


def exchange(server: Server, data: bytes) -> list[tuple[int, dict[str, Any]]]:
    with raw(server, data) as connection:
        return answers(read_to_end(connection))


def post(body: bytes = GOOD, *lines: str, length: int | None = None) -> bytes:
    told = ["Host: a", "Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(["POST /predict HTTP/1.1", *told, *lines, "", ""]).encode() + body


def api(log: ChannelLog) -> list[tuple[int, str | None]]:
    return [(r.fields["http_response_status_code"], r.fields.get("error_type")) for r in log.channel("api")]


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.005)


def test_a_row_is_scored_over_http_and_logged_with_the_clients_address(server: Server, channel_log: ChannelLog) -> None:
    with connected(server) as connection:
        status, body, response = ask(connection, "POST", "/predict?q=1", GOOD, JSON | {"X-Request-ID": "r-1"})
    (prediction,) = channel_log.channel("predictions")
    assert status == 200
    assert body["probability"] == prediction.fields["probability"]
    assert response.headers["X-Request-ID"] == prediction.fields["request_id"] == "r-1"
    (record,) = channel_log.channel("api")
    assert record.fields.pop("duration_ms") > 0
    assert record.fields == {
        "request_id": "r-1",
        "http_request_method": "POST",
        "http_route": "/predict",
        "url_path": "/predict",
        "http_response_status_code": 200,
        "client_address": LOOPBACK,
    }


def test_one_connection_serves_many_requests(server: Server) -> None:
    with connected(server) as connection:
        assert [ask(connection, "GET", "/health")[0]]
        first = connection.sock
        statuses = [ask(connection, *asked)[0] for asked in (("POST", "/predict", GOOD), ("GET", "/x"), ("PUT", "/x"))]
        assert connection.sock is first
    assert statuses == [200, 404, 404]


def test_requests_that_come_at_once_are_answered_in_their_order(server: Server) -> None:
    get = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"
    data = get % b"health" + post() + b"\r\n" + get % b"x" + post(GOOD, "Connection: close") + get % b"never"
    assert [status for status, _ in exchange(server, data)] == [200, 200, 404, 200]


def test_head_is_get_without_its_body(server: Server) -> None:
    with connected(server) as connection:
        length = ask(connection, "GET", "/schema")[2].headers["Content-Length"]
        for path, status in (("/schema", 200), ("/predict", 405), ("/x", 404)):
            answer = ask(connection, "HEAD", path)
            assert answer[:2] == (status, {})
            assert path != "/schema" or answer[2].headers["Content-Length"] == length


def test_a_status_says_what_goes_with_it(server: Server, channel_log: ChannelLog) -> None:
    with connected(server) as connection:
        assert ask(connection, "DELETE", "/predict")[2].headers["Allow"] == "POST"
        assert ask(connection, "POST", "/predict", GOOD, {"Content-Type": "text/plain"})[0] == 415
        status, body, response = ask(connection, "POST", "/predict", json.dumps(dict.fromkeys(ROW, 1.7e308)).encode())
    request_id = response.headers["X-Request-ID"]
    assert (status, body) == (500, {"error": "the model failed on this request", "request_id": request_id})
    (error,) = channel_log.channel("errors")
    assert (error.fields["request_id"], type(error.exception)) == (request_id, FloatingPointError)


# Each is a raw request, which is answered like this, once, and the connection closed.
BROKEN = {
    "no http": (b"hello\r\n\r\n", 400, "malformed", "_OTHER", None),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400, "malformed", "GET", "/health"),
    "bare line ends": (b"GET /health HTTP/1.1\nHost: a\n\n", 400, "malformed", "GET", "/health"),
    "folded": (b"GET /health HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400, "malformed", "GET", "/health"),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400, "malformed", "GET", "/"),
    "two lengths": (post(GOOD, "Content-Length: 3"), 400, "malformed", "POST", "/predict"),
    "a length and chunks": (post(GOOD, "Transfer-Encoding: chunked"), 400, "malformed", "POST", "/predict"),
    "chunks": (
        b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        411,
        "length_required",
        "POST",
        "/predict",
    ),
    "too large": (post(b"{", length=MAX_BODY_BYTES + 1), 413, "too_large", "POST", "/predict"),
    "too large to think": (post(b"{", length=10**17), 413, "too_large", "POST", "/predict"),
    "long target": (b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "target_too_long", "GET", None),
    "odd expectation": (post(GOOD, "Expect: tea"), 417, "expectation_failed", "POST", "/predict"),
    "endless head": (b"GET / HTTP/1.1\r\nX: " + b"a" * 2 * MAX_HEAD_BYTES, 431, "head_too_large", "GET", "/"),
    "long head": (
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        431,
        "head_too_large",
        "GET",
        "/",
    ),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431, "head_too_large", "GET", "/"),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_not_supported", "PRI", "*"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_request_is_answered_once_logged_once_and_cut_off(
    server: Server, channel_log: ChannelLog, name: str
) -> None:
    data, status, error_type, method, path = BROKEN[name]
    ((answered, body),) = exchange(server, data + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answered == status
    assert sorted(body) == ["error", "request_id"]
    (record,) = channel_log.records
    told = ("http_response_status_code", "error_type", "http_request_method", "url_path", "client_address")
    assert [record.fields[name] for name in told] == [status, error_type, method, path, LOOPBACK]


def test_a_head_whose_lines_end_in_another_way_is_refused_without_waiting_for_its_end(server: Server) -> None:
    ((status, body),) = exchange(server, b"GET /health HTTP/1.1\nHost: a\n\n")
    assert (status, body["error"]) == (400, "expected lines that end in CR LF")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Server) -> None:
    with raw(server, post(b"", "Expect: 100-continue", length=MAX_BODY_BYTES + 1)) as connection:
        assert [status for status, _ in answers(read_to_end(connection))] == [413]
    with connected(server) as connection:  # a client that doesn't wait gets to read the answer all the same
        assert ask(connection, "POST", "/predict", b" " * 5 * MAX_BODY_BYTES)[0] == 413
        assert ask(connection, "GET", "/health")[0] == 200  # over a new connection


def test_a_client_that_waits_for_a_word_gets_it_before_it_sends_the_body(server: Server) -> None:
    with raw(server, post(b"", "Expect: 100-continue", "Connection: close", length=len(GOOD))) as connection:
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(GOOD)
        assert [status for status, _ in answers(read_to_end(connection))] == [200]


def test_http_1_0_is_answered_and_closed(server: Server) -> None:
    ((status, body),) = exchange(server, b"GET /health HTTP/1.0\r\n\r\n")
    assert (status, body["status"]) == (200, "ok")


@pytest.mark.parametrize(
    ("data", "method"),
    [(b"GET /health HT", "_OTHER"), (post(GOOD[:5], length=len(GOOD)), "POST")],
    ids=["head", "body"],
)
def test_a_request_that_ends_halfway_is_one_line(
    server: Server, channel_log: ChannelLog, data: bytes, method: str
) -> None:
    with raw(server, data) as connection:
        connection.shutdown(socket.SHUT_WR)
        ((status, _),) = answers(read_to_end(connection))
    assert (status, api(channel_log)) == (400, [(400, "incomplete")])
    assert channel_log.records[0].fields["http_request_method"] == method


def test_an_empty_line_behind_a_body_is_no_request(server: Server, channel_log: ChannelLog) -> None:
    with raw(server, post(GOOD) + b"\r\n") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert [status for status, _ in answers(read_to_end(connection))] == [200]
    server.close()
    assert api(channel_log) == [(200, None)]


def test_a_client_that_comes_and_goes_is_no_request(server: Server, channel_log: ChannelLog) -> None:
    for data in (b"", b"\r\n"):
        with raw(server, data):
            pass
    with connected(server) as connection:
        ask(connection, "GET", "/health")
    server.close()
    assert api(channel_log) == [(200, None)]


@pytest.mark.parametrize("start", [b"GET /health HTTP/1.1\r\nX: ", post(b"", length=500)], ids=["head", "body"])
def test_a_client_that_drips_is_cut_off_in_time_though_it_never_falls_silent(
    channel_log: ChannelLog, start: bytes
) -> None:
    began = time.monotonic()
    with serve(request_s=0.3) as server, raw(server, start) as connection:
        connection.settimeout(0.02)
        received = b""
        while not received:
            assert time.monotonic() - began < 20
            connection.sendall(b"a")
            try:
                received = connection.recv(65_536)
            except TimeoutError:
                continue
        assert 0.3 <= time.monotonic() - began < 20
        ((status, body),) = answers(received)
    assert (status, body["error"]) == (408, "expected the whole request within 0.3 s, got a part")
    assert api(channel_log) == [(408, "too_slow")]


def test_a_connection_without_a_request_is_closed_without_a_word(channel_log: ChannelLog) -> None:
    with serve(idle_s=0.1) as server, raw(server) as silent, raw(server, post()) as used:
        assert read_to_end(silent) == b""
        assert [status for status, _ in answers(read_to_end(used))] == [200]
    assert api(channel_log) == [(200, None)]


def ask_forever(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


def test_a_client_that_does_not_read_its_answers_is_given_up(channel_log: ChannelLog) -> None:
    wordy = json.dumps([{"é" * 80: 1}] * 20, ensure_ascii=False).encode()
    with serve(request_s=0.2) as server, raw(server) as connection:
        # Answers that nobody takes fill the buffers, until the server can't send, and then can't be sent to.
        with pytest.raises(ConnectionError):
            ask_forever(connection, post(wordy))
        wait_for(lambda: not server._listener.wires)
    assert set(api(channel_log)) == {(422, "wrong_fields")}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"r-1", True),
        (b"a b", False),
        (b"a;b", False),
        (b"a%0d%0aSet-Cookie:b", False),
        (b"\xe9", False),
        (b"x" * 129, False),
        (b"r-1\r\nX-Request-ID: r-2", False),
    ],
)
def test_a_request_id_is_echoed_only_if_it_is_harmless(server: Server, sent: bytes, kept: bool) -> None:
    data = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-ID: " + sent + b"\r\n\r\n"
    with raw(server, data) as connection:
        head = read_to_end(connection).partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    assert len(lines) == 6
    (echoed,) = (line[14:] for line in lines if line.startswith(b"X-Request-ID: "))
    assert (echoed == sent) is kept
    assert kept or echoed.startswith(b"req-")


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\x00", b"\x0b", b"\r\n "])
def test_a_header_cannot_be_injected(server: Server, channel_log: ChannelLog, end: bytes) -> None:
    data = b"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-ID: a" + end + b"Set-Cookie: b=c\r\n\r\n"
    with raw(server, data) as connection:
        received = read_to_end(connection)
    assert b"Set-Cookie" not in received
    assert api(channel_log) == [(400, "malformed")]
    assert "Set-Cookie" not in channel_log.text


def test_a_forged_path_is_still_one_line(server: Server, channel_log: ChannelLog) -> None:
    exchange(server, b"GET /a%0d%0a2026-11-23T08:36:11.096123Z%20%7C%20x%1b[2J HTTP/1.0\r\n\r\n")
    (line,) = channel_log.text.splitlines()
    assert "\x1b" not in line
    assert channel_log.records[0].fields["url_path"] == "/a\r\n2026-11-23T08:36:11.096123Z | x\x1b[2J"


# Malformed bodies

numbers = st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False)
no_number = st.one_of(
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 10**400]),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)
rows = st.fixed_dictionaries(dict.fromkeys(ROW, numbers))
wrong_rows = st.one_of(
    st.builds(lambda row, name: {key: row[key] for key in row if key != name}, rows, st.sampled_from([*ROW])),
    st.builds(lambda row, name: row | {name: 1}, rows, st.text(max_size=5).filter(lambda name: name not in ROW)),
    st.builds(lambda row, name, value: row | {name: value}, rows, st.sampled_from([*ROW]), no_number),
    st.lists(numbers | st.none(), max_size=6).filter(lambda row: len(row) != len(ROW)),
    st.builds(lambda value: [1, value, 2], no_number.filter(lambda value: not isinstance(value, list | dict))),
    no_number.filter(lambda value: not isinstance(value, list | dict)),
    st.none(),
)
malformed = st.one_of(
    wrong_rows.map(json.dumps).map(str.encode),
    st.builds(lambda row, wrong: json.dumps([row, wrong, row]).encode(), rows, wrong_rows),
    st.builds(lambda row, cut: json.dumps(row).encode()[:cut], rows, st.integers(0, 40)),
    st.builds(lambda row, rest: json.dumps(row).encode() + rest, rows, st.binary(min_size=1).filter(bytes.strip)),
    st.builds(lambda row: json.dumps(row)[:-1] + ',"feature_01":1}', rows).map(str.encode),
    st.builds(lambda row, code: json.dumps(row).encode(code), rows, st.sampled_from(["utf-16", "utf-32", "utf-8-sig"])),
    st.builds(lambda mark, depth: mark * depth, st.sampled_from([b"[", b'{"a":', b"[{"]), st.integers(1, 5000)),
    st.binary(max_size=50).filter(lambda body: not body.strip().startswith((b"[", b"{"))),
)


def test_each_of_two_hundred_malformed_bodies_is_answered_with_4xx_and_one_line(
    server: Server, channel_log: ChannelLog
) -> None:
    seen: list[int] = []
    with connected(server) as connection:

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(malformed)
        def test(body: bytes) -> None:
            channel_log.clear()
            status, answer, response = ask(connection, "POST", "/predict", body)
            assert status in {400, 422}
            assert answer == {"error": answer["error"], "request_id": response.headers["X-Request-ID"]}
            (record,) = channel_log.records
            assert (record.channel, record.fields["http_response_status_code"]) == ("api", status)
            seen.append(status)

        test()
        assert ask(connection, "POST", "/predict", GOOD)[0] == 200
    assert len(seen) >= 200
    assert set(seen) == {400, 422}


# Many at once, and the end


class Waiting(LogisticModel):
    """A model that says that it was asked, and answers only when it may."""

    asked, may = threading.Semaphore(0), threading.Event()

    def predict_probability(self, table: Table) -> Any:
        self.asked.release()
        assert self.may.wait(30)
        return super().predict_probability(table)


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    Waiting.may.clear()
    yield Waiting(*(getattr(trained()[0], field.name) for field in fields(LogisticModel)))
    Waiting.may.set()


def test_many_clients_at_once_are_all_answered(server: Server, channel_log: ChannelLog) -> None:
    def work(number: int) -> list[str]:
        with connected(server) as connection:
            ids = [f"r-{number}-{i}" for i in range(10)]
            asked = [ask(connection, "POST", "/predict", GOOD, JSON | {"X-Request-ID": one}) for one in ids]
        return [body["prediction_id"][:-8] for status, body, _ in asked if status == 200]

    with ThreadPoolExecutor(8) as pool:
        answered = [one for ids in pool.map(work, range(8)) for one in ids]
    assert sorted(answered) == sorted(f"r-{number}-{i}" for number in range(8) for i in range(10))
    assert sorted(record.fields["request_id"] for record in channel_log.channel("api")) == sorted(answered)


def test_a_connection_too_many_is_told_so_and_the_others_are_served(channel_log: ChannelLog) -> None:
    with serve(max_connections=2) as server, connected(server) as first, connected(server) as second:
        assert [ask(one, "GET", "/health")[0] for one in (first, second)] == [200, 200]
        with raw(server) as third:
            ((status, _),) = answers(third.recv(65_536))
        assert (status, api(channel_log)[-1]) == (503, (503, "overloaded"))
        assert ask(first, "GET", "/health")[0] == 200
        second.close()
        wait_for(lambda: len(server._listener.wires) == 1)
        with connected(server) as fourth:
            assert ask(fourth, "GET", "/health")[0] == 200


def test_far_too_many_connections_are_closed_and_cost_no_thread(channel_log: ChannelLog) -> None:
    before = threading.active_count()
    with serve(max_connections=1) as server:
        crowd = [socket.create_connection((LOOPBACK, server.port), timeout=30) for _ in range(3 * SPARE_CONNECTIONS)]
        told = []
        for one in crowd[1:]:
            told.append([status for status, _ in answers(read_or_reset(one))])
            assert threading.active_count() <= before + 2 + SPARE_CONNECTIONS
        assert {*map(str, told)} == {"[503]", "[]"}
        assert api(channel_log) == [(503, "overloaded")] * told.count([503])
        for one in crowd:
            one.close()
        wait_for(lambda: is_served(server))


def read_or_reset(connection: socket.socket) -> bytes:
    try:
        return read_to_end(connection)
    except ConnectionError:
        return b""


def is_served(server: Server) -> bool:
    with connected(server) as connection, contextlib.suppress(OSError, HTTPException):
        return ask(connection, "GET", "/health")[0] == 200
    return False


def test_at_the_end_requests_in_flight_are_answered_and_idle_connections_closed(
    channel_log: ChannelLog, waiting: Waiting
) -> None:
    server = serve(waiting)
    health = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
    with (
        raw(server) as idle,
        raw(server, health) as used,
        raw(server, post()) as busy,
        raw(server, post(GOOD[:9], length=len(GOOD))) as halfway,
    ):
        assert waiting.asked.acquire(timeout=30)
        in_flight = {busy.getsockname(), halfway.getsockname()}
        wait_for(
            lambda: {wire._socket.getpeername() for wire in server._listener._open() if not wire.idle} == in_flight
        )
        closing_thread = threading.Thread(target=server.close)
        closing_thread.start()
        assert read_to_end(idle) == b""
        assert [status for status, _ in answers(read_to_end(used))] == [200]
        halfway.sendall(GOOD[9:])
        assert waiting.asked.acquire(timeout=30)
        waiting.may.set()
        for connection in (busy, halfway):
            received = read_to_end(connection)
            assert b"\r\nConnection: close\r\n" in received
            assert [status for status, _ in answers(received)] == [200]
        closing_thread.join(30)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, server.port))
    assert api(channel_log) == [(200, None)] * 3


def test_a_connection_that_was_used_and_is_silent_holds_nothing_up(server: Server) -> None:
    with connected(server) as connection:
        ask(connection, "GET", "/health")
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 5  # of ten that a request in flight would be given


def test_an_answer_is_not_held_back_until_the_one_before_is_acknowledged(server: Server) -> None:
    with connected(server) as connection:
        ask(connection, "GET", "/health")
        (accepted,) = server._listener.wires
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_nobody_is_asked_for_the_name_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("that can take seconds"))
    with serve() as server:
        assert is_served(server)


def test_at_the_end_nobody_is_waited_for_longer_than_the_grace_time(channel_log: ChannelLog, waiting: Waiting) -> None:
    server = serve(waiting, grace_s=0.1)
    with raw(server, post()) as busy:
        assert waiting.asked.acquire(timeout=30)
        began = time.monotonic()
        server.close()
        server.close()
        assert 0.1 <= time.monotonic() - began < 20
        assert read_to_end(busy) == b""
    waiting.may.set()
    wait_for(lambda: api(channel_log) == [(200, None)])  # and is logged all the same


def test_no_thread_is_left_at_the_end(channel_log: ChannelLog) -> None:  # noqa: ARG001
    before = threading.active_count()
    with serve() as server, connected(server) as connection:
        ask(connection, "GET", "/health")
    wait_for(lambda: threading.active_count() == before)


def test_what_is_logged_has_the_context_of_whoever_started_the_server(channel_log: ChannelLog) -> None:
    with logger.contextualize(run_id="run-1"):
        server = serve()
    with server, connected(server) as connection:
        ask(connection, "GET", "/health")
    assert channel_log.records[0].fields["run_id"] == "run-1"


def test_what_nobody_thought_of_is_in_errors_and_costs_one_connection(
    server: Server, channel_log: ChannelLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch, raw(server) as connection:
        patch.setattr("pipeline.service.embedded.server.to_request", lambda *_: 1 / 0)
        connection.sendall(post())
        assert read_to_end(connection) == b""
    (error,) = channel_log.channel("errors")
    assert (error.channel, error.message, error.fields) == ("api", "connection failed", {"client_address": LOOPBACK})
    with connected(server) as other:
        assert ask(other, "GET", "/health")[0] == 200
    assert capsys.readouterr().err == ""


def test_an_address_that_is_taken_is_named(server: Server) -> None:
    with pytest.raises(OSError, match=r"in use|only once") as caught:
        Server(ScoringService(trained()[0], Monitor()), LOOPBACK, server.port)
    assert str(caught.value.strerror).startswith(f"can't listen on {LOOPBACK}:{server.port}: ")


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(OSError, match=r"^\[Errno \d+\] can't listen on 192\.0\.2\.7:0: "):
        Server(ScoringService(trained()[0], Monitor()), "192.0.2.7", 0)


def test_ipv6_works_where_there_is_one(channel_log: ChannelLog) -> None:
    try:
        server = Server(ScoringService(trained()[0], Monitor()), "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    with server, closing(HTTPConnection("::1", server.port, timeout=30)) as connection:
        assert ask(connection, "GET", "/health")[0] == 200
        assert server.url == f"http://[::1]:{server.port}"
    assert channel_log.records[0].fields["client_address"] == "::1"


def test_a_service_needs_no_server() -> None:
    program = "import sys, main; sys.exit(any(name in sys.modules for name in ('http.server', 'socketserver')))"
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[4], check=False, timeout=60)
    assert done.returncode == 0
