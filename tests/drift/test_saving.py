from pathlib import Path

import numpy as np
import pytest

from sevenfold.drift import DriftDetector


def everything(rng: np.random.Generator, n_rows: int) -> dict[str, np.ndarray]:
    x = rng.standard_normal(n_rows)
    return {
        "x": x,
        "y": x + rng.standard_normal(n_rows),
        "grid": rng.poisson(3, n_rows),
        "wide": 2**60 + rng.integers(0, 1000, n_rows),
        "word": rng.choice(np.array(["é", "\ud800", None], dtype=object), n_rows),
        "id": np.array([f"{value:x}" for value in rng.integers(0, 2**60, n_rows)]),
        "time": rng.integers(0, 10**9, n_rows).astype("M8[s]"),
        "none": np.full(n_rows, np.nan),
        "odd": rng.choice([np.inf, 0.0, np.nan], n_rows),
    }


@pytest.mark.parametrize("groups", [None, np.arange(600) // 60])
def test_a_saved_detector_says_what_the_first_one_says(tmp_path: Path, groups: np.ndarray | None) -> None:
    rng = np.random.default_rng(1)
    options = {"outputs": {"p": rng.random(300)}, "alpha": 0.01, "psi_floor": 0.02, "min_rows": 40}
    detector = DriftDetector(everything(rng, 600), groups=groups, **options)  # type: ignore[arg-type]
    detector.save(tmp_path / "folder" / "d.npz")
    again = DriftDetector.load(tmp_path / "folder" / "d.npz")
    for n_rows in (39, 200):
        batch = everything(rng, n_rows) | {"p": rng.random(n_rows), "x": rng.standard_normal(n_rows) + 1}
        expected, found = (one.check(batch, batch_id="b") for one in (detector, again))
        assert found == expected
        assert expected.joint is not None or n_rows == 39
    assert (again.alpha, again.psi_floor, again.min_rows, again.outputs) == (0.01, 0.02, 40, ("p",))


def test_the_file_holds_no_rows_and_is_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    DriftDetector({f"f{i}": rng.standard_normal(100_000) for i in range(20)}).save(tmp_path / "d.npz")
    assert (tmp_path / "d.npz").stat().st_size < 100_000


def test_what_is_no_detector_is_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    DriftDetector({"x": np.arange(50.0)}).save(path)
    whole = path.read_bytes()
    np.savez(path, a=np.zeros(3))
    contents = [path.read_bytes(), whole[: len(whole) // 2], b"", b"PK"]
    np.save(path.with_suffix(".npy"), np.zeros(3))
    contents.append(path.with_suffix(".npy").read_bytes())
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"d\.npz: expected "):
            DriftDetector.load(path)
    with pytest.raises(FileNotFoundError):
        DriftDetector.load(tmp_path / "none.npz")
