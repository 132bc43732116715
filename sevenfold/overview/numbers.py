"""Numbers and times for people, and the key figures at the head of an overview."""

import math
from collections.abc import Iterator
from datetime import datetime

from sevenfold.overview.figures import Figure, Overview

_THOUSANDS, _MILLI, _HUGE = 1e5, 1e-4, 1e15


def number(value: float | None) -> str:
    """Return a number with four significant digits.

    Examples
    --------
    >>> number(0.123456), number(1234567), number(1.5e-9), number(None)
    ('0.1235', '1,234,567', '1.5e-09', '')
    """
    if value is None:
        return ""
    if not math.isfinite(value) or abs(value) >= _HUGE or 0 < abs(value) < _MILLI:
        return f"{value:.3g}"
    whole = value == int(value) or abs(value) >= _THOUSANDS
    return f"{value:,.0f}" if whole else f"{value:,.4g}"


def moment(time: datetime | None) -> str:
    """Return a time to the second."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def facts(overview: Overview) -> Iterator[tuple[int, str, bool]]:
    """Yield the key figures: a count, its name, and whether a count above 0 is bad."""
    yield _fact(overview.n_events, "events")
    for figure in overview.charts:
        if isinstance(figure, Figure) and figure.panel.kind == "counts":
            n = sum(int(value) for series in figure.series for value in series.values if value)
            yield _fact(n, f"{figure.panel.message or figure.panel.channel}s")
    if overview.drift is not None:
        yield overview.drift.n_drifted, f"of {overview.drift.n_batches:,} batches drifted", False
    yield _fact(overview.n_alarms, "alarms", bad=True)
    yield _fact(overview.n_errors, "errors", bad=True)
    yield _fact(sum(n for _, n in overview.unreadable), "unreadable lines", bad=True)


def _fact(n: int, what: str, *, bad: bool = False) -> tuple[int, str, bool]:
    return n, what.removesuffix("s") if n == 1 else what, bad
