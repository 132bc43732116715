"""An overview in a terminal of 80 columns and up: sparklines, drift in colour, errors, the verdict on the trail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sevenfold.lines.colours import RESET
from sevenfold.lines.grammar import escape
from sevenfold.overview.figures import DriftMap, DriftRow, ErrorGroup, Figure, Overview, Table
from sevenfold.overview.numbers import facts, moment, number

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", ".:-=+*#@"
_RED, _YELLOW, _GREEN, _BOLD = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[1m"
LEAST_WIDTH: Final = 80
_NAME, _RANGE = 24, 24  # columns of a series' name, and of its numbers
_MODERATE, _MAJOR = 0.1, 0.25  # PSI (Siddiqi 2006)
_MOST_FEATURES, _MOST_ERRORS, _MOST_ROWS = 10, 8, 5


@dataclass(frozen=True, slots=True)
class Screen:
    """The abilities of a terminal: its columns, whether it has colours, and eight characters from low to high."""

    width: int = LEAST_WIDTH
    colours: bool = False
    blocks: str = BLOCKS


def summary(overview: Overview, title: str, screen: Screen) -> str:
    """Return an overview as lines that fit the width of the screen.

    Parameters
    ----------
    overview : Overview
        The overview to show.
    title : str
        The title, such as the log folder.
    screen : Screen
        The terminal.
    """
    lines = [*_head(overview, title, screen), *_charts(overview, screen)]
    if overview.drift is not None:
        lines += ["", *_drift(overview.drift, screen)]
    if overview.errors:
        lines += ["", *_errors(overview.errors, screen)]
    return "\n".join(lines) + "\n"


def sparkline(values: Sequence[float | None], n_columns: int, blocks: str = BLOCKS, *, from_zero: bool = True) -> str:
    """Return numbers as a line of characters, each for the greatest of several numbers.

    Examples
    --------
    >>> sparkline([0, 1, None, 7], 4), sparkline([1, 2, 3, 4], 2), sparkline([8, 9], 2, from_zero=False)
    ('▁▂ █', '▅█', '▁█')
    """
    n_columns = min(n_columns, len(values))
    parts = [values[len(values) * i // n_columns : len(values) * (i + 1) // n_columns] for i in range(n_columns)]
    tops = [max((value for value in part if value is not None), default=None) for part in parts]
    known = [top for top in tops if top is not None] or [0.0]
    low, high = min([*known, 0.0] if from_zero else known), max(known)
    scale = (len(blocks) - 1) / ((high - low) or 1.0)
    return "".join(" " if top is None else blocks[round((top - low) * scale)] for top in tops)


def _head(overview: Overview, title: str, screen: Screen) -> Iterator[str]:
    yield _painted(_cut(_plain(title), screen.width), _BOLD, screen)
    if not overview.n_events:
        yield "no events"
    else:
        yield f"{moment(overview.first)} to {moment(overview.last)} UTC"
        yield from _wrapped([f"{n:,} {what}" for n, what, _ in facts(overview)], screen.width)
    for chain in overview.chains:
        colour = {True: _GREEN, False: _RED, None: ""}[chain.proved]
        yield _painted(_cut(_plain(f"{chain.channel}: {chain.said}"), screen.width), colour, screen)


def _charts(overview: Overview, screen: Screen) -> Iterator[str]:
    for chart in overview.charts:
        yield ""
        unit = f" ({chart.panel.unit})" if chart.panel.unit else ""
        yield _painted(_cut(escape(chart.panel.title + unit), screen.width), _BOLD, screen)
        yield from _rows(chart, screen) if isinstance(chart, Table) else _series(chart, screen)


def _series(figure: Figure, screen: Screen) -> Iterator[str]:
    room = screen.width - _NAME - _RANGE - 4
    for series in figure.series:
        line = sparkline(series.values, room, screen.blocks, from_zero=figure.panel.kind != "lines")
        known = [value for value in series.values if value is not None]
        if figure.shape == "stacked":
            summary = f"{number(sum(known))} in all"
        else:
            summary = f"{number(known[0])} to {number(known[-1])}" if known else ""
        yield f"  {_cut(escape(series.name), _NAME):{_NAME}} {line:{room}} {summary}".rstrip()


def _rows(table: Table, screen: Screen) -> Iterator[str]:
    for values, n in table.rows[:_MOST_ROWS]:
        yield f"  {n:>10,} {_cut(escape(' '.join(values)), screen.width - 13)}"
    if len(table.rows) > _MOST_ROWS:
        yield f"  {len(table.rows) - _MOST_ROWS:>10,} more"


def _drift(drift_map: DriftMap, screen: Screen) -> Iterator[str]:
    yield _painted(f"Drift: PSI of the newest {len(drift_map.batches)} batches", _BOLD, screen)
    for row in [row for row in drift_map.rows if row.role != "joint"][:_MOST_FEATURES]:
        yield _drift_row(row, screen)


def _drift_row(row: DriftRow, screen: Screen) -> str:
    psi = [None if cell is None or cell.psi is None else cell.psi for cell in row.cells]
    known = [one for one in psi if one is not None]
    n_drifted = sum(cell is not None and cell.drifted for cell in row.cells)
    worst = max(known, default=0.0)
    colour = _RED if worst >= _MAJOR and n_drifted else _YELLOW if worst >= _MODERATE or n_drifted else ""
    room = screen.width - _NAME - _RANGE - 4
    line = sparkline([*psi, max(worst, _MAJOR)], len(psi) + 1, screen.blocks)[:-1][-room:]  # all rows on one scale
    summary = f"{known[-1] if known else 0.0:.3f}, drifted {n_drifted} times"
    return f"  {_cut(escape(row.name), _NAME):{_NAME}} {_painted(f'{line:{room}}', colour, screen)} {summary}"


def _errors(groups: tuple[ErrorGroup, ...], screen: Screen) -> Iterator[str]:
    yield _painted("Errors", _BOLD, screen)
    for group in groups[:_MOST_ERRORS]:
        line = f"{group.count:,} x {group.type} {group.place}, last {moment(group.last)}"
        yield _painted(f"  {_cut(escape(line), screen.width - 2)}", _RED, screen)
    if len(groups) > _MOST_ERRORS:
        yield f"  {len(groups) - _MOST_ERRORS:,} more kinds"


def _wrapped(parts: list[str], width: int) -> Iterator[str]:
    line = ""
    for part in parts:
        if line and len(line) + len(part) + 2 > width:
            yield line + ","
            line = ""
        line = f"{line}, {part}" if line else part
    yield line


def _painted(text: str, colour: str, screen: Screen) -> str:
    return f"{colour}{text}{RESET}" if screen.colours and colour else text


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _plain(text: str) -> str:
    """Escape what a terminal would act on, except backslashes, so that a path of Windows can be pasted."""
    return "\\".join(map(escape, text.split("\\")))
