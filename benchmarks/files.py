"""What becomes of lines when several processes write the same log file and rotate it, and what it costs.

    python -m benchmarks.files [--events N] [--processes N] [--rounds N] [--calls N] [--quick]

1. Shared files, without and with gzip. Processes with handlers of their own log predictions (four features, a
   confidence, a decision) to one ``predictions.log``, rotated at 1 MB: through `sinks.configure`, loguru's own file
   sink (and the same with ``watch=True``), the standard library's RotatingFileHandler (gzip as in the logging
   cookbook) and concurrent-log-handler. Each line has its writer and number in it. When all have closed their files,
   every file is read, the compressed ones too, and faults are counted: lines that are lost, torn (neither whole nor
   empty) or twice there, rotated files of less than half the limit or not gzipped, lines on stderr. Events per second
   are over all processes, from the first call to the last close; compression is in it, as it is in the CPU time.
   "On disk": the line of the first call is in the file when that call returns.
2. Blocked calls. One process, 10 MB, gzip: how long a call takes, the longest and the 99.9th percentile.
3. Memory. The growth of that process over its 1,000,000 calls, after a rotation to warm up.

All take turns within each round, in an order that moves on from round to round; rates and ratios are medians over
rounds, whereas lost lines and the like are sums, since a median would hide a rare loss. A rival that isn't installed
is left out with a line that says so.

It has more than 300 lines since five writers of files are set up side by side.
"""

import argparse
import contextlib
import gc
import gzip
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import OURS, conditions, in_turn, parse_scale, table, verdict
from benchmarks.writers import FILE, LOGURU, TOOLS, Log, installed, prediction

