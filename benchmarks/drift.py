"""How often drift detection alarms for nothing, what it finds, how exact its p-values are, and what it costs.

    python -m benchmarks.drift [--seed N | --fresh] [--batches N] [--peer-batches N] [--peers NAME ...]
                               [--only accuracy|answers|speed] [--quick]

1. Accuracy. The Kolmogorov-Smirnov distance and p-value against SciPy's.
2. Answers. The share of batches of ten Gaussian features in which any is flagged though none has drifted, and in which
   the one that was changed is flagged. Each column of a table has random numbers of its own, the same for every tool.
   Then, for Sevenfold alone, columns of other kinds. If a tool raises, the table says so.
3. Speed. A batch of 20 features against a reference of 100,000 rows. All take turns within each round, in an order that
   moves on from round to round; times are medians over the rounds, and ratios medians of the ratios within a round.

The peers have the settings that they come with. SciPy's ``ks_2samp`` and frouros, which judge one column, count as
flagging it at p < .05. NannyML's chunk is the batch; since its threshold is three standard deviations above the mean of
the reference's chunks, batches half as large as the reference leave it two chunks. A peer that isn't installed is
left out with a line that says so. In full it takes an hour, nearly all of it Evidently's.

It has more than 300 lines since each peer is called in its own way.
"""

import argparse
import importlib
import logging
import secrets
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from benchmarks.common import OURS, conditions, in_turn, table, verdict
from sevenfold.drift import DriftDetector
from sevenfold.drift.statistics import kolmogorov_smirnov

Columns: TypeAlias = dict[str, np.ndarray]
Draw: TypeAlias = Callable[[np.random.Generator, int], Columns]
Change: TypeAlias = Callable[[np.ndarray], np.ndarray]
Check: TypeAlias = Callable[[Columns], set[str]]  # a batch -> the features that are flagged
Tool: TypeAlias = Callable[[Columns, int], Check]  # of a reference and the rows of a batch

FULL = {"batches": 2_000, "peer_batches": 400, "samples": 2_000, "rows": 100_000, "rounds": 15}
QUICK = {"batches": 10, "peer_batches": 2, "samples": 50, "rows": 10_000, "rounds": 3}
N_FEATURES, N_FEATURES_TIMED = 10, 20
N_REFERENCE = 10_000
BATCHES_PER_REFERENCE = 20
ALPHA = 0.05
BARS_SPEED = {500: 20.0, 5_000: 8.0}  # SciPy's time to ours, by the rows of a batch
PACKAGES = ("numpy", "scipy", "pandas", "evidently", "alibi-detect", "frouros", "nannyml")


def gaussians(rng: np.random.Generator, n_rows: int, n_features: int = N_FEATURES) -> Columns:
    return {f"f{number}": rng.standard_normal(n_rows) for number in range(n_features)}


def levels(rng: np.random.Generator, n_rows: int) -> Columns:
    names = np.array([f"level {number}" for number in range(20)], dtype=object)
    return {f"f{number}": names[rng.integers(0, 20, n_rows)] for number in range(N_FEATURES)}


def shifted(by: float) -> Change:
    return lambda x: x + by


def scaled(by: float) -> Change:
    return lambda x: x * by


def set_first(n_rows: int, value: object) -> Change:
    return lambda x: np.concatenate([np.full_like(x[:n_rows], value), x[n_rows:]])


@dataclass(frozen=True, slots=True)
class Case:
    """Batches with one feature changed, which is to be flagged or not, or with none, when any that is flagged counts.

    Attributes
    ----------
    least, most
        The bar for the share of batches flagged: one of them.
    """

    title: str
    n_rows: int = 500
    draw: Draw = gaussians
    change: Change | None = None
    least: float = 0.0
    most: float = 1.0

    def verdict(self, share: float) -> str:
        return verdict(share, self.least or self.most, least=self.least > 0.0)


