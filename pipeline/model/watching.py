"""The drift detector of a model: features against the training rows, scores against the validation rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sevenfold.drift import DriftDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.data.table import Table
    from pipeline.model.logistic import LogisticModel


def make_detector(model: LogisticModel, training: Table, validation: Table) -> DriftDetector:
    """Return a detector of drift, with scores of the validation rows, on which the model wasn't trained."""
    features = {name: training.columns[name] for name in model.schema}
    return DriftDetector(features, outputs=_scores(model, validation))


def with_scores(model: LogisticModel, table: Table) -> dict[str, NDArray[Any]]:
    """Return a table's columns and the model's scores of its rows, as a detector takes them."""
    return table.columns | _scores(model, table)


def _scores(model: LogisticModel, table: Table) -> dict[str, NDArray[Any]]:
    """Return the scores by a name that none of the model's features has."""
    name = "probability" if "probability" not in model.schema else "probability (of the model)"
    return {name: model.predict_probability(table)}