SETTINGS = {None: "no compression", "gz": "gzip"}
FULL = {"events": 8_000, "rounds": 3, "calls": 1_000_000, "shared_bytes": 1_000_000, "single_bytes": 10_000_000}
QUICK = {"events": 2_000, "rounds": 1, "calls": 50_000, "shared_bytes": 100_000, "single_bytes": 1_000_000}
SHARE_OF_CALLS = {OURS: 1.0, LOGURU: 0.7}  # whose lines are longer: over 20 rotations in both
N_PARTS = 4  # in which the calls of the second table are made, in turn
BAR_BLOCKED = 1 / 5  # of loguru's longest call
BAR_GROWTH_MB = 3.0
PATIENCE_S = 60.0
PACKAGES = ("loguru", "numpy", "orjson", "concurrent-log-handler")
METHODS = multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
CONTEXT.set_forkserver_preload(["benchmarks.common"])
WHOLE = re.compile(
    rb"\d{4}-\d\d-\d\d[^|]*\| INFO +\| prediction.*prediction_id\W+(w\d+-\d{7})\W+features\W+income\W.*"
    rb"confidence\W.*decision\W+(?:approve|deny)(?:'\})?"
)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found in the files of one run, in lines unless it says files."""

    lost: int
    torn: int
    duplicated: int
    rotated_files: int
    tiny_files: int
    plain_files: int
    bytes_per_line: float


@dataclass(frozen=True, slots=True)
class Run:
    """One tool in one round."""

    events_per_s: float
    cpu_us: float
    stderr_lines: int
    on_disk: bool
    tally: Tally


def tally(folder: Path, n_events: int, max_bytes: int) -> Tally:
    contents = {path.name: read(path) for path in folder.glob("predictions*")}
    lines = [line for data in contents.values() for line in data.split(b"\n") if line]
    whole = [found[1] for line in lines if line.count(b"prediction_id") == 1 and (found := WHOLE.fullmatch(line))]
    rotated = {name: data for name, data in contents.items() if name != FILE}
    return Tally(
        lost=n_events - len(set(whole)),
        torn=len(lines) - len(whole),
        duplicated=len(whole) - len(set(whole)),
        rotated_files=len(rotated),
        tiny_files=sum(len(data) < max_bytes / 2 for data in rotated.values()),
        plain_files=sum(not name.endswith(".gz") for name in rotated),
        bytes_per_line=sum(map(len, lines)) / max(len(lines), 1) + 1,
    )


def read(path: Path) -> bytes:
    """Read a file, compressed or not; of a broken archive what can be read."""
    if path.suffix != ".gz":
        return path.read_bytes()
    data = bytearray()
    with contextlib.suppress(EOFError, OSError, zlib.error), gzip.open(path) as file:
        while chunk := file.read(1 << 16):
            data += chunk
    return bytes(data)


def share(tool: str, compression: str | None, scale: argparse.Namespace) -> Run:
    """Have several processes log to one file, and count what is in it and beside it."""
    with tempfile.TemporaryDirectory() as name:
        folder, n = Path(name), scale.processes
        barrier = CONTEXT.Barrier(n)
        options = (folder, scale.shared_bytes, compression)
        workers = [CONTEXT.Process(target=write, args=(tool, options, i, scale.events, barrier)) for i in range(n)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return summarize(tool, folder, scale)


def write(tool: str, options: tuple[Path, int, str | None], writer: int, n_events: int, barrier: Any) -> None:
    """Log as one of several processes, and leave the times of begin and end in a file."""
    folder = options[0]
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), sys.stderr.fileno())
    log, close = TOOLS[tool](*options)
    first = prediction(writer, 0)
    log(**first)
    on_disk = first["prediction_id"].encode() in (folder / FILE).read_bytes()
    barrier.wait(PATIENCE_S)
    begin, cpu_s = time.monotonic(), time.process_time()
    for number in range(1, n_events):
        log(**prediction(writer, number))
    close()
    report = begin, time.monotonic(), time.process_time() - cpu_s, on_disk
    (folder / f"{writer}.json").write_text(json.dumps(report), encoding="utf-8")


def summarize(tool: str, folder: Path, scale: argparse.Namespace) -> Run:
    said = (folder / "stderr").read_bytes()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("[0-9]*.json")]
    if len(reports) < scale.processes:
        raise RuntimeError(f"{tool}: a process ended early: {said.decode(errors='replace')}")
    begins, ends, cpu_s, on_disk = zip(*reports, strict=True)
    n_events = scale.processes * scale.events
    found = tally(folder, n_events, scale.shared_bytes)
    rate, cpu_us = n_events / (max(ends) - min(begins)), 1e6 * sum(cpu_s) / n_events
    return Run(rate, cpu_us, said.count(b"\n"), all(on_disk), found)


def shared_files(names: Sequence[str], scale: argparse.Namespace) -> None:
    for compression, words in SETTINGS.items():
        runs: dict[str, list[Run]] = {name: [] for name in names}
        for name in in_turn(names, scale.rounds):
            runs[name].append(share(name, compression, scale))
        print(
            f"{scale.processes} processes, {scale.events:,} events each, rotation at {scale.shared_bytes / 1e6:g} MB, "
            f"{words}; rounds: {scale.rounds}; rates and times are medians, counts sums\n"
        )
        table(shared_row(name, runs, scale.rounds * scale.processes * scale.events) for name in names)


def shared_row(name: str, runs: dict[str, list[Run]], n_events: int) -> dict[str, str]:
    rates = [np.array([run.events_per_s for run in runs[one]]) for one in (name, OURS)]
    tallies = [run.tally for run in runs[name]]
    total = {key: sum(getattr(one, key) for one in tallies) for key in Tally.__slots__}
    return {
        "": name,
        "events/s": f"{np.median(rates[0]):,.0f}",
        f"to {OURS}'s": f"{np.median(rates[0] / rates[1]):.2f}",
        "CPU an event": f"{np.median([run.cpu_us for run in runs[name]]):.0f} µs",
        "lines lost": f"{total['lost']:,} ({total['lost'] / n_events:.2%})" if total["lost"] else "0",
        "torn": f"{total['torn']:,}",
        "duplicated": f"{total['duplicated']:,}",
        "rotated files": f"{total['rotated_files']:,}",
        "of them tiny": f"{total['tiny_files']:,}",
        "not gzipped": f"{total['plain_files']:,}",
        "lines on stderr": f"{sum(run.stderr_lines for run in runs[name]):,}",
        "bytes a line": f"{total['bytes_per_line'] / len(tallies):.0f}",
        "on disk at return": "yes" if all(run.on_disk for run in runs[name]) else "no",
    }


@dataclass(frozen=True, slots=True)
class Calls:
    """What one process measured of its calls, part by part."""

    n_calls: int
    median_us: float
    p999_us: float
    longest_ms: tuple[float, ...]
    n_rotations: int
    growth_mb: float


def alone(tool: str, folder: Path, scale: argparse.Namespace, turns: Any) -> None:
    """Log as the only process: a warm-up, then a part at each turn."""
    log, close = TOOLS[tool](folder, scale.single_bytes, "gz")
    # Filled, since the pages of zeros() would only come with the calls and pass for growth.
    seconds = np.full(int(scale.calls * SHARE_OF_CALLS[tool]), 0.0, np.float32)
    parts = [seconds[: len(seconds) // 20].copy(), *np.array_split(seconds, N_PARTS)]
    n_before, rss_before = 0, 0.0
    for number, part in enumerate(parts):
        turns.recv()
        fill(part, log)
        wait_for_gzip(folder)
        if number == 0:
            n_before, rss_before = n_rotated(folder), rss_mb()
        turns.send(None)
    growth_mb = rss_mb() - rss_before
    longest_ms = tuple(1e3 * float(part.max()) for part in parts[1:])
    median, p999 = 1e6 * np.percentile(seconds, [50, 99.9])
    turns.send(Calls(len(seconds), float(median), float(p999), longest_ms, n_rotated(folder) - n_before, growth_mb))
    close()


def fill(seconds: np.ndarray, log: Log) -> None:
    for number in range(len(seconds)):
        fields = prediction(0, number)
        begin = time.perf_counter()
        log(**fields)
        seconds[number] = time.perf_counter() - begin


def n_rotated(folder: Path) -> int:
    return len(list(folder.glob("predictions.*"))) - 1


def wait_for_gzip(folder: Path) -> None:
    """Let work in the background end, so that it doesn't disturb whose turn is next."""
    until = time.monotonic() + PATIENCE_S
    while list(folder.glob("predictions.*.log")) and time.monotonic() < until:
        time.sleep(0.01)


