"""The application behind a real uvicorn: each answer and its line, and clients that mean no good."""

import asyncio
import contextlib
import json
import re
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.service.asgi import App, Limits
from pipeline.service.lifecycle import serving
from pipeline.service.scoring import Request, Response
from sevenfold.channel_log import ChannelLog
from tests.support.small_model import ROW, save_trained
from tests.support.uvicorn_server import Server, ask, uvicorn, wait_for

pytestmark = pytest.mark.whole("uvicorn")

LIMITS = {"head_s": 1.0, "body_bytes": 20_000, "body_s": 1.0, "bodies": 2, "inline_bytes": 10_000, "linger_s": 1.0}
TRACE = "0af7651916cd43dd8448eb211c80319c"
OVERFLOWING = dict.fromkeys(ROW, 1.7e308)
KNOWN = "expected one of /predict, /health, /schema, got"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    save_trained(folder)
    options = json.dumps({"limits": LIMITS, "settings": {"model": "model.npz"}})
    with uvicorn(folder, app="tests.support.uvicorn_server:create_app", TEST_OPTIONS=options) as server:
        yield server
        assert (server.stop(), (folder / "stdout").read_text()) == (-signal.SIGTERM, "")
        assert not {"Traceback", "Logging error", "sevenfold:"} & set(re.findall(r"\w+:?(?: error)?", server.stderr))


def request(path: str, status: int, method: str = "POST", **fields: Any) -> dict[str, Any]:
    """Give the fields of a line on the channel api, but for the id and the duration."""
    route = path if path in {"/predict", "/health", "/schema"} else None
    told = {"http_request_method": method, "http_route": route, "url_path": path, "http_response_status_code": status}
    return told | {"client_address": "127.0.0.1"} | fields


def logged(server: Server, request_id: str | None) -> dict[str, Any]:
    """Give the fields of the one line of a request."""
    (event,) = server.events("api", request_id=request_id)
    assert (event.message, event.fields.pop("request_id")) == ("request", request_id)
    assert 0 < event.fields.pop("duration_ms") < 10_000
    return event.fields


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error_type", "error"),
    [
        ("POST", "/predict", b"{", 400, "not_json", "the body isn't JSON: see line 1, column 2"),
        ("GET", "/no%20such%0Apath", None, 404, "not_found", f"{KNOWN} /no such\npath"),
        ("DELETE", "/predict", None, 405, "method_not_allowed", "/predict takes POST, got DELETE"),
        ("POST", "/predict", b" " * 20_001, 413, "too_large", "expected at most 20000 bytes, got 20001"),
        ("POST", "/predict", [ROW | {"more": 1}], 422, "wrong_fields", "row 0: more: unknown"),
    ],
)
def test_a_bad_request_gets_a_sentence_its_id_and_one_line(
    server: Server, method: str, path: str, body: Any, status: int, error_type: str, error: str
) -> None:
    request_id = f"bad-{status}"
    response, answer = ask(server.connect(), method, path, body, X_Request_ID=request_id)
    assert (response.status, answer) == (status, {"error": error, "request_id": request_id})
    assert (response.headers["Content-Type"], response.headers["X-Request-ID"]) == ("application/json", request_id)
    assert response.headers["Allow"] == ("POST" if status == 405 else None)
    line = request(path.replace("%20", " ").replace("%0A", "\n"), status, method, error_type=error_type)
    assert logged(server, request_id) == line


