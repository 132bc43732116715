"""Seals: what ties each line of the audit file to the line before it.

A sealed line is loguru's JSON object with one more member, in exactly this form, at its end::

    ... , "chain": {"id": "<id>", "seq": <n>, "prev": "<64 hex digits>", "mac": "<64 hex digits>"}}

``mac`` is the SHA-256 (FIPS 180-4) of all bytes of the line in front of it, ``prev`` and ``seq`` among them; with a key
it is their HMAC-SHA-256 (RFC 2104), which can't be made without the key. ``seq`` counts from 1, ``prev`` is the mac of
the line before, 64 zeros at first.

The head file beside the log holds the last line that was acknowledged, sealed as a line is; without it a cut tail would
verify clean.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hashlib import _Hash

NO_MAC = "0" * 64
_HEAD_FRONT_BYTES = 186
SEAL_BYTES = 216  # at most
HEAD_BYTES = _HEAD_FRONT_BYTES + 65
_BLOCK_BYTES = 64  # of SHA-256
_CLOSING = b'"}}'
_MAC = slice(-len(NO_MAC) - len(_CLOSING), -len(_CLOSING))
_OPENING = b', "chain": {"id": "'
_SEAL = re.compile(
    rb', "chain": \{"id": "([ks][0-9a-f]{16})", "seq": (\d{1,18}), '
    rb'"prev": "([0-9a-f]{64})", "mac": "([0-9a-f]{64})"\}\}'
)
_HEAD = re.compile(rb"([ks][0-9a-f]{16}) (\d{1,19}) ([0-9a-f]{64}) (\d{1,40}) (\d{1,40}) +([0-9a-f]{64})\n")
_CHECKPOINT = re.compile(r"([ks][0-9a-f]{16}):([0-9]{1,18}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Seal:
    """What ties a line to its chain.

    Attributes
    ----------
    id : str
        Of the chain, see `new_id`.
    seq : int
        Number of the line, from 1.
    prev, mac : str
        Hexadecimal, of the line before and of this one.
    """

    id: str
    seq: int
    prev: str
    mac: str


class Head(NamedTuple):  # a frozen dataclass takes three times as long to make, and each event makes one
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
        """Return the checkpoint, to be kept elsewhere."""
        return f"{self.id}:{self.seq}:{self.mac}"

    def to_bytes(self, key: bytes | None) -> bytes:
        """Write the head file, `HEAD_BYTES` long, so that it can be written in place."""
        text = f"{self.id} {self.seq} {self.mac} {self.inode} {self.end} ".encode().ljust(_HEAD_FRONT_BYTES)
        return text + _digest(text, key).encode() + b"\n"


def new_id(key: bytes | None) -> str:
    """Name a chain: ``k`` (sealed with a key) or ``s`` (SHA-256 alone), 8 random digits, and 8 that fit the key."""
    return _id(os.urandom(4).hex(), key)


def fits(id_: str, key: bytes | None) -> bool:
    """Whether a chain of this name was begun with this key."""
    return id_ == _id(id_[1:9], key)


def opening(id_: str, seq: int, prev: str) -> bytes:
    """Return the beginning of a seal, up to the mac, which is known before the line."""
    return f', "chain": {{"id": "{id_}", "seq": {seq}, "prev": "{prev}", "mac": "'.encode()


def seal_line(line: bytes, head: Head, key: bytes | None) -> tuple[bytes, str]:
    """Seal a line that ends with ``}`` and a newline over the last one; return the sealed line and its mac."""
    front = line[:-2] + opening(head.id, head.seq + 1, head.mac)
    mac = _digest(front, key)
    return front + mac.encode() + _CLOSING + b"\n", mac


def read_seal(line: bytes) -> Seal | None:
    """Read the seal at the end of a line that has lost its newline; None if there is none."""
    found = _SEAL.fullmatch(line, max(0, line.rfind(_OPENING)))
    if found is None:
        return None
    id_, seq, prev, mac = found.groups()
    return Seal(id_.decode(), int(seq), prev.decode(), mac.decode())


def mac_of(line: bytes, key: bytes | None) -> str:
    """Compute the mac that a sealed line, without its newline, should have."""
    return _digest(line[: _MAC.start], key)


def mac_if_sealed(line: bytes, opened: bytes, key: bytes | None) -> str | None:
    """Return the mac of a line without its newline, if its seal begins as `opened` and is right; else None.

    It says what `read_seal` and `mac_of` would, in half the time.
    """
    front = line[: _MAC.start]
    if not front.endswith(opened) or not line.endswith(_CLOSING):
        return None
    mac = _digest(front, key)
    return mac if line[_MAC] == mac.encode() else None


def parse_head(text: bytes, key: bytes | None) -> Head | None:
    """Read a head file; None if it is empty or damaged, or was sealed with another key."""
    found = _HEAD.fullmatch(text)
    if found is None or _digest(text[: found.start(6)], key).encode() != found[6]:
        return None
    id_, seq, mac, inode, end, _ = found.groups()
    return Head(id_.decode(), int(seq), mac.decode(), int(inode), int(end))


def id_in_head(text: bytes) -> str | None:
    """Return the chain's id in a head file, whatever the key; "" before the first line, None if damaged."""
    found = _HEAD.fullmatch(text)
    if found is None:
        return None
    return found[1].decode() if int(found[2]) else ""


def parse_checkpoint(text: str) -> Head:
    """Read a checkpoint as `Head` writes it, ``id:seq:mac``.

    Raises
    ------
    ValueError
        If it isn't one.

    Examples
    --------
    >>> parse_checkpoint("s20690b0706d2b917:7:" + 64 * "4").seq
    7
    """
    found = _CHECKPOINT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"a checkpoint must be id:seq:mac as verify printed it, got {text!r}")
    return Head(found[1], int(found[2]), found[3])


def _id(nonce: str, key: bytes | None) -> str:
    return ("s" if key is None else "k") + nonce + _digest(nonce.encode(), key)[:8]


def _digest(data: bytes, key: bytes | None) -> str:
    if key is None:
        return sha256(data).hexdigest()
    # HMAC as RFC 2104 defines it, of hashes that have read the key: hmac.digest takes three times as long.
    begun = _begun_with(key)
    inner, outer = begun[0].copy(), begun[1].copy()
    inner.update(data)
    outer.update(inner.digest())
    return outer.hexdigest()


@lru_cache(maxsize=2)
def _begun_with(key: bytes) -> tuple[_Hash, _Hash]:
    block = (key if len(key) <= _BLOCK_BYTES else sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block))
