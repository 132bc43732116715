"""One file through each logger that `benchmarks.files` compares, all set to the same work.

A tool takes a folder, a limit in bytes, and "gz" or None; it returns the functions that log a prediction and close.
"""

import gzip
import importlib
import importlib.util
import logging
import logging.handlers
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import OURS

Log: TypeAlias = Callable[..., object]  # is given the fields of a prediction
Close: TypeAlias = Callable[[], object]
Tool: TypeAlias = Callable[[Path, int, str | None], tuple[Log, Close]]  # of a folder, its limit in bytes, "gz" or None

FILE = "predictions.log"
N_BACKUPS = 500  # more than there can be: what a rival deletes on purpose mustn't count as lost
FEATURES = np.random.default_rng(7).normal(size=(1000, 4)).tolist()


def prediction(writer: int, number: int) -> dict[str, Any]:
    income, age, debt, tenure = FEATURES[number % len(FEATURES)]
    return {
        "prediction_id": f"w{writer}-{number:07}",
        "features": {"income": income, "age": age, "debt": debt, "tenure": tenure},
        "confidence": 0.5 + abs(age) / 10,
        "decision": "approve" if income > 0 else "deny",
    }


def sevenfold(folder: Path, max_bytes: int, compression: str | None) -> tuple[Log, Close]:
    handle = sinks.configure(folder, rotation=max_bytes, compression=compression, console=None)
    return partial(logger.bind(channel="predictions").info, "prediction"), handle.close


def loguru(folder: Path, max_bytes: int, compression: str | None, *, watch: bool = False) -> tuple[Log, Close]:
    logger.remove()
    line = "{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <8} | {message} | {extra}"
    logger.add(folder / FILE, format=line, rotation=max_bytes, compression=compression, watch=watch)
    return partial(logger.bind(channel="predictions").info, "prediction"), logger.remove


def rotating_file_handler(folder: Path, max_bytes: int, compression: str | None) -> tuple[Log, Close]:
    handler = logging.handlers.RotatingFileHandler(folder / FILE, maxBytes=max_bytes, backupCount=N_BACKUPS)
    if compression:
        handler.namer = "{}.gz".format
        handler.rotator = gzip_and_remove
    return with_logging(handler)


def gzip_and_remove(source: str, target: str) -> None:
    with Path(source).open("rb") as file, gzip.open(target, "wb") as packed:
        shutil.copyfileobj(file, packed)
    Path(source).unlink()


def concurrent_log_handler(folder: Path, max_bytes: int, compression: str | None) -> tuple[Log, Close]:
    make = importlib.import_module("concurrent_log_handler").ConcurrentRotatingFileHandler
    options = {"maxBytes": max_bytes, "backupCount": N_BACKUPS, "use_gzip": compression is not None}
    return with_logging(make(str(folder / FILE), "a", **options))


def with_logging(handler: logging.Handler) -> tuple[Log, Close]:
    handler.setFormatter(logging.Formatter("%(asctime)s | %(levelname)-8s | %(name)s | %(message)s"))
    log = logging.getLogger("predictions")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    return lambda **fields: log.info("prediction %s", fields), handler.close


LOGURU = "loguru"
TOOLS: dict[str, Tool] = {
    OURS: sevenfold,
    LOGURU: loguru,
    "loguru, watch=True": partial(loguru, watch=True),
    "RotatingFileHandler": rotating_file_handler,
    "concurrent-log-handler": concurrent_log_handler,
}


def installed() -> Iterator[str]:
    for name, tool in TOOLS.items():
        if tool is concurrent_log_handler and importlib.util.find_spec(tool.__name__) is None:
            print(f"without {name}: it isn't installed (pip install -r requirements-bench.txt)\n")
        else:
            yield name
