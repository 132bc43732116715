"""What grows, and what mustn't: the rotating call beside many rotated files, `configure`, the imports.

    python -m benchmarks.growth [--rounds N] [--quick]

1. A million calls (fewer with --quick) with rotation at 10 MB: the longest ones.
2. A folder gets so many rotated files of one channel, gzipped. Then a call rotates again and again, and `configure` is
   called anew: CPU milliseconds, medians, the sizes in turn.
3. `import sinks` beside importing loguru, NumPy and orjson: CPU seconds of processes, in turn.
"""

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import conditions, in_turn, parse_scale, table, verdict
from benchmarks.lockstep import timed

ROOT = Path(__file__).parent.parent
FULL = {"rounds": 15, "files": (10, 1_000, 20_000), "calls": 1_000_000}
QUICK = {"rounds": 3, "files": (10, 1_000), "calls": 20_000}
PACKAGES = ("loguru", "numpy", "orjson")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MAX_BYTES = 10_000
N_ROTATIONS = 10
BAR_ROTATION, BAR_CONFIGURE_MS, BAR_IMPORT, BAR_LONGEST_MS = 2.0, 2.0, 1.4, 5.0
OURS, PEERS = "import sinks", "import loguru, numpy, orjson"


def fill(folder: Path, n_files: int) -> Path:
    """Put rotated files of the channel `training` into a folder: each of two lines, as yesterday left them."""
    folder.mkdir()
    with sinks.configure(folder, console=None):
        logger.bind(channel="training").info("epoch", epoch=1)
        logger.bind(channel="training").info("epoch", epoch=2)
    live = folder / "ml_pipeline.log"
    packed = gzip.compress(live.read_bytes())
    for number in range(n_files):
        stamp = f"{BEGIN + timedelta(seconds=number):%Y-%m-%d_%H-%M-%S_%f}"
        (folder / f"{live.stem}.{stamp}.log.gz").write_bytes(packed)
    return folder


def configure_ms(folder: Path) -> float:
    """Return what a call to `configure` takes."""
    made: list[Any] = []
    block = timed(lambda: made.append(configured(folder)))
    made[0].close()
    return 1e3 * block.cpu_s


def rotating_call_ms(folder: Path) -> float:
    """Return what the median of some calls takes that rotate: each fills the file that is there."""
    text = "x" * MAX_BYTES
    with configured(folder):
        log = logger.bind(channel="training").info
        log("fill", text=text)
        return 1e3 * float(np.median([timed(partial(log, "fill", text=text)).cpu_s for _ in range(N_ROTATIONS)]))


def configured(folder: Path) -> sinks.Sinks:
    return sinks.configure(folder, console=None, rotation=MAX_BYTES, retention=None, compression=None)


def longest(folder: Path, n_calls: int) -> None:
    with sinks.configure(folder, console=None, rotation="10 MB"):
        log = logger.bind(channel="predictions").info
        taken = np.empty(n_calls)
        for number in range(n_calls):
            begin = time.perf_counter()
            log("prediction", prediction_id=f"batch-{number:07}", income=0.5, decision="approve", confidence=0.75)
            taken[number] = time.perf_counter() - begin
    most = 1e3 * float(taken.max())
    print(f"the longest of {n_calls:,} calls took {most:.1f} ms; {verdict(most, BAR_LONGEST_MS)}.")
    print(
        f"The hundredth longest took {1e3 * np.sort(taken)[-100]:.2f} ms, the median {1e6 * np.median(taken):.1f} µs.\n"
    )


def grow(folder: Path, scale: argparse.Namespace) -> None:
    folders = {n_files: fill(folder / str(n_files), n_files) for n_files in scale.files}
    took: dict[int, list[tuple[float, float]]] = {n_files: [] for n_files in folders}
    for n_files in in_turn(list(folders), 1 + scale.rounds):  # the first round warms up
        took[n_files].append((configure_ms(folders[n_files]), rotating_call_ms(folders[n_files])))
    medians = {n_files: np.median(pairs[1:], axis=0) for n_files, pairs in took.items()}
    ratios = {
        n_files: np.median(np.divide(pairs[1:], took[scale.files[0]][1:]), axis=0) for n_files, pairs in took.items()
    }
    table(
        {
            "rotated files": f"{n_files:,}",
            "configure()": f"{medians[n_files][0]:.2f} ms",
            "ratio": f"{ratios[n_files][0]:.2f}",
            "a call that rotates": f"{medians[n_files][1]:.2f} ms",
            "its ratio": f"{ratios[n_files][1]:.2f}",
        }
        for n_files in folders
    )
    few, many = scale.files[0], scale.files[-1]
    print(f"configure() beside {few} files: {medians[few][0]:.2f} ms; {verdict(medians[few][0], BAR_CONFIGURE_MS)}.")
    print(f"a rotation beside {many:,} files to one beside {few}: {ratios[many][1]:.2f}; ", end="")
    print(f"{verdict(ratios[many][1], BAR_ROTATION)}.\n")


def imports(folder: Path, rounds: int) -> None:
    """Compare imports whose bytecode is there, as it is from the second start on."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    took: dict[str, list[float]] = {OURS: [], PEERS: []}
    for statement in in_turn(list(took), 1 + rounds):
        code = f"import time; begin = time.process_time(); {statement}; print(time.process_time() - begin)"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)  # noqa: S603
        took[statement].append(float(done.stdout))
    table({"": name, "CPU": f"{1e3 * np.median(seconds[1:]):.0f} ms"} for name, seconds in took.items())
    ratio = float(np.median(np.divide(took[OURS][1:], took[PEERS][1:])))
    print(f"{OURS} to its packages: {ratio:.2f}; {verdict(ratio, BAR_IMPORT)}.\n")


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.growth', arguments, PACKAGES)}\n")
    with tempfile.TemporaryDirectory() as folder:
        longest(Path(folder) / "longest", scale.calls)  # first: the disk is still busy with what `grow` has written
        grow(Path(folder), scale)
        imports(Path(folder) / "bytecode", scale.rounds)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, help="of all in turn (default: %(default)s)")
    return parse_scale(parser, arguments, FULL, QUICK)


if __name__ == "__main__":
    main(sys.argv[1:])
