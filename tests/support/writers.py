"""Functions for spawned processes, apart from the tests, whose import loads pytest and hypothesis."""

from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
from loguru import logger

import sinks


def log_requests(folder: str, writer: int, n_requests: int, goes_on: Event) -> None:
    """Log numbered requests, each tenth of them an error, in files of 8 kB; wait in the middle."""
    with sinks.configure(folder, console=None, rotation="8 kB", retention=None):
        for n in range(n_requests):
            if n == n_requests // 2:
                assert goes_on.wait(60)
            logger.bind(channel="api", worker=writer).log("ERROR" if n % 10 == 0 else "INFO", "request", n=n)


def log_batches(folder: str, writer: int, n_batches: int, n_rows: int, rotation: int) -> None:
    """Log batches whose rows say who wrote them and which they are."""
    with sinks.configure(folder, console=None, rotation=rotation):
        for number in range(n_batches):
            ids = [f"{writer}-{number}-{i}" for i in range(n_rows)]
            x = np.arange(n_rows) / 7
            logger.bind(channel="predictions").info("prediction", batch={"id": ids, "features": {"x": x}})


def log_twenty_events(log: Any) -> None:
    """Log audit events with a logger that is an argument."""
    for _ in range(20):
        log.bind(channel="audit").info("in a spawned process")
