import hashlib
import hmac
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.audit.seals import (
    HEAD_BYTES,
    NO_MAC,
    SEAL_BYTES,
    Head,
    Seal,
    fits,
    id_in_head,
    mac_if_sealed,
    mac_of,
    new_id,
    opening,
    parse_checkpoint,
    parse_head,
    read_seal,
    seal_line,
)
from tests.support.audit_files import KEY, OTHER_KEY, event

ID = "s0123456789abcdef"
HEAD = Head(ID, 41, "a" * 64, 123, 456)
KEYS = [None, KEY]


@pytest.mark.parametrize("key", KEYS)
def test_a_sealed_line_is_the_object_with_one_more_member(key: bytes | None) -> None:
    line, mac = seal_line(event(1).encode(), HEAD, key)
    found = json.loads(line)
    assert found.pop("chain") == {"id": ID, "seq": 42, "prev": "a" * 64, "mac": mac}
    assert found == json.loads(event(1))
    assert line.endswith(b'"}}\n')
    assert line.count(b"\n") == 1
    longest, _ = seal_line(event(1).encode(), Head(ID, 10**18 - 2, NO_MAC), key)
    assert len(longest) == len(event(1)) + SEAL_BYTES


@pytest.mark.parametrize("key", [None, b"", b"short", KEY, bytes(64), bytes(65), bytes(range(200))])
def test_the_mac_is_what_hashlib_and_hmac_say_of_all_that_stands_in_front_of_it(key: bytes | None) -> None:
    for number in range(3):
        line, mac = seal_line(event(number, "x" * 999).encode(), HEAD, key)
        front = line[: line.rindex(mac.encode())]
        expected = hashlib.sha256(front).hexdigest() if key is None else hmac.new(key, front, "sha256").hexdigest()
        assert mac == expected == mac_of(line[:-1], key)


@pytest.mark.parametrize("key", KEYS)
def test_the_seal_is_read_back(key: bytes | None) -> None:
    line, mac = seal_line(event(1).encode(), HEAD, key)
    assert read_seal(line[:-1]) == Seal(ID, 42, "a" * 64, mac)
    for other in (line, line[:-2], line[:-1] + b" ", line[1:-3], b"", b"{}", b'"}}'):
        assert read_seal(other) is None
    field = event(1, '", "chain": {"id": "').encode()
    assert read_seal(seal_line(field, HEAD, key)[0][:-1]) is not None


@pytest.mark.parametrize("key", KEYS)
def test_the_quick_look_says_what_the_close_one_does(key: bytes | None) -> None:
    line, mac = seal_line(event(1).encode(), HEAD, key)
    line = line[:-1]
    opened = opening(ID, 42, "a" * 64)
    assert mac_if_sealed(line, opened, key) == mac
    assert mac_if_sealed(line, opening(ID, 43, "a" * 64), key) is None
    for i in range(len(line)):
        assert mac_if_sealed(line[:i] + bytes([line[i] ^ 1]) + line[i + 1 :], opened, key) is None
        assert mac_if_sealed(line[:i], opened, key) is None
    assert mac_if_sealed(line + b" ", opened, key) is None


def test_the_name_of_a_chain_fits_its_key_alone() -> None:
    for key in (None, KEY, OTHER_KEY):
        id_ = new_id(key)
        assert re.fullmatch("s[0-9a-f]{16}" if key is None else "k[0-9a-f]{16}", id_)
        assert [fits(id_, one) for one in (None, KEY, OTHER_KEY)] == [key == one for one in (None, KEY, OTHER_KEY)]
        assert id_ != new_id(key)


numbers = st.integers(0, 10**18 - 1)


@given(numbers, st.binary(min_size=32, max_size=32), st.integers(0, 2**128 - 1), numbers, st.sampled_from(KEYS))
def test_a_head_is_read_back_and_has_one_length(seq: int, mac: bytes, inode: int, end: int, key: bytes | None) -> None:
    head = Head(new_id(key), seq, mac.hex(), inode, end)
    text = head.to_bytes(key)
    assert len(text) == HEAD_BYTES
    assert parse_head(text, key) == head
    assert id_in_head(text) == (head.id if seq else "")
    assert parse_checkpoint(f" {head}\n") == Head(head.id, seq, mac.hex())


@pytest.mark.parametrize("key", KEYS)
def test_a_head_that_anything_was_done_to_is_none(key: bytes | None) -> None:
    text = HEAD.to_bytes(key)
    for i in range(len(text)):
        assert parse_head(text[:i] + bytes([text[i] ^ 1]) + text[i + 1 :], key) is None
        assert parse_head(text[:i], key) is None
    assert parse_head(text + b"\n", key) is None
    assert parse_head(text, OTHER_KEY) is None
    assert id_in_head(b"") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        f"{ID}:5",
        f"{ID}:x:{NO_MAC}",
        f"{ID}:5:{NO_MAC}0",
        f"x{ID}:5:{NO_MAC}",
        f"{ID}:-5:{NO_MAC}",
        f"{ID}:٣:{NO_MAC}",
    ],
)
def test_what_is_no_checkpoint_is_an_error(text: str) -> None:
    message = re.escape(f"a checkpoint must be id:seq:mac as verify printed it, got {text!r}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_checkpoint(text)
