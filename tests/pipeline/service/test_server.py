"""The service behind a real uvicorn: each answer and its line, and malicious clients."""

import contextlib
import json
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from pipeline.service.application import Settings, load, make_app
from pipeline.service.server import in_thread, listen, tls_of, url
from pipeline.service.traffic import make_requests, send
from sevenfold.asgi import ApiLog
from sevenfold.asgi.types import Receive, Scope, Send
from sevenfold.channel_log import ChannelLog
from tests.support.raw_requests import REQUESTS, exchange
from tests.support.servers import Server, ask, launched, service, uvicorn, wait_for
from tests.support.small_model import ROW, save_trained, trained

pytestmark = pytest.mark.whole("uvicorn")

ROOT = Path(__file__).parents[3]
TRACE = "0af7651916cd43dd8448eb211c80319c"
APP = {"body_timeout_s": 1.0, "max_in_flight": 2}
STATUSES = [400, 422, 422, 400, 405, 404, 415]  # of every twentieth request of a run, in turn


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    save_trained(folder)
    with service(folder, app=APP, head_s=1.0) as server:
        yield server
        assert server.stop() == 0
        assert not {"Traceback", "Logging error", "sevenfold:"} & set(re.findall(r"\w+:?(?: error)?", server.stderr))


def request(path: str, status: int, method: str = "POST", **fields: Any) -> dict[str, Any]:
    """Give the fields of a line on the channel api, but for the ids and the duration."""
    route = None if fields.get("error_type") in {"too_large", "malformed", "overloaded"} else path  # before it is known
    told = {"http_request_method": method, "http_route": route, "url_path": path, "http_response_status_code": status}
    return told | {"client_address": "127.0.0.1"} | fields


def logged(server: Server, request_id: str | None) -> dict[str, Any]:
    """Give the fields of the one line of a request."""
    (event,) = server.events("api", request_id=request_id)
    assert (event.message, event.fields.pop("request_id")) == ("request", request_id)
    assert event.fields.pop("worker_id").startswith("pid-")
    assert 0 < event.fields.pop("duration_ms") < 10_000
    return event.fields


