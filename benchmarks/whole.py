"""What all logging costs a whole run: ``python main.py`` beside the same arithmetic without a line of log.

    python -m benchmarks.whole [--rows N] [--rounds N] [--quick]

The bare script imports NumPy and loguru and calls the stages of `pipeline` one by one, with loguru's handlers removed:
it makes, splits and fingerprints the table, trains, saves the model, checks each batch for drift, decides on each row
and compares the decisions with the outcomes. ``main.py`` does that, writes its files (``--requests 0``: without the
service) and makes a report of them. Both are whole processes, started in turn, and measured by CPU time (by wall time
on Windows, which keeps no CPU time of an ended process); the ratio is the median of the ratios within a round.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import conditions, in_turn, parse_scale, table, verdict

ROOT = Path(__file__).parent.parent
FULL = {"rows": 100_000, "rounds": 11}
QUICK = {"rows": 5_000, "rounds": 2}
BAR = 1.45
WHOLE, BARE = "python main.py", "the same without logging"
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from loguru import logger
logger.remove()
sys.path.insert(0, sys.argv[1])
from pipeline import run
from pipeline.model import training
from pipeline.data.table import fingerprint, make_synthetic, split
from pipeline.model.logistic import save
from pipeline.model.outcomes import Outcomes, calibrate
from pipeline.model.watching import make_detector, with_scores
from sevenfold.drift import DriftMonitor

settings = run.Settings(model_path=Path("artifacts/model.npz"), shift_some=True)
dataset = make_synthetic(int(sys.argv[2]), 8, np.random.default_rng(settings.seed))
fingerprint(dataset)
rng = np.random.default_rng(settings.seed)
train, val, held_out = split(dataset, rng)
model, report = training.train(train, val, epochs=settings.epochs, rng=rng, seed=settings.seed)
detector = make_detector(model, train.table, val.table)
model, _ = save(model, settings.model_path, detector)
monitor = DriftMonitor(detector)
calibration = calibrate(model, val)
batches = run._batches(held_out.table, settings, rng)
for number, batch in enumerate(batches):
    monitor.update(detector.check(with_scores(model, batch), batch_id=f"batch-{number:03d}"))
    probability = model.predict_probability(batch)
    approved = probability >= model.threshold
    confidence = np.where(approved, probability, 1 - probability)
run._learn_outcomes("run", Outcomes(model, calibration), batches, held_out.target)
"""


def run(name: str, n_rows: int) -> float:
    """Run a program from start to end in an empty folder: seconds of CPU time."""
    ours = [str(ROOT / "main.py"), "--rows", str(n_rows), "--requests", "0"]
    arguments = ours if name == WHOLE else ["-c", SCRIPT, str(ROOT), str(n_rows)]
    with tempfile.TemporaryDirectory() as folder:
        begin = spent_s()
        subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603
        return spent_s() - begin


def spent_s() -> float:
    """Return what ended processes have taken so far."""
    times = os.times()
    return time.perf_counter() if sys.platform == "win32" else times.children_user + times.children_system


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.whole', arguments, ('loguru', 'numpy', 'orjson'))}\n")
    taken: dict[str, list[float]] = {WHOLE: [], BARE: []}
    for name in in_turn(list(taken), 1 + scale.rounds):  # the first round warms up
        taken[name].append(run(name, scale.rows))
    ratios = np.divide(taken[WHOLE][1:], taken[BARE][1:])
    print(f"{scale.rows:,} rows, whole processes, {scale.rounds} rounds\n")
    table({"": name, "CPU": f"{np.median(seconds[1:]):.2f} s"} for name, seconds in taken.items())
    print(f"{WHOLE} to {BARE}: {np.median(ratios):.2f}; {verdict(float(np.median(ratios)), BAR)}.\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, help="of the table (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of both in turn (default: %(default)s)")
    return parse_scale(parser, arguments, FULL, QUICK)


if __name__ == "__main__":
    main(sys.argv[1:])