NONE_DRIFTED = [Case(f"{n_rows:,} rows", n_rows, most=0.06) for n_rows in (50, 100, 500, 5_000)]
ONE_CHANGED = [
    Case("shift of .25 sd", change=shifted(0.25), least=0.95),
    Case("variance x 1.5", change=scaled(1.5**0.5), least=0.9),
    Case("shift of 1 sd and a NaN", change=lambda x: set_first(1, np.nan)(x + 1.0), least=1.0),
    Case("all NaN", change=set_first(500, np.nan), least=1.0),
]
OTHER_KINDS = [
    *(Case(f"20 levels, none drifted, {n_rows:,} rows", n_rows, levels, most=0.06) for n_rows in (50, 500, 5_000)),
    Case("20 levels, a new one in 1 row", draw=levels, change=set_first(1, "new"), most=0.06),
    Case("20 levels, a new one in 10 rows", draw=levels, change=set_first(10, "new"), least=0.9),
    Case("20 levels, all missing", draw=levels, change=set_first(500, None), least=1.0),
    Case("a NaN", change=set_first(1, np.nan), most=0.06),
    Case("30 % NaN", change=set_first(150, np.nan), least=1.0),
    Case("constant", change=np.zeros_like, least=1.0),
    Case("a millionth of it", change=scaled(1e-6), least=1.0),
    Case("shift of 1 sd, 5 rows: too few to test", 5, change=shifted(1.0), most=0.0),
]


def sevenfold(reference: Columns, _: int) -> Check:
    detector = DriftDetector(reference)
    return lambda batch: set(detector.check(batch, batch_id="b").drifted_features)


def scipy(reference: Columns, _: int) -> Check:
    ks = importlib.import_module("scipy.stats").ks_2samp
    return lambda batch: {name for name in reference if ks(reference[name], batch[name]).pvalue < ALPHA}


def evidently(reference: Columns, _: int) -> Check:
    module, presets = importlib.import_module("evidently"), importlib.import_module("evidently.presets")
    pandas = importlib.import_module("pandas")
    known = pandas.DataFrame(reference)

    def check(batch: Columns) -> set[str]:
        snapshot = module.Report([presets.DataDriftPreset()]).run(pandas.DataFrame(batch), known)
        return {metric["config"]["column"] for metric in snapshot.dict()["metrics"] if evidently_flags(metric)}

    return check


def evidently_flags(metric: dict[str, Any]) -> bool:
    config = metric["config"]
    if not config["type"].endswith("ValueDrift"):
        return False
    value, threshold = float(metric["value"]), config["threshold"]
    return bool(value < threshold if "p_value" in config["method"] else value >= threshold)


def alibi_detect(reference: Columns, _: int) -> Check:
    drift = importlib.import_module("alibi_detect.cd").KSDrift(np.column_stack(list(reference.values())))

    def check(batch: Columns) -> set[str]:
        data = drift.predict(np.column_stack(list(batch.values())))["data"]
        return {name for name, p in zip(batch, data["p_val"], strict=True) if p < data["threshold"]}

    return check


def frouros(reference: Columns, _: int) -> Check:
    tests = {name: importlib.import_module("frouros.detectors.data_drift").KSTest() for name in reference}
    for name, test in tests.items():
        test.fit(X=reference[name])
    return lambda batch: {name for name, test in tests.items() if test.compare(X=batch[name])[0].p_value < ALPHA}


def nannyml(reference: Columns, n_rows: int) -> Check:
    module, pandas = importlib.import_module("nannyml"), importlib.import_module("pandas")
    importlib.import_module("nannyml.usage_logging").disable_usage_logging()  # which would go to its makers
    calculator = module.UnivariateDriftCalculator(list(reference), chunk_size=n_rows).fit(pandas.DataFrame(reference))

    def check(batch: Columns) -> set[str]:
        found = calculator.calculate(pandas.DataFrame(batch)).filter(period="analysis").to_df()
        return {name for name in batch if found[name, "jensen_shannon", "alert"].item()}

    return check


