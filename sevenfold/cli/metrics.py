"""The command `metrics`: serve what is in a log folder to Prometheus, alone or beside a service."""

import argparse
import importlib.util
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep
from typing import Final

from sevenfold.cli.parser import WRONG_INPUT, add_log_dir
from sevenfold.cli.streams import one_line
from sevenfold.overview.metrics.following import Follower
from sevenfold.shipping.sending.status import as_metrics, behind

OK, FAILED = 0, 1
LOOPBACK: Final = "127.0.0.1"
_NEEDS: Final = 'needs prometheus-client: pip install "sevenfold[metrics]"'
_LAST_PORT: Final = 65_535
_LOOK_S: Final = 0.2  # as a wait without an end can't be interrupted on Windows
_END_S: Final = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of the command."""
    add_log_dir(parser)
    add = parser.add_argument
    add("--port", type=_port, default=9464, metavar="N", help="where to answer (default: %(default)s)")
    add("--host", default=LOOPBACK, metavar="ADDRESS", help="on which address (default: %(default)s)")
    add("--checkpoint", type=Path, metavar="FILE", help="keep counters there, so that they don't fall when files go")


def run(options: argparse.Namespace) -> int:
    """Count what is there and what comes, and answer Prometheus, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_arguments` gave.

    Returns
    -------
    int
        The exit status: 0 after Ctrl-C or SIGTERM, 1 when a file can't be read or the port is taken, 2 without
        prometheus-client.
    """
    try:
        _need_client()
    except ValueError as error:
        sys.stderr.write(f"{options.prog}: {error}\n")
        return WRONG_INPUT
    folder = Path(options.log_dir)
    follower = Follower(folder, options.checkpoint)
    try:
        with _ending() as ended:
            port = _serve(follower, folder, options.port, options.host)
            sys.stdout.write(f"metrics of {folder} at http://{options.host}:{port}/metrics; Ctrl-C stops\n")
            sys.stdout.flush()
            _follow(follower, ended)
    except OSError as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    return OK


def _need_client() -> None:
    """Raise ValueError with what to install, if prometheus-client isn't there."""
    if importlib.util.find_spec("prometheus_client") is None:
        raise ValueError(_NEEDS)


@contextmanager
def exporter(folder: str | Path, port: int, host: str = LOOPBACK) -> Iterator[int]:
    """Answer Prometheus from a process of its own as long as a block lasts, and give the port.

    Whatever happens to this process, the other one ends with it.

    Parameters
    ----------
    folder : str or Path
        The log folder, which may come later.
    port : int
        Where to answer; 0 is any that is free.
    host : str
        On which address.

    Raises
    ------
    ValueError
        If prometheus-client isn't there; it says what to install.
    OSError
        If the address can't be listened on; it names it.
    """
    _need_client()
    context = multiprocessing.get_context("spawn")  # a service may have threads
    ours, theirs = context.Pipe()
    process = context.Process(target=_answer, args=(theirs, Path(folder), port, host), name="metrics", daemon=True)
    process.start()
    theirs.close()
    try:
        yield _receive_port(ours)
    finally:
        ours.close()
        process.join(_END_S)
        process.kill()


def _receive_port(connection: Connection) -> int:
    try:
        port: int | OSError = connection.recv()
    except EOFError:
        raise OSError("the process that answers Prometheus has ended") from None
    if isinstance(port, OSError):
        raise port
    return port


def _answer(connection: Connection, folder: Path, port: int, host: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the service ends, and this with it
    follower = Follower(folder)
    try:
        connection.send(_serve(follower, folder, port, host))
    except OSError as error:
        connection.send(error)
        return
    threading.Thread(target=_count, args=(follower, folder), daemon=True).start()
    with suppress(EOFError, OSError):
        connection.recv()  # which nothing ever comes from, until the other end is closed
    os._exit(OK)


def _count(follower: Follower, folder: Path) -> None:
    while not folder.is_dir():  # the service makes it once it knows that all ports are free
        sleep(_LOOK_S)
    follower.run()


def _serve(follower: Follower, folder: Path, port: int, host: str) -> int:
    from sevenfold.overview.metrics.serving import serve  # noqa: PLC0415 - the extra

    return serve(follower, port, host, lambda: _shipping(folder))


def _shipping(folder: Path) -> str:
    """Return how far a folder has been shipped; nothing if it isn't, or its notes can't be read."""
    with suppress(OSError, ValueError):
        return as_metrics(behind(folder))
    return ""


def _follow(follower: Follower, ended: threading.Event) -> None:
    """Count in a thread until told to end: no signal comes in the middle of a count."""
    failed: list[Exception] = []

    def work() -> None:
        try:
            follower.run()
        except Exception as error:
            failed.append(error)
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    while not ended.wait(_LOOK_S):
        pass
    follower.end()
    if failed:
        raise failed[0]


@contextmanager
def _ending() -> Iterator[threading.Event]:
    """Give what is set by Ctrl-C and SIGTERM."""
    ended = threading.Event()
    found = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in found.items():
            signal.signal(number, handler)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"expected a port, 0 to {_LAST_PORT}, got {text!r}")
    return int(text)
