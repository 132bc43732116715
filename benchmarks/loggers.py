"""Seven files through each logger that `benchmarks.speed` compares, all set to the same work.

A tool takes a folder, and returns a function that logs an event (a channel, a message, fields) and one that closes its
files. A tool without rotation says so in its name.
"""

import importlib
import importlib.util
import json
import logging
import logging.handlers
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from loguru import logger

import sinks
from benchmarks.common import OURS

Emit: TypeAlias = Callable[..., object]  # channel, message, **fields
Close: TypeAlias = Callable[[], object]
Tool: TypeAlias = Callable[[Path], tuple[Emit, Close]]

MAX_BYTES = 10_000_000
N_BACKUPS = 500  # more than there can be: what a rival deletes on purpose mustn't count as lost
FILES = {row.name: row.file for row in sinks.CHANNELS}
AUDIT = "audit"
TEXT = ("training", "predictions", "drift", "monitoring", "api")
CHANNELS = (*TEXT, AUDIT)
FEATURES = np.random.default_rng(7).normal(size=(1000, 4)).tolist()
LINE = "{time:YYYY-MM-DD HH:mm:ss.SSSSSS} | {level: <8} | {extra[channel]} | {message} | {extra}"


def event(number: int, channels: Sequence[str] = CHANNELS) -> tuple[str, str, dict[str, Any]]:
    """Make the event of this number: the channels take turns."""
    income, age, debt, tenure = FEATURES[number % len(FEATURES)]
    channel = channels[number % len(channels)]
    if channel == "predictions":
        features = {"income": income, "age": age, "debt": debt, "tenure": tenure}
        decision, confidence = "approve" if income > 0 else "deny", 0.5 + abs(age) / 10
        return channel, "prediction", {"features": features, "decision": decision, "confidence": confidence}
    if channel == "training":
        return channel, "epoch", {"epoch": number, "train_loss": abs(income), "val_accuracy": 0.5 + abs(age) / 10}
    if channel == "drift":
        fields = {"batch_id": "batch-001", "feature": "income", "p_value": abs(debt), "drift_detected": False}
        return channel, "feature", fields
    if channel == "monitoring":
        return channel, "window", {"request_count": number, "error_count": 0, "latency_ms_mean": abs(tenure)}
    if channel == "api":
        fields = {"http_request_method": "POST", "http_route": "/predict", "http_response_status_code": 200}
        return channel, "request", {**fields, "duration_ms": abs(income)}
    fields = {"event": "model_trained", "outcome": "success", "actor": "pipeline", "duration_s": abs(age)}
    return channel, "model_trained", fields


def sevenfold(folder: Path) -> tuple[Emit, Close]:
    handle = sinks.configure(folder, rotation=MAX_BYTES, compression=None, console=None)
    return _bound(), handle.close


def textbook(folder: Path, **options: Any) -> tuple[Emit, Close]:
    logger.remove()
    for channel, file in FILES.items():
        said = {"serialize": True} if channel == AUDIT else {"format": LINE}
        logger.add(folder / file, filter=partial(_is_of, channel), rotation=MAX_BYTES, **said, **options)
    return _bound(), logger.remove


def _is_of(channel: str, record: Any) -> bool:
    return bool(record["extra"].get("channel") == channel)


def core(folder: Path) -> tuple[Emit, Close]:  # noqa: ARG001 - it writes nothing
    """Loguru without any work: seven sinks that do nothing."""
    logger.remove()
    for channel in FILES:
        logger.add(_nothing, format=lambda _: "", filter=partial(_is_of, channel))
    return _bound(), logger.remove


def _nothing(_: Any) -> None:
    pass


def _bound() -> Emit:
    bound = {channel: logger.bind(channel=channel).info for channel in CHANNELS}
    return lambda channel, message, **fields: bound[channel](message, **fields)


def rotating_file_handlers(folder: Path) -> tuple[Emit, Close]:
    return _stdlib(folder, logging.handlers.RotatingFileHandler)


def concurrent_log_handlers(folder: Path) -> tuple[Emit, Close]:
    return _stdlib(folder, importlib.import_module("concurrent_log_handler").ConcurrentRotatingFileHandler)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        shown = {"time": self.formatTime(record), "level": record.levelname, "message": record.msg}
        return json.dumps(shown | record.fields)  # type: ignore[attr-defined]


class LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} | {record.fields}"  # type: ignore[attr-defined]


