"""What the benchmarks have in common: turns, tables, verdicts, and the conditions of a run."""

import argparse
import contextlib
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

OURS = "Sevenfold"


def in_turn(names: Sequence[str], n_rounds: int) -> Iterator[str]:
    for number in range(n_rounds):
        shift = number % len(names)
        yield from (*names[shift:], *names[:shift])


def table(rows: Iterable[dict[str, str]]) -> None:
    listed = list(rows)
    print("|" + "|".join(f" {title} " for title in listed[0]) + "|")
    print("|---|" + "--:|" * (len(listed[0]) - 1))
    for row in listed:
        print("|" + "|".join(f" {cell} " for cell in row.values()) + "|")
    print()


def conditions(module: str, arguments: Sequence[str], packages: Iterable[str]) -> str:
    versions = []
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions.append(f"{name} {importlib.metadata.version(name)}")
    command = shlex.join(["python", "-m", module, *arguments])
    machine = f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores"
    return f"`{command}`: Python {platform.python_version()}, {machine}, {', '.join(versions)}"


def verdict(value: float, bar: float, *, least: bool = False) -> str:
    held = value >= bar if least else value <= bar
    return f"the bar of {bar:g} is {'held' if held else 'missed'}"


def parse_scale(
    parser: argparse.ArgumentParser, arguments: Sequence[str], full: dict[str, Any], quick: dict[str, Any]
) -> argparse.Namespace:
    """Parse with the defaults of a full run, or with those of a quick one where that is asked for."""
    parser.add_argument("--quick", action="store_true", help="little of everything, for a look: no bar holds")
    parser.set_defaults(**full)
    if parser.parse_args(arguments).quick:
        parser.set_defaults(**quick)
    return parser.parse_args(arguments)
