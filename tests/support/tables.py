"""Tables and models to train, made by hand or drawn."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from pipeline.data.messages import DataError
from pipeline.data.table import Dataset, Table, make_synthetic, split
from pipeline.model.logistic import LogisticModel
from pipeline.model.training import train


def numbers(**columns: Any) -> Table:
    return Table({name: np.array(values, dtype=np.float64) for name, values in columns.items()})


def words(**columns: Any) -> Table:
    return Table({name: np.array(values, dtype=object) for name, values in columns.items()})


def one_column(values: Iterable[float], target: Any) -> Dataset:
    return Dataset(Table({"a": np.array([*values], dtype=np.float64)}), np.array(target, dtype=np.int8))


def synthetic(
    seed: int = 0, n_rows: int = 1000, n_features: int = 4
) -> tuple[Dataset, Dataset, Dataset, np.random.Generator]:
    """Draw rows to train on, to validate with and to hold out, and give the generator that drew them."""
    rng = np.random.default_rng(seed)
    return (*split(make_synthetic(n_rows, n_features, rng), rng), rng)


def fitted(**options: Any) -> LogisticModel:
    train_rows, val, _, rng = synthetic()
    return train(train_rows, val, rng=rng, **options)[0]


def message_of(call: Callable[..., object], *args: Any, **options: Any) -> str:
    """Return what the error of a table says."""
    with pytest.raises(DataError) as caught:
        call(*args, **options)
    return str(caught.value)
