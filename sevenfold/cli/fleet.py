"""The commands `ship` and `collect`: a log folder to a broker, and from there into a mirror of many."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sevenfold.cli.parser import WRONG_INPUT, add_log_dir
from sevenfold.cli.streams import one_line, reader_may_leave
from sevenfold.files.totals import parse_total
from sevenfold.lines.grammar import timestamp
from sevenfold.shipping.receiving.collector import Collector
from sevenfold.shipping.receiving.copies import Outcome
from sevenfold.shipping.receiving.mirror import mirror_at
from sevenfold.shipping.sending.claims import ShippingError, shipping_of
from sevenfold.shipping.sending.shipper import Shipper
from sevenfold.shipping.sending.status import as_metrics, behind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sevenfold.shipping.nats_broker import Server

OK, FAILED = 0, 1
_BLOCK_BYTES = 16 << 20
COLUMNS = ("file", "bytes behind", "seconds behind", "bytes unmirrored")
EXTRA = "needs the package nats-py: pip install 'sevenfold[fleet]'"


def add_ship_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `ship`."""
    add_log_dir(parser)
    add = parser.add_argument
    _add_server(parser, "--to")
    add("--host-name", metavar="NAME", help="the host's folder in the mirror (default: the name of this machine)")
    add("--once", action="store_true", help="end when the server has all that is there now")
    add("--status", action="store_true", help="say how far each file is behind, instead")
    add("--metrics", action="store_true", help="the same for Prometheus, as its node exporter takes it")


