"""A detector and a monitor as arrays in an npz file, without pickle: what a file holds is data, never a program."""

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
    """Write arrays to a file in one step, so that a reader finds the old ones or the new, and never a part."""
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
    """Return what `pack_json` was given; tuples are lists."""
    return json.loads(array.astype(np.uint8).tobytes())


def pack_profiles(profiles: Mapping[str, Profile]) -> Arrays:
    """Return the columns of a detector: one array of each sort for all columns, since each takes a while to open."""
    numbers = [one for one in profiles.values() if isinstance(one, Numbers)]
    grids = [one.cuts.grid for one in numbers if one.cuts.grid is not None]
    return {
        "columns": pack_json([_described(name, one) for name, one in profiles.items()]),
        "cells": _joined([one.counts.cells for one in profiles.values()], np.intp),
        "special": np.array([one.counts.special for one in profiles.values()]),
        "edges": _joined([one.cuts.edges for one in numbers], np.float64),
        "grids": np.concatenate(grids, axis=1) if grids else np.empty((2, 0)),
    }


def _described(name: str, profile: Profile) -> dict[str, Any]:
    told = {"name": name, "kind": profile.kind, "n_cells": profile.counts.cells.size, "groups": profile.groups}
    if isinstance(profile, Levels):
        return told | {"levels": profile.names}
    cuts = profile.cuts
    distinct = {"n_distinct": cuts.n_distinct, "n_single": cuts.n_single, "n_double": cuts.n_double}
    n_grid = None if cuts.grid is None else cuts.grid.shape[1]
    return told | distinct | {"offset": profile.offset, "n_grid": n_grid}


def unpack_profiles(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Profile]:
    """Return the columns that `pack_profiles` was given."""
    cells, edges, grids = _Taken(arrays["cells"]), _Taken(arrays["edges"]), _Taken(arrays["grids"])
    profiles: dict[str, Profile] = {}
    for told, special in zip(unpack_json(arrays["columns"]), arrays["special"], strict=True):
        counts = Counts(cells.take(told["n_cells"]), special)
        groups = None if told["groups"] is None else Clustering(*told["groups"])
        if told["kind"] == "text":
            profiles[told["name"]] = Levels(told["levels"], counts, groups)
            continue
        grid = None if told["n_grid"] is None else grids.take(told["n_grid"])
        distinct = told["n_distinct"], told["n_single"], told["n_double"]
        cuts = Cuts(edges.take(told["n_cells"] - 1), grid, *distinct)
        profiles[told["name"]] = Numbers(told["kind"], told["offset"], cuts, counts, groups)
    return profiles


def pack_joint(joint: Joint | None) -> Arrays:
    """Return the joint test of a detector, if it has one."""
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
    """Return the joint test that `pack_joint` was given."""
    if "joint" not in arrays:
        return None
    told = unpack_json(arrays["joint"])
    groups = [None if one is None else Clustering(*one) for one in (told["groups"], told["pair_groups"])]
    mean, covariance, variance = (arrays[f"joint_{name}"] for name in ("mean", "covariance", "variance"))
    return Joint(arrays["joint_used"], told["m"], mean, covariance, variance, *groups)


def pack_tallies(tallies: Sequence[Tally]) -> Arrays:
    """Return what several windows leave, each of the same columns."""
    levels = [one for tally in tallies for one in tally.levels.values()]
    arrays = {
        "rows": np.array([[tally.n_rows, tally.n_squared] for tally in tallies]).reshape(-1, 2),
        "unseen": pack_json([[one.unseen, one.n_unlisted] for one in levels]),
        "level_cells": _joined([one.cells for one in levels], np.intp),
        "level_special": np.array([one.special for one in levels]).reshape(-1, 3),
    }
    if tallies:
        for name in ("cells", "special", "n_off_grid"):
            counts = np.array([getattr(tally.numbers, name) for tally in tallies])
            arrays[name] = counts.astype(np.min_scalar_type(counts.max(initial=0)))  # small ones take no time to pack
    sums = [tally.sums for tally in tallies if tally.sums is not None]
    for name in ("n", "first", "second") if sums else ():
        arrays[f"sums_{name}"] = np.array([getattr(one, name) for one in sums])
    return arrays


def unpack_tallies(arrays: Mapping[str, NDArray[Any]], sizes: Mapping[str, int]) -> list[Tally]:
    """Return what `pack_tallies` was given; `sizes` says how many levels each column of text has."""
    cells, rest = (
        _Taken(arrays["level_cells"]),
        iter(zip(unpack_json(arrays["unseen"]), arrays["level_special"], strict=True)),
    )
    tallies = []
    for i, (n_rows, n_squared) in enumerate(arrays["rows"].tolist()):
        numbers = CellCounts(*[arrays[name][i].astype(np.intp) for name in ("cells", "special", "n_off_grid")])
        levels = {}
        for name, size in sizes.items():
            told, special = next(rest)
            levels[name] = Counts(cells.take(size), special, *told)
        sums = (
            Sums(int(arrays["sums_n"][i]), arrays["sums_first"][i], arrays["sums_second"][i])
            if "sums_n" in arrays
            else None
        )
        tallies.append(Tally(numbers, levels, sums, int(n_rows), n_squared))
    return tallies


def _joined(arrays: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=dtype), *arrays])


class _Taken:
    """Take an array's columns, so many at a time."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array, self._at = array, 0

    def take(self, n: int) -> NDArray[Any]:
        self._at += n
        if self._at > self._array.shape[-1]:
            raise ValueError("expected more cells")
        return self._array[..., self._at - n : self._at]
