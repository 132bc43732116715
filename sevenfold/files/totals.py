"""A bound for the files of several channels together: where they exceed it, the oldest rotated file is deleted first.

Live files can't be deleted, so each is rotated while it is small: all live files together have an eighth of the bound.
Another eighth is kept free for the file that is being compressed, which is there twice for a moment. The rotated files
are measured at each rotation; what may be written until the next one fits into the room that they leave.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sevenfold.files.names import Rotated, rotated_in
from sevenfold.files.policies import Rotation, hint_for, size_of

LEAST_BYTES = 10**6
_PART = 8


@dataclass(slots=True)
class Total:
    """The bound, and how much of it each log file may have.

    Attributes
    ----------
    max_bytes : int
        What all files may have together.
    limits : mapping of Path to int
        The size at which each log file is rotated, in bytes; all lie in one folder.
    """

    max_bytes: int
    limits: Mapping[Path, int]
    # What was measured before, by name: to measure 10,000 files at each rotation would take most of a second.
    _measured: dict[str, tuple[Rotated, int]] = field(default_factory=dict, compare=False, repr=False)

    def rotated(self) -> tuple[int, list[tuple[Rotated, int]]]:
        """Measure the rotated files.

        Returns
        -------
        int
            How many bytes of them are too many; negative if there is room.
        list of (Rotated, int)
            What could be deleted, oldest first, and the size of each in bytes.
        """
        live = sum(max(limit, _size(path)) for path, limit in self.limits.items())
        sizes = self._sizes()
        return live + sum(self.limits.values()) + sum(size for _, size in sizes) - self.max_bytes, sizes

    def _sizes(self) -> list[tuple[Rotated, int]]:
        """Measure the rotated files; the size of a compressed one never changes."""
        (folder,) = {path.parent for path in self.limits}
        before, now = self._measured, {}
        for one in rotated_in(
            folder, {path.name for path in self.limits}, {name: one for name, (one, _) in before.items()}
        ):
            name = one.path.name
            now[name] = before[name] if one.compressed and name in before else (one, _size(one.path))
        self._measured = now  # in one step: a thread and a rotation may measure at once
        return list(now.values())


def parse_total(value: float | str | None) -> int | None:
    """Understand a bound for all files together.

    Parameters
    ----------
    value : int, float, str or None
        Bytes, or a size such as "10 GB"; a megabyte at least.

    Raises
    ------
    ValueError
        If it isn't one.

    Examples
    --------
    >>> parse_total("10 GB")
    10000000000
    """
    size = size_of(value)
    if value is not None and (size is None or size < LEAST_BYTES):
        expected = "a size from '1 MB' on, such as '10 GB', or None"
        raise ValueError(f"max_total must be {expected}; got {value!r}{hint_for(value)}")
    return size


def shared(max_bytes: int, rotations: Mapping[Path, Rotation]) -> Total:
    """Share a bound out to log files, none of which gets more than its own rotation allows.

    Examples
    --------
    >>> total = shared(10**7, {Path("a.log"): Rotation(10**5), Path("b.log"): Rotation()})
    >>> list(total.limits.values())
    [100000, 625000]
    """
    part = max_bytes // (_PART * len(rotations))
    return Total(max_bytes, {path: min(one.max_bytes or part, part) for path, one in rotations.items()})


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
