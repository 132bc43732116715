"""The ends of audit files: what the last sealed lines say, for a chain that doesn't end as its head says."""

import os
from collections.abc import Iterator
from pathlib import Path

from sevenfold.audit.seals import Head, Seal, mac_of, read_seal
from sevenfold.files.gzipped import DAMAGED
from sevenfold.files.names import Names
from sevenfold.files.opening import LONGEST_LINE, open_log

_MOST_FILES = 16  # rotated ones that are looked through; there may be thousands, and the last lines are in the newest
_TAIL_BYTES = 65_536  # read from the end of a file; more where its last line is longer


def read_tail(path: Path) -> bytes:
    """Return the end of a file, with its last line whole unless that is longer than `LONGEST_LINE`.

    A file that is gone, or a broken archive, gives no bytes.
    """
    try:
        with open_log(path) as file:
            size = file.seek(0, os.SEEK_END)
            length = _TAIL_BYTES
            while True:
                file.seek(max(0, size - length))
                tail: bytes = file.read()
                if length >= min(size, LONGEST_LINE) or b"\n" in tail.rstrip():
                    return tail
                length = min(8 * length, LONGEST_LINE)
    except FileNotFoundError:
        return b""
    except DAMAGED:
        return b""


def last_line(tail: bytes, key: bytes | None) -> Head | None:
    """Find the last line with a genuine seal in the end of a file."""
    right = (seal for line, seal in _sealed(tail) if mac_of(line, key) == seal.mac)
    return next((Head(seal.id, seal.seq, seal.mac) for seal in right), None)


def last_line_of_all(names: Names, key: bytes | None) -> Head | None:
    """Find the last line with a genuine seal in the live file and the newest rotated ones."""
    found = (last_line(read_tail(path), key) for path in _newest_first(names))
    return next(filter(None, found), None)


def last_id(names: Names) -> str | None:
    """Return the chain's id in the last sealed line, genuine or not; None without one."""
    return next((seal.id for path in _newest_first(names) for _, seal in _sealed(read_tail(path))), None)


def _sealed(tail: bytes) -> Iterator[tuple[bytes, Seal]]:
    """Yield the lines that have a seal, the last one first."""
    for line in reversed(tail.split(b"\n")):
        seal = read_seal(line)
        if seal is not None:
            yield line, seal


def _newest_first(names: Names) -> list[Path]:
    return [names.path, *(rotated.path for rotated in names.rotated()[: -_MOST_FILES - 1 : -1])]
