"""How far a log file has been shipped: up to where the broker has it, up to where the mirror, and how to go back."""

from collections.abc import Iterable

from sevenfold.files.shipped.notes import Progress
from sevenfold.shipping.messages import PRINT_BYTES, Position, Report, print_of


class History:
    """A shipper's state of one log file; touches no files.

    Parameters
    ----------
    progress : Progress
        The state that is saved in the folder; kept up to date.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    @property
    def finished(self) -> list[str]:
        """The stamps of the rotated files that the broker has, in the order in which they were shipped."""
        return self.progress.mirrored + self.progress.sent

    @property
    def position(self) -> Position:
        """The position up to which the file has been shipped."""
        finished = self.progress.sent or self.progress.mirrored
        return Position(finished[-1] if finished else "", self.progress.offset, self.progress.print)

    @property
    def confirmed(self) -> tuple[int, int, tuple[int, ...]]:
        """What the mirror has confirmed, as values that can be compared."""
        progress = self.progress
        return len(progress.sent), progress.mirrored_offset, tuple(progress.late.values())

    @property
    def is_mirrored(self) -> bool:
        """Whether the mirror has confirmed everything that was shipped."""
        return not self.progress.sent and self.progress.mirrored_offset == self.progress.offset

    def add(self, n_bytes: int, begin: bytes) -> None:
        """Note shipped bytes of the current file, whose first bytes are `begin`."""
        if self.progress.offset < PRINT_BYTES:
            self.progress.print = print_of(begin)
        self.progress.offset += n_bytes

    def finish(self, stamp: str, *, is_open: bool) -> None:
        """Note that a file is finished; `is_open` says that a writer may still add to it."""
        progress = self.progress
        if is_open:
            progress.late[stamp] = progress.offset
        progress.sent.append(stamp)
        progress.offset, progress.print = 0, ""
        progress.seen = [one for one in progress.seen if one != stamp]

    def look(self, stamps: Iterable[str]) -> list[str]:
        """Note the rotated files, oldest first; return those that were deleted before they were shipped."""
        progress, listed = self.progress, list(stamps)
        finished, present = {*self.finished}, {*listed}
        last = progress.mirrored[-1:]
        progress.mirrored = [stamp for stamp in progress.mirrored if stamp in present or stamp in last]
        gone = [stamp for stamp in progress.seen if stamp not in present]
        if not gone:
            progress.seen = [stamp for stamp in listed if stamp not in finished]
        return gone

    def confirm(self, report: Report) -> bool:
        """Note what the mirror has; return whether it lacks something that was sent."""
        progress, position = self.progress, report.position
        if position.after in progress.sent:
            n_there = progress.sent.index(position.after) + 1
            progress.mirrored += progress.sent[:n_there]
            del progress.sent[:n_there]
        if position.after == (progress.mirrored[-1] if progress.mirrored else ""):
            progress.mirrored_offset = position.offset
        for stamp, size in report.late.items():
            if stamp in progress.late:
                progress.late[stamp] = max(size, progress.late[stamp])
        behind = position.after != self.position.after or position.offset < self.position.offset
        return behind and position.after in {"", *progress.mirrored}

    def rewind(self, position: Position, stamps: Iterable[str]) -> None:
        """Go back, or forward, to the position of the mirror.

        Parameters
        ----------
        position : Position
            The position of the mirror.
        stamps : iterable of str
            The stamps of the rotated files in the folder.
        """
        progress, done = self.progress, self.finished
        if position.after in done:
            finished = done[: done.index(position.after) + 1]
        else:  # deleted long ago, or the notes about it are lost
            finished = [stamp for stamp in stamps if stamp < position.after]
            finished += [position.after] if position.after else []
        # Files that had been sent and are lost in the mirror are sent again, or reported as a gap.
        progress.seen = [one for one in dict.fromkeys((*done, *progress.seen)) if one not in finished]
        progress.mirrored, progress.sent = finished, []
        progress.offset, progress.print = position.offset, position.print
        progress.mirrored_offset = position.offset
        progress.late = {stamp: size for stamp, size in progress.late.items() if stamp in finished}