def test_a_prediction_has_its_lines_under_the_ids_of_its_caller(server: Server) -> None:
    headers = {"X_Request_ID": "good", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X_Forwarded_For": "6.6.6.6"}
    response, answer = ask(server.connect(), "POST", "/predict", ROW, **headers)
    (prediction,) = server.events("predictions", request_id="good")
    assert (response.status, response.headers["X-Request-ID"]) == (200, "good")
    assert answer == {name: prediction.fields[name] for name in answer}
    assert (prediction.fields["features"], prediction.fields["trace_id"]) == (ROW, TRACE)
    noted = {name: answer[name] for name in ("decision", "confidence")}
    assert logged(server, "good") == request("/predict", 200, trace_id=TRACE, **noted)


def test_a_trace_ends_with_its_request_though_the_connection_is_kept(server: Server) -> None:
    connection = server.connect()
    rows = [list(ROW.values())] * 5_000  # more than is read at once, so that the server pauses and goes on in between
    traced = {"X_Request_ID": "traced", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    assert ask(connection, "POST", "/predict", rows, **traced)[0].status == 200
    assert ask(connection, "POST", "/predict", ROW, X_Request_ID="after")[0].status == 200
    assert logged(server, "traced")["trace_id"] == TRACE
    assert "trace_id" not in logged(server, "after")
    assert ["trace_id" in one.fields for one in server.events("predictions", request_id="after")] == [False]


def test_113_bytes_that_overflow_the_model_are_a_422_and_no_traceback(server: Server) -> None:
    response, answer = ask(server.connect(), "POST", "/predict", dict.fromkeys(ROW, 1.79e308), X_Request_ID="large")
    assert (response.status, answer["error"][:43]) == (422, "feature_01: expected a number from -1e+150 ")
    assert logged(server, "large")["error_type"] == "wrong_fields"
    assert server.events("errors", request_id="large") == []


# What isn't quite HTTP


def documented() -> dict[str, list[str]]:
    """Read the table of raw requests in the documentation."""
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    rows = text.partition("| raw request | h11 | httptools |\n|---|---|---|\n")[2].partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {name: answers for name, *answers in cells}


def test_each_raw_request_gets_what_the_documentation_says(server: Server) -> None:
    found = {name: exchange(server.port, data) for name, data in REQUESTS.items()}
    assert found == {name: answers[0] for name, answers in documented().items()}


@pytest.mark.whole("httptools")
def test_the_quicker_parser_takes_and_refuses_others(tmp_path: Path) -> None:
    save_trained(tmp_path)
    with uvicorn(tmp_path, "--http", "httptools", SEVENFOLD_MODEL="model.npz") as quicker:
        found = {name: exchange(quicker.port, data) for name, data in REQUESTS.items()}
    assert found == {name: answers[1] for name, answers in documented().items()}


def test_no_answer_follows_a_request_of_two_lengths(server: Server) -> None:
    hidden = b"GET /schema HTTP/1.1\r\nHost: x\r\nX-Request-ID: hidden\r\n\r\n"
    both = b"X-Request-ID: both\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert exchange(server.port, b"POST /predict HTTP/1.1\r\nHost: x\r\n" + both + hidden) == "400, closed"
    assert logged(server, "both") == request("/predict", 400, error_type="malformed")
    assert server.events("api", request_id="hidden") == []


def test_what_never_gets_a_head_is_a_warning(server: Server) -> None:
    assert exchange(server.port, b"nonsense\r\n\r\n") == "400, closed"
    assert "| WARNING  | - | Invalid HTTP request received." in server.stderr


@pytest.mark.parametrize(
    "value", [b"a b", b'x" | ERROR', b"\x1b[31mred", b"caf\xe9", b"a" * 129, b"", b"a\tb", b"%0d%0aA:%20b"]
)
def test_no_request_id_gets_further_than_it_should(server: Server, value: bytes) -> None:
    raw = b"GET /schema HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-ID: " + value + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(raw)
        head = received(client).partition(b"\r\n\r\n")[0].decode("ascii")
    if head.startswith("HTTP/1.1 400"):  # the parser is stricter, and then uvicorn answers
        return
    names = {line.partition(":")[0].lower() for line in head.splitlines()[1:]}
    assert names == {"date", "content-type", "content-length", "x-request-id", "connection"}
    (made,) = re.findall(r"x-request-id: (req-[0-9a-f]{32})", head)
    assert logged(server, made) == request("/schema", 200, "GET")


BAD_VALUE = st.booleans() | st.text() | st.lists(st.none()) | st.just(10**400) | st.just(float("nan"))
BAD_ROW = (
    st.sampled_from(list(ROW)).map(lambda name: {key: value for key, value in ROW.items() if key != name})
    | st.text().map(lambda name: ROW | {f"not_{name}": 1})
    | st.tuples(st.sampled_from(list(ROW)), BAD_VALUE).map(lambda pair: ROW | {pair[0]: pair[1]})
)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=10)
MALFORMED = st.one_of(
    st.binary(max_size=300).map(lambda data: b"\x00" + data),
    st.integers(0, len(json.dumps(ROW)) - 1).map(lambda length: json.dumps(ROW).encode()[:length]),
    BAD_ROW.map(lambda row: json.dumps(row).encode()),
    st.lists(BAD_ROW, max_size=3).map(lambda rows: json.dumps(rows).encode()),
    JSON.map(lambda value: json.dumps({"feature_01": value}).encode()),
    JSON.map(lambda value: json.dumps(value).encode("utf-16")),
    st.integers(1, 9_000).map(lambda depth: b"[" * depth),
    st.sampled_from([1.79e308, -1.79e308]).map(lambda value: json.dumps(dict.fromkeys(ROW, value)).encode()),
)


def test_no_malformed_body_gets_more_than_a_4xx_and_one_line(server: Server) -> None:
    statuses: dict[str | None, int] = {}

    @settings(max_examples=200, deadline=None)
    @given(body=MALFORMED)
    def send_one(body: bytes) -> None:
        # A connection each: one that is kept is closed by the server where drawing a body takes long.
        with contextlib.closing(server.connect()) as connection:
            response, answer = ask(connection, "POST", "/predict", body)
        assert 400 <= response.status < 500
        assert answer.keys() == {"error", "request_id"}
        statuses[response.headers["X-Request-ID"]] = response.status

    send_one()
    lines = [event.fields for event in server.events("api") if event.fields.get("request_id") in statuses]
    found = [(line["request_id"], line["http_response_status_code"]) for line in lines]
    assert found == list(statuses.items())


# Clients that take their time


def half_a_body(server: Server, request_id: str) -> socket.socket:
    begun = f"POST /predict HTTP/1.1\r\nHost: x\r\nX-Request-ID: {request_id}\r\nContent-Type: application/json\r\n"
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.sendall(f"{begun}Content-Length: {len(json.dumps(ROW))}\r\n\r\n".encode() + json.dumps(ROW).encode()[:20])
    return client


def received(client: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    with client, client.makefile("rb") as file:
        return file.read()


def test_a_body_that_comes_too_slowly_is_cut_off(server: Server) -> None:
    answer = received(half_a_body(server, "slow"))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": "expected the body within 1 s",
        "request_id": "slow",
    }
    assert logged(server, "slow") == request("/predict", 408, error_type="too_slow")


@pytest.mark.parametrize("number", [1, 2])
def test_a_head_that_drips_is_cut_off_in_time_though_the_client_never_falls_silent(server: Server, number: int) -> None:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    if number == 2:  # on a connection that is kept alive, where the first head came in two parts
        client.sendall(b"GET /health HTTP/1.1\r\n")
        time.sleep(0.1)
        client.sendall(b"Host: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        time.sleep(0.1)
        assert b"uptime_s" in client.recv(10_000)
    started = time.monotonic()
    client.sendall(b"POST /predict HTTP/1.1\r\n")
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < started + 10 and not select.select([client], [], [], 0.1)[0]:
            client.sendall(b"X-Drip: 1\r\n")
    assert time.monotonic() - started < 5
    with contextlib.suppress(ConnectionError):
        assert received(client) == b""


def test_who_connects_and_says_nothing_is_not_waited_for(server: Server) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        assert client.recv(1) == b""
    assert time.monotonic() - started > 0.9


def test_who_is_between_two_requests_is(server: Server) -> None:
    connection = server.connect()
    for _ in range(2):
        assert ask(connection, "GET", "/schema")[0].status == 200
        time.sleep(1.5)  # longer than a head may take
    assert ask(connection, "GET", "/schema")[0].status == 200


def test_an_endless_head_is_cut_off(server: Server) -> None:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    lines = b"".join(b"X-%d: " % number + b"a" * 1000 + b"\r\n" for number in range(20_000))
    with client, pytest.raises(ConnectionError):
        client.sendall(b"GET /schema HTTP/1.1\r\nHost: x\r\n" + lines)


def test_an_endless_body_is_cut_off(server: Server) -> None:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Request-ID: endless\r\nTransfer-Encoding: chunked\r\n\r\n")
    with client, pytest.raises(ConnectionError):  # noqa: PT012
        for chunks in repeat((b"3e8\r\n" + b" " * 1000 + b"\r\n") * 1000):
            client.sendall(chunks)
    assert logged(server, "endless") == request("/predict", 413, error_type="too_large", http_route="/predict")


def test_who_sends_too_much_at_once_still_reads_why(server: Server) -> None:
    response, _ = ask(server.connect(), "POST", "/predict", b" " * 3_000_000, X_Request_ID="huge")
    assert (response.status, response.headers["Connection"]) == (413, "close")
    assert logged(server, "huge") == request("/predict", 413, error_type="too_large")


def test_a_client_that_leaves_in_mid_body_is_one_line(server: Server) -> None:
    half_a_body(server, "gone").close()
    wait_for(lambda: server.events("api", request_id="gone"))
    assert logged(server, "gone") == request("/predict", 499, error_type="disconnected")
    assert server.events("errors", request_id="gone") == []


def test_while_bodies_keep_the_server_waiting_another_one_is_503_but_health_is_well(server: Server) -> None:
    waiting = [half_a_body(server, f"waiting-{number}") for number in range(2)]
    connection = server.connect()
    assert ask(connection, "GET", "/health")[0].status == 200
    response, answer = ask(connection, "POST", "/predict", ROW, X_Request_ID="one-more")
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert answer == {"error": "too many requests at once, try again in a moment", "request_id": "one-more"}
    assert logged(server, "one-more") == request("/predict", 503, error_type="overloaded")
    for client in waiting:
        client.sendall(json.dumps(ROW).encode()[20:])
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        client.close()


def test_a_thousand_silent_connections_keep_nobody_else_waiting(tmp_path: Path) -> None:
    save_trained(tmp_path)
    with service(tmp_path) as server, contextlib.ExitStack() as opened:
        for _ in range(1000):
            opened.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
        assert [ask(server.connect(), "POST", "/predict", ROW)[0].status for _ in range(20)] == [200] * 20
        assert len(server.events("api", url_path="/predict")) == 20


# How it listens and starts


def test_answers_on_a_kept_connection_wait_for_nothing() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        with listening.accept()[0] as connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert listening.proto == socket.IPPROTO_TCP
        with pytest.raises(
            OSError, match=rf"^\[Errno \d+\] can't listen on 127\.0\.0\.1:{listening.getsockname()[1]}: "
        ):
            listen("127.0.0.1", listening.getsockname()[1])


def test_it_listens_on_ipv6_too() -> None:
    try:
        listening = listen("::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    with listening:
        assert re.fullmatch(r"https://\[::1\]:\d+", url(listening, "https"))


def make(folder: Path) -> ApiLog:
    return make_app(load(str(save_trained(folder))), Settings(drift_rows=0))


def test_the_requests_of_a_run_are_answered_by_a_thread_in_its_context_whatever_proxy_is_set(
    tmp_path: Path, channel_log: ChannelLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    before = set(threading.enumerate())
    with logger.contextualize(run_id="run-1"), in_thread(make(tmp_path)) as place:
        assert send(make_requests(trained()[1], 160), place) == 160
    assert set(threading.enumerate()) == before
    lines = [record.fields for record in channel_log.channel("api")]
    statuses = [line["http_response_status_code"] for line in lines]
    assert (statuses[19:159:20], statuses[-1], len(statuses)) == (STATUSES, 422, 160)
    assert sum(status == 200 for status in statuses) == 160 - 7 - 1
    assert {(line["run_id"], line["client_address"]) for line in lines} == {("run-1", "127.0.0.1")}
    assert channel_log.records[-1].message == "service_stopped"


def test_a_thread_whose_service_does_not_start_says_so(channel_log: ChannelLog) -> None:
    async def failing(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no weights"})

    with pytest.raises(RuntimeError, match=r"^the service didn't start$"), in_thread(ApiLog(failing)):
        pass
    assert channel_log.records == []


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_service_that_cannot_audit_its_start_does_not_and_ends_in_failure(tmp_path: Path, n_workers: int) -> None:
    save_trained(tmp_path)
    told = json.dumps({"workers": n_workers, "audits": False})
    with launched(tmp_path, "-m", "tests.support.service", TEST_OPTIONS=told) as server:
        assert server.process.wait(60) == 1
    assert "no space left on device" in server.stderr


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    command = "openssl req -x509 -newkey rsa:2048 -keyout key.pem -out cert.pem -days 1 -passout pass:word -subj /CN=x"
    try:
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl here")
    return tmp_path / "cert.pem"


def test_tls_is_tried_before_anything_starts(certificate: Path) -> None:
    given = {"ssl_certfile": str(certificate), "ssl_keyfile": str(certificate.with_name("key.pem"))}
    good = given | {"ssl_keyfile_password": "word", "ssl_ca_certs": str(certificate), "ssl_ciphers": None}
    assert tls_of(good | {"port": 8000}) == {name: value for name, value in good.items() if value is not None}
    assert tls_of({"ssl_certfile": None}) == {}
    for wrong in (
        given,
        {"ssl_certfile": "none.pem"},
        good | {"ssl_ca_certs": "none.pem"},
        good | {"ssl_ciphers": "no"},
    ):
        with pytest.raises(ValueError, match=r"^TLS can't be set up with .*pem: "):
            tls_of(wrong)
    with pytest.raises(ValueError, match=r"^TLS needs a certificate: --ssl-certfile PATH$"):
        tls_of({"ssl_keyfile": "key.pem"})


def test_two_workers_serve_behind_tls(certificate: Path) -> None:
    folder = certificate.parent
    save_trained(folder)
    command = [str(ROOT / "main.py"), "serve", "--port", "0", "--workers", "2", "--model", "model.npz"]
    command += ["--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem", "--ssl-keyfile-password", "word"]
    with launched(folder, *command) as server:
        wait_for(lambda: server.is_ready(2), lambda: server.process.poll() is None)
        trusting = ssl.create_default_context(cafile=str(certificate))
        trusting.check_hostname = False
        for _ in range(4):
            plain = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            with trusting.wrap_socket(plain) as client:
                client.sendall(b"GET /schema HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert received(client).startswith(b"HTTP/1.1 200 OK")
        assert server.stop(signal.SIGTERM) == 0
    assert server.stdout.startswith("serving https://127.0.0.1:")
    assert len(server.events("api", http_route="/schema")) == 4
