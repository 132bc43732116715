"""A detector and a monitor as arrays in an npz file, without pickle: a file holds data, never a program."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sevenfold.drift.cells import CellCounts, Counts, Cuts
from sevenfold.drift.comparing import Tally
from sevenfold.drift.joint import Joint, Sums
from sevenfold.drift.levels import Levels
from sevenfold.drift.numeric.profile import Numbers
from sevenfold.drift.statistics import Clustering

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sevenfold.drift.levels import Profile

    Arrays = dict[str, NDArray[Any]]


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays to a file in one step, so that a reader finds either the old ones or the new ones, whole."""
    target, buffer = Path(path), io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(buffer.getvalue())
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_arrays(path: str | os.PathLike[str]) -> Arrays:
    """Read the arrays of a file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or something else.
    """
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file}
    except (ValueError, EOFError, AttributeError, TypeError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError("expected an npz file of a drift detector or monitor, got a damaged one or another") from error


def pack_json(value: Any) -> NDArray[np.uint8]:
    """Return plain values as an array of bytes."""
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def unpack_json(array: NDArray[Any]) -> Any:
    """Return the values that `pack_json` packed; tuples become lists."""
    return json.loads(array.astype(np.uint8).tobytes())


def pack_profiles(profiles: Mapping[str, Profile]) -> Arrays:
    """Return a detector's columns as arrays: one array of a kind for all columns, since opening an array takes time."""
    numbers = [profile for profile in profiles.values() if isinstance(profile, Numbers)]
    grids = [profile.cuts.grid for profile in numbers if profile.cuts.grid is not None]
    return {
        "columns": pack_json([_described(name, profile) for name, profile in profiles.items()]),
        "cells": _concatenated([profile.counts.cells for profile in profiles.values()], np.intp),
        "special": np.array([profile.counts.special for profile in profiles.values()]),
        "edges": _concatenated([profile.cuts.edges for profile in numbers], np.float64),
        "grids": np.concatenate(grids, axis=1) if grids else np.empty((2, 0)),
    }


def _described(name: str, profile: Profile) -> dict[str, Any]:
    metadata = {"name": name, "kind": profile.kind, "n_cells": profile.counts.cells.size, "groups": profile.groups}
    if isinstance(profile, Levels):
        return metadata | {"levels": profile.names}
    cuts = profile.cuts
    distinct = {"n_distinct": cuts.n_distinct, "n_single": cuts.n_single, "n_double": cuts.n_double}
    n_grid = None if cuts.grid is None else cuts.grid.shape[1]
    return metadata | distinct | {"offset": profile.offset, "n_grid": n_grid}


def unpack_profiles(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Profile]:
    """Return the columns that `pack_profiles` packed."""
    cells, edges, grids = _Columns(arrays["cells"]), _Columns(arrays["edges"]), _Columns(arrays["grids"])
    profiles: dict[str, Profile] = {}
    for metadata, special in zip(unpack_json(arrays["columns"]), arrays["special"], strict=True):
        counts = Counts(cells.take(metadata["n_cells"]), special)
        groups = None if metadata["groups"] is None else Clustering(*metadata["groups"])
        if metadata["kind"] == "text":
            profiles[metadata["name"]] = Levels(metadata["levels"], counts, groups)
            continue
        grid = None if metadata["n_grid"] is None else grids.take(metadata["n_grid"])
        distinct = metadata["n_distinct"], metadata["n_single"], metadata["n_double"]
        cuts = Cuts(edges.take(metadata["n_cells"] - 1), grid, *distinct)
        profiles[metadata["name"]] = Numbers(metadata["kind"], metadata["offset"], cuts, counts, groups)
    return profiles


def pack_joint(joint: Joint | None) -> Arrays:
    """Return a detector's joint test as arrays; no arrays if there is none."""
    if joint is None:
        return {}
    return {
        "joint": pack_json({"m": joint.m, "groups": joint.groups, "pair_groups": joint.pair_groups}),
        "joint_used": joint.used,
        "joint_mean": joint.mean,
        "joint_covariance": joint.covariance,
        "joint_variance": joint.correlation_variance,
    }


def unpack_joint(arrays: Mapping[str, NDArray[Any]]) -> Joint | None:
    """Return the joint test that `pack_joint` packed."""
    if "joint" not in arrays:
        return None
    metadata = unpack_json(arrays["joint"])
    groups = [None if group is None else Clustering(*group) for group in (metadata["groups"], metadata["pair_groups"])]
    mean, covariance, variance = (arrays[f"joint_{name}"] for name in ("mean", "covariance", "variance"))
    return Joint(arrays["joint_used"], metadata["m"], mean, covariance, variance, *groups)


def pack_tallies(tallies: Sequence[Tally]) -> Arrays:
    """Return the tallies of several windows of the same columns as arrays."""
    levels = [counts for tally in tallies for counts in tally.levels.values()]
    arrays = {
        "rows": np.array([[tally.n_rows, tally.n_squared] for tally in tallies]).reshape(-1, 2),
        "unseen": pack_json([[counts.unseen, counts.n_unlisted] for counts in levels]),
        "level_cells": _concatenated([counts.cells for counts in levels], np.intp),
        "level_special": np.array([counts.special for counts in levels]).reshape(-1, 3),
    }
    if tallies:
        for name in ("cells", "special", "n_off_grid"):
            counts = np.array([getattr(tally.numbers, name) for tally in tallies])
            arrays[name] = counts.astype(np.min_scalar_type(counts.max(initial=0)))  # small ones take no time to pack
    sums = [tally.sums for tally in tallies if tally.sums is not None]
    for name in ("n", "first", "second") if sums else ():
        arrays[f"sums_{name}"] = np.array([getattr(total, name) for total in sums])
    return arrays


def unpack_tallies(arrays: Mapping[str, NDArray[Any]], sizes: Mapping[str, int]) -> list[Tally]:
    """Return the tallies that `pack_tallies` packed; `sizes` is the number of levels of each text column."""
    cells = _Columns(arrays["level_cells"])
    levels_left = iter(zip(unpack_json(arrays["unseen"]), arrays["level_special"], strict=True))
    tallies = []
    for i, (n_rows, n_squared) in enumerate(arrays["rows"].tolist()):
        numbers = CellCounts(*[arrays[name][i].astype(np.intp) for name in ("cells", "special", "n_off_grid")])
        levels = {}
        for name, size in sizes.items():
            unseen, special = next(levels_left)
            levels[name] = Counts(cells.take(size), special, *unseen)
        sums = (
            Sums(int(arrays["sums_n"][i]), arrays["sums_first"][i], arrays["sums_second"][i])
            if "sums_n" in arrays
            else None
        )
        tallies.append(Tally(numbers, levels, sums, int(n_rows), n_squared))
    return tallies


def _concatenated(arrays: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=dtype), *arrays])


class _Columns:
    """Hands out an array's columns in order, some at a time."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array, self._at = array, 0

    def take(self, n: int) -> NDArray[Any]:
        self._at += n
        if self._at > self._array.shape[-1]:
            raise ValueError("expected more cells")
        return self._array[..., self._at - n : self._at]