def add_collect_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments of `collect`."""
    parser.add_argument("mirror", type=Path, metavar="MIRROR", help="a folder, which gets one for each host")
    _add_server(parser, "--from")
    parser.add_argument("--once", action="store_true", help="end when nothing is on its way any more")


def ship(options: argparse.Namespace) -> int:
    """Send a log folder to a server, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_ship_arguments` gave.

    Returns
    -------
    int
        The exit status: 0, also after SIGTERM; 1 when the folder can't be shipped; 2 when an option is wrong.
    """
    tell = _teller(options)
    folder = Path(options.log_dir)
    if options.status or options.metrics:
        return _show_status(folder, options)

    async def run() -> None:
        from sevenfold.shipping.nats_broker import connected  # noqa: PLC0415 - an extra

        server = _server(options)
        with shipping_of(folder, options.host_name, socket.gethostname()) as shipping:
            tell(f"shipping {folder} as host {shipping.host!r} to {options.url}")
            async with connected(server, f"sevenfold ship {shipping.host}", tell) as broker:
                shipper = Shipper(folder, shipping, broker, tell)
                try:
                    await shipper.run(once=options.once)
                finally:
                    tell(f"shipped {shipper.n_bytes:,} bytes in {shipper.n_pieces:,} pieces")

    return _run(options, run)


def _show_status(folder: Path, options: argparse.Namespace) -> int:
    try:
        found = behind(folder)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    with reader_may_leave():
        if options.metrics:
            sys.stdout.write(as_metrics(found))
        else:
            rows = [
                (one.file, f"{one.n_bytes:,}", f"{one.seconds:.1f}", f"{one.n_unmirrored_bytes:,}") for one in found
            ]
            sys.stdout.write(f"host {found[0].host}\n" if found else "")
            for row in (COLUMNS, *rows):
                sys.stdout.write(f"{row[0]:<24}{row[1]:>14}{row[2]:>16}{row[3]:>18}\n")
    return OK


def collect(options: argparse.Namespace) -> int:
    """Put what hosts have sent into a mirror, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    options : argparse.Namespace
        What a parser with `add_collect_arguments` gave.

    Returns
    -------
    int
        The exit status: 0, also after SIGTERM; 1 when the mirror can't be written; 2 when an option is wrong.
    """
    tell = _teller(options)

    async def run() -> None:
        from sevenfold.shipping.nats_broker import connected  # noqa: PLC0415 - an extra

        server = _server(options)
        with mirror_at(options.mirror) as (mirror, mirror_id):
            tell(f"collecting into {options.mirror} from {options.url}")
            async with connected(server, "sevenfold collect", tell, mirror_id) as broker:
                collector = Collector(mirror, broker, tell)
                try:
                    await collector.run(once=options.once)
                finally:
                    counts = ", ".join(f"{collector.n_pieces[one]:,} {one.value}" for one in Outcome)
                    tell(f"collected pieces: {counts}")

    return _run(options, run)


def _add_server(parser: argparse.ArgumentParser, name: str) -> None:
    parser.set_defaults(server=name)
    add = parser.add_argument
    add(
        name,
        dest="url",
        type=_url,
        metavar="URL",
        help="of a NATS server with JetStream, such as nats://127.0.0.1:4222",
    )
    add("--stream", type=_stream, metavar="NAME", default="sevenfold", help="its stream (default: %(default)s)")
    add("--creds", type=Path, metavar="PATH", help="a file of NATS credentials")
    add("--nkey", type=Path, metavar="PATH", help="a file with the seed of an nkey")
    add("--tls-ca", type=Path, metavar="PATH", help="certificates of whom to trust")
    add("--tls-cert", type=Path, metavar="PATH", help="our certificate")
    add("--tls-key", type=Path, metavar="PATH", help="and its key")
    add("--max-bytes", type=_size, metavar="SIZE", help="of a stream that isn't there yet (default: 10 GB)")
    add("--replicas", type=int, choices=(1, 3, 5), default=1, help="of one that isn't there yet (default: %(default)s)")


def _run(options: argparse.Namespace, work: Callable[[], Awaitable[None]]) -> int:
    if options.url is None:
        sys.stderr.write(f"{options.prog}: where is the server? give its URL with {options.server}\n")
        return WRONG_INPUT
    _keep_memory()
    try:
        asyncio.run(_until_told(work))
    except ModuleNotFoundError as error:
        if error.name not in {"nats", "nkeys"}:
            raise
        sys.stderr.write(f"{options.prog}: {EXTRA}\n")
        return FAILED
    except (ShippingError, OSError, ValueError) as error:
        sys.stderr.write(f"{options.prog}: {one_line(error)}\n")
        return FAILED
    return OK


def _keep_memory() -> None:
    """Spare what costs a quarter of the time: memory that is given back, and what is never garbage.

    Pieces of 720 kB come and go. glibc gives their pages back to the system, to have them zeroed for the next piece,
    until a larger block was freed (mallopt(3), M_MMAP_THRESHOLD: the threshold is dynamic); up to twice that is kept.
    """
    bytes(_BLOCK_BYTES)  # never touched, so it takes no memory
    gc.freeze()  # what is imported stays: no collection need walk it


async def _until_told(work: Callable[[], Awaitable[None]]) -> None:
    """Work until that is done, or somebody ends it with SIGTERM or Ctrl-C: what is under way is noted then."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work())
    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def _server(options: argparse.Namespace) -> Server:
    from sevenfold.shipping.nats_broker import MAX_BYTES, Server  # noqa: PLC0415 - an extra

    return Server(
        options.url,
        options.stream,
        creds=options.creds,
        nkey=options.nkey,
        tls_ca=options.tls_ca,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        max_bytes=options.max_bytes or MAX_BYTES,
        replicas=options.replicas,
    )


def _teller(options: argparse.Namespace) -> Callable[[str], None]:
    def tell(text: str) -> None:
        now = timestamp(datetime.now(UTC))
        sys.stderr.write(f"{now} {options.prog}: {' '.join(text.split())}\n")
        sys.stderr.flush()

    return tell


def _url(text: str) -> str:
    for one in text.split(","):
        parts = urlsplit(one)
        if parts.scheme not in {"nats", "tls", "ws", "wss"} or not parts.hostname:
            raise argparse.ArgumentTypeError(
                f"expected a URL such as nats://127.0.0.1:4222, got {one.split('@')[-1]!r}"
            )
        if "@" in parts.netloc:
            raise argparse.ArgumentTypeError(
                "a URL with a password can be read by all users of the machine: use --creds"
            )
    return text


def _stream(text: str) -> str:
    if not text.replace("-", "").replace("_", "").isalnum() or not text.isascii():
        raise argparse.ArgumentTypeError(f"expected letters, digits, - and _, got {text!r}")
    return text


def _size(text: str) -> int:
    try:
        return parse_total(text) or 0
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a size from '1 MB' on, such as '10 GB', got {text!r}") from None
