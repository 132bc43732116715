import asyncio
from typing import Any

import pytest

from sevenfold.asgi import ApiLog
from sevenfold.asgi.types import App, Message, Receive, Scope, Send
from sevenfold.channel_log import ChannelLog
from tests.support.asgi_client import END, START, answering, conversation, http

STARTED, STOPPED = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}
START_FAILED = {"type": "lifespan.startup.failed", "message": "why"}
STOP_FAILED = {"type": "lifespan.shutdown.failed", "message": "why"}


def live(app: App, closed: list[int], *, requests: int = 0) -> list[Message | str]:
    """Have an application live and answer; return what it says, "closed" among it."""
    said: list[Message | str] = []
    phases: asyncio.Queue[Message] = asyncio.Queue()

    def on_close(count: int) -> None:
        closed.append(count)
        said.append("closed")

    async def send(message: Message) -> None:
        said.append(message)

    async def run() -> None:
        logged = ApiLog(app, on_close=on_close)
        phases.put_nowait({"type": "lifespan.startup"})
        life = asyncio.create_task(logged({"type": "lifespan"}, phases.get, send))
        await asyncio.sleep(0.001)
        for _ in range(requests):
            await conversation(logged, http())
        phases.put_nowait({"type": "lifespan.shutdown"})
        async with asyncio.timeout(5):
            await life

    asyncio.run(run())
    return said


def own_life(*says: Message, then: BaseException | None = None) -> App:
    """Make an application that hears a phase before each thing that it says."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await answering(START, END)(scope, receive, send)
            return
        for message in says:
            await receive()
            await send(message)
        if then is not None:
            raise then

    return app


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise ValueError("http only")  # as Django does
    await answering(START, END)(scope, receive, send)


async def ignoring(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await answering(START, END)(scope, receive, send)


async def hearing_once(scope: Scope, receive: Receive, send: Send) -> None:
    await (receive() if scope["type"] == "lifespan" else answering(START, END)(scope, receive, send))


@pytest.mark.parametrize(
    "app", [own_life(STARTED, STOPPED), own_life(STARTED), refusing, ignoring, hearing_once], ids=range(5)
)
def test_the_last_window_is_logged_and_the_end_told_before_the_server_hears_of_it(
    channel_log: ChannelLog, app: App
) -> None:
    closed: list[int] = []
    assert live(app, closed, requests=3) == [STARTED, "closed", STOPPED]
    assert closed == [3]
    assert [record.channel for record in channel_log.records] == ["api"] * 3 + ["monitoring"]


def test_a_shutdown_that_fails_is_an_end_too(channel_log: ChannelLog) -> None:
    closed: list[int] = []
    assert live(own_life(STARTED, STOP_FAILED), closed, requests=1) == [STARTED, "closed", STOP_FAILED]
    assert len(channel_log.channel("monitoring")) == 1


def test_a_start_that_fails_is_passed_on_and_has_no_end() -> None:
    closed: list[int] = []
    assert live(own_life(START_FAILED), closed) == [START_FAILED]
    with pytest.raises(KeyError):
        live(own_life(START_FAILED, then=KeyError("x")), closed)
    assert closed == []


@pytest.mark.parametrize("said", [[], [STARTED], [STARTED, STOPPED]])
def test_what_breaks_in_a_life_that_was_taken_part_in_is_raised(said: list[Any]) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for message in said:
            await send(message)
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        live(app, [])
