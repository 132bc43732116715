"""How fast events are read back.

    python -m benchmarks.reading [--events N] [--rounds N]

Events of four kinds are logged through `sinks.configure`, read, and written as JSON lines, too. Then take turns, in an
order that moves on from round to round: `sevenfold.reading.read` of the text files; the standard library's json on the
JSON lines, to dicts; the same, made into Events with times, as read returns them; and orjson to dicts. Rates are
medians over rounds, in events per second of processor time; the ratio to json is the median of the rounds' ratios.
Last, the same events of all kinds from one folder, merged by time, and from gzipped files.
"""

import argparse
import gzip
import json
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import orjson
from loguru import logger

import sinks
from benchmarks.common import conditions
from sevenfold.cli.logs import as_json
from sevenfold.lines.parsing import Event
from sevenfold.reading.folder import read

Reader: TypeAlias = Callable[[], Iterable[object]]

OURS, JSON = "read", "json"
PACKAGES = ("loguru", "numpy", "orjson")


def log_predictions(n_events: int, rng: np.random.Generator) -> None:
    log = logger.bind(channel="predictions", model_version="b79c02fb7098")
    for n, (x, y, p) in enumerate(rng.random((n_events, 3))):
        decision = "approve" if p > 0.5 else "deny"  # noqa: PLR2004
        fields = {"features": {"income": x, "age": y}, "decision": decision, "confidence": max(p, 1 - p)}
        log.info("prediction", prediction_id=f"batch-{n:07}", **fields)


def log_requests(n_events: int, rng: np.random.Generator) -> None:
    log = logger.bind(channel="api", run_id="run-173915f463b0")
    for duration in rng.random(n_events):
        fields = {"http_request_method": "POST", "http_route": "/predict", "http_response_status_code": 200}
        log.info("request", request_id=rng.bytes(16).hex(), **fields, duration_ms=duration, client_address="in-process")


def log_epochs(n_events: int, rng: np.random.Generator) -> None:
    names = ("train_loss", "val_loss", "val_accuracy", "val_auc", "learning_rate", "epoch_duration_s")
    for epoch, numbers in enumerate(rng.random((n_events, len(names)))):
        logger.bind(channel="training").info("epoch", epoch=epoch, **dict(zip(names, numbers, strict=True)))


def log_text(n_events: int, rng: np.random.Generator) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    for share in rng.random(n_events):
        logger.bind(channel="monitoring").info("visit", user_agent=agent, query="a=1 b=2", path="/", share=share)


KINDS = {
    "predictions": ("predictions.log", log_predictions),
    "requests": ("api_requests.log", log_requests),
    "epochs": ("ml_pipeline.log", log_epochs),
    "text with spaces": ("monitoring.log", log_text),
}


def from_json(path: Path) -> Iterable[object]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def events_from_json(path: Path) -> Iterable[object]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            members: dict[str, Any] = json.loads(line)
            yield Event(**{**members, "time": datetime.fromisoformat(members["time"])})


def from_orjson(path: Path) -> Iterable[object]:
    with path.open("rb") as file:
        yield from map(orjson.loads, file)


def in_turn(readers: dict[str, Reader], n_rounds: int) -> dict[str, list[float]]:
    """Time each reader in each round, in seconds of the processor."""
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    names = list(readers)
    for number in range(n_rounds):
        shift = number % len(names)
        for name in (*names[shift:], *names[:shift]):
            started = time.process_time()  # others may be at work on the machine
            deque(readers[name](), maxlen=0)
            seconds[name].append(time.process_time() - started)
    return seconds


def row(title: str, n_events: int, seconds: dict[str, list[float]]) -> str:
    rates = [f"{n_events / statistics.median(times):,.0f}" for times in seconds.values()]
    ratio = statistics.median(theirs / ours for ours, theirs in zip(seconds[OURS], seconds[JSON], strict=True))
    return f"| {title} | {' | '.join(rates)} | {ratio:.2f} |"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=20_000, help="of each kind (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="(default: %(default)s)")
    parser.add_argument("--quick", action="store_const", const=500, dest="events", help="few events, for a look")
    options = parser.parse_args(arguments)
    print(f"{conditions('benchmarks.reading', arguments, PACKAGES)}\n")
    print(f"| events per second | {OURS} | {JSON} | json to Events | orjson | {OURS} : {JSON} |")
    print("|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sinks.configure(folder, console=None, rotation=None):
            for _, log in KINDS.values():
                log(options.events, np.random.default_rng(7))
        for title, (file, _) in KINDS.items():
            path, lines = folder / file, folder / f"{file}.jsonl"
            lines.write_text("".join(as_json(event) + "\n" for event in read(path)), encoding="utf-8")
            readers: dict[str, Reader] = {
                OURS: lambda path=path: read(path),  # type: ignore[misc]
                JSON: lambda lines=lines: from_json(lines),  # type: ignore[misc]
                "events": lambda lines=lines: events_from_json(lines),  # type: ignore[misc]
                "orjson": lambda lines=lines: from_orjson(lines),  # type: ignore[misc]
            }
            print(row(title, options.events, in_turn(readers, options.rounds)), flush=True)
        packed = folder / "packed.log.gz"
        packed.write_bytes(gzip.compress((folder / "api_requests.log").read_bytes()))
        n_rounds = min(options.rounds, 5)
        merged = in_turn({"merged": lambda: read(folder), "gzipped": lambda: read(packed)}, n_rounds)
        n_events = {"merged": options.events * len(KINDS), "gzipped": options.events}
        packed.unlink()
        for how, title in (("merged", "a folder, merged by time"), ("gzipped", "requests, gzipped")):
            print(f"| {title} | {n_events[how] / statistics.median(merged[how]):,.0f} | | | | |")


if __name__ == "__main__":
    main(sys.argv[1:])
