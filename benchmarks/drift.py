"""How often drift detection alarms for nothing, what it finds, how exact its p-values are, and what it costs.

    python benchmarks/drift.py [--seed N | --fresh] [--batches N] [--only accuracy|answers|speed]

SciPy is the oracle and the yardstick. Evidently, alibi-detect and frouros are measured too where they can be imported,
with no setting changed. Times are of calls made in turn, medians over rounds.
"""

import argparse
import importlib
import importlib.metadata
import platform
import secrets
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from loguru import logger

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.drift import DriftDetector
from pipeline.significance import ks_distance, ks_p_value, places

Columns = dict[str, np.ndarray]
Rng = np.random.Generator
Check = Callable[[Columns], set[str]]  # a batch -> the features that are flagged

N_FEATURES = 10
N_REFERENCE = 10_000
BATCHES_PER_REFERENCE = 20
PEER_BATCHES = 40  # Evidently takes up to a second for one
ALPHA = 0.05


def gaussians(rng: Rng, n_rows: int, n_features: int = N_FEATURES) -> Columns:
    return {f"f{i}": rng.standard_normal(n_rows) for i in range(n_features)}


def categories(rng: Rng, n_rows: int) -> Columns:
    names = np.array([f"level {i}" for i in range(20)], dtype=object)
    return {f"f{i}": names[rng.integers(0, 20, n_rows)] for i in range(N_FEATURES)}


def sevenfold(reference: Columns) -> Check:
    detector = DriftDetector(reference)
    return lambda batch: set(detector.check(batch, batch_id="b").drifted_features)


def evidently(reference: Columns) -> Check:
    pandas = importlib.import_module("pandas")
    module, presets = importlib.import_module("evidently"), importlib.import_module("evidently.presets")
    known = pandas.DataFrame(reference)

    def check(batch: Columns) -> set[str]:
        snapshot = module.Report([presets.DataDriftPreset()]).run(pandas.DataFrame(batch), known)
        found = set()
        for metric in snapshot.dict()["metrics"]:
            config = metric["config"]
            if config["type"].endswith("ValueDrift"):
                is_distance = "p_value" not in config["method"]
                value, threshold = float(metric["value"]), config["threshold"]
                if value >= threshold if is_distance else value < threshold:
                    found.add(config["column"])
        return found

    return check


def alibi_detect(reference: Columns) -> Check:
    drift = importlib.import_module("alibi_detect.cd").KSDrift(np.column_stack(list(reference.values())), p_val=ALPHA)

    def check(batch: Columns) -> set[str]:
        data = drift.predict(np.column_stack(list(batch.values())))["data"]
        return {name for name, p in zip(batch, data["p_val"], strict=True) if p < data["threshold"]}

    return check


def frouros(reference: Columns) -> Check:
    tests = {name: importlib.import_module("frouros.detectors.data_drift").KSTest() for name in reference}
    for name, test in tests.items():
        test.fit(X=reference[name])
    return lambda batch: {name for name, test in tests.items() if test.compare(X=batch[name])[0].p_value < ALPHA}


def scipy_ks(reference: Columns) -> Check:
    ks = importlib.import_module("scipy.stats").ks_2samp
    return lambda batch: {name for name in reference if ks(reference[name], batch[name], method="asymp").pvalue < ALPHA}


PEERS = {"scipy ks_2samp": scipy_ks, "evidently": evidently, "alibi-detect": alibi_detect, "frouros": frouros}


def importable() -> dict[str, Callable[[Columns], Check]]:
    found = {}
    for name, peer in PEERS.items():
        try:
            importlib.import_module(name.split()[0].replace("-", "_"))
        except ImportError as reason:
            print(f"without {name}: {reason}")
        else:
            found[name] = peer
    return found


def versions() -> str:
    names = ["numpy", "scipy", "evidently", "alibi-detect", "frouros"]
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {', '.join(found)}, {platform.machine()}"


def accuracy(rng: Rng, n_cases: int = 2000) -> None:
    ks = importlib.import_module("scipy.stats").ks_2samp
    of_distance = of_p_value = 0.0
    for _ in range(n_cases):
        m, n = rng.integers([1, 2], 400 if rng.random() < 0.7 else 6, endpoint=True)  # noqa: PLR2004
        samples = [np.sort(np.round(rng.normal(size=size), int(rng.integers(0, 4)))) for size in (m, n)]
        if rng.random() < 0.3:  # noqa: PLR2004
            samples = [np.sort(np.where(rng.random(x.size) < 0.1, rng.choice([-np.inf, np.inf]), x)) for x in samples]  # noqa: PLR2004
        expected = ks(*samples, method="asymp")
        distance = ks_distance(*places(*samples), int(m))
        of_distance = max(of_distance, abs(distance - expected.statistic))
        of_p_value = max(of_p_value, abs(ks_p_value(distance, int(m), int(n)) - expected.pvalue))
    print(f"\nKS against SciPy, {n_cases} cases with ties, infinities and tiny samples; largest difference")
    print(f"  distance {of_distance:.1e}   p-value {of_p_value:.1e}")


