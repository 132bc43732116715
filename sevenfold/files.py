"""The log files: what a handler's lines are appended to."""

from pathlib import Path
from typing import Any

from loguru._file_sink import FileSink
from loguru._handler import Message


class RotatingFile:
    """Append lines to one file, which is rotated, compressed and retained as asked.

    Parameters
    ----------
    path : Path
        The file; its folder is made if need be.
    rotation, retention, compression
        As ``logger.add`` takes them; None switches each off.

    Raises
    ------
    OSError
        If the file can't be opened for appending.
    ValueError
        If an option can't be understood.
    """

    def __init__(self, path: Path, *, rotation: Any, retention: Any, compression: Any) -> None:
        self.path = path
        sink: Any = FileSink  # loguru's own, for now
        self._sink = sink(path, rotation=rotation, retention=retention, compression=compression)

    def append(self, text: str, record: Any) -> None:
        """Write text that ends with a newline; the record's time decides on a rotation by time."""
        message: Any = Message(text)
        message.record = record
        self._sink.write(message)

    def stop(self) -> None:
        """Close the file."""
        self._sink.stop()
