"""HTTP/1.1 as the embedded server speaks it: from bytes to a request, to the letter, and from a response to bytes.

What two readers could take differently is refused, since a proxy in front may be the other (RFC 9112, section 11.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pipeline.service.payload import MAX_BODY_BYTES, MEDIA_TYPE, RequestError
from pipeline.service.scoring import UNKNOWN_METHOD, Request

if TYPE_CHECKING:
    from pipeline.service.scoring import Response

MAX_HEAD_BYTES = 16_384
MAX_TARGET_BYTES = 2_000
MAX_HEADERS = 100

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb"{1,20}) ([\x21-\x7e]+) HTTP/([0-9]\.[0-9])")
_HEADER = re.compile(rb"(" + _TOKEN + rb"+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_AUTHORITY = re.compile(r"(?i:https?)://[^/?#]+")
_QUERY = re.compile(r"[?#]")
_LENGTH = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Head:
    """What stands in front of a body: `path` is decoded and without a query, the headers' names are in lower case."""

    method: str
    path: str
    version: str
    headers: dict[str, list[str]]

    def only(self, name: str) -> str | None:
        """Return a header's value; None where it is absent, or given twice."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else None

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants the connection for more."""
        told = ",".join(self.headers.get("connection", ())).lower()
        return self.version == "1.1" and "close" not in {option.strip() for option in told.split(",")}

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body."""
        return self.version == "1.1" and "expect" in self.headers


def parse_head(data: bytes) -> Head:
    """Parse a request line and headers, without the empty line at the end.

    Raises
    ------
    RequestError
        If it isn't HTTP/1.1 (or 1.0) to the letter, or too much of it.
    """
    first, *lines = data.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise malformed("expected a request line such as 'GET /health HTTP/1.1'")
    method, target, version = (part.decode() for part in line.groups())
    if version not in {"1.0", "1.1"}:
        raise RequestError(505, "version_not_supported", f"expected HTTP/1.1, got HTTP/{version}")
    path = _path(target)
    if len(lines) > MAX_HEADERS:
        raise RequestError(431, "head_too_large", f"expected at most {MAX_HEADERS} headers, got {len(lines)}")
    headers: dict[str, list[str]] = {}
    for raw in lines:
        header = _HEADER.fullmatch(raw)
        if header is None:
            raise malformed("expected headers such as 'Name: value', each on one line")
        headers.setdefault(header[1].decode().lower(), []).append(header[2].rstrip(b" \t").decode("latin-1"))
    if version == "1.1" and len(headers.get("host", ())) != 1:
        raise malformed("expected one Host header")
    return Head(method, path, version, headers)


def body_length(head: Head) -> int:
    """Return how many bytes follow the head.

    Raises
    ------
    RequestError
        If that isn't said, not in one way alone, or if it is too many.
    """
    if head.expects_continue and [value.lower() for value in head.headers["expect"]] != ["100-continue"]:
        raise RequestError(417, "expectation_failed", "expected no Expect but 100-continue")
    if "transfer-encoding" in head.headers:
        if "content-length" in head.headers:
            raise malformed("expected a Content-Length alone, got a Transfer-Encoding, too")
        raise RequestError(411, "length_required", "expected a Content-Length, got a Transfer-Encoding")
    text = head.only("content-length")
    if text is None and "content-length" not in head.headers:
        return 0
    if text is None or not _LENGTH.fullmatch(text):
        raise malformed("expected one number as Content-Length")
    if int(text) > MAX_BODY_BYTES:
        raise RequestError(413, "too_large", f"expected at most {MAX_BODY_BYTES} bytes, got {int(text)}")
    return int(text)


def encode(response: Response, *, keep_alive: bool, head_only: bool = False) -> bytes:
    """Return the bytes of an answer, for a single send: split in two, the second would wait for the first's ACK."""
    content = response.content()
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Date: {_date(int(time()))}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(content)}",
        f"X-Request-ID: {response.request_id}",
        *[f"{name}: {value}" for name, value in response.headers.items()],
        *([] if keep_alive else ["Connection: close"]),
    ]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head if head_only else head + content


def to_request(head: Head, body: bytes, client_address: str) -> Request:
    """Return what the service is given."""
    return Request(
        method=head.method,
        path=head.path,
        body=body,
        content_type=head.only("content-type") or "",
        client_address=client_address,
        request_id=head.only("x-request-id"),
        traceparent=head.only("traceparent"),
    )


def glimpse(data: bytes) -> tuple[str, str]:
    """Return method and path of a request whose head can't be read, as far as they can be told."""
    line = _REQUEST_LINE.match(data.lstrip(b"\r\n"))
    if line is None:
        return UNKNOWN_METHOD, ""
    try:
        return line[1].decode(), _path(line[2].decode())
    except RequestError:
        return line[1].decode(), ""


def malformed(message: str) -> RequestError:
    """Return the error of a request that isn't HTTP, or could be taken in two ways."""
    return RequestError(400, "malformed", message)


def _path(target: str) -> str:
    """Return the decoded path of a request target, which may be a whole URL; a client's business is the query."""
    if len(target) > MAX_TARGET_BYTES:
        raise RequestError(414, "target_too_long", f"expected a target of at most {MAX_TARGET_BYTES} bytes, got more")
    whole = _AUTHORITY.match(target)
    local = target if whole is None else target[whole.end() :]
    path = _QUERY.split(local, maxsplit=1)[0]
    return unquote(path) or "/"


@lru_cache(maxsize=1)
def _date(now_s: int) -> str:
    return formatdate(now_s, usegmt=True)
