"""What a logging call costs beside other loggers: in one thread, in eight, and in several processes.

    python -m benchmarks.speed [--events N] [--rounds N] [--quick] [--only PART]

1. One thread, by CPU time. The five text channels take turns (a prediction with four features, a decision and a
   confidence among them); then the audit trail alone, as JSON, which only Sevenfold chains. Rotation at 10 MB, nothing
   compressed, no console; textbook loguru formats ``{extra}`` and microseconds, as Sevenfold's lines do.
2. Threads. Eight of them make the same calls through one set of handlers: wall time, and percentiles of a call.
3. Processes. One, four and sixteen of them, each with handlers of its own, write to the same files: lines per second.

`benchmarks.lockstep` says how all of this is measured. Afterwards the lines in all files are counted.
"""

import argparse
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.common import OURS, conditions, in_turn, parse_scale, table, verdict
from benchmarks.lockstep import CONTEXT, Block, Close, Run, Start, count_lines, measure, quiet_stderr, timed
from benchmarks.loggers import AUDIT, CHANNELS, CLH, CORE, STDLIB, TEXT, TEXTBOOK, TOOLS, event, installed

FULL = {"events": 3_000, "rounds": 15}
QUICK = {"events": 300, "rounds": 2}
N_THREADS = 8
PROCESSES = (1, 4, 16)
PATIENCE_S = 120.0
RIVALS_IN_THREADS = (OURS, TEXTBOOK, STDLIB, "logust")
RIVALS_IN_PROCESSES = (OURS, TEXTBOOK, STDLIB, CLH)
BAR_TEXTBOOK, BAR_STDLIB, BAR_AUDIT = 0.78, 0.75, 1.10
PACKAGES = ("loguru", "numpy", "orjson", "structlog", "logust", "concurrent-log-handler", "picologging")

Channels: TypeAlias = Sequence[str]
PARTS: dict[str, Channels] = {"five text channels in turn": TEXT, "the audit trail": (AUDIT,)}


def log_blocks(tool: str, channels: Channels, folder: Path) -> tuple[Run, Close]:
    emit, close = TOOLS[tool](folder)
    return partial(_log, emit, channels), close


def _log(emit: Callable[..., object], channels: Channels, n_events: int) -> Block:
    events = [event(number, channels) for number in range(n_events)]

    def call() -> None:
        for channel, message, fields in events:
            emit(channel, message, **fields)

    return timed(call)


def log_in_threads(tool: str, channels: Channels, folder: Path) -> tuple[Run, Close]:
    emit, close = TOOLS[tool](folder)
    return partial(_log_in_threads, emit, channels), close


