"""Log one prediction, and read it back.

Run it with ``python examples/five_lines.py``; it writes into a folder ``logs``.
"""

from loguru import logger

import sevenfold
import sinks

with sinks.configure("logs"):
    log = logger.bind(channel="predictions", model_version="2026-11")
    log.info("prediction", features={"income": 0.12, "age": -1.3}, decision="approve", confidence=0.93)

for event in sevenfold.read("logs/predictions.log"):
    print(event.channel, event.fields["decision"], event.fields["confidence"])