def _stdlib(folder: Path, handler_class: Any) -> tuple[Emit, Close]:
    loggers, handlers = {}, []
    for channel, file in FILES.items():
        handler = handler_class(str(folder / file), maxBytes=MAX_BYTES, backupCount=N_BACKUPS, encoding="utf-8")
        line = LineFormatter("%(asctime)s | %(levelname)-8s | %(name)s | %(message)s")
        handler.setFormatter(JsonFormatter() if channel == AUDIT else line)
        log = logging.getLogger(channel)
        log.setLevel(logging.INFO)
        log.propagate = False
        log.addHandler(handler)
        loggers[channel] = log.info
        handlers.append(handler)
    return (
        lambda channel, message, **fields: loggers[channel](message, extra={"fields": fields}),
        lambda: [handler.close() for handler in handlers],
    )


def picologging(folder: Path) -> tuple[Emit, Close]:
    module = importlib.import_module("picologging")
    handlers = importlib.import_module("picologging.handlers")
    loggers, opened = {}, []
    for channel, file in FILES.items():
        handler = handlers.RotatingFileHandler(
            str(folder / file), maxBytes=MAX_BYTES, backupCount=N_BACKUPS, encoding="utf-8"
        )
        line = "%(message)s" if channel == AUDIT else "%(asctime)s | %(levelname)-8s | %(name)s | %(message)s"
        handler.setFormatter(module.Formatter(line))
        log = module.getLogger(channel)
        log.setLevel(module.INFO)
        log.addHandler(handler)
        loggers[channel] = log.info
        opened.append(handler)

    def emit(channel: str, message: str, **fields: Any) -> None:
        if channel == AUDIT:
            shown = {"time": datetime.now(UTC).isoformat(), "level": "INFO", "message": message}
            loggers[channel](json.dumps(shown | fields))
        else:
            loggers[channel]("%s | %s", message, fields)

    return emit, lambda: [handler.close() for handler in opened]


def structlog(folder: Path) -> tuple[Emit, Close]:
    module = importlib.import_module("structlog")
    shared = [module.processors.add_log_level, module.processors.TimeStamper(fmt="iso", utc=True)]
    files, loggers = [], {}
    for channel in CHANNELS:
        file = (folder / FILES[channel]).open("a", encoding="utf-8", buffering=1)
        last = module.processors.JSONRenderer() if channel == AUDIT else module.processors.LogfmtRenderer()
        wrapped = module.wrap_logger(
            module.WriteLogger(file),
            processors=[*shared, last],
            wrapper_class=module.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=True,
        )
        loggers[channel] = wrapped.bind(channel=channel).info
        files.append(file)

    def emit(channel: str, message: str, **fields: Any) -> None:
        if channel == AUDIT:
            fields["action"] = fields.pop("event")  # structlog's own name for the message
        loggers[channel](message, **fields)

    return emit, lambda: [file.close() for file in files]


def logust(folder: Path) -> tuple[Emit, Close]:
    log = importlib.import_module("logust").logger
    log.remove()
    for number, channel in enumerate(CHANNELS):
        fields = " ".join(f"{key}={{extra[{key}]}}" for key in event(number)[2])
        said = {"serialize": True} if channel == AUDIT else {"format": f"{{time}} | {{level}} | {{message}} | {fields}"}
        log.add(folder / FILES[channel], filter=partial(_is_of, channel), rotation="10 MB", **said)
    bound = {channel: log.bind(channel=channel) for channel in CHANNELS}

    def emit(channel: str, message: str, **fields: Any) -> None:
        bound[channel].bind(**fields).info(message)  # its calls take no fields

    return emit, log.complete


def raw(folder: Path) -> tuple[Emit, Close]:
    files = {name: (folder / file).open("a", encoding="utf-8", buffering=1) for name, file in FILES.items()}

    def emit(channel: str, message: str, **fields: Any) -> None:
        files[channel].write(f"{datetime.now(UTC).isoformat()} | INFO     | {channel} | {message} | {fields}\n")

    return emit, lambda: [file.close() for file in files.values()]


PICOLOGGING = "picologging"
TEXTBOOK, STDLIB, CLH, CORE = (
    "textbook loguru",
    "RotatingFileHandler",
    "concurrent-log-handler",
    "loguru's core with no-op sinks",
)
TOOLS: dict[str, Tool] = {
    OURS: sevenfold,
    TEXTBOOK: textbook,
    "loguru, enqueue=True": partial(textbook, enqueue=True),
    STDLIB: rotating_file_handlers,
    CLH: concurrent_log_handlers,
    "structlog (no rotation)": structlog,
    "logust": logust,
    PICOLOGGING: picologging,
    "raw line-buffered write (no rotation)": raw,
    CORE: core,
}
PACKAGES = {
    CLH: "concurrent_log_handler",
    PICOLOGGING: "picologging",
    "structlog (no rotation)": "structlog",
    "logust": "logust",
}


def installed() -> list[str]:
    """Name the tools that can be run, and say which can't."""
    found = []
    for name in TOOLS:
        if name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None:
            print(f"without {name}: it isn't installed (pip install -r requirements-bench.txt)", file=sys.stderr)
        else:
            found.append(name)
    return found
