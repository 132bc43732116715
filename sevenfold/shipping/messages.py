"""The messages between a shipper and a collector: pieces of files one way, reports of a mirror the other way.

A position is ``after`` and ``offset``: ``after`` is the stamp of the rotated file that was finished last, ``offset`` is
bytes of the file that comes next. No renaming, compression or restart changes it. ``print`` identifies that file: it is
the hash of its first bytes, as far as the offset goes.

A message is a line of JSON followed by the bytes of the piece, with any broker.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias, get_args

from sevenfold.files.names import MOST_BYTES, parse_stamp

Kind: TypeAlias = Literal["data", "end", "gap", "late", "list"]

PRINT_BYTES: Final = 4096
# A NATS server takes 1 MiB in one message by default: room for this and a header of a few kB.
CHUNK_BYTES: Final = 720 << 10
LINE_BYTES: Final = 256 << 10  # of a line that is ended with a piece
_VERSION: Final = 1
_NAME: Final = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")
_ID: Final = re.compile(r"[0-9a-f]{1,64}|")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the history of a log file.

    Attributes
    ----------
    after : str
        The stamp of the rotated file that was finished last; "" before the first.
    offset : int
        Bytes of the file behind it.
    print : str
        `print_of` its first bytes; "" at offset 0.
    """

    after: str = ""
    offset: int = 0
    print: str = ""

    def __post_init__(self) -> None:
        if self.after:
            parse_stamp(self.after)
        _require(type(self.offset) is int and self.offset >= 0, "offset", self.offset)
        _require(type(self.print) is str and _ID.fullmatch(self.print), "print", self.print)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a log file, or an event in its history.

    Attributes
    ----------
    kind : str
        ``data``: bytes at a position. ``end``: the file was rotated and ends at the position. ``gap``: the bytes at the
        position are lost. ``late``: bytes that were written to a rotated file after it had been finished. ``list``: the
        folder's list of channels, whole.
    file : str
        The name of the log file.
    position : Position
        Where the piece begins; with ``late``, the offset in the rotated file.
    data : bytes or memoryview
        The bytes; in a message that was unpacked, a view of it, since a copy costs as much as writing them.
    stamp : str
        When the file was rotated (``end``, ``late``), or the stamp under which its beginning is kept (``gap``).
    head : str
        The head of a sealed file from the moment when the file ended where the piece ends; "" if unknown.
    mode : int or None
        The permissions of the file.
    mtime : float
        When the file was changed last, in seconds since the epoch (``end``).
    why : str
        What is missing (``gap``).
    """

    kind: Kind
    file: str
    position: Position = field(default_factory=Position)
    data: bytes | memoryview = b""
    stamp: str = ""
    head: str = ""
    mode: int | None = None
    mtime: float = 0.0
    why: str = ""

    def __post_init__(self) -> None:
        _require(self.kind in get_args(Kind), "kind", self.kind)
        check_name("file", self.file)
        if self.stamp:
            parse_stamp(self.stamp)


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of pieces: the name of a host, the id of its folder, and the id of the process."""

    host: str
    id: str
    session: str

    def __post_init__(self) -> None:
        check_name("host", self.host)
        _require(_ID.fullmatch(self.id) and self.id, "id", self.id)


@dataclass(frozen=True, slots=True)
class Report:
    """What a mirror has of a host's log file.

    Attributes
    ----------
    file : str
        The name of the log file.
    position : Position
        How far the mirror has it.
    head : str
        `print_of` its head, or of the list of channels; "" without one.
    there : bool
        Whether the mirror has the live file, even if empty.
    gap : bool
        Whether a piece came that begins behind the position: the bytes between were lost on the way.
    idle : bool
        Whether no piece was on its way when the report was written.
    refused : str
        Why the mirror takes no more pieces of this host; "" while it does.
    id : str
        The id of the refused folder.
    late : dict of str to int
        The sizes of the rotated files that got ``late`` pieces, by stamp.
    """

    file: str
    position: Position = field(default_factory=Position)
    head: str = ""
    there: bool = True
    gap: bool = False
    idle: bool = False
    refused: str = ""
    id: str = ""
    late: dict[str, int] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the report as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of(cls, data: bytes) -> Report:
        """Read a report from JSON; raise ValueError if it is none."""
        fields = _fields(data)
        report: Report = _instance(cls, {**fields, "position": _instance(Position, fields.get("position", {}))})
        return report


def pack(sender: Sender, piece: Piece) -> bytes:
    r"""Return a message.

    Examples
    --------
    >>> data = pack(Sender("web-1", "5a4b", "01"), Piece("data", "api.log", data=b"a line\n"))
    >>> bytes(unpack(data)[1].data)
    b'a line\n'
    """
    header = asdict(sender) | asdict(piece)
    del header["data"]
    return json.dumps({"v": _VERSION, **header}, separators=(",", ":")).encode() + b"\n" + piece.data


def unpack(message: bytes) -> tuple[Sender, Piece]:
    """Read a message of `pack`.

    Raises
    ------
    ValueError
        If it is none, or a name in it would lead out of a folder.
    """
    first = message[: message.find(b"\n") + 1]
    header = _fields(first)
    _require(header.pop("v", None) == _VERSION, "version", header)
    sender = _instance(Sender, {name: header.pop(name, "") for name in ("host", "id", "session")})
    position = _instance(Position, header.pop("position", {}))
    return sender, _instance(Piece, {**header, "position": position, "data": memoryview(message)[len(first) :]})


def print_of(begin: bytes) -> str:
    """Return the fingerprint of a file's first bytes; "" for no bytes.

    Examples
    --------
    >>> print_of(b"")
    ''
    """
    return sha256(begin[:PRINT_BYTES]).hexdigest()[:16] if begin else ""


def check_name(what: str, name: Any) -> None:
    """Raise ValueError unless a name may be a visible file in a folder.

    Examples
    --------
    >>> check_name("host", "../web-1")
    Traceback (most recent call last):
    ValueError: expected a host's name without / or a dot in front, got '../web-1'
    """
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or name.startswith(".")
        or len(name.encode()) > MOST_BYTES
    ):
        raise ValueError(f"expected a {what}'s name without / or a dot in front, got {str(name)[:80]!r}")


def _require(holds: object, what: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{what}: got {str(got)[:80]!r}")


def _fields(data: bytes) -> dict[str, Any]:
    fields = json.loads(data)
    _require(isinstance(fields, dict), "an object", fields)
    return dict(fields)


def _instance(kind: Any, fields: dict[str, Any]) -> Any:
    try:
        return kind(**fields)
    except TypeError:  # a field is missing or unknown
        raise ValueError(f"{kind.__name__}: got {str(fields)[:80]!r}") from None
