"""The embedded server: a scoring service behind HTTP, on nothing but the standard library.

A thread a connection, and so many of them at most. For more than one process, put the service behind another server.
"""

from __future__ import annotations

import contextvars
import os
import socket
import threading
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler, TCPServer
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from loguru import logger

from pipeline.service.embedded.connection import Wire
from pipeline.service.embedded.http11 import Head, body_length, encode, to_request
from pipeline.service.payload import RequestError
from pipeline.service.scoring import Request

if TYPE_CHECKING:
    from pipeline.service.scoring import ScoringService

log = logger.bind(channel="api")

SPARE_CONNECTIONS = 16  # those that are told that there are too many; any further ones are closed without a word
_POLL_S = 0.05  # how soon the listener notices that it is to stop


class Server:
    """A service behind HTTP, in threads of this process; a context manager that answers what is in flight at its end.

    Parameters
    ----------
    service : ScoringService
        Answers the requests.
    host : str
        The name or address to listen on, IPv6 too.
    port : int
        The port; 0 is any that is free.
    max_connections : int
        Connections, and with them threads, at a time. Those above are answered with 503.
    request_s : float
        How long a request may take to arrive, and its answer to be sent.
    idle_s : float
        How long a connection may be without a request.
    grace_s : float
        How long `close` waits for requests in flight.

    Attributes
    ----------
    port : int
        The port that it listens on.
    url : str
        Where it is found, such as ``http://127.0.0.1:8000``.

    Raises
    ------
    OSError
        If the address can't be listened on; it names it.
    """

    def __init__(
        self,
        service: ScoringService,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        max_connections: int = 128,
        request_s: float = 15.0,
        idle_s: float = 30.0,
        grace_s: float = 10.0,
    ) -> None:
        self._listener = _listen(service, host, port, max_connections, {"request_s": request_s, "idle_s": idle_s})
        self._grace_s = grace_s
        self.port: int = self._listener.server_address[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        options = {"poll_interval": _POLL_S}
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs=options, name="listen", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections, answer the requests in flight, and end the others."""
        if self._listener.stopping:
            return
        self._listener.shutdown()
        self._thread.join()
        self._listener.drain(self._grace_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Connection(BaseRequestHandler):
    """One connection, in its thread: request after request, until one side has had enough."""

    server: _Listener

    def handle(self) -> None:
        self.wire = self.server.wires[self.request]
        self.address: str = self.client_address[0]
        if not self.wire.welcome:
            error = RequestError(503, "overloaded", "too many connections, try again in a moment", {"Retry-After": "1"})
            self._refuse(None, error)
            return
        while self.wire.wait() and self._answer():
            pass

    def _answer(self) -> bool:
        """Answer a request; False if the connection is to be closed."""
        head = None
        try:
            head = self.wire.read_head()
            n_bytes = body_length(head)
            if head.expects_continue and n_bytes:
                self.wire.go_on()
            body = self.wire.read_body(n_bytes)
        except RequestError as error:
            self._refuse(head, error)
            return False
        response = self.server.service.handle(to_request(head, body, self.address))
        keep_alive = head.keep_alive and not self.server.stopping
        sent = self.wire.send(encode(response, keep_alive=keep_alive, head_only=head.method == "HEAD"))
        return sent and keep_alive

    def _refuse(self, head: Head | None, error: RequestError) -> None:
        """Answer what can't be read to its end, and close: where the next request would begin isn't known."""
        known = Request(*self.wire.glimpse(), client_address=self.address)
        request = known if head is None else to_request(head, b"", self.address)
        response = self.server.service.refuse(request, error.status, error.kind, str(error), error.headers)
        self.wire.send(encode(response, keep_alive=False, head_only=request.method == "HEAD"))
        self.wire.linger()


class _Listener(ThreadingHTTPServer):
    """Accepts connections, and knows which are open."""

    request_queue_size = 256
    daemon_threads = True
    block_on_close = False
    allow_reuse_port = False  # or two servers could share a port without knowing
    allow_reuse_address = os.name != "nt"  # where it means the same

    def __init__(
        self,
        service: ScoringService,
        family: socket.AddressFamily,
        address: Any,
        max_connections: int,
        limits: dict[str, float],
    ) -> None:
        self.service = service
        self.address_family = family
        self.max_connections = max_connections
        self.stopping = False
        self.wires: dict[socket.socket, Wire] = {}
        self._limits = limits
        self._changed = threading.Condition()
        self._context = contextvars.copy_context()  # a new thread has none, and its lines would lack a run_id
        super().__init__(address, _Connection)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks the DNS for the host's name, which can take seconds

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self.wires) >= self.max_connections + SPARE_CONNECTIONS:
            request.close()
            return
        with self._changed:
            self.wires[request] = Wire(request, **self._limits, welcome=len(self.wires) < self.max_connections)
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._forget(request)  # there is no thread that would
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            self._context.copy().run(super().process_request_thread, request, client_address)
        finally:
            self._forget(request)

    def handle_error(self, _request: Any, client_address: Any) -> None:
        log.opt(exception=True).error("connection failed", client_address=client_address[0])

    def drain(self, grace_s: float) -> None:
        """Wait until no request is in flight, but no longer; then end all connections."""
        self._accept_rest()
        self.server_close()  # first, so that a load balancer sends what comes now elsewhere
        self.stopping = True
        for wire in self._open():
            if wire.idle:
                wire.hang_up(socket.SHUT_RD)  # what has come already can still be read
        deadline = monotonic() + grace_s
        with self._changed:
            while not all(wire.idle for wire in self.wires.values()) and monotonic() < deadline:
                self._changed.wait(_POLL_S)  # nobody tells when a connection gets idle
        for wire in self._open():
            wire.hang_up()

    def handle_timeout(self) -> None:
        self._waiting = False

    def _accept_rest(self) -> None:
        """Take the connections that are waiting: their requests may have been sent."""
        self.timeout, self._waiting = 0, True
        for _ in range(self.request_queue_size):
            if self._waiting:
                self.handle_request()

    def _open(self) -> list[Wire]:
        with self._changed:
            return list(self.wires.values())

    def _forget(self, request: Any) -> None:
        with self._changed:
            del self.wires[request]
            self._changed.notify_all()


def _listen(service: ScoringService, host: str, port: int, max_connections: int, limits: dict[str, float]) -> _Listener:
    try:
        flags = socket.AI_PASSIVE
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)[0]
        return _Listener(service, family, address, max_connections, limits)
    except OSError as error:
        raise OSError(error.errno, f"can't listen on {host}:{port}: {error.strerror}") from error