def test_a_prediction_has_its_lines_under_the_ids_of_its_caller(server: Server) -> None:
    headers = {"X_Request_ID": "good", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    response, answer = ask(server.connect(), "POST", "/predict", ROW, **headers)
    (prediction,) = server.events("predictions", request_id="good")
    assert (response.status, response.headers["X-Request-ID"]) == (200, "good")
    assert answer == {name: prediction.fields[name] for name in answer}
    assert (prediction.fields["features"], prediction.fields["trace_id"]) == (ROW, TRACE)
    assert logged(server, "good") == request("/predict", 200, trace_id=TRACE)


def test_many_rows_are_scored_in_a_thread_under_one_id(server: Server) -> None:
    response, answer = ask(server.connect(), "POST", "/predict", [list(ROW.values())] * 900, X_Request_ID="many")
    assert (response.status, len(answer["predictions"])) == (200, 900)
    ids = [event.fields["prediction_id"] for event in server.events("predictions", request_id="many")]
    assert ids == [one["prediction_id"] for one in answer["predictions"]]
    assert logged(server, "many") == request("/predict", 200)


def test_what_has_no_body_is_answered_too(server: Server) -> None:
    connection = server.connect()
    health, status = ask(connection, "GET", "/health")
    schema, described = ask(connection, "GET", "/schema", X_Forwarded_For='10.0.0.1 | "x"')
    head, nothing = ask(connection, "HEAD", "/health")
    assert (health.status, status["status"]) == (200, "ok")
    assert (schema.status, [one["name"] for one in described["features"]]) == (200, list(ROW))
    assert (head.status, nothing) == (200, None)
    assert logged(server, health.headers["X-Request-ID"]) == request("/health", 200, "GET")
    # uvicorn believes a proxy on the loopback
    forwarded = request("/schema", 200, "GET", client_address='10.0.0.1 | "x"')
    assert logged(server, schema.headers["X-Request-ID"]) == forwarded


def test_a_failing_model_is_a_500_whose_traceback_only_the_log_has(server: Server) -> None:
    response, answer = ask(server.connect(), "POST", "/predict", OVERFLOWING, X_Request_ID="failing")
    (error,) = server.events("errors", request_id="failing")
    assert response.status == 500
    assert answer == {"error": "the model failed on this request", "request_id": "failing"}
    assert error.exception is not None
    assert "Traceback" in error.exception
    assert logged(server, "failing")["exception_type"] == "FloatingPointError"


def test_another_media_type_is_415(server: Server) -> None:
    response, answer = ask(server.connect(), "POST", "/predict", ROW, Content_Type="text/plain", X_Request_ID="text")
    assert (response.status, answer["error"]) == (415, "expected Content-Type application/json, got 'text/plain'")
    assert logged(server, "text") == request("/predict", 415, error_type="unsupported_media_type")


# Clients that mean no good


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
    client = half_a_body(server, "slow")
    answer = received(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": "expected the body within 1 s",
        "request_id": "slow",
    }
    assert logged(server, "slow") == request("/predict", 408, error_type="too_slow")


@pytest.mark.parametrize("number", [1, 2])
def test_a_head_that_drips_is_cut_off_in_time_though_the_client_never_falls_silent(server: Server, number: int) -> None:
    address = f"127.0.0.{40 + number}"  # another loopback address, to find the line by
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=(address, 0))
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
    assert time.monotonic() - started < 3
    answer = received(client)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert "expected the head of a request within 1 s" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    (event,) = server.events("api", client_address=address, http_response_status_code=408)
    assert (event.fields["error_type"], event.fields["http_request_method"]) == ("too_slow", "_OTHER")


def test_who_connects_and_says_nothing_is_not_waited_for(server: Server) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        assert client.recv(1) == b""
    assert 0.9 < time.monotonic() - started < 5


def test_an_endless_body_is_cut_off(server: Server) -> None:
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Request-ID: endless\r\nTransfer-Encoding: chunked\r\n\r\n")
    with client, pytest.raises(ConnectionError):
        client.sendall((b"3e8\r\n" + b" " * 1000 + b"\r\n") * 20_000)
    assert logged(server, "endless") == request("/predict", 413, error_type="too_large")


def test_who_sends_too_much_at_once_still_reads_why(server: Server) -> None:
    response, _ = ask(server.connect(), "POST", "/predict", b" " * 3_000_000, X_Request_ID="huge")
    assert (response.status, response.headers["Connection"]) == (413, "close")
    assert logged(server, "huge") == request("/predict", 413, error_type="too_large")


