"""Figures as SVG: lines and stacked bars, each with a title and a description for screen readers."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from sevenfold.overview.figures import Figure
from sevenfold.overview.numbers import moment, number
from sevenfold.overview.page.axes import Mark, marks_below, round_steps
from sevenfold.overview.page.markup import SHORT, clock, span, text, utc, visible

W, H = 440, 220
_TOP, _BOTTOM, _RIGHT = 12, 26, 14
_LONGEST_MARK = 16
_LETTER = 7.2  # the largest width of a letter
_DOTS = 30  # up to so many places a line has dots
_STRIPS = 130  # up to so many places each has a tooltip
N_COLOURS: Final = 8

Place = Callable[[float], float]


def chart(figure: Figure, key: str) -> str:
    """Return a figure as SVG, with its legend above.

    Parameters
    ----------
    figure : Figure
        The figure to draw.
    key : str
        A prefix that makes ids on the page unique.
    """
    top = _greatest(figure)
    steps = round_steps(min(0.0, _least(figure)) if figure.shape == "stacked" else _least(figure), top)
    left = 10 + 0.95 * _LETTER * max(len(number(step)) for step in steps)
    x, y = _scale(*_span(figure), left, W - _RIGHT), _scale(steps[0], steps[-1], H - _BOTTOM, _TOP)
    parts = [_grid(steps, left, y), *_below(marks_below(figure), x, left)]
    parts += _bars(figure, x, y) if figure.shape == "stacked" else _lines(figure, x, y)
    parts += _tooltips(figure, x)
    legend = "".join(
        f'<span class="k s{colour(i, series.name)}">{text(series.name, SHORT)}</span>'
        for i, series in enumerate(figure.series)
    )
    return f"<div class=legend>{legend}</div>{svg(parts, (W, H), figure.panel.title, describe(figure), key=key)}"


def svg(
    parts: list[str], size: tuple[float, float], title: str, description: str, *, key: str, fixed: bool = False
) -> str:
    """Return SVG with a name and a description, as wide as its place, or if `fixed` of the given size."""
    named = f'<title id="{key}t">{text(title)}</title><desc id="{key}d">{text(description, 600)}</desc>'
    width, height = size
    box = f'viewBox="0 0 {width:.0f} {height:.0f}"' + (f' width="{width:.0f}" height="{height:.0f}"' if fixed else "")
    return f'<svg {box} role="img" aria-labelledby="{key}t" aria-describedby="{key}d">{named}{"".join(parts)}</svg>'


def describe(figure: Figure) -> str:
    """Return a sentence that describes a figure."""
    ends = ", ".join(
        f"{series.name} from {number(known[0])} to {number(known[-1])}"
        for series in figure.series
        if (known := [value for value in series.values if value is not None])
    )
    if figure.shape == "stacked":
        ends = ", ".join(f"{series.name} {number(sum(filter(None, series.values)))}" for series in figure.series)
    return f"{figure.panel.title}, {below(figure)}: {ends}."


def below(figure: Figure) -> str:
    """Return the name of the x axis."""
    if figure.axis == "time":
        day = f"{moment(utc(figure.places[0]))[:10]}, UTC"
        return f"{day}, each {span(figure.width)}" if figure.width else day
    if figure.axis == "order":
        what = figure.panel.message or "event"
        return (
            f"in the order of events, {figure.width:,.0f} {what}s each"
            if figure.width > 1
            else "in the order of events"
        )
    if figure.width:
        return f"{' or '.join(figure.panel.fields)}, steps of {number(figure.width)}"
    return f"by {figure.panel.x}"


def place_name(figure: Figure, i: int) -> str:
    """Return the name of a place in a table."""
    if figure.axis == "label":
        return figure.labels[i]
    if figure.axis == "time":
        return moment(utc(figure.places[i]))
    at = number(figure.places[i])
    return f"{at} to {number(figure.places[i] + figure.width)}" if figure.axis == "number" and figure.width else at


def _short_name(figure: Figure, i: int) -> str:
    if figure.axis != "time":
        return place_name(figure, i)
    return clock(figure.places[i], figure.places[-1] - figure.places[0])


def colour(i: int, name: str) -> str:
    """Return the colour of a series: of its status, if its name is a status of HTTP, else of its number."""
    if len(name) == 3 and name.isdigit() and name[0] in "2345":  # noqa: PLR2004
        return f"h{name[0]}"
    return "o" if name == "(others)" else str(i % N_COLOURS)


def _greatest(figure: Figure) -> float:
    if figure.shape == "stacked":
        columns = zip(*(series.values for series in figure.series), strict=True)
        return float(max(sum(filter(None, values)) for values in columns))
    return max(value for series in figure.series for value in series.values if value is not None)


def _least(figure: Figure) -> float:
    if figure.shape == "stacked" or figure.panel.kind in {"percentiles", "shares"}:
        return 0.0
    return min(value for series in figure.series for value in series.values if value is not None)


def _span(figure: Figure) -> tuple[float, float]:
    """Return the ends of the x axis; bars, and lines over buckets, reach to the end of the last bucket."""
    first, last = figure.places[0], figure.places[-1] + figure.width
    return (first, last) if last > first else (first - 0.5, first + 0.5)


def _scale(low: float, high: float, start: float, end: float) -> Place:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _grid(steps: list[float], left: float, y: Place) -> str:
    lines = "".join(f"M{left:.0f} {y(step):.1f}H{W - _RIGHT}" for step in steps)
    texts = "".join(f'<text class="y" x="{left - 6:.0f}" y="{y(step) + 4:.1f}">{number(step)}</text>' for step in steps)
    return f'<path class="g" d="{lines}"/>{texts}'


def _below(marks: list[Mark], x: Place, left: float) -> Iterator[str]:
    """Draw the marks below, each whole within the picture, and none over another."""
    end = -_LETTER
    for at, name in marks:
        shown = visible(name, _LONGEST_MARK)
        half = len(shown) * _LETTER / 2
        middle = min(max(x(at), half, left / 2), W - half)
        if middle - half >= end + _LETTER:
            yield f'<text class="x" x="{middle:.1f}" y="{H - 8}">{text(shown)}</text>'
            end = middle + half


def _lines(figure: Figure, x: Place, y: Place) -> Iterator[str]:
    middle = figure.width / 2
    for i, series in enumerate(figure.series):
        known = zip(figure.places, series.values, strict=True)
        points = [None if value is None else (x(place + middle), y(value)) for place, value in known]
        kind = f"s{colour(i, series.name)}"
        yield f'<path class="l {kind}" d="{_path(points)}"/>'
        if len(points) <= _DOTS:
            dots = "".join(
                f"M{point[0] - 2.5:.1f} {point[1]:.1f}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0" for point in points if point
            )
            yield f'<path class="b {kind}" d="{dots}"/>'


def _path(points: list[tuple[float, float] | None]) -> str:
    """Return a line through points, with a gap where one is missing."""
    parts, pen = [], "M"
    for point in points:
        parts.append("" if point is None else f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "M" if point is None else "L"
    return "".join(parts)


def _bars(figure: Figure, x: Place, y: Place) -> Iterator[str]:
    bases = [0.0] * len(figure.places)
    gap = min(1.0, (x(figure.places[0] + figure.width) - x(figure.places[0])) / 5)
    for i, series in enumerate(figure.series):
        parts = []
        for n, value in enumerate(series.values):
            if value:
                start, end = x(figure.places[n]) + gap / 2, x(figure.places[n] + figure.width) - gap / 2
                low, high = y(bases[n]), y(bases[n] + value)
                parts.append(f"M{start:.1f} {low:.1f}V{min(high, low - 0.4):.1f}H{end:.1f}V{low:.1f}z")
                bases[n] += value
        yield f'<path class="b s{colour(i, series.name)}" d="{"".join(parts)}"/>'


def _tooltips(figure: Figure, x: Place) -> Iterator[str]:
    """Draw a strip over each place, with its numbers as a tooltip."""
    if len(figure.places) > _STRIPS:
        return
    yield '<g class="p">'
    ends = _edges(figure, x)
    for n, (start, end) in enumerate(pairwise(ends)):
        numbers = ", ".join(
            f"{text(series.name, SHORT)} {number(series.values[n])}" for series in figure.series if series.values[n]
        )
        if numbers:
            strip = f"M{start:.1f} {_TOP}h{end - start:.1f}v{H - _BOTTOM - _TOP}H{start:.1f}z"
            yield f'<path d="{strip}"><title>{text(_short_name(figure, n), SHORT)}: {numbers}</title></path>'
    yield "</g>"


def _edges(figure: Figure, x: Place) -> list[float]:
    """Return where the strip of each place begins, and where the last one ends."""
    if figure.width:
        return [*map(x, figure.places), x(figure.places[-1] + figure.width)]
    at = list(map(x, figure.places))
    return [at[0] - 4, *((left + right) / 2 for left, right in pairwise(at)), at[-1] + 4]
