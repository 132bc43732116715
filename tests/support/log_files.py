"""Functions with which the tests read logs."""

import json
from pathlib import Path
from typing import Any, NoReturn

from sevenfold.channel_log import ChannelLog
from sevenfold.lines.parsing import Event, parse


def read_events(path: Path) -> list[Event]:
    """Parse a text file: each line that isn't indented begins an event."""
    blocks: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("    "):
            blocks[-1] += line
        elif line != "\n":  # which is what is left of a write that failed
            blocks.append(line)
    return [parse(block) for block in blocks]


def read_json(path: Path) -> list[dict[str, Any]]:
    """Parse a JSON file line by line, refusing what strict JSON doesn't have."""
    return [json.loads(line, parse_constant=_refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def told(log: ChannelLog) -> list[tuple[str, str | None, str, dict[str, Any]]]:
    """List what was captured: level, channel, message, fields."""
    return [(record.level, record.channel, record.message, record.fields) for record in log.records]


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"{token} is no JSON")