def _log_in_threads(emit: Callable[..., object], channels: Channels, n_events: int) -> Block:
    calls_s: list[list[float]] = []
    barrier = threading.Barrier(N_THREADS)
    work = (emit, channels, n_events // N_THREADS, barrier, calls_s)
    threads = [threading.Thread(target=_call, args=work) for _ in range(N_THREADS)]

    def run() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    block = timed(run)
    return Block(block.cpu_s, block.wall_s, tuple(itertools.chain.from_iterable(calls_s)))


def _call(
    emit: Callable[..., object], channels: Channels, n_events: int, barrier: Any, calls_s: list[list[float]]
) -> None:
    events, taken = [event(number, channels) for number in range(n_events)], []
    barrier.wait(PATIENCE_S)
    for channel, message, fields in events:
        begin = time.perf_counter()
        emit(channel, message, **fields)
        taken.append(time.perf_counter() - begin)
    calls_s.append(taken)


def one_thread(names: Sequence[str], part: str, scale: argparse.Namespace) -> None:
    tasks: dict[str, Start] = {name: partial(log_blocks, name, PARTS[part]) for name in names}
    found = measure(tasks, scale.events, scale.rounds)
    print(f"One thread, {part}, {scale.rounds} blocks of {scale.events:,} events\n")
    ours = found[OURS]
    table(
        {
            "": name,
            "CPU an event": f"{blocks.median():.1f} µs",
            f"{OURS} to it": f"{ours.ratio(blocks):.2f}",
            "lines missing": "-" if name == CORE else f"{blocks.n_calls - blocks.n_lines:,}",
        }
        for name, blocks in found.items()
    )
    bars = {TEXTBOOK: BAR_AUDIT} if part == "the audit trail" else {TEXTBOOK: BAR_TEXTBOOK, STDLIB: BAR_STDLIB}
    for rival, bar in bars.items():
        value = ours.ratio(found[rival])
        print(f"{OURS} to {rival}: {value:.2f}; {verdict(value, bar)}.")
    print()


def many_threads(names: Sequence[str], part: str, scale: argparse.Namespace) -> None:
    n_events = scale.events // N_THREADS * N_THREADS
    chosen = [name for name in names if name in RIVALS_IN_THREADS]
    tasks: dict[str, Start] = {name: partial(log_in_threads, name, PARTS[part]) for name in chosen}
    found = measure(tasks, n_events, scale.rounds)
    print(f"{N_THREADS} threads, {part}, {scale.rounds} blocks of {n_events:,} events\n")
    ours = found[OURS]
    table(
        {
            "": name,
            "events/s": f"{1e6 / blocks.median('wall_us'):,.0f}",
            f"{OURS}'s throughput to it": f"{1 / ours.ratio(blocks, 'wall_us'):.2f}",
            "p50 of a call": f"{blocks.median('p50_us'):,.0f} µs",
            "p99": f"{blocks.median('p99_us'):,.0f} µs",
            f"{OURS}'s p99 to it": f"{ours.ratio(blocks, 'p99_us'):.2f}",
            "lines missing": f"{blocks.n_calls - blocks.n_lines:,}",
        }
        for name, blocks in found.items()
    )


def share(tool: str, n_processes: int, n_events: int, channels: Channels) -> tuple[float, float, int]:
    """Have several processes write to the same files: wall and CPU microseconds an event, and lines missing."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "logs"
        folder.mkdir()
        barrier = CONTEXT.Barrier(n_processes)
        work = (n_events, channels)
        workers = [
            CONTEXT.Process(target=write_shared, args=(tool, folder, Path(root) / f"{i}.json", work, barrier))
            for i in range(n_processes)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        reports = [json.loads(path.read_text(encoding="utf-8")) for path in Path(root).glob("*.json")]
        begins, ends, cpu_s = zip(*reports, strict=True)
        n_calls = n_processes * n_events
        return 1e6 * (max(ends) - min(begins)) / n_calls, 1e6 * sum(cpu_s) / n_calls, n_calls - count_lines(folder)


def write_shared(tool: str, folder: Path, report: Path, work: tuple[int, Channels], barrier: Any) -> None:
    n_events, channels = work
    with quiet_stderr(report.parent):
        emit, close = TOOLS[tool](folder)
        events = [event(number, channels) for number in range(n_events)]
        barrier.wait(PATIENCE_S)
        begin, cpu = time.monotonic(), time.process_time()
        for channel, message, fields in events:
            emit(channel, message, **fields)
        close()
        said = (begin, time.monotonic(), time.process_time() - cpu)
        report.write_text(json.dumps(said), encoding="utf-8")


def many_processes(names: Sequence[str], n_processes: int, scale: argparse.Namespace) -> None:
    chosen = [name for name in names if name in RIVALS_IN_PROCESSES]
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in chosen}
    n_events = 2 * scale.events // n_processes
    n_rounds = max(1, scale.rounds // 3)
    for name in in_turn(chosen, n_rounds):
        found[name].append(share(name, n_processes, n_events, CHANNELS))
    print(f"{n_processes} processes, six channels, {n_events:,} events each; rounds: {n_rounds}\n")
    wall_us = {name: np.array([wall for wall, _, _ in shares]) for name, shares in found.items()}
    table(
        {
            "": name,
            "events/s": f"{1e6 / np.median(wall_us[name]):,.0f}",
            f"{OURS}'s throughput to it": f"{np.median(wall_us[name] / wall_us[OURS]):.2f}",
            "CPU an event": f"{np.median([cpu for _, cpu, _ in shares]):.1f} µs",
            "lines missing": f"{sum(lost for _, _, lost in shares):,}",
        }
        for name, shares in found.items()
    )


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
    for part in PARTS:
        if scale.only in {None, "one-thread"}:
            one_thread(names, part, scale)
        if scale.only in {None, "threads"}:
            many_threads(names, part, scale)
    for n_processes in PROCESSES:
        if scale.only in {None, "processes"}:
            many_processes(names, n_processes, scale)


if __name__ == "__main__":
    main(sys.argv[1:])
