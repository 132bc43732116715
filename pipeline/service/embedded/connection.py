"""The embedded server's end of a connection: requests come in bounded memory and in bounded time."""

from __future__ import annotations

import contextlib
import re
import socket
from time import monotonic

from pipeline.service.embedded.http11 import MAX_HEAD_BYTES, Head, glimpse, malformed, parse_head
from pipeline.service.payload import RequestError

LINGER_S = 1.0
LINGER_BYTES = 10_000_000

_CHUNK_BYTES = 65_536
_BARE_LINE_END = re.compile(rb"(?<!\r)\n")


class Wire:
    """The server's end of a connection.

    Parameters
    ----------
    connection : socket.socket
        Accepted from a client.
    idle_s : float
        How long a client may be silent between two requests.
    request_s : float
        How long a request may take to arrive, from its first byte to its last, however often a byte comes; and how
        long its answer may take to be sent.

    Attributes
    ----------
    idle : bool
        Whether no request is on its way.
    welcome : bool
        Whether there was room for the connection.
    """

    def __init__(self, connection: socket.socket, *, idle_s: float, request_s: float, welcome: bool = True) -> None:
        self.idle = True
        self.welcome = welcome
        self._socket = connection
        self._idle_s, self._request_s = idle_s, request_s
        self._buffer = bytearray()
        self._deadline = monotonic() + request_s
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def wait(self) -> bool:
        """Wait for the first byte of a request; False if none came."""
        self._drop_line_ends()
        deadline = monotonic() + self._idle_s
        with contextlib.suppress(OSError):
            while not self._buffer:
                self.idle = True
                received = self._receive(deadline)
                if not received:
                    break
                self._buffer += received
                self._drop_line_ends()
        self.idle = not self._buffer
        self._deadline = monotonic() + self._request_s
        return not self.idle

    def read_head(self) -> Head:
        """Read a request up to its body.

        Raises
        ------
        RequestError
            If it is none, too large or too slow.
        """
        while (end := self._end_of_head()) < 0:
            self._fill()
        if end > MAX_HEAD_BYTES:
            raise RequestError(431, "head_too_large", f"expected at most {MAX_HEAD_BYTES} bytes of headers, got more")
        head = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        return head

    def read_body(self, n_bytes: int) -> bytes:
        """Read so many bytes.

        Raises
        ------
        RequestError
            If they don't come, or not in time.
        """
        while len(self._buffer) < n_bytes:
            self._fill()
        body = bytes(self._buffer[:n_bytes])
        del self._buffer[:n_bytes]
        return body

    def glimpse(self) -> tuple[str, str]:
        """Return method and path of a request whose head couldn't be read, as far as they can be told."""
        return glimpse(bytes(self._buffer))

    def go_on(self) -> None:
        """Tell a client that waits for it to send the body."""
        if not self._buffer:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send(self, data: bytes) -> bool:
        """Send all of it; False if the client has gone."""
        try:
            self._socket.settimeout(self._request_s)  # of the whole call, not of a byte
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def linger(self) -> None:
        """End the connection so that the client can read the answer: with bytes unread, closing would reset it."""
        self.idle = True
        deadline, left = monotonic() + LINGER_S, LINGER_BYTES
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while left > 0 and (discarded := self._receive(deadline)):
                left -= len(discarded)

    def hang_up(self, how: int = socket.SHUT_RDWR) -> None:
        """Wake whoever waits for this connection: for another thread to call."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(how)

    def _drop_line_ends(self) -> None:
        """Drop empty lines before a request (RFC 9112, 2.2): some clients send one behind a body."""
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]

    def _end_of_head(self) -> int:
        """Return where the head ends, -1 as long as that isn't known."""
        self._drop_line_ends()
        end = self._buffer.find(b"\r\n\r\n")
        if _BARE_LINE_END.search(self._buffer, 0, len(self._buffer) if end < 0 else end):
            raise malformed("expected lines that end in CR LF")
        if end < 0 and len(self._buffer) > MAX_HEAD_BYTES:
            return len(self._buffer)
        return end

    def _fill(self) -> None:
        try:
            received = self._receive(self._deadline)
        except TimeoutError:
            message = f"expected the whole request within {self._request_s:g} s, got a part"
            raise RequestError(408, "too_slow", message) from None
        except OSError:
            received = b""
        if not received:
            raise RequestError(400, "incomplete", "expected the whole request, got a part")
        self._buffer += received

    def _receive(self, deadline: float) -> bytes:
        left_s = deadline - monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(left_s)
        return self._socket.recv(_CHUNK_BYTES)