def test_a_client_that_leaves_in_mid_body_is_one_line(server: Server) -> None:
    half_a_body(server, "gone").close()
    wait_for(lambda: server.events("api", request_id="gone"))
    assert logged(server, "gone") == request("/predict", 400, error_type="incomplete")


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


@pytest.mark.parametrize(
    "value",
    [
        b"a b",
        b'x" | ERROR    | api | forged',
        b"\x1b[31mred",
        b"caf\xe9",
        b"a" * 129,
        b"",
        b"a\tb",
        b"%0d%0aSet-Cookie:%20a=b",
    ],
)
def test_no_request_id_gets_further_than_it_should(server: Server, value: bytes) -> None:
    raw = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-ID: " + value + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(raw)
        head = received(client).partition(b"\r\n\r\n")[0].decode("ascii")
    if head.startswith("HTTP/1.1 400"):  # some parsers of HTTP are stricter than others, and then uvicorn answers
        assert server.events("api")[-1].message == "Invalid HTTP request received."
        return
    names = [line.partition(":")[0].lower() for line in head.splitlines()[1:]]
    assert names == ["date", "server", "content-type", "content-length", "x-request-id", "connection"]
    (made,) = re.findall(r"x-request-id: (req-[0-9a-f]{32})", head)
    assert logged(server, made) == request("/health", 200, "GET")


def test_a_second_header_hidden_in_a_request_id_comes_to_nothing(server: Server) -> None:
    for number, line_end in enumerate((b"\r\n", b"\n", b"\r", b"\0")):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
            hidden = b"split-%d" % number + line_end + b"Set-Cookie: a=b"
            client.sendall(
                b"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-ID: " + hidden + b"\r\nConnection: close\r\n\r\n"
            )
            answer = received(client).lower()
        assert b"cookie" not in answer
        is_taken = b"\r\nx-request-id: split-%d\r\n" % number in answer
        assert is_taken or line_end != b"\r\n"
        assert len(server.events("api", request_id=f"split-{number}")) == is_taken


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
)


def test_no_malformed_body_gets_more_than_a_4xx_and_one_line(server: Server) -> None:
    connection = server.connect()
    statuses: dict[str | None, int] = {}

    @settings(max_examples=100, deadline=None)
    @given(body=MALFORMED)
    def send(body: bytes) -> None:
        response, answer = ask(connection, "POST", "/predict", body)
        assert 400 <= response.status < 500
        assert answer.keys() == {"error", "request_id"}
        statuses[response.headers["X-Request-ID"]] = response.status

    send()
    lines = [event.fields for event in server.events("api") if event.fields.get("request_id") in statuses]
    found = [(line["request_id"], line["http_response_status_code"]) for line in lines]
    assert found == list(statuses.items())


# Without a server


async def converse(app: App, scope: dict[str, Any], *messages: dict[str, Any], cancel: bool = False) -> list[Any]:
    """Give an application a scope within its lifespan; return what it sends. After the messages nothing comes."""
    sent: list[Any] = []
    phases: asyncio.Queue[Any] = asyncio.Queue()
    coming: asyncio.Queue[Any] = asyncio.Queue()
    for message in messages:
        coming.put_nowait(message)

    async def send(message: Any) -> None:
        sent.append(message)

    life = asyncio.create_task(app({"type": "lifespan"}, phases.get, send))
    phases.put_nowait({"type": "lifespan.startup"})
    await asyncio.sleep(0.001)
    task = asyncio.create_task(app(scope, coming.get, send))
    if cancel:
        await asyncio.sleep(0.001)
        task.cancel()
    await task
    phases.put_nowait({"type": "lifespan.shutdown"})
    await life
    return sent


def http(path: str, **more: Any) -> dict[str, Any]:
    return {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "headers": [], "client": None} | more


def statuses(sent: list[Any]) -> list[int]:
    return [message["status"] for message in sent if message["type"] == "http.response.start"]


