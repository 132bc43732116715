"""A logistic model: from a table to probabilities, and its file, which also holds the drift detector for later rows."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.model.features import FeatureEncoder
from sevenfold.drift import DriftDetector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pipeline.data.table import Table

THRESHOLD = 0.5
VERSION_DIGITS = 12

_DRIFT = "drift_"


@dataclass(frozen=True, slots=True, eq=False)
class LogisticModel:
    """A trained model.

    Attributes
    ----------
    encoder : FeatureEncoder
        From a table to the k inputs.
    weights : np.ndarray
        (k,), of standardised inputs.
    bias : float
        The logit of a row whose inputs are all zero.
    threshold : float
        The least probability that is approved.
    version : str
        The first 12 hex digits of the SHA-256 of the model's file, "unsaved" before there is one.
    """

    encoder: FeatureEncoder
    weights: NDArray[np.float64]
    bias: float
    threshold: float = THRESHOLD
    version: str = "unsaved"

    @property
    def schema(self) -> dict[str, str]:
        """Each column that a prediction needs, in order: "number" or "category"."""
        return dict(self.encoder.kinds)

    def predict_probability(self, table: Table) -> NDArray[np.float64]:
        """Return P(target = 1) for each row, (n,); to the last bit the same, alone and among others.

        Raises
        ------
        ValueError
            If a column is absent or a value infinite.
        FloatingPointError
            If a value is so large that the model overflows.
        """
        with np.errstate(over="raise", invalid="raise"):
            # Not a matrix product: BLAS rounds a row by how many others come with it.
            logits = (self.encoder.transform(table) * self.weights).sum(axis=1) + self.bias
        if not np.isfinite(logits).all():
            raise FloatingPointError("expected a finite score for every row; the model's weights aren't")
        return sigmoid(logits)


@dataclass(frozen=True, slots=True, eq=False)
class SavedModel:
    """The contents of a model's file.

    Attributes
    ----------
    model : LogisticModel
        The model.
    model_hash : str
        The SHA-256 of the whole file, in hex.
    """

    model: LogisticModel
    model_hash: str
    _path: str
    _data: bytes

    def detector(self) -> DriftDetector | None:
        """Return the drift detector for scored rows; None if the file has none.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        with _naming(self._path):
            arrays = _arrays(self._data, _DRIFT)
            return DriftDetector.from_arrays(arrays) if arrays else None


def save(
    model: LogisticModel, path: str | os.PathLike[str], detector: DriftDetector | None = None
) -> tuple[LogisticModel, str]:
    """Write the model to a file in one step, and return it with its version, and the SHA-256 of the file in hex.

    The same model and detector give the same bytes. Missing parent folders are made.

    Parameters
    ----------
    model : LogisticModel
        The model.
    path : path
        The file.
    detector : DriftDetector, optional
        Compares later rows with those that the model was trained on: counts, and no rows.
    """
    arrays = {**model.encoder.to_arrays(), "weights": model.weights.astype("<f8")}
    arrays |= {"bias": np.array(model.bias, "<f8"), "threshold": np.array(model.threshold, "<f8")}
    if detector is not None:
        arrays |= {f"{_DRIFT}{name}": array for name, array in detector.to_arrays().items()}
    data = _archive(arrays)
    _write(Path(path), data)
    digest = hashlib.sha256(data).hexdigest()
    return replace(model, version=digest[:VERSION_DIGITS]), digest


def load_saved(path: str | os.PathLike[str]) -> SavedModel:
    """Read a model that `save` wrote, with the rest of its file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or no model.
    """
    data = Path(path).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    with _naming(path):
        arrays = _arrays(data)
        encoder = FeatureEncoder.from_arrays(arrays)
        weights = arrays["weights"].astype(np.float64).reshape(len(encoder.names))
        bias, threshold = float(arrays["bias"]), float(arrays["threshold"])
    model = LogisticModel(encoder, weights, bias, threshold, digest[:VERSION_DIGITS])
    return SavedModel(model, digest, str(path), data)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-logit)), to full precision in both tails."""
    return np.exp(-np.logaddexp(0.0, -logits))


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in each error about its content."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"{path}: expected a saved model, got a file that is damaged or something else") from error


def _arrays(data: bytes, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Read the arrays with a prefix, by the rest of their names; without a prefix, all except the detector's."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        chosen = [name for name in file if name.startswith(_DRIFT) == bool(prefix)]
        return {name.removeprefix(prefix): file[name] for name in chosen}


def _archive(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Return what np.savez would write, but the time of day: the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix: what the entry says on every system
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Replace the file in one step, so that a reader finds the old model or the new one, and never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
