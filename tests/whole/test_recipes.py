"""The recipes that need servers and packages, each run as its page has it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

import sinks
from sevenfold.reading.folder import read
from tests.support.pages import ROOT, blocks

pytestmark = pytest.mark.whole

RECIPES = ROOT / "docs" / "recipes.md"
N_REQUESTS = 40


def block(start: str) -> str:
    (found,) = (one.text for one in blocks(RECIPES, "python") if start in one.text)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def start(folder: Path, *command: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", "PYTHONWARNDEFAULTENCODING": ""}
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, stdout=stdout, stderr=subprocess.PIPE
    )


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - loopback
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("waited for a minute")


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            status_of(url)
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{url} never answered")


@pytest.mark.whole("joblib")
def test_the_workers_of_joblib_write_one_folder(tmp_path: Path) -> None:
    (tmp_path / "pool.py").write_text(block("# pool.py"), encoding="utf-8")
    process = start(tmp_path, "pool.py")
    assert process.communicate(timeout=100)[1] == b""
    numbers = sorted(event.fields["number"] for event in read(tmp_path / "logs" / "predictions.log"))
    assert numbers == list(range(100))


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork")
@pytest.mark.whole("flask")
@pytest.mark.whole("gunicorn")
def test_flask_under_gunicorns_own_workers_has_a_line_a_request_and_windows(tmp_path: Path) -> None:
    (tmp_path / "wsgi_app.py").write_text(block("# wsgi_app.py"), encoding="utf-8")
    port = free_port()
    process = start(tmp_path, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "wsgi_app:app")
    try:
        wait_for(f"http://127.0.0.1:{port}/items/1")
        found = Counter(status_of(f"http://127.0.0.1:{port}/items/{number % 4}") for number in range(N_REQUESTS))
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    lines = list(read(tmp_path / "logs" / "api_requests.log"))[1:]  # the first asked whether the server is there
    assert Counter(event.fields["http_response_status_code"] for event in lines) == found
    assert found == {200: 30, 500: 10}
    windows = list(read(tmp_path / "logs" / "monitoring.log"))
    assert sum(event.fields["request_count"] for event in windows) == N_REQUESTS + 1
    assert sum(event.fields["error_count"] for event in windows) == 10


GRPC = """
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import sinks
from grpc_log import ApiLog


def divide(request, context):
    number = int(request)
    if number < 0:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "negative")
    return str(12 / number).encode()


sinks.configure("logs")
server = grpc.server(ThreadPoolExecutor(4), interceptors=[ApiLog()])
handlers = {"Divide": grpc.unary_unary_rpc_method_handler(divide)}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Numbers", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
call = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary("/Numbers/Divide")
for number in (3, 4, 0, -1, 6):
    try:
        print(call(str(number).encode(), timeout=30).decode())
    except grpc.RpcError as error:
        print(error.code().name)
server.stop(None).wait()
"""


@pytest.mark.whole("grpc")
def test_grpc_has_a_line_a_call_and_windows(tmp_path: Path) -> None:
    (tmp_path / "grpc_log.py").write_text(block("# grpc_log.py"), encoding="utf-8")
    (tmp_path / "server.py").write_text(GRPC, encoding="utf-8")
    process = start(tmp_path, "server.py", stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=100)
    assert out.decode().split() == ["4.0", "3.0", "UNKNOWN", "INVALID_ARGUMENT", "2.0"], err.decode()
    lines = [event.fields for event in read(tmp_path / "logs" / "api_requests.log") if event.message == "call"]
    assert [one["rpc_status"] for one in lines] == ["OK", "OK", "UNKNOWN", "INVALID_ARGUMENT", "OK"]
    assert len({one["request_id"] for one in lines}) == 5
    (window,) = read(tmp_path / "logs" / "monitoring.log")
    assert (window.fields["request_count"], window.fields["error_count"]) == (5, 1)
    assert window.fields["status_4xx_count"] == 1
    (error,) = read(tmp_path / "logs" / "errors.log")
    assert error.fields["exception_type"] == "ZeroDivisionError"
    assert error.fields["request_id"] == lines[2]["request_id"]


@pytest.mark.skipif(sys.platform == "win32", reason="its workers are forked")
@pytest.mark.whole("celery")
def test_celery_has_a_line_a_task_and_windows(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(block("# tasks.py"), encoding="utf-8")
    (tmp_path / "queue").mkdir()
    worker = start(
        tmp_path,
        *["-m", "celery", "-A", "tasks", "worker", "--concurrency", "2", "--without-gossip", "--without-mingle"],
    )
    try:
        send = "from tasks import divide\nfor number in range(20): divide.delay(number % 4)"
        assert start(tmp_path, "-c", send).communicate(timeout=60)[1] == b""
        log = tmp_path / "logs" / "api_requests.log"
        wait_until(lambda: log.exists() and log.read_text(encoding="utf-8").count("| task |") == 20)
    finally:
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    tasks = [event.fields for event in read(tmp_path / "logs" / "api_requests.log")]
    assert Counter(one["task_state"] for one in tasks) == {"SUCCESS": 15, "FAILURE": 5}
    assert len({one["task_id"] for one in tasks}) == 20
    windows = [event.fields for event in read(tmp_path / "logs" / "monitoring.log")]
    assert sum(one["request_count"] for one in windows) == 20
    assert sum(one["error_count"] for one in windows) == 5
    failed = [event for event in read(tmp_path / "logs" / "errors.log") if event.exception]
    assert [event.fields["exception_type"] for event in failed] == ["ZeroDivisionError"] * 5
    assert errors.decode().count("Task tasks.divide[") == 40  # received, and how it ended: each once


@pytest.mark.whole("opentelemetry.sdk")
@pytest.mark.usefixtures("own_logger")
def test_the_ids_of_the_active_span_are_in_every_file(tmp_path: Path) -> None:
    sdk: Any = pytest.importorskip("opentelemetry.sdk.trace")
    exec(block("from opentelemetry import trace"), {})  # noqa: S102 - the page's own
    with (
        sinks.configure(tmp_path, console=None),
        sdk.TracerProvider().get_tracer("tests").start_as_current_span("score") as span,
    ):
        logger.bind(channel="predictions").info("scored", batch={"row": np.arange(3)})
        logger.bind(channel="audit").info("model_deployed")
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logger.bind(channel="training").exception("failed")
    ids = {"trace_id": f"{span.get_span_context().trace_id:032x}", "span_id": f"{span.get_span_context().span_id:016x}"}
    events = list(read(tmp_path))
    assert len(events) == 5
    assert all(event.fields | ids == event.fields for event in events)
    (audit,) = (tmp_path / "app_json.log").read_text(encoding="utf-8").splitlines()
    assert json.loads(audit)["record"]["extra"]["trace_id"] == ids["trace_id"]


def test_where_nothing_may_be_written_the_error_says_how_to_go_on(tmp_path: Path) -> None:
    program = """
import sinks
from loguru import logger
try:
    sinks.configure("logs")
except OSError as error:
    print(error)
sinks.configure(None, console_format="json", console_stream="stdout")
logger.bind(channel="api").info("request", status=200)
"""
    mount = f'mount -t tmpfs -o ro none "{tmp_path}" && cd "{tmp_path}" && exec "$0" -c "$1"'
    command = ["unshare", "--mount", "sh", "-c", mount, sys.executable, program]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare")
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    why, line = done.stdout.splitlines()
    assert "Read-only file system; without files: configure(None, " in why
    assert (json.loads(line)["channel"], json.loads(line)["status"]) == ("api", 200)
