"""What it takes to read a table of one's own, beside pandas, and to run the whole of main.py on it.

    python -m benchmarks.tables [--rounds N] [--quick]

Tables are made by shape: numbers, some gaps, and a few columns of text. Every reader is a process of its own, started
in turn; what it imports isn't counted, nor what a run does before. All figures are CPU time, so that a busy machine
changes little; a whole run is all of its process. pandas and pyarrow are left out where they aren't installed.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import conditions, in_turn, parse_scale, table, verdict
from benchmarks.whole import ROOT, spent_s

FULL, QUICK = {"rounds": 5, "shrink": 1}, {"rounds": 1, "shrink": 50}
PANDAS, OURS, ARROW, WHOLE = "pandas.read_csv", "our reader", "our reader, pyarrow", "whole run"
READERS = {
    PANDAS: ("pandas", "import pandas, sys; read = lambda: pandas.read_csv(sys.argv[2])"),
    OURS: ("numpy", "from pipeline.data.reader import text; text.ARROW_BYTES = sys.maxsize; read = ours"),
    ARROW: ("pyarrow", "import pipeline.data.reader.arrow; read = ours"),
}
SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pipeline.data.loading import load_dataset
ours = lambda: load_dataset(sys.argv[2], "y")
{}
begin = time.process_time()
read()
print(time.process_time() - begin)
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows and columns, and the most seconds that a whole run may take."""

    n_rows: int
    n_columns: int
    most_seconds: float

    def __str__(self) -> str:
        return f"{self.n_rows:,} x {self.n_columns:,}"


SHAPES = [Shape(1_000_000, 12, 20.0), Shape(3_000, 2_000, 10.0), Shape(2_000, 3_000, 10.0)]
BARS = {OURS: 15.0, ARROW: 4.0}  # times pandas
GAPS = 0.05


def write(path: Path, shape: Shape, rng: np.random.Generator) -> None:
    """Write a table of numbers, of which one in twenty is missing in a column, two columns of text, and the target."""
    n_numbers = shape.n_columns - 3
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(",".join([*(f"x{j}" for j in range(n_numbers)), "city", "zone", "y"]) + "\n")
        for start in range(0, shape.n_rows, 10_000):
            n = min(10_000, shape.n_rows - start)
            z = rng.normal(size=(n, n_numbers))
            rows = np.char.mod("%.5f", z).astype(object)
            rows[rng.random(n) < GAPS, 0] = ""
            texts = [rng.choice(["Rome", "Bern", "Oslo", "Lima"], n), rng.choice([f"z{i}" for i in range(100)], n)]
            y = np.where(z[:, 1] > rng.logistic(size=n), "yes", "no")
            lines = zip(rows.tolist(), *[part.tolist() for part in (*texts, y)], strict=True)
            file.writelines(",".join([*numbers, *rest]) + "\n" for numbers, *rest in lines)


def spent(name: str, path: Path) -> float:
    """Return the seconds of CPU time that one reader, or a whole run, takes."""
    with tempfile.TemporaryDirectory() as folder:
        if name == WHOLE:
            begin = spent_s()
            arguments = [str(ROOT / "main.py"), "--data", str(path), "--target", "y"]
            subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S603
            return spent_s() - begin
        program = SCRIPT.format(READERS[name][1])
        command = [sys.executable, "-c", program, str(ROOT), str(path)]
        return float(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)  # noqa: S603


def row(shape: Shape, names: Sequence[str], rounds: int, path: Path) -> dict[str, str]:
    taken: dict[str, list[float]] = {name: [] for name in names}
    for name in in_turn(names, rounds):
        taken[name].append(spent(name, path))
    cells = {"": str(shape)}
    for name, seconds in taken.items():
        cells[name] = f"{np.median(seconds):.2f} s"
        if name in BARS and PANDAS in taken:
            ratio = float(np.median(np.divide(seconds, taken[PANDAS])))
            cells[name] += f", {ratio:.1f} times pandas: {verdict(ratio, BARS[name])}"
    cells[WHOLE] += f": {verdict(float(np.median(taken[WHOLE])), shape.most_seconds)}"
    return cells


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, help="of all in turn (default: %(default)s)")
    parser.add_argument("--shrink", type=int, help="rows are divided by it (default: %(default)s)")
    options = parse_scale(parser, arguments, FULL, QUICK)
    names = [name for name, (package, _) in READERS.items() if importlib.util.find_spec(package)]
    print(f"{conditions('benchmarks.tables', arguments, ('numpy', 'orjson', 'pandas', 'pyarrow'))}\n", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            small = Shape(shape.n_rows // options.shrink, shape.n_columns, shape.most_seconds)
            path = Path(folder) / "t.csv"
            write(path, small, np.random.default_rng(7))
            rows.append(row(small, [*names, WHOLE], options.rounds, path))
    table(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
