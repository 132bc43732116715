"""The answers that Prometheus gets."""

import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from sevenfold.overview.metrics.following import Follower
from sevenfold.shipping.sending.status import Behind, as_metrics
from tests.support.days import write_day

pytestmark = pytest.mark.whole("prometheus_client")


def answer(folder: Path) -> str:
    from sevenfold.overview.metrics.serving import serve  # noqa: PLC0415

    follower = Follower(folder)
    follower.run(follow=False)
    port = serve(follower, 0, "127.0.0.1")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        return str(response.read().decode())


def test_each_metric_has_its_type_and_its_numbers(tmp_path: Path) -> None:
    said = answer(write_day(tmp_path, n_requests=200)).splitlines()
    assert "# TYPE http_server_request_duration_seconds histogram" in said
    labels = 'http_request_method="POST",http_response_status_code="200",http_route="/predict"'
    (count,) = (one for one in said if one.startswith("http_server_request_duration_seconds_count") and '="200"' in one)
    with (tmp_path / "predictions.log").open(encoding="utf-8") as file:
        n_predictions = len(file.readlines())
    assert labels.replace(",", "") in "".join(sorted(count.partition("{")[2].partition("}")[0].split(",")))
    assert count.endswith(f" {n_predictions}.0")
    assert "sevenfold_drift_alarm 0.0" in said
    assert 'sevenfold_drift_batches_total{drifted="true"} 28.0' in said
    assert any(one.startswith('sevenfold_last_event_timestamp_seconds{channel="api"} 1.7956') for one in said)


def test_what_somebody_else_writes_is_answered_too(tmp_path: Path) -> None:
    from sevenfold.overview.metrics.serving import serve  # noqa: PLC0415

    text = as_metrics([Behind("web-1", "api.log", 512, 1.5, 600)])
    port = serve(Follower(tmp_path), 0, "127.0.0.1", lambda: text)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        said = response.read().decode()
    assert 'sevenfold_ship_behind_bytes{file="api.log",host="web-1"} 512.0\n' in said
    assert "# TYPE sevenfold_ship_behind_seconds gauge\n" in said


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: apt-get install prometheus")
def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    said = answer(write_day(tmp_path, n_requests=200))
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=said, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: apt-get install prometheus")
def test_promtool_takes_the_alert_rules() -> None:
    rules = Path(__file__).parents[3] / "docs" / "metrics-alerts.yml"
    command = ["promtool", "check", "rules", str(rules)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 rules found" in done.stdout
