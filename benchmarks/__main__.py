"""What logging costs: all benchmarks but the longest, one table after the other.

    python -m benchmarks [--quick]

`speed` (a call, through each logger), `events` (kinds of events), `growth` (many files, `configure`, imports), `bulk`
(a whole table, and one channel more), `whole` (a run of main.py), `audit` (the chain), `files` (shared by processes),
`reading`, `tables` (CSV files), `service` (HTTP). Each is a command of its own with more options, such as ``python
-m benchmarks.speed --help``. ``python -m benchmarks.drift`` compares detectors, and takes long.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

PARTS = ("speed", "events", "growth", "bulk", "whole", "audit", "files", "reading", "tables", "service")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="little of everything, for a look: no bar holds")
    options = parser.parse_args(arguments)
    for part in PARTS:
        print(f"## {part}\n", flush=True)
        importlib.import_module(f"benchmarks.{part}").main(["--quick"] if options.quick else [])
        print(flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
