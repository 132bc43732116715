"""NATS JetStream as a broker.

A stream holds the messages, on subjects ``<stream>.<host>.<file>``, until the collector has applied them. All else goes
over subjects of the server's core, ``<stream>-at.<host>`` and so on, which keep nothing.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import nats
import nats.aio.client
from nats.errors import Error
from nats.js import api
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from sevenfold.shipping.broker import BrokerError, Delivery, Heard, Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

MAX_BYTES: Final = 10 * 10**9
_KEEP_S: Final = 5.0
_ACK_WAIT_S: Final = 60.0  # after which what was taken and isn't done comes again
_MOST_TAKEN: Final = 64
_RECONNECT_S: Final = 0.5
_READ_BYTES: Final = 256 << 10  # what asyncio receives at once
_NO_ROOM: Final = 10047  # insufficient storage resources: the server has less than the stream may have
_OTHER_CONSUMER: Final = {10099, 10100}  # of a work queue, which has but one
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and how to be let in; all secrets are in files.

    Attributes
    ----------
    url : str
        ``nats://host:port``, or ``tls://``; several with commas.
    stream : str
        The name of the stream.
    creds, nkey : Path or None
        A file of credentials, or one with the seed of an nkey.
    tls_ca, tls_cert, tls_key : Path or None
        Whom to trust, and who we are.
    max_bytes, replicas : int
        Of a stream that isn't there yet.
    """

    url: str
    stream: str = "sevenfold"
    creds: Path | None = None
    nkey: Path | None = None
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    max_bytes: int = MAX_BYTES
    replicas: int = 1

    def options(self) -> dict[str, Any]:
        """Return what nats-py takes.

        Raises
        ------
        OSError, ssl.SSLError
            If a file can't be read.
        """
        for path in (self.creds, self.nkey, self.tls_ca, self.tls_cert, self.tls_key):
            if path is not None:
                path.open("rb").close()  # else nats-py tries for ever
        found: dict[str, Any] = {"servers": self.url.split(",")}
        if self.creds is not None:
            found["user_credentials"] = str(self.creds)
        if self.nkey is not None:
            found["nkeys_seed"] = str(self.nkey)
        if self.tls_ca or self.tls_cert:
            context = ssl.create_default_context(cafile=self.tls_ca)
            if self.tls_cert is not None:
                context.load_cert_chain(self.tls_cert, self.tls_key)
            found["tls"] = context
        return found


@contextlib.asynccontextmanager
async def connected(
    server: Server, name: str, tell: Callable[[str], object], collector: str = ""
) -> AsyncIterator[NatsBroker]:
    """Be connected to a server, which may come and go.

    Parameters
    ----------
    server : Server
        Where.
    name : str
        What the server calls this client.
    tell : callable
        Is called with what a person should know.
    collector : str
        The id of the mirror that collects; "" for a shipper.
    """
    told = set[str]()
    nats.aio.client.DEFAULT_BUFFER_SIZE = _READ_BYTES  # 32 kB else: a piece would come in 23 turns of the loop, not 3

    async def on_error(error: Exception) -> None:
        if str(error) not in told:
            told.add(str(error))
            tell(f"{server.url}: {error}")

    async def on_return() -> None:
        told.clear()
        tell(f"{server.url}: connected again")

    client = await nats.connect(
        **server.options(),
        name=name,
        error_cb=on_error,
        reconnected_cb=on_return,
        max_reconnect_attempts=-1,
        reconnect_time_wait=_RECONNECT_S,
        ping_interval=10,
    )
    try:
        yield NatsBroker(client, server, collector)
    finally:
        with contextlib.suppress(Error, OSError, TimeoutError):
            await client.flush(2)
        await client.close()


