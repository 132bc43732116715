"""Where child processes leave what a test's fixture `channel_log` captures, and where the test finds it."""

import atexit
import base64
import contextlib
import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sevenfold.handlers.workers import CAPTURED_IN

_SETTINGS: Final = "settings"
_unused: list[Path] = []  # of earlier tests: a worker that lives longer than a test goes on with the same one


class Spool:
    """A folder with a file a child process, which the child appends to.

    It is there while a test captures; what a child has to say before or after that is nobody's.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}  # bytes

    def send(self, entry: object) -> None:
        """Append an object that can be pickled, from a child."""
        line = base64.b64encode(pickle.dumps(entry)) + b"\n"
        with contextlib.suppress(OSError), (self._folder / str(os.getpid())).open("ab", buffering=0) as file:
            file.write(line)

    def take(self) -> Iterator[Any]:
        """Yield what children have sent since the last time, of each child in its order."""
        for path in sorted(self._folder.glob("[0-9]*")):
            begin = self._read.get(path, 0)
            with path.open("rb") as file:
                file.seek(begin)
                lines = file.read().rpartition(b"\n")[0].splitlines()
            self._read[path] = begin + sum(len(line) + 1 for line in lines)
            # From our own children, in a folder that is this user's alone.
            yield from (pickle.loads(base64.b64decode(line)) for line in lines)  # noqa: S301

    def keep(self, settings: object) -> None:
        """Leave what children need to know."""
        (self._folder / _SETTINGS).write_bytes(pickle.dumps(settings))

    def settings(self) -> Any:
        """Return what the test has left for its children; None after its end."""
        with contextlib.suppress(OSError):
            return pickle.loads((self._folder / _SETTINGS).read_bytes())  # noqa: S301 - as above
        return None


@contextlib.contextmanager
def spooling(settings: object) -> Iterator[Spool | None]:
    """Have child processes that are started meanwhile find a spool, with what they need to know.

    Yields
    ------
    Spool or None
        None where there is no folder for temporary files.
    """
    try:
        home = _unused.pop() if _unused else _new_home()
        (home / "now").mkdir()
    except OSError:
        yield None
        return
    folder, before = home / "now", os.environ.get(CAPTURED_IN)
    os.environ[CAPTURED_IN] = f"{os.getpid()}:{folder}"
    try:
        spool = Spool(folder)
        spool.keep(settings)
        yield spool
    finally:
        os.environ.pop(CAPTURED_IN)
        if before is not None:
            os.environ[CAPTURED_IN] = before
        shutil.rmtree(folder, ignore_errors=True)
        _unused.append(home)


def _new_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="sevenfold-"))
    atexit.register(_remove, home, os.getpid())
    return home


def _remove(home: Path, owner: int) -> None:
    if os.getpid() == owner:  # not by a child that was forked
        shutil.rmtree(home, ignore_errors=True)
