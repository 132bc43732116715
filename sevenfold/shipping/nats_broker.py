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
_ACK_WAIT_S: Final = 60.0  # after which a message that was taken and isn't done is delivered again
_MOST_TAKEN: Final = 64
_RECONNECT_S: Final = 0.5
_READ_BYTES: Final = 256 << 10  # what asyncio receives at once
_NO_ROOM: Final = 10047  # insufficient storage resources: the server has less than the stream may have
_OTHER_CONSUMER: Final = {10099, 10100}  # a work queue has one consumer only
_PLAIN: Final = re.compile(rb"[A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Server:
    """A server's address and credentials; all secrets are in files.

    Attributes
    ----------
    url : str
        ``nats://host:port``, or ``tls://``; several with commas.
    stream : str
        The name of the stream.
    creds, nkey : Path or None
        A file of credentials, or one with the seed of an nkey.
    tls_ca, tls_cert, tls_key : Path or None
        The authority to trust, and the client's certificate and key.
    max_bytes, replicas : int
        Settings of the stream, if it has to be made.
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
        """Return the options for nats-py.

        Raises
        ------
        OSError, ssl.SSLError
            If a file can't be read.
        """
        for path in (self.creds, self.nkey, self.tls_ca, self.tls_cert, self.tls_key):
            if path is not None:
                path.open("rb").close()  # nats-py would retry for ever
        options: dict[str, Any] = {"servers": self.url.split(",")}
        if self.creds is not None:
            options["user_credentials"] = str(self.creds)
        if self.nkey is not None:
            options["nkeys_seed"] = str(self.nkey)
        if self.tls_ca or self.tls_cert:
            context = ssl.create_default_context(cafile=self.tls_ca)
            if self.tls_cert is not None:
                context.load_cert_chain(self.tls_cert, self.tls_key)
            options["tls"] = context
        return options


@contextlib.asynccontextmanager
async def connected(
    server: Server, name: str, tell: Callable[[str], object], collector: str = ""
) -> AsyncIterator[NatsBroker]:
    """Connect to a server, and reconnect whenever it comes back.

    Parameters
    ----------
    server : Server
        The server.
    name : str
        The client's name at the server.
    tell : callable
        Called with messages for people.
    collector : str
        The id of the collector's mirror; "" for a shipper.
    """
    reported = set[str]()
    nats.aio.client.DEFAULT_BUFFER_SIZE = _READ_BYTES  # with its 32 kB, a piece takes 23 turns of the loop, not 3

    async def on_error(error: Exception) -> None:
        if str(error) not in reported:
            reported.add(str(error))
            tell(f"{server.url}: {error}")

    async def on_return() -> None:
        reported.clear()
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
        self._subscription: JetStreamContext.PullSubscription | None = None

    async def keep(self, host: str, file: str, data: bytes) -> None:
        """Store a message."""
        try:
            await self._context.publish(f"{self._server.stream}.{_token(host)}.{_token(file)}", data, timeout=_KEEP_S)
        except NoStreamResponseError:
            await self._make_stream()
            raise BrokerError("there was no stream") from None
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_reason(error)) from None

    async def say(self, topic: Topic, host: str, data: bytes) -> None:
        """Send a message to all listeners."""
        with contextlib.suppress(Error, OSError, TimeoutError):
            await self._client.publish(f"{self._server.stream}-{topic}.{_token(host)}", data)

    async def listen(self, topic: Topic, host: str | None, heard: Heard) -> None:
        """Subscribe to messages about a host, or about all."""

        async def on_message(message: Msg) -> None:
            heard(_name_of(message.subject.rpartition(".")[2]), message.data)

        subject = f"{self._server.stream}-{topic}.{'*' if host is None else _token(host)}"
        await self._client.subscribe(subject, cb=on_message)

    async def begin(self) -> None:
        """Start delivery with the first message that isn't done, in order."""
        stream, name = self._server.stream, self._consumer
        try:
            await self._make_stream()
            if self._subscription is not None:
                with contextlib.suppress(Error):
                    await self._subscription.unsubscribe()
            # With the old consumer, messages that were taken and aren't done come a minute later, behind newer ones.
            start = await self._first_undone()
            with contextlib.suppress(NotFoundError):
                await self._context.delete_consumer(stream, name)
            await self._context.add_consumer(stream, self._config(start))
            self._subscription = await self._context.pull_subscribe_bind(consumer=name, stream=stream)
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_reason(error)) from None

    async def take(self, n_most: int, wait_s: float) -> list[Delivery]:
        """Take the next messages."""
        if self._subscription is None or not self._client.is_connected:
            raise BrokerError("not connected")
        reconnects = self._client.stats["reconnects"]
        try:
            messages = await self._subscription.fetch(n_most, wait_s)
        except TimeoutError:
            messages = []
            await self._require_consumer()
        except (Error, OSError) as error:
            raise BrokerError(_reason(error)) from None
        if self._client.stats["reconnects"] != reconnects or any(one.metadata.num_delivered > 1 for one in messages):
            raise BrokerError("the connection was lost")
        return [_Message(message) for message in messages]

    async def _require_consumer(self) -> None:
        """Raise BrokerError if the consumer is gone: a stream that was wiped delivers nothing, without an error."""
        try:
            await self._context.consumer_info(self._server.stream, self._consumer)
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_reason(error)) from None

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
                raise BrokerError(_reason(error)) from None
            raise BrokerError(
                f"no room for a stream of {server.max_bytes:,} bytes: give less with --max-bytes"
            ) from None
        except (Error, OSError, TimeoutError) as error:
            raise BrokerError(_reason(error)) from None

    async def _first_undone(self) -> int | None:
        """Return the number of the first message that isn't done; None for the first one of the stream."""
        info = await self._context.stream_info(self._server.stream)
        if info.config.retention == api.RetentionPolicy.WORK_QUEUE:
            return None  # holds only messages that aren't done, and a consumer must begin with the first
        with contextlib.suppress(NotFoundError):
            consumer = await self._context.consumer_info(self._server.stream, self._consumer)
            if consumer.ack_floor is not None:
                return int(consumer.ack_floor.stream_seq) + 1
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
class _Message:
    message: Msg

    @property
    def data(self) -> bytes:
        return bytes(self.message.data)

    async def done(self) -> None:
        try:
            await self.message.ack()
        except (Error, OSError) as error:
            raise BrokerError(_reason(error)) from None


def _reason(error: BaseException) -> str:
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


def _name_of(token: str) -> str:
    return re.sub(rb"%([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), token.encode()).decode(errors="replace")
