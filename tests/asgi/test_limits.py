import asyncio
import json
import time
from typing import Any

import pytest

from sevenfold.asgi import ApiLog, Limits
from sevenfold.asgi.types import App, Message, Receive, Scope, Send
from sevenfold.channel_log import ChannelLog
from tests.support.asgi_client import END, LEFT, START, answering, body, conversation, header, http, talk


@pytest.fixture(autouse=True)
def short_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sevenfold.asgi.limits.LINGER_S", 0.02)


def reading(*, then: Exception | None = None, heard: list[Message] | None = None) -> App:
    """Make an application that reads the whole body, and answers or raises whatever became of it."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if heard is not None:
                heard.append(message)
            if not message.get("more_body"):
                break
        if then is not None and message == LEFT:
            raise then
        await send(START)
        await send(END)

    return app


def post(**headers: str) -> Scope:
    return http("/upload", "POST", headers={"x_request_id": "r", **headers})


def refused(sent: list[Message]) -> tuple[int, str]:
    content = b"".join(message.get("body", b"") for message in sent[1:])
    assert header(sent[0], b"content-length") == str(len(content)).encode()
    assert not sent[-1].get("more_body", False)
    told = json.loads(content)
    assert told.keys() == {"error", "request_id"}
    assert header(sent[0], b"x-request-id") == told["request_id"].encode()
    return sent[0]["status"], told["error"]


def line(log: ChannelLog) -> tuple[int, str, str]:
    (record,) = log.channel("api")
    return record.fields["http_response_status_code"], record.fields.get("error_type", ""), record.level


def test_what_keeps_to_the_limits_is_passed_on(channel_log: ChannelLog) -> None:
    heard: list[Message] = []
    parts = [body(b"a" * 6, more=True), body(b"b" * 4)]
    sent = talk(ApiLog(Limits(reading(heard=heard), max_body_bytes=10)), post(content_length="10"), parts)
    assert (heard, len(sent), line(channel_log)) == (parts, 2, (200, "", "INFO"))


@pytest.mark.parametrize("length", ["11", "9" * 19, "9" * 5000])
def test_a_body_that_declares_too_much_is_refused_before_it_is_read(channel_log: ChannelLog, length: str) -> None:
    heard: list[Message] = []
    app = ApiLog(Limits(reading(heard=heard), max_body_bytes=10))
    lines: list[int] = []
    sent = talk(
        app, post(content_length=length), [body(b"a", more=True)], lambda _: lines.append(len(channel_log.records))
    )
    status, error = refused(sent)
    assert (status, error[:37]) == (413, "expected at most 10 bytes, got " + length[:6])
    assert len(error) < 60
    assert (heard, header(sent[0], b"connection")) == ([], b"close")
    assert lines == [0, 1, 1]  # the line is there before the whole answer, though the connection lingers
    assert line(channel_log) == (413, "too_large", "INFO")


@pytest.mark.parametrize("then", [None, ValueError("what it makes of it")])
def test_a_body_that_sends_too_much_is_refused_whatever_the_application_says(
    channel_log: ChannelLog, then: Exception | None
) -> None:
    heard: list[Message] = []
    app = ApiLog(Limits(reading(then=then, heard=heard), max_body_bytes=10))
    sent = talk(app, post(transfer_encoding="chunked"), [body(b"a" * 9, more=True)] * 9)
    assert refused(sent) == (413, "expected at most 10 bytes, got more")
    assert heard == [body(b"a" * 9, more=True), LEFT]
    assert line(channel_log) == (413, "too_large", "INFO")


def test_a_body_that_comes_too_slowly_is_refused_and_only_the_clients_time_counts(channel_log: ChannelLog) -> None:
    async def slow(_scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == body(b"a", more=True)
        await asyncio.sleep(0.1)  # the application's own
        assert await receive() == body(b"b", more=True)
        assert await receive() == LEFT
        assert await receive() == LEFT
        await send(START)

    coming = [body(b"a", more=True), body(b"b", more=True)]
    began = time.monotonic()
    sent = talk(ApiLog(Limits(slow, body_timeout_s=0.05)), post(content_length="3"), coming)
    assert refused(sent) == (408, "expected the body within 0.05 s")
    assert time.monotonic() - began < 2
    assert line(channel_log) == (408, "too_slow", "INFO")


def test_a_body_that_drips_is_refused_though_each_drop_comes_in_time_and_no_later_one_is_read(
    channel_log: ChannelLog,
) -> None:
    heard: list[Message] = []

    async def patient(_scope: Scope, receive: Receive, _send: Send) -> None:
        while len(heard) < 10:
            heard.append(await receive())

    async def run() -> list[Message]:
        sent: list[Message] = []

        async def drip() -> Message:
            if LEFT not in heard:
                await asyncio.sleep(0.04)
            return body(b"a", more=True)

        async def send(message: Message) -> None:
            sent.append(message)

        await ApiLog(Limits(patient, body_timeout_s=0.1))(post(transfer_encoding="chunked"), drip, send)
        return sent

    assert refused(asyncio.run(run()))[0] == 408
    assert 1 <= heard.count(body(b"a", more=True)) <= 2
    assert heard[2:] == [LEFT] * 8
    assert line(channel_log) == (408, "too_slow", "INFO")


def test_after_the_body_nothing_is_timed(channel_log: ChannelLog) -> None:
    async def waiting(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await receive()
        await answering(START, END)(_scope, receive, send)

    talk(ApiLog(Limits(waiting, body_timeout_s=0.01)), post())
    assert line(channel_log)[0] == 200


def test_two_lengths_in_one_request_are_refused_and_the_connection_closed(channel_log: ChannelLog) -> None:
    sent = talk(ApiLog(Limits(reading())), post(content_length="1", transfer_encoding="chunked"))
    assert refused(sent) == (400, "expected a Content-Length or a Transfer-Encoding, got both")
    assert header(sent[0], b"connection") == b"close"
    assert line(channel_log) == (400, "malformed", "INFO")


def test_too_many_at_once_are_refused_but_not_what_is_exempt(channel_log: ChannelLog) -> None:
    async def ask() -> list[int]:
        go = asyncio.Event()

        async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/wait":
                await go.wait()
            await answering(START, END)(scope, receive, send)

        app = ApiLog(Limits(waiting, max_in_flight=2, exempt=["/health"]))
        tasks = [asyncio.create_task(conversation(app, http("/wait"))) for _ in range(2)]
        await asyncio.sleep(0.01)
        health, busy = await conversation(app, http("/health")), await conversation(app, http("/x"))
        assert refused(busy) == (503, "too many requests at once, try again in a moment")
        assert (header(busy[0], b"retry-after"), header(busy[0], b"connection")) == (b"1", None)
        go.set()
        answered = [await task for task in tasks] + [await conversation(app, http("/x"))]
        return [sent[0]["status"] for sent in [health, *answered]]

    assert asyncio.run(ask()) == [200] * 4
    assert [record.fields.get("error_type") for record in channel_log.channel("api")].count("overloaded") == 1


def test_once_an_answer_has_begun_it_goes_on(channel_log: ChannelLog) -> None:
    async def echoing(_scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        while (message := await receive()) != LEFT:
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send(END)

    coming = [body(b"a" * 9, more=True)] * 3
    sent = talk(ApiLog(Limits(echoing, max_body_bytes=20)), post(), coming)
    assert [message.get("body") for message in sent[1:]] == [b"a" * 9, b"a" * 9, b"whole"]
    assert line(channel_log) == (200, "too_large", "INFO")


def test_an_exception_of_the_application_is_its_own(channel_log: ChannelLog) -> None:
    with pytest.raises(KeyError):
        talk(ApiLog(Limits(answering(then=KeyError("x")))), post())
    assert line(channel_log) == (500, "KeyError", "ERROR")


@pytest.mark.parametrize("options", [{"max_body_bytes": None}, {"body_timeout_s": None}, {"max_in_flight": None}])
def test_each_limit_can_be_switched_off(channel_log: ChannelLog, options: dict[str, Any]) -> None:
    talk(ApiLog(Limits(reading(), **options)), post(content_length="3"), [body(b"abc")])
    assert line(channel_log)[0] == 200


def test_without_a_log_outside_it_refuses_alike() -> None:
    sent = talk(Limits(reading(), max_body_bytes=1), post(content_length="3"), [body(b"abc")])
    assert json.loads(sent[1]["body"]) == {"error": "expected at most 1 bytes, got 3"}
    assert talk(Limits(answering()), {"type": "websocket"}) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_body_bytes": -1}, "max_body_bytes must be at least 0, got -1"),
        ({"body_timeout_s": 0}, "body_timeout_s must be above 0, got 0"),
        ({"max_in_flight": 0}, "max_in_flight must be at least 1, got 0"),
    ],
)
def test_a_limit_that_is_none_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Limits(answering(), **options)
