"""Which files of a log folder a mirror has: a shipper notes it there, so that nothing is deleted that is only here.

``.shipping.json`` is an object: ``id`` and ``host`` name the shipper of the folder, ``files`` says how far it has got
with each log file. For a file, ``mirrored`` lists the stamps of the rotated files that the mirror has on its disk, and
``mirrored_offset`` how much of the next; ``sent`` those that the broker has taken since, ``offset`` and ``print`` the
place in the next one; ``late`` the finished ones that a writer still has open, and ``seen`` those that are to come.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from sevenfold.files.opening import open_log, write_whole

STATE_FILE: Final = ".shipping.json"
_MODE: Final = 0o644


@dataclass(slots=True)
class Progress:
    """How far a log file has been shipped."""

    mirrored: list[str] = field(default_factory=list)
    mirrored_offset: int = 0
    sent: list[str] = field(default_factory=list)
    offset: int = 0
    print: str = ""
    late: dict[str, int] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Shipping:
    """The shipper of a folder, and how far it has got."""

    id: str
    host: str
    files: dict[str, Progress] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Note it in the folder, readable by all writers, since the shipper may be another user."""
        write_whole(folder / STATE_FILE, json.dumps(asdict(self), indent=1).encode() + b"\n", _MODE)


def read_shipping(folder: Path) -> Shipping | None:
    """Return the shipper's note in a folder; None if it isn't shipped.

    Raises
    ------
    ValueError
        If the note can't be understood.
    OSError
        If it can't be read.
    """
    path = folder / STATE_FILE
    try:
        with open_log(path) as file:
            state: Any = json.loads(file.read())
        files = {name: Progress(**one) for name, one in state["files"].items()}
        return Shipping(state["id"], state["host"], files)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError(
            f"{path}: can't be understood; put it back from a copy, or delete it to have the folder shipped anew"
        ) from None
