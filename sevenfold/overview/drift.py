"""The newest batches that were checked for drift, feature by feature."""

from dataclasses import dataclass, field
from typing import Any, Final

from sevenfold.lines.parsing import Event
from sevenfold.overview.chunks import Batch
from sevenfold.overview.figures import DriftCell, DriftMap, DriftRow
from sevenfold.overview.grids import text_of

CHANNEL: Final = "drift"
_MESSAGES: Final = ("feature", "joint", "batch", "monitor")
TOGETHER: Final = "all together"
_BATCHES, _FEATURES = 60, 20  # shown
_MOST_COLUMNS = 500  # kept of a batch

Key = tuple[str, str]  # a role and a name


@dataclass(slots=True)
class _Batch:
    name: str
    cells: dict[Key, DriftCell] = field(default_factory=dict)
    drifted: bool = False
    alarm: bool = False


class Drift:
    """Gathers the lines of the checks of batches; a batch is identified by its id and its run's id."""

    def __init__(self) -> None:
        self._batches: dict[tuple[str, str], _Batch] = {}
        self._n_batches = self._n_drifted = 0

    def add(self, batch: Batch) -> None:
        """Add events of the channel `drift`."""
        for event in batch.events:
            if event.message not in _MESSAGES:
                continue
            target = self._batch(event)
            if event.message == "feature":
                _put(target, event.fields)
            elif event.message == "joint":
                target.cells["joint", TOGETHER] = _cell(event.fields, None)
            elif event.message == "monitor":
                target.alarm = event.fields.get("alarm") is True
            else:
                target.drifted = event.fields.get("drift_detected") is True
                self._n_batches += 1
                self._n_drifted += target.drifted

    def _batch(self, event: Event) -> _Batch:
        name = text_of(event.fields.get("batch_id"))
        key = (str(event.fields.get("run_id")), name)
        if key not in self._batches:
            self._batches[key] = _Batch(name)
            if len(self._batches) > _BATCHES:
                del self._batches[next(iter(self._batches))]
        return self._batches[key]

    def figure(self) -> DriftMap | None:
        """Return the heatmap's rows: outputs, the features together, and the worst features."""
        batches = list(self._batches.values())
        if not batches:
            return None
        for batch in batches:
            _trim(batch)
        keys = list(dict.fromkeys(key for batch in batches for key in batch.cells))
        features = [key for key in keys if key[0] not in {"output", "joint"}]
        worst = sorted(features, key=lambda key: _badness(key, batches), reverse=True)[:_FEATURES]
        shown = [key for role in ("output", "joint") for key in keys if key[0] == role] + worst
        return DriftMap(
            batches=tuple(batch.name for batch in batches),
            drifted=tuple(batch.drifted for batch in batches),
            alarms=tuple(batch.alarm for batch in batches),
            rows=tuple(
                DriftRow(name, role, tuple(batch.cells.get((role, name)) for batch in batches)) for role, name in shown
            ),
            n_batches=self._n_batches,
            n_drifted=self._n_drifted,
            n_features=len(features),
        )


def _put(batch: _Batch, fields: dict[str, Any]) -> None:
    key = (str(fields.get("role", "feature")), text_of(fields.get("feature")))
    psi = fields.get("psi")
    batch.cells[key] = _cell(fields, psi if isinstance(psi, (int, float)) else None)
    if len(batch.cells) > 2 * _MOST_COLUMNS:
        _trim(batch)


def _trim(batch: _Batch) -> None:
    """Drop the columns that have drifted least, outputs last; many at a time, since finding them takes a sort."""
    kept = batch.cells
    ranked = sorted(kept, key=lambda key: (key[0] != "feature", kept[key].psi or 0.0))
    for key in ranked[: max(0, len(kept) - _MOST_COLUMNS)]:
        del kept[key]


def _cell(fields: dict[str, Any], psi: float | None) -> DriftCell:
    value = fields.get("p_value_adjusted")
    p_value = value if isinstance(value, (int, float)) else None
    drifted = fields.get("drift_detected") is True
    return DriftCell(psi, p_value, drifted, text_of(fields.get("method")), text_of(fields.get("severity")))


def _badness(key: Key, batches: list[_Batch]) -> tuple[int, float]:
    cells = [batch.cells[key] for batch in batches if key in batch.cells]
    return sum(cell.drifted for cell in cells), max(cell.psi or 0.0 for cell in cells)
