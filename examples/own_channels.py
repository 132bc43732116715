"""A table of channels of one's own: a file more, a second sealed file, and another name for the errors.

Run it with ``python examples/own_channels.py``; it writes into a folder ``logs``.
"""

from pathlib import Path

from loguru import logger

import sevenfold
import sinks
from sevenfold import Channel

TABLE = (
    Channel("training", "training.log"),
    Channel("features", "features.log", level="DEBUG", console_level="WARNING", rotation="100 MB", retention=5),
    Channel("decisions", "decisions.log", serialize=True, sealed=True, retention=None),
    Channel("failures", "failures.log", collects_errors=True, backtrace=True, diagnose=True),
)


def train(n_rows: int) -> float:
    """Pretend to train; without rows there is no mean loss."""
    logger.bind(channel="features").debug("matrix built", n_rows=n_rows, n_features=40)
    loss = 120.0 / n_rows
    logger.bind(channel="training").info("epoch", epoch=1, train_loss=loss)
    return loss


with sinks.configure("logs", channels=TABLE) as handle:
    train(n_rows=1_000)
    logger.bind(channel="decisions").info("model released", actor="mlops", model_version="2026-11")
    try:
        train(n_rows=0)
    except ZeroDivisionError:
        logger.bind(channel="training").exception("training failed", n_rows=0)
    print(handle.events)

for failure in sevenfold.read("logs", channel="failures"):
    print(failure.channel, failure.message, failure.fields["exception_type"])
print("decisions proved:", sevenfold.verify(Path("logs/decisions.log")).proved)
