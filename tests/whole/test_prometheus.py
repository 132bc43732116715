"""A real Prometheus scrapes `sevenfold metrics`, and answers each query of the dashboard."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.days import write_day

ROOT = Path(__file__).parents[2]
PROMETHEUS = shutil.which("prometheus") or ""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROMETHEUS, reason="needs prometheus: apt-get install prometheus"),
]
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: sevenfold, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def ask(port: int, query: str) -> list[Any]:
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as response:
        return list(json.load(response)["data"]["result"])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start both, and give Prometheus' port once it has scraped for a while."""
    pytest.importorskip("prometheus_client")
    folder = tmp_path_factory.mktemp("prometheus")
    write_day(folder / "logs", n_requests=1000)
    command = [sys.executable, "-m", "sevenfold", "metrics", "--log-dir", str(folder / "logs"), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8") as serving:
        try:
            assert serving.stdout is not None
            exporter = serving.stdout.readline().rpartition(":")[2].partition("/")[0]
            config, port = folder / "prometheus.yml", free_port()
            config.write_text(CONFIG.format(port=exporter), encoding="utf-8")
            options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
            with subprocess.Popen(
                [PROMETHEUS, *options, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL
            ) as scraping:
                try:
                    wait_for(port)
                    yield port
                finally:
                    scraping.terminate()
        finally:
            serving.terminate()


def wait_for(port: int) -> None:
    for _ in range(120):
        time.sleep(0.5)
        try:
            if ask(port, "count_over_time(sevenfold_drift_alarm[1m]) >= 4"):
                return
        except OSError:
            continue
    raise TimeoutError("Prometheus has scraped nothing within a minute")


def test_it_has_what_the_files_have(prometheus: int) -> None:
    (found,) = ask(prometheus, "sum(http_server_request_duration_seconds_count)")
    assert found["value"][1] == "1000"


def test_each_query_of_the_dashboard_has_an_answer(prometheus: int) -> None:
    panels = json.loads((ROOT / "docs" / "metrics-dashboard.json").read_text(encoding="utf-8"))["panels"]
    assert len(panels) == 10
    assert [panel["title"] for panel in panels if not ask(prometheus, panel["targets"][0]["expr"])] == []