def share(
    rng: Rng,
    detect: Callable[[Columns], Check],
    n_batches: int,
    n_rows: int,
    *,
    table: Callable[[Rng, int], Columns] = gaussians,
    change: Callable[[np.ndarray], np.ndarray] | None = None,
) -> float:
    """Return the share of batches in which the changed feature is flagged, or any where none is changed."""
    flagged = 0
    for number in range(n_batches):
        if number % BATCHES_PER_REFERENCE == 0:
            check = detect(table(rng, N_REFERENCE))
        batch = table(rng, n_rows)
        if change:
            batch["f3"] = change(batch["f3"])
        found = check(batch)
        flagged += "f3" in found if change else bool(found)
    return flagged / n_batches


def missing(n: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(x: np.ndarray) -> np.ndarray:
        x[:n] = np.nan if x.dtype.kind == "f" else None
        return x

    return change


def new_level(n: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(x: np.ndarray) -> np.ndarray:
        x[:n] = "new"
        return x

    return change


def answers(rng: Rng, n_batches: int, peers: dict[str, Callable[[Columns], Check]]) -> None:
    print(f"\nShare of batches in which any of {N_FEATURES} features is flagged and none has drifted; want <= .06")
    print(f"  ({n_batches:,} batches a line, a reference of {N_REFERENCE:,} rows for {BATCHES_PER_REFERENCE} of them)")
    for n_rows in (50, 100, 500, 5000):
        print(f"  gaussian, {n_rows:5,} rows      {share(rng, sevenfold, n_batches, n_rows):.4f}")
    for n_rows in (50, 500, 5000):
        print(f"  20 levels, {n_rows:5,} rows     {share(rng, sevenfold, n_batches, n_rows, table=categories):.4f}")
    print("\nShare of batches in which the one changed feature of ten is flagged, 500 rows")
    cases = {
        "shift of .25 sd, want >= .95": (gaussians, lambda x: x + 0.25),
        "variance x 1.5, want >= .90": (gaussians, lambda x: x * np.sqrt(1.5)),
        "shift of .25 sd and one NaN": (gaussians, lambda x: missing(1)(x + 0.25)),
        "one NaN, want <= .06": (gaussians, missing(1)),
        "30 % NaN, want 1": (gaussians, missing(150)),
        "all NaN, want 1": (gaussians, missing(500)),
        "constant, want 1": (gaussians, np.zeros_like),
        "scale 1e-6 of it, want 1": (gaussians, lambda x: x * 1e-6),
        "a new level in 1 row, <= .06": (categories, new_level(1)),
        "a new level in 5 rows (1 %)": (categories, new_level(5)),
        "a new level in 10 rows (2 %)": (categories, new_level(10)),
    }
    for name, (table, change) in cases.items():
        print(f"  {name:30s} {share(rng, sevenfold, n_batches, 500, table=table, change=change):.4f}")
    few = DriftDetector(gaussians(rng, N_REFERENCE)).check(gaussians(rng, 5), batch_id="b")
    print(f"  five rows: {few.status}, drift {few.drift_detected}")
    print(
        f"\nPeers, {PEER_BATCHES} batches: any feature flagged and none has drifted; a shift of 1 sd with a NaN flagged"
    )
    for name, peer in peers.items():
        rates = "  ".join(f"{n_rows}: {share(rng, peer, PEER_BATCHES, n_rows):.3f}" for n_rows in (50, 100, 500, 5000))
        found = share(rng, peer, PEER_BATCHES // 2, 500, change=lambda x: missing(1)(x + 1.0))
        print(f"  {name:16s} {rates}   with a NaN: {found:.2f}")


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def speed(rng: Rng, peers: dict[str, Callable[[Columns], Check]], n_rounds: int = 9) -> None:
    print("\nMilliseconds for one batch of 20 features, reference of 100,000 rows; ratio to sevenfold; medians")
    reference = gaussians(rng, 100_000, 20)
    checks = {name: peer(reference) for name, peer in {"sevenfold": sevenfold, **peers}.items()}
    for n_rows in (500, 5000):
        times: dict[str, list[float]] = {name: [] for name in checks}
        for _ in range(n_rounds):
            batch = gaussians(rng, n_rows, 20)
            for name, check in checks.items():
                times[name].append(seconds(lambda check=check, batch=batch: check(batch)))  # type: ignore[misc]
        ours = np.array(times["sevenfold"])
        for name, found in times.items():
            ratio = np.median(np.array(found) / ours)
            print(f"  {n_rows:5,} rows  {name:16s} {1000 * np.median(found):9.2f} ms  {ratio:7.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fresh", action="store_true", help="a seed that nobody has tried")
    parser.add_argument("--batches", type=int, default=2000, help="per cell of the tables")
    parser.add_argument("--only", choices=["accuracy", "answers", "speed"])
    arguments = parser.parse_args()
    seed = secrets.randbits(32) if arguments.fresh else arguments.seed
    logger.remove()
    warnings.simplefilter("ignore")  # of the peers
    print(f"{versions()}; seed {seed}")
    rng, peers = np.random.default_rng(seed), importable()
    if arguments.only in (None, "accuracy") and "scipy ks_2samp" in peers:
        accuracy(rng)
    if arguments.only in (None, "answers"):
        answers(rng, arguments.batches, peers)
    if arguments.only in (None, "speed"):
        speed(rng, peers)


if __name__ == "__main__":
    main()
