"""What the tests read log files with."""

import json
from pathlib import Path
from typing import Any, NoReturn

from sevenfold.lines import Event, parse


def read_events(path: Path) -> list[Event]:
    """Parse a text file: each line that isn't indented begins an event."""
    blocks: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("    "):
            blocks[-1] += line
        else:
            blocks.append(line)
    return [parse(block) for block in blocks]


def read_json(path: Path) -> list[dict[str, Any]]:
    """Parse a JSON file line by line, refusing what strict JSON doesn't have."""
    return [json.loads(line, parse_constant=_refuse) for line in path.read_text(encoding="utf-8").splitlines()]


def _refuse(token: str) -> NoReturn:
    raise ValueError(f"{token} is no JSON")
