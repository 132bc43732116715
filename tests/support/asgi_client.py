"""A server for one request, in this process: it records which messages are sent, and when."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from sevenfold.asgi.types import App, Message, Scope

START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"whole"}
LEFT = {"type": "http.disconnect"}


def http(path: str = "/", method: str = "GET", **more: Any) -> Scope:
    """Make a scope; names of headers have underscores."""
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in more.pop("headers", {}).items()]
    told = {"type": "http", "http_version": "1.1", "method": method, "path": path, "headers": headers}
    return {**told, "client": ("192.0.2.7", 4711), "root_path": "", **more}


def websocket(path: str = "/ws") -> Scope:
    scope = http(path, type="websocket")
    del scope["method"]
    return scope


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": content, "more_body": more}


def talk(
    app: App,
    scope: Scope | None = None,
    coming: Iterable[Message] = (body(b""),),
    on_send: Callable[[Message], object] = lambda _: None,
) -> list[Message]:
    """Send an application a request, and return what it sends; when nothing comes any more, it waits in vain."""
    return asyncio.run(conversation(app, http() if scope is None else scope, coming, on_send))


async def conversation(
    app: App,
    scope: Scope,
    coming: Iterable[Message] = (body(b""),),
    on_send: Callable[[Message], object] = lambda _: None,
) -> list[Message]:
    messages, sent = iter(coming), list[Message]()

    async def receive() -> Message:
        await asyncio.sleep(0)
        for message in messages:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        on_send(message)
        sent.append(message)

    async with asyncio.timeout(5):
        await app(scope, receive, send)
    return sent


def answering(*messages: Message, then: BaseException | None = None) -> App:
    """Make an application that sends these messages, and then raises."""

    async def app(_scope: Scope, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


def start(status: int = 200, **headers: str) -> Message:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def header(message: Message, name: bytes) -> bytes | None:
    found = [value for key, value in message["headers"] if key == name]
    assert len(found) <= 1
    return found[0] if found else None
