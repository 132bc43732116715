"""Seals: what ties each line of the audit file to the line before it.

A sealed line is loguru's JSON object with one more member, in exactly this form, at its end::

    ... , "chain": {"id": "<id>", "seq": <n>, "prev": "<64 hex digits>", "mac": "<64 hex digits>"}}

``mac`` is the SHA-256 (FIPS 180-4) of all bytes of the line in front of it, ``prev`` and ``seq`` among them; with a key
it is their HMAC-SHA-256 (RFC 2104), which nobody makes without the key. ``seq`` counts from 1, ``prev`` is the mac of
the line before, 64 zeros at first.

The head file beside the log holds the last line that was acknowledged; without it a cut tail would verify clean.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

NO_MAC = "0" * 64
_OPENING = b', "chain": {"id": "'
_CLOSING = b'"}}'
_SEAL = re.compile(
    rb', "chain": \{"id": "([ks][0-9a-f]{16})", "seq": (\d{1,18}), '
    rb'"prev": "([0-9a-f]{64})", "mac": "([0-9a-f]{64})"\}\}'
)
_HEAD = re.compile(rb"([ks][0-9a-f]{16}) (\d{20}) ([0-9a-f]{64}) (\d{20}) (\d{20})\n")


@dataclass(frozen=True, slots=True)
class Seal:
    """What ties a line to its chain.

    Attributes
    ----------
    id : str
        Of the chain: 16 random hexadecimal digits behind ``k`` (sealed with a key) or ``s`` (SHA-256 alone).
    seq : int
        Number of the line, from 1.
    prev, mac : str
        Hexadecimal, of the line before and of this one.
    """

    id: str
    seq: int
    prev: str
    mac: str

    @property
    def keyed(self) -> bool:
        """Whether the chain is sealed with a key."""
        return self.id.startswith("k")


@dataclass(frozen=True, slots=True)
class Head:
    """The last line that was acknowledged, and where the log file ended then.

    Attributes
    ----------
    id, seq, mac
        As in the line's `Seal`; ``seq`` is 0 before the first.
    inode, end : int
        The file that holds the line, and its size in bytes with the line.
    """

    id: str
    seq: int
    mac: str
    inode: int = 0
    end: int = 0

    def __str__(self) -> str:
        """Give the checkpoint, to be kept elsewhere."""
        return f"{self.id}:{self.seq}:{self.mac}"

    def to_bytes(self) -> bytes:
        """Write the head file; its length never changes, so that it can be written in place."""
        return f"{self.id} {self.seq:020} {self.mac} {self.inode:020} {self.end:020}\n".encode()


def seal_line(line: bytes, head: Head, key: bytes | None) -> tuple[bytes, Seal]:
    """Seal a line that ends with ``}`` and a newline over the last one."""
    seq = head.seq + 1
    front = (
        line.rstrip()[:-1] + f', "chain": {{"id": "{head.id}", "seq": {seq}, "prev": "{head.mac}", "mac": "'.encode()
    )
    mac = _digest(front, key)
    return front + mac.encode() + _CLOSING + b"\n", Seal(head.id, seq, head.mac, mac)


def read_seal(line: bytes) -> Seal | None:
    """Read the seal at the end of a line; None if there is none."""
    found = _SEAL.fullmatch(line, max(0, line.rfind(_OPENING)))
    if found is None:
        return None
    id_, seq, prev, mac = found.groups()
    return Seal(id_.decode(), int(seq), prev.decode(), mac.decode())


def mac_of(line: bytes, key: bytes | None) -> str:
    """Compute the mac that a sealed line, without its line's end, should have."""
    return _digest(line[: -len(NO_MAC) - len(_CLOSING)], key)


def parse_head(text: bytes) -> Head | None:
    """Read a head file; None if it is empty or damaged."""
    found = _HEAD.fullmatch(text)
    if found is None:
        return None
    id_, seq, mac, inode, end = found.groups()
    return Head(id_.decode(), int(seq), mac.decode(), int(inode), int(end))


def _digest(data: bytes, key: bytes | None) -> str:
    return hashlib.sha256(data).hexdigest() if key is None else hmac.digest(key, data, "sha256").hex()
