"""A mirror, written in place as if by its hosts."""

from pathlib import Path

from loguru import logger

import sinks
from sevenfold.channels import CHANNELS, Channel

OWN = Channel("own", "own.log")


def make_mirror(root: Path) -> Path:
    """Make a mirror of three hosts, whose lines come by turns."""
    for host in ("web-1", "web-2", "db.example.org"):
        table = (*CHANNELS, OWN) if host == "web-2" else CHANNELS
        with sinks.configure(root / host, console=None, channels=table):
            logger.bind(channel="api").info("begins", n=0)
    for n in range(1, 4):
        for host in ("web-2", "web-1"):
            with sinks.configure(root / host, console=None, channels=(*CHANNELS, OWN) if host == "web-2" else CHANNELS):
                logger.bind(channel="api", host=f"client-{n}" if n == 2 else None).info("request", n=n)
                logger.bind(channel="audit").info("event", n=n)
    return root
