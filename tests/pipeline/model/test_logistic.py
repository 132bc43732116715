import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.table import Dataset, Table
from pipeline.model.logistic import LogisticModel, load_saved, save, sigmoid
from pipeline.model.training import train
from sevenfold.drift import DriftDetector
from tests.support.tables import fitted, one_column, synthetic


def test_the_sigmoid_is_right_in_both_tails() -> None:
    logits = np.array([0.0, np.log(3), -np.log(3), 1e4, -1e4, -40.0])
    expected = [0.5, 0.75, 0.25, 1.0, 0.0, np.exp(-40)]
    np.testing.assert_allclose(sigmoid(logits), expected, rtol=1e-14)
    assert sigmoid(np.zeros(1))[0] == 0.5


def test_a_probability_by_hand() -> None:
    rows = one_column([-2.0, 2.0] * 50, [0, 1] * 50)
    model = replace(train(rows, rows, rng=np.random.default_rng(0))[0], weights=np.array([np.log(3)]), bias=0.0)
    probability = model.predict_probability(one_column([2.0, -2.0, 0.0, np.nan], [0] * 4).table)
    np.testing.assert_allclose(probability, [0.75, 0.25, 0.5, 0.5])
    assert model.schema == {"a": "number"}


def test_a_row_is_scored_alike_alone_and_among_others_to_the_last_bit() -> None:
    train_rows, val, held_out, rng = synthetic(n_features=20)
    model, _ = train(train_rows, val, rng=rng)
    alone = [model.predict_probability(held_out.table.take(slice(i, i + 1)))[0] for i in range(held_out.n_rows)]
    assert model.predict_probability(held_out.table).tolist() == alone


def test_the_schema_names_each_column_and_its_kind_in_order() -> None:
    columns = {"b": np.array(["x", "y"] * 10, dtype=object), "a": np.arange(20.0)}
    rows = Dataset(Table(columns), np.array([0, 1] * 10, dtype=np.int8))
    model, _ = train(rows, rows, rng=np.random.default_rng(0))
    assert list(model.schema.items()) == [("b", "category"), ("a", "number")]


@pytest.mark.parametrize("value", [1e308, -1e308, 1.7e308])
def test_a_row_that_overflows_is_an_error_and_an_outlier_is_not(value: float) -> None:
    model = fitted()
    with pytest.raises(FloatingPointError):
        model.predict_probability(Table({name: np.array([value]) for name in model.schema}))
    outlier = Table({name: np.array([value / 1e290]) for name in model.schema})
    assert np.isfinite(model.predict_probability(outlier)).all()


def test_weights_that_are_not_finite_are_an_error_and_not_a_nan() -> None:
    model = fitted()
    with pytest.raises(FloatingPointError):
        replace(model, bias=np.inf).predict_probability(Table({name: np.zeros(1) for name in model.schema}))


# The file


def mixed_model() -> tuple[LogisticModel, Table]:
    columns = {"b": np.array(["é", None] * 10, dtype=object), "a": np.array([1.5, 2.5, np.nan, 9.0] * 5)}
    rows = Dataset(Table(columns), np.array([0, 1, 1] * 6 + [0, 1], dtype=np.int8))
    return train(rows, rows, rng=np.random.default_rng(0))[0], rows.table


def test_a_model_comes_back_from_its_file_to_the_last_bit(tmp_path: Path) -> None:
    model, table = mixed_model()
    model = replace(model, threshold=0.3)
    path = tmp_path / "artifacts" / "of" / "model.npz"
    saved, digest = save(model, path)
    again = load_saved(path).model
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (model.version, saved.version, again.version) == ("unsaved", digest[:12], digest[:12])
    assert (again.bias, again.threshold, again.schema) == (model.bias, 0.3, model.schema)
    assert again.predict_probability(table).tolist() == model.predict_probability(table).tolist()
    assert [file.name for file in path.parent.iterdir()] == ["model.npz"]


