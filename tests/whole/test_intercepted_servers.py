"""Under gunicorn and uvicorn with several workers, and where uvicorn reloads, each line stands exactly once."""

import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from sevenfold.reading.folder import read
from tests.support.servers import Server, launched, wait_for

pytestmark = [
    pytest.mark.whole("uvicorn"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="gunicorn needs fork, and workers are ended together"),
]

BEGIN = """
import logging
import sinks
from loguru import logger

sinks.configure("logs", intercept=True)


def work(number):
    logging.getLogger("lib.sub").error("library %s", number)
    logger.bind(channel="training").info("own", number=number)
    if number.endswith("9"):
        raise RuntimeError(f"failed {number}")

"""
APPS = {
    "asgi_app": BEGIN
    + """
async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
    work(scope["path"][1:])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
""",
    "wsgi_app": BEGIN
    + """
def app(environ, start_response):
    work(environ["PATH_INFO"][1:])
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
""",
}
GUNICORN = ["-m", "gunicorn", "--workers", "3", "--bind", "127.0.0.1:0", "--access-logfile", "-", "--no-control-socket"]
UVICORN = ["-m", "uvicorn", "--port", "0"]
IS_UP = "startup complete|Booting worker"
OWN = r"Booting worker with pid: \d+|Started server process \[\d+\]|Worker exiting \(pid: \d+\)"


def ask_all(server: Server, numbers: range) -> None:
    for number in numbers:
        connection = server.connect()
        connection.request("GET", f"/{number}")
        assert connection.getresponse().status == (500 if number % 10 == 9 else 200)
        connection.close()


def is_up(server: Server, n_workers: int) -> bool:
    return len(re.findall(IS_UP, server.stderr)) >= n_workers and server.port > 0


def check(server: Server, n_requests: int, access: str) -> None:
    """Check that what each request logged stands once in the files, and once or not at all on the console."""
    numbers = Counter({str(number): 1 for number in range(n_requests)})
    failed = Counter({number: 1 for number in numbers if number.endswith("9")})
    logs = server.folder / "logs"
    errors = list(read(logs / "errors.log"))
    assert Counter(e.message.split()[1] for e in errors if e.fields.get("logger") == "lib.sub") == numbers
    crashes = (event.fields.get("exception_message", "") for event in errors)
    assert Counter(one.split()[1] for one in crashes if one.startswith("failed ")) == failed
    assert Counter(event.fields["number"] for event in read(logs / "ml_pipeline.log")) == numbers
    requests = [event for event in read(logs / "api_requests.log") if event.fields.get("logger") == access]
    assert Counter(re.findall(r"GET /(\d+) HTTP", " ".join(event.message for event in requests))) == numbers
    shown = server.stderr + server.stdout
    assert Counter(re.findall(r"\| library (\d+)", shown)) == numbers
    assert Counter(re.findall(r'\| own \| number="(\d+)"', shown)) == numbers
    assert re.findall(r'"GET /\d+ HTTP', shown) == []  # as the table says: requests are shown from WARNING on
    own = re.findall(OWN, shown)
    assert len(own) == len(set(own)) > 0
    assert not re.findall("Logging error|^sevenfold:", shown, re.MULTILINE)


@pytest.mark.whole("gunicorn", "uvicorn")
@pytest.mark.parametrize(
    ("command", "access"),
    [
        pytest.param([*GUNICORN, "wsgi_app:app"], "gunicorn.access", id="gunicorn"),
        pytest.param([*GUNICORN, "--preload", "wsgi_app:app"], "gunicorn.access", id="gunicorn preload"),
        pytest.param([*UVICORN, "--workers", "3", "asgi_app:app"], "uvicorn.access", id="uvicorn"),
    ],
)
def test_with_several_workers_each_line_stands_once(command: list[str], access: str, tmp_path: Path) -> None:
    write_apps(tmp_path)
    with launched(tmp_path, *command, PYTHONPATH=paths(tmp_path), PYTHONWARNDEFAULTENCODING="") as server:
        wait_for(lambda: is_up(server, 3), lambda: server.process.poll() is None)
        ask_all(server, range(40))
        assert server.stop() == 0
    check(server, 40, access)


def test_where_uvicorn_reloads_each_line_stands_once(tmp_path: Path) -> None:
    write_apps(tmp_path)
    command = [*UVICORN, "--reload", "--reload-dir", str(tmp_path), "asgi_app:app"]
    with launched(tmp_path, *command, PYTHONPATH=paths(tmp_path)) as server:
        wait_for(lambda: is_up(server, 1), lambda: server.process.poll() is None)
        ask_all(server, range(20))
        for n_loads in (2, 3):
            source = tmp_path / "asgi_app.py"
            os.utime(source, (time.time() + n_loads, time.time() + n_loads))
            wait_for(lambda n=n_loads: is_up(server, n), lambda: server.process.poll() is None)  # type: ignore[misc]
            ask_all(server, range(10 * n_loads, 10 * n_loads + 10))
        assert server.stop() == 0
    check(server, 40, "uvicorn.access")


def write_apps(folder: Path) -> None:
    for name, text in APPS.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")


def paths(folder: Path) -> str:
    return f"{Path(__file__).parents[2]}{os.pathsep}{folder}"
