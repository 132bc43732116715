"""The marks of an axis: round numbers, round times in UTC, or names."""

import math
from typing import Final

from sevenfold.overview.figures import Figure
from sevenfold.overview.numbers import number
from sevenfold.overview.page.markup import clock

_ROUND: Final = (1, 2, 5, 10)
_ROUND_SECONDS: Final = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800)
N_MARKS: Final = 4

Mark = tuple[float, str]


def round_steps(low: float, high: float, n_most: int = N_MARKS) -> list[float]:
    """Return at most `n_most` + 1 round numbers, from at or below `low` to at or above `high`.

    Examples
    --------
    >>> round_steps(0.39, 0.46), round_steps(0, 30)
    ([0.38, 0.4, 0.42, 0.44, 0.46], [0.0, 10.0, 20.0, 30.0])
    """
    if not high > low:
        high = low + (abs(low) * 0.1 or 1.0)
    step = 10.0 ** math.floor(math.log10((high - low) / n_most))
    step *= next((m for m in _ROUND if _n_steps(low, high, step * m) <= n_most), 10)
    first = math.floor(low / step + 1e-9)
    return [float(f"{(first + i) * step:.12g}") for i in range(_n_steps(low, high, step) + 1)]


def _n_steps(low: float, high: float, step: float) -> int:
    return math.ceil(high / step - 1e-9) - math.floor(low / step + 1e-9)


def marks_below(figure: Figure) -> list[Mark]:
    """Return the marks of the x axis."""
    first, last = figure.places[0], figure.places[-1] + figure.width
    if figure.axis == "label":
        return _labels(figure.labels)
    if figure.axis == "time":
        return _times(first, last)
    inside = [one for one in round_steps(first, last, N_MARKS) if first <= one <= last]
    if figure.width in {0.0, 1.0} and all(place == int(place) for place in figure.places):
        inside = [one for one in inside if one == int(one)]
    return [(one, number(one)) for one in inside]


def _times(first: float, last: float) -> list[Mark]:
    step: float | None = next((one for one in _ROUND_SECONDS if (last - first) / one <= N_MARKS + 1), None)
    if step is None:
        step = math.ceil((last - first) / N_MARKS / 86_400) * 86_400
    start = math.ceil(first / step) * step
    times = [start + i * step for i in range(int((last - start) // step) + 1)] or [first]
    return [(one, clock(one, last - first)) for one in times]


def _labels(labels: tuple[str, ...]) -> list[Mark]:
    every = -(-len(labels) // (N_MARKS + 1))
    return [(float(i), label) for i, label in enumerate(labels) if i % every == 0]
