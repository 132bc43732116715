"""However a trail is changed, and in any order, it is proved only if it is as it was."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevenfold.audit.examine import Trail as Pass
from sevenfold.audit.examine import _is_torn
from sevenfold.audit.findings import TORN
from sevenfold.audit.seals import HEAD_BYTES, Head, parse_head, read_seal
from tests.support.audit_files import KEY, OTHER_KEY, Trail, copy_trail, event, seal_anew
from tests.support.strategies import FEW

Draw = Callable[[int], int]  # a number from 0 up to below
INSERTED = [b"\n", b"text\n", b'{"text": "torn\n', event(3).encode(), b'{"te\n', b"\xff\xfe\n", b"[" * 99_999 + b"\n"]


def attack_lines(trail: Trail, kind: str, below: Draw) -> None:
    path = trail.files[below(len(trail.files))]
    lines = trail.lines(path)
    i, j = (below(len(lines)) if lines else 0 for _ in range(2))
    if kind == "insert":
        lines.insert(i, INSERTED[below(len(INSERTED))])
    elif lines and kind == "edit":
        at = below(len(lines[i]))
        lines[i] = lines[i][:at] + bytes([below(256)]) + lines[i][at + 1 :]
    elif lines and kind == "delete":
        del lines[i : j + 1]
    elif lines and kind == "copy":
        lines.insert(j, lines[i])
    elif lines and kind == "move":
        lines.insert(j, lines.pop(i))
    elif lines and kind == "truncate":
        lines[i:] = [lines[i][: below(len(lines[i]))]]
    elif lines and kind == "seal anew" and all(map(is_sealed, lines[i:])):
        lines[i] = lines[i].replace(b"INFO", b"WARN")
        lines[i:] = seal_anew(lines[i:], OTHER_KEY if trail.key else None)
    trail.put(path, lines)


def is_sealed(line: bytes) -> bool:
    return read_seal(line.rstrip(b"\n")) is not None


def attack_files(trail: Trail, kind: str, below: Draw) -> None:
    path, other = (trail.files[below(len(trail.files))] for _ in range(2))
    lines = trail.lines(path)
    if kind == "delete file":
        path.unlink()
    elif kind == "empty file":
        trail.put(path, [])
    elif kind == "copy file":
        trail.put(other, lines)
    elif kind == "swap files":
        trail.put(path, trail.lines(other))
        trail.put(other, lines)
    elif kind == "new file":
        trail.put(trail.path.with_name(f"app_json.2026-11-23_08-36-12_00000{below(9)}.log"), lines)


def attack_head(trail: Trail, kind: str, below: Draw) -> None:
    head = trail.head_path.read_bytes() if trail.head_path.exists() else b""
    at = below(len(head)) if head else 0
    heads = {"delete head": b"", "older head": older_head(trail), "damage head": head[:at] + b"7" + head[at + 1 :]}
    trail.head_path.write_bytes(heads[kind])


def older_head(trail: Trail) -> bytes:
    """The head as it was at event 7, as far as that is still known."""
    seals = filter(None, (read_seal(line.rstrip(b"\n")) for line in trail.all_lines()))
    seal = next((seal for seal in seals if seal.seq == 7), None)
    return Head(seal.id, 7, seal.mac).to_bytes(trail.key) if seal else b""


LINES = ["insert", "edit", "delete", "copy", "move", "truncate", "seal anew"]
FILES = ["delete file", "empty file", "copy file", "swap files", "new file"]
HEADS = ["delete head", "older head", "damage head"]


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    return copy_trail(tmp_path).all_lines()


@pytest.mark.parametrize("key", [None, KEY], ids=["without a key", "with a key"])
@FEW
@given(st.lists(st.sampled_from(LINES * 2 + FILES + HEADS), min_size=1, max_size=4), st.data())
def test_nothing_is_proved_that_isnt_so(key: bytes | None, kinds: list[str], data: st.DataObject) -> None:
    def below(n: int) -> int:
        return data.draw(st.integers(0, n - 1))

    with TemporaryDirectory() as folder:
        trail = copy_trail(Path(folder), key)
        originals, checkpoint = trail.all_lines(), trail.head()
        for kind in kinds:
            if kind in HEADS:
                attack_head(trail, kind, below)
            elif trail.files:
                (attack_lines if kind in LINES else attack_files)(trail, kind, below)
        verdict = trail.verify()
        files = trail.all_lines()
        lines = [line.rstrip(b"\n") for line in files if line != b"\n"]
        sealed = [line for line in lines if not _is_torn(line)]
        head = parse_head(trail.head_path.read_bytes()[:HEAD_BYTES], key)
        if verdict.proved:
            expected = [line.rstrip(b"\n") for line in originals]
            assert head is not None
            assert head.seq <= len(sealed) <= head.seq + 1
            assert sealed == expected[: len(sealed)]
            assert len(verdict.findings) == len(lines) - len(sealed)
        if trail.verify(checkpoint).proved:
            assert sealed == [line.rstrip(b"\n") for line in originals]
        unchanged = lines == [line.rstrip(b"\n") for line in originals] and head == checkpoint
        if unchanged and all(map(trail.lines, trail.files)):
            assert verdict.findings == ()


def test_a_fragment_is_torn_and_a_whole_object_isnt(lines: list[bytes]) -> None:
    whole = lines[0].rstrip()
    assert not _is_torn(whole)
    assert all(_is_torn(whole[:length]) for length in range(1, len(whole)))
    assert not _is_torn(b"{}")
    assert not _is_torn(b"x" + whole)


def test_a_forged_chain_of_huge_numbers_takes_no_time(lines: list[bytes]) -> None:
    first = lines[0]
    trail = Pass(None)
    forged = seal_anew([first.replace(b'"seq": 1,', b'"seq": 99999999999999999,')], None)
    trail.read(Path("x"), [first, *forged], lambda _: None)
    (found,) = trail.findings(Path("x"), 1, 1)
    assert str(found) == "x:2: missing: events 2 to 99999999999999998"


def test_many_lines_out_of_order_take_no_time(lines: list[bytes]) -> None:
    many = seal_anew([lines[0]] * 20_000, None)
    trail = Pass(None)
    trail.read(Path("x"), many[::-1], lambda _: None)
    found = list(trail.findings(Path("x"), 20_000, 1))
    assert {finding.what for finding in found} == {"out of order"}
    assert len(found) == 19_999


def test_torn_is_what_the_pass_calls_a_fragment(lines: list[bytes]) -> None:
    trail = Pass(None)
    trail.read(Path("x"), [lines[0], lines[1][:30] + b"\n", lines[1], lines[2]], lambda _: None)
    assert [str(finding) for finding in trail.findings(Path("x"), 3, 1)] == [f"x:2: {TORN}"]