class NatsBroker:
    """A stream of a server; see `sevenfold.shipping.broker.Broker`."""

    def __init__(self, client: Client, server: Server, collector: str) -> None:
        self._client = client
        self._context: JetStreamContext = client.jetstream(timeout=_KEEP_S)
        self._server = server
        self._consumer = f"mirror-{collector}"
        self._taken: JetStreamContext.PullSubscription | None = None

    async def keep(self, host: str, file: str, data: bytes) -> None:
        """Give a message to be kept."""
        try:
            await self._context.publish(f"{self._server.stream}.{_token(host)}.{_token(file)}", data, timeout=_KEEP_S)
        except NoStreamResponseError:
            await self._make_stream()
            raise BrokerError("there was no stream") from None
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_said(error)) from None

    async def say(self, topic: Topic, host: str, data: bytes) -> None:
        """Tell all who listen."""
        with contextlib.suppress(Error, OSError, TimeoutError):
            await self._client.publish(f"{self._server.stream}-{topic}.{_token(host)}", data)

    async def listen(self, topic: Topic, host: str | None, heard: Heard) -> None:
        """Be told what is said of a host, or of all."""

        async def on_message(message: Msg) -> None:
            heard(_text(message.subject.rpartition(".")[2]), message.data)

        subject = f"{self._server.stream}-{topic}.{'*' if host is None else _token(host)}"
        await self._client.subscribe(subject, cb=on_message)

    async def begin(self) -> None:
        """Take all messages from the first on that isn't done, in their order."""
        stream, name = self._server.stream, self._consumer
        try:
            await self._make_stream()
            if self._taken is not None:
                with contextlib.suppress(Error):
                    await self._taken.unsubscribe()
            # Anew: else the server gives what was taken and isn't done only after a minute, behind all that came since.
            start = await self._first_undone()
            with contextlib.suppress(NotFoundError):
                await self._context.delete_consumer(stream, name)
            await self._context.add_consumer(stream, self._config(start))
            self._taken = await self._context.pull_subscribe_bind(consumer=name, stream=stream)
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_said(error)) from None

    async def take(self, n_most: int, wait_s: float) -> list[Delivery]:
        """Take the next messages."""
        if self._taken is None or not self._client.is_connected:
            raise BrokerError("not connected")
        reconnects = self._client.stats["reconnects"]
        try:
            messages = await self._taken.fetch(n_most, wait_s)
        except TimeoutError:
            messages = []
            await self._require_consumer()
        except (Error, OSError) as error:
            raise BrokerError(_said(error)) from None
        if self._client.stats["reconnects"] != reconnects or any(one.metadata.num_delivered > 1 for one in messages):
            raise BrokerError("the connection was lost")
        return [_Taken(message) for message in messages]

    async def _require_consumer(self) -> None:
        """Raise BrokerError if there is no consumer any more: a stream that was wiped is silent, not an error."""
        try:
            await self._context.consumer_info(self._server.stream, self._consumer)
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_said(error)) from None

    async def _make_stream(self) -> None:
        server = self._server
        config = api.StreamConfig(
            name=server.stream,
            subjects=[f"{server.stream}.>"],
            retention=api.RetentionPolicy.WORK_QUEUE,
            discard=api.DiscardPolicy.NEW,
            storage=api.StorageType.FILE,
            max_bytes=server.max_bytes,
            num_replicas=server.replicas,
        )
        try:
            try:
                await self._context.stream_info(server.stream)
            except NotFoundError:
                await self._context.add_stream(config)
        except APIError as error:
            if error.err_code != _NO_ROOM:
                raise BrokerError(_said(error)) from None
            raise BrokerError(
                f"no room for a stream of {server.max_bytes:,} bytes: give less with --max-bytes"
            ) from None
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_said(error)) from None

    async def _first_undone(self) -> int | None:
        """Return the number of the first message that isn't done, of a stream that keeps them; None for the first."""
        info = await self._context.stream_info(self._server.stream)
        if info.config.retention == api.RetentionPolicy.WORK_QUEUE:
            return None  # has no others, and a consumer must begin with the first
        with contextlib.suppress(NotFoundError):
            known = await self._context.consumer_info(self._server.stream, self._consumer)
            if known.ack_floor is not None:
                return int(known.ack_floor.stream_seq) + 1
        return None

    def _config(self, start: int | None) -> api.ConsumerConfig:
        return api.ConsumerConfig(
            durable_name=self._consumer,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT_S,
            max_ack_pending=_MOST_TAKEN,
            deliver_policy=api.DeliverPolicy.ALL if start is None else api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
        )


@dataclass(frozen=True, slots=True)
class _Taken:
    message: Msg

    @property
    def data(self) -> bytes:
        return bytes(self.message.data)

    async def done(self) -> None:
        try:
            await self.message.ack()
        except (Error, OSError) as error:
            raise BrokerError(_said(error)) from None


def _said(error: BaseException) -> str:
    if isinstance(error, APIError):
        if error.err_code in _OTHER_CONSUMER:
            return (
                "the stream has the collector of another mirror: a work queue has but one; stop that, and delete its "
                "consumer (nats consumer rm), or give this one a stream of its own with --stream"
            )
        return f"{error.description} ({error.err_code})"
    return str(error) or type(error).__name__


def _token(name: str) -> str:
    """Write a name as one token of a subject."""
    return "".join(chr(byte) if _PLAIN.match(bytes([byte])) else f"%{byte:02X}" for byte in name.encode())


def _text(token: str) -> str:
    return re.sub(rb"%([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), token.encode()).decode(errors="replace")
