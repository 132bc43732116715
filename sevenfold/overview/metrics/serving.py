"""Serve the metrics to Prometheus; prometheus-client, the extra ``metrics``, writes its format."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from sevenfold.overview.metrics import totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sevenfold.overview.metrics.following import Follower


class Counted(Collector):
    """The counts of a follower, as metrics of prometheus-client."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def collect(self) -> Iterator[Metric]:
        """Give all metrics as they are at this moment."""
        shown = self._follower.shown()
        for name, metric in totals.METRICS.items():
            yield _family(name, metric, list(shown.values[name].items()))


class Written(Collector):
    """Further metrics from a function that returns Prometheus' text format."""

    def __init__(self, write: Callable[[], str]) -> None:
        self._write = write

    def collect(self) -> Iterator[Metric]:
        """Give all metrics as they are at this moment."""
        yield from text_string_to_metric_families(self._write())


def serve(follower: Follower, port: int, host: str, write: Callable[[], str] = str) -> int:
    """Answer Prometheus in a thread.

    Parameters
    ----------
    follower : Follower
        The source of the counts.
    port : int
        The port; 0 for any free one.
    host : str
        The address.
    write : callable
        Returns more metrics, in Prometheus' text format.

    Returns
    -------
    int
        The port.

    Raises
    ------
    OSError
        If the address can't be listened on; the message names it.
    """
    registry = CollectorRegistry()
    registry.register(Counted(follower))
    registry.register(Written(write))
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        raise OSError(error.errno, f"can't answer on {host}:{port}: {error.strerror}") from error
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
