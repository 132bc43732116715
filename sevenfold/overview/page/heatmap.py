"""Drift as a heatmap: a row per feature, a column per batch, darker with larger PSI, a dot where it has drifted."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Final, TypeAlias

from sevenfold.overview.figures import DriftCell, DriftMap, DriftRow
from sevenfold.overview.page.charts import svg
from sevenfold.overview.page.markup import SHORT, scroll, table, text, visible

N_SHADES: Final = 6
SHADE_PSI: Final = (0.0, 0.02, 0.05, 0.1, 0.25, 0.5)  # where each shade begins: .1 is moderate, .25 major
_W, _LEFT, _RIGHT, _ROW, _TOP, _BELOW = 1230, 180, 30, 20, 6, 24
_WIDEST = 72
_LETTER = 7.2
_LONGEST_LABEL, _FITTED_FROM, _LONGEST_NAME = 24, 22, 12
_TITLE: Final = "Drift by feature and batch"

_Place: TypeAlias = tuple[int, int]  # a column and a row, counted from 0


def heatmap(drift_map: DriftMap) -> str:
    """Return drift as SVG, with its legend above."""
    n_batches = len(drift_map.batches)
    width = min(_WIDEST, (_W - _LEFT - _RIGHT) / n_batches)
    size = _LEFT + width * n_batches + _RIGHT, _TOP + (len(drift_map.rows) + 2) * _ROW + _BELOW
    parts = [_label("monitor's alarm", 0), _label("batch", 1)]
    parts += [_label(_name(row), i, f", {_method(row)}") for i, row in enumerate(drift_map.rows, 2)]
    parts += [*_shades(drift_map, width), *_signs(drift_map, width)]
    parts += [*_tooltips(drift_map, width), *_names(drift_map.batches, width, size)]
    legend = "".join(f'<span class="k q{shade}">{_range(shade)}</span>' for shade in range(N_SHADES))
    picture = svg(parts, size, _TITLE, _description(drift_map), key="drift", fixed=True)
    return f"<div class=legend>PSI: {legend}&#9679; drifted, after correction</div>{scroll(picture, _TITLE)}"


def drift_table(drift_map: DriftMap) -> str:
    """Return the numbers of a heatmap: the PSI, with a dot where it has drifted."""
    head = ["feature", *drift_map.batches]
    rows = [[text(row.name, SHORT), *map(_number, row.cells)] for row in drift_map.rows]
    return table(head, rows, "PSI by batch; a dot where it has drifted", numbers=True)


def _number(cell: DriftCell | None) -> str:
    if cell is None:
        return ""
    return f"{'' if cell.psi is None else f'{cell.psi:.3f}'}{' ●' if cell.drifted else ''}"


def _description(drift_map: DriftMap) -> str:
    drifted = [row.name for row in drift_map.rows if any(cell and cell.drifted for cell in row.cells)]
    names = ", ".join(drifted) or "nothing"
    batches = f"{sum(drift_map.drifted)} of {len(drift_map.batches)} batches have drifted"
    return f"{batches}, {sum(drift_map.alarms)} alarms; what has drifted at least once: {names}."


def _name(row: DriftRow) -> str:
    return f"{row.name} (output)" if row.role == "output" else row.name


def _method(row: DriftRow) -> str:
    """Return the method by which most cells of a row were tested."""
    return Counter(cell.method for cell in row.cells if cell is not None).most_common(1)[0][0]


def _shades(drift_map: DriftMap, width: float) -> Iterator[str]:
    """Draw all cells, as one path per shade."""
    cells: list[list[_Place]] = [[(n, i) for i in range(2) for n in range(len(drift_map.batches))]]
    cells += [[] for _ in range(N_SHADES - 1)]
    for i, row in enumerate(drift_map.rows, 2):
        for n, cell in enumerate(row.cells):
            cells[0 if cell is None else _shade(cell)].append((n, i))
    for shade, places in enumerate(cells):
        if places:
            yield f'<path class="cell q{shade}" d="{"".join(_boxes(places, width))}"/>'


def _signs(drift_map: DriftMap, width: float) -> Iterator[str]:
    """Mark alarms with a triangle, and drifted cells with a dot."""
    marked = [(n, 1) for n, drifted in enumerate(drift_map.drifted) if drifted]
    marked += [
        (n, i) for i, row in enumerate(drift_map.rows, 2) for n, cell in enumerate(row.cells) if cell and cell.drifted
    ]
    dots = "".join(f"M{_middle(n, width):.0f} {_center(i)}z" for n, i in marked)  # whose ends are round
    alarms = "".join(
        f"M{_middle(n, width) - 4:.0f} {_TOP + 14}h8l-4-9z" for n, alarm in enumerate(drift_map.alarms) if alarm
    )
    yield f'<path class="dot" d="{dots}"/><path class="m" d="{alarms}"/>'


def _tooltips(drift_map: DriftMap, width: float) -> Iterator[str]:
    """Draw a strip over each batch with shaded or drifted cells, with a line for each as a tooltip."""
    methods = [_method(row) for row in drift_map.rows]
    yield '<g class="p">'
    for n, batch in enumerate(drift_map.batches):
        cells = [(row.name, row.cells[n], method) for row, method in zip(drift_map.rows, methods, strict=True)]
        texts = [
            _cell_text(name, cell, method) for name, cell, method in cells if cell and (_shade(cell) or cell.drifted)
        ]
        if texts:
            lines = "\n".join([f"{visible(batch, _LONGEST_LABEL)}, PSI:", *texts])
            yield f'<path d="{_column(n, len(drift_map.rows), width)}"><title>{text(lines, len(lines))}</title></path>'
    yield "</g>"


def _boxes(places: list[_Place], width: float) -> Iterator[str]:
    """Return lines through the middle of cells, with strokes as wide as a cell is high: the shortest SVG for them."""
    for (n, i), before in zip(places, [None, *places], strict=False):
        start, end = _edges(n, width)
        yield f"{'m1,0' if before == (n - 1, i) else f'M{start},{_center(i)}'}h{end - start - 1}"


def _edges(n: int, width: float) -> tuple[int, int]:
    return round(_LEFT + n * width), round(_LEFT + (n + 1) * width)


def _column(n: int, n_rows: int, width: float) -> str:
    start, end = _edges(n, width)
    return f"M{start} {_TOP}h{end - start}v{(n_rows + 2) * _ROW}H{start}z"


def _center(i: int) -> int:
    return _TOP + i * _ROW + _ROW // 2


def _middle(n: int, width: float) -> float:
    return _LEFT + (n + 0.5) * width


def _cell_text(name: str, cell: DriftCell, method: str) -> str:
    """Return the text of a cell, with its method if it isn't the row's usual one, which stands in the row's label."""
    psi = "" if cell.psi is None else f" {cell.psi:.3f},"
    p_value = "" if cell.p_value_adjusted is None else f" p {cell.p_value_adjusted:.2g},"
    other = f" {visible(cell.method, SHORT)}" if cell.method != method else ""
    return f"{visible(name, _LONGEST_LABEL)}{psi}{p_value}{other}".rstrip(",")


