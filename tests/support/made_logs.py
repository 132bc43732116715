"""Log files made by hand: a line a second, numbered, in live and rotated files."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sevenfold.lines.parsing import Event
from sevenfold.reading.folder import read

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def line(number: int, text: str = "", level: str = "INFO", channel: str = "api", fields: str = "") -> str:
    """Write one line a second."""
    at = (START + timedelta(seconds=number)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f"{at} | {level:8} | {channel} | {text or number} | n={number}{fields}\n"


def write(path: Path, *numbers: int, end: str = "") -> Path:
    data = ("".join(map(line, numbers)) + end).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def rotated(path: Path, minute: int, suffix: str = "") -> Path:
    stamp = f"{START + timedelta(minutes=minute):%Y-%m-%d_%H-%M-%S}_000000"
    return path.with_name(f"{path.stem}.{stamp}{path.suffix}{suffix}")


def numbers(events: Iterator[Event]) -> list[int]:
    return [event.fields["n"] for event in events]


def bad_of(path: Path, **options: Any) -> tuple[list[Event], list[tuple[str, int, str]]]:
    bad: list[tuple[str, int, str]] = []
    events = list(read(path, on_bad=lambda path, number, why: bad.append((path.name, number, why)), **options))
    return events, bad
