from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from sevenfold.asgi import ApiLog
from sevenfold.asgi.routes import route_of
from sevenfold.channel_log import ChannelLog
from tests.support.asgi_client import http, talk, websocket


async def answer(_request: Any) -> Response:
    return Response("x")


async def accept(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


INNER = Starlette(routes=[Route("/in/{y:int}", answer), Route("/", answer)])
APP = Starlette(
    routes=[
        Route("/items/{item}", answer, methods=["POST"]),
        WebSocketRoute("/ws/{room}", accept),
        Mount("/sub/{tenant}", INNER),
        Mount("/static", Response("file")),
        Mount("/v1", routes=[Mount("/deep", routes=[Route("/{z}", answer)])]),
    ]
)


@pytest.mark.parametrize(
    ("path", "method", "route", "status"),
    [
        ("/items/7", "POST", "/items/{item}", 200),
        ("/items/7", "GET", "/items/{item}", 405),
        ("/nowhere", "GET", None, 404),
        ("/sub/acme/in/3", "GET", "/sub/{tenant}/in/{y}", 200),
        ("/sub/acme/nowhere", "GET", "/sub/{tenant}/{path}", 404),
        ("/static/a/b.css", "GET", "/static/{path}", 200),
        ("/v1/deep/7", "GET", "/v1/deep/{z}", 200),
    ],
)
@pytest.mark.parametrize("below", ["", "/behind/proxy"])
def test_a_route_is_told_by_its_template_wherever_it_is_mounted(
    channel_log: ChannelLog, path: str, method: str, route: str | None, status: int, below: str
) -> None:
    talk(ApiLog(APP), http(below + path, method, root_path=below))
    (line,) = (record.fields for record in channel_log.channel("api"))
    assert (line["http_route"], line["http_response_status_code"]) == (route, status)


def test_a_websockets_too(channel_log: ChannelLog) -> None:
    talk(ApiLog(APP), websocket("/ws/blue"), [{"type": "websocket.connect"}])
    assert channel_log.records[0].fields["http_route"] == "/ws/{room}"


def test_it_stands_inside_of_starlette_as_well(channel_log: ChannelLog) -> None:
    def fail(_request: Any) -> Response:
        raise KeyError("x")

    app = Starlette(routes=[Route("/items/{item}", answer), Route("/fail", fail)])
    app.add_middleware(ApiLog)
    assert talk(app, http("/items/7"))[0]["status"] == 200
    with pytest.raises(KeyError):
        talk(app, http("/fail"))
    good, bad = channel_log.channel("api")
    assert (good.fields["http_route"], type(bad.exception)) == ("/items/{item}", KeyError)


@pytest.mark.parametrize(
    ("noted", "route"), [({}, None), ({"path_template": "/a/{b}"}, "/a/{b}"), ({"route": object()}, None)]
)
def test_other_frameworks_note_it_elsewhere_or_nowhere(noted: dict[str, Any], route: str | None) -> None:
    assert route_of(http(**noted), "") == route