def test_the_same_model_gives_the_same_bytes_at_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = mixed_model()
    saved, digest = save(model, tmp_path / "a.npz")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    assert save(saved, tmp_path / "b.npz")[1] == digest
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert save(replace(model, bias=model.bias + 1e-9), tmp_path / "c.npz")[1] != digest


def test_numpy_reads_the_file_without_pickle(tmp_path: Path) -> None:
    model, _ = mixed_model()
    save(model, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert arrays["weights"].tolist() == model.weights.tolist()


def test_the_detector_comes_back_without_the_rows_and_the_hash_is_that_of_the_whole_file(tmp_path: Path) -> None:
    model, table = mixed_model()
    odd = {
        "b": np.array([None, "\ud800", "a\0", ""] * 10, dtype=object),
        "a": np.array([np.nan, -0.0, 5e-324, 1e308] * 10),
    }
    digests = []
    for reference in (None, table.columns, odd, {"c": np.zeros(0)}, odd):
        detector = None if reference is None else DriftDetector(reference)
        digests.append(save(model, tmp_path / "model.npz", detector)[1])
        saved = load_saved(tmp_path / "model.npz")
        assert saved.model_hash == digests[-1] == hashlib.sha256((tmp_path / "model.npz").read_bytes()).hexdigest()
        again = saved.detector()
        assert saved.model.predict_probability(table).tolist() == model.predict_probability(table).tolist()
        assert (again is None) == (reference is None)
        if reference is not None and detector is not None and again is not None:
            assert again.check(reference, batch_id="b") == detector.check(reference, batch_id="b")
    assert len(set(digests)) == 4
    assert digests[2] == digests[4]


def test_a_damaged_detector_is_named_and_the_model_can_still_be_used(tmp_path: Path) -> None:
    model, table = mixed_model()
    path = tmp_path / "model.npz"
    save(model, path, DriftDetector(table.columns))
    data = path.read_bytes()
    at = data.index(b"drift_cells.npy") + 160
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert load_saved(path).model.predict_probability(table).tolist() == model.predict_probability(table).tolist()
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        load_saved(path).detector()
    assert str(caught.value) == f"{path}: expected a saved model, got a file that is damaged or something else"


def test_a_failed_save_leaves_no_file_behind(tmp_path: Path) -> None:
    (tmp_path / "model.npz").mkdir()
    with pytest.raises(OSError, match=r"model\.npz"):
        save(mixed_model()[0], tmp_path / "model.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]


def test_a_file_that_is_not_there_stays_a_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_saved(tmp_path / "none.npz")


def archive_of(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def damaged(data: bytes) -> Iterator[bytes]:
    """Yield what may stand in a file in place of a model."""
    yield b""
    yield b"not a model"
    yield data[: len(data) // 2]
    yield archive_of(weights=np.zeros(3))
    middle = data.index(b"weights.npy") + 200
    yield data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    arrays = dict(np.load(io.BytesIO(data)))
    yield archive_of(**arrays | {"weights": np.zeros(99)})
    yield archive_of(**arrays | {"bias": np.array([{}], dtype=object)})
    single = io.BytesIO()
    np.save(single, np.zeros(3))
    yield single.getvalue()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    model, _ = mixed_model()
    path = tmp_path / "model.npz"
    save(model, path)
    bad = list(damaged(path.read_bytes()))
    for data in bad:
        path.write_bytes(data)
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            load_saved(path)
        assert str(caught.value) == f"{path}: expected a saved model, got a file that is damaged or something else"
    assert len(bad) == 8


def test_a_model_can_be_built_by_hand() -> None:
    model = LogisticModel(fitted().encoder, np.zeros(4), bias=0.0)
    assert model.predict_probability(Table({name: np.ones(2) for name in model.schema})).tolist() == [0.5, 0.5]
    assert (model.threshold, model.version) == (0.5, "unsaved")
