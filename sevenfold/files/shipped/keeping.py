"""The files that retention keeps in a shipped folder, since no mirror has them yet."""

from collections.abc import Iterable
from pathlib import Path

from sevenfold.files.names import Rotated, log_of
from sevenfold.files.shipped.notes import Progress, read_shipping


def only_here(paths: Iterable[Path], rotated: Iterable[Rotated]) -> set[Rotated]:
    """Return the rotated files that no mirror has; none if their folders aren't shipped.

    Parameters
    ----------
    paths : iterable of Path
        The log files that they belong to.
    rotated : iterable of Rotated
        The files.

    Raises
    ------
    ValueError, OSError
        As `read_shipping`.
    """
    mirrored: dict[tuple[Path, str | None], set[str]] = {}
    for folder, names in _by_folder(paths).items():
        shipping = read_shipping(folder)
        if shipping is not None:
            for name in names:
                progress = shipping.files.get(name, Progress())
                mirrored[folder, name] = set(progress.mirrored).difference(progress.late)
    homes = ((one, (one.path.parent, log_of(one.path.name))) for one in rotated)
    return {one for one, home in homes if home in mirrored and one.stamp not in mirrored[home]}


def _by_folder(paths: Iterable[Path]) -> dict[Path, list[str]]:
    found: dict[Path, list[str]] = {}
    for path in paths:
        found.setdefault(path.parent, []).append(path.name)
    return found
