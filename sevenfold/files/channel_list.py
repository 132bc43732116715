"""The list of a log folder's channels: ``channels.json`` says which channel each file has, and its properties.

`sevenfold.read`, ``sevenfold logs`` and ``sevenfold verify`` read it later, without a table. It is a JSON list with an
object for each file that any table ever had there.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sevenfold.channels import CHANNELS, LIST_FILE, Channel
from sevenfold.files.locks import lock
from sevenfold.files.names import Names, log_of
from sevenfold.files.opening import open_beside, open_log, permit, write_whole
from sevenfold.notices import describe, notice

_LOCK_TRIES = 100
_PAUSE_S = 0.01


def list_channels(folder: Path, channels: tuple[Channel, ...], mode: int | None = None) -> None:
    """Add channels to the list of a folder, in place of those that have the same files there.

    A list that can't be read or written is reported on stderr and left as it is: logging goes on without it.

    Parameters
    ----------
    folder : Path
        The log folder.
    channels : tuple of Channel
        The channels that are written there from now on.
    mode : int, optional
        The permissions of the list; by default a new one is for its owner alone.
    """
    path = folder / LIST_FILE
    try:
        if _merged(_read(path), channels) is None:
            permit(path, mode)
            return
        with _one_at_a_time(Names(path, mode)):
            merged = _merged(_read(path), channels)
            if merged is not None:
                text = "[\n" + ",\n".join(map(json.dumps, merged)) + "\n]\n"
                write_whole(path, text.encode(), mode)
    except (OSError, ValueError) as error:
        notice(f"{path}: left as it is: {describe(error)}")


def listed_channels(folder: Path) -> tuple[Channel, ...]:
    """Return the channels in the list of a log folder; those of `CHANNELS` if it has none.

    Of a channel only the name, the file, and whether it is serialized, sealed or collects errors are known. A list that
    can't be read is reported on stderr.

    Parameters
    ----------
    folder : Path
        The log folder.

    Returns
    -------
    tuple of Channel
    """
    path = folder / LIST_FILE
    try:
        return tuple(map(_channel, _read(path))) or CHANNELS
    except (OSError, ValueError) as error:
        notice(f"{path}: passed over: {describe(error)}")
        return CHANNELS


def log_files(folder: Path) -> list[Path]:
    """List the log files of a folder, also those of which only rotated ones are left."""
    found = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            log = log_of(entry.name) if entry.is_file(follow_symlinks=False) else None
            name = entry.name if log is None else log
            if name.endswith(".log"):
                found.add(folder / name)
    return sorted(found)


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the items of a list; none where there is no list."""
    try:
        with open_log(path) as file:
            items = json.loads(file.read())
    except FileNotFoundError:
        return []
    if not isinstance(items, list):
        raise ValueError("expected a list of channels")  # noqa: TRY004 - a file's content has no type
    for item in items:
        _channel(item)
    return items


def _channel(item: Any) -> Channel:
    try:
        name, file = item["name"], item["file"]
        serialized, sealed, collects_errors = item["serialized"], item["sealed"], item["collects_errors"]
    except (KeyError, TypeError):
        raise ValueError(f"expected a channel's name, file and what it is, got {str(item)[:80]}") from None
    return Channel(name, file, serialize=serialized, sealed=sealed, collects_errors=collects_errors)


def _item(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "file": channel.file,
        "serialized": channel.serialize,
        "sealed": channel.sealed,
        "collects_errors": channel.collects_errors,
    }


def _merged(items: list[dict[str, Any]], channels: tuple[Channel, ...]) -> list[dict[str, Any]] | None:
    """Return the items with those of the channels; None if these are there already."""
    before = {item["file"].casefold(): item for item in items}
    after = before | {channel.file.casefold(): _item(channel) for channel in channels}
    return None if after == before else list(after.values())


@contextlib.contextmanager
def _one_at_a_time(names: Names) -> Iterator[None]:
    """Keep other processes from adding at the same time, unless one of them takes more than a second over it."""
    fd = open_beside(names.lock, names.mode)
    try:
        for _ in range(_LOCK_TRIES):
            if lock(fd, exclusive=True):
                break
            time.sleep(_PAUSE_S)
        yield
    finally:
        fd.close()
