"""What real events cost beside a constant one: kinds of values, many fields, long messages, many channels.

    python -m benchmarks.events [--events N] [--rounds N] [--quick]

Each event goes through `sinks.configure` to its file, by CPU time; nothing is rotated or compressed. The constant event
has one message and five fields: three floats, an integer, a text. Each kind has another value, or another message, in
place of one of these. All take turns, and a ratio is the median of the ratios within a round.
"""

import argparse
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import conditions, parse_scale, table, verdict
from benchmarks.lockstep import Block, Blocks, Close, Run, Start, measure, timed

FULL = {"events": 1_000, "rounds": 21}
QUICK = {"events": 100, "rounds": 3}
PACKAGES = ("loguru", "numpy", "orjson")
N_VALUES = 1_000
FLOATS = np.random.default_rng(7).normal(size=(N_VALUES, 4))
NAMES = ["income", "age", "debt"]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CONSTANT = "a constant message"

Event: TypeAlias = tuple[str, dict[str, Any]]


def value(number: int, column: int = 0) -> float:
    return float(FLOATS[number % N_VALUES, column])


def fields(number: int, last: Any) -> dict[str, Any]:
    return {"loss": value(number), "gap": value(number, 1), "epoch": number, "status": "approve", "value": last}


def of_value(make: Callable[[int], Any]) -> Callable[[int], Event]:
    return lambda number: ("epoch", fields(number, make(number)))


def of_message(make: Callable[[int], str]) -> Callable[[int], Event]:
    return lambda number: (make(number), fields(number, value(number, 2)))


KINDS: dict[str, Callable[[int], Event]] = {
    CONSTANT: of_message(lambda _: "epoch"),
    "a message of its own": of_message(lambda number: f"epoch {number} took {value(number):.3f} s"),
    "None": of_value(lambda _: None),
    "a list of texts": of_value(lambda _: NAMES),
    "a tuple": of_value(lambda number: (value(number), number, "x")),
    "an object": of_value(lambda number: {"income": value(number), "age": number, "city": "Rome"}),
    "nested objects": of_value(lambda number: {"a": {"b": value(number), "c": [1, 2, None]}}),
    "np.float32": of_value(lambda number: np.float32(value(number))),
    "np.int64": of_value(np.int64),
    "an array of four": of_value(lambda number: FLOATS[number % N_VALUES]),
    "a datetime": of_value(lambda number: BEGIN + timedelta(seconds=1.234567 * number)),
    "a UUID": of_value(lambda number: uuid.UUID(int=number * 7919**30 % 2**128)),
}
BAR_KIND, BAR_FIELDS, BAR_LENGTH = 1.25, 2.2, 1.5
LENGTHS = (20, 200, 1_000, 10_000)
N_BOUND = (0, 5, 15, 30)
N_CHANNELS = (7, 20, 100)


def of_kind(name: str, folder: Path) -> tuple[Run, Close]:
    return _configured(folder, KINDS[name])


def of_length(length: int, folder: Path) -> tuple[Run, Close]:
    message = ("words and more words " * length)[:length]
    return _configured(folder, of_message(lambda _: message))


def of_bound(n_bound: int, folder: Path) -> tuple[Run, Close]:
    bound = {f"field_{number}": value(number) for number in range(n_bound)}
    return _configured(folder, of_message(lambda _: "epoch"), **bound)


def of_channels(n_channels: int, folder: Path) -> tuple[Run, Close]:
    more = tuple(
        sinks.Channel(f"own_{number}", f"own_{number}.log") for number in range(n_channels - len(sinks.CHANNELS))
    )
    return _configured(folder, KINDS[CONSTANT], channels=(*sinks.CHANNELS, *more))


def _configured(
    folder: Path, make: Callable[[int], Event], channels: Any = sinks.CHANNELS, **bound: Any
) -> tuple[Run, Close]:
    handle = sinks.configure(folder, console=None, rotation=None, channels=channels)
    log = logger.bind(channel="training", **bound).info
    return partial(_log, log, make, count()), handle.close


def _log(log: Callable[..., None], make: Callable[[int], Event], numbers: Iterator[int], n_events: int) -> Block:
    events = [make(next(numbers)) for _ in range(n_events)]

    def call() -> None:
        for message, said in events:
            log(message, **said)

    return timed(call)


def show(title: str, found: dict[str, Blocks], base: str) -> dict[str, float]:
    ratios = {name: blocks.ratio(found[base]) for name, blocks in found.items()}
    table(
        {title: name, "CPU an event": f"{blocks.median():.1f} µs", "ratio": f"{ratios[name]:.2f}"}
        for name, blocks in found.items()
    )
    return ratios


def compare(title: str, tasks: dict[str, Start], base: str, scale: argparse.Namespace) -> dict[str, float]:
    return show(title, measure(tasks, scale.events, scale.rounds), base)


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.events', arguments, PACKAGES)}\n")
    kinds = compare("an event with", {name: partial(of_kind, name) for name in KINDS}, CONSTANT, scale)
    worst = max((name for name in KINDS if name not in {"an object", "an array of four"}), key=kinds.__getitem__)
    print(f"the dearest, {worst}: {kinds[worst]:.2f}; {verdict(kinds[worst], BAR_KIND)}.\n")
    fewest = compare("bound fields", {str(number): partial(of_bound, number) for number in N_BOUND}, "5", scale)
    print(f"30 bound fields to 5: {fewest['30']:.2f}; {verdict(fewest['30'], BAR_FIELDS)}.\n")
    lengths = compare("characters", {f"{length:,}": partial(of_length, length) for length in LENGTHS}, "20", scale)
    print(f"1,000 characters to 20: {lengths['1,000']:.2f}; {verdict(lengths['1,000'], BAR_LENGTH)}.\n")
    compare("channels", {str(number): partial(of_channels, number) for number in N_CHANNELS}, "7", scale)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, help="in a block (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of all in turn (default: %(default)s)")
    return parse_scale(parser, arguments, FULL, QUICK)


if __name__ == "__main__":
    main(sys.argv[1:])
