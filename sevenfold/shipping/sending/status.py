"""How far each file of a log folder is behind in shipping, in bytes and seconds."""

import os
import re
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sevenfold.files.channel_list import log_files
from sevenfold.files.gzipped import UNREADABLE
from sevenfold.files.names import Names, Rotated
from sevenfold.files.opening import open_log
from sevenfold.files.shipped.notes import Progress, read_shipping

_TIME: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_LOOK_BYTES: Final = 1 << 12
_SIZE_BYTES: Final = 4  # at the end of a gzipped file (RFC 1952): its size before, modulo 2**32


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a log file is behind.

    Attributes
    ----------
    host : str
        The name under which it is shipped.
    file : str
        The name of the log file.
    n_bytes : int
        Bytes that the broker hasn't taken yet.
    seconds : float
        Seconds since the first of them was written; 0 if there are none.
    n_unmirrored_bytes : int
        Bytes, rotated and live, that the mirror hasn't confirmed.
    """

    host: str
    file: str
    n_bytes: int
    seconds: float
    n_unmirrored_bytes: int


def behind(folder: Path) -> list[Behind]:
    """Return how far each log file of a folder is behind.

    Parameters
    ----------
    folder : Path
        A log folder that was shipped at least once.

    Raises
    ------
    FileNotFoundError
        If it was never shipped.
    ValueError, OSError
        As `sevenfold.files.shipped.notes.read_shipping`.
    """
    shipping = read_shipping(folder)
    if shipping is None:
        raise FileNotFoundError(f"{folder}: isn't shipped: nobody has run sevenfold ship on it")
    names = {path.name for path in log_files(folder)} | {name for name in shipping.files if (folder / name).exists()}
    return [_of(folder / name, shipping.files.get(name, Progress()), shipping.host) for name in sorted(names)]


def as_metrics(files: Iterable[Behind]) -> str:
    """Return the same in Prometheus' text format 0.0.4.

    Examples
    --------
    >>> print(as_metrics([Behind("web-1", "api.log", 512, 1.5, 600)]).splitlines()[2])
    sevenfold_ship_behind_bytes{host="web-1",file="api.log"} 512
    """
    kinds: dict[str, tuple[str, Callable[[Behind], float]]] = {
        "behind_bytes": ("Bytes that the broker hasn't taken yet.", lambda one: one.n_bytes),
        "behind_seconds": ("Seconds since the first of them was written.", lambda one: round(one.seconds, 3)),
        "unmirrored_bytes": ("Bytes that the mirror hasn't confirmed.", lambda one: one.n_unmirrored_bytes),
    }
    files, lines = list(files), list[str]()
    for name, (help_text, value_of) in kinds.items():
        full = f"sevenfold_ship_{name}"
        lines += [f"# HELP {full} {help_text}", f"# TYPE {full} gauge"]
        lines += [f'{full}{{host="{_label(one.host)}",file="{_label(one.file)}"}} {value_of(one)}' for one in files]
    return "\n".join([*lines, ""])


def _of(path: Path, progress: Progress, host: str) -> Behind:
    rotated = Names(path).snapshot()
    sizes = {one.stamp: _size(one) for one in rotated}
    mirrored, done = set(progress.mirrored), {*progress.mirrored, *progress.sent}
    ahead = [one for one in rotated if one.stamp not in done]
    with suppress(FileNotFoundError):
        sizes[""] = path.stat().st_size
    n_bytes = sizes.get("", 0) + sum(sizes[one.stamp] for one in ahead) - progress.offset
    unmirrored = sizes.get("", 0) + sum(size for stamp, size in sizes.items() if stamp and stamp not in mirrored)
    seconds = _age(ahead[0].path if ahead else path, progress.offset) if n_bytes > 0 else 0.0
    return Behind(host, path.name, max(0, n_bytes), seconds, max(0, unmirrored - progress.mirrored_offset))


def _size(rotated: Rotated) -> int:
    try:
        with rotated.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not rotated.compressed:
                return size
            file.seek(-_SIZE_BYTES, os.SEEK_END)
            return int(struct.unpack("<I", file.read(_SIZE_BYTES))[0])
    except (OSError, struct.error):  # deleted or compressed just now
        return 0


def _age(path: Path, offset: int) -> float:
    """Return how many seconds ago the bytes at an offset were written."""
    with suppress(*UNREADABLE, ValueError), open_log(path) as file:
        file.seek(offset)
        match = _TIME.search(file.read(_LOOK_BYTES))
        if match is not None:
            return max(0.0, time.time() - datetime.fromisoformat(match[0].decode()).timestamp())
        return max(0.0, time.time() - os.fstat(file.fileno()).st_mtime)
    return 0.0


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
