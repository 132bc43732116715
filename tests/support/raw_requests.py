"""Requests as bytes that no well-behaved client sends, and their responses."""

import re
import socket
from collections.abc import Mapping
from types import MappingProxyType

_BODY = b"[1,2,3]"
_HOST = b"Host: x\r\n"
_POST = b"POST /predict HTTP/1.1\r\n" + _HOST + b"Content-Type: application/json\r\n"
_GET = b"GET /schema HTTP/1.1\r\n" + _HOST
_LENGTH = b"Content-Length: 7\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_CHUNKS = b"7\r\n" + _BODY + b"\r\n0\r\n\r\n"


def _post(headers: bytes, body: bytes = _BODY) -> bytes:
    return _POST + headers + b"\r\n" + body


REQUESTS: Mapping[str, bytes] = MappingProxyType(
    {
        "a good one": _post(_LENGTH),
        "a good one in chunks": _post(_CHUNKED, _CHUNKS),
        "two, one behind the other": _GET + b"\r\n" + _GET + b"\r\n",
        "a length and chunks, with a request hidden behind": _post(
            b"Content-Length: 7\r\n" + _CHUNKED, b"0\r\n\r\n" + _GET + b"\r\n"
        ),
        "chunks and a length": _post(_CHUNKED + b"Content-Length: 4\r\n", _CHUNKS),
        "two equal lengths": _post(_LENGTH * 2),
        "a list of equal lengths": _post(b"Content-Length: 7, 7\r\n"),
        "two different lengths": _post(_LENGTH + b"Content-Length: 3\r\n"),
        "a length of `+7`": _post(b"Content-Length: +7\r\n"),
        "a length of `0x7`": _post(b"Content-Length: 0x7\r\n"),
        "a length of `-1`": _post(b"Content-Length: -1\r\n"),
        "a length of `1_7`": _post(b"Content-Length: 1_7\r\n"),
        "another transfer coding": _post(b"Transfer-Encoding: gzip, chunked\r\n", _CHUNKS),
        "chunks twice": _post(_CHUNKED * 2, _CHUNKS),
        "chunks in HTTP/1.0": _post(_CHUNKED, _CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0"),
        "a chunk's size of `0x7`": _post(_CHUNKED, b"0x" + _CHUNKS),
        "a chunk's size ended by a bare LF": _post(_CHUNKED, _CHUNKS.replace(b"7\r\n", b"7\n")),
        "a head with bare LFs": _post(_LENGTH).replace(b"\r\n", b"\n"),
        "a bare CR in a value": _post(b"X-A: a\rb\r\n" + _LENGTH),
        "a NUL in a value": _post(b"X-A: a\0b\r\n" + _LENGTH),
        "a space before a colon": _post(b"Content-Length : 7\r\n"),
        "a folded header": _post(b"X-A: a\r\n b\r\n" + _LENGTH),
        "no Host": _GET.replace(_HOST, b"") + b"\r\n",
        "two Hosts": _GET + b"Host: y\r\n\r\n",
        "HTTP/1.2": _GET.replace(b"1.1", b"1.2") + b"\r\n",
        "HTTP/2.0 by its line": _GET.replace(b"1.1", b"2.0") + b"\r\n",
        "a whole URL as a target": _GET.replace(b"/schema", b"http://x/schema") + b"\r\n",
        "a target of 10 kB": _GET.replace(b"schema", b"a" * 10_000) + b"\r\n",
        "a header of 50 kB": _GET + b"X-A: " + b"a" * 50_000 + b"\r\n\r\n",
        "1,000 headers": _GET + b"".join(b"X-%d: a\r\n" % i for i in range(1000)) + b"\r\n",
        "an odd Expect": _post(b"Expect: magic\r\n" + _LENGTH),
        "the start of TLS": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        "2 MB, declared": _post(b"Content-Length: 2000000\r\n", b" " * 2_000_000),
        "2 MB in chunks": _post(_CHUNKED, (b"8000\r\n" + b" " * 32_768 + b"\r\n") * 61 + b"0\r\n\r\n"),
        "HEAD": b"HEAD /health HTTP/1.1\r\n" + _HOST + b"\r\n",
        "TRACE": b"TRACE / HTTP/1.1\r\n" + _HOST + b"\r\n",
    }
)


def exchange(port: int, data: bytes, wait_s: float = 1.0) -> str:
    """Send bytes; return the statuses of all answers, and whether the server closed the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_s) as client:
        answer, end = b"", "open"
        try:
            client.sendall(data)
            while part := client.recv(65_536):
                answer += part
            end = "closed"
        except TimeoutError:
            pass
        except ConnectionError:
            end = "reset"
    statuses = re.findall(rb"HTTP/1\.[01] (\d+) ", answer)
    return f"{', '.join(status.decode() for status in statuses) or 'nothing'}, {end}"