def _shade(cell: DriftCell) -> int:
    if cell.psi is None:
        return N_SHADES - 2 if cell.drifted else 0
    return max(shade for shade, least in enumerate(SHADE_PSI) if cell.psi >= least or shade == 0)


def _range(shade: int) -> str:
    least = f"{SHADE_PSI[shade]:g}"
    return f"{least}+" if shade == N_SHADES - 1 else least


def _label(name: str, i: int, more: str = "") -> str:
    shown = visible(name, _LONGEST_LABEL)
    # The width of letters is unknown: a label that may be too wide is fitted.
    fitted = f' textLength="{_LEFT - 14}" lengthAdjust="spacingAndGlyphs"' if len(shown) > _FITTED_FROM else ""
    place = f'x="{_LEFT - 6}" y="{_TOP + i * _ROW + 14}"'
    return f'<text class="y" {place}{fitted}>{text(shown)}<title>{text(name)}{text(more, SHORT)}</title></text>'


def _names(batches: tuple[str, ...], width: float, size: tuple[float, float]) -> Iterator[str]:
    """Name as many batches as there is room for."""
    shown = [visible(name, _LONGEST_NAME) for name in batches]
    half = max(map(len, shown)) * _LETTER / 2
    every = max(1, math.ceil(2 * (half + _LETTER) / width))
    for n in range(0, len(batches), every):
        if _middle(n, width) + half <= size[0]:
            yield f'<text class="x" x="{_middle(n, width):.1f}" y="{size[1] - 8}">{text(shown[n])}</text>'
