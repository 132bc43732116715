"""What the audit chain costs, and how quickly a trail is verified.

    python -m benchmarks.audit [--events N] [--rounds N] [--quick]

1. The chain. The same event (eight fields) goes through `sinks.configure` to the audit file: sealed without a key, with
   one, and, for comparison, not sealed, but through the same `RotatingFile`. Rotation is off.
2. The verification. That trail is verified, and, for scale, each line of it goes through a bare loop of ``json.loads``
   and ``sha256``, though a verification needs no JSON. The same for a gzipped file.

All take turns within each round, in an order that moves on from round to round; times are medians over the rounds, and
ratios medians of the ratios within a round.
"""

import argparse
import gzip
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import conditions, in_turn, parse_scale, table, verdict
from sevenfold.audit.keys import make_key
from sevenfold.audit.verify import verify
from sevenfold.files.rotating import RotatingFile

FULL = {"events": 500, "rounds": 60}
QUICK = {"events": 200, "rounds": 3}
BARE, CHAIN, KEYED = "no chain", "chain", "chain with a key"
NAMES = [BARE, CHAIN, KEYED]
FILE = "app_json.log"
PACKAGES = ("loguru", "numpy", "orjson")
MOST_VERIFICATIONS = 9
BAR_COST = 1.35
BAR_RATE = 0.7
EVENT = {
    "event": "model_trained",
    "outcome": "success",
    "actor": "pipeline",
    "resource": "artifacts/model.npz",
    "run_id": "run-173915f463b0",
    "duration_s": 12.25,
    "config_hash": hashlib.sha256(b"config").hexdigest(),
    "model_hash": hashlib.sha256(b"model").hexdigest(),
}


class NoChain:
    """What stands in for the chain: the line as it is, to the same RotatingFile."""

    def __init__(self, file: RotatingFile) -> None:
        self.file = file

    def append(self, line: bytes) -> None:
        self.file.append(line)

    def close(self) -> None:
        pass


def write(folder: Path, name: str, n_events: int) -> float:
    """Log events; the seconds that one took."""
    key = folder / "key" if name == KEYED else None
    with sinks.configure(folder / name, console=None, rotation=None, audit_key=key) as handle:
        if name == BARE:
            sink: Any = handle._sinks["audit"]  # noqa: SLF001 - so that nothing but the chain is left out
            sink._chain.close()  # noqa: SLF001
            sink._chain = NoChain(sink.file)  # noqa: SLF001
        log = logger.bind(channel="audit", **EVENT)
        log.info("model_trained")
        begin = time.perf_counter()
        for _ in range(n_events):
            log.info("model_trained")
        return (time.perf_counter() - begin) / n_events


def cost(folder: Path, n_events: int, rounds: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    for name in in_turn(NAMES, rounds):
        seconds[name].append(write(folder, name, n_events))
    ratios = {name: float(np.median(np.divide(seconds[name], seconds[BARE]))) for name in NAMES}
    table(
        {"an audit event": name, "time": f"{np.median(seconds[name]) * 1e6:.1f} µs", "ratio": f"{ratios[name]:.2f}"}
        for name in NAMES
    )
    for name in (CHAIN, KEYED):
        print(f"{name}, to {BARE}: {ratios[name]:.2f}; {verdict(ratios[name], BAR_COST)}.")
    print()


def loop(path: Path) -> int:
    n_lines = 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for line in lines:
            json.loads(line)
            hashlib.sha256(line).hexdigest()
            n_lines += 1
    return n_lines


def verified(path: Path, key: bytes | None = None) -> int:
    found = verify(path, key=key)
    if not found.proved:
        raise RuntimeError(*map(str, found.findings))
    return found.n_events


def rate(task: Callable[[], int]) -> float:
    begin = time.perf_counter()
    return task() / (time.perf_counter() - begin)


def verification(folder: Path, rounds: int) -> None:
    packed = pack(folder / CHAIN / FILE)
    tasks = {
        "json.loads and sha256": partial(loop, folder / CHAIN / FILE),
        "verify": partial(verified, folder / CHAIN / FILE),
        "verify with a key": partial(verified, folder / KEYED / FILE, (folder / "key").read_bytes()),
        "json.loads and sha256, gzip": partial(loop, next(packed.parent.glob("*.gz"))),
        "verify, gzip": partial(verified, packed),
    }
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    for name in in_turn(list(tasks), rounds):
        rates[name].append(rate(tasks[name]))
    bare = rates["json.loads and sha256"]
    ratios = {name: float(np.median(np.divide(rates[name], bare))) for name in tasks}
    table(
        {"": name, "lines a second": f"{np.median(rates[name]):,.0f}", "ratio": f"{ratios[name]:.2f}"} for name in tasks
    )
    print(f"verify, to the bare loop: {ratios['verify']:.2f}; {verdict(ratios['verify'], BAR_RATE, least=True)}.")


def pack(path: Path) -> Path:
    """Copy a file and its head to a folder of their own, as if it had been rotated and gzipped."""
    folder = path.parent / "packed"
    folder.mkdir()
    with gzip.open(folder / f"{path.stem}.2026-01-01_00-00-00_000000.log.gz", "wb", 6) as packed:
        packed.write(path.read_bytes())
    shutil.copy(path.with_suffix(".head"), folder)
    return folder / path.name


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, help="of a sink in a round (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of all in turn (default: %(default)s)")
    return parse_scale(parser, arguments, FULL, QUICK)


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.audit', arguments, PACKAGES)}\n")
    with tempfile.TemporaryDirectory() as folder:
        make_key(Path(folder) / "key")
        cost(Path(folder), scale.events, scale.rounds)
        verification(Path(folder), min(scale.rounds, MOST_VERIFICATIONS))


if __name__ == "__main__":
    main(sys.argv[1:])
