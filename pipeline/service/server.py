"""Serve with uvicorn: in one process, in several on one socket, or in a thread for a while."""

from __future__ import annotations

import contextvars
import os
import signal
import socket
import ssl
import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from pipeline.service.deadline import HeadDeadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sevenfold.asgi import ApiLog

GRACE_S = 10  # for requests in flight, at the end
IDLE_S = 30  # of a connection that is kept
BACKLOG = 2048
START_S = 30.0
_POLL_S = 0.002
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]


def listen(host: str, port: int) -> socket.socket:
    """Listen, IPv6 too; a port of 0 is any that is free.

    The socket knows its protocol and has TCP_NODELAY, which connections inherit on Linux. One that uvicorn makes for
    several workers has neither, and each answer on a kept connection comes 40 ms late, for Nagle's algorithm waits for
    a delayed acknowledgement: https://github.com/Kludex/uvicorn/issues/3149.

    Raises
    ------
    OSError
        If the address can't be listened on; it names it.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        try:
            _prepare(listening)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise OSError(error.errno, f"can't listen on {host}:{port}: {error.strerror}") from error
    return listening


def url(listening: socket.socket, scheme: str = "http") -> str:
    """Return where a listening socket is found, such as ``http://127.0.0.1:8000``."""
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def tls_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a command that are uvicorn's for TLS, once they were tried: no worker starts in vain.

    Raises
    ------
    ValueError
        If a certificate or key can't be used; it names the file.
    """
    tls_options = {name: value for name, value in options.items() if name.startswith("ssl_") and value is not None}
    if tls_options:
        _try_tls(**tls_options)
    return tls_options


def _try_tls(
    ssl_certfile: str | None = None,
    ssl_keyfile: str | None = None,
    ssl_keyfile_password: str = "",
    ssl_ca_certs: str | None = None,
    ssl_ciphers: str = "DEFAULT",
    **_: object,
) -> None:
    if ssl_certfile is None:
        raise ValueError("TLS needs a certificate: --ssl-certfile PATH")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(ssl_certfile, ssl_keyfile, lambda: ssl_keyfile_password)
        if ssl_ca_certs is not None:
            context.load_verify_locations(ssl_ca_certs)
        context.set_ciphers(ssl_ciphers)
    except OSError as error:  # which an SSLError is
        raise ValueError(f"TLS can't be set up with {ssl_certfile}: {error.strerror or error}") from error


def serve(
    app: ApiLog | Callable[[], ApiLog],
    listening: socket.socket,
    *,
    workers: int = 1,
    tls: Mapping[str, Any] | None = None,
) -> bool:
    """Serve until SIGTERM or Ctrl-C, and answer what is in flight; return False if it couldn't start.

    Parameters
    ----------
    app : ASGI application, or function
        For several workers, a function that makes it in each of them, and that pickle knows.
    listening : socket
        As `listen` gives it; closed in the end.
    workers : int
        Processes, at least 1. One that dies is replaced.
    tls : mapping, optional
        uvicorn's options that begin with ``ssl_``.
    """
    config = _config(app, workers=workers, factory=workers > 1, **(tls or {}))
    with _handlers_put_back():
        if workers > 1:
            supervisor = Multiprocess(config, [listening])
            supervisor.run()
            # It ends as if all were well when a worker can't start.
            return all(process.exitcode != STARTUP_FAILURE for process in supervisor.processes)
        server = uvicorn.Server(config)
        for number in _SIGNALS:
            # In the end uvicorn sends itself the signal that it was stopped by, to the handlers it found: these.
            signal.signal(number, server.handle_exit)
        return _run(server, listening)


@contextmanager
def in_thread(app: ApiLog, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve in a thread of this process, on a port that is free, and give the URL.

    Raises
    ------
    OSError
        If the address can't be listened on.
    RuntimeError
        If the service doesn't start.
    """
    listening = listen(host, 0)
    server = uvicorn.Server(_config(app))
    # A new thread has an empty context: with this one, what the service logs has the run_id of who started it.
    work = contextvars.copy_context().run
    thread = threading.Thread(target=work, args=(_run, server, listening), name="serve", daemon=True)
    place = url(listening)
    thread.start()
    try:
        _wait_for_start(server, thread)
        yield place
    finally:
        server.should_exit = True
        thread.join(GRACE_S + START_S)
        listening.close()


def _config(app: ApiLog | Callable[[], ApiLog], **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HeadDeadline,
        ws="none",
        lifespan="on",
        log_config=None,  # what it says goes the way of all of the standard library's logging
        access_log=False,
        proxy_headers=False,  # ApiLog reads them
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=int(START_S),  # a worker answers once it has imported all: uvicorn would give it 5 s
        **options,
    )


def _run(server: uvicorn.Server, listening: socket.socket) -> bool:
    try:
        server.run([listening])
    except SystemExit:  # the lifespan failed, and uvicorn has logged why
        return False
    return server.started


def _wait_for_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or monotonic() > deadline:
            raise RuntimeError("the service didn't start")
        thread.join(_POLL_S)


def _prepare(listening: socket.socket) -> None:
    if os.name == "nt":  # where SO_REUSEADDR would let two servers share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.set_inheritable(True)


@contextmanager
def _handlers_put_back() -> Iterator[None]:
    """Leave the handlers of signals as they were found, since uvicorn doesn't."""
    found = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in found.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
