"""What a prediction costs when a whole table is logged in one call, and what one more channel costs.

    python -m benchmarks.bulk [--rows N] [--rounds N] [--quick]

1. Bulk. ``batch=`` columns (four features, a decision, a confidence, all digits) against textbook loguru, a call for
   each row; features as lists, and by name. Both rotate at 10 MB and compress nothing. Afterwards every line of the
   last round is read back and compared with the arrays.
2. Channels. A logging call with 7, 28 and 100 channels, against loguru with as many handlers that reject the record.

All take turns within each round; ratios are medians of the ratios within a round.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import OURS, conditions, parse_scale, table, verdict
from benchmarks.loggers import MAX_BYTES, TEXTBOOK, textbook
from sevenfold.reading.folder import read

FULL = {"rows": 1_000_000, "rounds": 5, "calls": 2_000, "channel_rounds": 15}
QUICK = {"rows": 3_000, "rounds": 1, "calls": 100, "channel_rounds": 1}
ROWS_ONE_BY_ONE = 20_000  # at most
NAMES = ("income", "age", "debt", "tenure")
BARS = {"as lists": 30.0, "by name": 12.0}
N_CHANNELS = (7, 28, 100)
BAR_CHANNEL_US = 0.12
PACKAGES = ("loguru", "numpy", "orjson")
Columns = dict[str, Any]


def columns(n_rows: int, rng: np.random.Generator) -> dict[str, Columns]:
    features, confidence = rng.normal(size=(n_rows, 4)), rng.random(n_rows)
    decision = np.where(features[:, 0] > 0, "approve", "deny").tolist()
    rest = {"decision": decision, "confidence": confidence}
    named = {name: features[:, i] for i, name in enumerate(NAMES)}
    return {"as lists": {"features": features, **rest}, "by name": {"features": named, **rest}}


def rows(batch: Columns, n_rows: int) -> list[dict[str, Any]]:
    features = batch["features"]
    if isinstance(features, dict):
        by_row = zip(*map(np.ndarray.tolist, features.values()), strict=True)
        listed: Any = [dict(zip(NAMES, row, strict=True)) for row in by_row]
    else:
        listed = features.tolist()
    fields = zip(listed[:n_rows], batch["decision"][:n_rows], batch["confidence"][:n_rows].tolist(), strict=True)
    return [dict(zip(batch, row, strict=True)) for row in fields]


def in_one_call(folder: Path, batch: Columns, n_rows: int) -> float:
    with sinks.configure(folder, rotation=MAX_BYTES, compression=None, console=None):
        log = logger.bind(channel="predictions")
        begin = time.perf_counter()
        log.info("prediction", batch=batch)
        return 1e6 * (time.perf_counter() - begin) / n_rows


def one_by_one(folder: Path, batch: Columns, n_rows: int) -> float:
    events = rows(batch, n_rows)
    emit, close = textbook(folder)
    begin = time.perf_counter()
    for fields in events:
        emit("predictions", "prediction", **fields)
    taken = time.perf_counter() - begin
    close()
    return 1e6 * taken / n_rows


def bulk(scale: argparse.Namespace) -> None:
    batches = columns(scale.rows, np.random.default_rng(7))
    found = []
    for words, batch in batches.items():
        ours, theirs = [], []
        for number in range(scale.rounds):
            with tempfile.TemporaryDirectory() as folder:
                theirs.append(one_by_one(Path(folder) / "theirs", batch, min(scale.rows, ROWS_ONE_BY_ONE)))
                ours.append(in_one_call(Path(folder) / "ours", batch, scale.rows))
                if number == scale.rounds - 1:
                    check(Path(folder) / "ours", batch)
        ratio = float(np.median(np.divide(theirs, ours)))
        found.append((words, np.median(ours), np.median(theirs), ratio))
    print(f"{scale.rows:,} rows in one call; {scale.rounds} rounds; every line read back equals the arrays\n")
    table(
        {"features": words, OURS: f"{ours:.2f} µs a row", TEXTBOOK: f"{theirs:.1f} µs a row", "ratio": f"{ratio:.0f}"}
        for words, ours, theirs, ratio in found
    )
    for words, _, _, ratio in found:
        print(f"Features {words}, {TEXTBOOK} to {OURS}: {ratio:.1f}; {verdict(ratio, BARS[words], least=True)}.")
    print()


def check(folder: Path, batch: Columns) -> None:
    """Compare what was written with what was logged, to the last bit."""
    logged, n_rows = batch["features"], len(batch["decision"])
    found = [event.fields for event in read(folder, channel="predictions")]
    features = [fields["features"] for fields in found]
    if isinstance(logged, dict):
        same = all([row[name] for row in features] == column.tolist() for name, column in logged.items())
    else:
        same = features == logged.tolist()
    same = same and [fields["confidence"] for fields in found] == batch["confidence"].tolist()
    same = same and [fields["decision"] for fields in found] == batch["decision"]
    if not same or len(found) != n_rows:
        raise RuntimeError("what was read isn't what was logged")


def per_call(log: Callable[..., object], n_calls: int) -> float:
    log("epoch", epoch=1, loss=0.5)
    begin = time.perf_counter()
    for number in range(n_calls):
        log("epoch", epoch=number, loss=0.5)
    return 1e6 * (time.perf_counter() - begin) / n_calls


def with_channels(folder: Path, n_channels: int, n_calls: int) -> float:
    more = tuple(sinks.Channel(f"more-{i}", f"more-{i}.log") for i in range(n_channels - len(sinks.CHANNELS)))
    with sinks.configure(folder, channels=(*sinks.CHANNELS, *more), console=None):
        return per_call(logger.bind(channel="training").info, n_calls)


def with_handlers(n_handlers: int, n_calls: int) -> float:
    logger.remove()
    logger.add(_nothing, format="")
    for i in range(n_handlers - 1):
        logger.add(_nothing, format="", filter=lambda record, name=f"more-{i}": record["extra"].get("channel") == name)
    taken = per_call(logger.bind(channel="training").info, n_calls)
    logger.remove()
    return taken


def _nothing(_: Any) -> None:
    pass


def channels(scale: argparse.Namespace) -> None:
    ours: dict[int, list[float]] = {n: [] for n in N_CHANNELS}
    theirs: dict[int, list[float]] = {n: [] for n in N_CHANNELS}
    for _ in range(scale.channel_rounds):
        with tempfile.TemporaryDirectory() as folder:
            for n in N_CHANNELS:
                ours[n].append(with_channels(Path(folder) / str(n), n, scale.calls))
                theirs[n].append(with_handlers(n, scale.calls))
    print(f"A call with so many channels, medians of {scale.channel_rounds} rounds of {scale.calls:,} calls\n")
    table(
        {
            "channels": str(n),
            OURS: f"{np.median(ours[n]):.1f} µs",
            "loguru, rejecting handlers": f"{np.median(theirs[n]):.1f} µs",
        }
        for n in N_CHANNELS
    )
    first, last = N_CHANNELS[0], N_CHANNELS[-1]
    one_more = [float(np.median(np.subtract(us[last], us[first]))) / (last - first) for us in (ours, theirs)]
    print(f"One channel more: {one_more[0]:.3f} µs, one rejecting handler more: {one_more[1]:.3f} µs;", end=" ")
    print(f"{verdict(one_more[0], max(BAR_CHANNEL_US, one_more[1]))}.\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, help="of the table (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of all in turn (default: %(default)s)")
    return parse_scale(parser, arguments, FULL, QUICK)


def main(arguments: Sequence[str]) -> None:
    scale = parse(arguments)
    print(f"{conditions('benchmarks.bulk', arguments, PACKAGES)}\n")
    bulk(scale)
    channels(scale)


if __name__ == "__main__":
    main(sys.argv[1:])
