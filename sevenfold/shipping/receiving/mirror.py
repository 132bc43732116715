"""A mirror: a folder for each host, with the host's files, byte for byte.

The names and sizes of the files are the state of a mirror; beside them, as on the host, the lock file of a log names
the rotated file that was finished last. So a collector that was killed at any point learns from the files where it was.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sevenfold.channels import LIST_FILE
from sevenfold.files.channel_list import listed_channels, log_files
from sevenfold.files.locks import is_same_file, lock
from sevenfold.files.opening import (
    make_folder,
    open_beside,
    write_whole,
)
from sevenfold.shipping.messages import Piece, Report, Sender, print_of
from sevenfold.shipping.receiving.copies import Copy, Outcome, Refused, content_of, mode_of

MIRROR_FILE: Final = ".mirror.json"
HOST_FILE: Final = ".host.json"


class Mirror:
    """A mirror, which one process writes.

    Parameters
    ----------
    root : Path
        The mirror's folder, with a folder for each host.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ids: dict[str, str] = {}
        self._copies: dict[tuple[str, str], Copy] = {}

    def apply(self, sender: Sender, piece: Piece) -> Outcome:
        """Apply a piece to the copy of its file.

        Returns
        -------
        Outcome

        Raises
        ------
        Refused
            If the piece comes from another folder than the mirror's copy, or differs from the copy.
        OSError
            If the piece can't be written; applying it again goes on.
        """
        self._require_id(sender, piece.mode)
        if piece.kind == "list":
            return self._put_list(sender.host, piece)
        copy = self._copy(sender.host, piece.file)
        try:
            return copy.apply(piece)
        except BaseException:
            del self._copies[sender.host, piece.file]  # its state is read anew from the file
            raise

    def report(self, host: str, file: str) -> Report:
        """Report the mirror's copy of a log file."""
        copy = self._copy(host, file)
        return Report(file, copy.position, print_of(copy.head()), copy.is_there, late=dict(copy.late))

    def report_all(self, host: str) -> list[Report]:
        """Report all files of a host; none of a host that never sent anything."""
        folder = self.root / host
        if not (folder / HOST_FILE).exists():
            return []
        names = {path.name for path in log_files(folder)} | {channel.file for channel in listed_channels(folder)}
        reports = [self.report(host, name) for name in sorted(names)]
        return [Report(LIST_FILE, head=print_of(content_of(folder / LIST_FILE))), *reports]

    def _copy(self, host: str, file: str) -> Copy:
        if (host, file) not in self._copies:
            self._copies[host, file] = Copy(self.root / host / file)
        return self._copies[host, file]

    def _require_id(self, sender: Sender, mode: int | None) -> None:
        """Refuse a sender unless its folder is the one that used the host's name first."""
        folder = self.root / sender.host
        if sender.host not in self._ids:
            path = folder / HOST_FILE
            if not path.exists():
                make_folder(folder, mode_of(mode))
                write_whole(path, json.dumps({"id": sender.id, "host": sender.host}).encode() + b"\n")
            self._ids[sender.host] = _id_in(path)
        if self._ids[sender.host] != sender.id:
            raise Refused(
                f"{folder} mirrors folder {self._ids[sender.host]}, not {sender.id}: give the host another name with "
                f"--host-name, or, if this one takes its place, move {folder} away and start the collector anew"
            )

    def _put_list(self, host: str, piece: Piece) -> Outcome:
        path = self.root / host / LIST_FILE
        if piece.file != LIST_FILE:
            raise Refused(f"{piece.file!r} is no list of channels")
        if content_of(path) == piece.data:
            return Outcome.OLD
        write_whole(path, bytes(piece.data), mode_of(piece.mode))
        return Outcome.DONE


@contextlib.contextmanager
def mirror_at(root: Path) -> Iterator[tuple[Mirror, str]]:
    """Lock a mirror for writing while the context lasts; yield it and its id.

    Raises
    ------
    BlockingIOError
        If another process writes it.
    OSError
        If it can't be made or written.
    """
    make_folder(root)
    guard = root / ".mirror.lock"
    with contextlib.closing(open_beside(guard)) as fd:
        if not (lock(fd, exclusive=True) and is_same_file(fd, guard)):
            raise BlockingIOError(f"{root}: another process collects into it already")
        path = root / MIRROR_FILE
        if not path.exists():
            write_whole(path, json.dumps({"id": secrets.token_hex(8)}).encode() + b"\n")
        yield Mirror(root), _id_in(path)


def _id_in(path: Path) -> str:
    try:
        return str(json.loads(content_of(path))["id"])
    except (ValueError, TypeError, KeyError):
        raise Refused(f"{path}: can't be understood; put it back from a copy") from None
