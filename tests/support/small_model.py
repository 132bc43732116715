"""A model that takes no time and logs nothing, for the tests of the service."""

from functools import cache
from pathlib import Path

import numpy as np

from pipeline.data.table import Table, make_synthetic
from pipeline.model.features import FeatureEncoder
from pipeline.model.logistic import LogisticModel, save
from pipeline.model.watching import make_detector

ROW = {"feature_01": 0.1, "feature_02": -0.2, "feature_03": 1.5}
SCHEMA = dict.fromkeys(ROW, "number")


@cache
def trained() -> tuple[LogisticModel, Table]:
    """Make a model of three numbers, and the rows that it would have been trained on."""
    table = make_synthetic(240, 3, np.random.default_rng(3)).table
    model = LogisticModel(FeatureEncoder.fit(table), np.array([1.0, -0.5, 0.25]), bias=0.1, version="0123456789ab")
    return model, table


def save_trained(folder: Path, *, with_reference: bool = True) -> Path:
    """Save that model."""
    model, table = trained()
    save(model, folder / "model.npz", make_detector(model, table, table) if with_reference else None)
    return folder / "model.npz"