SCIPY = "SciPy ks_2samp"
PEERS: dict[str, Tool] = {
    SCIPY: scipy,
    "Evidently": evidently,
    "alibi-detect": alibi_detect,
    "frouros": frouros,
    "NannyML": nannyml,
}


class Ready(NamedTuple):
    """A tool that has been given its reference, and the seconds that it took."""

    check: Check
    once_s: float


def set_up(tools: dict[str, Tool], reference: Columns, batch: Columns) -> dict[str, Ready]:
    """Return the tools that can judge a batch like this one, and say why others can't."""
    found = {}
    for name, tool in tools.items():
        try:
            begin = time.perf_counter()
            ready = Ready(tool(reference, len(batch["f0"])), time.perf_counter() - begin)
            ready.check(batch)
        except Exception as error:
            hint = " (pip install -r benchmarks/requirements-drift.txt)" if isinstance(error, ImportError) else ""
            print(f"without {name}: {one_line(error)}{hint}\n")
        else:
            found[name] = ready
    return found


def one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def installed(names: Sequence[str]) -> dict[str, Tool]:
    rng = np.random.default_rng(7)
    found = set_up({name: PEERS[name] for name in names}, gaussians(rng, 1_000), gaussians(rng, 100))
    return {name: PEERS[name] for name in found}


def accuracy(seed: int, n_samples: int) -> None:
    ks = importlib.import_module("scipy.stats").ks_2samp
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(n_samples):
        reference, batch = samples(rng)
        values = np.union1d(reference, batch)
        counted = [(sample[:, None] == values).sum(axis=0)[None] for sample in (reference, batch)]
        (ours,) = kolmogorov_smirnov(*counted).of(0)
        expected = ks(reference, batch, method="asymp")
        differences.append((abs(ours.statistic - expected.statistic), abs(ours.p_value - expected.pvalue)))
    of_distance, of_p_value = np.max(differences, axis=0)
    print(f"Kolmogorov-Smirnov and SciPy's, {n_samples:,} pairs of samples with ties, infinities and few values")
    print(f"Largest difference: {of_distance:.1e} in the distance, {of_p_value:.1e} in the p-value.\n")


def samples(rng: np.random.Generator) -> list[np.ndarray]:
    """Return two sorted samples, most of them with ties, some tiny, some with infinities."""
    sizes = rng.integers([1, 2], rng.choice([400, 6], p=[0.7, 0.3]), endpoint=True)
    share_infinite = rng.choice([0.0, 0.1], p=[0.7, 0.3])
    drawn = [np.round(rng.normal(size=size), rng.integers(0, 4)) for size in sizes]
    return [np.sort(np.where(rng.random(x.size) < share_infinite, rng.choice([-np.inf, np.inf]), x)) for x in drawn]


def share(tool: Tool, case: Case, seed: int, n_batches: int) -> float:
    """Return the share of batches in which the changed feature is flagged, or any where none is changed."""
    rng = np.random.default_rng([seed, *case.title.encode()])
    n_flagged = 0
    for number in range(n_batches):
        if number % BATCHES_PER_REFERENCE == 0:
            check = tool(case.draw(rng, N_REFERENCE), case.n_rows)
        batch = case.draw(rng, case.n_rows)
        if case.change:
            batch["f3"] = case.change(batch["f3"])
        found = check(batch)
        n_flagged += "f3" in found if case.change else bool(found)
    return n_flagged / n_batches


def share_or_error(tool: Tool, case: Case, seed: int, n_batches: int) -> str:
    try:
        return f"{share(tool, case, seed, n_batches):.3f}"
    except Exception as error:
        return f"raises {type(error).__name__}"


