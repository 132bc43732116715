"""Four processes write the same folder, and rotate its files; no line is lost.

Run it with ``python examples/pool.py``; it writes into a folder ``logs``.
"""

import multiprocessing
from functools import partial

from loguru import logger

import sevenfold
import sinks

N_BATCHES, N_ROWS = 20, 250


def score(batch_number: int) -> int:
    """Log a line for each row of a batch, from whichever process this is."""
    log = logger.bind(channel="predictions", batch_number=batch_number)
    for row in range(N_ROWS):
        log.info("prediction", row=row, decision="approve" if row % 3 else "deny")
    return N_ROWS


if __name__ == "__main__":
    # Each process configures its own handlers, into the same folder.
    configure = partial(sinks.configure, "logs", rotation="100 kB", console=None)
    with multiprocessing.get_context("spawn").Pool(4, initializer=configure) as pool:
        n_scored = sum(pool.map(score, range(N_BATCHES)))
    n_logged = sum(1 for _ in sevenfold.read("logs/predictions.log"))
    print(f"{n_scored:,} rows scored, {n_logged:,} lines logged")