def rss_mb() -> float:
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    except FileNotFoundError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def single_process(scale: argparse.Namespace) -> None:
    names = [OURS, LOGURU]
    with tempfile.TemporaryDirectory() as folder:
        calls = measure({name: Path(folder) / name for name in names}, scale)
    print(f"1 process, rotation at {scale.single_bytes / 1e6:g} MB, gzip\n")
    table(single_row(name, calls[name]) for name in names)
    ratio = max(calls[OURS].longest_ms) / max(calls[LOGURU].longest_ms)
    print(f"Longest call, {OURS}'s to {LOGURU}'s: {ratio:.3f}; {verdict(ratio, BAR_BLOCKED)}.")
    print(f"Memory: {calls[OURS].growth_mb:+.2f} MB; {verdict(calls[OURS].growth_mb, BAR_GROWTH_MB)}.")


def measure(folders: dict[str, Path], scale: argparse.Namespace) -> dict[str, Calls]:
    turns = {}
    for name, folder in folders.items():
        turns[name], other = CONTEXT.Pipe()
        CONTEXT.Process(target=alone, args=(name, folder, scale, other), daemon=True).start()
        other.close()
    for name in in_turn(list(folders), 1 + N_PARTS):
        turns[name].send(None)
        turns[name].recv()
    return {name: turn.recv() for name, turn in turns.items()}


def single_row(name: str, calls: Calls) -> dict[str, str]:
    return {
        "": name,
        "calls": f"{calls.n_calls:,}",
        "rotations": str(calls.n_rotations),
        "median call": f"{calls.median_us:.0f} µs",
        "p99.9": f"{calls.p999_us:,.0f} µs",
        "longest": f"{max(calls.longest_ms):,.1f} ms",
        f"longest, median of {N_PARTS} parts": f"{np.median(calls.longest_ms):,.1f} ms",
        "memory": f"{calls.growth_mb:+.2f} MB",
    }


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, help="of each process that shares a file (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=4, help="that share a file (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of all tools in turn (default: %(default)s)")
    parser.add_argument("--calls", type=int, help="of the process that is alone (default: %(default)s)")
    return parse_scale(parser, arguments, FULL, QUICK)


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.files', arguments, PACKAGES)}\n")
    shared_files(list(installed()), scale)
    single_process(scale)


if __name__ == "__main__":
    main(sys.argv[1:])
