"""A request of any size and text is soon answered, and other requests meanwhile even sooner."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import quote

import pytest

from tests.support.servers import Server, ask, service
from tests.support.small_model import save_trained

pytestmark = pytest.mark.whole("uvicorn")

SIZE = 990_000  # bytes of a body; the service takes a million
PATH_SIZE = 60_000  # of a path, which is logged; uvicorn takes 65536
ANSWER_S, HEALTH_S = 2.0, 0.5
UNITS = ["pw=x,", "token: x ", "://a:", "password ", "a.", "-----BEGIN PRIVATE KEY-----", "sk-", "eyJabc.", "İtoken=x "]


def bodies() -> Iterator[tuple[str, bytes]]:
    for unit in UNITS:
        text = unit * (SIZE // len(unit.encode()))
        yield f"a value of {unit}", json.dumps({"feature_01": text}, ensure_ascii=False).encode()
        yield f"a key of {unit}", json.dumps({text: 1}, ensure_ascii=False).encode()
        yield f"no JSON but {unit}", text.encode()
    yield "many keys", json.dumps({f"password_{i}": "x" for i in range(SIZE // 24)}).encode()
    yield "deep", b"[" * SIZE
    yield "zeros", bytes(SIZE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("service")
    save_trained(folder)
    with service(folder) as running:
        yield running


def slowest_health(server: Server, until: threading.Event, found: list[float]) -> None:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        while not until.is_set():
            start = time.perf_counter()
            response, _ = ask(connection, "GET", "/health")
            found.append(time.perf_counter() - start)
            assert response.status == 200
            time.sleep(0.01)


def times(server: Server, path: str, body: bytes) -> tuple[float, float]:
    """Return how long the answer took, and the slowest /health beside it."""
    until, found = threading.Event(), [0.0]
    asking = threading.Thread(target=slowest_health, args=(server, until, found))
    asking.start()
    start = time.perf_counter()
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        response, _ = ask(connection, "POST", path, body)
    answered = time.perf_counter() - start
    until.set()
    asking.join()
    assert response.status in {400, 404, 422}
    return answered, max(found)


def assert_soon_answered(server: Server, path: str, body: bytes) -> None:
    found = []
    for _ in range(12):  # a busy machine makes any single measurement long
        found.append(times(server, path, body))
        if min(answered for answered, _ in found) < ANSWER_S and min(health for _, health in found) < HEALTH_S:
            return
    raise AssertionError(found)


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in bodies()])
def test_a_body_of_a_megabyte_is_soon_answered(server: Server, body: bytes) -> None:
    assert_soon_answered(server, "/predict", body)


@pytest.mark.parametrize("unit", [*UNITS, "aB1", "key=x,", "%", "'token','"])
def test_a_long_path_is_soon_answered(server: Server, unit: str) -> None:
    quoted = quote(unit)
    assert_soon_answered(server, "/" + quoted * (PATH_SIZE // len(quoted)), b"{}")
