"""Metrics as plain numbers: the updates by an event, and their form in a checkpoint."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from sevenfold.overview.grids import OTHERS, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sevenfold.lines.parsing import Event

Labels: TypeAlias = tuple[str, ...]
Update: TypeAlias = tuple[str, Labels, float]
Kind: TypeAlias = Literal["counter", "gauge", "histogram"]

_HUGE = 1e300
_MOST_LABELS = 500  # sets of label values per metric
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TENTHS = tuple(n / 10 for n in range(1, 11))
_MILD: Final = frozenset({"TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: its kind, its help text, the names of its labels, and with a histogram the bounds of its buckets."""

    kind: Kind
    help: str
    labels: Labels = ()
    bounds: tuple[float, ...] = ()


DURATION, SCORE = "http_server_request_duration_seconds", "sevenfold_prediction_score"
PREDICTIONS, BATCHES, ERRORS = "sevenfold_predictions", "sevenfold_drift_batches", "sevenfold_errors"
PSI, ALARM, LAST = "sevenfold_feature_psi", "sevenfold_drift_alarm", "sevenfold_last_event_timestamp_seconds"
UNREADABLE = "sevenfold_lines_unreadable"
# After OpenTelemetry's names, where it has them: a counter's name gets _total behind.
METRICS: Final = {
    DURATION: Metric(
        "histogram",
        "How long requests took.",
        ("http_request_method", "http_route", "http_response_status_code"),
        _SECONDS,
    ),
    PREDICTIONS: Metric("counter", "Predictions.", ("decision", "model_version")),
    SCORE: Metric("histogram", "Probability of the positive class, or confidence.", (), _TENTHS),
    PSI: Metric("gauge", "Population stability index of the last batch.", ("feature",)),
    BATCHES: Metric("counter", "Batches that were checked for drift.", ("drifted",)),
    ALARM: Metric("gauge", "Whether the last verdict of the drift monitor is an alarm."),
    ERRORS: Metric("counter", "Errors, and exceptions that were logged.", ("exception_type",)),
    LAST: Metric("gauge", "Time of the last event.", ("channel",)),
    UNREADABLE: Metric("counter", "Lines that are no events."),
}


class Totals:
    """The metrics so far.

    Attributes
    ----------
    values : dict
        By metric and labels: a number, or with a histogram a count for each bucket, one beyond them, and the sum.
    """

    def __init__(self) -> None:
        self.values: dict[str, dict[Labels, list[float]]] = {name: {} for name in METRICS}

    def add(self, name: str, labels: Labels, value: float) -> None:
        """Count, set, or observe a number."""
        metric, values = METRICS[name], self.values[name]
        if labels not in values and len(values) >= _MOST_LABELS:
            labels = (OTHERS,) * len(labels)
        if metric.kind == "histogram":
            numbers = values.setdefault(labels, [0.0] * (len(metric.bounds) + 2))
            numbers[bisect_left(metric.bounds, value)] += 1.0
            numbers[-1] += value
        elif metric.kind == "counter":
            values.setdefault(labels, [0.0])[0] += value
        else:
            values[labels] = [value]

    def at_least(self, floor: Totals) -> Totals:
        """Return a copy whose counts are nowhere below those of `floor`."""
        merged = Totals()
        for name, metric in METRICS.items():
            known, lower = self.values[name], floor.values[name]
            if metric.kind == "gauge":
                merged.values[name] = {**lower, **known}
                continue
            for labels in {**lower, **known}:
                pair = known.get(labels), lower.get(labels)
                merged.values[name][labels] = [max(numbers) for numbers in zip(*filter(None, pair), strict=True)]
        return merged

    def as_json(self) -> dict[str, list[Any]]:
        """Return the values for a checkpoint."""
        return {
            name: [[list(labels), numbers] for labels, numbers in known.items()] for name, known in self.values.items()
        }

    @classmethod
    def of(cls, checkpoint: dict[str, list[Any]]) -> Totals:
        """Return the totals of a checkpoint; metrics that it lacks are empty.

        Raises
        ------
        ValueError, TypeError
            If the checkpoint has another shape.
        """
        totals = cls()
        for name, metric in METRICS.items():
            n_numbers = len(metric.bounds) + 2 if metric.kind == "histogram" else 1
            for labels, numbers in checkpoint.get(name, []):
                if len(labels) != len(metric.labels) or len(numbers) != n_numbers:
                    raise ValueError(f"{name} has other labels or buckets")
                totals.values[name][tuple(map(str, labels))] = list(map(float, numbers))
        return totals


def updates(event: Event) -> Iterator[Update]:
    """Yield the updates of metrics by an event."""
    fields = event.fields
    yield LAST, (event.channel or "-",), event.time.timestamp()
    if event.level not in _MILD or "exception_type" in fields:
        yield ERRORS, (text_of(fields.get("exception_type", event.level)),), 1.0
    if event.channel == "predictions" and event.message == "prediction":
        yield PREDICTIONS, _labels(PREDICTIONS, fields), 1.0
        score = _number(fields.get("probability", fields.get("confidence")))
        if score is not None:
            yield SCORE, (), score
    elif event.channel == "api" and event.message == "request":
        milliseconds = _number(fields.get("duration_ms"))
        if milliseconds is not None:
            yield DURATION, _labels(DURATION, fields), milliseconds / 1000
    elif event.channel == "drift":
        yield from _drift(event)


def _drift(event: Event) -> Iterator[Update]:
    fields = event.fields
    if event.message == "feature":
        psi = _number(fields.get("psi"))
        if psi is not None:
            yield PSI, (text_of(fields.get("feature")),), psi
    elif event.message == "batch":
        yield BATCHES, (str(fields.get("drift_detected") is True).lower(),), 1.0
    elif event.message == "monitor":
        yield ALARM, (), float(fields.get("alarm") is True)


def _labels(name: str, fields: dict[str, Any]) -> Labels:
    return tuple(text_of(fields.get(label)) for label in METRICS[name].labels)


def _number(value: Any) -> float | None:
    return float(value) if type(value) in {int, float} and abs(value) < _HUGE else None
