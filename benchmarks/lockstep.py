"""Measure work side by side, by CPU time: each task in a process of its own, one block after the other in turn.

The order moves on from round to round, and a ratio is the median of the ratios of the blocks in one round, so that a
machine whose pace changes changes all of them alike. CPU time is the process's own: waiting doesn't count.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.common import in_turn

METHODS = multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
CONTEXT.set_forkserver_preload(["benchmarks.loggers"])


@dataclass(frozen=True, slots=True)
class Block:
    """What a block took: CPU and wall seconds, and the seconds of each of its calls where these were timed."""

    cpu_s: float
    wall_s: float
    calls_s: tuple[float, ...] = ()


Run: TypeAlias = Callable[[int], Block]  # of so many events
Close: TypeAlias = Callable[[], object]
Start: TypeAlias = Callable[[Path], tuple[Run, Close]]  # in a folder; pickles


@dataclass(slots=True)
class Blocks:
    """What was measured of one task: a value a block, in microseconds an event, and in microseconds a call."""

    cpu_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    p99_us: list[float] = field(default_factory=list)
    n_lines: int = 0
    n_calls: int = 0

    def add(self, block: Block, n_events: int) -> None:
        self.cpu_us.append(1e6 * block.cpu_s / n_events)
        self.wall_us.append(1e6 * block.wall_s / n_events)
        if block.calls_s:
            self.p50_us.append(1e6 * float(np.percentile(block.calls_s, 50)))
            self.p99_us.append(1e6 * float(np.percentile(block.calls_s, 99)))

    def ratio(self, other: Blocks, of: str = "cpu_us") -> float:
        return float(np.median(np.divide(getattr(self, of), getattr(other, of))))

    def median(self, of: str = "cpu_us") -> float:
        return float(np.median(getattr(self, of)))


def timed(work: Callable[[], object]) -> Block:
    """Do some work; what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Block(time.process_time() - cpu, time.perf_counter() - wall)


def measure(tasks: Mapping[str, Start], n_events: int, n_rounds: int) -> dict[str, Blocks]:
    """Measure tasks by name, after one round to warm up; the lines that each left are counted."""
    found = {name: Blocks() for name in tasks}
    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as stack:
        turns = {
            name: stack.enter_context(_running(start, Path(root) / str(number)))
            for number, (name, start) in enumerate(tasks.items())
        }
        for number, name in enumerate(in_turn(list(tasks), 1 + n_rounds)):
            turns[name].send(n_events)
            block = turns[name].recv()
            found[name].n_calls += n_events
            if number >= len(tasks):
                found[name].add(block, n_events)
        stack.close()
        for number, name in enumerate(tasks):
            found[name].n_lines = count_lines(Path(root) / str(number))
    return found


@contextlib.contextmanager
def _running(start: Start, folder: Path) -> Iterator[Any]:
    folder.mkdir()
    turns, other = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_serve, args=(start, folder, other), daemon=True)
    process.start()
    other.close()
    try:
        yield turns
        turns.send(0)
        turns.recv()
    finally:
        turns.close()  # a process that waits for its turn ends then
        process.join()


def _serve(start: Start, folder: Path, turns: Any) -> None:
    run, close = start(folder)
    with contextlib.suppress(EOFError):  # another task failed
        while n_events := turns.recv():
            turns.send(run(n_events))
        close()
        turns.send(None)


def count_lines(folder: Path) -> int:
    """Count the lines of all logs in a folder, live and rotated; none of them is compressed."""
    logs = [path for path in folder.iterdir() if path.name[0] != "." and path.suffix not in {".head", ".lock", ".json"}]
    return sum(path.read_bytes().count(b"\n") for path in logs)


@contextlib.contextmanager
def quiet_stderr(folder: Path) -> Iterator[None]:
    os.dup2(os.open(folder / "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), sys.stderr.fileno())
    yield
