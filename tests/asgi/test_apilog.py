import asyncio
import logging
import threading
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger

from sevenfold.asgi import LOGGED, ApiLog, failed, note
from sevenfold.asgi.types import App, Message, Receive, Scope, Send
from sevenfold.channel_log import ChannelLog
from tests.support.asgi_client import (
    END,
    LEFT,
    START,
    answering,
    body,
    conversation,
    header,
    http,
    start,
    talk,
    websocket,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"


class ClientDisconnect(Exception):  # noqa: N818 - as Starlette calls it
    pass


def only_line(log: ChannelLog) -> dict[str, Any]:
    (record,) = (record for record in log.records if record.channel == "api")
    assert record.message == "request"
    return record.fields


def level_of(log: ChannelLog) -> str:
    (record,) = (record for record in log.records if record.channel == "api")
    return record.level


def test_a_request_is_one_line_and_its_answer_stays_as_it_is_but_for_an_id(channel_log: ChannelLog) -> None:
    scope = http("/items/7", "POST", headers={"x_request_id": "order-4711"})
    sent = talk(ApiLog(answering(start(201, content_type="text/plain"), END)), scope)
    assert sent == [start(201, content_type="text/plain", x_request_id="order-4711"), END]
    line = only_line(channel_log)
    assert 0 < line.pop("duration_ms") < 5000
    assert line == {
        "request_id": "order-4711",
        "http_request_method": "POST",
        "http_route": None,
        "url_path": "/items/7",
        "http_response_status_code": 201,
        "client_address": "192.0.2.7",
    }
    assert (level_of(channel_log), scope["state"]["request_id"]) == ("INFO", "order-4711")


def test_an_application_that_names_the_request_itself_is_left_alone(channel_log: ChannelLog) -> None:
    sent = talk(ApiLog(answering({**START, "headers": iter([(b"X-Request-ID", b"own")])}, END)))
    assert sent == [{**START, "headers": [(b"X-Request-ID", b"own")]}, END]
    assert only_line(channel_log)


MORE = {"type": "http.response.body", "body": b"ab", "more_body": True}
LAST = {"type": "http.response.body", "body": b"c", "more_body": False}
EMPTY = {"type": "http.response.body", "body": b""}


@pytest.mark.parametrize(
    ("method", "messages", "completing"),
    [
        ("GET", [START, END], 1),
        ("GET", [START, MORE, MORE, LAST], 3),
        ("GET", [START, MORE, EMPTY], 2),
        ("GET", [start(content_length="2"), MORE, EMPTY], 1),  # the client reads no further than the length
        ("GET", [start(content_length="5"), MORE, MORE, LAST], 3),
        ("GET", [start(content_length="0"), EMPTY], 0),
        ("GET", [start(content_length="9" * 5000), END], 1),
        ("GET", [start(204), EMPTY], 0),
        ("GET", [start(304, content_length="70"), EMPTY], 0),
        ("HEAD", [start(content_length="5"), END], 0),
        ("GET", [START, {"type": "http.response.pathsend", "path": "/x"}], 1),
        ("GET", [{**START, "trailers": True}, END, {"type": "http.response.trailers", "headers": []}], 2),
    ],
)
def test_the_line_is_there_before_the_last_byte_is_handed_over(
    channel_log: ChannelLog, method: str, messages: list[Message], completing: int
) -> None:
    lines: list[int] = []
    talk(ApiLog(answering(*messages)), http(method=method), on_send=lambda _: lines.append(len(channel_log.records)))
    assert lines == [int(i >= completing) for i in range(len(messages))]
    assert "error_type" not in only_line(channel_log)


@pytest.mark.parametrize("status", [200, 503])
def test_nothing_of_a_stream_is_held(channel_log: ChannelLog, status: int) -> None:
    seen: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start(status))
        for number in range(3):
            assert len(seen) == number + 1
            await send(MORE)
        await send(LAST)

    assert len(talk(ApiLog(app), on_send=seen.append)) == 5
    assert only_line(channel_log)


