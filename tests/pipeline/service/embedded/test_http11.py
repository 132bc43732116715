from typing import Any

import pytest

from pipeline.service.embedded.http11 import (
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    body_length,
    encode,
    glimpse,
    parse_head,
    to_request,
)
from pipeline.service.payload import MAX_BODY_BYTES, RequestError
from pipeline.service.scoring import Request, Response

HOST = b"Host: a\r\n"


def head_of(*lines: bytes, first: bytes = b"POST /predict HTTP/1.1") -> Any:
    return parse_head(b"\r\n".join([first, b"Host: a", *lines]))


def refusal(function: Any, *arguments: Any, **more: Any) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        function(*arguments, **more)
    return caught.value.status, caught.value.kind


def test_a_request_as_the_service_gets_it() -> None:
    head = head_of(
        b"Content-Type: application/json",
        b"Content-Length: \t 2 ",
        b"X-Request-ID: r-1",
        b"TraceParent:00-x",
        b"X-Empty:",
        b"X-Latin: \xe9",
    )
    assert body_length(head) == 2
    assert head.headers["x-empty"] == [""]
    assert head.headers["x-latin"] == ["é"]
    assert to_request(head, b"{}", "192.0.2.7") == Request(
        method="POST",
        path="/predict",
        body=b"{}",
        content_type="application/json",
        client_address="192.0.2.7",
        request_id="r-1",
        traceparent="00-x",
    )


def test_what_is_given_twice_or_not_at_all_is_not_guessed() -> None:
    head = head_of(b"X-Request-ID: a", b"x-request-id: b", b"traceparent: a", b"traceparent: b")
    request = to_request(head, b"", "")
    assert (request.request_id, request.traceparent, request.content_type) == (None, None, "")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/predict?verbose=1", "/predict"),
        (b"/predict#a", "/predict"),
        (b"/?/health", "/"),
        (b"/%70redict", "/predict"),
        (b"/a%2Fb%0d%0A%ff", "/a/b\r\n\ufffd"),
        (b"//host/predict", "//host/predict"),
        (b"http://a:80/health?b", "/health"),
        (b"HTTPS://a", "/"),
        (b"http://a?b", "/"),
        (b"*", "*"),
        (b"a:443", "a:443"),
    ],
)
def test_the_path_is_decoded_and_without_a_query(target: bytes, path: str) -> None:
    assert head_of(first=b"GET " + target + b" HTTP/1.1").path == path


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"", 400),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b" GET / HTTP/1.1", 400),
        (b"GET /a b HTTP/1.1", 400),
        (b"GET / http/1.1", 400),
        (b"GET /\x00 HTTP/1.1", 400),
        (b"GET /\xc3\xa9 HTTP/1.1", 400),
        (b"G(T / HTTP/1.1", 400),
        (b"A" * 21 + b" / HTTP/1.1", 400),
        (b"\x16\x03\x01\x02", 400),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/1.2", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1", 414),
    ],
    ids=lambda value: str(value)[:30],
)
def test_any_other_request_line_is_refused(first: bytes, status: int) -> None:
    assert refusal(head_of, first=first)[0] == status


@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b" folded: value",
        b"\tfolded",
        b"name : value",
        b": value",
        b"na me: value",
        b"name: a\rb",
        b"name: a\x00b",
        b"name: a\x1b[31m",
        b"name: a\x7f",
        b"n\xe9: a",
        b"",
        b"Host: b",
    ],
)
def test_any_other_header_is_refused(line: bytes) -> None:
    assert refusal(head_of, line, b"last: 1") == (400, "malformed")


def test_a_host_is_asked_for_by_http_1_1_alone() -> None:
    assert refusal(parse_head, b"GET / HTTP/1.1") == (400, "malformed")
    assert parse_head(b"GET / HTTP/1.0").keep_alive is False


def test_there_may_be_so_many_headers() -> None:
    lines = [b"a: b"] * (MAX_HEADERS - 1)
    assert len(head_of(*lines).headers["a"]) == MAX_HEADERS - 1
    assert refusal(head_of, *lines, b"a: b") == (431, "head_too_large")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"Content-Length: 1", b"Content-Length: 1"], 400),
        ([b"Content-Length: 1, 1"], 400),
        ([b"Content-Length: +1"], 400),
        ([b"Content-Length: -1"], 400),
        ([b"Content-Length: 1_0"], 400),
        ([b"Content-Length: 0x1"], 400),
        ([b"Content-Length: \xb2"], 400),
        ([b"Content-Length:"], 400),
        ([b"Content-Length: " + b"9" * 19], 400),
        ([b"Content-Length: 1", b"Transfer-Encoding: chunked"], 400),
        ([b"Transfer-Encoding: identity", b"Content-Length: 1"], 400),
        ([b"Transfer-Encoding: chunked"], 411),
        ([b"Transfer-Encoding:"], 411),
        ([b"Content-Length: %d" % (MAX_BODY_BYTES + 1)], 413),
        ([b"Expect: 200-ok", b"Content-Length: 1"], 417),
    ],
    ids=str,
)
def test_a_body_whose_length_could_be_taken_in_two_ways_is_refused(lines: list[bytes], status: int) -> None:
    assert refusal(body_length, head_of(*lines))[0] == status


def test_a_body_may_be_absent_or_announced() -> None:
    assert body_length(head_of()) == 0
    head = head_of(b"Expect: 100-Continue", b"Content-Length: %d" % MAX_BODY_BYTES)
    assert (body_length(head), head.expects_continue) == (MAX_BODY_BYTES, True)


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([], True),
        ([b"Connection: keep-alive"], True),
        ([b"Connection: Close"], False),
        ([b"Connection: te, close"], False),
        ([b"Connection: te", b"Connection: close"], False),
    ],
)
def test_a_connection_is_kept_unless_somebody_says_close(lines: list[bytes], kept: bool) -> None:
    assert head_of(*lines).keep_alive is kept


def test_an_answer_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.service.embedded.http11.time", lambda: 1_795_000_000.9)
    response = Response(405, {"error": "é"}, "req-1", {"Allow": "POST"})
    head = (
        b"HTTP/1.1 405 Method Not Allowed\r\nDate: Wed, 18 Nov 2026 11:06:40 GMT\r\nContent-Type: application/json\r\n"
        b"Content-Length: 18\r\nX-Request-ID: req-1\r\nAllow: POST\r\n"
    )
    assert encode(response, keep_alive=True) == head + b'\r\n{"error":"\\u00e9"}'
    assert encode(response, keep_alive=False, head_only=True) == head + b"Connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", ("_OTHER", "")),
        (b"GET /heal", ("_OTHER", "")),
        (b"\r\nGET /health HTTP/1.1\r\nHo", ("GET", "/health")),
        (b"GET /" + b"a" * MAX_TARGET_BYTES + b" HTTP/1.1", ("GET", "")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_as_much_is_told_of_a_request_as_can_be_seen(data: bytes, seen: tuple[str, str]) -> None:
    assert glimpse(data) == seen