def answers(title: str, cases: list[Case], peers: dict[str, Tool], scale: argparse.Namespace) -> None:
    print(f"{title}, reference of {N_REFERENCE:,} rows, {N_FEATURES} features\n")
    shares = {case.title: share(sevenfold, case, scale.seed, scale.batches) for case in cases}
    rows = [{"": OURS, "batches": f"{scale.batches:,}"} | {name: f"{found:.3f}" for name, found in shares.items()}]
    for name, peer in peers.items():
        found = {case.title: share_or_error(peer, case, scale.seed, scale.peer_batches) for case in cases}
        rows.append({"": name, "batches": f"{scale.peer_batches:,}"} | found)
    table(rows)
    for case in cases:
        print(f"{title}, {case.title}: {shares[case.title]:.3f}; {case.verdict(shares[case.title])}.")
    print()


def other_kinds(scale: argparse.Namespace) -> None:
    print(f"{OURS} on columns of other kinds, {scale.batches:,} batches each\n")
    shares = [(case, share(sevenfold, case, scale.seed, scale.batches)) for case in OTHER_KINDS]
    table({"": case.title, "flagged": f"{found:.3f}", "as wanted": case.verdict(found)} for case, found in shares)


def speed(n_rows: int, tools: dict[str, Tool], scale: argparse.Namespace) -> None:
    rng = np.random.default_rng([scale.seed, n_rows])
    reference = gaussians(rng, scale.rows, N_FEATURES_TIMED)
    batches = [gaussians(rng, n_rows, N_FEATURES_TIMED) for _ in range(scale.rounds)]
    print(f"A batch of {n_rows:,} rows, reference of {scale.rows:,} rows, {N_FEATURES_TIMED} features\n")
    ready = set_up(tools, reference, batches[0])
    times: dict[str, list[float]] = {name: [] for name in ready}
    for name in in_turn(list(ready), scale.rounds):
        times[name].append(seconds(ready[name].check, batches[len(times[name])]))
    ratios = {name: float(np.median(np.divide(found, times[OURS]))) for name, found in times.items()}
    table(
        {
            "": name,
            "reference, once": f"{1e3 * ready[name].once_s:,.0f} ms",
            "batch": f"{1e3 * np.median(times[name]):,.1f} ms",
            f"to {OURS}": f"{ratios[name]:.1f}",
        }
        for name in ready
    )
    if SCIPY in ratios:
        bar = BARS_SPEED[n_rows]
        print(f"{SCIPY}, to {OURS}: {ratios[SCIPY]:.1f}; {verdict(ratios[SCIPY], bar, least=True)}.\n")


def seconds(check: Check, batch: Columns) -> float:
    begin = time.perf_counter()
    check(batch)
    return time.perf_counter() - begin


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=7, help="(default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="a seed that nobody has tried")
    parser.add_argument("--batches", type=int, help="for a share of Sevenfold's (default: %(default)s)")
    parser.add_argument("--peer-batches", type=int, help="for a share of a peer's (default: %(default)s)")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="(default: all)")
    parser.add_argument("--only", choices=["accuracy", "answers", "speed"])
    parser.add_argument("--quick", action="store_true", help="few batches and rows, for a look: no bar holds")
    parser.set_defaults(**FULL)
    found = parser.parse_args(arguments)
    if found.quick:
        parser.set_defaults(**QUICK)
    if found.fresh:
        parser.set_defaults(seed=secrets.randbits(32))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    warnings.simplefilter("ignore")  # the peers'
    logging.disable()
    print(f"{conditions('benchmarks.drift', arguments, PACKAGES)}, seed {scale.seed}\n")
    peers = installed(scale.peers)
    if scale.only in (None, "accuracy") and SCIPY in peers:
        accuracy(scale.seed, scale.samples)
    if scale.only in (None, "answers"):
        answers("False alarms", NONE_DRIFTED, peers, scale)
        answers("Found", ONE_CHANGED, peers, scale)
        other_kinds(scale)
    if scale.only in (None, "speed"):
        for n_rows in BARS_SPEED:
            speed(n_rows, {OURS: sevenfold, **peers}, scale)


if __name__ == "__main__":
    main(sys.argv[1:])