@pytest.fixture
def app(tmp_path: Path, channel_log: ChannelLog) -> App:
    model = save_trained(tmp_path)
    channel_log.clear()
    return App(partial(serving, model), Limits(linger_s=0.01))


def test_a_mounted_application_is_asked_for_the_path_below_its_own(app: App, channel_log: ChannelLog) -> None:
    sent = asyncio.run(converse(app, http("/models/a/health", root_path="/models/a")))
    assert statuses(sent) == [200]
    (line,) = channel_log.channel("api")
    assert (line.fields["url_path"], line.fields["client_address"]) == ("/health", "unknown")


def test_a_lifespan_has_its_start_and_its_stop_audited_and_the_last_window_written(
    app: App, channel_log: ChannelLog
) -> None:
    sent = asyncio.run(converse(app, http("/health")))
    assert [sent[0], sent[-1]] == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
    assert [record.message for record in channel_log.channel("audit")] == ["service_started", "service_stopped"]
    assert [record.fields["request_count"] for record in channel_log.channel("monitoring")] == [1]


def test_a_body_without_a_length_in_http_2_is_read(app: App) -> None:
    headers = [(b"content-type", b"application/json")]
    scope = http("/predict", method="POST", http_version="2", headers=headers)
    halves = json.dumps(ROW)[:9].encode(), json.dumps(ROW)[9:].encode()
    bodies = [{"type": "http.request", "body": half, "more_body": half is halves[0]} for half in halves]
    assert statuses(asyncio.run(converse(app, scope, *bodies))) == [200]


def test_a_request_that_the_stopping_server_gives_up_is_a_503_and_no_crash(app: App, channel_log: ChannelLog) -> None:
    scope = http("/predict", method="POST", headers=[(b"content-length", b"20")])
    assert statuses(asyncio.run(converse(app, scope, cancel=True))) == [503]
    assert [record.fields["error_type"] for record in channel_log.channel("api")] == ["shutting_down"]


def test_a_websocket_is_closed_and_is_one_line(app: App, channel_log: ChannelLog) -> None:
    scope = http("/predict") | {"type": "websocket"}
    del scope["method"]
    assert {"type": "websocket.close"} in asyncio.run(converse(app, scope))
    assert [record.fields["error_type"] for record in channel_log.channel("api")] == ["no_websocket"]


def test_only_a_long_body_is_handed_to_a_thread() -> None:
    threads: list[int] = []

    def handle(request: Request) -> Response:
        threads.append(threading.get_ident())
        return Response(200, {"n_bytes": len(request.body)}, "id")

    @contextmanager
    def stub() -> Iterator[Any]:
        yield SimpleNamespace(handle=handle)

    for length in (100, 101):
        scope = http("/predict", headers=[(b"content-length", b"%d" % length)])
        message = {"type": "http.request", "body": b" " * length}
        assert statuses(asyncio.run(converse(App(stub, Limits(inline_bytes=100)), scope, message))) == [200]
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


@contextmanager
def breaking() -> Iterator[Any]:
    raise KeyError("weights")
    yield


def test_a_service_that_cannot_start_says_why_in_a_line_and_in_errors(channel_log: ChannelLog) -> None:
    sent: list[Any] = []

    async def start() -> None:
        phases: asyncio.Queue[Any] = asyncio.Queue()
        phases.put_nowait({"type": "lifespan.startup"})
        await App(breaking)({"type": "lifespan"}, phases.get, keep)

    async def keep(message: Any) -> None:
        sent.append(message)

    asyncio.run(start())
    assert sent == [{"type": "lifespan.startup.failed", "message": "KeyError: 'weights'"}]
    (error,) = channel_log.channel("errors")
    assert (error.channel, error.message, type(error.exception)) == ("api", "the service broke", KeyError)


def test_an_application_without_a_lifespan_says_so(app: App) -> None:
    with pytest.raises(RuntimeError, match=r"^the server must run the application's lifespan, which loads the model$"):
        asyncio.run(app(http("/health"), asyncio.Queue().get, asyncio.Queue().put))  # type: ignore[arg-type]
