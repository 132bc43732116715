"""The applications of docs/api-log.md and examples/, and peculiarities of frameworks, behind a real server."""

import re
import signal
from collections import Counter
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from sevenfold.asgi import ApiLog, failed
from sevenfold.channel_log import ChannelLog
from tests.asgi.test_apilog import only_line
from tests.support.asgi_client import http, talk
from tests.support.servers import Server, ask, ready, uvicorn, wait_for

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api-log.md").read_text(encoding="utf-8")
BLOCKS = {
    code.split("\n", 1)[0][2:]: code for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}
TRACE = "0af7651916cd43dd8448eb211c80319c"


def run_block(folder: Path, file: str) -> Any:
    (folder / file).write_text(BLOCKS[file], encoding="utf-8")
    return ready(folder, "-m", "uvicorn", f"{file.removesuffix('.py')}:app", "--port", "0")


def line(server: Server, request_id: str) -> dict[str, Any]:
    (event,) = (event for event in server.events("api", request_id=request_id) if event.message == "request")
    return {"level": event.level} | event.fields


@pytest.mark.whole("fastapi", "starlette", "django", "flask", "a2wsgi")
@pytest.mark.parametrize(
    ("file", "route"),
    [
        ("fastapi_app.py", "/items/{item_id}"),
        ("starlette_app.py", "/items/{item_id}"),
        ("django_app.py", "/items/<int:item_id>"),
        ("flask_app.py", "/items/<int:item_id>"),
    ],
)
def test_each_framework_of_the_page_has_its_lines(tmp_path: Path, file: str, route: str) -> None:
    with run_block(tmp_path, file) as server:
        connection = server.connect()
        good, answer = ask(
            connection, "GET", "/items/7", X_Request_ID="good", traceparent=f"00-{TRACE}-b7ad6b7169203331-01"
        )
        assert (good.status, good.headers["X-Request-ID"]) == (200, "good")
        assert "item_id" in answer
        connection.request("GET", "/nowhere", headers={"X-Request-ID": "nowhere"})
        response = connection.getresponse()
        assert response.read()
        assert (response.status, response.headers["X-Request-ID"]) == (404, "nowhere")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
    found = line(server, "good")
    shown = (found["http_route"], found["http_response_status_code"], found["trace_id"], found["url_path"])
    assert shown == (route, 200, TRACE, "/items/7")
    assert (line(server, "nowhere")["http_route"], line(server, "nowhere")["http_response_status_code"]) == (None, 404)
    assert server.events("monitoring")[-1].fields["request_count"] == 2
    assert "GET /items" not in server.stdout + server.stderr
    assert server.events("errors") == []


@pytest.mark.whole("fastapi")
def test_the_line_of_the_page_is_the_one_that_is_written(tmp_path: Path) -> None:
    with run_block(tmp_path, "fastapi_app.py") as server:
        ask(server.connect(), "GET", "/items/7")
    (event,) = server.events("api")
    (shown,) = re.findall(r"^(20\S+ \| INFO     \| api \| .*)$", PAGE, re.MULTILINE)
    assert list(event.fields) == re.findall(r"(\w+)=", shown.partition(" | request | ")[2])
    assert server.events("predictions")[0].fields["request_id"] == event.fields["request_id"]


@pytest.mark.whole("django", "flask", "a2wsgi")
@pytest.mark.parametrize("file", ["django_app.py", "flask_app.py"])
def test_an_exception_that_a_framework_keeps_is_logged_once_with_its_line(tmp_path: Path, file: str) -> None:
    with run_block(tmp_path, file) as server:
        connection = server.connect()
        connection.request("GET", "/items/0", headers={"X-Request-ID": "broken"})
        response = connection.getresponse()
        assert (response.status, response.read() != b"") == (500, True)
    (error,) = server.events("errors")
    assert (error.message, error.fields["request_id"], error.fields["error_type"]) == (
        "request",
        "broken",
        "ZeroDivisionError",
    )
    assert error.exception is not None
    assert "1 / item_id" in error.exception
    assert line(server, "broken")["level"] == "ERROR"


@pytest.mark.whole("litestar")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_litestar_notes_its_route_and_can_tell_what_it_keeps(channel_log: ChannelLog) -> None:
    from litestar import Litestar, get  # noqa: PLC0415 - only there with --whole

    @get("/items/{item_id:int}")
    async def read_item(item_id: int) -> dict[str, float]:
        return {"item_id": 1 / item_id}

    async def tell(error: Exception, _scope: Any) -> None:
        failed(error)

    litestar: Any = Litestar([read_item], after_exception=[tell])
    app = ApiLog(litestar)
    talk(app, http("/items/7", raw_path=b"/items/7", query_string=b"", server=("x", 80), scheme="http"))
    assert only_line(channel_log)["http_route"] == "/items/{item_id}"
    channel_log.clear()
    talk(app, http("/items/0", raw_path=b"/items/0", query_string=b"", server=("x", 80), scheme="http"))
    (record,) = channel_log.channel("api")
    assert (record.level, type(record.exception)) == ("ERROR", ZeroDivisionError)


