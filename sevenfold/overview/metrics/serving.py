"""Serve what was counted to Prometheus; prometheus-client, the extra ``metrics``, writes its format."""

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sevenfold.overview.metrics import totals

if TYPE_CHECKING:
    from sevenfold.overview.metrics.following import Follower


class Counted(Collector):
    """What a follower has counted, as prometheus-client takes it."""

    def __init__(self, follower: "Follower") -> None:
        self._follower = follower

    def collect(self) -> Iterator[Metric]:
        """Give all metrics as they are at this moment."""
        shown = self._follower.shown()
        for name, metric in totals.METRICS.items():
            yield _family(name, metric, list(shown.values[name].items()))


def registry_of(follower: "Follower") -> CollectorRegistry:
    """Return a registry with what a follower has counted, and nothing else."""
    registry = CollectorRegistry()
    registry.register(Counted(follower))
    return registry


def serve(follower: "Follower", port: int, host: str) -> int:
    """Answer Prometheus in a thread, and return the port."""
    server, _ = start_http_server(port, host, registry_of(follower))
    return int(server.server_port)


def _family(name: str, metric: totals.Metric, values: list[tuple[totals.Labels, list[float]]]) -> Metric:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(name, metric.help, labels=metric.labels)
        bounds = [*map(str, metric.bounds), "+Inf"]
        for labels, (*counts, total) in values:
            histogram.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
        return histogram
    family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    simple = family(name, metric.help, labels=metric.labels)
    for labels, (value,) in values:
        simple.add_metric(labels, value)
    return simple