MESSAGES = st.tuples(
    st.builds(
        lambda status, headers, length: start(
            status, **headers, **({} if length is None else {"content_length": length})
        ),
        st.sampled_from([200, 204, 302, 404, 500, 503]),
        st.dictionaries(st.sampled_from(["x_a", "content_type"]), st.sampled_from(["a", ""]), max_size=2),
        st.none() | st.integers(0, 12).map(str),
    ),
    st.lists(st.binary(max_size=4), max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(MESSAGES, st.sampled_from(["GET", "HEAD"]), st.booleans())
def test_no_answer_is_changed_or_reordered_and_each_has_one_line(
    channel_log: ChannelLog, answer: tuple[Message, list[bytes]], method: str, raises: bool
) -> None:
    channel_log.clear()
    first, parts = answer
    chunks = [{"type": "http.response.body", "body": part, "more_body": True} for part in parts]
    error = ValueError("x") if raises else None
    sent = talk(ApiLog(answering(first, *chunks, EMPTY, then=error)), http(method=method))
    assert header(sent[0], b"x-request-id") is not None
    assert {**sent[0], "headers": sent[0]["headers"][:-1]} == first
    assert sent[1:] == [*chunks, EMPTY]
    lines = [record for record in channel_log.records if record.message == "request"]
    assert (len(lines), lines[0].fields["http_response_status_code"]) == (1, first["status"])
    assert sum(record.exception is not None for record in channel_log.records) == raises


# What goes wrong


def test_an_exception_before_the_answer_is_logged_with_the_line_and_raised_to_the_server(
    channel_log: ChannelLog,
) -> None:
    error = KeyError("weights")
    with pytest.raises(KeyError):
        talk(ApiLog(answering(then=error)))
    (record,) = channel_log.records
    assert (record.level, record.exception, record.fields["error_type"]) == ("ERROR", error, "KeyError")
    assert record.fields["http_response_status_code"] == 500
    assert getattr(error, LOGGED) is True


@pytest.mark.parametrize("reraise", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_exception_behind_a_whole_500_stands_in_its_line_once(
    channel_log: ChannelLog, method: str, reraise: bool
) -> None:
    error, lines, sent = ValueError("x"), list[int](), list[Message]()

    def on_send(message: Message) -> None:
        sent.append(message)
        lines.append(len(channel_log.records))

    app = ApiLog(answering(start(500), END, then=error), reraise=reraise)
    if reraise:
        with pytest.raises(ValueError, match="x"):
            talk(app, http(method=method), on_send=on_send)
    else:
        talk(app, http(method=method), on_send=on_send)
    (record,) = channel_log.records
    assert (record.message, record.level, record.exception) == ("request", "ERROR", error)
    assert (len(sent), lines[-1]) == (2, 1)


def test_an_exception_after_the_answer_is_a_record_of_its_own_with_the_same_id(channel_log: ChannelLog) -> None:
    talk(ApiLog(answering(START, END, then=KeyError("background"))), http(headers={"x_request_id": "r"}))
    line, after = channel_log.records
    assert (line.level, line.fields["http_response_status_code"]) == ("INFO", 200)
    assert (after.level, after.message, after.channel) == ("ERROR", "failed", "api")
    assert after.fields == {"request_id": "r", "error_type": "KeyError"}


def test_an_exception_in_mid_answer_is_raised_so_that_the_client_takes_no_half_for_a_whole(
    channel_log: ChannelLog,
) -> None:
    with pytest.raises(ValueError, match="mid"):
        talk(ApiLog(answering(START, MORE, then=ValueError("mid"))))
    assert only_line(channel_log)["http_response_status_code"] == 200
    assert level_of(channel_log) == "ERROR"


@pytest.mark.parametrize(
    ("messages", "error_type", "status"), [([], "no_answer", 500), ([START, MORE], "unfinished", 200)]
)
def test_no_answer_and_half_an_answer_are_errors(
    channel_log: ChannelLog, messages: list[Message], error_type: str, status: int
) -> None:
    talk(ApiLog(answering(*messages)))
    line = only_line(channel_log)
    assert (line["error_type"], line["http_response_status_code"]) == (error_type, status)
    assert level_of(channel_log) == "ERROR"


@pytest.mark.parametrize(("status", "level"), [(200, "INFO"), (404, "INFO"), (500, "ERROR"), (503, "INFO")])
def test_a_500_is_an_error_and_what_an_application_refuses_is_none(
    channel_log: ChannelLog, status: int, level: str
) -> None:
    talk(ApiLog(answering(start(status), END)))
    assert level_of(channel_log) == level


def test_a_framework_that_keeps_its_exceptions_can_tell_them(channel_log: ChannelLog) -> None:
    error = ValueError("kept")

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        failed(error)
        await send(start(500))
        await send(END)
        failed(OSError("late"))

    talk(ApiLog(app))
    late, line = channel_log.records
    assert (line.exception, line.fields["error_type"], getattr(error, LOGGED)) == (error, "ValueError", True)
    assert (late.message, type(late.exception)) == ("failed", OSError)


def test_who_waits_for_the_client_after_a_5xx_is_not_kept_waiting(channel_log: ChannelLog) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(503))
        await send(END)
        assert await receive() == LEFT

    assert len(talk(ApiLog(app), coming=[LEFT])) == 2
    assert "error_type" not in only_line(channel_log)


def leaving(raised: Exception, *first: Message) -> App:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        for message in first:
            await send(message)
        while (await receive())["type"] != "http.disconnect":
            pass
        raise raised

    return app


@pytest.mark.parametrize(("first", "status"), [([], 499), ([START, MORE], 200)])
def test_a_client_that_leaves_is_no_error(channel_log: ChannelLog, first: list[Message], status: int) -> None:
    talk(ApiLog(leaving(ClientDisconnect(), *first)), coming=[body(b"a", more=True), LEFT])
    line = only_line(channel_log)
    assert (line["http_response_status_code"], line["error_type"]) == (status, "disconnected")
    assert (level_of(channel_log), channel_log.records[0].exception) == ("INFO", None)


def test_what_is_answered_to_nobody_is_no_500(channel_log: ChannelLog) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:  # as Starlette does
        assert await receive() == LEFT
        await send(start(500))
        await send(END)
        raise ClientDisconnect

    assert talk(ApiLog(app), coming=[LEFT])[0]["status"] == 500
    assert only_line(channel_log)["http_response_status_code"] == 499
    assert (level_of(channel_log), len(channel_log.records)) == ("INFO", 1)


def test_what_breaks_once_the_client_has_left_is_one(channel_log: ChannelLog) -> None:
    talk(ApiLog(leaving(KeyError("clean-up"))), coming=[LEFT])
    (record,) = channel_log.records
    assert (record.level, type(record.exception)) == ("ERROR", KeyError)


def test_a_server_that_cannot_send_says_that_the_client_has_left(channel_log: ChannelLog) -> None:
    def on_send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    talk(ApiLog(answering(START, MORE, LAST)), on_send=on_send)
    assert only_line(channel_log)["error_type"] == "disconnected"
    assert level_of(channel_log) == "INFO"


def test_a_request_that_is_cancelled_has_its_line(channel_log: ChannelLog) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(conversation(ApiLog(leaving(ClientDisconnect())), http(), []))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert only_line(channel_log)["error_type"] == "CancelledError"


# Ids and notes


@pytest.mark.parametrize("request_id", ["a", "x" * 128, "4bf92f35-77b3:4da6/a3ce@host+1=", "A.b_c"])
def test_an_id_that_is_short_and_harmless_is_kept(channel_log: ChannelLog, request_id: str) -> None:
    sent = talk(ApiLog(answering(START, END)), http(headers={"x_request_id": request_id}))
    assert header(sent[0], b"x-request-id") == request_id.encode()
    assert only_line(channel_log)["request_id"] == request_id


@pytest.mark.parametrize(
    "request_id", ["", "x" * 129, "a b", "a\r\nSet-Cookie: b", "a\n", 'a"', "{}", "é", "\x1b[31m", "a|b", "a,b", "\0"]
)
def test_any_other_is_replaced(channel_log: ChannelLog, request_id: str) -> None:
    sent = talk(ApiLog(answering(START, END)), http(headers={"x_request_id": request_id}))
    made = only_line(channel_log)["request_id"]
    assert made.removeprefix("req-").isalnum()
    assert header(sent[0], b"x-request-id") == made.encode()


def test_an_id_given_twice_or_not_accepted_is_replaced(channel_log: ChannelLog) -> None:
    scope = http(headers={"x_request_id": "a"})
    scope["headers"] *= 2
    talk(ApiLog(answering(START, END)), scope)
    talk(ApiLog(answering(START, END), accept_id=lambda one: one != "b"), http(headers={"x_request_id": "b"}))
    assert all(record.fields["request_id"].startswith("req-") for record in channel_log.records)


def test_a_trace_id_stands_in_every_record_of_its_request_and_in_no_other(channel_log: ChannelLog) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        logger.bind(channel="training").info("inside")
        await answering(START, END)(scope, receive, send)

    talk(ApiLog(app), http(headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}))
    assert [record.fields["trace_id"] for record in channel_log.records] == [TRACE] * 2
    channel_log.clear()
    for traceparent in (
        "",
        TRACE,
        f"00-{TRACE}-00f067aa0ba902b7-01\n",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
    ):
        talk(ApiLog(app), http(headers={"traceparent": traceparent}))
    assert not any("trace_id" in record.fields for record in channel_log.records)


def test_a_request_in_the_context_of_an_earlier_one_has_no_ids_of_its(channel_log: ChannelLog) -> None:
    app = ApiLog(answering(START, END))
    later: list[asyncio.Task[Any]] = []

    async def first(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answering(START, END)(_scope, _receive, send)
        later.append(asyncio.create_task(conversation(app, http())))  # as a server may, of a connection that is kept

    async def both() -> None:
        await conversation(ApiLog(first), http(headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}))
        await later[0]

    asyncio.run(both())
    assert ["trace_id" in record.fields for record in channel_log.records] == [True, False]


def test_one_within_another_logs_nothing_of_its_own(channel_log: ChannelLog) -> None:
    talk(ApiLog(ApiLog(answering(START, END))))
    assert only_line(channel_log)


def test_what_is_noted_stands_in_the_line_whoever_notes_it_and_moves_nothing(channel_log: ChannelLog) -> None:
    def work() -> None:
        note(
            decision="approve",
            http_route="/{own}",
            channel="errors",
            batch={"a": [1, 2]},
            request_id="x",
            duration_ms=-1,
        )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        thread = threading.Thread(target=copy_context().run, args=(work,))
        thread.start()
        thread.join()
        await asyncio.create_task(answering(START, END)(scope, receive, send))  # type: ignore[arg-type]

    note(nowhere=1)
    failed(ValueError())
    talk(ApiLog(app), http(headers={"x_request_id": "r"}))
    line = only_line(channel_log)
    assert (line["decision"], line["request_id"], line["note_request_id"]) == ("approve", "r", "x")
    assert line["http_route"] == "/{own}"
    assert (line["note_channel"], line["note_batch"], line["note_duration_ms"]) == ("errors", {"a": [1, 2]}, -1)
    assert line["duration_ms"] > 0


# Options


def test_quiet_paths_have_a_line_only_if_they_are_not_well(channel_log: ChannelLog) -> None:
    for path, below, status in (
        ("/health", "", 200),
        ("/api/health", "/api", 204),
        ("/health", "", 503),
        ("/health/", "", 200),
    ):
        talk(ApiLog(answering(start(status), END), quiet=["/health"]), http(path, root_path=below))
    with pytest.raises(ValueError, match="x"):
        talk(ApiLog(answering(START, then=ValueError("x")), quiet=["/health"]), http("/health"))
    found = [(r.fields["url_path"], r.fields["http_response_status_code"]) for r in channel_log.channel("api")]
    assert found == [("/health", 503), ("/health/", 200), ("/health", 200)]


def test_constant_fields_and_other_channels(channel_log: ChannelLog) -> None:
    app = ApiLog(answering(START, END), channel="training", window_channel="drift", window_requests=1, fields={"w": 7})
    talk(app)
    assert [(record.channel, record.fields["w"]) for record in channel_log.records] == [("training", 7), ("drift", 7)]


def test_a_route_that_cannot_be_told_is_none(channel_log: ChannelLog) -> None:
    def resolve(scope: Scope) -> str:
        return {"/a": "/{letter}"}[scope["path"]]

    app = ApiLog(answering(START, END), route=resolve)
    talk(app, http("/a"))
    talk(app, http("/b"))
    assert [record.fields["http_route"] for record in channel_log.records] == ["/{letter}", None]


@pytest.fixture
def access() -> Iterator[logging.Logger]:
    log = logging.getLogger("uvicorn.access")
    found = log.handlers, log.propagate
    log.handlers, log.propagate = [logging.NullHandler()], True
    yield log
    log.handlers, log.propagate = found


@pytest.mark.parametrize("stays", [False, True])
def test_the_servers_own_line_is_switched_off_or_stays(
    channel_log: ChannelLog, access: logging.Logger, stays: bool
) -> None:
    app = ApiLog(answering(START, END), access_log=stays)
    assert access.hasHandlers()  # nothing happens before a server is there
    talk(app)
    assert access.hasHandlers() == stays
    assert only_line(channel_log)


# Windows


def windows(log: ChannelLog) -> list[tuple[int, int]]:
    return [(one.fields["request_count"], one.fields["quiet_count"]) for one in log.channel("monitoring")]


def test_windows_close_by_count_and_by_time_without_the_ids_of_a_request(channel_log: ChannelLog) -> None:
    async def ask() -> None:
        app = ApiLog(answering(START, END), window_requests=2, window_s=0.05, quiet=["/health"])
        for path in ("/a", "/health", "/b", "/c"):
            await conversation(app, http(path))
        assert windows(channel_log) == [(2, 1)]
        await asyncio.sleep(0.1)
        assert windows(channel_log) == [(2, 1), (1, 0)]
        await asyncio.sleep(0.1)

    with logger.contextualize(run_id="run-1"):
        asyncio.run(ask())
    assert windows(channel_log) == [(2, 1), (1, 0)]
    for record in channel_log.channel("monitoring"):
        assert (record.fields["run_id"], "request_id" in record.fields) == ("run-1", False)


def test_a_window_as_long_as_can_be_is_closed_by_count_alone(channel_log: ChannelLog) -> None:
    async def ask(app: App) -> None:
        for _ in range(3):
            await conversation(app, http())

    for seconds in (float("inf"), None):
        asyncio.run(ask(ApiLog(answering(START, END), window_requests=2, window_s=seconds)))
    assert windows(channel_log) == [(2, 0), (2, 0)]


# WebSockets


def talking(*messages: Message, then: Exception | None = None) -> App:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for message in messages:
            if message["type"] == "receive":
                await receive()
            else:
                await send(message)
        if then is not None:
            raise then

    return app


SAYS, HEARS, CLOSES = {"type": "websocket.send", "text": "x"}, {"type": "receive"}, {"type": "websocket.close"}
GONE = {"type": "websocket.disconnect", "code": 1001}


@pytest.mark.parametrize(
    ("app", "status", "level"),
    [
        (talking(SAYS, CLOSES), 101, "INFO"),
        (talking(SAYS, HEARS), 101, "INFO"),
        (talking(SAYS, HEARS, then=ClientDisconnect()), 101, "INFO"),
        (talking(HEARS, then=KeyError("clean-up")), 101, "ERROR"),
        (answering({"type": "websocket.close"}), 403, "INFO"),
        (
            answering(
                {"type": "websocket.http.response.start", "status": 401, "headers": []},
                {"type": "websocket.http.response.body", "body": b""},
            ),
            401,
            "INFO",
        ),
        (answering(), 500, "ERROR"),
    ],
)
def test_a_websocket_has_a_line_when_it_is_closed_and_no_window(
    channel_log: ChannelLog, app: App, status: int, level: str
) -> None:
    talk(ApiLog(app, window_requests=1), websocket(), [{"type": "websocket.connect"}, GONE])
    assert only_line(channel_log)["http_response_status_code"] == status
    assert (level_of(channel_log), windows(channel_log)) == (level, [])


def test_a_websocket_that_breaks_is_an_error_and_raised(channel_log: ChannelLog) -> None:
    with pytest.raises(KeyError):
        talk(ApiLog(talking(then=KeyError("x"))), websocket(), [{"type": "websocket.connect"}])
    assert level_of(channel_log) == "ERROR"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_requests": 0}, "a window has at least 1 request, got 0"),
        ({"window_s": 0.0}, "a window lasts for more than 0 seconds, got 0.0"),
        ({"window_s": float("nan")}, "a window lasts for more than 0 seconds, got nan"),
        ({"trusted_proxies": "10.0.0.0/8"}, "trusted_proxies must be several addresses or networks, got '10.0.0.0/8'"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "10.0.0.1/8 has host bits set"),
    ],
)
def test_what_cannot_be_understood_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        ApiLog(answering(), **options)