FASTAPI = """
import asyncio
import sinks
from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from loguru import logger
from sevenfold.asgi import ApiLog

sinks.configure("logs", intercept=True)
api = FastAPI()
sub = FastAPI()
api.mount("/sub/{tenant}", sub)

@sub.get("/in/{item}")
def inner(item: str): return item

@api.get("/boom")
def boom(): raise RuntimeError("boom")

@api.get("/background")
def background(tasks: BackgroundTasks):
    def later(): raise KeyError("later")
    tasks.add_task(later)
    return 1

@api.get("/broken-stream")
async def broken():
    async def parts():
        yield b"x"
        raise ValueError("mid")
    return StreamingResponse(parts())

@api.get("/stream")
async def stream():
    async def parts():
        for number in range(100):
            yield b"x" * 1000
            await asyncio.sleep(0.05)
    return StreamingResponse(parts())

@api.post("/body")
async def body(content: dict): return len(content)

app = ApiLog(api)
"""


@pytest.mark.whole("fastapi")
def test_fastapi_breaks_in_many_ways_and_each_stands_in_errors_once(tmp_path: Path) -> None:
    (tmp_path / "many_ways.py").write_text(FASTAPI, encoding="utf-8")
    with ready(tmp_path, "-m", "uvicorn", "many_ways:app", "--port", "0") as server:
        connection = server.connect()
        for path, name in (("/sub/acme/in/3", "mounted"), ("/background", "background")):
            assert ask(connection, "GET", path, X_Request_ID=name)[0].status == 200
        connection.request("GET", "/boom", headers={"X-Request-ID": "boom"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["X-Request-ID"], answer.read()) == (500, "boom", b"Internal Server Error")
        assert ask(server.connect(), "POST", "/body", b"[", X_Request_ID="wrong")[0].status == 422
        half = server.connect()
        half.request("GET", "/broken-stream", headers={"X-Request-ID": "half"})
        answer = half.getresponse()
        with pytest.raises((IncompleteRead, ConnectionError)):
            answer.read()
        gone = server.connect()
        gone.request("GET", "/stream", headers={"X-Request-ID": "gone"})
        gone.getresponse().read(1000)
        gone.close()
        wait_for(lambda: server.events("api", request_id="gone"))
    assert line(server, "mounted")["http_route"] == "/sub/{tenant}/in/{item}"
    assert (line(server, "half")["http_response_status_code"], line(server, "gone")["level"]) == (200, "INFO")
    found = Counter((event.fields["request_id"], event.fields["error_type"]) for event in server.events("errors"))
    assert found == {("boom", "RuntimeError"): 1, ("background", "KeyError"): 1, ("half", "ValueError"): 1}
    assert server.stderr.count("Traceback (most recent call last)") == 0


@pytest.mark.whole("fastapi", "uvicorn")
def test_the_example_serves_with_two_workers_and_none_of_its_lines_is_lost(tmp_path: Path) -> None:
    options = ["--app-dir", str(ROOT / "examples")]
    with uvicorn(tmp_path, *options, app="fastapi_app:create_app", n_workers=2) as server:
        for number in range(40):
            connection = server.connect()
            path, body = f"/applicants/a{number}/decision", {"income": number - 19.5} if number % 10 else {"age": 1}
            expected = 200 if number % 10 else 422
            assert ask(connection, "POST", path, body, X_Request_ID=f"r{number}")[0].status == expected
            assert ask(connection, "GET", "/health")[0].status == 200
            connection.close()
        assert (
            ask(server.connect(), "POST", "/applicants/x/decision", b" " * 100_001, X_Request_ID="huge")[0].status
            == 413
        )
        assert server.stop() == 0
    lines = Counter(event.fields["request_id"] for event in server.events("api"))
    assert lines == Counter([*(f"r{number}" for number in range(40)), "huge"])
    decisions = [event.fields for event in server.events("predictions")]
    assert (len(decisions), Counter(one["decision"] for one in decisions)) == (36, {"approve": 18, "deny": 18})
    windows = [event.fields for event in server.events("monitoring")]
    assert [sum(one[name] for one in windows) for name in ("request_count", "quiet_count")] == [41, 40]
    assert sum((Counter(one["decision_counts"]) for one in windows), Counter()) == {"approve": 18, "deny": 18}
    assert server.events("errors") == []
