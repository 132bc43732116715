"""What a logging call costs: seven files through each logger, in one thread, in eight, and in four processes.

    python -m benchmarks.speed [--events N] [--rounds N] [--quick]

1. One thread. Six channels take turns (a prediction with four features, a decision and a confidence among them; audit
   as JSON), rotation at 10 MB, nothing compressed, no console. "Extra" is what comes on top of loguru's own core with
   seven sinks that do nothing.
2. Threads. Eight of them make the same calls through one set of handlers.
3. Processes. Four of them, each with handlers of its own, write to the same files.

Each once with all six channels, and once without the audit trail, which nobody else chains: under one lock for all
processes, an event of it costs as much as three others.

Each tool has processes of its own. They take turns, block by block, in an order that moves on from round to round; a
ratio is the median of the ratios of the blocks in one round. Afterwards the lines in all files are counted.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.common import conditions, in_turn, parse_scale, table, verdict
from benchmarks.loggers import AUDIT, CHANNELS, CLH, CORE, FILES, OURS, STDLIB, TEXT, TEXTBOOK, TOOLS, event, installed

FULL = {"events": 6_000, "rounds": 15}
QUICK = {"events": 600, "rounds": 2}
N_THREADS, N_PROCESSES = 8, 4
N_PROBES = 20
PATIENCE_S = 120.0
RIVALS_IN_THREADS = (OURS, TEXTBOOK, STDLIB, "logust")
RIVALS_IN_PROCESSES = (OURS, TEXTBOOK, STDLIB, CLH)
BAR_TEXTBOOK, BAR_STDLIB, BAR_CORE = 0.80, 0.70, 1.4
BAR_THREADS, BAR_P99 = 1.25, 0.7
BAR_PROCESSES, BAR_PROCESSES_CLH = 1.2, 2.5
PACKAGES = ("loguru", "numpy", "orjson", "structlog", "logust", "concurrent-log-handler")
METHODS = multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
CONTEXT.set_forkserver_preload(["benchmarks.loggers"])


Channels: TypeAlias = Sequence[str]


def words_for(channels: Channels) -> str:
    return "six channels" if AUDIT in channels else "five channels, without the audit trail"


@dataclass(slots=True)
class Blocks:
    """What was measured of one tool: a value a block, in microseconds."""

    us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    n_lines: int = 0
    n_calls: int = 0
    on_disk: bool = False

    def ratio(self, other: "Blocks", of: str = "us") -> float:
        return float(np.median(np.divide(getattr(self, of), getattr(other, of))))


def count_lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.iterdir() if path.name[0] != "." and is_log(path))


def is_log(path: Path) -> bool:
    return any(path.name.startswith(Path(file).stem) for file in FILES.values()) and path.suffix not in {
        ".head",
        ".lock",
    }


@contextlib.contextmanager
def quiet_stderr(folder: Path) -> Iterator[None]:
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), sys.stderr.fileno())
    yield


def serve_blocks(tool: str, folder: Path, n_threads: int, turns: Any) -> None:
    """Log a block at each turn, as a process of its own."""
    emit, close = TOOLS[tool](folder)
    for number in range(len(CHANNELS)):  # what is loaded or learnt at the first call
        log(emit, number)
    turns.send(tool != CORE and is_on_disk_at_return(emit, folder))
    while events := turns.recv():
        turns.send(block(emit, *events) if n_threads == 1 else threads(emit, *events, n_threads))
    close()
    turns.send(None)


def is_on_disk_at_return(emit: Callable[..., object], folder: Path) -> bool:
    """Whether each of some calls has its line in its file when it returns."""
    file = folder / FILES[CHANNELS[0]]
    sizes = [file.stat().st_size]
    for _ in range(N_PROBES):
        log(emit, 0)
        sizes.append(file.stat().st_size)
    return all(before < after for before, after in itertools.pairwise(sizes))


def log(emit: Callable[..., object], number: int) -> None:
    channel, message, fields = event(number)
    emit(channel, message, **fields)


def block(emit: Callable[..., object], n_events: int, channels: Channels) -> tuple[float, float]:
    events = [event(number, channels) for number in range(n_events)]
    begin = time.perf_counter()
    for channel, message, fields in events:
        emit(channel, message, **fields)
    return 1e6 * (time.perf_counter() - begin) / n_events, 0.0


def threads(emit: Callable[..., object], n_events: int, channels: Channels, n_threads: int) -> tuple[float, float]:
    barrier = threading.Barrier(n_threads + 1)
    durations: list[list[float]] = []
    arguments = (emit, n_events // n_threads, channels, barrier, durations)
    workers = [threading.Thread(target=timed, args=arguments) for _ in range(n_threads)]
    for worker in workers:
        worker.start()
    barrier.wait(PATIENCE_S)
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    total_s = time.perf_counter() - begin
    return 1e6 * total_s / n_events, 1e6 * float(np.percentile(np.concatenate(durations), 99))


def timed(
    emit: Callable[..., object], n_events: int, channels: Channels, barrier: Any, durations: list[list[float]]
) -> None:
    events, taken = [event(number, channels) for number in range(n_events)], []
    barrier.wait(PATIENCE_S)
    for channel, message, fields in events:
        begin = time.perf_counter()
        emit(channel, message, **fields)
        taken.append(time.perf_counter() - begin)
    durations.append(taken)


def measure(names: Sequence[str], channels: Channels, n_threads: int, scale: argparse.Namespace) -> dict[str, Blocks]:
    found = {name: Blocks() for name in names}
    with tempfile.TemporaryDirectory() as root:
        turns, workers = {}, []
        for number, name in enumerate(names):
            folder = Path(root) / str(number)
            folder.mkdir()
            turns[name], other = CONTEXT.Pipe()
            workers.append(CONTEXT.Process(target=serve_blocks, args=(name, folder, n_threads, other), daemon=True))
            workers[-1].start()
            other.close()
            found[name].on_disk = turns[name].recv()
            found[name].n_calls = len(CHANNELS) + (N_PROBES if name != CORE else 0)
        n_events = scale.events // n_threads * n_threads
        for name in in_turn(names, 1 + scale.rounds):  # the first round warms up
            turns[name].send((n_events, channels))
            us, p99_us = turns[name].recv()
            found[name].us.append(us)
            found[name].p99_us.append(p99_us)
            found[name].n_calls += n_events
        for number, name in enumerate(names):
            turns[name].send(None)
            turns[name].recv()
            workers[number].join()
            found[name].n_lines = count_lines(Path(root) / str(number))
    for blocks in found.values():
        del blocks.us[0], blocks.p99_us[0]
    return found


def one_thread(names: Sequence[str], channels: Channels, scale: argparse.Namespace) -> None:
    found = measure(names, channels, 1, scale)
    print(f"One thread, {words_for(channels)}, {scale.rounds} blocks of {scale.events:,} events\n")
    ours = found[OURS]
    table(
        {
            "": name,
            "an event": f"{np.median(blocks.us):.1f} µs",
            f"{OURS} to it": f"{ours.ratio(blocks):.2f}",
            "lines missing": "-" if name == CORE else f"{blocks.n_calls - blocks.n_lines:,}",
            "on disk at return": "-" if name == CORE else "yes" if blocks.on_disk else "no",
        }
        for name, blocks in found.items()
    )
    core = found[CORE]
    extra = float(np.median((np.array(ours.us) - core.us) / core.us))
    for value, bar, words in (
        (ours.ratio(found[TEXTBOOK]), BAR_TEXTBOOK, f"to {TEXTBOOK}"),
        (ours.ratio(found[STDLIB]), BAR_STDLIB, f"to {STDLIB}"),
        (extra, BAR_CORE, "extra over loguru's core, to that core"),
    ):
        print(f"{OURS} {words}: {value:.2f}; {verdict(value, bar)}.")
    print()


def many_threads(names: Sequence[str], channels: Channels, scale: argparse.Namespace) -> None:
    found = measure([name for name in names if name in RIVALS_IN_THREADS], channels, N_THREADS, scale)
    print(f"{N_THREADS} threads, {words_for(channels)}, {scale.rounds} blocks of {scale.events:,} events\n")
    ours = found[OURS]
    table(
        {
            "": name,
            "events/s": f"{1e6 / np.median(blocks.us):,.0f}",
            f"{OURS}'s throughput to it": f"{1 / ours.ratio(blocks):.2f}",
            "p99 of a call": f"{np.median(blocks.p99_us):,.0f} µs",
            f"{OURS}'s p99 to it": f"{ours.ratio(blocks, 'p99_us'):.2f}",
            "lines missing": f"{blocks.n_calls - blocks.n_lines:,}",
        }
        for name, blocks in found.items()
    )
    throughput, p99 = 1 / ours.ratio(found[TEXTBOOK]), ours.ratio(found[TEXTBOOK], "p99_us")
    print(f"Throughput to {TEXTBOOK}: {throughput:.2f}; {verdict(throughput, BAR_THREADS, least=True)}.")
    print(f"p99 to {TEXTBOOK}: {p99:.2f}; {verdict(p99, BAR_P99)}.\n")


def share(tool: str, n_events: int, channels: Channels) -> tuple[float, int]:
    """Have several processes write to the same files: microseconds an event over all, and lines missing."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "logs"
        folder.mkdir()
        barrier = CONTEXT.Barrier(N_PROCESSES)
        workers = [
            CONTEXT.Process(
                target=write_shared, args=(tool, folder, Path(root) / f"{i}.json", (n_events, channels), barrier)
            )
            for i in range(N_PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        begins, ends = zip(
            *(json.loads(path.read_text(encoding="utf-8")) for path in Path(root).glob("*.json")), strict=True
        )
        n_calls = N_PROCESSES * n_events
        return 1e6 * (max(ends) - min(begins)) / n_calls, n_calls - count_lines(folder)


def write_shared(tool: str, folder: Path, report: Path, work: tuple[int, Channels], barrier: Any) -> None:
    n_events, channels = work
    with quiet_stderr(report.parent):
        emit, close = TOOLS[tool](folder)
        events = [event(number, channels) for number in range(n_events)]
        barrier.wait(PATIENCE_S)
        begin = time.monotonic()
        for channel, message, fields in events:
            emit(channel, message, **fields)
        close()
        report.write_text(json.dumps((begin, time.monotonic())), encoding="utf-8")


def many_processes(names: Sequence[str], channels: Channels, scale: argparse.Namespace) -> None:
    chosen = [name for name in names if name in RIVALS_IN_PROCESSES]
    us: dict[str, list[float]] = {name: [] for name in chosen}
    missing = dict.fromkeys(chosen, 0)
    for name in in_turn(chosen, max(1, scale.rounds // 3)):
        taken, lost = share(name, scale.events, channels)
        us[name].append(taken)
        missing[name] += lost
    print(f"{N_PROCESSES} processes, {words_for(channels)}, {scale.events:,} events each; rounds: {len(us[OURS])}\n")
    ratios = {name: float(np.median(np.divide(us[name], us[OURS]))) for name in chosen}
    table(
        {
            "": name,
            "events/s": f"{1e6 / np.median(us[name]):,.0f}",
            f"{OURS}'s throughput to it": f"{ratios[name]:.2f}",
            "lines missing": f"{missing[name]:,}",
        }
        for name in chosen
    )
    for rival, bar in ((TEXTBOOK, BAR_PROCESSES), (CLH, BAR_PROCESSES_CLH)):
        if rival in ratios:
            print(f"Throughput to {rival}: {ratios[rival]:.2f}; {verdict(ratios[rival], bar, least=True)}.")
    print()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, help="in a block (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of all tools in turn (default: %(default)s)")
    parser.add_argument("--only", choices=["one-thread", "threads", "processes"])
    return parse_scale(parser, arguments, FULL, QUICK)


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.speed', arguments, PACKAGES)}\n")
    names = installed()
    for part, measured in (("one-thread", one_thread), ("threads", many_threads), ("processes", many_processes)):
        if scale.only in {None, part}:
            measured(names, CHANNELS, scale)
            measured(names, TEXT, scale)


if __name__ == "__main__":
    main(sys.argv[1:])
